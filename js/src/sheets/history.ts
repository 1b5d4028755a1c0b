import { html, nothing, svg } from "lit-html";
import type { SVGTemplateResult, TemplateResult } from "lit-html";
import { formatCount, formatLoss, formatShare } from "../format";
import type { Sheet, SheetContext } from "../sheet";
import { lanesOf } from "./lanes";

interface Step {
  readonly label: string;
  readonly note: string;
  readonly parent: number;
  readonly edges: number | null;
  readonly loss: number | null;
  readonly accuracy: number | null;
}

interface History {
  readonly position: number;
  readonly path: readonly number[];
  readonly steps: readonly Step[];
}

interface State {
  revision?: number;
  history?: History;
  failed?: string;
  /** The step whose note is being written. */
  writing?: number | null;
  /** The step that is compared with the present one. */
  other?: number | null;
  said?: string;
}

const LANE = 14;
const ROW = 42;
/** How far above the bottom of its row a step's dot is. */
const DOT = ROW - 16;
const PLOT = { width: 320, height: 116, left: 48, right: 312, top: 8, bottom: 92 };

/** Ask anew after every change; until the answer the last one is shown. */
function refresh({ ask, request, snapshot }: SheetContext, state: State): void {
  if (state.revision === snapshot.pruning.revision) return;
  state.revision = snapshot.pruning.revision;
  ask("history").then(
    (found) => {
      state.history = found as History;
      delete state.failed;
      request();
    },
    (error: unknown) => {
      state.failed = error instanceof Error ? error.message : String(error);
      request();
    },
  );
}

const valueOf = (step: Step): number | null => step.accuracy ?? step.loss;
const shown = (step: Step): string => (step.accuracy === null ? formatLoss(step.loss) : formatShare(step.accuracy));

/** A change of the plotted value, in its own unit. */
function changed(from: Step | undefined, to: Step): string {
  if (!from || valueOf(from) === null || valueOf(to) === null) return "";
  const by = (valueOf(to) ?? 0) - (valueOf(from) ?? 0);
  if (shown(from) === shown(to)) return "";
  const size = to.accuracy === null ? formatLoss(Math.abs(by)) : `${(100 * Math.abs(by)).toFixed(1)} pt`;
  return `${by < 0 ? "−" : "+"}${size}`;
}

/** All states as places: how many edges they have, and what they are worth. */
function picture(history: History, name: string, go: (position: number) => void): SVGTemplateResult | typeof nothing {
  const known = history.steps.map((step, i) => ({ i, x: step.edges, y: valueOf(step) }))
    .filter((p): p is { i: number; x: number; y: number } => p.x !== null && p.y !== null && Number.isFinite(p.y));
  if (known.length < 2) return nothing;
  const [xs, ys] = [known.map((p) => p.x), known.map((p) => p.y)];
  const scale = (values: readonly number[], from: number, to: number) => {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return (v: number): number => (high > low ? from + ((v - low) / (high - low)) * (to - from) : (from + to) / 2);
  };
  // Losses of a broken network would flatten all others on a linear scale.
  const rooted = ys.every((y) => y > 0) ? Math.log : (y: number): number => y;
  // Fewer edges lie to the right, as in the curve below the diagram.
  const [sx, sy] = [scale(xs, PLOT.right - 8, PLOT.left + 8), scale(ys.map(rooted), PLOT.bottom - 10, PLOT.top + 8)];
  const at = new Map(known.map((p) => [p.i, [sx(p.x), sy(rooted(p.y))] as const]));
  const links = known.filter((p) => at.has(history.steps[p.i]?.parent ?? -1)).map((p) => {
    const [x0, y0] = at.get(history.steps[p.i]?.parent ?? -1) ?? [0, 0];
    const [x1, y1] = at.get(p.i) ?? [0, 0];
    const own = history.path.includes(p.i);
    return svg`<line class=${own ? "own" : ""} x1=${x0} y1=${y0} x2=${x1} y2=${y1} />`;
  });
  const format = history.steps[0]?.accuracy === null ? formatLoss : formatShare;
  return svg`<svg class="states" viewBox="0 0 ${PLOT.width} ${PLOT.height}" role="img" aria-label=${`${name} of every state against its edges`}>
    <text class="tick" x=${PLOT.left - 6} y=${PLOT.top + 12} text-anchor="end">${format(Math.max(...ys))}</text>
    <text class="tick" x=${PLOT.left - 6} y=${PLOT.bottom - 5} text-anchor="end">${format(Math.min(...ys))}</text>
    <line class="axis" x1=${PLOT.left} x2=${PLOT.right} y1=${PLOT.bottom} y2=${PLOT.bottom} />
    <text class="tick" x=${PLOT.left} y=${PLOT.bottom + 16}>${formatCount(Math.max(...xs))} edges</text>
    <text class="tick" x=${PLOT.right} y=${PLOT.bottom + 16} text-anchor="end">${formatCount(Math.min(...xs))}</text>
    ${links}
    ${known.map(({ i }) => svg`<circle class=${i === history.position ? "now" : history.path.includes(i) ? "own" : ""}
      cx=${at.get(i)?.[0]} cy=${at.get(i)?.[1]} r=${i === history.position ? 5 : 3.5} @click=${() => go(i)}>
      <title>${`${history.steps[i]?.label}: ${xs[known.findIndex((p) => p.i === i)]} edges, ${name} ${shown(history.steps[i] as Step)}`}</title>
    </circle>`)}
  </svg>`;
}

