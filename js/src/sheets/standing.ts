import { html, nothing } from "lit-html";
import type { TemplateResult } from "lit-html";
import { formatChange, formatCount, formatLoss, formatShare, plural } from "../format";
import type { Sheet, SheetContext } from "../sheet";
import { type Asked, kept } from "./asking";

type Value = number | null;
/** How far a number moved from dense to now, and the interval of that. */
type Change = readonly [value: Value, low: Value, high: Value];

interface Part {
  readonly name: string;
  readonly count: number;
  readonly values: readonly Value[];
  readonly change: Change;
}

interface Rows {
  readonly name: string;
  readonly kind: "test" | "train" | "slice";
  readonly count: number;
  readonly values: Readonly<Record<string, readonly Value[]>>;
  readonly change: Readonly<Record<string, Change>>;
  readonly parts: readonly Part[];
  readonly more_parts: number;
}

interface Standing {
  readonly states: readonly string[];
  readonly step: string | null;
  readonly metrics: readonly string[];
  readonly part_metric: string;
  readonly rows: readonly Rows[];
}

interface Size {
  readonly edges: number;
  readonly parameters: number;
  readonly nonzero: number;
  readonly memory: number;
  readonly macs: number;
}

interface Timed {
  readonly p50: number;
  readonly low: number;
  readonly high: number;
}

interface Efficiency {
  readonly dense: Size;
  readonly now: Size;
  readonly latency: readonly { readonly rows: number; readonly dense: Timed; readonly now: Timed; readonly differs: boolean }[];
  readonly threads: number;
}

interface State extends Record<string, unknown> {
  /** The rows whose classes are listed. */
  rows?: string;
  /** Whether all classes are. */
  all?: boolean;
  timed?: { readonly of: string; readonly found?: Efficiency; readonly failed?: string };
}

/** Classes that are listed before more are asked for. */
const LISTED = 10;
const WORDS: Readonly<Record<string, string>> = { log_loss: "cross-entropy", rmse: "RMSE", r2: "R²", accuracy: "accuracy", recall: "right" };
const SHARES = new Set(["accuracy", "recall"]);
const ROWS: Readonly<Record<string, string>> = { test: "test", train: "train" };

const nameOf = ({ kind, name }: Rows): string => ROWS[kind] ?? name;
const shown = (metric: string, value: Value): string => (SHARES.has(metric) ? formatShare : formatLoss)(value);
const signed = (value: number, said: string): string => `${value < 0 ? "−" : "+"}${said}`;

/** A change in the unit that it is read in: points of a share, parts of a loss, as it is for R². */
function moved(metric: string, [value]: Change, before: Value): string {
  if (value === null) return "–";
  if (SHARES.has(metric)) return `${signed(value, (100 * Math.abs(value)).toFixed(1))} pt`;
  return metric === "r2" ? signed(value, Math.abs(value).toFixed(3)) : formatChange(before, (before ?? 0) + value);
}

/** Whether other rows of the same kind might as well have shown no change. */
const unsure = ([, low, high]: Change): boolean => low === null || high === null || (low <= 0 && high >= 0);

function changeCell(metric: string, change: Change, before: Value): TemplateResult {
  const text = change[0] === 0 ? "0" : moved(metric, change, before);
  const by = (v: Value): string => (v === null ? "–" : SHARES.has(metric) ? `${signed(v, (100 * Math.abs(v)).toFixed(1))} pt` : signed(v, formatLoss(Math.abs(v))));
  const doubt = change[0] !== 0 && unsure(change);
  return html`<td class="by ${doubt ? "unsure" : ""}" title=${`95 % interval from ${by(change[1])} to ${by(change[2])}${doubt ? ": not distinguishable from zero" : ""}`}>${
    doubt ? `(${text})` : text}</td>`;
}

function metricBody(found: Standing, metric: string): TemplateResult {
  return html`<tbody><tr><th class="metric" scope="rowgroup">${WORDS[metric] ?? metric}</th>
      ${found.states.map((state) => html`<th scope="col" title=${state === "last" ? `Before the last step, “${found.step}”` : ""}>${state}</th>`)}<th scope="col">change</th></tr>
    ${found.rows.map((rows) => html`<tr><th scope="row" title=${`${nameOf(rows)}: ${plural(rows.count, "row")}`}>${nameOf(rows)} <i>${formatCount(rows.count)}</i></th>
      ${(rows.values[metric] ?? []).map((value, i) => html`<td class=${found.states[i]}>${shown(metric, value)}</td>`)}
      ${changeCell(metric, rows.change[metric] ?? [null, null, null], rows.values[metric]?.[0] ?? null)}</tr>`)}</tbody>`;
}

