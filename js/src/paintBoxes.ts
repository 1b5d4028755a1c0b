import { CELL } from "./layout";
import { paintMatrix } from "./paintMatrix";
import { inView, type Pen, roundedRect, type Sight } from "./pen";
import { DEAD, GOES, INK, PRUNED } from "./scene";
import { thumbnail } from "./thumbnail";
import { at } from "./topology";

/** Below this many pixels, cells have no gaps between them. */
const PIXEL = 2.5;
/** From this many pixels, a curve gets all its points. */
const FINE = 40;

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

/** Draw an edge as a square; what is gone as a dot, so that it does not differ by colour alone. */
function paintCell(pen: Pen, edge: number, side: number): void {
  const { ctx, place, scene } = pen;
  const { stroke, curve } = boxLook(pen, edge);
  const voice = at(scene.edgeVoice, edge);
  const size = voice === PRUNED || voice === DEAD ? side * 0.4 : side;
  ctx.fillStyle = stroke;
  ctx.globalAlpha = curve;
  ctx.fillRect(at(place.boxX, edge) - size / 2, at(place.boxY, edge) - size / 2, size, size);
}

/** Draw the thumbnails of every layer, in as much detail as there is room for. */
export function paintBoxes(pen: Pen): void {
  const { scene, place, px } = pen;
  place.side.forEach((side, layer) => {
    const small = side / px < CELL;
    if (small && paintMatrix(pen, layer, side / px >= PIXEL)) return;
    for (let e = at(scene.topology.edgeStart, layer); e < at(scene.topology.edgeStart, layer + 1); e++) {
      if (inView(pen, at(place.boxX, e), at(place.boxY, e), side)) (small ? paintCell : paintBox)(pen, e, side);
    }
  });
  pen.ctx.globalAlpha = 1;
}
