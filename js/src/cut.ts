import { html, nothing, svg, type SVGTemplateResult, type TemplateResult } from "lit-html";
import { type Axis, type Bar, createAxis, histogram, type Mark, marks, toX } from "./axis";
import { type Drawn, drawCurve, readAt, valuesOf } from "./curve";
import { type Dragging, follow } from "./follow";
import { formatLoss, formatShare, formatThreshold, plural } from "./format";
import { keys } from "./help";
import type { Preview } from "./preview";
import type { Snapshot } from "./snapshot";
import { words } from "./toolbar";
import { at } from "./topology";
import type { Foreseen } from "./wire";

/** What a hand on the threshold can do. */
export interface CutActions extends Dragging {
  key(event: KeyboardEvent): void;
  keyUp(event: KeyboardEvent): void;
  /** Open the thresholds of the layers, or close them. */
  toggleLayers(): void;
}

/** The panel's geometry, made once for a width and a set of scores. */
export interface CutPlot {
  readonly axis: Axis;
  readonly bars: readonly Bar[];
  readonly curve: Drawn | null;
}

/** Lay the panel out. */
export function createPlot(inPlay: Float32Array, curve: Foreseen | null, width: number): CutPlot {
  const axis = createAxis(inPlay, width);
  return { axis, bars: histogram(axis, inPlay), curve: curve && drawCurve(curve, axis, CURVE) };
}

const HEIGHT = 96;
const LABEL_ROOM = 16;
const BARS = 44;
const TICKS = 24;
/** What lies between the curve and the edges of its place. */
const CURVE = { top: LABEL_ROOM + 6, bottom: HEIGHT - 8 };

/** What a screen reader says of the threshold. */
export function valueText(threshold: number, { edgesGo, nodesGo, inputsGo }: Preview): string {
  const also = inputsGo > 0 ? `, and ${plural(inputsGo, "input")}` : "";
  return `${formatThreshold(threshold)}: ${plural(edgesGo, "edge")} and ${plural(nodesGo, "node")} go${also}`;
}

/** What goes, in words: "6 edges, 2 nodes go". */
export function whatGoes({ edgesGo, nodesGo, inputsGo }: Preview): string {
  const parts = [[edgesGo, "edge"], [nodesGo, "node"], [inputsGo, "input"]] as const;
  const said = parts.filter(([count]) => count > 0).map(([count, noun]) => plural(count, noun));
  const one = edgesGo + nodesGo + inputsGo === 1;
  return said.length === 0 ? "nothing goes" : `${said.join(", ")} ${one ? "goes" : "go"}`;
}

function summary(snapshot: Snapshot): TemplateResult {
  const { threshold, cut, preview, inPlay, pruning } = snapshot;
  if (inPlay.length === 0) return html`<span class="said">no scores to cut by</span>`;
  if (typeof cut === "object") return html`<span class="said"><b class="cut-text">by layer</b> · ${whatGoes(preview)}</span>`;
  if (threshold === 0) return html`<span class="said">below <b>0</b> · nothing goes</span>`;
  const atLimit = pruning.limit !== null && threshold >= pruning.limit;
  return html`<span class="said">below <b class="cut-text">${formatThreshold(threshold)}</b> · ${whatGoes(preview)}${
    cost(snapshot)}${atLimit ? html` · <span class="limit-text">the most that leaves every output connected</span>` : nothing}</span>`;
}

/** Bars grow with the root of their count once many scores share a bin, so that lone ones stay visible. */
function barHeight(count: number, most: number): number {
  if (count === 0) return 0;
  return most <= 4 ? count * 11 : Math.max(2, BARS * Math.sqrt(count / most));
}

function barsOf(bars: readonly Bar[], handle: number): SVGTemplateResult {
  const most = Math.max(1, ...bars.map((bar) => bar.count));
  const part = (x0: number, x1: number, height: number, name: string): SVGTemplateResult | typeof nothing =>
    x1 - x0 > 0.5
      ? svg`<rect class=${name} x=${x0} width=${x1 - x0} y=${HEIGHT - height} height=${height} rx="1.5" />`
      : nothing;
  return svg`${bars.map((bar) => {
    const height = barHeight(bar.count, most);
    if (height === 0) return nothing;
    const [x0, x1] = [bar.x0 + 1, bar.x1 - 1];
    const split = Math.max(x0, Math.min(x1, handle));
    return svg`${part(x0, split, height, "bar taken")}${part(split, x1, height, "bar")}`;
  })}`;
}

/** What is plotted, in words: "test RMSE". */
const nameOf = (curve: Foreseen, loss: string): string =>
  `${curve.rows === "train" ? "training" : curve.rows} ${curve.accuracy ? "accuracy" : words(loss)}`;

/** What a cut would cost, in words: "test RMSE 0.048 → 0.051". */
function cost({ curve, metrics, threshold }: Snapshot): TemplateResult | typeof nothing {
  if (!curve) return nothing;
  const format = curve.accuracy ? formatShare : formatLoss;
  const [before, after] = [at(valuesOf(curve), 0), readAt(curve, threshold)].map(format);
  const name = nameOf(curve, metrics?.loss ?? "loss");
  return html` · <span class="cost">${name} ${before === after ? html`<b>${after}</b>`
    : html`${before} → <b>${after}</b>`}</span>`;
}

