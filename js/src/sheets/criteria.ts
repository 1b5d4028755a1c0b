import { html, nothing, svg } from "lit-html";
import type { SVGTemplateResult, TemplateResult } from "lit-html";
import { roundNumbers } from "../axis";
import { float32 } from "../bytes";
import { formatLoss, formatScore, formatShare, formatTick } from "../format";
import { edgeStanding, ends } from "../names";
import { DEAD, GOES, INK, PRUNED } from "../scene";
import type { Sheet, SheetContext } from "../sheet";
import type { Snapshot } from "../snapshot";
import { at, edgeAt } from "../topology";
import { BY_HAND, KEPT } from "../wire";
import { groups, inkOf, shadesOf } from "./heat";
import { nearest, next, placesOf } from "./ranks";

/** How often chance is drawn, once the curves are there. */
const DRAWS = 5;
const SIZE = { width: 344, height: 212 };
const SCATTER = { width: 224, left: 24, right: 216, top: 8, bottom: 190 };
const PLOT = { left: 48, right: 336, top: 8, bottom: 190 };
/** More edges than this are counted, in so many cells to a side. */
const CROWD = 3000;
const CELLS = 48;
/** How near a click has to be, in pixels. */
const REACH = 12;
/** So much between the highest and the lowest loss asks for a logarithmic scale. */
const DECADE = 8;

interface Lines {
  readonly rows: string;
  readonly structure: string;
  readonly accuracy: boolean;
  readonly sparsity: readonly number[];
  readonly values: readonly (readonly (number | null)[])[];
  readonly areas: readonly (number | null)[];
  readonly low: readonly (number | null)[] | null;
  readonly high: readonly (number | null)[] | null;
  readonly chance: number | null;
}

interface Found {
  readonly names: readonly [string, string];
  readonly scores: readonly [Float32Array, Float32Array];
  /** Where each edge lies, from the weakest at 0 to the strongest at 1. */
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly rho: number | null;
  readonly curves: Lines | null;
}

interface State {
  names?: readonly [string, string];
  asked?: readonly unknown[];
  found?: Found;
  failed?: string;
  working?: boolean;
  /** The edge under the pointer, and the one that the keys are at. */
  over?: number | null;
  at?: number;
  /** Two corners of a rectangle that is being drawn, in pixels. */
  corners?: readonly [number, number, number, number] | null;
  /** The level of the curves that is read off. */
  level?: number | null;
}

const words = (name: string): string => name.replaceAll("_", " ");

const offeredBy = ({ pruning, scores }: Snapshot): readonly string[] => (pruning.criteria.length ? pruning.criteria : scores.criteria);

function namesNow({ snapshot }: SheetContext, state: State): readonly [string, string] {
  if (state.names) return state.names;
  const { criterion } = snapshot.pruning;
  const others = offeredBy(snapshot).filter((name) => name !== criterion);
  return [criterion, others.find((name) => name === "taylor2") ?? others[0] ?? criterion];
}

/** What the answer depends on: not the threshold, which moves along the curves. */
function dependencies({ snapshot }: SheetContext, names: readonly [string, string]): unknown[] {
  const { net, pruning } = snapshot;
  const byHand = pruning.edges.reduce((sum, bits, e) => (sum * 31 + (bits & (KEPT | BY_HAND)) * (e + 1)) % 1e9, 0);
  return [...names, net, pruning.structure, pruning.compensate, byHand];
}

function decode(names: readonly [string, string], value: unknown): Found {
  const { scores: [a, b], rho, curves } = value as { scores: [string, string]; rho: number | null; curves: Lines | null };
  const scores = [float32(a), float32(b)] as const;
  return { names, scores, x: placesOf(scores[0]), y: placesOf(scores[1]), rho, curves };
}

/** Ask anew after every change that counts: first for the curves, then for chance as well. */
function refresh(context: SheetContext, state: State): void {
  const names = namesNow(context, state);
  const asked = dependencies(context, names);
  if (context.store.pending || (state.asked && asked.every((value, i) => Object.is(value, state.asked?.[i])))) return;
  Object.assign(state, { asked, working: true, failed: "" });
  const current = (): boolean => state.asked === asked;
  const ask = (draws: number): Promise<void> => context.ask("criteria", { criteria: names, draws }).then((value) => {
    if (current()) state.found = decode(names, value);
    context.request();
  });
  ask(0).then(() => (current() && state.found?.curves ? ask(DRAWS) : undefined)).catch((error: unknown) => {
    if (current()) state.failed = error instanceof Error ? error.message : String(error);
  }).finally(() => {
    if (current()) state.working = false;
    context.request();
  });
}

