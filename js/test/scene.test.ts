import { describe, expect, it } from "vitest";
import * as cameras from "../src/camera";
import { isOurs, keyAction, sliderStep } from "../src/keys";
import { layout } from "../src/layout";
import { edgeLabel, networkLabel, nodeLabel } from "../src/names";
import { hitOf, keyOf, optionsOf } from "../src/overlay";
import { clip } from "../src/paintNodes";
import { PALETTES } from "../src/palette";
import { distance, pick, pickAll } from "../src/pick";
import { rankOf } from "../src/inspector";
import { DEAD, GOES, INK, PRUNED, shares, strengths, strongestFirst, voices } from "../src/scene";
import { createReader } from "../src/snapshot";
import { curveOf, thumbnail } from "../src/thumbnail";
import { stepOf, walk } from "../src/walk";
import { decodeNetwork, type Wire } from "../src/wire";
import { preview } from "../src/preview";
import { createCase, pruningNow, type Case } from "./support";

const wireOf = (c: Case): Wire => ({ read: (trait) => c.model.get(trait), writeSelection: () => {}, send: () => true, busy: () => null });
const none = { pending: [], drag: null };

describe("snapshot", () => {
  it("is the same until something changes", () => {
    const c = createCase();
    const read = createReader(wireOf(c));
    const [a, b] = [read(none), read(none)];
    expect(a?.scene).toBe(b?.scene);
    expect(a?.inPlay).toBe(b?.inPlay);
    c.model.set("selection", [[0, 0, 0]]);
    expect(read(none)?.scene).not.toBe(a?.scene);
    expect(read(none)?.inPlay).toBe(a?.inPlay);
  });

  it("shows the threshold under the hand before the one asked for, and that before the trait", () => {
    const c = createCase();
    c.model.set("threshold", 0.001);
    const read = createReader(wireOf(c));
    const pending = [{ type: "set_threshold", threshold: 0.01 }] as const;
    expect(read({ pending, drag: { threshold: 0.1 } })?.threshold).toBe(0.1);
    expect(read({ pending, drag: null })?.threshold).toBe(0.01);
    expect(read(none)?.threshold).toBe(0.001);
    expect(read(none)?.previewing).toBe(true);
  });

  it("leaves out of play what was decided by hand", () => {
    const c = createCase();
    c.python.apply({ type: "prune", edges: [[0, 0, 0]], nodes: [] });
    c.python.apply({ type: "keep", edges: [[1, 0, 0]], nodes: [] });
    c.python.write();
    expect(createReader(wireOf(c))(none)?.inPlay).toHaveLength(13);
  });

  it("drops from the selection what the network does not have", () => {
    const c = createCase();
    c.model.set("selection", [[0, 0, 0], [0, 0, 0], [7, 7, 7], [1, 2], [9, 9], []]);
    expect(createReader(wireOf(c))(none)?.parts).toEqual([[0, 0, 0], [1, 2]]);
  });

  it("is null without a network", () => {
    const c = createCase();
    c.model.set("network", {});
    expect(createReader(wireOf(c))(none)).toBeNull();
  });
});

describe("voices", () => {
  it("tell what lives, goes, is gone and is dead", () => {
    const c = createCase();
    c.python.apply({ type: "prune", edges: [[1, 1, 0]], nodes: [] });
    c.python.write();
    const rule = { topology: c.t, scores: c.scores, criterion: "l1", structure: "edge" } as const;
    const now = pruningNow(c);
    const { edges, nodes } = voices(c.t, now, preview(rule, now, 0.01));
    expect([edges[0], edges[4], edges[11], edges[2]]).toEqual([INK, GOES, PRUNED, DEAD]);
    expect([nodes[2], nodes[4], nodes[3]]).toEqual([INK, GOES, DEAD]);
  });

  it("show what comes back in ink while the threshold goes down", () => {
    const c = createCase();
    c.python.apply({ type: "set_threshold", threshold: 0.01 });
    c.python.write();
    const rule = { topology: c.t, scores: c.scores, criterion: "l1", structure: "edge" } as const;
    const now = pruningNow(c);
    expect(voices(c.t, now, preview(rule, now, 0)).edges.every((v) => v === INK)).toBe(true);
  });
});

