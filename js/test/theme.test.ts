import { describe, expect, it } from "vitest";
import { themeAround } from "../src/theme";

function inside(attributes: Record<string, string>, on: Element = document.body): { el: Element; undo: () => void } {
  Object.entries(attributes).forEach(([name, value]) => on.setAttribute(name, value));
  const el = document.createElement("div");
  on.append(el);
  return { el, undo: () => { el.remove(); Object.keys(attributes).forEach((name) => on.removeAttribute(name)); } };
}

describe("theme", () => {
  it.each([
    [{ "data-jp-theme-light": "false" }, "dark"], [{ "data-jp-theme-light": "true" }, "light"],
    [{ class: "vscode-dark" }, "dark"], [{ class: "vscode-light" }, "light"], [{ class: "vscode-high-contrast" }, "dark"],
    [{ class: "dark" }, "dark"], [{ class: "dark-theme" }, "dark"], [{ "data-theme": "dark" }, "dark"],
    [{ "data-theme": "light" }, "light"],
  ] as const)("%j is %s, whatever the system says", (attributes, theme) => {
    const { el, undo } = inside(attributes);
    expect([themeAround(el, true), themeAround(el, false)]).toEqual([theme, theme]);
    undo();
  });

  it("is the system's where the page says nothing", () => {
    const { el, undo } = inside({});
    expect([themeAround(el, true), themeAround(el, false)]).toEqual(["dark", "light"]);
    undo();
  });

  it("is that of the nearest mark, through shadow roots", () => {
    const host = document.createElement("div");
    host.setAttribute("data-theme", "dark");
    document.body.setAttribute("data-theme", "light");
    document.body.append(host);
    const el = document.createElement("div");
    host.attachShadow({ mode: "open" }).append(el);
    expect(themeAround(el, false)).toBe("dark");
    document.body.removeAttribute("data-theme");
    host.remove();
  });
});
