import { formatCount, formatScore } from "../format";
import { nodeName } from "../names";
import { DEAD, GOES, INK, PRUNED } from "../scene";
import type { Snapshot } from "../snapshot";
import { at, edgeAt, isHidden, nodeAt, type Part } from "../topology";
import { BY_HAND } from "../wire";
import { parseSearch, type Searched } from "./search";

/** A column of numbers, as they are sorted and as they are shown. */
export interface Column {
  readonly id: string;
  readonly label: string;
  readonly title: string;
  /** Whether the highest are of most interest. */
  readonly down: boolean;
  readonly look: "name" | "number" | "score" | "standing";
  readonly value: (row: number) => number;
  readonly text: (row: number) => string;
}

export type Kind = "edge" | "node";

/** All edges or all nodes, with what is known of each. */
export interface Listing extends Searched {
  readonly kind: Kind;
  readonly count: number;
  readonly columns: readonly Column[];
  readonly part: (row: number) => Part;
  readonly voice: (row: number) => number;
  readonly selected: (row: number) => boolean;
}

export interface Sort {
  readonly id: string;
  readonly down: boolean;
}

export const STANDINGS = ["active", "goes", "pruned", "dead", "kept", "by hand", "selected"];

const WORDS: Readonly<Record<number, string>> = { [INK]: "active", [GOES]: "goes", [PRUNED]: "pruned", [DEAD]: "dead" };

function scoreColumns({ scores, pruning }: Snapshot, over: Kind, scored: (row: number) => boolean): Column[] {
  return scores.criteria.map((name, i) => {
    const values = scores[over][i] ?? [];
    const value = (row: number): number => (scored(row) ? values[row] ?? NaN : NaN);
    const current = name === pruning.criterion;
    const label = name.replaceAll("_", " ");
    return {
      id: name, label, title: current ? `Importance by ${label}, which the threshold compares` : `Importance by ${label}`,
      down: true, look: current ? "score" : "number", value, text: (row) => formatScore(value(row)),
    };
  });
}

const numbers = (id: string, label: string, title: string, value: (row: number) => number, down = false): Column =>
  ({ id, label, title, down, look: "number", value, text: (row) => formatCount(value(row)) });

const names = (snapshot: Snapshot, id: string, label: string, node: (row: number) => number): Column =>
  ({ id, label, title: "", down: false, look: "name", value: node, text: (row) => nodeName(snapshot.net, node(row)) });

function standingColumn(voice: (row: number) => number, text: (row: number) => string): Column {
  return { id: "standing", label: "standing", title: "Active, about to go, pruned, or dead: cut off by others", down: false, look: "standing", value: voice, text };
}

/** Searches may say "score" for the one in force. */
const searchable = (columns: readonly Column[]): Column[] =>
  columns.flatMap((column) => (column.look === "score" ? [column, { ...column, id: "score" }] : [column]));

const allNames = ({ net }: Snapshot): string[] => net.names.flat();

function edges(snapshot: Snapshot, ranks: Uint32Array): Listing {
  const { net, pruning, scene } = snapshot;
  const t = net.topology;
  const voice = (e: number): number => at(scene.edgeVoice, e);
  const said = (e: number): string =>
    `${WORDS[voice(e)]}${voice(e) === PRUNED && at(pruning.edges, e) & BY_HAND ? " by hand" : ""}${at(scene.kept, e) ? ", kept" : ""}`;
  const selected = (e: number): boolean => scene.selectedEdges.has(e);
  const columns = [
    numbers("rank", "rank", "Place by the score in force", (e) => at(ranks, e)),
    names(snapshot, "from", "from", (e) => at(t.from, e)),
    names(snapshot, "to", "to", (e) => at(t.to, e)),
    numbers("layer", "layer", "Edge layer, counted from the inputs", (e) => edgeAt(t, e)[0]),
    ...scoreColumns(snapshot, "edge", () => true),
    standingColumn(voice, said),
  ];
  return {
    kind: "edge", count: t.edges, columns, fields: searchable(columns), names: allNames(snapshot),
    ends: (e) => [at(t.from, e), at(t.to, e)], part: (e) => edgeAt(t, e), voice, selected, standings: STANDINGS,
    standing: (e) => said(e) + (selected(e) ? ", selected" : ""),
  };
}

/** How many active edges end and start at each node. */
function degrees({ net: { topology: t }, scene }: Snapshot): { into: Uint32Array; outOf: Uint32Array } {
  const [into, outOf] = [new Uint32Array(t.nodes), new Uint32Array(t.nodes)];
  for (let e = 0; e < t.edges; e++) {
    if (at(scene.edgeVoice, e) !== INK) continue;
    outOf[at(t.from, e)] = at(outOf, at(t.from, e)) + 1;
    into[at(t.to, e)] = at(into, at(t.to, e)) + 1;
  }
  return { into, outOf };
}

function nodes(snapshot: Snapshot): Listing {
  const { net, scene } = snapshot;
  const t = net.topology;
  const { into, outOf } = degrees(snapshot);
  const layer = (n: number): number => nodeAt(t, n)[0];
  const voice = (n: number): number => at(scene.nodeVoice, n);
  const said = (n: number): string => WORDS[voice(n)] ?? "";
  const selected = (n: number): boolean => scene.selectedNodes.has(n);
  const columns = [
    names(snapshot, "name", "node", (n) => n),
    numbers("layer", "layer", "Node layer; 0 holds the inputs", layer),
    numbers("in", "in", "Active edges that end here", (n) => at(into, n), true),
    numbers("out", "out", "Active edges that start here", (n) => at(outOf, n), true),
    ...scoreColumns(snapshot, "node", (n) => n < at(t.widths, 0) || isHidden(t, n)),
    standingColumn(voice, said),
  ];
  return {
    kind: "node", count: t.nodes, columns, fields: searchable(columns), names: allNames(snapshot),
    ends: (n) => [n, n], part: (n) => nodeAt(t, n), voice, selected, standings: STANDINGS,
    standing: (n) => said(n) + (selected(n) ? ", selected" : ""),
  };
}

/** The place of every edge, counted from 1 at the strongest. */
export function ranksOf(order: Uint32Array): Uint32Array {
  const ranks = new Uint32Array(order.length);
  order.forEach((edge, place) => (ranks[edge] = place + 1));
  return ranks;
}

export const listingOf = (snapshot: Snapshot, kind: Kind, ranks: Uint32Array): Listing =>
  kind === "edge" ? edges(snapshot, ranks) : nodes(snapshot);

/** The rows that a search finds, sorted: those alike in the order of their numbers, those without a number last. */
export function rowsOf(listing: Listing, query: string, sort: Sort): Uint32Array {
  const test = parseSearch(listing, query);
  const all = Uint32Array.from({ length: listing.count }, (_, row) => row);
  const rows = test ? all.filter(test) : all;
  const column = listing.columns.find(({ id }) => id === sort.id);
  if (!column) return rows;
  const values = Float64Array.from({ length: listing.count }, (_, row) => column.value(row));
  const sign = sort.down ? -1 : 1;
  return rows.sort((a, b) => {
    const [x, y] = [at(values, a), at(values, b)];
    return Number(Number.isNaN(x)) - Number(Number.isNaN(y)) || sign * (x - y) || a - b;
  });
}
