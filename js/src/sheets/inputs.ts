import { html, nothing, svg } from "lit-html";
import type { SVGTemplateResult, TemplateResult } from "lit-html";
import { formatCount, formatScore, plural } from "../format";
import { nodeName } from "../names";
import { DEAD, GOES, INK, PRUNED, strongestFirst } from "../scene";
import type { Sheet, SheetContext } from "../sheet";
import { at, type Node } from "../topology";
import { CELL, groups, inkOf, pathOf, rectangle, shadesOf, valueAt } from "./heat";

/** How many bars there are where inputs are no image. */
const LISTED = 40;
const WORDS: readonly string[] = ["active", "goes", "pruned", "dead"];
const COUNTED: readonly string[] = ["active", "go", "pruned", "dead"];

interface State {
  /** The cell under the pointer. */
  over?: number | null;
  /** The cell that the keys are at, and whether they were used last. */
  at?: number | null;
  keyed?: boolean;
  /** Two corners of a rectangle that is being drawn. */
  corners?: readonly [number, number] | null;
}

/** What is known of the inputs. */
interface View {
  readonly context: SheetContext;
  readonly state: State;
  readonly count: number;
  readonly most: number;
  readonly order: Uint32Array;
  readonly voice: (input: number) => number;
}

function viewOf(context: SheetContext): View {
  const { net, nodeScores, scene } = context.snapshot;
  const count = at(net.topology.widths, 0);
  const order = strongestFirst(nodeScores, count);
  const most = at(nodeScores, at(order, 0));
  return { context, state: context.state as State, count, order, most: most > 0 ? most : 1, voice: (i) => at(scene.nodeVoice, i) };
}

const scoreOf = ({ context }: View, input: number): string => formatScore(at(context.snapshot.nodeScores, input));
const nameOf = ({ context }: View, input: number): string => nodeName(context.snapshot.net, input);
const node = (index: number): Node => [0, index];
const adds = (event: MouseEvent | KeyboardEvent): boolean => event.shiftKey || event.ctrlKey || event.metaKey;

// An image.

function cellAt(event: PointerEvent, rows: number, columns: number): number {
  const box = (event.currentTarget as Element).getBoundingClientRect();
  const part = (at: number, from: number, size: number, count: number): number =>
    Math.max(0, Math.min(count - 1, Math.floor(((at - from) / size) * count)));
  return part(event.clientY, box.top, box.height, rows) * columns + part(event.clientX, box.left, box.width, columns);
}

function listeners({ context, state }: View, rows: number, columns: number): Record<"down" | "move" | "up" | "cancel" | "leave", (event: PointerEvent) => void> {
  const set = (to: State): void => {
    Object.assign(state, to);
    context.request();
  };
  return {
    down(event) {
      if (event.button !== 0) return;
      (event.currentTarget as Element).setPointerCapture?.(event.pointerId);
      const cell = cellAt(event, rows, columns);
      set({ corners: [cell, cell], over: cell, at: cell, keyed: false });
    },
    move(event) {
      const over = cellAt(event, rows, columns);
      if (over === state.over) return;
      set({ over, corners: state.corners ? [state.corners[0], over] : null });
    },
    up(event) {
      if (!state.corners) return;
      const cells = rectangle(...state.corners, columns).map(node);
      set({ corners: null });
      if (cells.length > 1 && adds(event)) context.store.include(cells);
      else context.store.select(cells, adds(event));
    },
    cancel: () => set({ corners: null, over: null }),
    leave: () => set({ over: null }),
  };
}

function onKey({ context, state, count }: View, columns: number, event: KeyboardEvent): void {
  const now = state.at ?? null;
  const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
  if (event.altKey) return;
  if (by !== undefined) {
    const to = (now ?? 0) + (now === null ? 0 : by);
    const wraps = Math.abs(by) === 1 && now !== null && Math.floor(to / columns) !== Math.floor(now / columns);
    if (to >= 0 && to < count && !wraps) state.at = to;
  } else if ((event.key === "Enter" || event.key === " ") && now !== null) context.store.select([node(now)], event.shiftKey);
  else if (event.key === "Escape" && state.corners) state.corners = null;
  else return;
  Object.assign(state, { over: null, keyed: true });
  context.request();
  event.preventDefault();
  event.stopPropagation();
}

/** What a cell is, in words. */
const said = (view: View, cell: number, columns: number): string =>
  `${nameOf(view, cell)}, row ${Math.floor(cell / columns) + 1}, column ${(cell % columns) + 1}, score ${scoreOf(view, cell)}, ${WORDS[view.voice(cell)]}`;

