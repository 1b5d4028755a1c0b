import type { Pen } from "./pen";
import { DEAD, INK, PRUNED } from "./scene";
import { at, f32, i32, u8 } from "./topology";

/** A cell with gaps round it is so many pixels of the bitmap wide, in which there is room for a pattern. */
const FINE = 3;
/** Steps of ink: as many as an eye tells apart. */
const SHADES = 64;

/** A cell as its pixels: what is gone is a dot, what goes a stripe, so that they do not differ by colour alone. */
type Cell = readonly number[];

/** A colour of the palette as a pixel without opacity. */
function pixelOf(hex: string): number {
  const channel = (i: number): number => parseInt(hex.slice(i, i + 2), 16);
  return channel(1) | (channel(3) << 8) | (channel(5) << 16);
}

const opaque = (pixel: number, opacity: number): number => (pixel | (Math.round(255 * opacity) << 24)) >>> 0;

/** The pixels of a cell, by its edge. */
function cells({ scene, palette }: Pen, fine: number): (edge: number) => Cell {
  const [ink, cut, mute, accent] = [palette.ink, palette.cut, palette.mute, palette.accent].map(pixelOf) as [number, number, number, number];
  const plain = (pixel: number): Cell => Array<number>(fine * fine).fill(pixel);
  const dot = (pixel: number): Cell => [0, 0, 0, 0, pixel, 0, 0, 0, 0];
  const [b, s] = [opaque(cut, 0.3), opaque(cut, 0.95)];
  const goes = fine > 1 ? [b, b, s, b, s, b, s, b, b] : [opaque(cut, 0.62)];
  const pruned = fine > 1 ? dot(opaque(cut, 0.5)) : [opaque(cut, 0.16)];
  const dead = fine > 1 ? dot(opaque(mute, 0.55)) : [opaque(mute, 0.2)];
  const selected = plain(opaque(accent, 1));
  const shades = Array.from({ length: SHADES + 1 }, (_, i) => plain(opaque(ink, i / SHADES)));
  return (edge) => {
    const voice = u8(scene.edgeVoice, edge);
    if (scene.selectedEdges.has(edge)) return selected;
    if (voice === INK) return shades[Math.round(SHADES * f32(scene.strength, edge))] ?? selected;
    return voice === PRUNED ? pruned : voice === DEAD ? dead : goes;
  };
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
    const drawn = cell(e);
    for (let i = 0; i < drawn.length; i++) pixels[corner + Math.floor(i / fine) * stride + (i % fine)] = drawn[i] ?? 0;
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
