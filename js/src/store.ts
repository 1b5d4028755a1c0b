import { Alone } from "./alone";
import { createTimer, type Timer } from "./frame";
import { OpsQueue } from "./ops";
import { allowed } from "./preview";
import { createReader, type Drag, type Local, type Snapshot } from "./snapshot";
import { edgeNumber, isEdge, type Edge, type Node, type Part } from "./topology";
import { decodeNotice, type Detail, type Incoming, learning, type Notice, type Op, revisionOf, type Wire } from "./wire";

/** How long an answer may take before the footer says that it is waited for. */
const PATIENCE = 400;
/** How long one is waited for where nothing says that Python is there. */
const HOPE = 2500;

const same = (a: Part, b: Part): boolean => a.length === b.length && a.every((v, i) => v === b[i]);

/** A name that no other view has. */
export function uniqueName(): string {
  const random = new Uint32Array(3);
  crypto.getRandomValues(random);
  return Array.from(random, (v) => v.toString(36)).join("");
}

/** The state of one view, and all that can be done to it. Nothing here knows the DOM. */
export class Store {
  readonly #wire: Wire;
  readonly #changed: () => void;
  readonly #queue: OpsQueue;
  readonly #read: (local: Local) => Snapshot | null;
  readonly #late: Timer;
  readonly #hope: Timer;
  readonly #name = uniqueName();
  /** Ops that Python has accepted, until the traits that they led to are here: hosts may deliver the answer first. */
  #accepted: readonly { readonly ops: readonly Op[]; readonly revision: number }[] = [];
  #revision = 0;
  #pending: readonly Op[] = [];
  #drag: Drag | null = null;
  /** What is done here while no kernel is connected; null while one is. */
  #alone: Alone | null = null;
  /** Whether Python has ever said anything. */
  #heard = false;
  #waiting = false;
  #said: Notice | null = null;
  #dismissed: string | null = null;
  #noticeAtSend: string | null = null;
  #details: { readonly of: unknown; readonly byEdge: Map<number, { known: Detail | null; asked: readonly unknown[] }> } =
    { of: null, byEdge: new Map() };

