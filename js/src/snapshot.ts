import { answers } from "./curve";
import { memo } from "./memo";
import { foresee, type Rule, scoresOf } from "./plan";
import { type Preview, preview, withoutRule } from "./preview";
import { keptOf, type Scene, shares, strengths, strongestFirst, voices } from "./scene";
import { at, edgeNumber, isEdge, isHidden, nodeNumber, type Part, type Topology } from "./topology";
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
  readonly preview: Preview;
  /** Whether the threshold shown is not (yet) the one in force. */
  readonly previewing: boolean;
  readonly parts: readonly Part[];
  readonly scene: Scene;
}

/** What the view adds to the traits. */
export interface Local {
  readonly pending: readonly Op[];
  /** The threshold under the hand; null when it is let go. */
  readonly drag: number | null;
  /** What is done while no kernel is connected. */
  readonly alone?: { readonly done: readonly Op[]; readonly undone: readonly Op[] } | null;
}

/** The scores that the rule may take: not of what was pruned or kept by hand. */
function scoresInPlay(t: Topology, rule: Rule, edges: Uint8Array): Float32Array {
  if (rule.structure === "edge") {
    return scoresOf(rule, "edge").filter((s, e) => Number.isFinite(s) && !(at(edges, e) & (KEPT | BY_HAND))).sort();
  }
  const ruled = (n: number): boolean => (rule.structure === "node" ? isHidden(t, n) : n < at(t.widths, 0));
  return scoresOf(rule, "node").filter((s, n) => Number.isFinite(s) && ruled(n)).sort();
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
  pending.reduce<number | null>((found, op) => (op.type === "set_threshold" ? op.threshold : found), null);

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
  const ruled = memo((topology: Topology, scores: Scores, criterion: string, structure: Pruning["structure"]): Rule =>
    ({ topology, scores, criterion, structure }));
  const edgeScoring = memo((rule: Rule) => scoresOf(rule, "edge"));
  const nodeScoring = memo((rule: Rule) => scoresOf(rule, "node"));
  const playing = memo(scoresInPlay);
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
    const rule = ruled(t, scores, pruning.criterion, pruning.structure);
    const chosen = selected(wire.read("selection"), t);
    const trait = wire.read("threshold");
    const asked = typeof trait === "number" && Number.isFinite(trait) ? trait : pruning.threshold;
    const threshold = drag ?? lastThreshold(pending) ?? asked;
    const looked = previewed(rule, pruning, threshold, bare(rule, pruning.edges));
    const previewing = threshold !== pruning.threshold;
    const voice = voiced(t, pruning, previewing ? looked : null);
    const edgeScores = edgeScoring(rule);
    const curve = foretold(wire.read("curve"));
    const next: Snapshot = {
      net, scores, pruning, threshold, previewing, edgeScores,
      metrics: measured(wire.read("metrics")),
      curve: answers(curve, pruning) ? curve : null,
      nodeScores: nodeScoring(rule),
      inPlay: playing(t, rule, pruning.edges),
      preview: looked,
      parts: chosen.parts,
      scene: staged(net, voice, sharing(edgeScores, t.edges), keeping(pruning), ordered(edgeScores, t.edges), chosen),
    };
    const held = last as Partial<Record<string, unknown>> | null;
    if (!held || Object.entries(next).some(([name, value]) => !Object.is(value, held[name]))) last = next;
    return last;
  };
}