describe("strength", () => {
  it("grows with the score and never vanishes", () => {
    const share = shares(Float32Array.of(0, 0.1, 0.5, NaN, 1), 5);
    const found = strengths(share);
    expect([...share]).toEqual([0, Math.fround(0.1), 0.5, 0, 1]);
    expect(Math.min(...found)).toBeGreaterThan(0.1);
    expect(found[4]).toBe(1);
    expect(shares(new Float32Array(3), 3).every((s) => s > 0)).toBe(true);
  });

  it("orders edges with what is not a number last", () => {
    expect([...strongestFirst(Float32Array.of(0.1, NaN, 3, 0.1), 4)]).toEqual([2, 0, 3, 1]);
    expect(rankOf(Float32Array.of(0.1, 5, 3, 0.1), 0)).toBe(3);
  });
});

describe("names", () => {
  it("are those of the contract", () => {
    const c = createCase();
    c.python.apply({ type: "keep", edges: [[0, 0, 2]], nodes: [] });
    c.python.apply({ type: "prune", edges: [[1, 1, 0]], nodes: [] });
    c.python.write();
    const scores = c.scores.edge[0] ?? new Float32Array();
    const label = (e: number): string => edgeLabel(c.net, pruningNow(c), scores, e);
    expect(label(4)).toBe("edge x1 to h3, score 0.00080, active, kept");
    expect(label(11)).toBe("edge h2 to y, score 0.030, pruned");
    expect(label(2)).toBe("edge x1 to h2, score 0.021, dead");
    const nodes = c.scores.node[0] ?? new Float32Array();
    expect(nodeLabel(c.net, pruningNow(c), nodes, 3)).toBe("node h2, score 0.021, dead");
    expect(networkLabel(c.net)).toBe("Kolmogorov-Arnold network x1, x2 to y");
    expect(networkLabel(createCase({ widths: [9, 1] }).net)).toBe("Kolmogorov-Arnold network x1, x2, x3, x4, x5, x6 and 3 more to y");
  });
});

describe("options", () => {
  const snapshotOf = (c: Case) => {
    const found = createReader(wireOf(c))(none);
    if (!found) throw new Error("no snapshot");
    return found;
  };

  it("are all parts of a small network", () => {
    expect(optionsOf(snapshotOf(createCase()), null)).toHaveLength(15 + 8);
  });

  it("are the nodes, the strongest edges and what is selected of a large one", () => {
    const c = createCase({ widths: [64, 16, 10] });
    const weakest = snapshotOf(c).scene.order.at(-1) ?? 0;
    c.model.set("selection", [c.python.edges[weakest]]);
    const options = optionsOf(snapshotOf(c), null);
    expect(options).toHaveLength(401 + 90);
    expect(options).toContainEqual({ kind: "edge", number: weakest });
  });

  it("have keys", () => {
    for (const hit of [{ kind: "edge", number: 12 }, { kind: "node", number: 0 }] as const) expect(hitOf(keyOf(hit))).toEqual(hit);
    expect(hitOf("x1")).toBeNull();
    expect(hitOf(undefined)).toBeNull();
  });
});

