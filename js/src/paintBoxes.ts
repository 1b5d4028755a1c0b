import { paintMatrix } from "./paintMatrix";
import { inView, type Pen, roundedRect, type Sight } from "./pen";
import { DEAD, GOES, INK, PRUNED } from "./scene";
import { thumbnail } from "./thumbnail";
import { at } from "./topology";

/** Below this many pixels a thumbnail is a cell of a matrix; above the other, its curve gets all its points. */
const CELL = 8;
/** Below this many pixels, cells have no gaps between them. */
const PIXEL = 2.5;
const FINE = 40;
const SHADES = 8;

type Paths = Map<string, Path2D>;

function cellKey(pen: Pen, edge: number): string {
  const { scene } = pen;
  if (scene.selectedEdges.has(edge)) return "selected";
  const voice = at(scene.edgeVoice, edge);
  if (voice !== INK) return String(voice);
  return `ink${Math.ceil(at(scene.strength, edge) * SHADES)}`;
}

/** Draw a crowded layer as a matrix of cells, one fill for each shade. */
function paintCells(pen: Pen, layer: number): void {
  const { ctx, scene, place, palette } = pen;
  const side = at(place.side, layer);
  const paths: Paths = new Map();
  for (let e = at(scene.topology.edgeStart, layer); e < at(scene.topology.edgeStart, layer + 1); e++) {
    const [x, y] = [at(place.boxX, e), at(place.boxY, e)];
    if (!inView(pen, x, y, side)) continue;
    const key = cellKey(pen, e);
    const path = paths.get(key) ?? new Path2D();
    // What is gone shrinks to a dot, so that it does not differ by colour alone.
    const gone = key === String(PRUNED) || key === String(DEAD);
    const size = gone ? side * 0.4 : side;
    path.rect(x - size / 2, y - size / 2, size, size);
    paths.set(key, path);
  }
  ctx.fillStyle = palette.bg;
  paths.forEach((path) => ctx.fill(path));
  for (const [key, path] of paths) {
    const shade = key.startsWith("ink") ? Number(key.slice(3)) / SHADES : 0;
    ctx.fillStyle = shade ? palette.ink
      : key === "selected" ? palette.accent : key === String(DEAD) ? palette.mute : palette.cut;
    ctx.globalAlpha = shade || (key === String(PRUNED) ? 0.45 : key === String(DEAD) ? 0.5 : 0.95);
    ctx.fill(path);
  }
  ctx.globalAlpha = 1;
}

/** How a thumbnail is drawn: its card, the frame and the curve, by opacity. */
export interface BoxLook {
  readonly fill: string | null;
  readonly stroke: string;
  readonly width: number;
  readonly frame: number;
  readonly curve: number;
  readonly dash: readonly number[];
}

export function boxLook({ palette, scene }: Pick<Sight, "scene" | "palette">, edge: number): BoxLook {
  const voice = at(scene.edgeVoice, edge);
  const dash = voice === INK ? [] : voice === DEAD ? [1, 2.5] : [3, 2.5];
  if (scene.selectedEdges.has(edge)) {
    return { fill: palette.accentBg, stroke: palette.accent, width: 2, frame: 1, curve: voice === INK ? 1 : 0.8, dash };
  }
  if (voice === GOES) return { fill: palette.cutBg, stroke: palette.cut, width: 1.2, frame: 0.9, curve: 0.85, dash };
  if (voice === PRUNED) return { fill: null, stroke: palette.cut, width: 1, frame: 0.42, curve: 0.36, dash };
  if (voice === DEAD) return { fill: palette.panel, stroke: palette.mute, width: 1, frame: 0.7, curve: 0.45, dash };
  const o = at(scene.strength, edge);
  return { fill: palette.bg, stroke: palette.ink, width: 1.1, frame: 0.26 + 0.56 * o, curve: 0.36 + 0.64 * o, dash };
}

/** How wide the curve in a thumbnail is; both in pixels. */
export const curveWidth = (side: number): number => Math.max(1, Math.min(2.2, side * 0.055));

/** A padlock in the corner: kept by hand. */
function paintLock(pen: Pen, x: number, y: number, side: number): void {
  const { ctx, palette, px } = pen;
  const u = Math.min(px, side / 22);
  ctx.globalAlpha = 1;
  ctx.setLineDash([]);
  ctx.fillStyle = palette.bg;
  ctx.beginPath();
  ctx.arc(x, y, 7 * u, 0, 2 * Math.PI);
  ctx.fill();
  ctx.strokeStyle = ctx.fillStyle = palette.ink;
  ctx.lineWidth = 1.3 * u;
  ctx.beginPath();
  ctx.arc(x, y - 0.8 * u, 2.1 * u, Math.PI, 0);
  ctx.stroke();
  ctx.fillRect(x - 3.3 * u, y - 0.8 * u, 6.6 * u, 4.8 * u);
}

function paintCurve(pen: Pen, edge: number, x: number, y: number, side: number): void {
  const { ctx, scene, px } = pen;
  const shown = side / px;
  const path = thumbnail(scene.net, edge, shown >= FINE ? 64 : Math.round(shown * 0.8));
  const inner = side * 0.7;
  const [left, bottom] = [x - inner / 2, y + inner / 2];
  ctx.beginPath();
  for (let i = 0; i < path.length; i += 2) ctx.lineTo(left + at(path, i) * inner, bottom - at(path, i + 1) * inner);
  ctx.stroke();
}

function paintBox(pen: Pen, edge: number, side: number): void {
  const { ctx, place, scene, px } = pen;
  const look = boxLook(pen, edge);
  const [x, y] = [at(place.boxX, edge), at(place.boxY, edge)];
  roundedRect(ctx, x - side / 2, y - side / 2, side, Math.min(side * 0.2, 6 * px));
  if (look.fill) {
    ctx.globalAlpha = 1;
    ctx.fillStyle = look.fill;
    ctx.fill();
  }
  ctx.strokeStyle = look.stroke;
  ctx.globalAlpha = look.frame;
  ctx.lineWidth = look.width * px;
  ctx.setLineDash(look.dash.map((v) => v * px));
  ctx.stroke();
  ctx.setLineDash([]);
  ctx.globalAlpha = look.curve;
  ctx.lineWidth = curveWidth(side / px) * px;
  paintCurve(pen, edge, x, y, side);
  if (at(scene.edgeVoice, edge) === DEAD) {
    ctx.beginPath();
    ctx.moveTo(x - side / 2, y + side / 2);
    ctx.lineTo(x + side / 2, y - side / 2);
    ctx.stroke();
  }
  if (at(scene.kept, edge)) paintLock(pen, x + side / 2, y - side / 2, side);
}

/** Draw the thumbnails of every layer, in as much detail as there is room for. */
export function paintBoxes(pen: Pen): void {
  const { scene, place, px } = pen;
  place.side.forEach((side, layer) => {
    if (side / px < CELL) {
      if (!paintMatrix(pen, layer, side / px >= PIXEL)) paintCells(pen, layer);
      return;
    }
    for (let e = at(scene.topology.edgeStart, layer); e < at(scene.topology.edgeStart, layer + 1); e++) {
      if (inView(pen, at(place.boxX, e), at(place.boxY, e), side)) paintBox(pen, e, side);
    }
  });
  pen.ctx.globalAlpha = 1;
}
