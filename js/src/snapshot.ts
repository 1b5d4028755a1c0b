import { answers } from "./curve";
import { memo } from "./memo";
import { createRule, type Cut, cutAt, cutOf, foresee, layersOf, type Rule, ruledBy, scoresOf } from "./plan";
import { type Preview, preview, withoutRule } from "./preview";
import { keptOf, type Scene, shares, strengths, strongestFirst, voices } from "./scene";
import { at, edgeAt, edgeNumber, isEdge, nodeAt, nodeNumber, type Part, type Topology } from "./topology";
import {
  BY_HAND, decodeCurve, decodeMetrics, decodeNetwork, decodePruning, decodeScores, decodeSelection, type Foreseen, KEPT,
  type Metrics, type Network, type Op, type Pruning, type Scores, type Wire,
} from "./wire";

/** All that is shown of a network, derived from the traits and from what is still unanswered. */
export interface Snapshot {
  readonly net: Network;
  readonly scores: Scores;
  readonly pruning: Pruning;
  readonly metrics: Metrics | null;
  /** What every threshold of the rule in force would cost; null until that is known. */
  readonly curve: Foreseen | null;
  /** Scores of the current criterion, over edges and over nodes. */
  readonly edgeScores: Float32Array;
  readonly nodeScores: Float32Array;
  /** The scores that the threshold runs through, lowest first. */
  readonly inPlay: Float32Array;
  readonly threshold: number;
  /** The threshold, or those of all layers where they differ. */
  readonly cut: Cut;
  readonly preview: Preview;
  /** Whether the cut shown is not (yet) the one in force. */
  readonly previewing: boolean;
  readonly parts: readonly Part[];
  readonly scene: Scene;
}

/** A threshold under the hand: that of one layer, or of all. */
export interface Drag {
  readonly threshold: number;
  readonly layer?: number;
}

/** What the view adds to the traits. */
export interface Local {
  readonly pending: readonly Op[];
  /** Null when it is let go. */
  readonly drag: Drag | null;
  /** What is done while no kernel is connected. */
  readonly alone?: { readonly done: readonly Op[]; readonly undone: readonly Op[] } | null;
}

/** The scores that the rule may take, of these layers, lowest first: not of what was pruned or kept by hand. */
export function scoresInPlay(rule: Rule, edges: Uint8Array, layers = layersOf(rule)): Float32Array {
  const byHand = rule.structure === "edge" ? KEPT | BY_HAND : 0;
  return ruledBy(rule).filter((s, i) =>
    Number.isFinite(s) && !(at(edges, i) & byHand) && layers.some(({ from, to }) => i >= from && i < to)).sort();
}

/** The edges or nodes that the rule looks at and that score in a range. */
export function scoredWithin({ net: { topology: t }, pruning: { structure }, edgeScores, nodeScores }: Snapshot, low: number, high: number): Part[] {
  const [scores, partAt] = structure === "edge" ? [edgeScores, edgeAt] : [nodeScores, nodeAt];
  const parts: Part[] = [];
  for (const { from, to } of layersOf({ topology: t, structure })) {
    for (let i = from; i < to; i++) if (at(scores, i) >= low && at(scores, i) <= high) parts.push(partAt(t, i));
  }
  return parts;
}

const labelOf = (ops: readonly Op[]): string | null => ops[ops.length - 1]?.type.replace("set_", "") ?? null;

interface Selected {
  readonly parts: readonly Part[];
  readonly edges: ReadonlySet<number>;
  readonly nodes: ReadonlySet<number>;
}

function decodeSelected(value: unknown, t: Topology): Selected {
  const edges = new Set<number>();
  const nodes = new Set<number>();
  const parts = decodeSelection(value).filter((part) => {
    const number = isEdge(part) ? edgeNumber(t, part) : nodeNumber(t, part);
    const into = isEdge(part) ? edges : nodes;
    if (number < 0 || into.has(number)) return false;
    into.add(number);
    return true;
  });
  return { parts, edges, nodes };
}

