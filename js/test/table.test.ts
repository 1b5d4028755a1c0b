import { describe, expect, it } from "vitest";
import { CELL, groups, inkOf, pathOf, rectangle, SHADES, shadesOf, valueAt } from "../src/sheets/heat";
import { type Kind, type Listing, listingOf, ranksOf, rowsOf } from "../src/sheets/listing";
import { createReader, type Snapshot } from "../src/snapshot";
import { createCase } from "./support";

const EDITS = [
  { type: "prune", edges: [[0, 0, 1], [1, 2, 0]], nodes: [] },
  { type: "keep", edges: [[0, 1, 0]], nodes: [] },
  { type: "set_threshold", threshold: 0.004 },
];

function snapshotOf(options: Parameters<typeof createCase>[0] = {}, change: (traits: Record<string, any>) => void = () => {}): Snapshot {
  const c = createCase(options);
  EDITS.forEach((op) => c.python.apply(op));
  c.python.write();
  c.model.set("selection", [[0, 0, 0], [1, 3]]);
  change(c.traits);
  const read = createReader({ read: (trait) => c.model.get(trait), writeSelection: () => {}, send: () => true, busy: () => null });
  return read({ pending: [], drag: null }) as Snapshot;
}

const list = (snapshot: Snapshot, kind: Kind = "edge"): Listing => listingOf(snapshot, kind, ranksOf(snapshot.scene.order));

/** What a row says of itself, by the columns that are shown. */
const shown = (listing: Listing, row: number): Record<string, string> =>
  Object.fromEntries(listing.columns.map((column) => [column.id, column.text(row)]));

const found = (listing: Listing, query: string): Record<string, string>[] =>
  Array.from(rowsOf(listing, query, { id: "", down: false }), (row) => shown(listing, row));

describe("the table", () => {
  const listing = list(snapshotOf());

  it("has every edge with its ends, scores, standing and rank", () => {
    expect(listing.columns.map((column) => column.id)).toEqual(["rank", "from", "to", "layer", "l1", "std", "attribution", "standing"]);
    const all = found(listing, "");
    expect(all).toHaveLength(15);
    expect(all[2]).toMatchObject({ rank: "7", from: "x1", to: "h2", layer: "0", l1: "0.021", standing: "pruned by hand" });
    expect(all[1]).toMatchObject({ rank: "3", from: "x2", to: "h1", standing: "active, kept" });
    expect(new Set(all.map((row) => row["rank"])).size).toBe(15);
  });

  it("has every node with its active edges, and no scores of outputs", () => {
    const nodes = list(snapshotOf(), "node");
    const all = found(nodes, "");
    expect(all.map((row) => row["name"])).toEqual(["x1", "x2", "h1", "h2", "h3", "h4", "h5", "y"]);
    expect(all[7]).toMatchObject({ in: "4", out: "0", l1: "–" });
    expect(all[4]).toMatchObject({ name: "h3", standing: "pruned" });
  });

  it.each(["rank", "from", "to", "l1", "std", "standing"])("sorts by %s, both ways, as one would by hand", (id) => {
    const column = listing.columns.find((c) => c.id === id);
    for (const down of [false, true]) {
      const values = Array.from(rowsOf(listing, "", { id, down }), (row) => column?.value(row) ?? NaN);
      expect(values).toEqual([...values].sort((a, b) => (down ? b - a : a - b)));
    }
  });

  it("puts what has no number last, whichever way it is sorted", () => {
    const scores = [0.3, NaN, 0.1, 0.2];
    const few = list(snapshotOf({ widths: [2, 1, 2], scores }));
    for (const down of [false, true]) expect(rowsOf(few, "", { id: "l1", down }).at(-1)).toBe(1);
    expect(Array.from(rowsOf(few, "score<0.25", { id: "l1", down: true }))).toEqual([3, 2]);
  });
});

