import { scoresOf } from "./plan";
import type { Preview } from "./preview";
import { at, i32, type Topology, u8 } from "./topology";
import { ACTIVE, KEPT, type Network, ON, type Pruning, type Scores } from "./wire";

/** The voice in which a part is drawn. */
export const INK = 0;
export const GOES = 1;
export const PRUNED = 2;
export const DEAD = 3;

/** What the painter needs to know of every part. */
export interface Scene {
  readonly net: Network;
  readonly topology: Topology;
  readonly edgeVoice: Uint8Array;
  readonly nodeVoice: Uint8Array;
  /** 0 to 1: how strongly an edge is inked. */
  readonly strength: Float32Array;
  /** 0 to 1: the score of an edge as a share of the highest. */
  readonly share: Float32Array;
  readonly kept: Uint8Array;
  /** Edge numbers, strongest first. */
  readonly order: Uint32Array;
  readonly selectedEdges: ReadonlySet<number>;
  readonly selectedNodes: ReadonlySet<number>;
}

/** Numbers sorted by score, highest first; those that are not numbers come last. */
export function strongestFirst(scores: Float32Array, count: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  const value = (i: number): number => (Number.isFinite(scores[i]) ? at(scores, i) : -Infinity);
  return order.sort((a, b) => value(b) - value(a) || a - b);
}

/** Scores as shares of the highest one. */
export function shares(scores: Float32Array, count: number): Float32Array {
  let most = 0;
  for (const score of scores) if (Number.isFinite(score) && score > most) most = score;
  if (most === 0) return new Float32Array(count).fill(0.3);
  return Float32Array.from({ length: count }, (_, e) => Math.max(0, Math.min(1, at(scores, e) / most)) || 0);
}

/** Opacity by share: weak edges stay visible, the strongest are solid. */
export const strengths = (share: Float32Array): Float32Array => share.map((s) => Math.min(1, Math.tanh(3 * s) + 0.14));

function edgeVoice(now: number, then: number): number {
  if (now & ACTIVE && !(then & ACTIVE)) return GOES;
  if (then & ACTIVE) return INK;
  return then & ON ? DEAD : PRUNED;
}

function nodeVoice(now: number, then: number, anyOn: boolean): number {
  if (now && !then) return GOES;
  if (then) return INK;
  return anyOn ? DEAD : PRUNED;
}

/** Decide the voice of every part, from how it stands and what the threshold would do to it. */
export function voices(
  t: Topology,
  pruning: Pruning,
  preview: Preview | null,
): { edges: Uint8Array; nodes: Uint8Array } {
  const then = preview?.edges ?? pruning.edges;
  const thenNodes = preview?.nodes ?? pruning.nodes;
  const edges = new Uint8Array(t.edges);
  const anyOn = new Uint8Array(t.nodes);
  for (let e = 0; e < t.edges; e++) {
    const bits = u8(then, e);
    edges[e] = edgeVoice(u8(pruning.edges, e), bits);
    if (!(bits & ON)) continue;
    anyOn[i32(t.from, e)] = 1;
    anyOn[i32(t.to, e)] = 1;
  }
  const nodes = Uint8Array.from({ length: t.nodes }, (_, n) =>
    nodeVoice(at(pruning.nodes, n), at(thenNodes, n), at(anyOn, n) === 1),
  );
  return { edges, nodes };
}

/** The scores of the current criterion, over edges. */
export function edgeScores(scores: Scores, pruning: Pruning, topology: Topology): Float32Array {
  return scoresOf({ topology, scores, criterion: pruning.criterion, structure: pruning.structure }, "edge");
}

/** 1 for each edge that is kept by hand. */
export const keptOf = (pruning: Pruning): Uint8Array => pruning.edges.map((bits) => (bits & KEPT ? 1 : 0));