// What is compared.

function choices(context: SheetContext, state: State): TemplateResult {
  const names = namesNow(context, state);
  const offered = [...new Set([...offeredBy(context.snapshot), ...names])];
  const set = (to: readonly [string, string]): void => {
    Object.assign(state, { names: to, level: null });
    context.request();
  };
  const ready = state.found && state.found.names.join() === names.join() ? state.found : null;
  const choice = (label: string, i: 0 | 1): TemplateResult => html`<label class="field"><b>${label}</b><i class=${`line${i}`} aria-hidden="true"></i><select
    aria-label=${`Criterion ${label}`} title=${`Criterion ${label}`} @change=${(event: Event) => {
      const name = (event.target as HTMLSelectElement).value;
      set(i === 0 ? [name, names[1]] : [names[0], name]);
    }}>${offered.map((name) => html`<option value=${name} .selected=${name === names[i]}>${words(name)}</option>`)}</select>${
    ready?.curves ? area(ready.curves, i) : nothing}</label>`;
  return html`<div class="choices">${choice("A", 0)}<button class="button quiet square" aria-label="Swap A and B" title="Swap A and B"
      @click=${() => set([names[1], names[0]])}>⇄</button>${choice("B", 1)}
    <span class="about" role="status">${state.working ? html`<span class="pulse" aria-hidden="true"></span>${ready ? "Drawing chance…" : "Working it out…"}` : ""}</span></div>`;
}

/** The area under a curve: what is lost on the whole way from nothing to everything. */
function area({ areas, accuracy }: Lines, i: 0 | 1): TemplateResult {
  const [own, other] = [areas[i] ?? null, areas[1 - i] ?? null];
  const best = own !== null && other !== null && (accuracy ? own > other : own < other);
  const shown = (accuracy ? formatShare : formatLoss)(own);
  return html`<span title="Area under its curve">area ${best ? html`<b>${shown}</b>, better` : shown}</span>`;
}

// The ranks.

const px = (place: number): number => SCATTER.left + place * (SCATTER.right - SCATTER.left);
const py = (place: number): number => SCATTER.bottom - place * (SCATTER.bottom - SCATTER.top);

/** How each standing is drawn: a dot, a ring, a cross, a speck. */
const SHAPES: Readonly<Record<number, (x: string, y: string) => string>> = {
  [INK]: (x, y) => `M${x} ${y}h0`,
  [GOES]: (x, y) => `M${x} ${y}m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0`,
  [PRUNED]: (x, y) => `M${x} ${y}m-2-2l4 4m-4 0l4-4`,
  [DEAD]: (x, y) => `M${x} ${y}h0`,
};
const CLASSES: Readonly<Record<number, string>> = { [INK]: "dot", [GOES]: "ring", [PRUNED]: "cross", [DEAD]: "speck" };

function marks({ snapshot: { scene } }: SheetContext, { x, y }: Found): SVGTemplateResult {
  const paths = new Map<number, string>([[DEAD, ""], [PRUNED, ""], [INK, ""], [GOES, ""]]);
  for (let e = 0; e < x.length; e++) {
    const voice = at(scene.edgeVoice, e);
    paths.set(voice, paths.get(voice) + (SHAPES[voice] ?? SHAPES[INK]!)(px(at(x, e)).toFixed(1), py(at(y, e)).toFixed(1)));
  }
  return svg`${[...paths].map(([voice, d]) => svg`<path class=${CLASSES[voice]} d=${d} />`)}`;
}

