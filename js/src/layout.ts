import { at, type Topology } from "./topology";
import type { Orientation } from "./wire";

/** Where everything lies, in world units: one unit is one pixel at the fitted zoom, or less in a crowded network. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly orientation: Orientation;
  /** Middle of each thumbnail, and the side of those in each edge layer. */
  readonly boxX: Float32Array;
  readonly boxY: Float32Array;
  readonly side: readonly number[];
  /** For edge layers that are a matrix, with one column for each node of the wider side: how many rows; else 0. */
  readonly matrix: readonly number[];
  readonly nodeX: Float32Array;
  readonly nodeY: Float32Array;
  /** Radius of the nodes of each node layer, and the distance between them. */
  readonly radius: readonly number[];
  readonly spacing: readonly number[];
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

const SIDE = { least: 4, ease: 30, most: 42 };
const RADIUS = { least: 0.5, most: 9 };
/** The share of its pitch that a thumbnail fills. */
const FILL = 0.74;
/** The share of the room between two nodes that their thumbnails may fill. */
const ROOM = 0.86;
/** How far a lone thumbnail leans towards the middle of the layer it leads to. */
const LEAN = 0.18;
/** Up to so many rows are laid like bricks, so that links pass between the thumbnails of the next row. */
const BRICKS = 6;
/** Thumbnails of fewer pixels say nothing: they are the cells of a matrix. */
export const CELL = 8;
const MARGIN = { across: 20, upEnds: 44, rightEnds: 88 };

/** Positions along the two directions that matter: across the layers, and along the flow from input to output. */
interface Frame {
  readonly across: number;
  /** Room for names before the inputs, and as much beyond the outputs. */
  readonly ends: number;
  readonly along: number;
}

function frameOf(size: Size, orientation: Orientation): Frame {
  const up = orientation === "up";
  const across = Math.max(64, (up ? size.width : size.height) - 2 * MARGIN.across);
  const whole = Math.max(160, up ? size.height : size.width);
  const ends = Math.min(up ? MARGIN.upEnds : MARGIN.rightEnds, whole * 0.2);
  return { across, ends, along: whole - 2 * ends };
}

/** How a layer's thumbnails are packed beside a node: columns across, rows along. */
interface Packing {
  readonly columns: number;
  readonly rows: number;
  readonly pitchAcross: number;
  readonly pitchAlong: number;
  readonly side: number;
}

/** Pack `count` thumbnails in a room: in as few rows as leave them easy to read, else as large as they can be. */
export function pack(count: number, room: number, band: number): Packing {
  let best: Packing | null = null;
  for (let rows = 1; rows <= count; rows++) {
    const columns = Math.ceil(count / rows);
    const pitchAcross = Math.min(room / columns, SIDE.most / FILL);
    const pitchAlong = Math.min(band / rows, SIDE.most / FILL);
    const side = Math.min(pitchAcross, pitchAlong) * FILL;
    if (!best || side > best.side) best = { columns, rows, pitchAcross, pitchAlong, side };
    if (side >= SIDE.ease || band / rows < side) break;
  }
  return best ?? { columns: 1, rows: 1, pitchAcross: room, pitchAlong: band, side: SIDE.least };
}

/** All thumbnails of a node in one column, as in a matrix. */
function column(count: number, spacing: number, band: number): Packing {
  const pitchAlong = Math.min(band / count, SIDE.most / FILL);
  return { columns: 1, rows: count, pitchAcross: spacing, pitchAlong, side: Math.min(SIDE.most, Math.min(spacing, pitchAlong) * FILL) };
}

interface Placed {
  readonly nodeA: Float32Array;
  readonly nodeB: Float32Array;
  readonly boxA: Float32Array;
  readonly boxB: Float32Array;
  readonly side: number[];
  readonly matrix: number[];
  readonly radius: number[];
  readonly spacing: number[];
}

function placeNodes(t: Topology, frame: Frame, placed: Placed): void {
  const gap = frame.along / (t.widths.length - 1);
  const widest = Math.max(...t.widths);
  t.widths.forEach((width, l) => {
    const spacing = Math.min(frame.across / width, Math.max((1.6 * frame.across) / widest, 150));
    placed.spacing.push(spacing);
    placed.radius.push(Math.max(RADIUS.least, Math.min(RADIUS.most, spacing * 0.34, gap * 0.12)));
    for (let i = 0; i < width; i++) {
      placed.nodeA[at(t.nodeStart, l) + i] = frame.across / 2 + (i - (width - 1) / 2) * spacing;
      placed.nodeB[at(t.nodeStart, l) + i] = frame.ends + l * gap;
    }
  });
}

