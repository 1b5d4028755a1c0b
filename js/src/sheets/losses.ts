import { nothing, svg } from "lit-html";
import type { SVGTemplateResult } from "lit-html";
import { roundNumbers } from "../axis";
import { formatLoss, formatTick } from "../format";
import { at } from "../topology";
import type { Edit, Training } from "./training";

export const SIZE = { width: 320, height: 136 };
const PLOT = { left: 48, right: 312, top: 12, bottom: 110 };
/** So much between the highest and the lowest loss asks for a logarithmic scale. */
const DECADE = 8;

/** Where losses lie on the picture. */
export interface Scales {
  readonly log: boolean;
  readonly last: number;
  readonly low: number;
  readonly high: number;
  x(step: number): number;
  y(loss: number): number;
}

const finite = (values: Float32Array): number[] => Array.from(values).filter(Number.isFinite);

/** Lay a training out; `log` as asked for, or as its losses ask for. */
export function scales(training: Training, asked: boolean | null): Scales {
  const values = [...finite(training.train), ...finite(training.test), ...(training.limit === null ? [] : [training.limit])];
  const [least, most] = values.length > 0 ? [Math.min(...values), Math.max(...values)] : [0, 1];
  const log = (asked ?? most > DECADE * least) && least > 0;
  const to = log ? Math.log : (v: number): number => v;
  const room = (to(most) - to(least)) * 0.06 || Math.abs(to(least)) * 0.1 || 1;
  const [low, high] = [to(least) - room, to(most) + room];
  const known = training.state === "idle" ? null : training.steps;
  const last = Math.max(1, training.step, known ?? 0);
  return {
    log, last, low, high,
    x: (step) => PLOT.left + (step / last) * (PLOT.right - PLOT.left),
    y: (loss) => PLOT.bottom - ((to(Math.max(loss, least)) - low) / (high - low)) * (PLOT.bottom - PLOT.top),
  };
}

/** A few round numbers between the ends of the axis of losses. */
export function lossTicks({ log, low, high }: Scales): number[] {
  if (!log) return roundNumbers(low, high, 4);
  const found: number[] = [];
  const decades = (high - low) / Math.LN10;
  for (let power = Math.floor(low / Math.LN10); power <= high / Math.LN10; power++) {
    const steps = decades > 2.5 ? [1] : decades > 1.2 ? [1, 3] : [1, 2, 5];
    found.push(...steps.map((v) => v * 10 ** power));
  }
  const inside = found.filter((v) => Math.log(v) >= low && Math.log(v) <= high);
  const every = Math.ceil(inside.length / 5);
  return inside.filter((_, i) => (inside.length - 1 - i) % every === 0);
}

/** A line through the points that are known. */
export function linePath(training: Training, of: Float32Array, { x, y }: Scales): string {
  let path = "";
  let pen = false;
  for (let i = 0; i < of.length; i++) {
    const known = Number.isFinite(at(of, i));
    if (known) path += `${pen ? "L" : "M"}${x(at(training.at, i)).toFixed(1)} ${y(at(of, i)).toFixed(1)}`;
    pen = known;
  }
  return path;
}

/** The point that is nearest to a place on the picture, as a number. */
export function nearest({ at: steps }: Training, { x }: Scales, place: number): number {
  let best = 0;
  for (let i = 1; i < steps.length; i++) {
    if (Math.abs(x(at(steps, i)) - place) <= Math.abs(x(at(steps, best)) - place)) best = i;
  }
  return best;
}

function eventMark(event: Edit, { x }: Scales): SVGTemplateResult {
  const kind = event.kept === null ? "" : event.kept ? "kept" : "back";
  const said = event.kept === false ? `${event.label}, taken back` : event.label;
  return svg`<g class=${`event ${kind}`}><title>${`step ${event.step}: ${said}`}</title>
    <line x1=${x(event.step)} x2=${x(event.step)} y1=${PLOT.top} y2=${PLOT.bottom} />
    <circle cx=${x(event.step)} cy=${PLOT.top} r="3.5" /></g>`;
}

function reading(training: Training, s: Scales, index: number): SVGTemplateResult {
  const place = s.x(at(training.at, index));
  const right = place > PLOT.right - 64;
  const dot = (of: Float32Array, name: string): SVGTemplateResult | typeof nothing =>
    Number.isFinite(at(of, index)) ? svg`<circle class=${`dot ${name}`} cx=${place} cy=${s.y(at(of, index))} r="3.5" />` : nothing;
  return svg`<line class="ruler" x1=${place} x2=${place} y1=${PLOT.top} y2=${PLOT.bottom} />
    <text class="tick here" x=${place + (right ? -6 : 6)} y=${PLOT.bottom - 4} text-anchor=${right ? "end" : "start"}>step ${formatTick(at(training.at, index))}</text>
    ${dot(training.train, "train")}${dot(training.test, "test")}`;
}

/** What the picture says, for those who do not see it. */
function summary({ at: steps, train, test, events }: Training, loss: string): string {
  const line = (name: string, of: Float32Array): string => {
    const known = finite(of);
    return known.length > 0 ? `${name} ${loss} ${formatLoss(known[0] ?? null)} to ${formatLoss(known[known.length - 1] ?? null)}` : "";
  };
  const done = steps.length > 0 ? at(steps, steps.length - 1) : 0;
  return [`Losses over ${done} steps`, line("training", train), line("test", test),
    events.length > 0 ? `${events.length} edits` : ""].filter(Boolean).join(", ");
}

/** The losses of a training against its steps. */
export function losses(
  training: Training, s: Scales, loss: string, hovered: number | null, hover: (index: number | null) => void,
): SVGTemplateResult {
  const steps = roundNumbers(0, s.last, 5).filter(Number.isInteger);
  const move = (event: PointerEvent): void => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    hover(nearest(training, s, ((event.clientX - box.left) / box.width) * SIZE.width));
  };
  const limit = training.limit === null ? null : s.y(training.limit);
  return svg`<svg class="losses" viewBox=${`0 0 ${SIZE.width} ${SIZE.height}`} role="img" aria-label=${summary(training, loss)}
    @pointermove=${move} @pointerleave=${() => hover(null)}>
    ${lossTicks(s).map((v) => svg`<line class="rule" x1=${PLOT.left} x2=${PLOT.right} y1=${s.y(v)} y2=${s.y(v)} />
      <text class="tick" x=${PLOT.left - 6} y=${s.y(v) + 4} text-anchor="end">${formatTick(Number(v.toPrecision(3)))}</text>`)}
    <line class="axis" x1=${PLOT.left} x2=${PLOT.right} y1=${PLOT.bottom} y2=${PLOT.bottom} />
    ${steps.map((v) => svg`<line class="axis" x1=${s.x(v)} x2=${s.x(v)} y1=${PLOT.bottom} y2=${PLOT.bottom + 4} />
      <text class="tick" x=${s.x(v)} y=${PLOT.bottom + 17} text-anchor=${s.x(v) > PLOT.right - 12 ? "end" : "middle"}>${formatTick(v)}</text>`)}
    ${limit === null ? nothing : svg`<line class="limit" x1=${PLOT.left} x2=${PLOT.right} y1=${limit} y2=${limit} />`}
    ${training.events.map((event) => eventMark(event, s))}
    <path class="train" d=${linePath(training, training.train, s)} />
    <path class="test" d=${linePath(training, training.test, s)} />
    ${hovered !== null && hovered < training.at.length ? reading(training, s, hovered) : nothing}
  </svg>`;
}
