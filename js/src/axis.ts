import { at } from "./topology";

/** A logarithmic axis of scores with a place for zero at its left end. */
export interface Axis {
  readonly width: number;
  /** Where the logarithmic part begins, in pixels. */
  readonly start: number;
  readonly low: number;
  readonly high: number;
}

/** Room at the left for "take nothing" and for scores of zero. */
const ZERO = 36;
const DECADES = 7;

/** An axis that holds these scores, from a power of ten to a power of ten. */
export function createAxis(sorted: ArrayLike<number>, width: number): Axis {
  let first = 0;
  while (first < sorted.length && at(sorted, first) <= 0) first++;
  const most = sorted.length > first ? at(sorted, sorted.length - 1) : 1;
  const least = sorted.length > first ? at(sorted, first) : 0.001;
  const high = Math.ceil(Math.log10(most) - 1e-9) + 0;
  const low = Math.max(Math.min(Math.floor(Math.log10(least) + 1e-9), high - 1), high - DECADES);
  return { width, start: Math.min(ZERO, width / 4), low, high };
}

/** Where a score lies. */
export function toX(axis: Axis, score: number): number {
  if (!(score > 0)) return 0;
  const share = (Math.log10(score) - axis.low) / (axis.high - axis.low);
  return axis.start + Math.min(1, Math.max(0, share)) * (axis.width - axis.start);
}

/** The threshold at a place, to three figures, so that what is shown is what is sent. */
export function fromX(axis: Axis, x: number): number {
  if (x < axis.start / 2) return 0;
  const share = Math.min(1, Math.max(0, (x - axis.start) / (axis.width - axis.start)));
  return Number((10 ** (axis.low + share * (axis.high - axis.low))).toPrecision(3));
}

/** A mark on the axis; only some carry a label. */
export interface Mark {
  readonly x: number;
  readonly label: string;
}

/** Marks at every 1..9 of each decade, with labels at the powers of ten as far as they find room. */
export function marks(axis: Axis): Mark[] {
  const decades = axis.high - axis.low;
  const every = Math.max(1, Math.ceil((56 * decades) / (axis.width - axis.start)));
  const found: Mark[] = [{ x: 0, label: "0" }];
  for (let d = 0; d <= decades; d++) {
    const power = axis.low + d;
    const labelled = (decades - d) % every === 0;
    found.push({ x: toX(axis, 10 ** power), label: labelled ? powerLabel(power) : "" });
    if (d === decades) break;
    for (let i = 2; i < 10; i++) found.push({ x: toX(axis, i * 10 ** power), label: "" });
  }
  return found;
}

/** "0.01", "1", "100", and "1e-5" beyond. */
export function powerLabel(power: number): string {
  if (power < -4 || power > 4) return `1e${power < 0 ? "−" : ""}${Math.abs(power)}`;
  return power < 0 ? (10 ** power).toFixed(-power) : String(10 ** power);
}

/** A bar of the histogram. */
export interface Bar {
  readonly x0: number;
  readonly x1: number;
  readonly count: number;
}

/** Count scores in bins of equal width; what is zero, or off the axis, gets a bar at the left end. */
export function histogram(axis: Axis, sorted: ArrayLike<number>): Bar[] {
  const room = axis.width - axis.start;
  const bins = Math.max(12, Math.min(56, Math.round(room / 20)));
  const counts = new Array<number>(bins + 1).fill(0);
  const lowest = 10 ** axis.low;
  for (let i = 0; i < sorted.length; i++) {
    const score = at(sorted, i);
    const bin = score < lowest ? 0 : 1 + Math.min(bins - 1, Math.floor(((toX(axis, score) - axis.start) / room) * bins));
    counts[bin] = at(counts, bin) + 1;
  }
  return counts.map((count, bin) =>
    bin === 0
      ? { x0: axis.start / 2 - room / bins / 2, x1: axis.start / 2 + room / bins / 2, count }
      : { x0: axis.start + ((bin - 1) * room) / bins, x1: axis.start + (bin * room) / bins, count },
  );
}

/** Some round numbers from one to another. */
export function roundNumbers(low: number, high: number, about: number): number[] {
  const least = (high - low) / about;
  const power = 10 ** Math.floor(Math.log10(least));
  const step = power * ([1, 2, 5].find((v) => v * power >= least) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}
