import { type Curve, links } from "./layout";
import { edgeInView, type Look, type Pen, type Sight } from "./pen";
import { DEAD, GOES, INK, PRUNED } from "./scene";
import { at, layerOf, u8 } from "./topology";

/** How many links of a kind are drawn at most: no eye follows more, and no hand waits for them. */
export const LIVE = 1500;

export const layerOfEdge = ({ scene }: Pick<Sight, "scene">, edge: number): number => layerOf(scene.topology.edgeStart, edge);

function trace(ctx: CanvasRenderingContext2D, [x0, y0, x1, y1, x2, y2, x3, y3]: Curve): void {
  ctx.moveTo(x0, y0);
  ctx.bezierCurveTo(x1, y1, x2, y2, x3, y3);
}

function stroke(pen: Pen, edge: number): void {
  const { ctx, scene, place } = pen;
  ctx.beginPath();
  for (const curve of links(scene.topology, place, edge, layerOfEdge(pen, edge))) trace(ctx, curve);
  ctx.stroke();
}

/** How many links of a layer can be told apart, by the size of its thumbnails on the screen. */
const quota = (side: number): number => (side >= 20 ? LIVE : side >= 8 ? 400 : 120);

/** Which links in view to draw, strongest first: those that live, those about to go, and the gone; and out of how many. */
export function chooseLive(pen: Sight): { live: number[]; goes: number[]; gone: number[]; of: number } {
  const { scene, place, px } = pen;
  const quotas = place.side.map((side) => quota(side / px));
  const lists = [INK, GOES, PRUNED].map((voice) => ({
    edges: [] as number[],
    // What goes or is gone is a matter of its thumbnails first; its links must not bury those that live.
    left: quotas.map((most) => (most === LIVE ? LIVE : voice === INK ? most : most / 4)),
  }));
  const whole = pen.x0 <= 0 && pen.y0 <= 0 && pen.x1 >= place.width && pen.y1 >= place.height;
  let of = 0;
  for (let i = 0; i < scene.order.length; i++) {
    const edge = scene.order[i] ?? 0;
    if (!whole && !edgeInView(pen, edge)) continue;
    of++;
    const voice = u8(scene.edgeVoice, edge);
    const list = lists[voice === INK ? 0 : voice === GOES ? 1 : 2];
    const layer = layerOfEdge(pen, edge);
    const left = list?.left[layer] ?? 0;
    if (!list || left <= 0 || list.edges.length >= LIVE) continue;
    list.left[layer] = left - 1;
    list.edges.push(edge);
  }
  const [live, goes, gone] = lists.map((list) => list.edges);
  return { live: live ?? [], goes: goes ?? [], gone: gone ?? [], of };
}

/** Lines thin out as they become many, so that a dense layer stays a texture and not a block. */
export function thinness({ scene }: Pick<Sight, "scene">): number {
  const densest = Math.max(...scene.topology.widths.map((w, l, all) => w * (all[l + 1] ?? 0)));
  return Math.max(0.25, Math.min(1, Math.sqrt(120 / densest)));
}

/** How the link of an edge is drawn that is not selected. */
export function linkLook({ scene, palette }: Pick<Sight, "scene" | "palette">, edge: number, thin: number): Look {
  switch (at(scene.edgeVoice, edge)) {
    case INK: {
      const opacity = at(scene.strength, edge) * 0.78 * thin ** 0.7;
      return { stroke: palette.ink, opacity, width: thin * (1 + 2.6 * at(scene.share, edge)), dash: [] };
    }
    case GOES: return { stroke: palette.cut, opacity: 0.75 * thin, width: 0.65 + 0.65 * thin, dash: [3, 3.5] };
    case DEAD: return { stroke: palette.mute, opacity: 0.45 * thin, width: thin, dash: [1, 3] };
    default: return { stroke: palette.cut, opacity: 0.3 * thin, width: thin, dash: [3, 4] };
  }
}

function paintAll(pen: Pen, edges: readonly number[], thin: number, selected: boolean): void {
  const { ctx, px, palette } = pen;
  for (const edge of edges) {
    const look = linkLook(pen, edge, thin);
    ctx.strokeStyle = selected ? palette.accent : look.stroke;
    ctx.globalAlpha = selected ? 1 : look.opacity;
    ctx.lineWidth = (selected ? Math.max(1.8, look.width) : look.width) * px;
    ctx.setLineDash(look.dash.map((v) => v * px));
    stroke(pen, edge);
  }
}

/** How many links are drawn, and of how many in view. */
export interface Drawn {
  readonly drawn: number;
  readonly of: number;
}

/** Draw the links: what is gone at the back, what lives on it by strength, then what goes, then what is selected. */
export function paintLinks(pen: Pen): Drawn {
  const { live, goes, gone, of } = chooseLive(pen);
  const thin = thinness(pen);
  paintAll(pen, [...gone.reverse(), ...live.reverse(), ...goes], thin, false);
  paintAll(pen, [...pen.scene.selectedEdges].slice(0, LIVE), 1, true);
  pen.ctx.setLineDash([]);
  pen.ctx.globalAlpha = 1;
  return { drawn: live.length + goes.length + gone.length, of };
}
