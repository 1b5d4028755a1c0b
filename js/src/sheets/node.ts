import { html, nothing } from "lit-html";
import type { TemplateResult } from "lit-html";
import { formatScore, formatShare } from "../format";
import { nodeStanding } from "../names";
import type { Sheet, SheetContext } from "../sheet";
import { at, type Edge, isEdge, nodeAt, nodeNumber, type Part } from "../topology";
import { kept } from "./asking";

interface Worth {
  readonly loss: string;
  readonly rows: "test" | "train";
  readonly change: number | null;
  readonly error: number | null;
  readonly clear: boolean;
  readonly accuracy: readonly [number, number] | null;
}

interface Formula {
  readonly output: string;
  readonly text: string;
  readonly where: readonly (readonly [name: string, said: string])[];
  readonly copy: string;
  readonly latex: string;
  readonly r2: number | null;
  readonly rows: "test" | "train";
  readonly count: number;
  readonly links: readonly { readonly edge: Edge; readonly named: boolean; readonly closest: string | null; readonly r2: number | null }[];
}

const ROWS = { test: "test", train: "training" } as const;
const POWERS: Readonly<Record<string, string>> = { 2: "²", 3: "³", 4: "⁴" };
/** Edges without a name that are listed. */
const LISTED = 12;

/** A formula with its powers raised, and its unnamed functions as a letter with a foot. */
export function mathematics(text: string): (string | TemplateResult)[] {
  return text.replace(/\^([234])(?!\d)/g, (_, power: string) => POWERS[power] ?? "").replaceAll("-", "−")
    .split(/(phi_\{[\d,]+\})/).map((piece) => {
      const edge = /^phi_\{([\d,]+)\}$/.exec(piece)?.[1];
      return edge === undefined ? piece : html`φ<sub>${edge}</sub>`;
    });
}

const line = (name: string, value: string | TemplateResult, title: string): TemplateResult =>
  html`<div title=${title}><dt>${name}</dt><dd>${value}</dd></div>`;

/** What the network as it is now would lose without the node. */
function worth(context: SheetContext, part: Part, number: number): TemplateResult {
  const { snapshot } = context;
  const { net, pruning, nodeScores } = snapshot;
  const t = net.topology;
  const [layer] = nodeAt(t, number);
  const start = at(t.nodeStart, layer);
  const total = nodeScores.subarray(start, start + at(t.widths, layer)).reduce((sum, s) => sum + s, 0);
  const share = total > 0 ? formatShare(at(nodeScores, number) / total) : "–";
  const key = [pruning.revision, ...part].join();
  const live = nodeStanding(net, pruning, number) === "active";
  const asked = live && snapshot.metrics !== null && !context.store.learning ? kept<Worth>(context, "worth", "worth", { part }, key) : null;
  const found = asked?.of === key ? asked : null;
  return html`<div class="answers"><dl class="criteria worth" aria-label="Worth">
    ${line("share of its layer", share, "Its score over those of all nodes of its layer")}${
    found?.value && !found.failed ? cost(found.value) : asked && !found ? line("loss if removed", "…", "Working it out") : nothing}</dl>
    ${found?.value && !found.failed && !found.value.clear ? html`<p class="about">not distinguishable from zero</p>` : nothing}</div>`;
}

function cost({ loss, rows, change, error, accuracy }: Worth): TemplateResult {
  const title = `Change of the ${ROWS[rows]} ${loss} with the node's mean in its place, and its standard error`;
  const sign = (v: number): string => (v < 0 ? "−" : "+");
  return html`${line(`${loss === "RMSE" ? loss : "loss"} if removed`, change === null ? "–" : `${sign(change)}${formatScore(Math.abs(change))} ± ${formatScore(error ?? NaN)}`, title)}
    ${accuracy ? line("accuracy if removed", `${sign(accuracy[1] - accuracy[0])}${(100 * Math.abs(accuracy[1] - accuracy[0])).toFixed(1)} pt`, `Change of the ${ROWS[rows]} accuracy without it`) : nothing}`;
}

// An output.

