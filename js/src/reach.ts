import { at, type Topology } from "./topology";

/** What still carries a signal: `edges` and `nodes` hold 1 where an input reaches it and it reaches an output. */
export interface Reach {
  readonly edges: Uint8Array;
  readonly nodes: Uint8Array;
}

/**
 * Find the live parts of a network whose edges are on where `on` is not 0.
 *
 * Edges are numbered layer by layer, so one sweep up and one sweep down suffice.
 */
export function reach(t: Topology, on: ArrayLike<number>): Reach {
  const fed = new Uint8Array(t.nodes).fill(1, 0, at(t.nodeStart, 1));
  const used = new Uint8Array(t.nodes).fill(1, at(t.nodeStart, t.widths.length - 1));
  for (let e = 0; e < t.edges; e++) {
    if (at(on, e) && at(fed, at(t.from, e))) fed[at(t.to, e)] = 1;
  }
  for (let e = t.edges - 1; e >= 0; e--) {
    if (at(on, e) && at(used, at(t.to, e))) used[at(t.from, e)] = 1;
  }
  const edges = new Uint8Array(t.edges);
  for (let e = 0; e < t.edges; e++) {
    edges[e] = at(on, e) && at(fed, at(t.from, e)) && at(used, at(t.to, e)) ? 1 : 0;
  }
  return { edges, nodes: fed.map((value, n) => value & at(used, n)) };
}