/** The links of a row to those below it, where older steps are; drawn upwards, so upside down. */
function gutter(history: History, row: number, lanes: readonly number[]): SVGTemplateResult {
  const x = (lane: number): number => 8 + LANE * lane;
  const width = 16 + LANE * Math.max(...lanes);
  // A link leaves its parent in the parent's lane, and turns into the child's own beside the child.
  const through = history.steps.flatMap((step, child): (readonly [number, boolean])[] =>
    step.parent >= 0 && step.parent < row && child > row ? [[lanes[step.parent] ?? 0, history.path.includes(child)]] : [])
    .sort((a, b) => Number(a[1]) - Number(b[1]));
  const own = lanes[row] ?? 0;
  const parent = history.steps[row]?.parent ?? -1;
  const grows = history.steps.some((step) => step.parent === row);
  const onward = history.steps.some((step, child) => step.parent === row && history.path.includes(child));
  const from = lanes[parent] ?? 0;
  const on = history.path.includes(row);
  return svg`<svg class="gutter" width=${width} height=${ROW} aria-hidden="true"><g transform=${`matrix(1 0 0 -1 0 ${ROW})`}>
    ${parent >= 0 ? svg`<path class=${on ? "own" : ""} d=${`M${x(from)} 0${from === own ? "" : `C${x(from)} 14 ${x(own)} 4 ${x(own)} 18`}L${x(own)} ${DOT}`} />` : nothing}
    ${grows ? svg`<line class=${onward ? "own" : ""} x1=${x(own)} x2=${x(own)} y1=${DOT} y2=${ROW} />` : nothing}
    ${through.map(([lane, own]) => svg`<line class=${own ? "own" : ""} x1=${x(lane)} x2=${x(lane)} y1="0" y2=${ROW} />`)}
    <circle class=${row === history.position ? "now" : on ? "own" : ""} cx=${x(own)} cy=${DOT} r="4" />
  </g></svg>`;
}

function noteOf(context: SheetContext, state: State, step: Step, position: number): TemplateResult {
  if (state.writing !== position) {
    return html`<button class="note ${step.note ? "" : "blank"}" title="Write a note" @click=${() => {
      state.writing = position;
      context.request();
    }}>${step.note || "note…"}</button>`;
  }
  const done = (event: Event, keep: boolean): void => {
    if (state.writing !== position) return;
    state.writing = null;
    const note = (event.target as HTMLInputElement).value;
    if (keep && note !== step.note) context.store.ask({ type: "annotate", position, note });
    context.request();
  };
  return html`<input class="note" type="text" maxlength="200" aria-label=${`Note on ${step.label}`} .value=${step.note} autofocus
    @blur=${(event: Event) => done(event, true)} @keydown=${(event: KeyboardEvent) => {
      if (event.key === "Enter" || event.key === "Escape") done(event, event.key === "Enter");
      event.stopPropagation();
    }} />`;
}

function row(context: SheetContext, state: State, history: History, lanes: readonly number[], position: number): TemplateResult {
  const step = history.steps[position] as Step;
  const now = position === history.position;
  const by = changed(history.steps[step.parent], step);
  const go = (event: MouseEvent): void => {
    if (event.shiftKey) state.other = state.other === position || now ? null : position;
    else if (!now) context.store.ask({ type: "jump", position });
    context.request();
  };
  return html`<li class="${now ? "now" : ""} ${history.path.includes(position) ? "" : "aside"} ${state.other === position ? "other" : ""}">
    ${gutter(history, position, lanes)}
    <div class="what"><button class="go" aria-current=${now ? "step" : "false"} title=${now ? "The network now" : "Go to this state (Shift: compare)"}
      @click=${go}>${step.label}</button>
      <div class="more">${step.edges === null ? nothing : html`<span>${formatCount(step.edges)} edges</span>`}${
        noteOf(context, state, step, position)}</div></div>
    <div class="worth"><span>${shown(step)}</span><span class="by">${by}</span></div>
  </li>`;
}

