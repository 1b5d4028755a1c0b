import { type Axis, toX } from "./axis";
import { at } from "./topology";
import type { Foreseen, Pruning } from "./wire";

/** Where on the panel a curve runs: its lowest and highest value lie at `bottom` and `top`. */
export interface Room {
  readonly top: number;
  readonly bottom: number;
}

/** The curve as paths, and what one of its values is on the panel. */
export interface Drawn {
  readonly line: string;
  /** What chance does, from its best to its worst draw; empty while unknown. */
  readonly band: string;
  y(value: number): number;
}

/** Whether the curve answers for the rule that is in force. */
export const answers = (curve: Foreseen | null, { criterion, structure }: Pruning): curve is Foreseen =>
  curve !== null && curve.criterion === criterion && curve.structure === structure && curve.threshold.length > 1;

/** What is plotted: accuracy where classes are told apart, else the loss. */
export const valuesOf = (curve: Foreseen): Float32Array => curve.accuracy ?? curve.loss;

/** The value at a threshold: that of the first level which takes at least as much. */
export function readAt(curve: Foreseen, threshold: number): number {
  const values = valuesOf(curve);
  let level = 0;
  while (level < values.length - 1 && at(curve.threshold, level) < threshold) level++;
  if (threshold > 0) return at(values, level);
  // Several levels of a signed criterion share the place of nothing: there the first is what nothing costs.
  return at(values, 0);
}

const finite = (values: Float32Array): number[] => Array.from(values).filter(Number.isFinite);

/** A band only needs to be seen where it runs, so the scale is the curve's own with some of the band's. */
function extentOf(curve: Foreseen): readonly [number, number] {
  const own = finite(valuesOf(curve));
  const low = Math.min(...own, ...finite(curve.controlLow ?? new Float32Array(0)));
  const high = Math.max(...own, ...(curve.accuracy ? finite(curve.controlHigh ?? new Float32Array(0)) : []));
  return high > low ? [low, high] : [low - 1, low + 1];
}

/** Lay the curve out along the axis of scores. */
export function drawCurve(curve: Foreseen, axis: Axis, { top, bottom }: Room): Drawn {
  const [low, high] = extentOf(curve);
  const y = (value: number): number => bottom - ((Math.min(high, Math.max(low, value)) - low) / (high - low)) * (bottom - top);
  const values = valuesOf(curve);
  const places: { x: number; level: number }[] = [];
  for (let level = 0; level < values.length; level++) {
    if (Number.isFinite(at(values, level))) places.push({ x: toX(axis, at(curve.threshold, level)), level });
  }
  const path = (of: Float32Array, backwards = false): string => {
    const order = backwards ? [...places].reverse() : places;
    return order.map(({ x, level }) => `L${x.toFixed(1)} ${y(at(of, level)).toFixed(1)}`).join("");
  };
  const { controlLow, controlHigh } = curve;
  return {
    line: `M${path(values).slice(1)}`,
    band: controlLow && controlHigh ? `M${path(controlHigh).slice(1)}${path(controlLow, true)}Z` : "",
    y,
  };
}