/** A class before and after, on a line from nothing to all. */
function bar(before: Value, now: Value): TemplateResult {
  const place = (value: Value): number => 100 * Math.min(1, Math.max(0, value ?? 0));
  const [was, is] = [place(before), place(now)];
  return html`<span class="track" aria-hidden="true"><i class="left" style=${`width:${Math.min(was, is).toFixed(1)}%`}></i><i
    class=${is < was ? "lost" : "won"} style=${`width:${Math.abs(was - is).toFixed(1)}%`}></i></span>`;
}

function partRow(metric: string, part: Part): TemplateResult {
  const [before, now] = [part.values[0] ?? null, part.values[part.values.length - 1] ?? null];
  return html`<tr title=${`${part.name}: ${shown(metric, before)} → ${shown(metric, now)} of ${plural(part.count, "row")}`}>
    <th scope="row">${part.name}</th><td class="bars">${bar(before, now)}</td><td>${shown(metric, now)}</td>${changeCell(metric, part.change, before)}</tr>`;
}

function parts(context: SheetContext, state: State, found: Standing): TemplateResult | typeof nothing {
  const rows = found.rows.find(({ name }) => name === state.rows) ?? found.rows[0];
  if (!rows || rows.parts.length === 0) return nothing;
  const listed = state.all ? rows.parts : rows.parts.slice(0, LISTED);
  const left = rows.parts.length - listed.length;
  const set = (to: Partial<State>): void => {
    Object.assign(state, to);
    context.request();
  };
  const classes = found.part_metric === "recall";
  return html`<div class="top"><h3>${classes ? "By class" : "By output"}, worst hit first</h3>${found.rows.length > 1 ? html`<select aria-label="Rows" title="Rows"
      @change=${(event: Event) => set({ rows: (event.target as HTMLSelectElement).value })}>${found.rows.map((other) =>
        html`<option value=${other.name} .selected=${other === rows}>${nameOf(other)}</option>`)}</select>` : nothing}</div>
    <table class="parts" aria-label=${`${classes ? "Right by class" : "R² by output"} on ${nameOf(rows)} rows`}><tbody>${listed.map((part) => partRow(found.part_metric, part))}</tbody></table>
    ${left > 0 ? html`<button class="button quiet" @click=${() => set({ all: true })}>Show ${plural(left, "other")}</button>` : nothing}
    ${rows.more_parts > 0 && left === 0 ? html`<p class="about">and ${plural(rows.more_parts, "other")}</p>` : nothing}`;
}

// What it costs.

/** Bytes, as people count them. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const [size, unit] = bytes < 1e6 ? [bytes / 1e3, "kB"] : [bytes / 1e6, "MB"];
  return `${size.toPrecision(size < 100 ? 2 : 3)} ${unit}`;
}

/** How many times less there is now. */
export function times(before: number, now: number): string {
  const ratio = before / now;
  if (!Number.isFinite(ratio) || ratio <= 0) return "–";
  return Math.abs(ratio - 1) < 0.005 ? "the same" : ratio > 1 ? `÷ ${ratio.toPrecision(3)}` : `× ${(1 / ratio).toPrecision(3)}`;
}

const seconds = (value: number): string => (value < 1e-3 ? `${Number((1e6 * value).toPrecision(3))} µs` : `${Number((1e3 * value).toPrecision(3))} ms`);
const interval = ({ low, high }: Timed): string => `between ${seconds(low)} and ${seconds(high)}`;

/** Time calls, when asked. */
function measure(context: SheetContext, state: State, of: string): void {
  const tell = (more: Partial<NonNullable<State["timed"]>>): void => {
    state.timed = { of, ...more };
    context.request();
  };
  tell({});
  context.ask("efficiency", { measure: true }).then((found) => tell({ found: found as Efficiency }),
    (error: unknown) => tell({ failed: error instanceof Error ? error.message : String(error) }));
}

function costs(context: SheetContext, state: State, { value, failed, waiting }: Asked<Efficiency>, first: string, key: string): TemplateResult {
  const head = (button: TemplateResult | typeof nothing): TemplateResult => html`<div class="top"><h3>Size and speed</h3>${button}</div>`;
  if (failed) return html`${head(nothing)}<p class="about" role="status">${failed}</p>`;
  if (!value) return html`${head(nothing)}<p class="about" role="status">${waiting ? "Counting…" : ""}</p>`;
  const timed = state.timed?.of === key ? state.timed : null;
  const timing = timed !== null && !timed.found && !timed.failed;
  const line = (label: string, name: keyof Size, format: (v: number) => string): TemplateResult =>
    html`<tr><th scope="row">${label}</th><td>${format(value.dense[name])}</td><td>${format(value.now[name])}</td><td class="by">${times(value.dense[name], value.now[name])}</td></tr>`;
  const button = html`<button class="button" aria-disabled=${timing} title="Time calls for 1 row and for 256 rows, two seconds in all"
    @click=${() => !timing && measure(context, state, key)}>${timing ? html`<span class="pulse" aria-hidden="true"></span>Timing…` : timed?.found ? "Measure again" : "Measure speed"}</button>`;
  return html`${head(button)}
    <table class=${`costs ${waiting ? "stale" : ""}`} aria-label="Size and speed"><thead><tr><td></td><th scope="col">${first}</th><th scope="col" title="model.compact(): the same function, with what is pruned left out">compact</th><th scope="col">change</th></tr></thead>
      <tbody>${line("active edges", "edges", formatCount)}${line("parameters", "parameters", formatCount)}${line("not zero", "nonzero", formatCount)}
      ${line("in memory", "memory", formatBytes)}${line("multiply-adds", "macs", formatCount)}
      ${timed?.found?.latency.map(({ rows, dense, now, differs }) => html`<tr><th scope="row">time, ${plural(rows, "row")}</th><td title=${interval(dense)}>${seconds(dense.p50)}</td><td title=${interval(now)}>${seconds(now.p50)}</td>
        <td class="by ${differs ? "" : "unsure"}" title=${differs ? "" : "no clear difference"}>${differs ? times(dense.p50, now.p50) : `(${times(dense.p50, now.p50)})`}</td></tr>`) ?? nothing}</tbody></table>
    ${timed?.failed ? html`<p class="about" role="status">${timed.failed}</p>` : nothing}
    ${timed?.found ? html`<p class="about">Medians of calls in turns, on ${plural(timed.found.threads, "thread")}.</p>` : nothing}`;
}