function layers(view: View, columns: number): SVGTemplateResult {
  const { context, count, most, voice } = view;
  const shades = shadesOf(context.snapshot.nodeScores, count, most);
  const shaded = groups((i) => (voice(i) === INK ? at(shades, i) : -1), count);
  const voices = groups(voice, count);
  const path = (of: number): string => pathOf(voices.get(of) ?? [], columns);
  return svg`${[...shaded].filter(([shade]) => shade >= 0).map(([shade, cells]) =>
      svg`<path fill="var(--ink)" fill-opacity=${inkOf(shade)} d=${pathOf(cells, columns)} />`)}
    <path fill="var(--cut-bg)" d=${path(GOES)} /><path fill="url(#goes)" d=${path(GOES)} />
    <path fill="url(#gone)" d=${path(PRUNED)} /><path fill="url(#dead)" d=${path(DEAD)} />`;
}

const patterns = svg`<defs>
  <pattern id="goes" width="5" height="5" patternUnits="userSpaceOnUse"><path class="hatch" d="M-1 1 1-1M0 5 5 0M4 6 6 4" /></pattern>
  <pattern id="gone" width="10" height="10" patternUnits="userSpaceOnUse"><path class="hatch light" d="M0 10 10 0" /></pattern>
  <pattern id="dead" width="10" height="10" patternUnits="userSpaceOnUse"><circle class="dot" cx="5" cy="5" r="1.2" /></pattern></defs>`;

function image(view: View, rows: number, columns: number): TemplateResult {
  const { context, state, most } = view;
  const { corners } = state;
  const on = listeners(view, rows, columns);
  const chosen = [...context.snapshot.scene.selectedNodes].filter((n) => n < view.count);
  const framed = corners && corners[0] !== corners[1] ? rectangle(...corners, columns) : [];
  const cursor = state.at ?? null;
  const shown = state.over ?? (state.keyed ? cursor : null);
  return html`<div class="image">
    <svg class="heat" role="listbox" tabindex="0" aria-multiselectable="true" viewBox=${`0 0 ${columns * CELL} ${rows * CELL}`}
      style=${`--ratio:${columns / rows}`} aria-label=${`Importance of ${plural(view.count, "input")}, ${rows} by ${columns}`}
      aria-activedescendant=${cursor === null ? nothing : "cell"}
      @pointerdown=${on.down} @pointermove=${on.move} @pointerup=${on.up} @pointercancel=${on.cancel} @pointerleave=${on.leave}
      @keydown=${(event: KeyboardEvent) => onKey(view, columns, event)}>
      ${patterns}${layers(view, columns)}
      <path class="chosen" d=${pathOf(chosen, columns)} /><path class="framed" d=${pathOf(framed, columns)} />
      ${shown === null ? nothing : svg`<path class="over under" d=${pathOf([shown], columns)} /><path class="over" d=${pathOf([shown], columns)} />`}
      ${cursor === null ? nothing : svg`<path id="cell" class="cursor" role="option" aria-label=${said(view, cursor, columns)}
        aria-selected=${context.snapshot.scene.selectedNodes.has(cursor)} d=${pathOf([cursor], columns)} />`}
    </svg>
    <div class="side">${legend(most)}${shown === null ? summary(view) : readout(view, shown, columns)}</div>
  </div>`;
}

const legend = (most: number): TemplateResult => html`<div class="ramp" aria-hidden="true">${[1, 0.5, 0].map((height) =>
  html`<span style=${`bottom:${100 * height}%`}>${formatScore(valueAt(height, most))}</span>`)}</div>`;

