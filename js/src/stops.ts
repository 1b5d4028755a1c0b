import { at } from "./topology";

/** Where the arrow keys rest: each stop takes one more of the different scores than the stop before it. */
export interface Stops {
  readonly scores: Float32Array;
  /** The last stop that Python accepts. */
  readonly last: number;
  readonly limit: number | null;
}

/** The different scores in play, from the lowest up. */
export function distinct(sorted: ArrayLike<number>): Float32Array {
  const found: number[] = [];
  for (let i = 0; i < sorted.length; i++) {
    if (found.length === 0 || at(sorted, i) > at(found, found.length - 1)) found.push(at(sorted, i));
  }
  return Float32Array.from(found);
}

/** How many of the different scores lie below a threshold. */
export function below(scores: ArrayLike<number>, threshold: number): number {
  const limit = Math.fround(threshold);
  let count = 0;
  while (count < scores.length && at(scores, count) < limit) count++;
  return count;
}

/** Make the stops for these scores. */
export function createStops(sorted: ArrayLike<number>, limit: number | null): Stops {
  const scores = distinct(sorted);
  return { scores, limit, last: limit === null ? scores.length : below(scores, limit) };
}

/**
 * The shortest number above `low` and not above `high`.
 *
 * A number strictly between two scores cuts alike in float32 and in float64, which an exact score might not.
 */
export function between(low: number, high: number): number {
  const middle = low > 0 ? Math.sqrt(low * high) : high / 2;
  for (let figures = 1; figures <= 8; figures++) {
    const short = Number(middle.toPrecision(figures));
    const single = Math.fround(short);
    if (single > low && single < high) return short;
  }
  return high;
}

/** The threshold of a stop. */
export function thresholdAt(stops: Stops, stop: number): number {
  const n = Math.max(0, Math.min(stops.last, stop));
  if (n === 0) return 0;
  const low = at(stops.scores, n - 1);
  const high = n < stops.scores.length ? at(stops.scores, n) : low * 2 || 1;
  const threshold = between(low, high);
  return stops.limit === null ? threshold : Math.min(threshold, stops.limit);
}

/** The threshold `by` stops away from another. */
export function stepFrom(stops: Stops, threshold: number, by: number): number {
  return thresholdAt(stops, below(stops.scores, threshold) + by);
}
