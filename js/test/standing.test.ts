import { render } from "lit-html";
import { describe, expect, it, vi } from "vitest";
import type { SheetContext } from "../src/sheet";
import { kept } from "../src/sheets/asking";
import { mathematics, node } from "../src/sheets/node";
import { formatBytes, standing, times } from "../src/sheets/standing";
import { createReader } from "../src/snapshot";
import { FakeModel, FakePython } from "./fake.js";
import { createTraits } from "./fixture.js";

const flush = async (): Promise<void> => {
  for (let i = 0; i < 12; i++) await Promise.resolve();
};

/** A sheet's context on the made-up Python, and how often it was asked what. */
function contextOn(options: Parameters<typeof createTraits>[0] = {}, edit: (python: FakePython) => void = () => {}) {
  const model = new FakeModel(createTraits(options));
  const python = new FakePython(model);
  edit(python);
  const asked: string[] = [];
  const reader = createReader({ read: (name: string) => model.get(name) } as never);
  const context = {
    get snapshot() {
      return reader({ pending: [], drag: null })!;
    },
    store: { pending: false, learning: "", select: vi.fn() },
    request: vi.fn(),
    ask: (about: string, more: object = {}) => {
      asked.push(about);
      const answers = python.answers as unknown as Record<string, (message: object) => unknown>;
      return answers[about] ? Promise.resolve(answers[about]({ about, ...more })) : Promise.reject(new Error("unknown question"));
    },
    state: {},
  };
  return { context: context as unknown as SheetContext, python, model, asked, store: context.store };
}

async function drawn(sheet: typeof standing, context: SheetContext): Promise<HTMLElement> {
  const el = document.createElement("div");
  render(sheet.draw(context), el);
  await flush();
  render(sheet.draw(context), el);
  return el;
}

describe("an answer that is kept", () => {
  it("is asked for once at a time, and again once what it depends on has changed", async () => {
    const { context, asked } = contextOn();
    kept(context, "a", "metrics", {}, "1");
    kept(context, "a", "metrics", {}, "2");
    expect(asked).toEqual(["metrics"]);
    await flush();
    expect(kept(context, "a", "metrics", {}, "1")).toMatchObject({ of: "1" });
    expect(asked).toHaveLength(1);
    kept(context, "a", "metrics", {}, "2");
    await flush();
    expect(kept(context, "a", "metrics", {}, "2").of).toBe("2");
    expect(asked).toHaveLength(2);
  });

  it("is not asked for while an edit is under way, nor again after a refusal", async () => {
    const { context, asked, store } = contextOn();
    store.pending = true;
    kept(context, "a", "nothing", {}, "1");
    expect(asked).toEqual([]);
    store.pending = false;
    kept(context, "a", "nothing", {}, "1");
    await flush();
    expect(kept(context, "a", "nothing", {}, "1").failed).toBe("unknown question");
    expect(asked).toEqual(["nothing"]);
  });
});

describe("metrics", () => {
  it("say why there are none, and show sizes all the same", async () => {
    const { context, python } = contextOn();
    Object.assign(python.answers, { metrics: undefined });
    const el = await drawn(standing, context);
    expect(el.textContent).toContain("unknown question");
    expect(el.textContent).toContain("multiply-adds");
  });

  it("wait for the end of a training", async () => {
    const { context, asked, store } = contextOn();
    store.learning = "training…";
    expect((await drawn(standing, context)).textContent).toContain("once the training has ended");
    expect(asked).toEqual([]);
  });

  it.each([[1, "1 B"], [999, "999 B"], [1234, "1.2 kB"], [812_345, "812 kB"], [3_456_789, "3.5 MB"]])("count %d bytes as %s", (bytes, said) => {
    expect(formatBytes(bytes)).toBe(said);
  });

  it.each([[10, 5, "÷ 2.00"], [5, 10, "× 2.00"], [5, 5, "the same"], [0, 5, "–"], [5, 0, "–"]])("say how many times less: %d to %d", (before, now, said) => {
    expect(times(before, now)).toBe(said);
  });
});

describe("a node", () => {
  it("has what the loss would be without it, and its share", async () => {
    const { context, model, asked } = contextOn();
    model.set("selection", [[1, 1]]);
    const el = await drawn(node, context);
    expect(asked).toEqual(["worth"]);
    expect(el.textContent).toContain("+0.0040 ± 0.0080");
    expect(el.textContent).toContain("not distinguishable from zero");
    expect(el.textContent).toMatch(/share of its layer\s*[\d.]+ %/);
  });

  it("is not asked about once it does nothing", async () => {
    const { context, model, asked } = contextOn({}, (python) => {
      python.apply({ type: "prune", edges: [], nodes: [[1, 1]] });
      python.write();
    });
    model.set("selection", [[1, 1]]);
    await drawn(node, context);
    expect(asked).toEqual([]);
  });

  it("that is an output has its formula, with a way to the edges that have no name", async () => {
    const { context, model, store } = contextOn();
    model.set("selection", [[2, 0]]);
    const el = await drawn(node, context);
    expect(el.querySelector("[aria-label='Formula as text']")?.textContent).toContain("exp(sin(3.14 x1) + x2²)");
    expect(el.textContent).toContain("4 of 6 edges named");
    el.querySelector<HTMLButtonElement>("li button")?.click();
    expect(store.select).toHaveBeenCalledWith([[0, 1, 1]]);
  });

  it("is nothing where an edge is selected", async () => {
    const { context, model, asked } = contextOn();
    model.set("selection", [[0, 0, 0]]);
    expect((await drawn(node, context)).textContent).toBe("");
    expect(asked).toEqual([]);
  });

  it("writes powers and unnamed functions as one does", () => {
    const el = document.createElement("div");
    render(mathematics("2 x1^2 - phi_{0,1,2}(x2)^3 + x3^25"), el);
    expect(el.textContent).toBe("2 x1² − φ0,1,2(x2)³ + x3^25");
    expect(el.querySelector("sub")?.textContent).toBe("0,1,2");
  });
});
