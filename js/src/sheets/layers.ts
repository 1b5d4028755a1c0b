import { html, nothing, svg } from "lit-html";
import type { SVGTemplateResult, TemplateResult } from "lit-html";
import { type Axis, createAxis, histogram, marks, toX } from "../axis";
import { follow } from "../follow";
import { formatCount, formatThreshold, plural } from "../format";
import { sliderStep } from "../keys";
import { createRule, type Cut, type Layer, layersOf, type Rule } from "../plan";
import type { Sheet, SheetContext } from "../sheet";
import { scoresInPlay, type Snapshot } from "../snapshot";
import { createStops, stepFrom, type Stops } from "../stops";
import { at } from "../topology";
import { fields, list, number, numberOrNull, numbers, ON } from "../wire";

const WIDTH = 312;
const HEIGHT = 48;
const TICKS = 20;

/** A layer that the rule looks at, with what there is to choose from. */
interface Row extends Layer {
  readonly inPlay: Float32Array;
  readonly limit: number | null;
  readonly gaps: readonly number[];
  readonly stops: Stops;
}

interface State {
  /** The one threshold of all layers when they were unlinked, from when on a row that is moved moves alone. */
  free?: number | undefined;
  /** Whether thresholds differed when this was last drawn. */
  apart?: boolean;
  rows?: { readonly of: readonly unknown[]; readonly rows: readonly Row[]; readonly axis: Axis };
}

const thresholdOf = (cut: Cut, layer: number): number => (typeof cut === "number" ? cut : at(cut, layer));

/** What Python says of each layer. */
const toldOf = ({ wire }: SheetContext): readonly unknown[] => list(fields(wire.read("pruning"))["layers"]);

/** The rows, laid out anew only when something other than a threshold has changed. */
function laidOut(context: SheetContext, state: State): NonNullable<State["rows"]> {
  const { snapshot: { net, scores, pruning, inPlay } } = context;
  const told = toldOf(context);
  const of = [net.topology, scores, pruning.edges, pruning.criterion, pruning.structure, told, inPlay];
  if (state.rows?.of.every((value, i) => value === of[i])) return state.rows;
  const rule: Rule = createRule(net.topology, scores, pruning.criterion, pruning.structure, 0);
  const rows = layersOf(rule).map((layer): Row => {
    const known = fields(told.find((entry) => number(fields(entry)["layer"], -1) === layer.layer));
    const own = scoresInPlay(rule, pruning.edges, [layer]);
    const limit = numberOrNull(known["limit"]);
    return { ...layer, inPlay: own, limit, gaps: numbers(known["gaps"]), stops: createStops(own, limit) };
  });
  return (state.rows = { of, rows, axis: createAxis(inPlay, WIDTH) });
}

/** How many of a layer's parts stay under the cut that is shown. */
function staying({ preview, pruning }: Snapshot, { from, to }: Layer): number {
  let count = 0;
  for (let i = from; i < to; i++) count += pruning.structure === "edge" ? at(preview.edges, i) & ON : at(preview.nodes, i);
  return count;
}

/** "Layer 0", and what it joins or holds. */
function titleOf({ net, pruning }: Snapshot, { layer }: Layer): readonly [string, string] {
  const { widths } = net.topology;
  if (pruning.structure === "input") return ["Inputs", ""];
  if (pruning.structure === "node") return [`Layer ${layer}`, ""];
  const names = net.names.map((names) => (names.length === 1 ? names[0] ?? "" : `${names[0]} … ${names[names.length - 1]}`));
  const named = `${names[layer]} → ${names[layer + 1]}`;
  return [`Layer ${layer}`, named.length < 20 ? named : `${widths[layer]} → ${widths[layer + 1]}`];
}

/** What can be done to the threshold of a row: it moves alone, or all of them where they are linked. */
function hand({ snapshot, store }: SheetContext, row: Row, linked: boolean): { drag(to: number): void; drop(keep: boolean): void } {
  const most = row.limit ?? Infinity;
  return {
    drag: (to) => (linked ? store.drag(to) : store.drag(Math.max(0, Math.min(most, to)), row.layer)),
    drop: (keep) => store.drop(keep && snapshot.net.topology === store.snapshot()?.net.topology),
  };
}