/** How crowded each part of the picture is, in shades of ink. */
function crowd({ x, y }: Found): SVGTemplateResult {
  const cell = (place: number): number => Math.min(CELLS - 1, Math.floor(place * CELLS));
  const counts = new Float32Array(CELLS * CELLS);
  x.forEach((place, e) => counts[cell(at(y, e)) * CELLS + cell(place)]!++);
  const shades = shadesOf(counts, counts.length, Math.max(...counts));
  const [w, h] = [(SCATTER.right - SCATTER.left) / CELLS, (SCATTER.bottom - SCATTER.top) / CELLS];
  return svg`${[...groups((i) => at(shades, i), counts.length)].filter(([shade]) => shade > 0).map(([shade, cells]) =>
    svg`<path fill="var(--ink)" fill-opacity=${inkOf(shade)} d=${cells.map((i) =>
      `M${px((i % CELLS) / CELLS).toFixed(2)} ${py(Math.floor(i / CELLS) / CELLS).toFixed(2)}h${w}v${-h}h${-w}z`).join("")} />`)}`;
}

/** The threshold, where it is one of either criterion. */
function cutLines({ snapshot: { pruning, threshold } }: SheetContext, { names, scores }: Found): SVGTemplateResult {
  const place = (i: number): number => (scores[i]?.reduce((sum, s) => sum + (s < threshold ? 1 : 0), -0.5) ?? 0) / Math.max(1, scores[0].length - 1);
  const ruled = (i: number): boolean => threshold > 0 && pruning.structure === "edge" && names[i] === pruning.criterion;
  return svg`${ruled(0) ? svg`<line class="handle" x1=${px(place(0))} x2=${px(place(0))} y1=${SCATTER.top - 6} y2=${SCATTER.bottom + 6} />` : nothing}${
    ruled(1) ? svg`<line class="handle" x1=${SCATTER.left - 6} x2=${SCATTER.right + 6} y1=${py(place(1))} y2=${py(place(1))} />` : nothing}`;
}

const circle = ({ x, y }: Found, e: number, name: string): SVGTemplateResult =>
  svg`<circle class=${name} cx=${px(at(x, e))} cy=${py(at(y, e))} r="5" />`;

function listeners(context: SheetContext, state: State, { x, y }: Found): Record<"down" | "move" | "up" | "leave", (event: PointerEvent) => void> {
  const [xs, ys] = [x.map(px), y.map(py)];
  const place = (event: PointerEvent): [number, number] => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    return [((event.clientX - box.left) * SCATTER.width) / box.width, ((event.clientY - box.top) * SIZE.height) / box.height];
  };
  const set = (to: Partial<State>): void => {
    Object.assign(state, to);
    context.request();
  };
  return {
    down(event) {
      if (event.button !== 0) return;
      (event.currentTarget as Element).setPointerCapture?.(event.pointerId);
      const [px0, py0] = place(event);
      set({ corners: [px0, py0, px0, py0] });
    },
    move(event) {
      const [px1, py1] = place(event);
      if (state.corners) return set({ corners: [state.corners[0], state.corners[1], px1, py1], over: null });
      const over = nearest(xs, ys, px1, py1, REACH);
      if (over !== (state.over ?? null)) set({ over });
    },
    up(event) {
      const { corners } = state;
      if (!corners) return;
      const [x0, y0, x1, y1] = corners;
      const add = event.shiftKey || event.ctrlKey || event.metaKey;
      const t = context.snapshot.net.topology;
      const edges = Math.hypot(x1 - x0, y1 - y0) < 4 ? [nearest(xs, ys, x1, y1, REACH)].filter((e) => e !== null)
        : Array.from(xs, (_, e) => e).filter((e) => (at(xs, e) - x0) * (at(xs, e) - x1) <= 0 && (at(ys, e) - y0) * (at(ys, e) - y1) <= 0);
      const parts = edges.map((e) => edgeAt(t, e));
      if (parts.length > 1 && add) context.store.include(parts);
      else if (parts.length > 0 || !add) context.store.select(parts, add);
      set({ corners: null, ...(edges.length === 1 ? { at: edges[0]! } : {}) });
    },
    leave: () => set({ over: null, corners: null }),
  };
}

function onKey(context: SheetContext, state: State, { x, y }: Found, cursor: number, event: KeyboardEvent): void {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const { key } = event;
  if (key === "Enter" || key === " ") context.store.select([edgeAt(context.snapshot.net.topology, cursor)], event.shiftKey);
  else if (key === "ArrowLeft" || key === "ArrowRight") state.at = next(x, cursor, key === "ArrowRight");
  else if (key === "ArrowUp" || key === "ArrowDown") state.at = next(y, cursor, key === "ArrowUp");
  else return;
  state.over = null;
  context.request();
  event.preventDefault();
  event.stopPropagation();
}

