import type { ThemeName } from "./palette";

const MARKS: readonly (readonly [selector: string, theme: ThemeName])[] = [
  ["[data-jp-theme-light='false'],[data-theme='dark'],[data-bs-theme='dark'],.dark,.dark-theme,.vscode-dark,.vscode-high-contrast:not(.vscode-high-contrast-light)", "dark"],
  ["[data-jp-theme-light='true'],[data-theme='light'],[data-bs-theme='light'],.light,.light-theme,.vscode-light,.vscode-high-contrast-light", "light"],
];

const ATTRIBUTES = ["class", "data-theme", "data-bs-theme", "data-jp-theme-light"];

/** The elements around `el`, from the inside out and through shadow roots. */
function* around(el: Element): Generator<Element> {
  for (let at: Element | null = el; at; ) {
    yield at;
    const root: Node | null = at.parentNode;
    at = at.parentElement ?? (root instanceof ShadowRoot ? root.host : null);
  }
}

/** The theme that the page around `el` asks for: its nearest mark, else the system's choice. */
export function themeAround(el: Element, systemIsDark: boolean): ThemeName {
  const elements = [...around(el), el.ownerDocument.body, el.ownerDocument.documentElement];
  for (const element of elements) {
    for (const [selector, theme] of MARKS) if (element?.matches(selector)) return theme;
  }
  return systemIsDark ? "dark" : "light";
}

/** Follows the theme of the page. */
export interface ThemeWatch {
  current(): ThemeName;
  /** Look again, for instance once the element has been put in the page. */
  refresh(): void;
}

/** Watch the theme around `el` until `signal` aborts. */
export function watchTheme(el: Element, signal: AbortSignal, changed: () => void): ThemeWatch {
  const system = window.matchMedia?.("(prefers-color-scheme: dark)");
  let current = themeAround(el, system?.matches ?? false);
  let watched = 0;
  const look = (): void => {
    const now = themeAround(el, system?.matches ?? false);
    if (now === current) return;
    current = now;
    changed();
  };
  const observer = new MutationObserver(look);
  const observe = (): void => {
    const elements = new Set([...around(el), document.body, document.documentElement]);
    if (elements.size === watched) return;
    watched = elements.size;
    observer.disconnect();
    elements.forEach((element) => observer.observe(element, { attributes: true, attributeFilter: ATTRIBUTES }));
  };
  observe();
  system?.addEventListener("change", look, { signal });
  signal.addEventListener("abort", () => observer.disconnect(), { once: true });
  return {
    current: () => current,
    refresh() {
      observe();
      look();
    },
  };
}
