import { describe, expect, it, vi } from "vitest";
import { float32, toBytes, uint8 } from "../src/bytes";
import { connect, decodeMessage, decodeMetrics, decodeNetwork, decodeNotice, decodePruning, decodeScores, decodeSelection, TRAITS } from "../src/wire";
import { FakeModel } from "./fake.js";
import { createTraits } from "./fixture.js";
import { createCase, createTopology } from "./support";

/** The same bytes at an odd offset of a larger buffer. */
function displaced(values: Float32Array, by: number): DataView {
  const buffer = new Uint8Array(values.byteLength + by + 5);
  buffer.set(new Uint8Array(values.buffer), by);
  return new DataView(buffer.buffer, by, values.byteLength);
}

const base64 = (values: Float32Array): string =>
  btoa(String.fromCharCode(...new Uint8Array(values.buffer)));

describe("binary values", () => {
  const values = Float32Array.of(1.5, -2, 1e-7, 3e8);

  it.each([0, 1, 2, 3, 4, 7])("are read at byte offset %i", (by) => {
    expect(float32(displaced(values, by), 4)).toEqual(values);
  });

  it("are read from base64", () => {
    expect(float32(base64(values), 4)).toEqual(values);
    expect(uint8(btoa("\x01\x02\xff"), 3)).toEqual(Uint8Array.of(1, 2, 255));
  });

  it("are read from any view and from a bare buffer", () => {
    expect(float32(values)).toEqual(values);
    expect(float32(values.buffer)).toEqual(values);
  });

  it("are cut or padded to the length that is due", () => {
    expect(float32(values, 2)).toEqual(values.slice(0, 2));
    expect(float32(values, 5)).toEqual(Float32Array.of(...values, 0));
    expect(uint8(undefined, 2)).toEqual(Uint8Array.of(0, 0));
  });

  it("are empty when they cannot be read", () => {
    expect(toBytes("%%%").byteLength).toBe(0);
    expect(toBytes(null).byteLength).toBe(0);
  });
});

describe("traits", () => {
  it("without a network give none", () => {
    expect(decodeNetwork({})).toBeNull();
    expect(decodeNetwork(undefined)).toBeNull();
    expect(decodeNetwork({ widths: [3] })).toBeNull();
    expect(decodeNetwork({ widths: [3, 0] })).toBeNull();
  });

  it("give every edge and node its values", () => {
    const { net, scores, pruning } = createCase({ widths: [3, 4, 2] });
    expect(net.topology.edges).toBe(20);
    expect(net.curves).toHaveLength(20 * net.points);
    expect(net.low).toHaveLength(7);
    expect(scores.edge.map((s) => s.length)).toEqual([20, 20, 20]);
    expect(scores.node.map((s) => s.length)).toEqual([9, 9, 9]);
    expect(pruning.edges).toHaveLength(20);
  });

  it("may list scores instead of naming them", () => {
    const t = createTopology([1, 1]);
    const scores = decodeScores({ criteria: ["a", "b"], edge: [Float32Array.of(1), Float32Array.of(2)], node: [] }, t);
    expect(scores.edge).toEqual([Float32Array.of(1), Float32Array.of(2)]);
  });

  it("leave everything on where there is no pruning yet", () => {
    const t = createTopology([2, 2]);
    const pruning = decodePruning({}, t);
    expect([...pruning.edges]).toEqual([3, 3, 3, 3]);
    expect([...pruning.nodes]).toEqual([1, 1, 1, 1]);
    expect(pruning.limit).toBeNull();
  });

  it("fill in names that are missing", () => {
    expect(decodeNetwork({ widths: [2, 1], names: [["a"]] })?.names).toEqual([["a", "x2"], ["y1"]]);
  });

  it("tolerate empty metrics, notices and selections", () => {
    expect(decodeMetrics({})).toBeNull();
    expect(decodeNotice({})).toBeNull();
    expect(decodeSelection(null)).toEqual([]);
    expect(decodeSelection([[0, 1, 2], [1, 0], [1], "x"])).toEqual([[0, 1, 2], [1, 0]]);
  });
});