/** The rank of an edge, counting from 1 at the strongest. */
const rank = (places: Float32Array, e: number): string => formatTick(1 + (1 - at(places, e)) * Math.max(1, places.length - 1));

/** An edge, in words. */
function said({ snapshot }: SheetContext, found: Found, e: number): string {
  const by = [found.x, found.y].map((places, i) => `#${rank(places, e)} by ${words(found.names[i]!)} (${formatScore(at(found.scores[i]!, e))})`);
  return `${ends(snapshot.net, e).join(" → ")}: ${by.join(", ")}`;
}

function scatter(context: SheetContext, state: State, found: Found): TemplateResult {
  const { snapshot } = context;
  const { scene, pruning } = snapshot;
  const on = listeners(context, state, found);
  const cursor = Math.min(state.at ?? at(scene.order, 0), found.x.length - 1);
  const chosen = [...scene.selectedEdges].filter((e) => e < found.x.length);
  const { corners } = state;
  const [a, b] = found.names.map(words);
  return html`<figure><svg class="ranks" width=${SCATTER.width} height=${SIZE.height} viewBox=${`0 0 ${SCATTER.width} ${SIZE.height}`} role="listbox" tabindex="0"
      aria-multiselectable="true" aria-label=${`Edges by their ranks: ${a} across, ${b} upwards`} aria-activedescendant="edge-at"
      @pointerdown=${on.down} @pointermove=${on.move} @pointerup=${on.up} @pointercancel=${on.leave} @pointerleave=${on.leave}
      @keydown=${(event: KeyboardEvent) => onKey(context, state, found, cursor, event)}>
      <rect class="field" x=${SCATTER.left - 6} y=${SCATTER.top - 6} width=${SCATTER.right - SCATTER.left + 12} height=${SCATTER.bottom - SCATTER.top + 12} rx="6" />
      <line class="same" x1=${SCATTER.left} y1=${SCATTER.bottom} x2=${SCATTER.right} y2=${SCATTER.top} />
      ${found.x.length > CROWD ? crowd(found) : marks(context, found)}${cutLines(context, found)}${chosen.map((e) => circle(found, e, "chosen"))}
      ${state.over == null ? nothing : circle(found, state.over, "over")}
      <circle id="edge-at" class="cursor" role="option" aria-label=${`${said(context, found, cursor)}, ${edgeStanding(pruning, cursor)}`}
        aria-selected=${scene.selectedEdges.has(cursor)} cx=${px(at(found.x, cursor))} cy=${py(at(found.y, cursor))} r="7" />
      ${corners ? svg`<rect class="framed" x=${Math.min(corners[0], corners[2])} y=${Math.min(corners[1], corners[3])}
        width=${Math.abs(corners[2] - corners[0])} height=${Math.abs(corners[3] - corners[1])} />` : nothing}
      <text class="tick" x=${SCATTER.right + 6} y=${SIZE.height - 4} text-anchor="end">stronger by A, ${a} →</text>
      <text class="tick" transform=${`translate(12 ${SCATTER.top - 6}) rotate(-90)`} text-anchor="end">stronger by B, ${b} →</text>
    </svg><figcaption>${state.over == null ? alike(found.rho) : said(context, found, state.over)}</figcaption></figure>`;
}

/** The correlation, in words as well. */
function alike(rho: number | null): TemplateResult {
  if (rho === null) return html`Spearman’s ρ –, since one of them tells no edges apart`;
  const size = Math.abs(rho);
  const how = size > 0.9 ? "almost alike" : size > 0.6 ? "much alike" : size > 0.3 ? "a little alike" : "nothing alike";
  return html`Spearman’s ρ <b>${rho.toFixed(2).replace("-", "−")}</b>: ${rho < -0.3 ? "the other way round" : how}`;
}

// The curves.

interface Scales {
  readonly log: boolean;
  readonly low: number;
  readonly high: number;
  x(sparsity: number): number;
  y(value: number): number;
}

