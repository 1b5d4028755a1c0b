import { describe, expect, it } from "vitest";
import { createReader, type Snapshot } from "../src/snapshot";
import { scaleFor } from "../src/sheets/save";
import { MOST, picture, type Taste } from "../src/sheets/svg";
import type { Wire } from "../src/wire";
import { createCase, type Case } from "./support";

const PLAIN: Taste = { orientation: "up", theme: "light", clear: false, gone: true };
const wireOf = (c: Case): Wire => ({ read: (trait) => c.model.get(trait), writeSelection: () => {}, send: () => true, busy: () => null });

function snapshotOf(c: Case): Snapshot {
  const found = createReader(wireOf(c))({ pending: [], drag: null });
  if (!found) throw new Error("no network");
  return found;
}

/** A network in which three edges and a node are gone and one is kept. */
function pruned(): Case {
  const c = createCase();
  c.python.apply({ type: "set_threshold", threshold: 0.003 });
  c.python.apply({ type: "keep", edges: [[0, 0, 0]], nodes: [] });
  c.python.write();
  return c;
}

/** Read as a program for drawing would; the text is what follows the declaration. */
const parse = (text: string): Document => new DOMParser().parseFromString(text.slice(text.indexOf("?>") + 2), "text/xml");
const count = (text: string, pattern: RegExp): number => [...text.matchAll(pattern)].length;

describe("the picture of a network as SVG", () => {
  it("has every edge with its function, every node and every name", () => {
    const { text, drawn, of } = picture(snapshotOf(createCase()), PLAIN);
    expect([drawn, of]).toEqual([15, 15]);
    expect(count(text, /<g id="edge-/g)).toBe(15);
    expect(count(text, /<polyline /g)).toBe(15);
    expect(count(text, /<g id="node-/g)).toBe(8);
    expect(parse(text).querySelector("#edge-0-0-2 title")?.textContent).toMatch(/^edge x1 to h3, score 0\.\d+, active$/);
    expect([...parse(text).querySelectorAll("#names text")].map((name) => name.textContent)).toEqual(["x1", "x2", "h1", "h2", "h3", "h4", "h5", "y"]);
    expect(text).not.toMatch(/foreignObject|NaN|undefined|class=/);
  });

  it("shows what is gone as dashed ghosts, or leaves it out", () => {
    const snapshot = snapshotOf(pruned());
    const all = picture(snapshot, PLAIN);
    const gone = snapshot.scene.edgeVoice.filter((voice) => voice !== 0).length;
    expect(gone).toBe(3);
    expect(count(all.text, /<rect [^>]*stroke-dasharray/g)).toBe(gone);
    expect(count(all.text, /<path [^>]*stroke-dasharray/g)).toBe(gone);
    const kept = picture(snapshot, { ...PLAIN, gone: false });
    expect(kept.drawn).toBe(15 - gone);
    expect(kept.text).not.toContain("stroke-dasharray");
    expect(kept.text).not.toContain('id="node-1-2"');
    expect(all.text).toContain('id="node-1-2"');
  });

  it("does not show what is selected", () => {
    const c = pruned();
    const before = picture(snapshotOf(c), PLAIN).text;
    c.model.set("selection", [[0, 0, 0], [1, 1]]);
    expect(picture(snapshotOf(c), PLAIN).text).toBe(before);
  });

  it("holds names that would be markup, and no letter that XML does not know", () => {
    const names = [["<a & \"b\">\u0007", "\ud800"], ["h", "h", "h", "h", "h"], ["y"]];
    const { text } = picture(snapshotOf(createCase({ names })), PLAIN);
    expect(text).toContain("&lt;a &amp; &quot;b&quot;&gt;\ufffd");
    expect(text).not.toMatch(/[\u0007\ud800]/);
    expect(parse(text).querySelector("title")?.textContent).toContain("<a & \"b\">");
  });

  it("has a background unless it is to be clear", () => {
    const snapshot = snapshotOf(createCase());
    expect(picture(snapshot, { ...PLAIN, theme: "dark" }).text).toContain('id="background" width="100%" height="100%" fill="#15181d"');
    expect(picture(snapshot, { ...PLAIN, clear: true }).text).not.toContain("background");
  });

  it("takes the strongest edges of a large network, and says so", () => {
    const c = createCase({ widths: [784, 64, 10] });
    const snapshot = snapshotOf(c);
    const { text, drawn, of } = picture(snapshot, PLAIN);
    expect([drawn, of]).toEqual([MOST, 50_816]);
    expect(text).toContain("<desc>The 2,000 strongest of 50,816 edges. ");
    const strongest = [...snapshot.scene.order].slice(0, MOST);
    const weakest = Math.min(...strongest.map((e) => snapshot.edgeScores[e] ?? 0));
    for (const [, found] of text.matchAll(/<title>edge [^,]*, score ([\d.e-]+)/g)) expect(Number(found)).toBeGreaterThanOrEqual(weakest * 0.99);
    expect(text.length).toBeLessThan(3_000_000);
  });

  it("is drawn no larger than browsers can", () => {
    expect(scaleFor({ text: "", width: 640, height: 420, drawn: 0, of: 0 }, 4)).toBe(4);
    expect(16_384 / scaleFor({ text: "", width: 8192, height: 420, drawn: 0, of: 0 }, 4)).toBe(8192);
    expect(scaleFor({ text: "", width: 10_000, height: 12_000, drawn: 0, of: 0 }, 4)).toBe(1);
  });
});