describe("pick", () => {
  const c = createCase();
  const place = layout(c.t, { width: 640, height: 330 }, "up");

  it("finds nodes, thumbnails and links", () => {
    const [bx, by] = [place.boxX[3] ?? 0, place.boxY[3] ?? 0];
    expect(pick(c.t, place, bx + 5, by - 5, 1)).toEqual({ kind: "edge", number: 3 });
    expect(pick(c.t, place, place.nodeX[0] ?? 0, place.nodeY[0] ?? 0, 1)).toEqual({ kind: "node", number: 0 });
    expect(pick(c.t, place, bx, by - (place.side[0] ?? 0) / 2 - 8, 1)).toEqual({ kind: "edge", number: 3 });
    expect(pick(c.t, place, 2, 2, 1)).toBeNull();
  });

  it("finds the cell of a matrix anywhere in its column, and a thumbnail only where it is", () => {
    const large = createCase({ widths: [30, 20, 10] });
    const crowded = layout(large.t, { width: 640, height: 330 }, "up");
    const px = crowded.width / 640;
    const at = (e: number): [number, number] => [crowded.boxX[e] ?? 0, crowded.boxY[e] ?? 0];
    const [x, y] = at(250);
    const pitch = at(251)[0] - x;
    expect(crowded.matrix[0]).toBe(20);
    expect(pitch).toBeGreaterThan(2 * (crowded.side[0] ?? 0));
    for (const by of [-0.45, 0, 0.45]) expect(pick(large.t, crowded, x + by * pitch, y, px)).toEqual({ kind: "edge", number: 250 });
    expect(pick(large.t, crowded, x + 0.55 * pitch, y, px)).toEqual({ kind: "edge", number: 251 });
    expect(pick(large.t, crowded, x + 0.45 * pitch, y, px / 8)).not.toEqual({ kind: "edge", number: 250 });
  });

  it("measures the distance to a curve", () => {
    expect(distance([0, 0, 0, 5, 0, 5, 0, 10], 3, 5)).toBeCloseTo(3, 3);
  });

  it("finds everything in a rectangle", () => {
    expect(pickAll(place, { x0: 0, y0: 0, x1: place.width, y1: place.height })).toHaveLength(23);
    expect(pickAll(place, { x0: 0, y0: 0, x1: 1, y1: 1 })).toEqual([]);
  });
});

describe("walk", () => {
  const c = createCase();
  const scores = c.scores.edge[0] ?? new Float32Array();
  const place = layout(c.t, { width: 640, height: 330 }, "up");

  it("goes from node to strongest edge to node and back", () => {
    const edge = walk(c.t, place, scores, { kind: "node", number: 0 }, "forward");
    expect(edge).toEqual({ kind: "edge", number: 0 });
    const node = walk(c.t, place, scores, { kind: "edge", number: 0 }, "forward");
    expect(node).toEqual({ kind: "node", number: 2 });
    expect(walk(c.t, place, scores, { kind: "edge", number: 0 }, "back")).toEqual({ kind: "node", number: 0 });
  });

  it("goes along a layer and stops at its rim", () => {
    expect(walk(c.t, place, scores, { kind: "node", number: 2 }, "next")).toEqual({ kind: "node", number: 3 });
    expect(walk(c.t, place, scores, { kind: "node", number: 2 }, "previous")).toBeNull();
    expect(walk(c.t, place, scores, { kind: "edge", number: 0 }, "next")).toEqual({ kind: "edge", number: 1 });
    expect(walk(c.t, place, scores, { kind: "node", number: 7 }, "forward")).toBeNull();
  });

  it("turns with the picture", () => {
    expect([stepOf("ArrowUp", "up"), stepOf("ArrowRight", "right"), stepOf("a", "up")]).toEqual(["forward", "forward", null]);
  });
});

describe("camera", () => {
  it("fits, zooms about a point and stays in range", () => {
    const fitted = cameras.fit({ width: 200, height: 100 }, { width: 100, height: 100 });
    expect(fitted).toEqual({ k: 0.5, x: 0, y: 25 });
    const range = cameras.zoomRange(0.5, 40);
    const near = cameras.zoomAt(fitted, 2, 30, 40, range);
    expect((30 - near.x) / near.k).toBeCloseTo((30 - fitted.x) / fitted.k);
    expect(cameras.zoomAt(fitted, 1e9, 0, 0, range).k).toBe(range.most);
    expect(cameras.zoomAt(fitted, 1e-9, 0, 0, range).k).toBe(range.least);
  });

  it("keeps some of the world in view and reveals what is outside", () => {
    const view = { width: 100, height: 100 };
    const away = cameras.pan({ k: 1, x: 0, y: 0 }, 1e6, -1e6, { width: 300, height: 300 }, view);
    expect(away).toEqual({ k: 1, x: 52, y: -252 });
    expect(cameras.reveal({ k: 1, x: 0, y: 0 }, 50, 50, view)).toEqual({ k: 1, x: 0, y: 0 });
    expect(cameras.reveal({ k: 1, x: 0, y: 0 }, 150, 50, view)).toEqual({ k: 1, x: -82, y: 0 });
  });
});

