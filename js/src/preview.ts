import { type Rule, underThreshold } from "./plan";
import { at, isHidden } from "./topology";
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

/** Preview a threshold. */
export function preview(rule: Rule, pruning: Pruning, threshold: number): Preview {
  const t = rule.topology;
  const without = underThreshold(rule, pruning.edges, 0);
  const left = underThreshold(rule, pruning.edges, threshold);
  let edgesGo = 0;
  for (let e = 0; e < t.edges; e++) {
    if (at(without.edges, e) & ACTIVE && !(at(left.edges, e) & ACTIVE)) edgesGo++;
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
