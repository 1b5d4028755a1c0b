import { reach } from "./reach";
import { at, edgeNumber, edgesInto, edgesOutOf, f32, nodeNumber, type Topology, u8 } from "./topology";
import { ACTIVE, BY_HAND, KEPT, ON, type Op, type Pruning, type Scores, type Structure } from "./wire";

/** What a threshold acts on. */
export interface Rule {
  readonly topology: Topology;
  readonly scores: Scores;
  readonly criterion: string;
  readonly structure: Structure;
  /** 1 for each edge, or node, that no threshold takes, being among the strongest of its layer. */
  readonly held?: Uint8Array;
}

/** One threshold for all layers, or one for each. */
export type Cut = number | readonly number[];

/** Numbers of the parts of a layer, from the first to one past the last. */
export interface Layer {
  readonly layer: number;
  readonly from: number;
  readonly to: number;
}

/** Scores of the current criterion over edges or nodes; empty when there are none. */
export function scoresOf(rule: Rule, over: "edge" | "node"): Float32Array {
  const arrays = rule.scores[over];
  return arrays[Math.max(0, rule.scores.criteria.indexOf(rule.criterion))] ?? new Float32Array(0);
}

/** The layers that a rule looks at: of edges, of hidden nodes, or that of the inputs. */
export function layersOf({ topology: t, structure }: Pick<Rule, "topology" | "structure">): Layer[] {
  const starts = structure === "edge" ? t.edgeStart : t.nodeStart;
  const layers = structure === "input" ? 1 : t.widths.length - 1;
  const found = Array.from({ length: layers }, (_, layer) => ({ layer, from: at(starts, layer), to: at(starts, layer + 1) }));
  return structure === "node" ? found.slice(1) : found;
}

/** The scores that a rule looks at. */
export const ruledBy = (rule: Rule): Float32Array => scoresOf(rule, rule.structure === "edge" ? "edge" : "node");

/** Make the rule that is in force. */
export function createRule(topology: Topology, scores: Scores, criterion: string, structure: Structure, floor: number): Rule {
  const rule = { topology, scores, criterion, structure };
  if (floor === 0) return rule;
  const values = ruledBy(rule);
  const held = new Uint8Array(values.length);
  for (const { from, to } of layersOf(rule)) {
    const order = Array.from({ length: to - from }, (_, i) => from + i).sort((a, b) => at(values, a) - at(values, b));
    order.slice(-floor).forEach((i) => (held[i] = 1));
  }
  return { ...rule, held };
}

const ruleOf = (t: Topology, scores: Scores, { criterion, structure, floor }: Pruning): Rule =>
  createRule(t, scores, criterion, structure, floor);

/** The cut with another threshold for one layer, or for all of them. */
export const cutAt = ({ thresholds, threshold }: Pruning, t: Topology, to: number, layer?: number): Cut =>
  layer === undefined ? to : t.widths.slice(1).map((_, l) => (l === layer ? to : thresholds?.[l] ?? threshold));

/** The cut that is in force. */
export const cutOf = ({ thresholds, threshold }: Pruning): Cut => thresholds ?? threshold;

/** 1 for each edge that the rule alone takes at this cut. */
export function taken(rule: Rule, cut: Cut): Uint8Array {
  const { topology: t, structure, held } = rule;
  const takes = new Uint8Array(t.edges);
  const scores = ruledBy(rule);
  for (const { layer, from, to } of layersOf(rule)) {
    // Scores cross the wire as float32; compared at that precision, an edge scored exactly at the threshold stays.
    const limit = Math.fround(typeof cut === "number" ? cut : at(cut, layer));
    for (let i = from; i < to && i < scores.length; i++) {
      if (!(f32(scores, i) < limit) || (held && u8(held, i))) continue;
      if (structure === "edge") takes[i] = 1;
      else for (const e of [...edgesInto(t, i), ...edgesOutOf(t, i)]) takes[e] = 1;
    }
  }
  return takes;
}

