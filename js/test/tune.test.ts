import { render } from "lit-html";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { roundNumbers } from "../src/axis";
import { linePath, lossTicks, nearest, scales } from "../src/sheets/losses";
import { decodeTraining, formatTime, shareDone, type Training } from "../src/sheets/training";
import { tune } from "../src/sheets/tune";
import { Store } from "../src/store";
import { connect, learning, type Wire } from "../src/wire";
import { FakeModel, FakePython } from "./fake.js";
import { createTraits } from "./fixture.js";

const floats = (values: number[]): DataView => new DataView(Float32Array.from(values).buffer);

const trainingOf = (more: Record<string, unknown> = {}): Training => {
  const found = decodeTraining({
    kind: "fine-tune", state: "training", step: 3, steps: 10, seconds: 2, budget: null, left: 5, limit: null,
    at: floats([0, 1, 2, 3]), train: floats([1, 0.5, 0.2, 0.1]), test: floats([1.1, 0.6, 0.3, 0.2]),
    marks: [], message: "", failed: false, start: 0, revision: null, kept: 0, before: {}, after: null, ...more,
  });
  if (!found) throw new Error("no training");
  return found;
};

describe("the training trait", () => {
  it("is null before anything was trained, and bears nonsense", () => {
    expect([undefined, null, {}, 7, { state: 3 }].map(decodeTraining)).toEqual([null, null, null, null, null]);
    const odd = decodeTraining({ state: "training", at: "AAAAAA==", train: 3, marks: [{}, 4], steps: "x", before: 7 });
    expect(odd).toMatchObject({ step: 0, steps: null, events: [{ step: 0, label: "", kept: null }, { step: 0, label: "", kept: null }] });
    expect(odd?.train).toHaveLength(1);
  });

  it("says what goes on, and nothing once it is over", () => {
    const said = ["training", "pausing", "paused", "stopping", "idle"].map((state) => learning({ state }));
    expect(said).toEqual(["training…", "pausing…", "training paused", "stopping…", ""]);
    expect(learning({})).toBe("");
  });

  it("is as far as its steps or its seconds say, whichever ends it first", () => {
    expect(shareDone(trainingOf())).toBeCloseTo(0.3);
    expect(shareDone(trainingOf({ budget: 4 }))).toBeCloseTo(0.5);
    expect(shareDone(trainingOf({ steps: null, budget: 1 }))).toBe(1);
    expect(shareDone(trainingOf({ steps: null }))).toBeNull();
  });

  it.each([[0.2, "1 s"], [42.4, "42 s"], [150, "3 min"], [7200, "2 h"]])("%s seconds are %s", (seconds, said) => {
    expect(formatTime(seconds)).toBe(said);
  });
});

describe("the picture of losses", () => {
  it("is logarithmic where losses fall far, linear where they do not, and as asked for", () => {
    expect(scales(trainingOf(), null).log).toBe(true);
    const flat = trainingOf({ train: floats([1, 0.9, 0.8, 0.7]), test: floats([1, 1, 1, 1]) });
    expect(scales(flat, null).log).toBe(false);
    expect(scales(flat, true).log).toBe(true);
    expect(scales(trainingOf({ test: floats([1, 0, 0, 0]) }), true).log).toBe(false);
  });

  it("holds every loss and the limit, and leaves room for the steps to come", () => {
    const training = trainingOf({ limit: 4 });
    const s = scales(training, null);
    const places = [...training.train, ...training.test, 4].map(s.y);
    expect(Math.min(...places)).toBeGreaterThanOrEqual(12);
    expect(Math.max(...places)).toBeLessThanOrEqual(110);
    expect(s.y(0.1)).toBeGreaterThan(s.y(0.2));
    expect(s.last).toBe(10);
    expect(scales(trainingOf({ state: "idle" }), null).last).toBe(3);
  });

  it("leaves out what is not known", () => {
    const training = trainingOf({ test: floats([NaN, 0.5, NaN, 0.2]) });
    const path = linePath(training, training.test, scales(training, null));
    expect(path.match(/[ML]/g)).toEqual(["M", "M"]);
    const none = trainingOf({ at: floats([]), train: floats([]), test: floats([]) });
    expect(linePath(none, none.test, scales(none, null))).toBe("");
  });

  it("reads the point that is nearest to the pointer", () => {
    const training = trainingOf();
    const s = scales(training, null);
    expect([0, 1, 2, 3].map((i) => nearest(training, s, s.x(i) + 3))).toEqual([0, 1, 2, 3]);
    expect(nearest(training, s, 1e4)).toBe(3);
  });

  it.each([[0, 1], [0.03, 0.05], [0, 3], [1e-7, 3e-7], [12, 40_000]])("has some round numbers from %s to %s", (low, high) => {
    const found = roundNumbers(low, high, 5);
    expect(found.length).toBeGreaterThan(2);
    expect(found.length).toBeLessThan(8);
    found.forEach((v) => expect(v >= low - 1e-12 && v <= high * (1 + 1e-9)).toBe(true));
    found.forEach((v) => expect(String(v).length).toBeLessThan(9));
  });

  it.each([[1e-6, 1], [0.01, 0.09], [0.2, 0.5]])("has one to five numbers on its scale from %s to %s", (low, high) => {
    const training = trainingOf({ train: floats([high, high, low, low]), test: floats([high, high, low, low]) });
    const found = lossTicks(scales(training, true));
    expect(found.length).toBeGreaterThan(0);
    expect(found.length).toBeLessThan(6);
  });
});

