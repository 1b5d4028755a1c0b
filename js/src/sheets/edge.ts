import { html, nothing } from "lit-html";
import type { TemplateResult } from "lit-html";
import { formatScore } from "../format";
import { chartLabel, ends } from "../names";
import type { Sheet, SheetContext } from "../sheet";
import type { Snapshot } from "../snapshot";
import { curveOf } from "../thumbnail";
import { at, type Edge, edgeNumber, isEdge } from "../topology";
import { type Detail, number } from "../wire";
import { chart as draw, type ChartData } from "./chart";

const HEIGHT = { tall: 108, short: 92, from: 540 };

const words = (name: string): string => name.replaceAll("_", " ");

/** The edge that is selected, and what Python knows of it. */
function edgeOf({ snapshot, store }: SheetContext): readonly [Edge, Detail | null] | null {
  const [part] = snapshot.parts;
  return part && isEdge(part) ? [part, store.detail(snapshot, part)] : null;
}

/** What it would cost to lose the edge, and how sure that is. */
function worth(snapshot: Snapshot, { removal }: Detail): TemplateResult | typeof nothing {
  if (!removal) return nothing;
  const { change, error } = removal;
  const sure = Math.abs(change) > 2 * error;
  const sign = change < 0 ? "−" : "+";
  const title = `Change of the training ${words(snapshot.metrics?.loss ?? "loss")} without this edge, and its standard error`;
  return html`<dl class="criteria worth" aria-label="Worth" title=${title}><div><dt>loss if removed</dt>
    <dd>${sign}${formatScore(Math.abs(change))} ± ${formatScore(error)}</dd></div></dl>
    ${sure ? nothing : html`<p class="about">not distinguishable from zero</p>`}`;
}

/** What the function resembles: the closest in words, the others for who asks. */
function likeness({ formulas }: Detail): TemplateResult | typeof nothing {
  const [closest] = formulas;
  if (!closest) return nothing;
  const said = ({ text, r2 }: { text: string; r2: number }): string => `${text}, R² ${r2.toFixed(4)}`;
  return html`<p class="likeness" role="note" aria-label="Resembles" title=${formulas.map(said).join("\n")}>
    <span>≈ <i>${closest.text}</i></span><span class="about">R² ${closest.r2.toFixed(closest.r2 > 0.999 ? 4 : 3)}</span></p>`;
}

/** The function of the edge that is selected; drawn within the inspector. */
export const chart: Sheet = {
  styles: `
.chart .rule{stroke:var(--line)}
.chart .zero{stroke:var(--faint);stroke-opacity:.7}
.chart .axis,.chart .mark{stroke:var(--edge)}
.chart .knot{stroke:var(--ink);stroke-opacity:.75}
.chart .density{fill:var(--ink);fill-opacity:.1}
.chart .past{fill:none;stroke:var(--mute);stroke-width:1.5;stroke-dasharray:4 3}
`,
  draw(context) {
    const { net } = context.snapshot;
    const found = edgeOf(context);
    const e = found ? edgeNumber(net.topology, found[0]) : -1;
    const coarse = found && curveOf(net, e);
    if (!coarse) return html``;
    const source = at(net.topology.from, e);
    const detail = found[1]?.y.every(Number.isFinite) ? found[1] : null;
    const { x, y } = detail ?? coarse;
    const data: ChartData = {
      x, y, knots: detail?.knots ?? [], past: detail?.past ?? null,
      density: net.density.subarray(source * net.bins, (source + 1) * net.bins),
      densityLow: at(net.low, source), densityHigh: at(net.high, source),
    };
    const height = number(context.wire.read("height"), HEIGHT.from);
    return html`${draw(data, chartLabel(net, e), ends(net, e)[0], height < HEIGHT.from ? HEIGHT.short : HEIGHT.tall)}`;
  },
};

/** What Python says of it. */
export const answers: Sheet = {
  styles: `
.worth dd{font-weight:600}
.worth+.about{margin-top:-4px}
.likeness{display:flex;justify-content:space-between;gap:8px}
.likeness .about{flex:none}
.likeness i{font-family:"STIX Two Text","Cambria Math",Georgia,serif;overflow-wrap:anywhere}
`,
  draw(context) {
    const detail = edgeOf(context)?.[1];
    return html`${detail ? html`${likeness(detail)}${worth(context.snapshot, detail)}` : nothing}`;
  },
};