/** Fill in which of these edges are live, and which nodes, given which edges are on. */
export function settle(t: Topology, edges: Uint8Array): { edges: Uint8Array; nodes: Uint8Array } {
  const live = reach(t, edges);
  for (let e = 0; e < t.edges; e++) edges[e] = u8(live.edges, e) ? u8(edges, e) | ACTIVE : u8(edges, e) & ~ACTIVE;
  return { edges, nodes: live.nodes };
}

/** The edges and nodes under a cut: the rule, with what was pruned or kept by hand taking precedence. */
export function underThreshold(
  rule: Rule,
  edges: Uint8Array,
  cut: Cut,
): { edges: Uint8Array; nodes: Uint8Array } {
  const takes = taken(rule, cut);
  const bits = edges.slice();
  for (let e = 0; e < bits.length; e++) {
    const bit = u8(bits, e);
    const on = !(bit & BY_HAND) && (bit & KEPT || !u8(takes, e));
    bits[e] = on ? bit | ON : bit & ~ON;
  }
  return settle(rule.topology, bits);
}

/** Numbers of the edges that an edit of these parts touches. */
export function touched(
  t: Topology,
  op: { readonly edges: readonly (readonly number[])[]; readonly nodes: readonly (readonly number[])[] },
): number[] {
  const direct = op.edges.map((edge) => edgeNumber(t, edge)).filter((e) => e >= 0);
  const around = op.nodes
    .map((node) => nodeNumber(t, node))
    .filter((n) => n >= 0)
    .flatMap((n) => [...edgesInto(t, n), ...edgesOutOf(t, n)]);
  return [...new Set([...direct, ...around])];
}

function edit(bits: number, type: "prune" | "restore" | "keep", ruled: boolean): number {
  if (type === "prune") return (bits & ~(ON | KEPT)) | BY_HAND;
  const on = (bits & ~(BY_HAND | KEPT)) | ON;
  // What the rule would take at once again has to be kept from it.
  return type === "keep" || ruled ? on | KEPT : on;
}

/** What any edit does to the history, as far as one can know without Python's words for it. */
const step = (op: Op): Pick<Pruning, "undo" | "redo" | "edited"> =>
  ({ undo: op.type.replace("set_", ""), redo: null, edited: true });

/**
 * Guess what Python will answer to an edit, so that a hand need not wait for it.
 *
 * What cannot be foreseen (undo, redo, reset, another criterion's masks) is left as it is.
 */
export function foresee(t: Topology, scores: Scores, pruning: Pruning, op: Op): Pruning {
  const under = (after: Pruning): Pruning =>
    ({ ...after, ...underThreshold(ruleOf(t, scores, after), pruning.edges, cutOf(after)), ...step(op) });
  switch (op.type) {
    case "set_threshold": {
      const cut = cutAt(pruning, t, op.threshold, op.layer);
      return under({ ...pruning, ...(typeof cut === "number" ? { threshold: cut, thresholds: null } : { thresholds: cut }) });
    }
    case "set_min_per_layer":
      return under({ ...pruning, floor: op.min_per_layer });
    case "set_criterion":
      return { ...pruning, criterion: op.criterion, ...step(op) };
    case "set_structure":
      return { ...pruning, structure: op.structure as Structure, thresholds: null, floor: 0, ...step(op) };
    case "set_compensate":
      return { ...pruning, compensate: op.compensate, ...step(op) };
    case "prune":
    case "restore":
    case "keep": {
      const edges = pruning.edges.slice();
      const takes = taken(ruleOf(t, scores, pruning), cutOf(pruning));
      for (const e of touched(t, op)) edges[e] = edit(at(edges, e), op.type, at(takes, e) === 1);
      return { ...pruning, ...settle(t, edges), ...step(op) };
    }
    case "undo":
      return { ...pruning, redo: pruning.undo };
    default:
      return pruning;
  }
}
