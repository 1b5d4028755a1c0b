import { html, type TemplateResult } from "lit-html";
import { closeIcon } from "./icons";

const KEYS: readonly (readonly [keys: readonly string[], means: string])[] = [
  [["Click"], "select an edge or a node"],
  [["Shift", "Click"], "add to the selection"],
  [["Shift", "Drag"], "select what lies in a rectangle or, below, in a range of scores"],
  [["Drag"], "move the picture"],
  [["Ctrl", "Wheel"], "zoom"],
  [["← ↑ ↓ →"], "go from node to edge to node"],
  [["Enter"], "select what is in focus"],
  [["Del"], "prune what is selected"],
  [["R"], "restore it"],
  [["K"], "keep it, whatever the threshold"],
  [["Ctrl", "Z"], "undo; with Shift, redo"],
  [["F", "+", "−"], "fit the view, zoom in, zoom out"],
  [["M"], "all metrics"],
  [["Esc"], "clear the selection"],
];

/** Keys, set as keys. */
export const keys = (names: readonly string[]): TemplateResult =>
  html`${names.map((name) => html`<kbd>${name}</kbd>`)}`;

/** The list of keys and gestures, over the diagram. */
export function help(close: () => void): TemplateResult {
  return html`<div class="help" role="dialog" aria-label="Keys and gestures">
    <header><h2>Keys and gestures</h2>
      <button class="button quiet square" aria-label="Close help" @click=${close}>${closeIcon}</button></header>
    <dl>${KEYS.map(([names, means]) => html`<div><dt>${keys(names)}</dt><dd>${means}</dd></div>`)}</dl>
  </div>`;
}
