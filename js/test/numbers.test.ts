import { describe, expect, it } from "vitest";
import { createAxis, fromX, histogram, marks, powerLabel, toX } from "../src/axis";
import { extent } from "../src/sheets/chart";
import { formatChange, formatLoss, formatScore, formatThreshold, formatTick, plural } from "../src/format";
import { below, between, createStops, stepFrom, thresholdAt } from "../src/stops";
import { random } from "./support";

describe("format", () => {
  it.each([[0.02, "0.020"], [0.888, "0.888"], [1, "1.000"], [0.0008, "0.00080"], [0.00999, "0.010"], [0, "0"],
    [12.34, "12.3"], [1234, "1234"], [3e-7, "3.0e-7"], [NaN, "–"]])("score %f reads %s", (value, text) => {
    expect(formatScore(value)).toBe(text);
  });

  it.each([[0, "0"], [0.01, "0.010"], [0.0104, "0.0104"], [0.3, "0.300"], [0.00605, "0.00605"], [0.006, "0.0060"]])(
    "threshold %f reads %s", (value, text) => expect(formatThreshold(value)).toBe(text));

  it("shows losses and their change", () => {
    expect([0.0481, 1.2345, 0, null, 0.00001].map(formatLoss)).toEqual(["0.0481", "1.23", "0.00", "–", "1.00e-5"]);
    expect(formatChange(0.0481, 0.0484)).toBe("+0.6 %");
    expect(formatChange(0.05, 0.04)).toBe("−20.0 %");
    expect(formatChange(0.05, 0.05)).toBe("±0.0 %");
    expect(formatChange(0.01, 0.5)).toBe("×50.0");
    expect(formatChange(null, 1)).toBe("");
  });

  it("counts in words and marks axes", () => {
    expect([plural(1, "edge"), plural(0, "edge"), plural(1184, "edge")]).toEqual(["1 edge", "0 edges", "1,184 edges"]);
    expect([0, -0.5, 1000, 1e-5, 0.30000000000000004].map(formatTick)).toEqual(["0", "−0.5", "1000", "1e−5", "0.3"]);
    expect([-5, -2, 0, 2].map(powerLabel)).toEqual(["1e−5", "0.01", "1", "100"]);
  });
});

describe("axis", () => {
  const scores = Float32Array.of(0, 0.0008, 0.01, 0.2, 0.9);

  it("spans whole powers of ten, with zero at its left end", () => {
    const axis = createAxis(scores, 900);
    expect([axis.low, axis.high]).toEqual([-4, 0]);
    expect(toX(axis, 0)).toBe(0);
    expect(toX(axis, 1)).toBe(900);
    expect(fromX(axis, 0)).toBe(0);
    expect(fromX(axis, 900)).toBe(1);
  });

  it("goes there and back to three figures", () => {
    const axis = createAxis(scores, 900);
    for (const value of [0.000123, 0.00456, 0.0789, 0.321]) expect(fromX(axis, toX(axis, value))).toBeCloseTo(value, 6);
  });

  it("bears scores that are all zero, all equal, none, or far apart", () => {
    for (const some of [[], [0, 0], [1, 1], [0.5], [1e-30, 1]]) {
      const axis = createAxis(Float32Array.from(some), 500);
      expect(axis.high).toBeGreaterThan(axis.low);
      expect(axis.high - axis.low).toBeLessThanOrEqual(7);
      expect(marks(axis).every((mark) => Number.isFinite(mark.x))).toBe(true);
    }
  });

  it("puts every score in one bar", () => {
    const next = random(4);
    const many = Float32Array.from({ length: 500 }, () => 10 ** (-6 * next())).sort();
    many[0] = 0;
    const bars = histogram(createAxis(many, 700), many);
    expect(bars.reduce((sum, bar) => sum + bar.count, 0)).toBe(500);
  });
});

describe("stops", () => {
  const scores = Float32Array.of(0.001, 0.002, 0.002, 0.0055, 0.006, 0.012, 0.3);

  it("take one more score each", () => {
    const stops = createStops(scores, null);
    expect(stops.last).toBe(6);
    for (let n = 0; n <= stops.last; n++) expect(below(stops.scores, thresholdAt(stops, n))).toBe(n);
  });

  it("walk up, down, and to the ends", () => {
    const stops = createStops(scores, null);
    expect(below(stops.scores, stepFrom(stops, 0.0058, 1))).toBe(4);
    expect(below(stops.scores, stepFrom(stops, 0.0058, -1))).toBe(2);
    expect(stepFrom(stops, 0.0058, -Infinity)).toBe(0);
    expect(below(stops.scores, stepFrom(stops, 0.0058, Infinity))).toBe(6);
    expect(stepFrom(stops, 0, -1)).toBe(0);
  });

  it("end at the limit", () => {
    const stops = createStops(scores, 0.012);
    expect(stepFrom(stops, 0, Infinity)).toBeLessThanOrEqual(0.012);
    expect(below(stops.scores, stepFrom(stops, 0, 100))).toBe(4);
  });

  it("are short numbers strictly between two scores", () => {
    expect(between(0.006, 0.012)).toBe(0.008);
    expect(Math.fround(between(Math.fround(0.03), Math.fround(0.04)))).toBeGreaterThan(Math.fround(0.03));
    const next = random(9);
    for (let i = 0; i < 200; i++) {
      const low = Math.fround(10 ** (-4 * next()));
      const high = Math.fround(low * (1 + next() * 0.01 + 1e-5));
      const found = between(low, high);
      expect(found).toBeGreaterThan(low);
      expect(found).toBeLessThanOrEqual(high);
    }
  });
});

describe("extent", () => {
  it("skips what is not a number and is never empty", () => {
    expect(extent([NaN, 1, 3, Infinity])).toEqual({ low: 1, high: 3 });
    expect(extent([])).toEqual({ low: -1, high: 1 });
    expect(extent([2, 2])).toEqual({ low: 1, high: 3 });
    expect(extent([0, 0])).toEqual({ low: -1, high: 1 });
  });
});
