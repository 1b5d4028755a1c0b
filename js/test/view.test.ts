import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import widget from "../src/index";
import { FakeModel, FakePython } from "./fake.js";
import { createTraits } from "./fixture.js";

/** What is still listened to, observed or waited for outside the widget's own element. */
class Ledger {
  listeners = 0;
  observers = 0;
  frames = new Set<number>();
  timers = new Set<unknown>();
}

function watch(ledger: Ledger): void {
  const query = window.matchMedia("all");
  vi.spyOn(window, "matchMedia").mockReturnValue(query);
  for (const target of [window, document, query]) {
    const [add, remove] = [target.addEventListener, target.removeEventListener] as EventTarget["addEventListener"][];
    vi.spyOn(target as EventTarget, "addEventListener").mockImplementation((type, callback, options) => {
      const signal = typeof options === "object" ? options?.signal : undefined;
      ledger.listeners++;
      signal?.addEventListener("abort", () => ledger.listeners--, { once: true });
      add?.call(target, type, callback, options);
    });
    vi.spyOn(target as EventTarget, "removeEventListener").mockImplementation((type, callback, options) => {
      ledger.listeners--;
      remove?.call(target, type, callback, options);
    });
  }
  for (const kind of [ResizeObserver, MutationObserver]) {
    const watched = new WeakSet<object>();
    vi.spyOn(kind.prototype, "observe").mockImplementation(function (this: object) {
      if (!watched.has(this)) ledger.observers++;
      watched.add(this);
    });
    vi.spyOn(kind.prototype, "disconnect").mockImplementation(function (this: object) {
      if (watched.delete(this)) ledger.observers--;
    });
  }
  let id = 0;
  vi.stubGlobal("requestAnimationFrame", () => (ledger.frames.add(++id), id));
  vi.stubGlobal("cancelAnimationFrame", (frame: number) => ledger.frames.delete(frame));
  const [set, clear] = [globalThis.setTimeout, globalThis.clearTimeout];
  vi.stubGlobal("setTimeout", (run: () => void, after: number) => {
    const timer = set(run, after);
    ledger.timers.add(timer);
    return timer;
  });
  vi.stubGlobal("clearTimeout", (timer: ReturnType<typeof setTimeout>) => (ledger.timers.delete(timer), clear(timer)));
}

const open = (model: FakeModel, el: HTMLElement, signal?: AbortSignal): (() => void) =>
  widget.render({ model, el, signal } as never);

const rootOf = (el: HTMLElement): ShadowRoot => el.firstElementChild?.shadowRoot as ShadowRoot;

beforeEach(() => document.body.replaceChildren());
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe("render", () => {
  it("leaves nothing behind, a hundred times over", () => {
    const ledger = new Ledger();
    watch(ledger);
    const model = new FakeModel(createTraits());
    const python = new FakePython(model);
    python.hold = true;
    const el = document.createElement("div");
    document.body.append(el);
    for (let i = 0; i < 100; i++) {
      const end = open(model, el);
      model.set("selection", [[0, 0, i % 5]]);
      rootOf(el).querySelector<HTMLButtonElement>("button[aria-label=Prune]")?.click();
      expect(ledger.listeners + ledger.observers + model.listening).toBeGreaterThan(0);
      end();
      end();
    }
    expect(el.childNodes).toHaveLength(0);
    expect(model.listening).toBe(0);
    expect([ledger.listeners, ledger.observers, ledger.frames.size, ledger.timers.size]).toEqual([0, 0, 0, 0]);
  }, 60_000);

  it("ends with the host's signal, too", () => {
    const model = new FakeModel(createTraits());
    const life = new AbortController();
    const el = document.createElement("div");
    open(model, el, life.signal);
    expect(model.listening).toBeGreaterThan(0);
    life.abort();
    expect(model.listening).toBe(0);
    expect(el.childNodes).toHaveLength(0);
  });

  it.each([
    ["nothing at all", {}],
    ["an empty network", { network: {}, scores: {}, pruning: {}, metrics: {}, notice: {}, selection: [] }],
    ["a network only", { network: createTraits().network }],
    ["nonsense", { network: 3, scores: "x", pruning: null, threshold: "y", selection: 7, height: -1, theme: 4 }],
  ])("bears %s", (_, traits) => {
    const el = document.createElement("div");
    document.body.append(el);
    const end = open(new FakeModel(traits), el);
    expect(rootOf(el).querySelector("[role=region]")?.getAttribute("aria-label")).toContain("Kolmogorov-Arnold network");
    end();
  });

  it.each([[[1, 1]], [[2, 5, 1]], [[10, 5, 1]], [[64, 16, 10]]])("names the parts of %j", (widths) => {
    const model = new FakeModel(createTraits({ widths }));
    const python = new FakePython(model);
    const el = document.createElement("div");
    document.body.append(el);
    const end = open(model, el);
    const root = rootOf(el);
    for (const label of ["Undo", "Redo", "Score by", "Compensation", "Prune", "Inspector", "Metrics", "Threshold", "Network diagram"]) {
      expect(root.querySelector(`[aria-label="${label}"]`), label).not.toBeNull();
    }
    expect(python.edges.length).toBeGreaterThan(0);
    end();
  });

  it("keeps views of one model apart and in step", () => {
    const model = new FakeModel(createTraits());
    new FakePython(model);
    const [a, b] = [document.createElement("div"), document.createElement("div")];
    document.body.append(a, b);
    const ends = [open(model, a), open(model, b)];
    const listening = model.listening;
    ends[0]?.();
    expect(model.listening).toBe(listening / 2);
    expect(b.childNodes).toHaveLength(1);
    ends[1]?.();
  });
});
