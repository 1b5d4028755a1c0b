import { describe, expect, it, vi } from "vitest";
import { Store } from "../src/store";
import { connect } from "../src/wire";
import { createCase } from "./support";

function createStore() {
  const c = createCase();
  c.python.hold = true;
  const life = new AbortController();
  const changed = vi.fn();
  const store: Store = new Store(
    connect(c.model as never, life.signal, {
      changed,
      message: (message) => {
        if (message.type !== "sheets" && message.type !== "answer") store.hear(message);
      },
    }),
    life.signal,
    changed,
  );
  const sent = () => c.model.sent as { id: string; revision: number; ops: { type: string }[] }[];
  return { ...c, store, changed, life, sent };
}

const edgesOn = (store: Store): number => (store.snapshot()?.pruning.edges ?? new Uint8Array()).filter((bits) => bits & 1).length;

describe("Store", () => {
  it("shows what was asked, and goes on showing it when the answer overtakes the traits", () => {
    const { store, model, python, sent } = createStore();
    store.edit("prune", [[0, 0, 2]]);
    expect(edgesOn(store)).toBe(14);
    const [message] = sent();
    model.emit("msg:custom", { type: "ack", id: message?.id, revision: python.revision + 1 }, []);
    expect(edgesOn(store)).toBe(14);
    expect(store.pending).toBe(true);
    python.answer(message);
    expect(edgesOn(store)).toBe(14);
    expect(store.pending).toBe(false);
  });

  it("sends what waited against the revision of the answer", () => {
    const { store, model, python, sent } = createStore();
    store.edit("prune", [[0, 0, 2]]);
    store.ask({ type: "undo" });
    const before = python.revision;
    model.emit("msg:custom", { type: "ack", id: sent()[0]?.id, revision: before + 1 }, []);
    expect(sent().map(({ revision, ops }) => [revision, ops[0]?.type])).toEqual([[before, "prune"], [before + 1, "undo"]]);
  });

  it("rolls back what was refused and says why, until the next success", () => {
    const { store, python } = createStore();
    python.refuse = "no";
    store.edit("prune", [[0, 0, 2]]);
    python.release();
    expect(edgesOn(store)).toBe(15);
    expect(store.notice).toMatchObject({ kind: "error", text: "no" });
    store.edit("prune", [[0, 0, 2]]);
    expect(store.notice).not.toBeNull();
    return Promise.resolve().then(() => {
      expect(edgesOn(store)).toBe(14);
      expect(store.notice).toBeNull();
    });
  });

  it("does not dismiss what Python says along with its answer", () => {
    const { store, model, python } = createStore();
    store.edit("prune", [[0, 0, 2]]);
    model.set("notice", { id: "7", kind: "info", text: "h3 has no way out any more" });
    python.release();
    expect(store.notice?.text).toBe("h3 has no way out any more");
    store.dismiss();
    expect(store.notice).toBeNull();
  });

  it("asks for the threshold once, when it is let go", () => {
    const { store, sent } = createStore();
    [0.001, 0.002, 0.01].forEach((v) => store.drag(v));
    expect(sent()).toHaveLength(0);
    store.drop(true);
    store.drop(true);
    expect(sent().flatMap((message) => message.ops)).toEqual([{ type: "set_threshold", threshold: 0.01 }]);
    store.drag(0.5);
    store.drop(false);
    expect(sent()).toHaveLength(1);
  });

  it("asks for the threshold of a layer, and for one for all of them again", () => {
    const { store, python, sent } = createStore();
    const asked = () => sent().flatMap((message) => message.ops).slice(-1)[0];
    store.drag(0.01, 1);
    expect(store.snapshot()).toMatchObject({ threshold: 0, cut: [0, 0.01], previewing: true });
    store.drop(true);
    expect(asked()).toEqual({ type: "set_threshold", threshold: 0.01, layer: 1 });
    expect(store.snapshot()).toMatchObject({ threshold: 0, cut: [0, 0.01], previewing: false });
    python.release();
    store.drag(0.01, 1);
    store.drop(true);
    expect(sent()).toHaveLength(1); // it is there already
    store.drag(0);
    expect(store.snapshot()).toMatchObject({ cut: 0, previewing: true });
    store.drop(true);
    expect(asked()).toEqual({ type: "set_threshold", threshold: 0 });
    expect(store.snapshot()).toMatchObject({ cut: 0, previewing: false });
  });

  it("asks for a detail once, and for all anew once curves have moved", () => {
    const { store, model, python } = createStore();
    const ask = () => {
      const snapshot = store.snapshot();
      return snapshot && store.detail(snapshot, [0, 0, 0]);
    };
    expect([ask(), ask()]).toEqual([null, null]);
    expect(model.sent).toHaveLength(1);
    python.release();
    expect(ask()?.x).toHaveLength(160);
    model.set("network", { ...model.get("network") });
    expect([ask()?.x.length, ask()?.x.length]).toEqual([160, 160]); // until the answer the last one is shown
    expect(model.sent).toHaveLength(2);
  });

  it("tells when an answer is late", () => {
    vi.useFakeTimers();
    const { store, python } = createStore();
    store.edit("prune", [[0, 0, 2]]);
    store.edit("prune", [[0, 0, 3]]);
    expect(store.late).toBe(0);
    vi.advanceTimersByTime(450);
    expect(store.late).toBe(2);
    python.release();
    vi.useRealTimers();
    return Promise.resolve().then(() => expect(store.late).toBe(0));
  });

  it("toggles with add, and only adds with include", () => {
    const { store, model } = createStore();
    store.select([[0, 0, 0]]);
    store.select([[1, 2]], true);
    store.select([[0, 0, 0]], true);
    expect(model.get("selection")).toEqual([[1, 2]]);
    store.include([[1, 2], [0, 1, 0]]);
    expect(model.get("selection")).toEqual([[1, 2], [0, 1, 0]]);
  });
});