/** How many inputs stand how, beside what shows it. */
function summary({ count, voice }: View): TemplateResult {
  const found = groups(voice, count);
  return html`<ul class="standings">${[INK, GOES, PRUNED, DEAD].filter((v) => v === INK || found.has(v)).map((v) =>
    html`<li>${v === INK ? nothing : html`<svg width="12" height="12" aria-hidden="true"><rect class=${`key${v}`} width="12" height="12"
      fill=${`url(#${["", "goes", "gone", "dead"][v]})`} /></svg>`}${formatCount(found.get(v)?.length ?? 0)} ${COUNTED[v]}</li>`)}</ul>`;
}

function readout(view: View, cell: number, columns: number): TemplateResult {
  return html`<ul class="standings"><li><b>${nameOf(view, cell)}</b></li><li>row ${Math.floor(cell / columns) + 1}, col ${(cell % columns) + 1}</li>
    <li><b>${scoreOf(view, cell)}</b></li><li>rank ${view.order.indexOf(cell) + 1}</li>
    <li>${WORDS[view.voice(cell)]}</li></ul>`;
}

// Bars.

function bars(view: View): TemplateResult {
  const { context, order, most, voice, count } = view;
  const { nodeScores, scene } = context.snapshot;
  return html`<ul class="edges" aria-label="Inputs, strongest first">${Array.from(order.subarray(0, LISTED), (i) => html`<li>
    <button class="row ${WORDS[voice(i)]}" title="Select this input (Shift: add it)" aria-pressed=${scene.selectedNodes.has(i)}
      @click=${(event: MouseEvent) => context.store.select([node(i)], adds(event))}>
      <span class="ends">${nameOf(view, i)}</span>${voice(i) === INK ? nothing : html`<span class="mark">${WORDS[voice(i)]}</span>`}
      <span class="number">${scoreOf(view, i)}</span>
      <span class="bar" style=${`width:${Math.max(0, Math.min(100, (100 * at(nodeScores, i)) / most))}%`}></span></button></li>`)}</ul>
    ${count > LISTED ? html`<p class="about">and ${formatCount(count - LISTED)} weaker ones</p>` : nothing}`;
}

function actions({ context }: View): TemplateResult {
  const { parts } = context.snapshot;
  const none = parts.length === 0;
  const button = (type: "prune" | "restore" | "keep", name: string, key: string, title: string): TemplateResult =>
    html`<button class="button" title=${title} aria-disabled=${none}
      @click=${() => context.store.edit(type)}>${name}<kbd aria-hidden="true">${key}</kbd></button>`;
  return html`<div class="actions"><span class="about" role="status">${none ? "Nothing selected" : `${formatCount(parts.length)} selected`}</span>
    ${button("prune", "Prune", "Del", "Replace by their means")}${button("restore", "Restore", "R", "Bring them back")}${
    button("keep", "Keep", "K", "Keep, whatever the threshold")}</div>`;
}

/** What each input counts for: as an image where it is one, or else as bars. */
export const inputs: Sheet = {
  styles: `
.sheet.inputs{width:auto;min-width:352px}
.inputs .by{margin:-28px 32px 4px 88px}
.inputs .image{display:flex;gap:16px;flex:none}
.inputs .heat{flex:none;display:block;height:min(clamp(160px,calc(var(--asked) - 372px),320px),calc(320px / var(--ratio)));aspect-ratio:var(--ratio);
  border:1px solid var(--line);border-radius:2px;background:var(--bg);shape-rendering:crispEdges;cursor:pointer;touch-action:pan-y;user-select:none;-webkit-user-select:none}
.inputs .hatch{stroke:var(--cut);stroke-width:1.4;fill:none;shape-rendering:auto}
.inputs .hatch.light{stroke-width:1;stroke-opacity:.6}
.inputs .dot{fill:var(--mute);fill-opacity:.7;shape-rendering:auto}
.inputs .chosen,.inputs .framed,.inputs .over,.inputs .cursor{fill:none;vector-effect:non-scaling-stroke;stroke-width:2}
.inputs .chosen{stroke:var(--accent)}
.inputs .framed{fill:var(--accent);fill-opacity:.25}
.inputs .over{stroke:var(--ink);stroke-width:1.5}
.inputs .under{stroke:var(--bg);stroke-width:4}
.inputs .heat:focus-visible .cursor{stroke:var(--accent)}
.inputs .side{display:flex;flex-direction:column;gap:12px;width:104px;min-width:0}
.inputs .ramp{position:relative;flex:none;width:12px;height:72px;margin:6px 0;border:1px solid var(--line);background:linear-gradient(to top,var(--shade),var(--ink))}
.inputs .ramp span{position:absolute;left:20px;transform:translateY(50%);color:var(--faint);font-size:11px;line-height:16px;white-space:nowrap}
.inputs .standings{color:var(--mute);overflow:hidden}
.inputs .standings li{display:flex;align-items:center;gap:8px;white-space:nowrap;text-overflow:ellipsis}
.inputs .standings b{color:var(--ink)}
.inputs .standings svg{flex:none;border:1px solid var(--line)}
.inputs .actions{grid-template-columns:1fr repeat(3,auto);align-items:center}
.inputs .row[aria-pressed=true]{background:var(--accent-bg)}
.inputs .row.goes .bar,.inputs .row.pruned .bar{background:var(--cut)}
.inputs .row.goes .ends,.inputs .row.goes .mark,.inputs .row.pruned .mark{color:var(--cut)}
@container (max-width:720px){.sheet.inputs{width:auto;max-height:none}}
`,
  draw(context) {
    const view = viewOf(context);
    const shape = context.snapshot.net.inputShape;
    return html`<p class="about by">by ${context.snapshot.pruning.criterion.replaceAll("_", " ")}</p>
      ${shape ? image(view, ...shape) : bars(view)}${actions(view)}`;
  },
};
