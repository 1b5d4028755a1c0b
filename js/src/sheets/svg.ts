import { formatCount } from "../format";
import { layout, links, type Layout, type Size } from "../layout";
import { edgeLabel, networkLabel, nodeLabel } from "../names";
import { boxLook, curveWidth } from "../paintBoxes";
import { chooseLive, layerOfEdge, linkLook, thinness } from "../paintLinks";
import { FAMILY, FONT, type Name, namesOf, nodeLook } from "../paintNodes";
import { PALETTES, type ThemeName } from "../palette";
import type { Look, Sight } from "../pen";
import { DEAD, GOES, INK } from "../scene";
import type { Snapshot } from "../snapshot";
import { thumbnail } from "../thumbnail";
import { at, edgeAt, nodeAt, type Topology } from "../topology";
import type { Orientation } from "../wire";

/** Edges in one picture; more would only make a file that no program opens with ease. */
export const MOST = 2000;

/** How a picture is to look. */
export interface Taste {
  readonly orientation: Orientation;
  readonly theme: ThemeName;
  /** Without a background. */
  readonly clear: boolean;
  /** With what is pruned or dead, drawn as ghosts. */
  readonly gone: boolean;
}

/** What of a snapshot a picture shows. */
export type Subject = Pick<Snapshot, "net" | "scene" | "pruning" | "edgeScores" | "nodeScores">;

/** A drawing as a file, in pixels at scale 1. */
export interface Picture extends Size {
  readonly text: string;
  readonly drawn: number;
  readonly of: number;
}

type Attributes = Readonly<Record<string, string | number | false>>;