/** What the lines are. */
function legend({ curve, metrics }: Snapshot): TemplateResult {
  if (!curve) return html`<span class="hint">drag the line, or ${keys(["←", "→"])}</span>`;
  return html`<span class="legend"><i></i>${nameOf(curve, metrics?.loss ?? "loss")}${
    curve.controlLow ? html`<i class="chance"></i>at random` : nothing}</span>`;
}

function curveOf(snapshot: Snapshot, drawn: Drawn, handle: number): SVGTemplateResult | typeof nothing {
  const { curve, cut, threshold } = snapshot;
  if (!curve) return nothing;
  const y = drawn.y(readAt(curve, threshold));
  return svg`${drawn.band ? svg`<path class="control" d=${drawn.band} />` : nothing}
    <path class="foreseen" d=${drawn.line} />
    ${typeof cut === "object" ? nothing : svg`<circle class="reading" cx=${handle} cy=${y} r="4" />`}`;
}

function tickLabel(mark: Mark, width: number): SVGTemplateResult | typeof nothing {
  if (!mark.label) return nothing;
  const anchor = mark.x > width - 8 ? "end" : mark.x < 8 ? "start" : "middle";
  return svg`<text class="tick" x=${mark.x} y=${HEIGHT + TICKS - 4} text-anchor=${anchor}>${mark.label}</text>`;
}

function plot(snapshot: Snapshot, { axis, bars, curve }: CutPlot): SVGTemplateResult {
  const { limit } = snapshot.pruning;
  const { cut } = snapshot;
  const handle = toX(axis, snapshot.threshold);
  const each = typeof cut === "object";
  const end = limit === null ? axis.width : toX(axis, limit);
  const right = handle > axis.width - 72;
  return svg`<svg class="plot" width=${axis.width} height=${HEIGHT + TICKS} aria-hidden="true">
    ${end < axis.width - 1
      ? svg`<rect class="beyond" x=${end} width=${axis.width - end} y=${LABEL_ROOM - 6} height=${HEIGHT - LABEL_ROOM + 6} />
        <line class="limit" x1=${end} x2=${end} y1=${LABEL_ROOM - 6} y2=${HEIGHT} />
        ${axis.width - end > 30 && Math.abs(end - handle) > 64
          ? svg`<text class="tick" x=${end + 6} y="11">limit</text>` : nothing}`
      : nothing}
    ${barsOf(bars, each ? 0 : handle)}
    ${curve ? curveOf(snapshot, curve, handle) : nothing}
    <line class="axis" x1="0" x2=${axis.width} y1=${HEIGHT} y2=${HEIGHT} />
    ${marks(axis).map((mark) => svg`<line class="mark" x1=${mark.x} x2=${mark.x} y1=${HEIGHT}
      y2=${HEIGHT + (mark.label ? 5 : 3)} />${tickLabel(mark, axis.width)}`)}
    ${each ? cut.map((own) => svg`<line class="handle" x1=${toX(axis, own)} x2=${toX(axis, own)} y1=${HEIGHT - BARS} y2=${HEIGHT} />`)
      : svg`<line class="handle" x1=${handle} x2=${handle} y1="2" y2=${HEIGHT} />
    <text class="value" x=${handle + (right ? -9 : 9)} y="11" text-anchor=${right ? "end" : "start"}
      >${snapshot.threshold === 0 ? "" : formatThreshold(snapshot.threshold)}</text>`}
  </svg>`;
}

/** What a press on a gap does: cut there. */
const gapTitle = (gap: number): string => `Cut at the gap, ${formatThreshold(gap)}`;

const stay = (event: Event): void => event.stopPropagation();

/** The panel that cuts: the scores' histogram and the threshold on one axis. */
export function cut(snapshot: Snapshot, geometry: CutPlot, actions: CutActions, layersOpen: boolean): TemplateResult {
  const { axis } = geometry;
  const handle = toX(axis, snapshot.threshold);
  const each = typeof snapshot.cut === "object";
  const said = valueText(snapshot.threshold, snapshot.preview);
  const empty = snapshot.inPlay.length === 0;
  const most = snapshot.pruning.limit ?? 10 ** axis.high;
  return html`<div class="cut">
    <div class="cut-head"><h2>Cut</h2>${summary(snapshot)}${legend(snapshot)}<button class="button quiet" aria-pressed=${layersOpen}
      title="A threshold for each layer" @click=${actions.toggleLayers}>Layers</button></div>
    <div class="track" @pointerdown=${empty ? nothing : follow(axis, actions)}>
      ${plot(snapshot, geometry)}
      <div class="grip" role="slider" tabindex="0" aria-label="Threshold" aria-valuemin="0" aria-valuemax=${most}
        aria-valuenow=${snapshot.threshold} aria-valuetext=${each ? said.replace(/^[^:]+/, "by layer") : said}
        title=${each ? "Thresholds differ by layer; moved, this one rules all of them again" : nothing} aria-disabled=${empty} style=${`left:${handle}px;top:${HEIGHT}px`}
        @keydown=${actions.key} @keyup=${actions.keyUp} @blur=${() => actions.drop(true)}></div>
      ${snapshot.pruning.gaps.map((gap) => html`<button class="gap" style=${`left:${toX(axis, gap)}px`} aria-label=${gapTitle(gap)}
        title=${gapTitle(gap)} @pointerdown=${stay} @click=${() => {
          actions.drag(gap);
          actions.drop(true);
        }}></button>`)}
    </div>
  </div>`;
}
