import type { Op } from "./wire";

/** Choices of which only the last of a run matters. */
const LAST_COUNTS: ReadonlySet<Op["type"]> = new Set(["set_threshold"]);

/** Steps that mean something else once what came before them was refused. */
const RELATIVE: ReadonlySet<Op["type"]> = new Set(["undo", "redo"]);

/** How many ops one message may hold. */
const MOST = 500;

/** Which layer an op is about, where it is about one. */
const layerOf = (op: Op): number | undefined => ("layer" in op ? op.layer : undefined);

/** Append an op to those that wait; of consecutive thresholds of the same layers only the last is kept. */
export function append(waiting: readonly Op[], op: Op): Op[] {
  const last = waiting[waiting.length - 1];
  const replaces = last !== undefined && last.type === op.type && LAST_COUNTS.has(op.type) && layerOf(last) === layerOf(op);
  return [...(replaces ? waiting.slice(0, -1) : waiting), op];
}

/** The edits that Python has not answered yet: one message in flight, the rest waiting for it. */
export class OpsQueue {
  #flight: { readonly id: string; readonly ops: readonly Op[] } | null = null;
  #waiting: readonly Op[] = [];
  #count = 0;
  readonly #name: string;
  readonly #send: (id: string, ops: readonly Op[]) => boolean;

  /**
   * @param name - Tells this queue's messages from those of other views of the model.
   * @param send - Hands a message over; false when it could not leave.
   */
  constructor(name: string, send: (id: string, ops: readonly Op[]) => boolean) {
    this.#name = name;
    this.#send = send;
  }

  /** Ask for an edit. False when nothing can be sent, in which case everything asked for is given up. */
  push(op: Op): boolean {
    this.#waiting = append(this.#waiting, op);
    return this.#flight !== null || this.#next();
  }

  /** Take Python's answer; returns the ops that it is about, null when it answers someone else's message. */
  answer(id: string, accepted: boolean): readonly Op[] | null {
    if (this.#flight?.id !== id) return null;
    const { ops } = this.#flight;
    this.#flight = null;
    if (!accepted) this.#waiting = this.#waiting.filter((op) => !RELATIVE.has(op.type));
    this.#next();
    return ops;
  }

  /** Give up waiting for any answer; returns what was asked. */
  withdraw(): readonly Op[] {
    const asked = this.pending;
    this.#flight = null;
    this.#waiting = [];
    return asked;
  }

  /** Every unanswered edit, in order. */
  get pending(): readonly Op[] {
    return [...(this.#flight?.ops ?? []), ...this.#waiting];
  }

  /** How many edits wait behind the message in flight. */
  get waiting(): number {
    return this.#waiting.length;
  }

  #next(): boolean {
    if (this.#waiting.length === 0) return true;
    const flight = { id: `${this.#name}-${++this.#count}`, ops: this.#waiting.slice(0, MOST) };
    this.#flight = flight;
    this.#waiting = this.#waiting.slice(MOST);
    if (this.#send(flight.id, flight.ops)) return true;
    // A host that answers within `send` has already moved the queue on.
    if (this.#flight === flight) {
      this.#flight = null;
      this.#waiting = [];
    }
    return false;
  }
}