  constructor(wire: Wire, signal: AbortSignal, changed: () => void) {
    this.#wire = wire;
    this.#changed = changed;
    this.#read = createReader(wire);
    this.#late = createTimer(signal, () => {
      this.#waiting = true;
      changed();
    });
    this.#hope = createTimer(signal, () => this.#giveUp());
    this.#queue = new OpsQueue(this.#name, (id, ops) => this.#send(id, ops));
  }

  /** What is to be shown now; null while there is no network. */
  snapshot(): Snapshot | null {
    const revision = revisionOf(this.#wire.read("pruning"));
    if (this.#accepted.some((answer) => answer.revision <= revision)) {
      this.#accepted = this.#accepted.filter((answer) => answer.revision > revision);
      this.#collect();
    }
    return this.#read({ pending: this.#pending, drag: this.#drag, alone: this.#alone });
  }

  /** Whether edits stay in this page, since no kernel is connected. */
  get alone(): boolean {
    return this.#alone !== null;
  }

  get dragging(): boolean {
    return this.#drag !== null;
  }

  get pending(): boolean {
    return this.#pending.length > 0;
  }

  /** How many edits wait for an answer that is late; 0 while all is well. */
  get late(): number {
    return this.#waiting ? this.#queue.pending.length : 0;
  }

  /** The state of a training that goes on, as a word; "" where none does. */
  get learning(): string {
    return learning(this.#wire.read("training"));
  }

  get notice(): Notice | null {
    if (this.#said) return this.#said;
    const notice = decodeNotice(this.#wire.read("notice"));
    return notice && notice.id !== this.#dismissed ? notice : null;
  }

  dismiss(): void {
    this.#said = null;
    this.#dismissed = decodeNotice(this.#wire.read("notice"))?.id ?? null;
    this.#changed();
  }

  /** Hear a message from Python. */
  hear(message: Incoming): void {
    this.#rejoin();
    if (message.type === "hello") return;
    if (message.type === "detail") return this.#learn(message.detail);
    // What waits goes out while the answer is taken, and must say that it knows of it.
    this.#revision = Math.max(this.#revision, message.revision);
    const ops = this.#queue.answer(message.id, message.type === "ack");
    if (!ops) return;
    if (message.type === "nack") {
      this.#said = { id: message.id, kind: "error", text: message.reason };
    } else {
      this.#accepted = [...this.#accepted, { ops, revision: message.revision }];
      this.#said = null;
      this.#dismissed = this.#noticeAtSend ?? this.#dismissed;
    }
    this.#settle();
  }

  /** Ask Python for an edit. */
  ask(op: Op): void {
    if (this.#alone) this.#takeAlone(op);
    else if (!this.#queue.push(op)) {
      this.#alone = new Alone();
      this.#takeAlone(op);
    }
    this.#settle();
  }

  #takeAlone(op: Op): void {
    const snapshot = this.snapshot();
    if (!snapshot || !this.#alone) return;
    const { net, scores, pruning } = snapshot;
    const reason = this.#alone.take(op, { topology: net.topology, scores, pruning });
    this.#said = reason === null ? null : { id: this.#name, kind: "info", text: reason };
  }

  /** Nobody answers, and nothing says that anybody will: go on alone, with what was asked. */
  #giveUp(): void {
    if (this.#queue.pending.length === 0 || (this.#heard && this.#wire.busy() !== false)) return;
    this.#alone = new Alone(this.#queue.withdraw());
    this.#settle();
  }

  /** Python is there (again): what was done alone is asked of it. */
  #rejoin(): void {
    this.#heard = true;
    const done = this.#alone?.done;
    if (!done) return;
    this.#alone = null;
    done.forEach((op) => this.#queue.push(op));
    this.#settle();
  }

  /** Prune, restore or keep what is selected. */
  edit(type: "prune" | "restore" | "keep", parts?: readonly Part[]): void {
    const on = parts ?? this.snapshot()?.parts ?? [];
    if (on.length === 0) return;
    const edges = on.filter((part): part is Edge => isEdge(part));
    const nodes = on.filter((part): part is Node => !isEdge(part));
    this.ask({ type, edges, nodes });
  }

  /** Preview a threshold, as far as Python would accept it; or one of a single layer, which the caller has looked at. */
  drag(threshold: number, layer?: number): void {
    const snapshot = this.snapshot();
    if (!snapshot) return;
    this.#drag = layer === undefined ? { threshold: allowed(snapshot.pruning, threshold) } : { threshold, layer };
    this.#changed();
  }

  /** Let go of the threshold: ask for it, or forget it. */
  drop(keep: boolean): void {
    const drag = this.#drag;
    if (drag === null) return;
    this.#drag = null;
    const before = this.snapshot()?.cut;
    const was = drag.layer === undefined || typeof before !== "object" ? before : before[drag.layer];
    if (keep && drag.threshold !== was) this.ask({ type: "set_threshold", ...drag });
    else this.#changed();
  }

  /** Select parts; with `add`, those that were selected already are taken out again. */
  select(parts: readonly Part[], add = false): void {
    const now = this.snapshot()?.parts ?? [];
    const next = add
      ? [...now.filter((a) => !parts.some((b) => same(a, b))), ...parts.filter((b) => !now.some((a) => same(a, b)))]
      : parts;
    if (next.length === now.length && next.every((part, i) => same(part, now[i] ?? [-1, -1]))) return;
    this.#wire.writeSelection(next);
    this.#changed();
  }

  /** Add parts to the selection; none is taken out. */
  include(parts: readonly Part[]): void {
    const now = this.snapshot()?.parts ?? [];
    this.select([...now, ...parts.filter((b) => !now.some((a) => same(a, b)))]);
  }

  /** The finer curve of an edge, asked for again after every change: until the answer it is the last one known. */
  detail({ net, pruning }: Snapshot, edge: Edge): Detail | null {
    if (this.#details.of !== net.topology) this.#details = { of: net.topology, byEdge: new Map() };
    const number = edgeNumber(net.topology, edge);
    const found = this.#details.byEdge.get(number) ?? { known: null, asked: [] };
    this.#details.byEdge.set(number, found);
    if (found.asked[0] !== pruning.revision || found.asked[1] !== net) {
      found.asked = [pruning.revision, net];
      this.#wire.send({ type: "detail", id: `${this.#name}-d${number}`, edge });
    }
    return found.known;
  }

  #learn(detail: Detail): void {
    const net = this.snapshot()?.net;
    if (!net || this.#details.of !== net.topology || detail.x.length < 2 || detail.x.length !== detail.y.length) return;
    const found = this.#details.byEdge.get(edgeNumber(net.topology, detail.edge));
    if (!found) return;
    found.known = detail;
    this.#changed();
  }

  #send(id: string, ops: readonly Op[]): boolean {
    const revision = Math.max(this.#revision, revisionOf(this.#wire.read("pruning")));
    this.#noticeAtSend = decodeNotice(this.#wire.read("notice"))?.id ?? null;
    this.#late.set(PATIENCE);
    this.#hope.set(HOPE);
    return this.#wire.send({ type: "ops", id, revision, ops });
  }

  #collect(): void {
    this.#pending = [...this.#accepted.flatMap((answer) => answer.ops), ...this.#queue.pending, ...(this.#alone?.done ?? [])];
  }

  #settle(): void {
    this.#collect();
    if (this.#queue.pending.length === 0) {
      this.#late.clear();
      this.#hope.clear();
      this.#waiting = false;
    }
    this.#changed();
  }
}
