import { type Rule, underThreshold } from "./plan";
import { at, isHidden, u8 } from "./topology";
import { ACTIVE, type Pruning } from "./wire";

/** What a threshold would leave, and what it would take from the network as pruned by hand alone. */
export interface Preview {
  readonly threshold: number;
  readonly edges: Uint8Array;
  readonly nodes: Uint8Array;
  readonly edgesGo: number;
  /** Hidden nodes that go. */
  readonly nodesGo: number;
  readonly inputsGo: number;
  /** Python would refuse: an output would lose its last edge. */
  readonly refused: boolean;
}

/** The largest threshold up to `threshold` that leaves every output connected. */
export function allowed(pruning: Pruning, threshold: number): number {
  const positive = Math.max(0, threshold);
  return pruning.limit === null ? positive : Math.min(positive, Math.max(0, pruning.limit));
}

/** What is left of a network with the decisions by hand alone. */
export const withoutRule = (rule: Rule, edges: Uint8Array): ReturnType<typeof underThreshold> => underThreshold(rule, edges, 0);

/** Preview a threshold, beside the network `without` one. */
export function preview(rule: Rule, pruning: Pruning, threshold: number, without = withoutRule(rule, pruning.edges)): Preview {
  const t = rule.topology;
  const left = underThreshold(rule, pruning.edges, threshold);
  let edgesGo = 0;
  for (let e = 0; e < t.edges; e++) {
    if (u8(without.edges, e) & ~u8(left.edges, e) & ACTIVE) edgesGo++;
  }
  let nodesGo = 0;
  let inputsGo = 0;
  for (let n = 0; n < t.nodes; n++) {
    if (!at(without.nodes, n) || at(left.nodes, n)) continue;
    if (isHidden(t, n)) nodesGo++;
    else if (n < at(t.widths, 0)) inputsGo++;
  }
  const refused = pruning.limit !== null && threshold > pruning.limit;
  return { threshold, edges: left.edges, nodes: left.nodes, edgesGo, nodesGo, inputsGo, refused };
}
