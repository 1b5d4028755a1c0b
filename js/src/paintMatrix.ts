import type { Pen } from "./pen";
import { DEAD, INK, PRUNED } from "./scene";
import { at } from "./topology";

type Rgb = readonly [number, number, number];

function rgb(hex: string): Rgb {
  const channel = (i: number): number => parseInt(hex.slice(i, i + 2), 16);
  return [channel(1), channel(3), channel(5)];
}

/** Colour and opacity of a cell. */
function shadeOf(pen: Pen): (edge: number) => readonly [Rgb, number] {
  const { scene, palette } = pen;
  const [ink, cut, mute, accent] = [palette.ink, palette.cut, palette.mute, palette.accent].map(rgb) as [Rgb, Rgb, Rgb, Rgb];
  return (edge) => {
    const voice = at(scene.edgeVoice, edge);
    if (scene.selectedEdges.has(edge)) return [accent, 1];
    if (voice === INK) return [ink, at(scene.strength, edge)];
    if (voice === PRUNED) return [cut, 0.16];
    return voice === DEAD ? [mute, 0.2] : [cut, 0.62];
  };
}

/** A bitmap of a layer with one pixel for each edge. */
function bitmap(pen: Pen, layer: number, rows: number): HTMLCanvasElement | null {
  const { topology: t } = pen.scene;
  const [below, above] = [at(t.widths, layer), at(t.widths, layer + 1)];
  const byTarget = above >= below;
  const up = pen.place.orientation === "up";
  const [columns, canvas] = [Math.max(below, above), document.createElement("canvas")];
  [canvas.width, canvas.height] = up ? [columns, rows] : [rows, columns];
  const ctx = canvas.getContext("2d");
  if (!ctx) return null;
  const image = ctx.createImageData(canvas.width, canvas.height);
  const shade = shadeOf(pen);
  for (let e = at(t.edgeStart, layer); e < at(t.edgeStart, layer + 1); e++) {
    const [source, target] = [at(t.from, e) - at(t.nodeStart, layer), at(t.to, e) - at(t.nodeStart, layer + 1)];
    const [column, row] = byTarget ? [target, source] : [source, target];
    const pixel = up ? (rows - 1 - row) * columns + column : column * rows + row;
    const [colour, opacity] = shade(e);
    image.data.set(colour, 4 * pixel);
    image.data[4 * pixel + 3] = Math.round(255 * opacity);
  }
  ctx.putImageData(image, 0, 0);
  return canvas;
}

/** Draw a layer too crowded for cells of their own as one picture; false where it is not laid out as a matrix. */
export function paintMatrix(pen: Pen, layer: number): boolean {
  const { ctx, place, scene, palette } = pen;
  const rows = at(place.matrix, layer);
  const image = rows > 0 ? bitmap(pen, layer, rows) : null;
  if (!image) return false;
  const [first, last] = [at(scene.topology.edgeStart, layer), at(scene.topology.edgeStart, layer + 1) - 1];
  const [xa, xb, ya, yb] = [at(place.boxX, first), at(place.boxX, last), at(place.boxY, first), at(place.boxY, last)];
  const [width, height] = [Math.abs(xb - xa), Math.abs(yb - ya)];
  // The outermost cells reach half a pitch beyond their middles.
  const [padX, padY] = [width / (image.width - 1) / 2, height / (image.height - 1) / 2];
  const box = [Math.min(xa, xb) - padX, Math.min(ya, yb) - padY, width + 2 * padX, height + 2 * padY] as const;
  ctx.fillStyle = palette.bg;
  ctx.globalAlpha = 0.9;
  ctx.fillRect(...box);
  ctx.globalAlpha = 1;
  ctx.imageSmoothingEnabled = false;
  ctx.drawImage(image, ...box);
  ctx.imageSmoothingEnabled = true;
  return true;
}
