import { nothing, svg } from "lit-html";
import type { SVGTemplateResult } from "lit-html";
import { roundNumbers } from "../axis";
import { formatTick } from "../format";
import { at } from "../topology";

/** A function and the data that it is applied to. */
export interface ChartData {
  readonly x: Float32Array;
  readonly y: Float32Array;
  /** How full each of these equal bins of x is, 255 for the fullest. */
  readonly density: ArrayLike<number>;
  readonly densityLow: number;
  readonly densityHigh: number;
  /** Where the pieces of the function meet; empty while unknown. */
  readonly knots: ArrayLike<number>;
  /** The function before the last step, where that changed it. */
  readonly past: Float32Array | null;
}

export interface Extent {
  readonly low: number;
  readonly high: number;
}

/** The finite extent of some values, widened where it would be empty. */
export function extent(values: ArrayLike<number>): Extent {
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    const v = at(values, i);
    if (!Number.isFinite(v)) continue;
    low = Math.min(low, v);
    high = Math.max(high, v);
  }
  if (!(low <= high)) return { low: -1, high: 1 };
  const pad = low === high ? Math.abs(low) * 0.5 || 1 : 0;
  return { low: low - pad, high: high + pad };
}

/** As much of a name as fits beside the axis. */
const shorten = (name: string): string => (name.length > 4 ? `${name.slice(0, 3)}…` : name);

const scale = ({ low, high }: Extent, from: number, to: number) => (v: number): number =>
  from + ((v - low) / (high - low)) * (to - from);

const WIDTH = 248;
const PLOT = { least: 38, right: WIDTH - 8, top: 10 };
/** Width of a digit of the ticks, and what is left free of them. */
const TICK = { digit: 6.4, margin: 10 };
const FOOT = 28;
const DENSITY = 22;

function densityPath(data: ChartData, sx: (v: number) => number, bottom: number): string {
  const n = data.density.length;
  if (n === 0 || !(data.densityHigh > data.densityLow)) return "";
  const step = (data.densityHigh - data.densityLow) / n;
  const points = Array.from({ length: n }, (_, i) => {
    const x = sx(data.densityLow + (i + 0.5) * step);
    return `L${x.toFixed(1)} ${(bottom - (at(data.density, i) / 255) * DENSITY).toFixed(1)}`;
  });
  const [x0, x1] = [sx(data.densityLow).toFixed(1), sx(data.densityHigh).toFixed(1)];
  return `M${x0} ${bottom}${points.join("")}L${x1} ${bottom}Z`;
}

function curvePath(data: Pick<ChartData, "x" | "y">, sx: (v: number) => number, sy: (v: number) => number): string {
  let path = "";
  for (let i = 0; i < data.x.length; i++) {
    const [x, y] = [at(data.x, i), at(data.y, i)];
    if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
    path += `${path ? "L" : "M"}${sx(x).toFixed(1)} ${sy(y).toFixed(1)}`;
  }
  return path;
}

function grid(
  x: Extent, up: readonly number[], sx: (v: number) => number, sy: (v: number) => number, left: number, bottom: number,
): SVGTemplateResult {
  const across = roundNumbers(x.low, x.high, left > 48 ? 3 : 4);
  return svg`${up.map((v) => svg`<line class=${v === 0 ? "zero" : "rule"} x1=${left} x2=${PLOT.right}
      y1=${sy(v)} y2=${sy(v)} /><text class="tick" x=${left - 6} y=${sy(v)} dy=".34em" text-anchor="end"
      >${formatTick(v)}</text>`)}${across.map((v) => svg`<line class="mark" x1=${sx(v)} x2=${sx(v)}
      y1=${bottom} y2=${bottom + 4} /><text class="tick" x=${sx(v)} y=${bottom + 16}
      text-anchor="middle">${formatTick(v)}</text>`)}`;
}

function knotMarks(data: ChartData, x: Extent, sx: (v: number) => number, bottom: number): SVGTemplateResult[] {
  const inside = Array.from(data.knots).filter((v) => v >= x.low && v <= x.high);
  return inside.map((v) => svg`<line class="knot" x1=${sx(v)} x2=${sx(v)} y1=${bottom - 5} y2=${bottom} />`);
}

/** Draw a function over the range of its data, the data's density below it, its knots as ticks. */
export function chart(data: ChartData, label: string, title: string, height: number): SVGTemplateResult {
  const bottom = height - FOOT;
  const x = extent(data.x);
  const tight = extent(data.past ? [...data.y, ...data.past] : data.y);
  const room = (tight.high - tight.low) * 0.06;
  const y = { low: tight.low - room, high: tight.high + room };
  const up = roundNumbers(y.low, y.high, bottom < 84 ? 3 : 4);
  const widest = Math.max(0, ...up.map((v) => formatTick(v).length));
  const left = Math.max(PLOT.least, widest * TICK.digit + TICK.margin);
  const sx = scale(x, left, PLOT.right);
  // The density has a floor of its own, so that it never hides the curve.
  const sy = scale(y, bottom - 8, PLOT.top);
  const density = densityPath(data, sx, bottom);
  return svg`<svg class="chart" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label=${label}>
    <text class="tick name" x=${left - 14} y=${bottom + 16} text-anchor="end">${shorten(title)}</text>
    ${density ? svg`<path class="density" d=${density} />` : nothing}
    ${grid(x, up, sx, sy, left, bottom)}
    <line class="axis" x1=${left} x2=${PLOT.right} y1=${bottom} y2=${bottom} />
    ${knotMarks(data, x, sx, bottom)}
    ${data.past ? svg`<path class="past" d=${curvePath({ x: data.x, y: data.past }, sx, sy)} />` : nothing}
    <path class="function" d=${curvePath(data, sx, sy)} />
  </svg>`;
}