function copy(context: SheetContext, text: string, what: string): void {
  const say = (said: string): void => {
    context.state["said"] = said;
    context.request();
  };
  navigator.clipboard.writeText(text).then(() => say(`copied as ${what}`), (error: unknown) => say(String(error)));
}

function formula(context: SheetContext, index: number): TemplateResult | typeof nothing {
  const key = [context.snapshot.pruning.revision, index].join();
  const held = (context.state["formula"] ?? {}) as { of?: string };
  if (held.of !== key) delete context.state["said"];
  const { value, failed, of } = kept<Formula>(context, "formula", "formula", { output: index }, key);
  const stale = of !== key;
  if (failed && !stale) return html`<p class="about" role="status">${failed}</p>`;
  if (!value || (stale && of?.split(",")[1] !== String(index))) return html`<p class="about" role="status">Reading its formula…</p>`;
  const unnamed = value.links.filter(({ named }) => !named);
  const named = value.links.length - unnamed.length;
  const rows = `${value.count.toLocaleString("en")} ${ROWS[value.rows]} rows`;
  return html`<div class="formula ${stale ? "stale" : ""}" role="group" aria-label="Formula" aria-busy=${stale}>
    <div class="reads" tabindex="0" role="note" aria-label="Formula as text"><p><i>${mathematics(value.output)} = ${mathematics(value.text)}</i></p>
      ${value.where.map(([name, said]) => html`<p><i>${name} = ${mathematics(said)}</i></p>`)}</div>
    <p class="about" title=${`Share of the output's variance on ${rows} that the formula explains`}>${
      value.r2 === null ? "a constant" : html`R² ${value.r2.toFixed(4)} · ${named} of ${value.links.length} edges named`}</p>
    <div class="ends"><button class="button" title="Copy the formula as text" @click=${() => copy(context, value.copy, "text")}>Copy</button>
      <button class="button" title="Copy the formula as LaTeX" @click=${() => copy(context, value.latex, "LaTeX")}>LaTeX</button>
      <span class="about" role="status">${(context.state["said"] as string | undefined) ?? ""}</span></div>
    ${unnamed.length > 0 ? html`<p class="about" title="None explains 99 % of the edge's variance">Like no simple function:</p><ul>${unnamed.slice(0, LISTED).map(({ edge, closest, r2 }) => html`<li>
      <button class="row" title="Go to this edge" @click=${() => context.store.select([edge])}><span class="ends">φ<sub>${edge.join()}</sub></span>
        <span class="mark">${closest === null ? "" : `closest ${closest}`}</span><span class="number">${r2 === null ? "–" : r2.toFixed(2)}</span></button></li>`)}</ul>
      ${unnamed.length > LISTED ? html`<p class="about">and ${unnamed.length - LISTED} others</p>` : nothing}` : nothing}</div>`;
}

/** What Python knows of the node that is selected; drawn within the inspector. */
export const node: Sheet = {
  styles: `
.formula{display:flex;flex-direction:column;gap:8px;min-width:0}
.formula .reads{max-height:144px;overflow:auto;padding:8px 12px;border:1px solid var(--line);border-radius:6px;background:var(--panel)}
.formula i{font-family:"STIX Two Text","Cambria Math",Georgia,serif;overflow-wrap:anywhere}
.formula sub{font-size:11px;line-height:0}
.formula>.ends{display:flex;align-items:center;gap:8px}
.formula.stale .reads{color:var(--faint)}
.worth div{grid-template-columns:1fr auto}
.worth div>dt{overflow-wrap:normal;min-width:min-content}
.worth dd:last-child{grid-column:2;font-weight:600}
.worth+.about{margin-top:-4px}
@container (max-width:720px){.facts>.lists{grid-column:2;grid-row:1/span 2}}
`,
  draw(context) {
    const { snapshot } = context;
    const [part] = snapshot.parts;
    if (!part || isEdge(part)) return html``;
    const t = snapshot.net.topology;
    const number = nodeNumber(t, part);
    const [layer, index] = nodeAt(t, number);
    return layer < t.widths.length - 1 ? worth(context, part, number) : html`${formula(context, index)}`;
  },
};
