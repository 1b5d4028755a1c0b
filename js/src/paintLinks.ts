import { type Curve, links } from "./layout";
import { edgeInView, type Pen } from "./pen";
import { DEAD, GOES, INK, PRUNED } from "./scene";
import { at } from "./topology";

/** How many links are drawn one by one; the rest is a haze behind them. */
export const LIVE = 1500;

function layerOfEdge(pen: Pen, edge: number): number {
  const starts = pen.scene.topology.edgeStart;
  let layer = 0;
  while (layer + 2 < starts.length && at(starts, layer + 1) <= edge) layer++;
  return layer;
}

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

/** Which links to draw one by one, strongest first: those in view that live, those about to go, and the gone. */
export function chooseLive(pen: Pen): { live: number[]; goes: number[]; gone: number[] } {
  const { scene, place, px } = pen;
  const quotas = place.side.map((side) => quota(side / px));
  const lists = [INK, GOES, PRUNED].map((voice) => ({
    edges: [] as number[],
    // What goes or is gone is a matter of its thumbnails first; its links must not bury those that live.
    left: quotas.map((most) => (most === LIVE ? LIVE : voice === INK ? most : most / 4)),
  }));
  for (const edge of scene.order) {
    const voice = at(scene.edgeVoice, edge);
    const list = lists[voice === INK ? 0 : voice === GOES ? 1 : 2];
    const layer = layerOfEdge(pen, edge);
    const left = list?.left[layer] ?? 0;
    if (!list || left <= 0 || list.edges.length >= LIVE || !edgeInView(pen, edge)) continue;
    list.left[layer] = left - 1;
    list.edges.push(edge);
  }
  const [live, goes, gone] = lists.map((list) => list.edges);
  return { live: live ?? [], goes: goes ?? [], gone: gone ?? [] };
}

/** Lines thin out as they become many, so that a dense layer stays a texture and not a block. */
function thinness(pen: Pen): number {
  const densest = Math.max(...pen.scene.topology.widths.map((w, l, all) => w * (all[l + 1] ?? 0)));
  return Math.max(0.25, Math.min(1, Math.sqrt(120 / densest)));
}

function paintGone(pen: Pen, edges: readonly number[], thin: number): void {
  const { ctx, scene, palette, px } = pen;
  ctx.lineWidth = px * thin;
  for (const edge of edges.slice().reverse()) {
    const dead = at(scene.edgeVoice, edge) === DEAD;
    ctx.strokeStyle = dead ? palette.mute : palette.cut;
    ctx.globalAlpha = (dead ? 0.45 : 0.3) * thin;
    ctx.setLineDash(dead ? [px, 3 * px] : [3 * px, 4 * px]);
    stroke(pen, edge);
  }
}

function paintInk(pen: Pen, edges: readonly number[], thin: number): void {
  const { ctx, scene, palette, px } = pen;
  ctx.strokeStyle = palette.ink;
  ctx.setLineDash([]);
  for (const edge of edges.slice().reverse()) {
    ctx.lineWidth = px * thin * (1 + 2.6 * at(scene.share, edge));
    ctx.globalAlpha = at(scene.strength, edge) * 0.78 * thin ** 0.7;
    stroke(pen, edge);
  }
}

function paintGoing(pen: Pen, edges: readonly number[], thin: number): void {
  const { ctx, palette, px } = pen;
  ctx.strokeStyle = palette.cut;
  ctx.lineWidth = 1.3 * px * (0.5 + 0.5 * thin);
  ctx.globalAlpha = 0.75 * thin;
  ctx.setLineDash([3 * px, 3.5 * px]);
  edges.forEach((edge) => stroke(pen, edge));
}

function paintSelected(pen: Pen): void {
  const { ctx, scene, palette, px } = pen;
  ctx.strokeStyle = palette.accent;
  ctx.globalAlpha = 1;
  for (const edge of [...scene.selectedEdges].slice(0, LIVE)) {
    const voice = at(scene.edgeVoice, edge);
    ctx.lineWidth = px * Math.max(1.8, 1 + 2.6 * at(scene.share, edge));
    ctx.setLineDash(voice === INK ? [] : voice === PRUNED || voice === GOES ? [4 * px, 4 * px] : [px, 3 * px]);
    stroke(pen, edge);
  }
}

/** Draw the links: what is gone at the back, what lives on it by strength, then what goes, then what is selected. */
export function paintLinks(pen: Pen): void {
  const { live, goes, gone } = chooseLive(pen);
  const thin = thinness(pen);
  paintGone(pen, gone, thin);
  paintInk(pen, live, thin);
  paintGoing(pen, goes, thin);
  paintSelected(pen);
  pen.ctx.setLineDash([]);
  pen.ctx.globalAlpha = 1;
}

/** Draw a run of links as haze; returns where to go on, so that a large network does not hold up the page. */
export function paintHaze(pen: Pen, from: number, count: number): number {
  const { ctx, scene, palette, px } = pen;
  const end = Math.min(scene.topology.edges, from + count);
  ctx.strokeStyle = palette.ink;
  ctx.lineWidth = 0.6 * px;
  ctx.globalAlpha = Math.max(0.012, Math.min(0.12, 60 / scene.topology.edges));
  for (let edge = from; edge < end; edge++) stroke(pen, edge);
  return end;
}
