import { html, type TemplateResult } from "lit-html";
import type { Layout } from "./layout";
import { edgeLabel, nodeLabel } from "./names";
import type { Hit } from "./pick";
import type { Snapshot } from "./snapshot";
import { at, edgeAt, nodeAt } from "./topology";

/** How many edges are options of their own; the rest is reached by pointer, or by walking to it. */
const OPTIONS = 400;

/** The key of a part, as "e12" or "n3". */
export const keyOf = (hit: Hit): string => `${hit.kind === "edge" ? "e" : "n"}${hit.number}`;

/** The part with a key. */
export function hitOf(key: string | undefined): Hit | null {
  const found = /^([en])(\d+)$/.exec(key ?? "");
  return found ? { kind: found[1] === "e" ? "edge" : "node", number: Number(found[2]) } : null;
}

/** Where a part lies, and how large it is. */
export function placeOf(place: Layout, snapshot: Snapshot, hit: Hit): { x: number; y: number; half: number } {
  const t = snapshot.net.topology;
  if (hit.kind === "edge") {
    const [layer] = edgeAt(t, hit.number);
    return { x: at(place.boxX, hit.number), y: at(place.boxY, hit.number), half: at(place.side, layer) / 2 };
  }
  const [layer] = nodeAt(t, hit.number);
  const half = at(place.radius, layer) * 1.3;
  return { x: at(place.nodeX, hit.number), y: at(place.nodeY, hit.number), half };
}

/** The parts that are options: every node, the strongest edges, and whatever is selected or in focus. */
export function optionsOf(snapshot: Snapshot, focus: Hit | null): Hit[] {
  const edges = new Set<number>(snapshot.scene.order.subarray(0, OPTIONS));
  [...snapshot.scene.selectedEdges].slice(0, OPTIONS).forEach((e) => edges.add(e));
  if (focus?.kind === "edge") edges.add(focus.number);
  const nodes = Array.from({ length: snapshot.net.topology.nodes }, (_, number): Hit => ({ kind: "node", number }));
  const sorted = [...edges].sort((a, b) => a - b);
  return [...sorted.map((number): Hit => ({ kind: "edge", number })), ...nodes];
}

function option(snapshot: Snapshot, place: Layout, hit: Hit, current: boolean): TemplateResult {
  const { net, pruning, edgeScores, nodeScores, scene } = snapshot;
  const { x, y, half } = placeOf(place, snapshot, hit);
  const edge = hit.kind === "edge";
  const label = edge
    ? edgeLabel(net, pruning, edgeScores, hit.number)
    : nodeLabel(net, pruning, nodeScores, hit.number);
  const selected = (edge ? scene.selectedEdges : scene.selectedNodes).has(hit.number);
  const style = `left:${x - half}px;top:${y - half}px;width:${2 * half}px;height:${2 * half}px`;
  return html`<div role="option" class=${hit.kind} data-key=${keyOf(hit)} aria-label=${label}
    aria-selected=${selected} tabindex=${current ? 0 : -1} style=${style}></div>`;
}

/** The options of the diagram, for hands, keys and screen readers; the canvas below shows what they are. */
export function overlay(snapshot: Snapshot, place: Layout, focus: Hit | null): TemplateResult {
  const current = keyOf(focus ?? { kind: "node", number: 0 });
  return html`${optionsOf(snapshot, focus).map((hit) => option(snapshot, place, hit, keyOf(hit) === current))}`;
}
