import { reach } from "./reach";
import { at, edgeNumber, edgesInto, edgesOutOf, f32, isHidden, nodeNumber, type Topology, u8 } from "./topology";
import { ACTIVE, BY_HAND, KEPT, ON, type Op, type Pruning, type Scores, type Structure } from "./wire";

/** What a threshold acts on. */
export interface Rule {
  readonly topology: Topology;
  readonly scores: Scores;
  readonly criterion: string;
  readonly structure: Structure;
}

/** Scores of the current criterion over edges or nodes; empty when there are none. */
export function scoresOf(rule: Rule, over: "edge" | "node"): Float32Array {
  const arrays = rule.scores[over];
  return arrays[Math.max(0, rule.scores.criteria.indexOf(rule.criterion))] ?? new Float32Array(0);
}

/** Whether the rule may take this node. */
function isRuled(rule: Rule, node: number): boolean {
  return rule.structure === "node" ? isHidden(rule.topology, node) : node < at(rule.topology.widths, 0);
}

/** 1 for each edge that the rule alone takes at this threshold. */
export function taken(rule: Rule, threshold: number): Uint8Array {
  const t = rule.topology;
  const takes = new Uint8Array(t.edges);
  // Scores cross the wire as float32; compared at that precision, an edge scored exactly at the threshold stays.
  const limit = Math.fround(threshold);
  if (rule.structure === "edge") {
    const scores = scoresOf(rule, "edge");
    for (let e = 0; e < scores.length; e++) if (f32(scores, e) < limit) takes[e] = 1;
    return takes;
  }
  const scores = scoresOf(rule, "node");
  for (let n = 0; n < scores.length; n++) {
    if (!isRuled(rule, n) || at(scores, n) >= limit) continue;
    for (const e of [...edgesInto(t, n), ...edgesOutOf(t, n)]) takes[e] = 1;
  }
  return takes;
}

/** Fill in which of these edges are live, and which nodes, given which edges are on. */
export function settle(t: Topology, edges: Uint8Array): { edges: Uint8Array; nodes: Uint8Array } {
  const live = reach(t, edges);
  for (let e = 0; e < t.edges; e++) edges[e] = u8(live.edges, e) ? u8(edges, e) | ACTIVE : u8(edges, e) & ~ACTIVE;
  return { edges, nodes: live.nodes };
}

/** The edges and nodes under a threshold: the rule, with what was pruned or kept by hand taking precedence. */
export function underThreshold(
  rule: Rule,
  edges: Uint8Array,
  threshold: number,
): { edges: Uint8Array; nodes: Uint8Array } {
  const takes = taken(rule, threshold);
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
  const rule = { topology: t, scores, criterion: pruning.criterion, structure: pruning.structure };
  switch (op.type) {
    case "set_threshold":
      return { ...pruning, ...underThreshold(rule, pruning.edges, op.threshold), threshold: op.threshold, ...step(op) };
    case "set_criterion":
      return { ...pruning, criterion: op.criterion, ...step(op) };
    case "set_structure":
      return { ...pruning, structure: op.structure as Structure, ...step(op) };
    case "set_compensate":
      return { ...pruning, compensate: op.compensate, ...step(op) };
    case "prune":
    case "restore":
    case "keep": {
      const edges = pruning.edges.slice();
      const takes = taken(rule, pruning.threshold);
      for (const e of touched(t, op)) edges[e] = edit(at(edges, e), op.type, at(takes, e) === 1);
      return { ...pruning, ...settle(t, edges), ...step(op) };
    }
    case "undo":
      return { ...pruning, redo: pruning.undo };
    default:
      return pruning;
  }
}
