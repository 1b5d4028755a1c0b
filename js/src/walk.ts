import type { Layout } from "./layout";
import type { Hit } from "./pick";
import { at, edgesInto, edgesOutOf, edgeAt, nodeAt, type Topology } from "./topology";

export type Step = "forward" | "back" | "previous" | "next";

function strongest(edges: readonly number[], strength: ArrayLike<number>): Hit | null {
  let best = -1;
  for (const e of edges) if (best < 0 || at(strength, e) > at(strength, best)) best = e;
  return best < 0 ? null : { kind: "edge", number: best };
}

/** The neighbour of an edge among the thumbnails of its layer, in reading order. */
function beside(t: Topology, place: Layout, edge: number, by: 1 | -1): Hit | null {
  const [layer] = edgeAt(t, edge);
  const [across, along] = place.orientation === "up" ? [place.boxX, place.boxY] : [place.boxY, place.boxX];
  const row: number[] = [];
  for (let e = at(t.edgeStart, layer); e < at(t.edgeStart, layer + 1); e++) row.push(e);
  row.sort((a, b) => at(across, a) - at(across, b) || at(along, a) - at(along, b));
  const number = row[row.indexOf(edge) + by];
  return number === undefined ? null : { kind: "edge", number };
}

/** Where a step along the network leads: from node to edge to node, or to a neighbour; null at its rim. */
export function walk(t: Topology, place: Layout, strength: ArrayLike<number>, from: Hit, step: Step): Hit | null {
  const by = step === "next" ? 1 : -1;
  if (from.kind === "edge") {
    if (step === "forward") return { kind: "node", number: at(t.to, from.number) };
    if (step === "back") return { kind: "node", number: at(t.from, from.number) };
    return beside(t, place, from.number, by);
  }
  if (step === "forward") return strongest(edgesOutOf(t, from.number), strength);
  if (step === "back") return strongest(edgesInto(t, from.number), strength);
  const [layer] = nodeAt(t, from.number);
  const number = from.number + by;
  const inLayer = number >= at(t.nodeStart, layer) && number < at(t.nodeStart, layer + 1);
  return inLayer ? { kind: "node", number } : null;
}

/** The step that an arrow key means. */
export function stepOf(key: string, orientation: Layout["orientation"]): Step | null {
  const up: Record<string, Step> = { ArrowUp: "forward", ArrowDown: "back", ArrowLeft: "previous", ArrowRight: "next" };
  const right: Record<string, Step> = { ArrowRight: "forward", ArrowLeft: "back", ArrowUp: "previous", ArrowDown: "next" };
  return (orientation === "up" ? up : right)[key] ?? null;
}
