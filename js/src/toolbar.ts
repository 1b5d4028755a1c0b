import { html, nothing, type TemplateResult } from "lit-html";
import { help } from "./help";
import { redoIcon, undoIcon } from "./icons";
import { SHEETS } from "./sheet";
import type { Snapshot } from "./snapshot";
import type { Store } from "./store";
import type { Structure } from "./wire";

/** What the toolbar does that is not an edit. */
export interface ToolbarActions {
  fit(): void;
  /** Find out what each compensation would make of the present cut. */
  foretell(): void;
  foretold(compensate: string): string;
  /** The sheet that is open. */
  readonly sheet: string | null;
  toggleSheet(name: string): void;
  toggleHelp(): void;
}

const STRUCTURES: readonly (readonly [Structure, string])[] = [["edge", "Edges"], ["node", "Nodes"], ["input", "Inputs"]];

/** Names of settings as words: "least_squares" reads "least squares". */
export const words = (name: string): string => name.replaceAll("_", " ");

function choice(
  label: string,
  value: string,
  options: readonly string[],
  chosen: (value: string) => void,
  more: { rank?: "minor"; opened?: () => void; said?: (name: string) => string } = {},
): TemplateResult | typeof nothing {
  if (options.length === 0) return nothing;
  return html`<label class=${`field ${more.rank ?? ""}`}><span>${label}</span><select aria-label=${label} title=${label} .value=${value}
    @focus=${more.opened ?? nothing} @change=${(event: Event) => {
      const select = event.target as HTMLSelectElement;
      const name = select.value;
      select.value = value; // What is shown is what is in force: the choice is, once it is drawn.
      chosen(name);
    }}>
    ${options.map((name) => html`<option value=${name} ?selected=${name === value}>${words(name)}${more.said?.(name) ?? ""}</option>`)}
  </select></label>`;
}

function structures(snapshot: Snapshot, store: Store): TemplateResult | typeof nothing {
  const { structure, structures: offered } = snapshot.pruning;
  const shown = STRUCTURES.filter(([name]) => offered.includes(name));
  if (shown.length === 0) return nothing;
  return html`<div class="segments" role="radiogroup" aria-label="Prune">
    ${shown.map(([name, label]) => html`<label class="segment"><input type="radio" name="structure" aria-label=${label}
      value=${name} .checked=${name === structure} @change=${(event: Event) => {
        const group = (event.target as Element).closest("div");
        store.ask({ type: "set_structure", structure: name });
        // Drawn by then, unless it was refused at once.
        requestAnimationFrame(() => {
          const inForce = group?.querySelector<HTMLInputElement>(`[value=${store.snapshot()?.pruning.structure}]`);
          if (inForce) inForce.checked = true;
        });
      }} /><span>${label}</span></label>`)}
  </div>`;
}

/** A step of the history. When it cannot be taken it is still there to be focused, so that no focus is lost. */
function step(type: "undo" | "redo", label: string | null, keys: string, store: Store): TemplateResult {
  const name = type === "undo" ? "Undo" : "Redo";
  const title = label ? `${name}: ${label} (${keys})` : `Nothing to ${type}`;
  return html`<button class="button square" aria-label=${name} title=${title} aria-disabled=${label === null}
    @click=${() => label !== null && store.ask({ type })}>${type === "undo" ? undoIcon : redoIcon}</button>`;
}

/** The bar of commands and choices. */
export function toolbar(snapshot: Snapshot, store: Store, actions: ToolbarActions, helpOpen: boolean): TemplateResult {
  const { pruning, scores } = snapshot;
  return html`<div class="toolbar" role="toolbar" aria-label="Commands">
    <div class="group">
      ${step("undo", pruning.undo, "Ctrl+Z", store)}${step("redo", pruning.redo, "Ctrl+Shift+Z", store)}
      <button class="button" title="Back to the network before any pruning" aria-disabled=${!pruning.edited}
        @click=${() => pruning.edited && store.ask({ type: "reset" })}>Reset</button>
    </div>
    ${choice("Score by", pruning.criterion, pruning.criteria.length ? pruning.criteria : scores.criteria, (criterion) => store.ask({ type: "set_criterion", criterion }))}
    ${structures(snapshot, store)}
    ${choice("Compensation", pruning.compensate, pruning.compensations, (compensate) =>
      store.ask({ type: "set_compensate", compensate }), { rank: "minor", opened: actions.foretell, said: actions.foretold })}
    <div class="group end">
      ${SHEETS.map(([name, label, title]) => title && html`<button class="button quiet" title=${title}
        aria-pressed=${actions.sheet === name} @click=${() => actions.toggleSheet(name)}>${label}</button>`)}
      <button class="button quiet" title="Show the whole network (F)"
        @click=${() => actions.fit()}>Fit<kbd aria-hidden="true">F</kbd></button>
      <button class="button quiet square help-button" aria-label="Help" title="Keys and gestures" aria-expanded=${helpOpen}
        @click=${() => actions.toggleHelp()}>?</button>
      ${helpOpen ? help(actions.toggleHelp) : nothing}
    </div>
  </div>`;
}
