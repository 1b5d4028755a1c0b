import { describe, expect, it } from "vitest";
import { reach } from "../src/reach";
import { createTopology, edgeAt, edgeNumber, edgesInto, edgesOutOf, isHidden, nodeAt, nodeNumber } from "../src/topology";
import { createWidths, random } from "./support";

describe("topology", () => {
  it("numbers edges layer by layer, target by target", () => {
    const t = createTopology([2, 3, 1]);
    expect(Array.from({ length: t.edges }, (_, e) => edgeAt(t, e))).toEqual([
      [0, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 1], [0, 0, 2], [0, 1, 2], [1, 0, 0], [1, 1, 0], [1, 2, 0],
    ]);
  });

  it("finds every number again", () => {
    const next = random(1);
    for (let i = 0; i < 50; i++) {
      const t = createTopology(createWidths(next, 6));
      for (let e = 0; e < t.edges; e++) expect(edgeNumber(t, edgeAt(t, e))).toBe(e);
      for (let n = 0; n < t.nodes; n++) expect(nodeNumber(t, nodeAt(t, n))).toBe(n);
    }
  });

  it("knows no parts outside the network", () => {
    const t = createTopology([2, 3, 1]);
    for (const edge of [[0, 2, 0], [0, 0, 3], [2, 0, 0], [-1, 0, 0], [0, 0.5, 0], [0, 0]]) expect(edgeNumber(t, edge)).toBe(-1);
    for (const node of [[3, 0], [0, 2], [-1, 0], []]) expect(nodeNumber(t, node)).toBe(-1);
  });

  it("knows the edges around a node", () => {
    const t = createTopology([2, 3, 1]);
    expect(edgesInto(t, 3).map((e) => edgeAt(t, e))).toEqual([[0, 0, 1], [0, 1, 1]]);
    expect(edgesOutOf(t, 3).map((e) => edgeAt(t, e))).toEqual([[1, 1, 0]]);
    expect(edgesInto(t, 0)).toEqual([]);
    expect(edgesOutOf(t, 5)).toEqual([]);
    expect([0, 1, 2, 4, 5].map((n) => isHidden(t, n))).toEqual([false, false, true, true, false]);
  });
});

/** Follow every path, as the definition says. */
function bySearch(widths: readonly number[], on: Uint8Array): number[] {
  const t = createTopology(widths);
  const ahead = (n: number): boolean => n >= (t.nodeStart[widths.length - 1] ?? 0) || edgesOutOf(t, n).some((e) => on[e] && ahead(t.to[e] ?? 0));
  const back = (n: number): boolean => n < (widths[0] ?? 0) || edgesInto(t, n).some((e) => on[e] && back(t.from[e] ?? 0));
  return Array.from(on, (bit, e) => (bit && back(t.from[e] ?? 0) && ahead(t.to[e] ?? 0) ? 1 : 0));
}

describe("reach", () => {
  it("leaves whole networks alive", () => {
    const t = createTopology([3, 2, 2]);
    const live = reach(t, new Uint8Array(t.edges).fill(1));
    expect(live.edges.every(Boolean) && live.nodes.every(Boolean)).toBe(true);
  });

  it("agrees with a search along every path", () => {
    const next = random(2);
    for (let i = 0; i < 60; i++) {
      const widths = createWidths(next, 4);
      const t = createTopology(widths);
      const on = Uint8Array.from({ length: t.edges }, () => (next() < 0.45 ? 1 : 0));
      expect([...reach(t, on).edges]).toEqual(bySearch(widths, on));
    }
  });

  it("finds a node dead when it is fed and leads nowhere", () => {
    const t = createTopology([1, 2, 1]);
    const live = reach(t, Uint8Array.of(1, 1, 1, 0));
    expect([...live.edges]).toEqual([1, 0, 1, 0]);
    expect([...live.nodes]).toEqual([1, 1, 0, 1]);
  });
});