/** What there is to know of the numbers. */
function remark({ snapshot, store }: SheetContext, { metrics, rows }: Standing): string {
  if (store.learning) return "Measured again once the training has ended.";
  if (snapshot.previewing) return "The network as it is: a cut is measured once it is made.";
  const changes = rows.flatMap(({ change }) => metrics.map((metric) => change[metric] ?? [0, 0, 0] as const));
  return changes.some((change) => change[0] !== 0 && unsure(change)) ? "In parentheses: not distinguishable from zero." : "";
}

/** How the network stands: quality, classes, size and speed, before and now. */
export const standing: Sheet = {
  styles: `
.standing table{border-collapse:collapse;width:100%;table-layout:fixed}
.standing th,.standing td{padding:2px 0 2px 6px;font-weight:400;text-align:right;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
.standing thead th,.standing .metric~th{color:var(--mute)}
.standing tr>:first-child{width:26%;padding-left:0;text-align:left}
.standing tr>:last-child{width:20%}
.standing th i{font-style:normal;color:var(--faint);font-size:11px}
.standing tbody th[scope=row]{color:var(--mute)}
.standing .metric{padding-top:8px;color:var(--ink);font-weight:600}
.standing tbody:first-child .metric,.standing tbody:first-child .metric~th{padding-top:0}
.standing .metric~th{padding-top:8px}
.standing td.now{font-weight:600}
.standing .unsure{color:var(--mute)}
.standing .stale td{color:var(--faint)}
.standing .top{display:flex;flex:none;align-items:center;justify-content:space-between;gap:8px;min-height:28px;margin-top:8px;padding-top:8px;border-top:1px solid var(--line)}
.standing .top h3{margin:0}
.standing .costs tr>:first-child{width:34%}
.standing .parts tr>:first-child{width:26%}
.standing .parts td:not(.bars){width:19%}
.standing .parts tr>.by{width:21%}
.standing .track{display:flex;height:8px;border-radius:2px;background:var(--shade);overflow:hidden}
.standing .track .left{background:var(--ink);opacity:.55}
.standing .track .lost{border:1px dashed var(--cut);background:var(--cut-bg)}
.standing .track .lost[style="width:0.0%"],.standing .track .won[style="width:0.0%"]{display:none}
.standing .track .won{background:var(--accent)}
.standing p{flex:none}
`,
  draw(context) {
    const state = context.state as State;
    const { snapshot, store } = context;
    const now = snapshot.metrics?.now;
    const key = [snapshot.pruning.revision, now?.trainLoss, now?.testLoss].join();
    const held = store.learning ? (state["metrics"] ?? {}) as Asked<Standing> : kept<Standing>(context, "metrics", "metrics", {}, key);
    const sizes = store.learning ? (state["sizes"] ?? {}) as Asked<Efficiency> : kept<Efficiency>(context, "sizes", "efficiency", {}, String(snapshot.pruning.revision));
    const { value, failed } = held;
    const size = costs(context, state, sizes, value?.states[0] ?? "dense", String(snapshot.pruning.revision));
    if (!value) return html`<p class=${failed ? "empty" : "about"} role="status">${failed ?? (store.learning ? "Measured once the training has ended." : "Measuring…")}</p>${size}`;
    const stale = held.of !== key || store.pending;
    const said = failed ?? remark(context, value);
    return html`<table class=${stale ? "stale" : ""} aria-label="Metrics by rows" aria-busy=${stale}>${value.metrics.map((metric) => metricBody(value, metric))}</table>
      ${said ? html`<p class="about" role="status">${said}</p>` : nothing}
      ${parts(context, state, value)}${size}`;
  },
};
