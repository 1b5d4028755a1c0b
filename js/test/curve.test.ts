import { describe, expect, it } from "vitest";
import { createAxis, toX } from "../src/axis";
import { answers, drawCurve, readAt } from "../src/curve";
import { createReader } from "../src/snapshot";
import { decodeCurve, type Foreseen, type Wire } from "../src/wire";
import { createCase, pruningNow } from "./support";

const view = (values: readonly number[]): DataView => new DataView(Float32Array.from(values).buffer);

function curve(threshold: readonly number[], loss: readonly number[], more: object = {}): Foreseen {
  const found = decodeCurve({ criterion: "l1", structure: "edge", compensate: "mean", rows: "test",
    threshold: view(threshold), loss: view(loss), accuracy: null, control_low: null, control_high: null, ...more });
  if (!found) throw new Error("not decoded");
  return found;
}

const wireOf = (c: ReturnType<typeof createCase>): Wire =>
  ({ read: (trait) => c.model.get(trait), writeSelection: () => {}, send: () => true, busy: () => null });

describe("curve", () => {
  it("reads the loss of the cut that a threshold makes", () => {
    const found = curve([0, 0.25, 0.5, 1], [1, 2, 3, 4]);
    expect([0, 0.1, 0.25, 0.3, 0.5, 0.75, 1, 2].map((t) => readAt(found, t))).toEqual([1, 2, 2, 3, 3, 4, 4, 4]);
  });

  it("reads nothing's cost at 0, where levels of a signed criterion share the place", () => {
    const found = curve([0, 0, 0, 1], [5, 4, 3, 6]);
    expect(readAt(found, 0)).toBe(5);
    expect(readAt(found, 0.5)).toBe(6);
  });

  it("runs on the axis of the scores, low losses low", () => {
    const axis = createAxis([0.001, 0.01, 0.1, 1], 500);
    const { line, y, band } = drawCurve(curve([0, 0.01, 1], [1, 2, 3]), axis, { top: 10, bottom: 90 });
    const points = line.slice(1).split("L").map((p) => p.split(" ").map(Number));
    expect(points.map(([x]) => x)).toEqual([0, 0.01, 1].map((v) => Number(toX(axis, v).toFixed(1))));
    expect(points.map(([, v]) => v)).toEqual([90, 50, 10]);
    expect(y(99)).toBe(10);
    expect(band).toBe("");
  });

  it("draws over values that are no numbers", () => {
    const axis = createAxis([0.1, 1], 500);
    const { line } = drawCurve(curve([0, 0.1, 0.5, 1], [1, NaN, 2, 3]), axis, { top: 0, bottom: 10 });
    expect(line).not.toContain("NaN");
    expect(line.split("L")).toHaveLength(3);
  });

  it("is shown only while it answers for the rule in force", () => {
    const c = createCase();
    const read = createReader(wireOf(c));
    expect(read({ pending: [], drag: null })?.curve).not.toBeNull();
    expect(answers(read({ pending: [], drag: null })?.curve ?? null, { ...pruningNow(c), criterion: "std" })).toBe(false);
    const other = read({ pending: [{ type: "set_criterion", criterion: "std" }], drag: null });
    expect(other?.curve).toBeNull();
  });

  it("is nothing where Python has not said", () => {
    expect(decodeCurve({})).toBeNull();
    expect(decodeCurve(undefined)).toBeNull();
  });
});
