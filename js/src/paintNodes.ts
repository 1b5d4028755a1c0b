import { nodeName } from "./names";
import { inView, type Look, type Pen, type Sight } from "./pen";
import { DEAD, GOES, INK, PRUNED } from "./scene";
import { at } from "./topology";

/** Names, in pixels. */
export const FONT = 12.5;
export const FAMILY = 'Inter, system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';
/** Less room than this for a name and it is left to the tooltip. */
const LEGIBLE = 16;
/** A name gets no more room than this where that leaves others out. */
const ENOUGH = 72;

/** How a node is drawn; one too small for a ring is a dot. */
export function nodeLook({ scene, palette, px }: Sight, node: number, radius: number): Look & { readonly fill: string } {
  const voice = at(scene.nodeVoice, node);
  const selected = scene.selectedNodes.has(node);
  const stroke = selected ? palette.accent : voice === INK ? palette.ink : voice === DEAD ? palette.mute : palette.cut;
  const small = radius < 2.5 * px;
  return {
    stroke,
    fill: small ? stroke : selected ? palette.accentBg : voice === GOES ? palette.cutBg : palette.bg,
    opacity: voice === PRUNED && !selected ? 0.55 : 1,
    width: small ? 0 : selected ? 2.2 : voice === INK ? 1.8 : 1.3,
    dash: voice === INK ? [] : voice === DEAD ? [1, 2.5] : [3, 2.5],
  };
}

function paintCircle(pen: Pen, node: number, radius: number): void {
  const { ctx, place, px } = pen;
  const [x, y] = [at(place.nodeX, node), at(place.nodeY, node)];
  const look = nodeLook(pen, node, radius);
  ctx.fillStyle = look.fill;
  ctx.globalAlpha = look.opacity;
  // Nobody sees that a dot has corners, and hundreds of them are drawn much faster so.
  if (look.width === 0) return ctx.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, 2 * Math.PI);
  ctx.fill();
  ctx.strokeStyle = look.stroke;
  ctx.lineWidth = look.width * px;
  ctx.setLineDash(look.dash.map((v) => v * px));
  ctx.stroke();
  ctx.setLineDash([]);
  if (at(pen.scene.nodeVoice, node) === DEAD) {
    const d = radius * 0.4;
    ctx.beginPath();
    ctx.moveTo(x - d, y - d);
    ctx.lineTo(x + d, y + d);
    ctx.moveTo(x + d, y - d);
    ctx.lineTo(x - d, y + d);
    ctx.stroke();
  }
}

/** Shorten a name to a width, in pixels; "" when not even two letters fit. */
export function clip(measure: (text: string) => number, name: string, width: number): string {
  if (measure(name) <= width) return name;
  for (let n = name.length - 1; n >= 2; n--) {
    const short = `${name.slice(0, n).trimEnd()}…`;
    if (measure(short) <= width) return short;
  }
  return "";
}

interface Label {
  readonly dx: number;
  readonly dy: number;
  readonly align: CanvasTextAlign;
  readonly room: number;
}

/** Where the names of a node layer go: outside at the ends, beside or above the nodes in between. */
function labelOf(pen: Sight, layer: number, index: number, stagger: boolean, step: number): Label {
  const { place, scene, camera } = pen;
  const r = at(place.radius, layer) * camera.k;
  const spacing = at(place.spacing, layer) * camera.k;
  const [first, last] = [layer === 0, layer === scene.topology.widths.length - 1];
  if (place.orientation === "right") {
    if (first) return { dx: -r - 7, dy: 0, align: "right", room: 76 };
    if (last) return { dx: r + 7, dy: 0, align: "left", room: 76 };
    return { dx: 0, dy: -r - 10, align: "center", room: spacing >= 2 * r + 24 ? 90 : 0 };
  }
  const down = r + 13 + (stagger && index % 2 === 1 ? 15 : 0);
  const room = (stagger ? 2 : step) * spacing - 8;
  if (first) return { dx: 0, dy: down, align: "center", room };
  if (last) return { dx: 0, dy: -down, align: "center", room };
  return { dx: r + 6, dy: 0, align: "left", room: spacing - 2 * r - 14 };
}

/** A name where it stands on the screen. */
export interface Name {
  readonly text: string;
  readonly node: number;
  readonly x: number;
  readonly y: number;
  readonly align: CanvasTextAlign;
  readonly colour: string;
}

/** Of how many nodes one has its name, so that each can be read: those of the ends always, those in between where there is room. */
function stepOf(pen: Sight, layer: number, spacing: number, widest: number): number {
  if (layer > 0 && layer < pen.scene.topology.widths.length - 1) return 1;
  return Math.max(1, Math.ceil((pen.place.orientation === "up" ? Math.min(ENOUGH, widest) + 8 : LEGIBLE) / spacing));
}

/** The names of a node layer that are in view and fit. */
export function namesOf(pen: Sight, layer: number, measure: (text: string) => number): Name[] {
  const { place, scene, camera, palette } = pen;
  const [from, to] = [at(scene.topology.nodeStart, layer), at(scene.topology.nodeStart, layer + 1)];
  const spacing = at(place.spacing, layer) * camera.k;
  const widest = measure((scene.net.names[layer] ?? []).reduce((a, b) => (b.length > a.length ? b : a), ""));
  const stagger = spacing >= 24 && widest > spacing - 8;
  const step = stagger ? 1 : stepOf(pen, layer, spacing, widest);
  const names: Name[] = [];
  for (let n = from; n < to; n += step) {
    if (!inView(pen, at(place.nodeX, n), at(place.nodeY, n), 60 * pen.px)) continue;
    const { dx, dy, align, room } = labelOf(pen, layer, n - from, stagger, step);
    if (room < LEGIBLE) continue;
    const voice = at(scene.nodeVoice, n);
    names.push({
      text: clip(measure, nodeName(scene.net, n), room), node: n, align,
      x: at(place.nodeX, n) * camera.k + camera.x + dx, y: at(place.nodeY, n) * camera.k + camera.y + dy,
      colour: scene.selectedNodes.has(n) ? palette.accent
        : voice === INK ? (align === "left" && layer > 0 ? palette.mute : palette.ink)
          : voice === DEAD ? palette.mute : palette.cut,
    });
  }
  return names;
}

/** Draw the nodes, then their names at a size that does not change with the zoom. */
export function paintNodes(pen: Pen, dpr: number): void {
  const { ctx, scene, place } = pen;
  place.radius.forEach((radius, layer) => {
    for (let n = at(scene.topology.nodeStart, layer); n < at(scene.topology.nodeStart, layer + 1); n++) {
      if (inView(pen, at(place.nodeX, n), at(place.nodeY, n), radius)) paintCircle(pen, n, radius);
    }
  });
  ctx.globalAlpha = 1;
  ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
  ctx.font = `${FONT}px ${FAMILY}`;
  ctx.textBaseline = "middle";
  const measure = (text: string): number => ctx.measureText(text).width;
  for (const name of place.radius.flatMap((_, layer) => namesOf(pen, layer, measure))) {
    ctx.textAlign = name.align;
    ctx.fillStyle = name.colour;
    ctx.fillText(name.text, name.x, name.y);
  }
}
