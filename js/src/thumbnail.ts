import { at } from "./topology";
import type { Network } from "./wire";

/** Draw points from 0 (bottom) to 1 (top), so that each curve fills its frame; a constant one lies in the middle. */
function heightOf(net: Network, edge: number, i: number): number {
  const flat = !(at(net.curveHigh, edge) > at(net.curveLow, edge));
  return flat ? 0.5 : at(net.curves, edge * net.points + i) / 255;
}

/** Whether a function has values that are no numbers. */
export const isBroken = (net: Network, edge: number): boolean => !Number.isFinite(at(net.curveHigh, edge) - at(net.curveLow, edge));

/** A warning sign, for want of a curve. */
const WARNING = [0.5, 0.3, 0.5, 1, 0, 0, 1, 0, 0.5, 1];

/**
 * The curve of an edge as x, y pairs in the unit square, y upwards.
 *
 * @param most - About how many points can be told apart at the size it will have.
 */
export function thumbnail(net: Network, edge: number, most: number): Float32Array {
  const last = net.points - 1;
  if (isBroken(net, edge)) return Float32Array.from(WARNING);
  if (last < 1) return Float32Array.of(0, 0.5, 1, 0.5);
  const steps = Math.max(2, Math.min(last, most));
  const path = new Float32Array(2 * (steps + 1));
  for (let s = 0; s <= steps; s++) {
    const i = Math.round((s * last) / steps);
    path[2 * s] = i / last;
    path[2 * s + 1] = heightOf(net, edge, i);
  }
  return path;
}

/** The curve of an edge in its own units; null when its range is unknown. */
export function curveOf(net: Network, edge: number): { x: Float32Array; y: Float32Array } | null {
  const source = at(net.topology.from, edge);
  const [low, high] = [at(net.low, source), at(net.high, source)];
  const [bottom, top] = [at(net.curveLow, edge), at(net.curveHigh, edge)];
  if (net.points < 2 || ![low, high, bottom, top].every(Number.isFinite)) return null;
  const last = net.points - 1;
  return {
    x: Float32Array.from({ length: net.points }, (_, i) => low + ((high - low) * i) / last),
    y: Float32Array.from({ length: net.points }, (_, i) =>
      bottom + (at(net.curves, edge * net.points + i) / 255) * (top - bottom)),
  };
}
