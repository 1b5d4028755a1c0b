import { describe, expect, it } from "vitest";
import { Alone } from "../src/alone";
import { foresee } from "../src/plan";
import type { Op } from "../src/wire";
import { createCase } from "./support";

function createAlone() {
  const c = createCase();
  const alone = new Alone();
  const now = () => alone.done.reduce((pruning, op) => foresee(c.t, c.scores, pruning, op), c.pruning);
  const take = (op: Op) => alone.take(op, { topology: c.t, scores: c.scores, pruning: now() });
  const on = () => now().edges.filter((bits) => bits & 1).length;
  return { ...c, alone, take, on };
}

const prune = (...edges: [number, number, number][]): Op => ({ type: "prune", edges, nodes: [] });

describe("alone", () => {
  it("makes, takes back and makes again", () => {
    const { take, on } = createAlone();
    expect(take(prune([0, 0, 1]))).toBeNull();
    expect(take({ type: "set_threshold", threshold: 0.005 })).toBeNull();
    const left = on();
    expect(left).toBeLessThan(14);
    take({ type: "undo" });
    expect(on()).toBe(14);
    take({ type: "redo" });
    expect(on()).toBe(left);
    take({ type: "reset" });
    expect(on()).toBe(15);
    take({ type: "redo" });
    expect(on()).toBe(14);
  });

  it("forgets what was undone once something else is done", () => {
    const { take, alone } = createAlone();
    take(prune([0, 0, 1]));
    take({ type: "undo" });
    take(prune([0, 1, 1]));
    expect(alone.undone).toEqual([]);
    expect(alone.done).toHaveLength(1);
  });

  it("never cuts an output off, and does nothing that only Python can", () => {
    const { take, alone } = createAlone();
    expect(take({ type: "prune", edges: [], nodes: [[2, 0]] })).toContain("cut an output off");
    expect(take({ type: "set_threshold", threshold: 99 })).toContain("cut an output off");
    expect(take({ type: "set_compensate", compensate: "none" })).toContain("Python");
    expect(take({ type: "set_criterion", criterion: "std" })).toContain("Python");
    expect(alone.done).toEqual([]);
  });

  it("survives an undo too many", () => {
    const { take, on } = createAlone();
    take({ type: "undo" });
    take({ type: "redo" });
    expect(on()).toBe(15);
  });
});
