import { html, nothing, type TemplateResult } from "lit-html";
import { closeIcon } from "./icons";
import type { Snapshot } from "./snapshot";
import type { Store } from "./store";
import { Questions } from "./questions";
import type { Answer, Wire } from "./wire";

/** What a sheet draws from, and what it can do. */
export interface SheetContext {
  readonly snapshot: Snapshot;
  readonly store: Store;
  readonly wire: Wire;
  /** Draw again, after a change of what the sheet holds itself. */
  request(): void;
  /** Ask Python; rejected with its reason, or after some seconds without an answer. */
  ask(about: string, more?: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** What the sheet holds between two drawings; empty at first, and gone with the view. */
  readonly state: Record<string, unknown>;
}

/** A drawer beside the diagram, or over it where `wide`. */
export interface Sheet {
  readonly wide?: boolean;
  readonly styles: string;
  draw(context: SheetContext): TemplateResult;
}

export type Sheets = Readonly<Record<string, Sheet>>;

/** The sheets: those with a tooltip are offered by the toolbar. */
export const SHEETS: readonly (readonly [string, string, string])[] = [
  ["table", "Table", "Every edge and node: sorted, searched"],
  ["inputs", "Input map", "What each input counts for"],
  ["compare", "Criteria", "Two criteria beside each other"],
  ["history", "History", "Every state so far, and the way to each"],
  ["tune", "Tune", "Train what is left, or let it prune by itself"],
  ["save", "Save", "Picture, page, script, full screen"],
  ["standing", "Metrics", ""],
  ["layers", "Layers", ""],
];

/** A page keeps each module that it has imported: of the same text there is one only, however many views ask for it. */
async function imported(text: string): Promise<Sheets> {
  const type = "text/javascript";
  const from = async (url: string): Promise<Sheets> => ((await import(/* @vite-ignore */ url)) as { sheets: Sheets }).sheets;
  try {
    return await from(`data:${type},${encodeURIComponent(text)}`);
  } catch {
    // Some hosts allow scripts from blobs alone.
    const url = URL.createObjectURL(new Blob([text], { type }));
    return from(url).finally(() => URL.revokeObjectURL(url));
  }
}

/** Opens one sheet at a time. Their code comes from Python when the first is opened: saved notebooks need not hold it. */
export class Drawer {
  readonly #wire: Wire;
  readonly #request: () => void;
  readonly #states = new Map<string, Record<string, unknown>>();
  #sheets: Sheets | null = null;
  #asked = false;
  #failed = "";
  #open: string | null = null;
  readonly #questions: Questions;

  constructor(wire: Wire, signal: AbortSignal, request: () => void) {
    this.#wire = wire;
    this.#request = request;
    this.#questions = new Questions(wire, signal);
  }

  /** Ask Python; see `SheetContext`. */
  get ask(): Questions["ask"] {
    return this.#questions.ask;
  }

  /** Hear an answer to a question of a sheet. */
  hear(answer: Answer): void {
    this.#questions.hear(answer);
  }

  /** The name of the sheet that is open. */
  get open(): string | null {
    return this.#open;
  }

  /** Whether the sheet that is open covers the diagram. */
  get wide(): boolean {
    return (this.#open !== null && this.#sheets?.[this.#open]?.wide) ?? false;
  }

  /** Open a sheet, or close the one that is open. */
  toggle(name: string | null): void {
    this.#open = name === this.#open ? null : name;
    if (this.#open !== null) this.#fetch();
    this.#request();
  }

  #fetch(): void {
    if (this.#sheets || this.#asked) return;
    this.#asked = this.#wire.send({ type: "sheets" });
    this.#failed = this.#asked ? "" : "This needs a running kernel.";
  }

  /** Take the code of the sheets. */
  async load(code: ArrayBuffer): Promise<void> {
    try {
      this.#sheets = await imported(new TextDecoder().decode(code));
    } catch (error) {
      this.#failed = `This part could not be loaded: ${String(error)}`;
      this.#asked = false;
    }
    this.#request();
  }

  /** The sheet that is open, as an element of the page. */
  draw(snapshot: Snapshot, store: Store): TemplateResult | typeof nothing {
    if (this.#open === null) return nothing;
    const name = this.#open;
    const title = SHEETS.find(([id]) => id === name)?.[1] ?? name;
    const sheet = this.#sheets?.[name];
    return html`<aside class=${`sheet ${sheet?.wide ? "wide" : ""} ${name}`} role="complementary" aria-label=${title}>
      <header><h2>${title}</h2><button class="button quiet square close" aria-label=${`Close ${title.toLowerCase()}`}
        title="Close (Esc)" @click=${() => this.toggle(null)}>${closeIcon}</button></header>
      ${sheet ? this.part(name, snapshot, store) : html`<p class="about" role="status">${this.#failed || "Loading…"}</p>`}
    </aside>`;
  }

  /** What a sheet draws, for a place of its own; nothing until its code is there. */
  part(name: string, snapshot: Snapshot, store: Store): TemplateResult | typeof nothing {
    this.#fetch();
    const sheet = this.#sheets?.[name];
    const state = this.#states.get(name) ?? {};
    this.#states.set(name, state);
    return sheet ? html`<style>${sheet.styles}</style>${
      sheet.draw({ snapshot, store, wire: this.#wire, request: this.#request, ask: this.#questions.ask, state })}` : nothing;
  }
}
