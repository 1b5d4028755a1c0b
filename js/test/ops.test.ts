import { describe, expect, it, vi } from "vitest";
import { append, OpsQueue } from "../src/ops";
import type { Op } from "../src/wire";

const prune = (target: number): Op => ({ type: "prune", edges: [[0, 0, target]], nodes: [] });
const threshold = (value: number): Op => ({ type: "set_threshold", threshold: value });

function createQueue(send = vi.fn((_id: string, _ops: readonly Op[]) => true)) {
  return { send, queue: new OpsQueue("view", send) };
}

const sentBy = (send: ReturnType<typeof vi.fn>): unknown[] => send.mock.calls.map(([, ops]) => ops as unknown);

describe("append", () => {
  it("keeps only the last of consecutive thresholds", () => {
    expect([threshold(1), threshold(2), prune(0), threshold(3), threshold(4)].reduce<Op[]>(append, []))
      .toEqual([threshold(2), prune(0), threshold(4)]);
  });

  it("keeps the last of each layer", () => {
    const own = (layer: number, value: number): Op => ({ type: "set_threshold", threshold: value, layer });
    expect([own(0, 1), own(0, 2), own(1, 3), own(1, 4), threshold(5)].reduce<Op[]>(append, [])).toEqual([own(0, 2), own(1, 4), threshold(5)]);
  });
});

describe("OpsQueue", () => {
  it("has one message in flight and keeps the order of the rest", () => {
    const { send, queue } = createQueue();
    [0, 1, 2, 3].forEach((i) => queue.push(prune(i)));
    expect(sentBy(send)).toEqual([[prune(0)]]);
    expect(queue.pending).toEqual([0, 1, 2, 3].map(prune));
    expect(queue.waiting).toBe(3);
    queue.answer("view-1", true);
    expect(sentBy(send)).toEqual([[prune(0)], [1, 2, 3].map(prune)]);
    queue.answer("view-2", true);
    expect(queue.pending).toEqual([]);
  });

  it("coalesces thresholds that wait, not the one in flight", () => {
    const { send, queue } = createQueue();
    [0.1, 0.2, 0.3].forEach((v) => queue.push(threshold(v)));
    queue.answer("view-1", true);
    expect(sentBy(send)).toEqual([[threshold(0.1)], [threshold(0.3)]]);
  });

  it("forgets a refused message and goes on with what waits", () => {
    const { send, queue } = createQueue();
    queue.push(prune(0));
    queue.push(prune(1));
    queue.answer("view-1", false);
    expect(queue.pending).toEqual([prune(1)]);
    expect(sentBy(send)[1]).toEqual([prune(1)]);
  });

  it("does not undo an earlier step when the one to be undone was refused", () => {
    const { queue } = createQueue();
    queue.push(prune(0));
    queue.push({ type: "undo" });
    queue.push(prune(1));
    queue.answer("view-1", false);
    expect(queue.pending).toEqual([prune(1)]);
  });

  it("ignores answers to others, and answers that come twice", () => {
    const { queue } = createQueue();
    queue.push(prune(0));
    expect(queue.answer("other-1", true)).toBeNull();
    expect(queue.answer("view-1", true)).toEqual([prune(0)]);
    expect(queue.answer("view-1", true)).toBeNull();
  });

  it("gives up what cannot be sent", () => {
    const { queue } = createQueue(vi.fn(() => false));
    expect(queue.push(prune(0))).toBe(false);
    expect(queue.pending).toEqual([]);
  });

  it("bears an answer that comes while it sends", () => {
    const queue: OpsQueue = new OpsQueue("view", (id) => queue.answer(id, true) !== null);
    expect(queue.push(prune(0))).toBe(true);
    expect(queue.pending).toEqual([]);
  });

  it("never loses or reorders a flood", () => {
    const seen: Op[] = [];
    let last = "";
    const queue = new OpsQueue("view", (id, ops) => {
      last = id;
      expect(ops.length).toBeLessThanOrEqual(500);
      seen.push(...ops);
      return true;
    });
    for (let i = 0; i < 1300; i++) queue.push(prune(i));
    while (queue.pending.length > 0) queue.answer(last, true);
    expect(seen).toEqual(Array.from({ length: 1300 }, (_, i) => prune(i)));
  });
});
