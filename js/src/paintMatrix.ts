import type { Pen } from "./pen";
import { DEAD, GOES, PRUNED } from "./scene";
import { at, f32, i32, u8 } from "./topology";

/** A cell with gaps round it is so many pixels of the bitmap wide, in which there is room for a pattern. */
const FINE = 3;
/** Steps of ink: as many as an eye tells apart. */
const SHADES = 64;

/** Two colours of a cell, and a bit for each of its pixels that has the first of them. */
type Cell = readonly [front: number, back: number, pattern: number];

const FULL = 0b111111111;
const STRIPE = 0b001010100;
const DOT = 0b000010000;

/** A colour of the palette as a pixel. */
function pixelOf(hex: string, opacity: number): number {
  const channel = (i: number): number => parseInt(hex.slice(i, i + 2), 16);
  return (channel(1) | (channel(3) << 8) | (channel(5) << 16) | (Math.round(255 * opacity) << 24)) >>> 0;
}

/** How the cell of an edge is drawn: what goes striped, what is gone as a dot, so that they do not differ by colour alone. */
function cells({ scene, palette }: Pen, fine: number): (edge: number) => Cell {
  const { ink, cut, mute, accent } = palette;
  const cell = (colour: string, pattern: number, front: number, back: number, alone: number): Cell =>
    fine > 1 ? [pixelOf(colour, front), pixelOf(colour, back), pattern] : [pixelOf(colour, alone), 0, FULL];
  const voices: Readonly<Record<number, Cell>> = {
    [GOES]: cell(cut, STRIPE, 0.95, 0.3, 0.62), [PRUNED]: cell(cut, DOT, 0.5, 0, 0.16), [DEAD]: cell(mute, DOT, 0.55, 0, 0.2),
  };
  const selected = cell(accent, FULL, 1, 0, 1);
  const shades = Array.from({ length: SHADES + 1 }, (_, i): Cell => [pixelOf(ink, i / SHADES), 0, FULL]);
  return (edge) => scene.selectedEdges.has(edge) ? selected
    : voices[u8(scene.edgeVoice, edge)] ?? shades[Math.round(SHADES * f32(scene.strength, edge))] ?? selected;
}

/** Make a canvas the bitmap of a layer: for each edge a pixel, or with `fine` so many in both directions. */
function bitmap(pen: Pen, layer: number, rows: number, fine: number, canvas: HTMLCanvasElement): HTMLCanvasElement | null {
  const { topology: t } = pen.scene;
  const [below, above] = [at(t.widths, layer), at(t.widths, layer + 1)];
  const byTarget = above >= below;
  const up = pen.place.orientation === "up";
  const columns = Math.max(below, above);
  [canvas.width, canvas.height] = up ? [columns * fine, rows * fine] : [rows * fine, columns * fine];
  const ctx = canvas.getContext("2d");
  if (!ctx) return null;
  const stride = canvas.width;
  const image = ctx.createImageData(canvas.width, canvas.height);
  const pixels = new Uint32Array(image.data.buffer);
  const cell = cells(pen, fine);
  const [sources, targets] = [at(t.nodeStart, layer), at(t.nodeStart, layer + 1)];
  for (let e = at(t.edgeStart, layer); e < at(t.edgeStart, layer + 1); e++) {
    const [source, target] = [i32(t.from, e) - sources, i32(t.to, e) - targets];
    const [column, row] = byTarget ? [target, source] : [source, target];
    const corner = fine * (up ? (rows - 1 - row) * stride + column : column * stride + row);
    const [front, back, pattern] = cell(e);
    for (let i = 0; i < fine * fine; i++) pixels[corner + Math.floor(i / fine) * stride + (i % fine)] = (pattern >> i) & 1 ? front : back;
  }
  ctx.putImageData(image, 0, 0);
  return canvas;
}

/** The bitmap of a layer, made anew only when what it shows has changed. */
function remembered(pen: Pen, layer: number, rows: number, fine: number): HTMLCanvasElement | null {
  const of = [pen.scene, pen.palette, pen.place, fine];
  const known = pen.bitmaps.get(layer);
  if (known && of.every((value, i) => value === known.of[i])) return known.canvas;
  const canvas = bitmap(pen, layer, rows, fine, known?.canvas ?? document.createElement("canvas"));
  pen.bitmaps.set(layer, { of, canvas });
  return canvas;
}

/** Lines of background between the cells. */
function paintGaps({ ctx, px }: Pen, x: number, y: number, width: number, height: number, columns: number, rows: number): void {
  const gap = Math.min(px, (width / columns) * 0.2, (height / rows) * 0.2);
  for (let i = 1; i < columns; i++) ctx.fillRect(x + (i * width) / columns - gap / 2, y, gap, height);
  for (let i = 1; i < rows; i++) ctx.fillRect(x, y + (i * height) / rows - gap / 2, width, gap);
}

/** Draw a layer too crowded for thumbnails as a matrix, with gaps between its cells or without; false where it is not laid out as one. */
export function paintMatrix(pen: Pen, layer: number, gaps: boolean): boolean {
  const { ctx, place, scene, palette } = pen;
  const [rows, fine] = [at(place.matrix, layer), gaps ? FINE : 1];
  const image = rows > 0 ? remembered(pen, layer, rows, fine) : null;
  if (!image) return false;
  const [first, last] = [at(scene.topology.edgeStart, layer), at(scene.topology.edgeStart, layer + 1) - 1];
  const [xa, xb, ya, yb] = [at(place.boxX, first), at(place.boxX, last), at(place.boxY, first), at(place.boxY, last)];
  const [columns, lines] = [image.width / fine, image.height / fine];
  // The outermost cells reach half a pitch beyond their middles.
  const extent = (a: number, b: number, count: number): number => (count > 1 ? (Math.abs(b - a) * count) / (count - 1) : at(place.side, layer));
  const [width, height] = [extent(xa, xb, columns), extent(ya, yb, lines)];
  const [x, y] = [(xa + xb - width) / 2, (ya + yb - height) / 2];
  ctx.fillStyle = palette.bg;
  ctx.fillRect(x, y, width, height);
  ctx.imageSmoothingEnabled = false;
  ctx.drawImage(image, x, y, width, height);
  ctx.imageSmoothingEnabled = true;
  if (gaps) paintGaps(pen, x, y, width, height, columns, lines);
  return true;
}
