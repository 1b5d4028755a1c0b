import { describe, expect, it } from "vitest";
import { layout, links, type Layout } from "../src/layout";
import { createTopology, type Topology } from "../src/topology";
import { createWidths, random } from "./support";

interface Square { x: number; y: number; half: number }

function squares(t: Topology, place: Layout): Square[] {
  const boxes = Array.from(place.boxX, (x, e) => ({ x, y: place.boxY[e] ?? 0, half: (place.side[layerOf(t.edgeStart, e)] ?? 0) / 2 }));
  const nodes = Array.from(place.nodeX, (x, n) => ({ x, y: place.nodeY[n] ?? 0, half: place.radius[layerOf(t.nodeStart, n)] ?? 0 }));
  return [...boxes, ...nodes];
}

function layerOf(starts: readonly number[], number: number): number {
  return starts.findIndex((start, l) => number >= start && number < (starts[l + 1] ?? Infinity));
}

function overlaps(all: readonly Square[]): boolean {
  const sorted = [...all].sort((a, b) => a.x - a.half - (b.x - b.half));
  return sorted.some((a, i) => {
    for (let j = i + 1; j < sorted.length; j++) {
      const b = sorted[j] as Square;
      if (b.x - b.half >= a.x + a.half - 1e-3) return false;
      if (Math.abs(a.y - b.y) < a.half + b.half - 1e-3) return true;
    }
    return false;
  });
}

const SIZES = [{ width: 640, height: 320 }, { width: 440, height: 220 }, { width: 1400, height: 700 }, { width: 300, height: 200 }];
const WIDTHS = [[1, 1], [2, 5, 1], [10, 5, 1], [5, 5], [1, 9, 1], [4, 6, 3, 1], [64, 16, 10], [2, 2, 2, 2, 2, 2, 2, 2, 1]];

describe("layout", () => {
  it.each(WIDTHS.map((w) => [w.join(), w] as const))("of %s overlaps nowhere and stays in its world", (_, widths) => {
    const t = createTopology(widths);
    for (const size of SIZES) for (const orientation of ["up", "right"] as const) {
      const place = layout(t, size, orientation);
      const all = squares(t, place);
      expect(overlaps(all)).toBe(false);
      for (const { x, y, half } of all) {
        expect(x - half).toBeGreaterThanOrEqual(0);
        expect(y - half).toBeGreaterThanOrEqual(0);
        expect(x + half).toBeLessThanOrEqual(place.width + 1e-3);
        expect(y + half).toBeLessThanOrEqual(place.height + 1e-3);
      }
    }
  });

  it("overlaps nowhere for any widths", () => {
    const next = random(11);
    for (let i = 0; i < 150; i++) {
      const t = createTopology(createWidths(next, 24));
      const size = { width: 300 + 1200 * next(), height: 200 + 700 * next() };
      expect(overlaps(squares(t, layout(t, size, next() < 0.5 ? "up" : "right")))).toBe(false);
    }
  });

  it("bounds the size of thumbnails both ways", () => {
    for (const widths of [...WIDTHS, [784, 64, 10]]) for (const size of SIZES) {
      const place = layout(createTopology(widths), size, "up");
      expect(Math.min(...place.side)).toBeGreaterThanOrEqual(3.99);
      // A crowded network has a world larger than its view; what counts is the size at the fitted zoom.
      expect((Math.max(...place.side) * size.width) / place.width).toBeLessThanOrEqual(42.01);
    }
  });

  it("puts inputs at the bottom, or at the left", () => {
    const t = createTopology([2, 3, 1]);
    const up = layout(t, { width: 600, height: 300 }, "up");
    expect(up.nodeY[0]).toBeGreaterThan(up.nodeY[5] ?? 0);
    const right = layout(t, { width: 600, height: 300 }, "right");
    expect(right.nodeX[0]).toBeLessThan(right.nodeX[5] ?? 0);
  });

  it("lays out fifty thousand edges at once", () => {
    const t = createTopology([784, 64, 10]);
    const start = performance.now();
    layout(t, { width: 640, height: 320 }, "up");
    expect(performance.now() - start).toBeLessThan(500);
  });
});

describe("links", () => {
  it.each(["up", "right"] as const)("run from node to thumbnail to node, %s", (orientation) => {
    const t = createTopology([2, 3, 1]);
    const place = layout(t, { width: 600, height: 300 }, orientation);
    for (let e = 0; e < t.edges; e++) {
      const [first, second] = links(t, place, e, e < 6 ? 0 : 1);
      const along = orientation === "up" ? 1 : 0;
      const [x, y] = [place.boxX[e] ?? 0, place.boxY[e] ?? 0];
      expect(Math.hypot(first[6] - x, first[7] - y)).toBeCloseTo((place.side[e < 6 ? 0 : 1] ?? 0) / 2, 3);
      expect(Math.hypot(second[0] - x, second[1] - y)).toBeCloseTo((place.side[e < 6 ? 0 : 1] ?? 0) / 2, 3);
      const from = t.from[e] ?? 0;
      expect(first[along]).not.toBe(place[along ? "nodeY" : "nodeX"][from]);
      expect(first[1 - along]).toBeCloseTo(place[along ? "nodeX" : "nodeY"][from] ?? 0, 3);
    }
  });
});
