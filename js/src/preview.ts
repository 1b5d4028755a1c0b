import { type Cut, type Rule, underThreshold } from "./plan";
import { at, isHidden, u8 } from "./topology";
import { ACTIVE, type Pruning } from "./wire";

/** What a cut would leave, and what it would take from the network as pruned by hand alone. */
export interface Preview {
  readonly edges: Uint8Array;
  readonly nodes: Uint8Array;
  readonly edgesGo: number;
  /** Hidden nodes that go. */
  readonly nodesGo: number;
  readonly inputsGo: number;
}

/** The largest threshold up to `threshold` that leaves every output connected. */
export function allowed(pruning: Pruning, threshold: number): number {
  const positive = Math.max(0, threshold);
  return pruning.limit === null ? positive : Math.min(positive, Math.max(0, pruning.limit));
}

/** What is left of a network with the decisions by hand alone. */
export const withoutRule = (rule: Rule, edges: Uint8Array): ReturnType<typeof underThreshold> => underThreshold(rule, edges, 0);

/** Preview a cut, beside the network `without` one. */
export function preview(rule: Rule, pruning: Pruning, cut: Cut, without = withoutRule(rule, pruning.edges)): Preview {
  const t = rule.topology;
  const left = underThreshold(rule, pruning.edges, cut);
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
  return { ...left, edgesGo, nodesGo, inputsGo };
}