// XML knows no other control characters, escaped or not, nor halves of characters.
const UNKNOWN = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escape = (text: string): string => text.replace(UNKNOWN, "\ufffd").replace(/[&<>"]/g, (c) => ENTITIES[c] ?? c);
const short = (value: number): string => String(Math.round(value * 100) / 100);

function tag(name: string, attributes: Attributes, ...inner: string[]): string {
  const written = Object.entries(attributes).filter(([, value]) => value !== false)
    .map(([key, value]) => ` ${key}="${typeof value === "number" ? short(value) : escape(String(value))}"`).join("");
  return inner.length ? `<${name}${written}>${inner.join("")}</${name}>` : `<${name}${written}/>`;
}

const lineOf = ({ stroke, opacity, width, dash }: Look): Attributes => ({
  stroke, "stroke-opacity": opacity < 1 && opacity, "stroke-width": width, "stroke-dasharray": dash.length > 0 && dash.join(" "),
});

/** The size that leaves a network of this shape room to be read. */
function sizeFor(t: Topology, orientation: Orientation): Size {
  const up = orientation === "up";
  const across = Math.min(1280, Math.max(up ? 640 : 420, 24 * Math.max(...t.widths)));
  // Where thumbnails have no room beside each other they stand in rows.
  const rows = t.widths.slice(1).map((width, l) => {
    const before = at(t.widths, l);
    return Math.min(width, before) * Math.min(32, across / Math.max(width, before));
  });
  const gap = Math.max(180, Math.min(560, 130 + Math.max(...rows)));
  const along = (up ? 60 : 176) + gap * rows.length;
  return up ? { width: across, height: along } : { width: along, height: across };
}

function pathOfLink(t: Topology, place: Layout, edge: number, layer: number): string {
  return links(t, place, edge, layer).map((curve) => {
    const [x0, y0, x1, y1, x2, y2, x3, y3] = curve.map(short);
    return `M${x0} ${y0}C${x1} ${y1} ${x2} ${y2} ${x3} ${y3}`;
  }).join("");
}

/** The links from the back to the front: what is gone, what lives by strength, what goes; no more than can be told apart. */
function linkElements(sight: Sight, edges: ReadonlySet<number>): string[] {
  const { live, goes, gone } = chooseLive(sight);
  const thin = thinness(sight);
  return [...gone.reverse(), ...live.reverse(), ...goes].filter((edge) => edges.has(edge)).map((edge) =>
    tag("path", { d: pathOfLink(sight.scene.topology, sight.place, edge, layerOfEdge(sight, edge)), ...lineOf(linkLook(sight, edge, thin)) }));
}

function lock(sight: Sight, x: number, y: number, side: number): string {
  const { palette } = sight;
  const u = Math.min(1, side / 22);
  const [left, top] = [x - 2.1 * u, y - 0.8 * u];
  return tag("circle", { cx: x, cy: y, r: 7 * u, fill: palette.bg })
    + tag("path", { d: `M${short(left)} ${short(top)}a${short(2.1 * u)} ${short(2.1 * u)} 0 0 1 ${short(4.2 * u)} 0`,
      fill: "none", stroke: palette.ink, "stroke-width": 1.3 * u })
    + tag("rect", { x: x - 3.3 * u, y: top, width: 6.6 * u, height: 4.8 * u, fill: palette.ink });
}

function boxElement(sight: Sight, snapshot: Subject, edge: number): string {
  const { scene, place } = sight;
  const layer = layerOfEdge(sight, edge);
  const side = at(place.side, layer);
  const [x, y, half, inner] = [at(place.boxX, edge), at(place.boxY, edge), side / 2, side * 0.7];
  const look = boxLook(sight, edge);
  const path = thumbnail(scene.net, edge, side >= 20 ? 48 : 20);
  const points = Array.from({ length: path.length / 2 }, (_, i) =>
    `${short(x - inner / 2 + at(path, 2 * i) * inner)} ${short(y + inner / 2 - at(path, 2 * i + 1) * inner)}`);
  const curve = { fill: "none", ...lineOf({ stroke: look.stroke, opacity: look.curve, width: curveWidth(side), dash: [] }), "stroke-linejoin": "round" };
  return tag("g", { id: `edge-${edgeAt(scene.topology, edge).join("-")}` },
    tag("title", {}, escape(edgeLabel(scene.net, snapshot.pruning, snapshot.edgeScores, edge))),
    tag("rect", { x: x - half, y: y - half, width: side, height: side, rx: Math.min(side * 0.2, 6), fill: look.fill ?? "none",
      ...lineOf({ stroke: look.stroke, opacity: look.frame, width: look.width, dash: look.dash }) }),
    tag("polyline", { points: points.join(" "), ...curve }),
    at(scene.edgeVoice, edge) === DEAD ? tag("path", { d: `M${short(x - half)} ${short(y + half)}L${short(x + half)} ${short(y - half)}`, ...curve }) : "",
    at(scene.kept, edge) ? lock(sight, x + half, y - half, side) : "");
}

function nodeElement(sight: Sight, snapshot: Subject, node: number, radius: number): string {
  const { scene, place } = sight;
  const [x, y, d] = [at(place.nodeX, node), at(place.nodeY, node), radius * 0.4];
  const { fill, ...look } = nodeLook(sight, node, radius);
  const cross = `M${short(x - d)} ${short(y - d)}l${short(2 * d)} ${short(2 * d)}m0 ${short(-2 * d)}l${short(-2 * d)} ${short(2 * d)}`;
  return tag("g", { id: `node-${nodeAt(scene.topology, node).join("-")}` },
    tag("title", {}, escape(nodeLabel(scene.net, snapshot.pruning, snapshot.nodeScores, node))),
    tag("circle", { cx: x, cy: y, r: radius, fill, "fill-opacity": look.opacity < 1 && look.opacity, ...(look.width ? lineOf(look) : {}) }),
    at(scene.nodeVoice, node) === DEAD && look.width > 0 ? tag("path", { d: cross, fill: "none", ...lineOf({ ...look, dash: [] }) }) : "");
}

const ANCHOR: Readonly<Record<string, string>> = { left: "start", right: "end", center: "middle" };

// Not every program can centre letters on a line, so the line itself is moved.
const nameElement = ({ text, x, y, align, colour }: Name): string =>
  tag("text", { x, y: y + 0.35 * FONT, fill: colour, "text-anchor": ANCHOR[align] ?? "start" }, escape(text));

/** Letters are about so wide; the file may be opened where other fonts are. */
const measure = (text: string): number => 0.56 * FONT * text.length;

/** The edges to draw, strongest first, those that live before those that are gone. */
function chosen({ scene }: Subject, gone: boolean): number[] {
  const lives = (edge: number): boolean => at(scene.edgeVoice, edge) === INK || at(scene.edgeVoice, edge) === GOES;
  const order = [...scene.order];
  return [...order.filter(lives), ...(gone ? order.filter((edge) => !lives(edge)) : [])];
}

function sightOf(snapshot: Subject, { orientation, theme }: Taste): Sight {
  const t = snapshot.net.topology;
  const place = layout(t, sizeFor(t, orientation), orientation);
  return {
    // What is selected is a matter of the page, not of the network.
    scene: { ...snapshot.scene, selectedEdges: new Set(), selectedNodes: new Set() },
    palette: PALETTES[theme], camera: { k: 1, x: 0, y: 0 }, view: place, place, px: 1, x0: 0, y0: 0, x1: place.width, y1: place.height,
  };
}

/** The network as it stands, as an SVG file of shapes and text. */
export function picture(snapshot: Subject, taste: Taste): Picture {
  const sight = sightOf(snapshot, taste);
  const { place, scene, palette } = sight;
  const found = chosen(snapshot, taste.gone);
  const edges = found.slice(0, MOST);
  const stays = (node: number): boolean => taste.gone || at(scene.nodeVoice, node) === INK || at(scene.nodeVoice, node) === GOES;
  const nodes = place.radius.flatMap((radius, layer) => {
    const start = at(scene.topology.nodeStart, layer);
    return Array.from({ length: at(scene.topology.widths, layer) }, (_, i) => start + i).filter(stays)
      .map((node) => nodeElement(sight, snapshot, node, radius));
  });
  const names = place.radius.flatMap((_, layer) => namesOf(sight, layer, measure)).filter((name) => stays(name.node));
  const lines = linkElements(sight, new Set(edges));
  const left = found.length > edges.length ? `The ${formatCount(edges.length)} strongest of ${formatCount(found.length)} edges. ` : "";
  const fewer = lines.length < edges.length ? `Lines for the ${formatCount(lines.length)} strongest. ` : "";
  const { criterion, threshold } = snapshot.pruning;
  const about = `${left}${fewer}Boxes hold the learnt functions; lines are as strong as the ${criterion} of their edge. Dashed parts are pruned; threshold ${threshold}.`;
  const { width, height } = place;
  const text = `<?xml version="1.0" encoding="UTF-8"?>\n${tag("svg", {
    xmlns: "http://www.w3.org/2000/svg", width, height, viewBox: `0 0 ${short(width)} ${short(height)}`, role: "img",
  },
  tag("title", {}, escape(networkLabel(snapshot.net))),
  tag("desc", {}, escape(about)),
  taste.clear ? "" : tag("rect", { id: "background", width: "100%", height: "100%", fill: palette.bg }),
  tag("g", { id: "links", fill: "none" }, ...lines),
  tag("g", { id: "functions" }, ...edges.map((edge) => boxElement(sight, snapshot, edge))),
  tag("g", { id: "nodes" }, ...nodes),
  tag("g", { id: "names", "font-family": FAMILY, "font-size": FONT }, ...names.map(nameElement)))}\n`;
  return { text, width: Math.ceil(width), height: Math.ceil(height), drawn: edges.length, of: found.length };
}
