/** What a key asks for, wherever the focus is in the widget. */
export type KeyAction = "prune" | "restore" | "keep" | "undo" | "redo" | "fit" | "metrics" | "in" | "out" | "clear";

const PLAIN: Readonly<Record<string, KeyAction>> = {
  Delete: "prune", Backspace: "prune", r: "restore", k: "keep", f: "fit", m: "metrics", "+": "in", "=": "in", "-": "out", Escape: "clear",
};

const WALKING = /^(Arrow|Page|Home$|End$|Enter$| $|Tab$)/;

/** The parts of a key event that decide what it means. */
export type KeyLike = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "shiftKey" | "altKey"> & { readonly target?: EventTarget | null };

/** Whether letters typed there mean themselves. */
const typed = (target: EventTarget | null | undefined): boolean =>
  target instanceof HTMLSelectElement || (target instanceof HTMLInputElement && target.type !== "radio");

/** What a key asks for; null when it means nothing to us. */
export function keyAction(event: KeyLike): KeyAction | null {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.altKey || typed(event.target)) return null;
  if (event.ctrlKey || event.metaKey) {
    if (key === "z") return event.shiftKey ? "redo" : "undo";
    return key === "y" && event.ctrlKey ? "redo" : null;
  }
  return PLAIN[key] ?? null;
}

/** Whether a notebook should leave a key to the widget. */
export function isOurs(event: KeyLike): boolean {
  const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
  return keyAction(event) !== null || (plain && (WALKING.test(event.key) || event.key.length === 1));
}

/** How many scores a key moves the threshold by; null for other keys. */
export function sliderStep(event: KeyLike): number | null {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  switch (event.key) {
    case "ArrowRight": case "ArrowUp": return 1;
    case "ArrowLeft": case "ArrowDown": return -1;
    case "PageUp": return 10;
    case "PageDown": return -10;
    case "Home": return -Infinity;
    case "End": return Infinity;
    default: return null;
  }
}
