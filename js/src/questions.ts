import { uniqueName } from "./store";
import type { Answer, Wire } from "./wire";

/** How long an answer is waited for, in milliseconds: some are long work, and a busy kernel answers late. */
const PATIENCE = 120_000;

interface Asked {
  resolve(value: unknown): void;
  reject(reason: Error): void;
}

/** Questions to Python and the promises of their answers. */
export class Questions {
  readonly #wire: Wire;
  readonly #name = uniqueName();
  readonly #asked = new Map<string, Asked>();
  #count = 0;

  constructor(wire: Wire, signal: AbortSignal) {
    this.#wire = wire;
    signal.addEventListener("abort", () => this.#end(), { once: true });
  }

  /** Ask; the promise is rejected with Python's reason, or where nobody answers. */
  readonly ask = (about: string, more: Readonly<Record<string, unknown>> = {}): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const id = `${this.#name}-q${++this.#count}`;
      const late = setTimeout(() => this.#settle(id)?.reject(new Error("Python does not answer")), PATIENCE);
      const settled = <T>(then: (value: T) => void) => (value: T): void => {
        clearTimeout(late);
        then(value);
      };
      this.#asked.set(id, { resolve: settled(resolve), reject: settled(reject) });
      if (!this.#wire.send({ ...more, type: "ask", id, about })) this.#settle(id)?.reject(new Error("No kernel is connected."));
    });

  /** Take an answer; one to a question of another view is let pass. */
  hear({ id, value, reason }: Answer): void {
    const asked = this.#settle(id);
    if (reason === null) asked?.resolve(value);
    else asked?.reject(new Error(reason));
  }

  #settle(id: string): Asked | undefined {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    return asked;
  }

  #end(): void {
    for (const id of [...this.#asked.keys()]) this.#settle(id)?.reject(new Error("The view was closed."));
  }
}