/** Place the thumbnails of one edge layer, each beside its node in the wider of the two node layers. */
function placeBoxes(t: Topology, l: number, frame: Frame, placed: Placed): void {
  const [below, above] = [at(t.widths, l), at(t.widths, l + 1)];
  const byTarget = above >= below;
  const count = byTarget ? below : above;
  const gap = frame.along / (t.widths.length - 1);
  const nodes = at(placed.radius, l) + at(placed.radius, l + 1);
  const lean = count === 1 ? LEAN : 0;
  const spacing = at(placed.spacing, byTarget ? l + 1 : l);
  const room = spacing * (1 - lean) * ROOM;
  const loose = pack(count, room, gap - nodes - 2 * Math.min(64, gap * 0.2));
  // Where links are a texture anyway, the thumbnails need the room more.
  const band = gap - nodes - gap * 0.24;
  const dense = loose.rows > BRICKS ? pack(count, room, band) : loose;
  const matrix = dense.side < CELL || (dense.columns === 1 && dense.rows > BRICKS);
  const packing = matrix ? column(count, spacing, band) : dense;
  placed.side.push(packing.side);
  placed.matrix.push(matrix ? count : 0);
  const middle = frame.ends + (l + 0.5) * gap;
  const shift = Math.min(MARGIN.across * 0.7, (packing.columns === 1 ? spacing : packing.pitchAcross) / 4);
  for (let e = at(t.edgeStart, l); e < at(t.edgeStart, l + 1); e++) {
    const anchor = at(placed.nodeA, at(byTarget ? t.to : t.from, e));
    const other = at(placed.nodeA, at(byTarget ? t.from : t.to, e));
    const member = byTarget ? at(t.from, e) - at(t.nodeStart, l) : at(t.to, e) - at(t.nodeStart, l + 1);
    const row = Math.floor(member / packing.columns);
    const inRow = Math.min(packing.columns, count - row * packing.columns);
    const inColumn = member - row * packing.columns;
    const brick = !matrix && packing.rows > 1 && packing.rows <= BRICKS ? (row % 2 === 0 ? -1 : 1) * shift : 0;
    placed.boxA[e] = anchor + (other - anchor) * lean + (inColumn - (inRow - 1) / 2) * packing.pitchAcross + brick;
    placed.boxB[e] = middle + (row - (packing.rows - 1) / 2) * packing.pitchAlong;
  }
}

/** Lay a network out for a view of this size. */
export function layout(t: Topology, size: Size, orientation: Orientation): Layout {
  const frame = frameOf(size, orientation);
  const placed: Placed = {
    nodeA: new Float32Array(t.nodes), nodeB: new Float32Array(t.nodes),
    boxA: new Float32Array(t.edges), boxB: new Float32Array(t.edges),
    side: [], matrix: [], radius: [], spacing: [],
  };
  placeNodes(t, frame, placed);
  for (let l = 0; l + 1 < t.widths.length; l++) placeBoxes(t, l, frame, placed);
  // Thumbnails of one size read as one kind of thing, unless that would make the large ones hard to read.
  const even = Math.max(SIDE.ease, Math.min(...placed.side));
  placed.side.forEach((side, l) => (placed.side[l] = Math.min(side, even)));
  const grow = Math.max(1, SIDE.least / Math.min(...placed.side));
  const across = frame.across + 2 * MARGIN.across;
  const along = frame.along + 2 * frame.ends;
  const a = (v: number): number => (v + MARGIN.across) * grow;
  const up = orientation === "up";
  const b = (v: number): number => (up ? along - v : v) * grow;
  const scale = (v: number): number => v * grow;
  return {
    width: scale(up ? across : along),
    height: scale(up ? along : across),
    orientation,
    boxX: up ? placed.boxA.map(a) : placed.boxB.map(b),
    boxY: up ? placed.boxB.map(b) : placed.boxA.map(a),
    nodeX: up ? placed.nodeA.map(a) : placed.nodeB.map(b),
    nodeY: up ? placed.nodeB.map(b) : placed.nodeA.map(a),
    side: placed.side.map(scale),
    matrix: placed.matrix,
    radius: placed.radius.map(scale),
    spacing: placed.spacing.map(scale),
  };
}

/** A cubic curve as eight numbers: start, two controls, end. */
export type Curve = readonly [number, number, number, number, number, number, number, number];

/** The two strokes of an edge: from its source up to its thumbnail, and on to its target. */
export function links(t: Topology, place: Layout, edge: number, layer: number): readonly [Curve, Curve] {
  const x = at(place.boxX, edge);
  const y = at(place.boxY, edge);
  const half = at(place.side, layer) / 2;
  const [from, to] = [at(t.from, edge), at(t.to, edge)];
  const up = place.orientation === "up";
  const step = up ? -1 : 1;
  const shift = (node: number, by: number): [number, number] => {
    const r = at(place.radius, by > 0 === (step > 0) ? layer : layer + 1) * by;
    return [at(place.nodeX, node) + (up ? 0 : r), at(place.nodeY, node) + (up ? r : 0)];
  };
  const [sx, sy] = shift(from, step);
  const [tx, ty] = shift(to, -step);
  const inX = up ? x : x - half;
  const inY = up ? y + half : y;
  const outX = up ? x : x + half;
  const outY = up ? y - half : y;
  return [bend(sx, sy, inX, inY, up), bend(outX, outY, tx, ty, up)];
}

/** A curve that leaves and arrives along the flow. */
function bend(x1: number, y1: number, x2: number, y2: number, up: boolean): Curve {
  if (up) return [x1, y1, x1, y1 + (y2 - y1) * 0.55, x2, y1 + (y2 - y1) * 0.45, x2, y2];
  return [x1, y1, x1 + (x2 - x1) * 0.55, y1, x1 + (x2 - x1) * 0.45, y2, x2, y2];
}