function scales({ values, accuracy }: Lines): Scales {
  const known = values.flat().filter((v) => v !== null);
  const [least, most] = known.length > 0 ? [Math.min(...known), Math.max(...known)] : [0, 1];
  const log = !accuracy && least > 0 && most > DECADE * least;
  const to = log ? Math.log : (v: number): number => v;
  const room = (to(most) - to(least)) * 0.06 || Math.abs(to(least)) * 0.1 || 1;
  const [low, high] = [to(least) - room, to(most) + room];
  return {
    log, low, high,
    x: (sparsity) => PLOT.left + sparsity * (PLOT.right - PLOT.left),
    // A band only needs to be seen where the curves run.
    y: (value) => PLOT.bottom - (Math.max(0, Math.min(1, (to(Math.max(value, log ? least : -Infinity)) - low) / (high - low)))) * (PLOT.bottom - PLOT.top),
  };
}

function ticksOf({ log, low, high }: Scales): number[] {
  if (!log) return roundNumbers(low, high, 4);
  const powers = Array.from({ length: 40 }, (_, i) => i - 20);
  const few = high - low > 2.5 * Math.LN10 ? [1] : [1, 2, 5];
  return powers.flatMap((power) => few.map((v) => v * 10 ** power)).filter((v) => Math.log(v) >= low && Math.log(v) <= high);
}

function path(of: readonly (number | null)[], { sparsity }: Lines, { x, y }: Scales, backwards = false): string {
  const places = sparsity.map((s, i) => [s, of[i] ?? null] as const).filter((p): p is readonly [number, number] => p[1] !== null);
  return (backwards ? places.reverse() : places).map(([s, v]) => `L${x(s).toFixed(1)} ${y(v).toFixed(1)}`).join("");
}

const line = (d: string): string => (d ? `M${d.slice(1)}` : "");

function readings(lines: Lines, names: readonly string[], level: number): string {
  const format = lines.accuracy ? formatShare : formatLoss;
  const read = names.map((name, i) => `${words(name)} ${format(lines.values[i]?.[level] ?? null)}`);
  return `at ${formatShare(lines.sparsity[level] ?? 0)} removed: ${read.join(", ")}`;
}

function plot(context: SheetContext, state: State, found: Found, lines: Lines): TemplateResult {
  const s = scales(lines);
  const what = lines.accuracy ? "accuracy" : words(context.snapshot.metrics?.loss ?? "loss");
  const rows = lines.rows === "train" ? "training" : lines.rows;
  const level = state.level ?? null;
  const move = (event: PointerEvent): void => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const at_ = (((event.clientX - box.left) * SIZE.width) / box.width - PLOT.left) / (PLOT.right - PLOT.left);
    state.level = lines.sparsity.reduce((best, v, i) => (Math.abs(v - at_) < Math.abs((lines.sparsity[best] ?? 0) - at_) ? i : best), 0);
    context.request();
  };
  const leave = (): void => {
    state.level = null;
    context.request();
  };
  return html`<figure><svg class="curves" width=${SIZE.width} height=${SIZE.height} viewBox=${`0 0 ${SIZE.width} ${SIZE.height}`} role="img"
      aria-label=${`${rows} ${what} against the ${lines.structure}s removed, by each criterion`} @pointermove=${move} @pointerleave=${leave}>
      ${ticksOf(s).map((v) => svg`<line class="rule" x1=${PLOT.left} x2=${PLOT.right} y1=${s.y(v)} y2=${s.y(v)} />
        <text class="tick" x=${PLOT.left - 6} y=${s.y(v)} dy=".34em" text-anchor="end">${lines.accuracy ? `${Math.round(100 * v)} %` : formatTick(v)}</text>`)}
      ${lines.low && lines.high ? svg`<path class="chance" d=${`${line(path(lines.high, lines, s))}${path(lines.low, lines, s, true)}Z`} />` : nothing}
      <path class="line1" d=${line(path(lines.values[1] ?? [], lines, s))} /><path class="line0" d=${line(path(lines.values[0] ?? [], lines, s))} />
      <line class="axis" x1=${PLOT.left} x2=${PLOT.right} y1=${PLOT.bottom} y2=${PLOT.bottom} />
      ${level === null ? nothing : svg`<line class="reading" x1=${s.x(lines.sparsity[level] ?? 0)} x2=${s.x(lines.sparsity[level] ?? 0)} y1=${PLOT.top} y2=${PLOT.bottom} />`}
      <text class="tick" x=${PLOT.left} y=${SIZE.height - 4}>0 %</text>
      <text class="tick" x=${PLOT.right} y=${SIZE.height - 4} text-anchor="end">100 % of ${lines.structure}s removed</text>
    </svg><figcaption>${level !== null ? readings(lines, found.names, level) : html`${rows} ${what}${lines.chance === null ? nothing
      : html`<i class="chance" aria-hidden="true"></i>at random, area ${(lines.accuracy ? formatShare : formatLoss)(lines.chance)}`}`}</figcaption></figure>`;
}