describe("thumbnails", () => {
  it("fill their frame, and lie in the middle when constant", () => {
    const { net } = createCase();
    const path = thumbnail(net, 0, 64);
    const y = path.filter((_, i) => i % 2 === 1);
    expect([Math.min(...y), Math.max(...y)]).toEqual([0, 1]);
    const flat = decodeNetwork({ widths: [1, 1], points: 3 });
    expect(flat && [...thumbnail(flat, 0, 9)]).toEqual([0, 0.5, 0.5, 0.5, 1, 0.5]);
  });

  it("give no curve where the range is unknown", () => {
    const bare = decodeNetwork({ widths: [1, 1], points: 2, low: Float32Array.of(NaN), high: Float32Array.of(NaN) });
    expect(bare && curveOf(bare, 0)).toBeNull();
    expect(curveOf(createCase().net, 0)?.y).toHaveLength(40);
  });

  it("clip names to their room", () => {
    const measure = (text: string): number => text.length * 7;
    expect([clip(measure, "alcohol", 60), clip(measure, "alcalinity", 42), clip(measure, "alcalinity", 10)]).toEqual(["alcohol", "alcal…", ""]);
  });
});

describe("keys", () => {
  const press = (key: string, held: Partial<Record<"ctrlKey" | "metaKey" | "shiftKey" | "altKey", boolean>> = {}) =>
    ({ key, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...held });

  it("mean what the contract says", () => {
    expect(["Delete", "Backspace", "r", "K", "f", "+", "=", "-", "Escape"].map((key) => keyAction(press(key)))).toEqual(
      ["prune", "prune", "restore", "keep", "fit", "in", "in", "out", "clear"]);
    expect(keyAction(press("z", { ctrlKey: true }))).toBe("undo");
    expect(keyAction(press("Z", { metaKey: true, shiftKey: true }))).toBe("redo");
    expect(keyAction(press("y", { ctrlKey: true }))).toBe("redo");
    expect([press("r", { ctrlKey: true }), press("k", { altKey: true }), press("q")].map(keyAction)).toEqual([null, null, null]);
  });

  it("are ours unless they belong to the page", () => {
    expect([press("r"), press("ArrowUp"), press("Enter"), press("z", { ctrlKey: true })].every(isOurs)).toBe(true);
    expect([press("s", { ctrlKey: true }), press("Enter", { shiftKey: true, ctrlKey: true }), press("F5")].some(isOurs)).toBe(false);
  });

  it("step the slider", () => {
    expect(["ArrowRight", "ArrowDown", "PageUp", "PageDown", "Home", "End", "x"].map((key) => sliderStep(press(key))))
      .toEqual([1, -1, 10, -10, -Infinity, Infinity, null]);
  });
});

/** Contrast as WCAG 2 defines it. */
function contrast(a: string, b: string): number {
  const luminance = (hex: string): number => {
    const [r = 0, g = 0, bl = 0] = [1, 3, 5].map((i) => {
      const c = parseInt(hex.slice(i, i + 2), 16) / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * bl;
  };
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

describe.each(["light", "dark"] as const)("the %s palette", (name) => {
  const palette = PALETTES[name];

  it.each(["ink", "mute", "faint", "accent", "cut"] as const)("lets %s be read on both backgrounds", (voice) => {
    expect(contrast(palette[voice], palette.bg)).toBeGreaterThanOrEqual(4.5);
    expect(contrast(palette[voice], palette.panel)).toBeGreaterThanOrEqual(4.5);
  });

  it("lets a chosen segment and an error be read", () => {
    expect(contrast(palette.accent, palette.accentBg)).toBeGreaterThanOrEqual(4.5);
    expect(contrast(palette.ink, palette.cutBg)).toBeGreaterThanOrEqual(4.5);
    expect(contrast(palette.cut, palette.cutBg)).toBeGreaterThanOrEqual(3);
  });
});
