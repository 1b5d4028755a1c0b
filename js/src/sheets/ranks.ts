import { at } from "../topology";

/** Ranks counting from 0 at the lowest, ties at their mean, as parts of the way from the lowest to the highest. */
export function placesOf(values: Float32Array): Float32Array {
  const order = Uint32Array.from(values, (_, i) => i).sort((a, b) => at(values, a) - at(values, b) || a - b);
  const places = new Float32Array(values.length);
  const last = Math.max(1, values.length - 1);
  for (let from = 0, to = 0; from < order.length; from = to) {
    while (to < order.length && at(values, at(order, to)) === at(values, at(order, from))) to++;
    to = Math.max(to, from + 1);
    for (let i = from; i < to; i++) places[at(order, i)] = (from + to - 1) / 2 / last;
  }
  return places;
}

/** The point nearest to (x, y); null where none is within `reach`. */
export function nearest(xs: Float32Array, ys: Float32Array, x: number, y: number, reach: number): number | null {
  let [best, found]: [number, number | null] = [reach * reach, null];
  for (let i = 0; i < xs.length; i++) {
    const distance = (at(xs, i) - x) ** 2 + (at(ys, i) - y) ** 2;
    if (distance <= best) [best, found] = [distance, i];
  }
  return found;
}

/** The next point upwards or downwards along one axis; ties by number. */
export function next(along: Float32Array, from: number, up: boolean): number {
  const key = (i: number): number => at(along, i) + i * 1e-9;
  let found = from;
  for (let i = 0; i < along.length; i++) {
    if (up ? key(i) <= key(from) : key(i) >= key(from)) continue;
    if (found === from || (up ? key(i) < key(found) : key(i) > key(found))) found = i;
  }
  return found;
}
