import { describe, expect, it } from "vitest";
import { createRule, foresee, layersOf, taken } from "../src/plan";
import { allowed, preview } from "../src/preview";
import { valueText, whatGoes } from "../src/cut";
import { ACTIVE, KEPT, type Op, type Structure } from "../src/wire";
import { createCase, createWidths, pruningNow, random, type Case } from "./support";

const ruleOf = (c: Case, structure: Structure = "edge") => ({ topology: c.t, scores: c.scores, criterion: "l1", structure });

describe("preview", () => {
  it("counts what goes as the picture does", () => {
    const c = createCase();
    const seen = preview(ruleOf(c), c.pruning, 0.01);
    expect([seen.edgesGo, seen.nodesGo, seen.inputsGo]).toEqual([6, 2, 0]);
    expect(valueText(0.01, seen)).toBe("0.010: 6 edges and 2 nodes go");
    expect(whatGoes(seen)).toBe("6 edges, 2 nodes go");
  });

  it("takes nothing at zero", () => {
    const c = createCase();
    const seen = preview(ruleOf(c), c.pruning, 0);
    expect([seen.edgesGo, seen.nodesGo]).toEqual([0, 0]);
    expect(valueText(0, seen)).toBe("0: 0 edges and 0 nodes go");
  });

  it("says the same before and after the cut", () => {
    const c = createCase();
    const before = preview(ruleOf(c), c.pruning, 0.01);
    c.python.apply({ type: "set_threshold", threshold: 0.01 });
    c.python.write();
    expect(preview(ruleOf(c), pruningNow(c), 0.01)).toEqual(before);
  });

  it("leaves an edge scored exactly at the threshold", () => {
    const c = createCase({ widths: [2, 1], scores: [0.3, 0.7] });
    expect([...taken(ruleOf(c), 0.3)]).toEqual([0, 0]);
    expect([...taken(ruleOf(c), 0.300001)]).toEqual([1, 0]);
  });

  it("does not take what is kept", () => {
    const c = createCase();
    c.python.apply({ type: "keep", edges: [[0, 0, 2]], nodes: [] });
    c.python.write();
    const seen = preview(ruleOf(c), pruningNow(c), 0.01);
    expect((seen.edges[4] ?? 0) & KEPT).toBeTruthy();
    // Kept but dead: the node that it feeds lost its way out.
    expect((seen.edges[4] ?? 0) & ACTIVE).toBe(0);
  });

  it.each(["node", "input"] as const)("takes every edge of a weak %s", (structure) => {
    const c = createCase({ widths: [3, 3, 1], seed: 3 });
    const scores = c.scores.node[0] ?? new Float32Array();
    const ruled = structure === "node" ? [3, 4, 5] : [0, 1, 2];
    const threshold = [...ruled.map((n) => scores[n] ?? 0)].sort((a, b) => a - b)[1] ?? 0;
    const weak = ruled.filter((n) => (scores[n] ?? 0) < threshold);
    const takes = taken(ruleOf(c, structure), threshold);
    expect(weak).toHaveLength(1);
    takes.forEach((gone, e) => expect(gone === 1).toBe([c.t.from[e], c.t.to[e]].some((n) => weak.includes(n ?? -1))));
  });

  it("refuses above the limit, and a drag stops there", () => {
    const c = createCase();
    const limit = c.pruning.limit ?? 0;
    expect(allowed(c.pruning, 5)).toBe(limit);
    expect(allowed({ ...c.pruning, limit: null }, 5)).toBe(5);
    expect(allowed(c.pruning, -1)).toBe(0);
  });

  it("never takes less at a higher threshold", () => {
    const next = random(5);
    for (let i = 0; i < 30; i++) {
      const c = createCase({ widths: createWidths(next, 5), seed: i });
      const counts = [0, 0.001, 0.01, 0.1, 1, 2].map((v) => preview(ruleOf(c), c.pruning, v).edgesGo);
      expect(counts).toEqual([...counts].sort((a, b) => a - b));
    }
  });
});

describe("foresee", () => {
  it("agrees with Python on every edit that can be foreseen", () => {
    const next = random(8);
    const some = <T>(items: readonly T[]): T => items[Math.floor(next() * items.length)] as T;
    for (let i = 0; i < 40; i++) {
      const c = createCase({ widths: createWidths(next, 4), seed: i });
      for (let j = 0; j < 6; j++) {
        const before = pruningNow(c);
        const edge = some(c.python.edges) as [number, number, number];
        const kind = next();
        const op: Op = kind < 0.3 ? { type: "set_threshold", threshold: 10 ** (-3 * next()) }
          : kind < 0.5 ? { type: "set_threshold", threshold: 10 ** (-3 * next()), layer: edge[0] }
          : kind < 0.6 ? { type: "set_min_per_layer", min_per_layer: Math.floor(4 * next()) }
          : { type: some(["prune", "restore", "keep"] as const), edges: [edge], nodes: next() < 0.3 ? [[edge[0], edge[1]]] : [] };
        c.python.apply(op);
        c.python.write();
        const guess = foresee(c.t, c.scores, before, op);
        expect([...guess.edges]).toEqual([...pruningNow(c).edges]);
        expect([...guess.nodes]).toEqual([...pruningNow(c).nodes]);
        expect([guess.threshold, guess.thresholds, guess.floor])
          .toEqual([pruningNow(c).threshold, pruningNow(c).thresholds, pruningNow(c).floor]);
      }
    }
  });

  it("knows which layers a rule looks at", () => {
    const c = createCase({ widths: [2, 3, 4, 1] });
    const ranges = (structure: Structure): unknown => layersOf(ruleOf(c, structure)).map(({ layer, from, to }) => [layer, from, to]);
    expect(ranges("edge")).toEqual([[0, 0, 6], [1, 6, 18], [2, 18, 22]]);
    expect(ranges("node")).toEqual([[1, 2, 5], [2, 5, 9]]);
    expect(ranges("input")).toEqual([[0, 0, 2]]);
  });

  it.each(["edge", "node", "input"] as const)("cuts each layer of %ss by its own threshold, down to the floor", (structure) => {
    const c = createCase({ widths: [4, 5, 3, 2], seed: 2 });
    c.python.apply({ type: "set_structure", structure });
    const cut = [0.02, 0.3, 0.1];
    for (const floor of [0, 1, 3]) {
      c.python.plan.floor = floor;
      const rule = createRule(c.t, c.scores, "l1", structure, floor);
      expect([...taken(rule, cut)]).toEqual(c.python.edges.map((_: unknown, e: number) => Number(c.python.takes(e, cut))));
    }
  });

  it("changes nothing that it cannot foresee", () => {
    const c = createCase();
    for (const type of ["redo", "reset"] as const) expect(foresee(c.t, c.scores, c.pruning, { type })).toBe(c.pruning);
    const undone = foresee(c.t, c.scores, c.pruning, { type: "undo" });
    expect(undone.edges).toBe(c.pruning.edges);
  });

  it("offers to undo an edit that Python has not answered yet, and to redo it then", () => {
    const c = createCase();
    expect(c.pruning.undo).toBeNull();
    const edited = foresee(c.t, c.scores, c.pruning, { type: "set_threshold", threshold: 0.01 });
    expect([edited.undo, edited.redo, edited.edited]).toEqual(["threshold", null, true]);
    expect(foresee(c.t, c.scores, edited, { type: "undo" }).redo).toBe("threshold");
  });
});