describe("search", () => {
  const listing = list(snapshotOf());
  const all = found(listing, "");
  const by = (test: (row: Record<string, string>) => boolean): Record<string, string>[] => all.filter(test);

  it.each([
    ["x1", (r: Record<string, string>) => r["from"] === "x1"],
    ["X1", (r: Record<string, string>) => r["from"] === "x1"],
    ["h2", (r: Record<string, string>) => r["from"] === "h2" || r["to"] === "h2"],
    ["h2 -> y", (r: Record<string, string>) => r["from"] === "h2" && r["to"] === "y"],
    ["x1→h3", (r: Record<string, string>) => r["from"] === "x1" && r["to"] === "h3"],
    ["-> y", (r: Record<string, string>) => r["to"] === "y"],
    ["x2 ->", (r: Record<string, string>) => r["from"] === "x2"],
    ["h", (r: Record<string, string>) => /h/.test(`${r["from"]}${r["to"]}`)],
    ["pruned", (r: Record<string, string>) => /pruned/.test(r["standing"] ?? "")],
    ["prun x1", (r: Record<string, string>) => /pruned/.test(r["standing"] ?? "") && r["from"] === "x1"],
    ["by hand", (r: Record<string, string>) => /hand/.test(r["standing"] ?? "")],
    ["kept", (r: Record<string, string>) => /kept/.test(r["standing"] ?? "")],
    ["selected", (r: Record<string, string>) => r["from"] === "x1" && r["to"] === "h1"],
    ["score<0.01", (r: Record<string, string>) => Number(r["l1"]) < 0.01],
    ["l1 >= 0.04, layer=0", (r: Record<string, string>) => Number(r["l1"]) >= 0.04 && r["layer"] === "0"],
    ["rank<=3", (r: Record<string, string>) => Number(r["rank"]) <= 3],
    ["active rank>5 x2", (r: Record<string, string>) => /active/.test(r["standing"] ?? "") && Number(r["rank"]) > 5 && r["from"] === "x2"],
  ] as const)("finds %s", (query, test) => {
    const expected = by(test);
    expect(expected.length).toBeGreaterThan(0);
    expect(found(listing, query)).toEqual(expected);
  });

  it.each(["x9", "nothing here", "x1 -> x2", "height>3", "score<abc", "h2 -> y x1"])("finds nothing for %s", (query) => {
    expect(found(listing, query)).toEqual([]);
  });

  it("means one node by its whole name, and a part of names by what is none", () => {
    const many = list(snapshotOf({ widths: [12, 3, 1] }));
    expect(found(many, "x1")).toHaveLength(3);
    expect(found(many, "x")).toHaveLength(36);
  });

  it("takes names with spaces whole", () => {
    const names = [["bill length", "bill"], ["h1", "h2"], ["body mass"]];
    const spaced = list(snapshotOf({ widths: [2, 2, 1], names }));
    expect(found(spaced, "bill length -> h2")).toHaveLength(1);
    expect(found(spaced, "Bill Length")).toHaveLength(2);
    expect(found(spaced, "body mass")).toHaveLength(2);
    expect(found(spaced, "bill")).toHaveLength(2);
  });
});

describe("the heat map", () => {
  it("shades by the root of the share, from nothing to the highest", () => {
    const shades = shadesOf([0, 1e-6, 0.25, 1, NaN, -1, 2], 7, 1);
    expect([...shades]).toEqual([0, 0, SHADES / 2, SHADES, 0, 0, SHADES]);
    expect(inkOf(0)).toBeGreaterThan(0);
    expect(inkOf(SHADES)).toBe(1);
    expect(valueAt(0.5, 4)).toBe(1);
  });

  it("frames rectangles whichever corners are given", () => {
    expect(rectangle(5, 10, 4)).toEqual([5, 6, 9, 10]);
    expect(rectangle(10, 5, 4)).toEqual([5, 6, 9, 10]);
    expect(rectangle(6, 9, 4)).toEqual([5, 6, 9, 10]);
    expect(rectangle(7, 7, 4)).toEqual([7]);
  });

  it("draws each cell once, in its place", () => {
    expect(pathOf([0, 5], 4)).toBe(`M0 0h${CELL}v${CELL}h-${CELL}zM${CELL} ${CELL}h${CELL}v${CELL}h-${CELL}z`);
    const found = groups((i) => i % 3, 7);
    expect([...found.values()].flat().sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(found.get(1)).toEqual([1, 4]);
  });
});