/** Two states beside each other. */
function comparison(history: History, other: number, name: string): TemplateResult {
  const [a, b] = [history.steps[history.position] as Step, history.steps[other] as Step];
  const line = (label: string, now: string, then: string): TemplateResult =>
    html`<tr><th scope="row">${label}</th><td>${now}</td><td>${then}</td></tr>`;
  const edges = (step: Step): string => (step.edges === null ? "–" : formatCount(step.edges));
  return html`<table class="compare"><thead><tr><td></td><th scope="col">now</th><th scope="col">${b.label}</th></tr></thead>
    <tbody>${line("edges", edges(a), edges(b))}${line(name, shown(a), shown(b))}</tbody></table>`;
}

function copy(context: SheetContext, state: State, kind: "python" | "json"): void {
  const say = (said: string): void => {
    state.said = said;
    context.request();
  };
  context.ask("script").then(
    (found) => navigator.clipboard.writeText((found as Record<string, string>)[kind] ?? ""),
  ).then(() => say(`copied as ${kind === "json" ? "JSON" : "Python"}`), (error: unknown) => say(String(error)));
}

/** Every state that the network has been in, and the way to each. */
export const history: Sheet = {
  styles: `
.history ol{list-style:none;margin:0 -16px;padding:0}
.history li{display:flex;height:${ROW}px;padding:0 16px;transition:background-color .15s}
.history li:hover{background:var(--shade)}
.history li.now{background:var(--accent-bg)}
.history li.other{outline:1px dashed var(--accent);outline-offset:-1px}
.history .gutter{flex:none;overflow:visible}
.history .gutter line,.history .gutter path,.states line{stroke:var(--edge);stroke-width:1.5;fill:none}
.history .own{stroke:var(--ink)!important}
.history circle{fill:var(--bg);stroke:var(--faint);stroke-width:1.5}
.history circle.now{fill:var(--accent);stroke:var(--accent)}
.states{display:block;flex:none;width:100%;border:1px solid var(--line);border-radius:6px;background:var(--panel)}
.states circle{cursor:pointer}
.states .axis{stroke-width:1}
.history .what{flex:1;min-width:0;padding:5px 8px 0 4px}
.history .go,.history .note{display:block;min-width:0;padding:0;border:0;background:none;color:var(--ink);font:inherit;line-height:17px;text-align:left;
  overflow:hidden;text-overflow:ellipsis;white-space:nowrap;cursor:pointer}
.history .go{width:100%}
.history .more{display:flex;gap:8px;font-size:12px;line-height:15px;color:var(--mute);white-space:nowrap}
.history li.now .go{font-weight:600;cursor:default}
.history .aside .go,.history .aside .worth{color:var(--mute)}
.history .note{flex:1;font-size:12px;line-height:15px;color:var(--mute)}
.history button.blank{opacity:0}
.history li:hover .blank,.history .blank:focus-visible{opacity:1}
.history input.note{border-bottom:1px solid var(--accent);cursor:text}
.history .worth{flex:none;display:flex;flex-direction:column;padding-top:5px;line-height:17px;text-align:right;white-space:nowrap}
.history .by{font-size:12px;line-height:15px;color:var(--mute)}
.history .compare{border-collapse:collapse;width:100%}
.history .compare th{font-weight:400;color:var(--mute);text-align:left}
.history .compare td,.history .compare thead th{padding:2px 4px;text-align:right;max-width:120px;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.history .ends{display:flex;align-items:center;gap:8px}
`,
  draw(context) {
    const state = context.state as State;
    refresh(context, state);
    if (state.failed) return html`<p class="empty" role="status">${state.failed}</p>`;
    const { history: found } = state;
    if (!found) return html`<p class="about" role="status">Loading…</p>`;
    const lanes = lanesOf(found.steps.map((step) => step.parent));
    const { metrics } = context.snapshot;
    const name = metrics?.task === "classification" ? "accuracy" : metrics?.loss ?? "loss";
    const go = (position: number): void => context.store.ask({ type: "jump", position });
    const other = state.other ?? null;
    return html`${picture(found, name, go)}
      <div class="ends"><button class="button" title="The steps to the present state as a script" @click=${() => copy(context, state, "python")}>Copy as Python</button>
        <button class="button" title="The same as JSON" @click=${() => copy(context, state, "json")}>JSON</button>
        <span class="about" role="status">${state.said ?? ""}</span></div>
      ${other !== null && other !== found.position && found.steps[other] ? comparison(found, other, name) : nothing}
      <ol aria-label="States" reversed>${
        found.steps.map((_, position) => row(context, state, found, lanes, position)).reverse()}</ol>`;
  },
};