function bars({ inPlay }: Row, axis: Axis, handle: number): SVGTemplateResult {
  const found = histogram(axis, inPlay);
  const most = Math.max(1, ...found.map(({ count }) => count));
  return svg`${found.map(({ x0, x1, count }) => {
    const height = count === 0 ? 0 : most <= 4 ? count * 8 : Math.max(2, 32 * Math.sqrt(count / most));
    const split = Math.max(x0 + 1, Math.min(x1 - 1, handle));
    const part = (from: number, to: number, name: string): SVGTemplateResult | typeof nothing => (height > 0 && to - from > 0.5
      ? svg`<rect class=${name} x=${from} width=${to - from} y=${HEIGHT - height} height=${height} rx="1.5" />` : nothing);
    return svg`${part(x0 + 1, split, "bar taken")}${part(split, x1 - 1, "bar")}`;
  })}`;
}

/** The labels of the axis, below the last row. */
const ticks = (axis: Axis): SVGTemplateResult => svg`${marks(axis).filter(({ label }) => label).map(({ x, label }) =>
  svg`<text class="tick" x=${x} y=${HEIGHT + 16} text-anchor=${x < 8 ? "start" : x > WIDTH - 8 ? "end" : "middle"}>${label}</text>`)}`;

function picture(row: Row, axis: Axis, threshold: number, last: boolean): SVGTemplateResult {
  const handle = toX(axis, threshold);
  const end = row.limit === null ? WIDTH : toX(axis, row.limit);
  const right = handle > WIDTH - 72;
  return svg`<svg class="plot" width=${WIDTH} height=${HEIGHT + (last ? TICKS : 4)} aria-hidden="true">
    ${end < WIDTH - 1 ? svg`<rect class="beyond" x=${end} width=${WIDTH - end} y="8" height=${HEIGHT - 8} />
      <line class="limit" x1=${end} x2=${end} y1="8" y2=${HEIGHT} />` : nothing}
    ${bars(row, axis, handle)}
    <line class="axis" x1="0" x2=${WIDTH} y1=${HEIGHT} y2=${HEIGHT} />
    ${marks(axis).map(({ x, label }) => svg`<line class="mark" x1=${x} x2=${x} y1=${HEIGHT} y2=${HEIGHT + (label ? 5 : 3)} />`)}
    <line class="handle" x1=${handle} x2=${handle} y1="2" y2=${HEIGHT} />
    <text class="value" x=${handle + (right ? -8 : 8)} y="11" text-anchor=${right ? "end" : "start"}>${threshold === 0 ? "" : formatThreshold(threshold)}</text>
    ${last ? ticks(axis) : nothing}
  </svg>`;
}

function onKey(context: SheetContext, row: Row, linked: boolean, threshold: number, event: KeyboardEvent): void {
  const by = sliderStep(event);
  if (by === null) return;
  hand(context, row, linked).drag(stepFrom(row.stops, threshold, by));
  event.preventDefault();
  event.stopPropagation();
}

function line(context: SheetContext, row: Row, axis: Axis, linked: boolean, last: boolean): TemplateResult {
  const { snapshot } = context;
  const threshold = thresholdOf(snapshot.cut, row.layer);
  const [title, about] = titleOf(snapshot, row);
  const noun = snapshot.pruning.structure;
  const [count, stay] = [row.to - row.from, staying(snapshot, row)];
  const act = hand(context, row, linked);
  const jump = (gap: number): void => {
    act.drag(gap);
    act.drop(true);
  };
  return html`<li><p><b>${title}</b> <span class="about">${about}</span><span class="left"><b>${formatCount(stay)}</b> / ${plural(count, noun)}</span></p>
    <div class="track" @pointerdown=${row.inPlay.length === 0 ? nothing : follow(axis, act)}>${picture(row, axis, threshold, last)}
      <div class="grip" role="slider" tabindex="0" aria-label=${`Cut of ${title.toLowerCase()}`} aria-valuemin="0"
        aria-valuemax=${row.limit ?? 10 ** axis.high} aria-valuenow=${threshold} aria-disabled=${row.inPlay.length === 0}
        aria-valuetext=${`${formatThreshold(threshold)}: ${formatCount(stay)} of ${plural(count, noun)} stay`}
        title=${linked ? "Drag, or ← →: moves all of them, as they are linked" : "Drag, or ← →: moves this one alone"}
        style=${`left:${toX(axis, threshold)}px;top:${HEIGHT}px`}
        @keydown=${(event: KeyboardEvent) => onKey(context, row, linked, threshold, event)}
        @keyup=${(event: KeyboardEvent) => sliderStep(event) !== null && act.drop(true)} @blur=${() => act.drop(true)}></div>
      ${row.gaps.map((gap) => html`<button class="gap" style=${`left:${toX(axis, gap)}px`} @pointerdown=${(event: Event) => event.stopPropagation()}
        aria-label=${`Cut ${title.toLowerCase()} at the gap, ${formatThreshold(gap)}`} title=${`Cut at the gap, ${formatThreshold(gap)}`}
        @click=${() => jump(gap)}></button>`)}</div></li>`;
}

