import { CELL, type Curve, type Layout, links } from "./layout";
import { at, f32, type Topology } from "./topology";

/** A part of the diagram, by number. */
export interface Hit {
  readonly kind: "edge" | "node";
  readonly number: number;
}

function layerSpans(starts: readonly number[]): [layer: number, from: number, to: number][] {
  return starts.slice(0, -1).map((from, layer) => [layer, from, at(starts, layer + 1)]);
}

function pickNode(t: Topology, place: Layout, x: number, y: number, slack: number): Hit | null {
  for (const [layer, from, to] of layerSpans(t.nodeStart)) {
    const reach = at(place.radius, layer) + slack;
    for (let n = from; n < to; n++) {
      if (Math.hypot(at(place.nodeX, n) - x, at(place.nodeY, n) - y) <= reach) return { kind: "node", number: n };
    }
  }
  return null;
}

function pickBox(t: Topology, place: Layout, x: number, y: number, px: number): Hit | null {
  let best: Hit | null = null;
  let nearest = Infinity;
  const up = place.orientation === "up";
  for (const [layer, from, to] of layerSpans(t.edgeStart)) {
    const side = at(place.side, layer);
    const reach = side / 2 + SLACK * 0.5 * px;
    // The cells of a matrix are as wide as their columns.
    const cell = at(place.matrix, layer) > 0 && side < CELL * px;
    const wide = cell ? reach / (Math.min(at(place.spacing, layer), at(place.spacing, layer + 1)) / 2) : 1;
    for (let e = from; e < to; e++) {
      const away = Math.max(Math.abs(f32(place.boxX, e) - x) * (up ? wide : 1), Math.abs(f32(place.boxY, e) - y) * (up ? 1 : wide));
      if (away > reach || away >= nearest) continue;
      nearest = away;
      best = { kind: "edge", number: e };
    }
  }
  return best;
}

/** The distance from a point to a curve, to within what a hand can tell. */
export function distance(curve: Curve, x: number, y: number): number {
  const [x0, y0, x1, y1, x2, y2, x3, y3] = curve;
  const steps = 20;
  let [px, py] = [x0, y0];
  let nearest = Infinity;
  for (let i = 1; i <= steps; i++) {
    const s = i / steps;
    const r = 1 - s;
    const [a, b, c, d] = [r * r * r, 3 * r * r * s, 3 * r * s * s, s * s * s];
    const [qx, qy] = [a * x0 + b * x1 + c * x2 + d * x3, a * y0 + b * y1 + c * y2 + d * y3];
    const [dx, dy] = [qx - px, qy - py];
    const along = Math.max(0, Math.min(1, ((x - px) * dx + (y - py) * dy) / (dx * dx + dy * dy || 1)));
    nearest = Math.min(nearest, Math.hypot(px + along * dx - x, py + along * dy - y));
    [px, py] = [qx, qy];
  }
  return nearest;
}

function pickLink(t: Topology, place: Layout, x: number, y: number, slack: number): Hit | null {
  let best: Hit | null = null;
  let nearest = slack;
  for (const [layer, from, to] of layerSpans(t.edgeStart)) {
    for (let e = from; e < to; e++) {
      for (const curve of links(t, place, e, layer)) {
        const [x0, y0, , , , , x3, y3] = curve;
        const outside =
          x < Math.min(x0, x3) - slack || x > Math.max(x0, x3) + slack ||
          y < Math.min(y0, y3) - slack || y > Math.max(y0, y3) + slack;
        if (outside) continue;
        const away = distance(curve, x, y);
        if (away >= nearest) continue;
        nearest = away;
        best = { kind: "edge", number: e };
      }
    }
  }
  return best;
}

/** Above this many edges their links are a haze, in which nobody can mean one of them. */
const LINKS_APART = 1500;

/** So many pixels beside a part still count. */
const SLACK = 5;

/** The part at a point of the world, in which a pixel of the screen has the size `px`. */
export function pick(t: Topology, place: Layout, x: number, y: number, px: number): Hit | null {
  return (
    pickNode(t, place, x, y, SLACK * px) ??
    pickBox(t, place, x, y, px) ??
    (t.edges <= LINKS_APART ? pickLink(t, place, x, y, SLACK * px) : null)
  );
}

export interface Box {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

/** Every node and thumbnail whose middle lies in a rectangle of the world. */
export function pickAll(place: Layout, box: Box): Hit[] {
  const inside = (x: number, y: number): boolean => x >= box.x0 && x <= box.x1 && y >= box.y0 && y <= box.y1;
  const found: Hit[] = [];
  place.nodeX.forEach((x, number) => {
    if (inside(x, at(place.nodeY, number))) found.push({ kind: "node", number });
  });
  place.boxX.forEach((x, number) => {
    if (inside(x, at(place.boxY, number))) found.push({ kind: "edge", number });
  });
  return found;
}