/** Two criteria beside each other: how they rank the edges, and what pruning by each would cost. */
export const compare: Sheet = {
  wide: true,
  styles: `
.sheet.compare{right:288px;padding:12px 16px 8px;gap:8px;border-right:1px solid var(--line)}
.compare>header{position:absolute;right:12px;top:12px;height:28px}
.compare h2{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.compare .choices{display:flex;flex-wrap:wrap;align-items:center;gap:8px;flex:none;margin-right:32px}
.compare .choices .field span{display:inline;white-space:nowrap}
.compare .choices b{color:var(--ink)}
.compare .about{display:flex;align-items:center;gap:8px}
.compare .both{display:flex;flex-wrap:wrap;justify-content:center;gap:12px 24px}
.compare figure{margin:0;flex:none}
.compare figure svg{display:block;max-width:100%}
.compare figcaption{min-height:20px;max-width:${SIZE.width}px;margin-top:4px;color:var(--mute)}
.compare figure:first-child figcaption{max-width:${SCATTER.width}px}
.compare figcaption b{color:var(--ink)}
.compare .ranks{cursor:crosshair;touch-action:pan-y;user-select:none;-webkit-user-select:none}
.compare .ranks .field{fill:var(--panel);stroke:var(--line)}
.compare .same{stroke:var(--edge);stroke-dasharray:4 4}
.compare .dot,.compare .speck{fill:none;stroke:var(--ink);stroke-opacity:.6;stroke-width:5;stroke-linecap:round}
.compare .speck{stroke:var(--mute);stroke-width:2.5}
.compare .ring,.compare .cross{fill:none;stroke:var(--cut);stroke-width:1.5}
.compare .ring{fill:var(--cut-bg)}
.compare .cross{stroke-opacity:.7}
.compare .chosen,.compare .over,.compare .cursor{fill:none;stroke:var(--accent);stroke-width:2}
.compare .over{stroke:var(--ink);stroke-width:1.5}
.compare .cursor{stroke-width:1.5;stroke-dasharray:2 2}
.compare .ranks:not(:focus-visible) .cursor{stroke:none}
.compare .framed{fill:var(--accent-bg);fill-opacity:.6;stroke:var(--accent);stroke-dasharray:3 2}
.compare .rule{stroke:var(--line)}
.compare .axis{stroke:var(--edge)}
.compare .handle{stroke:var(--cut);stroke-width:1.5}
.compare .reading{stroke:var(--faint)}
.compare .line0,.compare .line1{fill:none;stroke:var(--accent);stroke-width:2;stroke-linejoin:round}
.compare .line1{stroke:var(--ink);stroke-dasharray:5 3}
.compare .chance{fill:var(--ink);fill-opacity:.1}
.compare i{display:inline-block;width:20px;border-top:2px solid var(--accent)}
.compare i.line1{border-top:2px dashed var(--ink)}
.compare i.chance{width:16px;height:8px;margin:0 6px 0 14px;border:0;background:var(--ink);opacity:.15}
@container (max-width:720px){.sheet.compare{position:static;order:-1;max-height:none;border:0}.main:has(>.compare) .diagram{flex:none;height:0}}
`,
  draw(context) {
    const state = context.state as State;
    refresh(context, state);
    const { found, failed } = state;
    const here = found && found.x.length === context.snapshot.net.topology.edges && !failed;
    return html`${choices(context, state)}${failed ? html`<p class="empty" role="status">${failed}</p>` : nothing}${here
      ? html`<div class="both">${scatter(context, state, found)}${found.curves ? plot(context, state, found, found.curves)
        : html`<p class="empty">Without labels there is no loss to compare.</p>`}</div>`
      : nothing}`;
  },
};
