import { render } from "lit-html";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Questions } from "../src/questions";
import { Drawer } from "../src/sheet";
import { html as borrowedHtml, nothing as borrowedNothing, svg as borrowedSvg } from "../src/sheets/tags";
import type { Wire } from "../src/wire";

const wireThat = (send: Wire["send"]): Wire => ({ read: () => undefined, writeSelection: () => {}, send, busy: () => null });

describe("sheets", () => {
  afterEach(() => vi.restoreAllMocks());

  it("are drawn by the widget's own lit-html", () => {
    const el = document.createElement("div");
    const template = (n: number): object => borrowedHtml`<p id="a">${n}${borrowedNothing}</p>${[1, 2].map((v) => borrowedHtml`<b>${v}</b>`)}
      <svg>${borrowedSvg`<circle r=${n} />`}</svg>`;
    render(template(3) as never, el);
    const kept = el.querySelector("p");
    render(template(4) as never, el);
    expect(el.querySelector("p")).toBe(kept);
    expect(kept?.textContent).toBe("4");
    expect(el.querySelectorAll("b")).toHaveLength(2);
    expect(el.querySelector("circle")?.getAttribute("r")).toBe("4");
  });

  it("ask for their code once, when the first is opened", () => {
    const sent: unknown[] = [];
    const drawer = new Drawer(wireThat((message) => sent.push(message) > 0), new AbortController().signal, () => {});
    drawer.toggle("history");
    expect(drawer.open).toBe("history");
    drawer.toggle("table");
    drawer.toggle("table");
    expect(drawer.open).toBeNull();
    expect(sent).toEqual([{ type: "sheets" }]);
  });

  it("ask again for what could not leave", () => {
    let live = false;
    const send = vi.fn(() => live);
    const drawer = new Drawer(wireThat(send), new AbortController().signal, () => {});
    drawer.toggle("history");
    live = true;
    drawer.toggle("table");
    drawer.toggle("history");
    expect(send).toHaveBeenCalledTimes(2);
  });

  it("get answers to their own questions, or the reason why not", async () => {
    const sent: { id: string; about: string }[] = [];
    const life = new AbortController();
    const questions = new Questions(wireThat((message) => sent.push(message as never) > 0), life.signal);
    const [first, second, third] = ["history", "script", "x"].map((about) => questions.ask(about, { of: 1 }));
    questions.hear({ type: "answer", id: sent[1]?.id ?? "", value: { python: "" }, reason: null });
    questions.hear({ type: "answer", id: "another view's", value: 1, reason: null });
    questions.hear({ type: "answer", id: sent[0]?.id ?? "", value: null, reason: "no" });
    await expect(second).resolves.toEqual({ python: "" });
    await expect(first).rejects.toThrow("no");
    life.abort();
    await expect(third).rejects.toThrow("closed");
    expect(sent[2]).toMatchObject({ type: "ask", about: "x", of: 1 });
  });

  it("are told at once where there is no kernel", async () => {
    const questions = new Questions(wireThat(() => false), new AbortController().signal);
    await expect(questions.ask("history")).rejects.toThrow("No kernel");
  });
});
