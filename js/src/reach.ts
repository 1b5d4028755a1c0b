import { at, i32, type Topology, u8 } from "./topology";

/** What still carries a signal: `edges` and `nodes` hold 1 where an input reaches it and it reaches an output. */
export interface Reach {
  readonly edges: Uint8Array;
  readonly nodes: Uint8Array;
}

/**
 * Find the live parts of a network whose edges are on where the lowest bit of `on` is set.
 *
 * Edges are numbered layer by layer, so one sweep up and one sweep down suffice.
 */
export function reach(t: Topology, on: Uint8Array): Reach {
  const fed = new Uint8Array(t.nodes).fill(1, 0, at(t.nodeStart, 1));
  const used = new Uint8Array(t.nodes).fill(1, at(t.nodeStart, t.widths.length - 1));
  for (let e = 0; e < t.edges; e++) {
    if (u8(on, e) & 1 && u8(fed, i32(t.from, e))) fed[i32(t.to, e)] = 1;
  }
  for (let e = t.edges - 1; e >= 0; e--) {
    if (u8(on, e) & 1 && u8(used, i32(t.to, e))) used[i32(t.from, e)] = 1;
  }
  const edges = new Uint8Array(t.edges);
  for (let e = 0; e < t.edges; e++) {
    edges[e] = u8(on, e) & u8(fed, i32(t.from, e)) & u8(used, i32(t.to, e));
  }
  return { edges, nodes: fed.map((value, n) => value & u8(used, n)) };
}