const lastThreshold = (pending: readonly Op[]): number | null =>
  pending.reduce<number | null>((found, op) => (op.type === "set_threshold" && op.layer === undefined ? op.threshold : found), null);

/** Make a reader of snapshots that does again only what its inputs require. */
export function createReader(wire: Wire): (local: Local) => Snapshot | null {
  let last: Snapshot | null = null;
  // Curves that move while a network learns leave all that follows from its sizes as it is.
  const network = memo((value: unknown) => decodeNetwork(value, last?.net.topology));
  const scoring = memo(decodeScores);
  const pruned = memo(decodePruning);
  const measured = memo(decodeMetrics);
  const foretold = memo(decodeCurve);
  const selected = memo(decodeSelected);
  const foreseen = memo((t: Topology, scores: Scores, base: Pruning, pending: readonly Op[]) =>
    pending.reduce((pruning, op) => foresee(t, scores, pruning, op), base));
  const ruled = memo(createRule);
  const edgeScoring = memo((rule: Rule) => scoresOf(rule, "edge"));
  const nodeScoring = memo((rule: Rule) => scoresOf(rule, "node"));
  const playing = memo((rule: Rule, edges: Uint8Array) => scoresInPlay(rule, edges));
  const cutting = memo(cutAt);
  const bare = memo(withoutRule);
  const previewed = memo(preview);
  const ordered = memo(strongestFirst);
  const sharing = memo(shares);
  const strengthened = memo(strengths);
  const voiced = memo(voices);
  const keeping = memo(keptOf);
  const staged = memo((net: Network, voice: ReturnType<typeof voices>, share: Float32Array, kept: Uint8Array,
    order: Uint32Array, chosen: Selected): Scene => ({
    net, topology: net.topology, edgeVoice: voice.edges, nodeVoice: voice.nodes, share,
    strength: strengthened(share), kept, order, selectedEdges: chosen.edges, selectedNodes: chosen.nodes,
  }));

  const withOwnHistory = memo((pruning: Pruning, done: readonly Op[], undone: readonly Op[]): Pruning => ({
    ...pruning, undo: labelOf(done), redo: labelOf(undone), edited: done.length > 0,
  }));

  return ({ pending, drag, alone }) => {
    const net = network(wire.read("network"));
    if (!net) return null;
    const t = net.topology;
    const scores = scoring(wire.read("scores"), t);
    const ahead = foreseen(t, scores, pruned(wire.read("pruning"), t), pending);
    const pruning = alone ? withOwnHistory(ahead, alone.done, alone.undone) : ahead;
    const rule = ruled(t, scores, pruning.criterion, pruning.structure, pruning.floor);
    const chosen = selected(wire.read("selection"), t);
    const trait = wire.read("threshold");
    const asked = typeof trait === "number" && Number.isFinite(trait) ? trait : pruning.threshold;
    const layer = drag?.layer;
    const threshold = (layer === undefined ? drag?.threshold : null) ?? lastThreshold(pending) ?? asked;
    const still = !drag && threshold === pruning.threshold;
    const cut = still ? cutOf(pruning) : cutting(pruning, t, drag?.threshold ?? threshold, layer);
    const looked = previewed(rule, pruning, cut, bare(rule, pruning.edges));
    const previewing = cut !== cutOf(pruning);
    const voice = voiced(t, pruning, previewing ? looked : null);
    const edgeScores = edgeScoring(rule);
    const curve = foretold(wire.read("curve"));
    const next: Snapshot = {
      net, scores, pruning, threshold, cut, previewing, edgeScores,
      metrics: measured(wire.read("metrics")),
      curve: answers(curve, pruning) ? curve : null,
      nodeScores: nodeScoring(rule),
      inPlay: playing(rule, pruning.edges),
      preview: looked,
      parts: chosen.parts,
      scene: staged(net, voice, sharing(edgeScores, t.edges), keeping(pruning), ordered(edgeScores, t.edges), chosen),
    };
    const held = last as Partial<Record<string, unknown>> | null;
    if (!held || Object.entries(next).some(([name, value]) => !Object.is(value, held[name]))) last = next;
    return last;
  };
}
