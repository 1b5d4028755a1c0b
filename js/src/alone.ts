import { foresee } from "./plan";
import { at, type Topology } from "./topology";
import type { Op, Pruning, Scores } from "./wire";

/** What an edit is made on. */
export interface Ground {
  readonly topology: Topology;
  readonly scores: Scores;
  readonly pruning: Pruning;
}

const NEEDS_PYTHON = "This needs Python, and no kernel is connected.";

/** Whether an output that an input reaches would lose the last way to it. */
function cuts({ topology: t, scores, pruning }: Ground, op: Op): boolean {
  const after = foresee(t, scores, pruning, op);
  for (let n = at(t.nodeStart, t.widths.length - 1); n < t.nodes; n++) {
    if (at(pruning.nodes, n) && !at(after.nodes, n)) return true;
  }
  return false;
}

/** Edits that only this page knows of, while nobody else is there to make them. */
export class Alone {
  #done: readonly Op[];
  #undone: readonly Op[] = [];

  /** @param begun - Edits that were sent and never answered. */
  constructor(begun: readonly Op[] = []) {
    this.#done = begun;
  }

  /** The edits in force, in order. */
  get done(): readonly Op[] {
    return this.#done;
  }

  get undone(): readonly Op[] {
    return this.#undone;
  }

  /** Make an edit; returns why not, or null. */
  take(op: Op, ground: Ground): string | null {
    switch (op.type) {
      case "undo":
        this.#undone = [...this.#undone, ...this.#done.slice(-1)];
        this.#done = this.#done.slice(0, -1);
        return null;
      case "redo":
        this.#done = [...this.#done, ...this.#undone.slice(-1)];
        this.#undone = this.#undone.slice(0, -1);
        return null;
      case "reset":
        this.#undone = [...this.#done].reverse();
        this.#done = [];
        return null;
      case "set_threshold": case "set_min_per_layer": case "prune": case "restore": case "keep":
        if (cuts(ground, op)) return "This would cut an output off from every input.";
        this.#done = [...this.#done, op];
        this.#undone = [];
        return null;
      default:
        return NEEDS_PYTHON;
    }
  }
}