describe("messages", () => {
  it("carry a detail in three buffers", () => {
    const buffers = [Float32Array.of(0, 1), Float32Array.of(2, 3), Float32Array.of(0.5)];
    const message = decodeMessage({ type: "detail", id: "a", edge: [0, 1, 2], points: 2 }, buffers);
    const [x, y, knots] = buffers;
    const plain = { edge: [0, 1, 2], x, y, knots, past: null, removal: null, formulas: [] };
    expect(message).toEqual({ type: "detail", id: "a", detail: plain });
  });

  it("carry what an edge is worth and resembles, and its function before the last step", () => {
    const buffers = [Float32Array.of(0, 1), Float32Array.of(2, 3), Float32Array.of(0.5), Float32Array.of(4, 5)];
    const worth = { removal: { change: -0.1, error: 0.2 }, formulas: [{ text: "x", r2: 0.9 }] };
    const message = decodeMessage({ type: "detail", id: "a", edge: [0, 1, 2], points: 2, ...worth }, buffers);
    expect(message).toMatchObject({ detail: { ...worth, past: buffers[3] } });
  });

  it("carry answers", () => {
    expect(decodeMessage({ type: "answer", id: "a", value: { steps: [] } }, [])).toEqual(
      { type: "answer", id: "a", value: { steps: [] }, reason: null });
    expect(decodeMessage({ type: "answer", id: "a", reason: "no" }, [])).toMatchObject({ reason: "no" });
  });

  it("that are not ours are left alone", () => {
    expect(decodeMessage({ method: "update" }, [])).toBeNull();
    expect(decodeMessage("ack", [])).toBeNull();
  });
});

describe("connect", () => {
  it("writes a trait back where Python says that cells run again by that alone", () => {
    const model = new FakeModel(createTraits());
    const saved = vi.spyOn(model, "save_changes");
    const set = vi.spyOn(model, "set");
    const message = vi.fn();
    connect(model as never, new AbortController().signal, { changed: vi.fn(), message });
    model.emit("msg:custom", { type: "ack", id: "a", revision: 1 }, []);
    expect(saved).not.toHaveBeenCalled();
    model.emit("msg:custom", { type: "ack", id: "a", revision: 2, rerun: true }, []);
    expect(message).toHaveBeenCalledTimes(2);
    expect(set).toHaveBeenCalledWith("height", 600);
    expect(saved).toHaveBeenCalledOnce();
  });

  it("listens to every trait and to nothing once it ends", () => {
    const model = new FakeModel(createTraits());
    const life = new AbortController();
    const changed = vi.fn();
    connect(model as never, life.signal, { changed, message: vi.fn() });
    TRAITS.forEach((trait) => model.emit(`change:${trait}`, "nonsense", 1));
    expect(changed).toHaveBeenCalledTimes(TRAITS.length);
    life.abort();
    expect(model.listening).toBe(0);
  });

  it("writes copies, which a host may clone or keep", () => {
    const model = new FakeModel(createTraits());
    const wire = connect(model as never, new AbortController().signal, { changed: vi.fn(), message: vi.fn() });
    const part = Object.freeze([0, 1, 2]) as unknown as [number, number, number];
    wire.writeSelection([part]);
    expect(model.get("selection")).toEqual([[0, 1, 2]]);
  });

  it.each([
    ["is missing", undefined],
    ["throws", () => { throw new Error("no comm"); }],
  ])("says so when send %s", (_, send) => {
    const model = Object.assign(new FakeModel(createTraits()), { send });
    const wire = connect(model as never, new AbortController().signal, { changed: vi.fn(), message: vi.fn() });
    expect(wire.send({ type: "ops", id: "a", revision: 1, ops: [] })).toBe(false);
  });
});