const chain = (whole: boolean): SVGTemplateResult => svg`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path
  d=${`M7 11.2 5.9 12.3a2.6 2.6 0 0 1-3.7-3.7L4.4 6.4a2.6 2.6 0 0 1 3.7 0M9 4.8l1.1-1.1a2.6 2.6 0 0 1 3.7 3.7L11.6 9.6a2.6 2.6 0 0 1-3.7 0${
    whole ? "M6.2 9.8l3.6-3.6" : ""}`} /></svg>`;

/** Whether all layers have one threshold, and the way to have it otherwise. */
function link({ snapshot, store, request }: SheetContext, state: State, linked: boolean): TemplateResult {
  const turn = (): void => {
    state.free = linked ? snapshot.pruning.threshold : undefined;
    if (!linked && snapshot.pruning.thresholds) store.ask({ type: "set_threshold", threshold: snapshot.pruning.threshold });
    request();
  };
  const title = linked ? "Linked: one threshold for all layers. Unlink to move one alone"
    : `Unlinked: each layer has its own. Link to give all ${formatThreshold(snapshot.pruning.threshold)} again`;
  return html`<button class="button square" role="switch" aria-label="Linked" aria-checked=${linked} title=${title} @click=${turn}>${chain(linked)}</button>
    <span class="about">${linked ? "linked" : "by layer"}</span>`;
}

/** How many of each layer stay whatever the threshold. */
function floor({ snapshot, store }: SheetContext, rows: readonly Row[]): TemplateResult {
  const { floor: now, structure } = snapshot.pruning;
  const most = Math.max(0, ...rows.map(({ from, to }) => to - from));
  const set = (event: Event): void => {
    const input = event.target as HTMLInputElement;
    const asked = Math.round(Math.max(0, Math.min(most, input.valueAsNumber)));
    input.value = String(now); // What is shown is what is in force: the choice is, once it is drawn.
    if (Number.isFinite(asked) && asked !== now) store.ask({ type: "set_min_per_layer", min_per_layer: asked });
  };
  return html`<label class="floor" title=${`The rule leaves the strongest ${structure}s of each layer, so many at least`}>at least
    <input type="number" min="0" max=${most} step="1" aria-label="At least per layer" .value=${String(now)} @change=${set} />per layer</label>`;
}

/** A threshold for each layer. */
export const layers: Sheet = {
  styles: `
.layers .bar-above{display:flex;flex:none;align-items:center;gap:8px}
.layers .floor{display:flex;align-items:center;gap:6px;margin-left:auto;color:var(--mute);white-space:nowrap}
.layers input{width:56px;height:28px;padding:0 6px;border:1px solid var(--edge);border-radius:6px;background:var(--bg);color:var(--ink);font:inherit}
.layers [role=switch][aria-checked=true]{background:var(--accent-bg);color:var(--accent)}
.layers li{margin-top:8px}
.layers li p{display:flex;align-items:baseline;gap:8px;white-space:nowrap}
.layers li .about{min-width:0;overflow:hidden;text-overflow:ellipsis}
.layers .left{margin-left:auto;color:var(--mute)}
.layers .left b{color:var(--ink)}
.layers .track{width:${WIDTH}px;margin:0 4px}
.layers .grip{width:24px;height:24px}
.layers .gap{top:${HEIGHT - 23}px}
`,
  draw(context) {
    const state = context.state as State;
    const { snapshot } = context;
    const apart = snapshot.pruning.thresholds !== null;
    // They were linked elsewhere, or that was undone; or the main line moved before a difference came to be seen.
    if (!apart && (state.apart || state.free !== snapshot.pruning.threshold)) state.free = undefined;
    state.apart = apart;
    const linked = !apart && state.free === undefined;
    const { rows, axis } = laidOut(context, state);
    if (rows.length === 0) return html`<p class="empty">This network has no hidden nodes to cut.</p>`;
    return html`<div class="bar-above">${link(context, state, linked)}${floor(context, rows)}</div>
      <ul aria-label="Layers">${rows.map((row, i) => line(context, row, axis, linked, i === rows.length - 1))}</ul>`;
  },
};
