import { describe, expect, it } from "vitest";
import golden from "../../tests/golden/wire.json";
import { reach } from "../src/reach";
import { ACTIVE, BY_HAND, decodeMetrics, decodeNetwork, decodePruning, decodeScores, decodeSelection, KEPT, ON } from "../src/wire";

/** The traits that Python wrote, each `{base64}` as the string that the front end takes for bytes. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  if ("base64" in value) return value.base64;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

describe("the traits that Python writes", () => {
  const net = decodeNetwork(plain(golden.network));
  if (!net) throw new Error("the network did not decode");
  const pruning = decodePruning(plain(golden.pruning), net.topology);
  const scores = decodeScores(plain(golden.scores), net.topology);

  it("decode to the network that they describe", () => {
    expect(net.topology.widths).toEqual([2, 3, 1]);
    expect(net.names).toEqual([["x1", "x2"], ["h1", "h2", "h3"], ["y"]]);
    expect(net.curves.length).toBe(9 * net.points);
    expect(net.curves.some((level) => level > 0)).toBe(true);
    expect([...net.low.slice(0, 2), ...net.high.slice(0, 2)]).toEqual([-1, -1, 1, 1]);
    expect(net.density.length).toBe(5 * net.bins);
  });

  it("hold scores that the threshold divides as Python did", () => {
    const l1 = scores.edge[scores.criteria.indexOf("l1")] ?? new Float32Array();
    expect(pruning.threshold).toBe(golden.threshold);
    pruning.edges.forEach((bits, edge) => {
      const byRule = (l1[edge] ?? 0) < pruning.threshold && !(bits & KEPT);
      expect(Boolean(bits & ON)).toBe(!byRule && !(bits & BY_HAND));
    });
  });

  it("call the same edges dead as the preview would", () => {
    const masks = Uint8Array.from(pruning.edges, (bits) => bits & ON);
    const found = reach(net.topology, masks);
    expect(Array.from(found.nodes)).toEqual(Array.from(pruning.nodes));
    expect(Array.from(found.edges, Boolean)).toEqual(Array.from(pruning.edges, (bits) => Boolean(bits & ACTIVE)));
  });

  it("bring selection, metrics and labels", () => {
    expect(decodeSelection(golden.selection).length).toBe(2);
    expect(decodeMetrics(golden.metrics)?.before.edges).toBe(9);
    expect(pruning.undo).toBe("keep edge h1 to y");
  });
});