describe("the sheet", () => {
  let life: AbortController;
  let el: HTMLElement;
  beforeEach(() => {
    life = new AbortController();
    el = document.createElement("div");
  });
  afterEach(() => life.abort());

  function open(options: Parameters<typeof createTraits>[0] = {}): { model: FakeModel; python: FakePython; draw(): void; wire: Wire } {
    const model = new FakeModel(createTraits(options));
    const python = new FakePython(model);
    python.hear = (message: never) => python.answer(message);
    const state = {};
    let store: Store | null = null;
    const wire = connect(model as never, life.signal, { changed: () => draw(), message: (message) => store?.hear(message as never) });
    store = new Store(wire, life.signal, () => draw());
    function draw(): void {
      const snapshot = store?.snapshot();
      if (snapshot && store) render(tune.draw({ snapshot, store, wire, request: draw, ask: () => Promise.reject(new Error()), state }) as never, el);
    }
    draw();
    return { model, python, draw, wire };
  }

  const button = (name: string): HTMLButtonElement => {
    const found = [...el.querySelectorAll<HTMLButtonElement>("button")].find((b) => b.textContent?.trim() === name);
    if (!found) throw new Error(`no button ${name}`);
    return found;
  };
  const ops = (model: FakeModel): unknown[] => model.sent.flatMap((message: { ops?: unknown[] }) => message.ops ?? []);

  it("asks for steps, for seconds, and for rounds within a budget", () => {
    const { model, python } = open();
    button("Start").click();
    expect(ops(model)).toEqual([{ type: "fine_tune", steps: 20 }]);
    python.training.tick(20);
    const unit = el.querySelector<HTMLSelectElement>("select[aria-label=Unit]");
    if (!unit) throw new Error("no unit");
    unit.value = "seconds";
    unit.dispatchEvent(new Event("change"));
    button("Start").click();
    expect(ops(model)[1]).toEqual({ type: "fine_tune", seconds: 10 });
    button("Stop").click();
    el.querySelector<HTMLInputElement>("input[aria-label=Auto-prune]")?.dispatchEvent(new Event("change"));
    const percent = el.querySelector<HTMLInputElement>("input[aria-label='Budget in percent']");
    if (!percent) throw new Error("no budget");
    percent.value = "5";
    percent.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
    expect(ops(model).slice(2)).toEqual([{ type: "stop" }, { type: "auto_prune", budget: 0.05 }]);
  });

  it("keeps its first button while its meaning changes, so that no focus is lost", () => {
    const { model } = open();
    const first = button("Start");
    first.click();
    expect(button("Pause")).toBe(first);
    first.click();
    expect(button("Resume")).toBe(first);
    first.click();
    expect(button("Pause")).toBe(first);
    expect(ops(model).map((op) => (op as { type: string }).type)).toEqual(["fine_tune", "pause", "resume"]);
  });

  it("offers to take back what nothing has followed yet", () => {
    const { model, python } = open();
    button("Start").click();
    python.training.tick(20);
    expect(el.textContent).toContain("taken back");
    button("Undo").click();
    expect(ops(model)[1]).toEqual({ type: "jump", position: 0 });
    expect(() => button("Undo")).toThrow("no button");
  });

  it("asks once, however often it is clicked before the answer", () => {
    const { model, python } = open();
    python.hold = true;
    python.hear = (message: never) => void python.held.push(message);
    button("Start").click();
    button("Start").click();
    expect(ops(model)).toHaveLength(1);
    expect(button("Start").getAttribute("aria-disabled")).toBe("true");
    python.release();
    expect(button("Pause").getAttribute("aria-disabled")).toBe("false");
  });

  it("says why it cannot be done", () => {
    const { model } = open();
    const metrics = model.get("metrics");
    model.set("metrics", { ...metrics, now: { ...metrics.now, train_loss: null, test_loss: null } });
    expect(el.textContent).toContain("Training needs labels");
    button("Start").click();
    expect(ops(model)).toEqual([]);
    model.set("metrics", { ...metrics, now: { ...metrics.now, test_loss: null } });
    expect(button("Start").getAttribute("aria-disabled")).toBe("false");
    el.querySelector<HTMLInputElement>("input[aria-label=Auto-prune]")?.dispatchEvent(new Event("change"));
    expect(el.textContent).toContain("judged on held-out rows");
    expect(button("Start").getAttribute("aria-disabled")).toBe("true");
  });
});
