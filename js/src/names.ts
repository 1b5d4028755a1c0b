import { formatScore } from "./format";
import { at, edgesInto, edgesOutOf, nodeAt } from "./topology";
import { ACTIVE, KEPT, type Network, ON, type Pruning } from "./wire";

export type Standing = "active" | "pruned" | "dead";

/** The name of a node, by number. */
export function nodeName(net: Network, number: number): string {
  const [layer, index] = nodeAt(net.topology, number);
  return net.names[layer]?.[index] ?? "";
}

/** The names at the ends of an edge, by number. */
export function ends(net: Network, number: number): [from: string, to: string] {
  return [nodeName(net, at(net.topology.from, number)), nodeName(net, at(net.topology.to, number))];
}

/** How an edge stands. */
export function edgeStanding(pruning: Pruning, number: number): Standing {
  const bits = at(pruning.edges, number);
  if (!(bits & ON)) return "pruned";
  return bits & ACTIVE ? "active" : "dead";
}

/** How a node stands: pruned when none of its own edges is on, dead when those that are lead nowhere. */
export function nodeStanding(net: Network, pruning: Pruning, number: number): Standing {
  if (at(pruning.nodes, number)) return "active";
  const around = [...edgesInto(net.topology, number), ...edgesOutOf(net.topology, number)];
  return around.some((e) => at(pruning.edges, e) & ON) ? "dead" : "pruned";
}

/** The accessible name of an edge. */
export function edgeLabel(net: Network, pruning: Pruning, scores: Float32Array, number: number): string {
  const [from, to] = ends(net, number);
  const kept = at(pruning.edges, number) & KEPT ? ", kept" : "";
  return `edge ${from} to ${to}, score ${formatScore(at(scores, number))}, ${edgeStanding(pruning, number)}${kept}`;
}

/** The accessible name of a node. */
export function nodeLabel(net: Network, pruning: Pruning, scores: Float32Array, number: number): string {
  const score = formatScore(at(scores, number));
  return `node ${nodeName(net, number)}, score ${score}, ${nodeStanding(net, pruning, number)}`;
}

/** What the picture of a function shows, in words. */
export const chartLabel = (net: Network, number: number): string =>
  `The function from ${ends(net, number).join(" to ")}, over the range of its data`;

const SHOWN = 6;

function shorten(names: readonly string[]): string {
  return names.length <= SHOWN ? names.join(", ") : `${names.slice(0, SHOWN).join(", ")} and ${names.length - SHOWN} more`;
}

/** The accessible name of the widget. */
export function networkLabel(net: Network | null): string {
  const title = "Kolmogorov-Arnold network";
  if (!net) return title;
  return `${title} ${shorten(net.names[0] ?? [])} to ${shorten(net.names[net.names.length - 1] ?? [])}`;
}

/** A short title, as "x1 → h3" or "h3". */
export function partTitle(net: Network, part: { kind: "edge" | "node"; number: number }): string {
  return part.kind === "edge" ? ends(net, part.number).join(" → ") : nodeName(net, part.number);
}

