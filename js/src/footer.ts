import { html, nothing, type TemplateResult } from "lit-html";
import { formatChange, formatCount, formatLoss, formatShare } from "./format";
import { at, isHidden } from "./topology";
import { words } from "./toolbar";
import type { Snapshot } from "./snapshot";
import { ACTIVE, type Metrics } from "./wire";

const cell = (label: string, value: TemplateResult, part: string): TemplateResult =>
  html`<div class="metric ${part}"><span class="label">${label}</span> <span class="value">${value}</span></div>`;

const count = (label: string, now: number, before: number): TemplateResult =>
  cell(label, html`<b>${formatCount(now)}</b> / ${formatCount(before)}`, "count");

function change(
  label: string,
  before: number | null,
  now: number | null,
  format: (v: number | null) => string,
  part: "loss" | "share",
): TemplateResult | typeof nothing {
  if (now === null) return nothing;
  const moved = before !== null && format(before) !== format(now);
  const by = part === "share" ? points : formatChange;
  return cell(label, before !== null && moved
    ? html`<b>${format(before)}</b> → <b>${format(now)}</b> <span class="change">${by(before, now)}</span>`
    : html`<b>${format(now)}</b>`, part);
}

/** A share changes by points, since a percentage of a percentage misleads. */
function points(before: number, now: number): string {
  const by = 100 * (now - before);
  return `${by < 0 ? "−" : "+"}${Math.abs(by).toFixed(1)} pt`;
}

function losses({ loss, before, now, task }: Metrics): TemplateResult {
  const name = words(loss);
  return html`${change(`test ${name}`, before.testLoss, now.testLoss, formatLoss, "loss")}
    ${task === "classification"
      ? change("test accuracy", before.testAccuracy, now.testAccuracy, formatShare, "share") : nothing}
    ${change(`training ${name}`, before.trainLoss, now.trainLoss, formatLoss, "loss")}`;
}

/** Counts as they will be, while Python has not measured them yet. */
function countsNow({ net, pruning }: Snapshot): { edges: number; nodes: number } {
  let nodes = 0;
  pruning.nodes.forEach((live, n) => {
    if (live && isHidden(net.topology, n)) nodes++;
  });
  return { edges: pruning.edges.reduce((sum, bits) => sum + (bits & ACTIVE ? 1 : 0), 0), nodes };
}

/** What keeps the numbers from being the truth. */
export interface Waiting {
  readonly pending: boolean;
  readonly late: number;
  readonly alone: boolean;
  readonly learning: string;
}

/** The truth now: what is left of the network, and what that cost. */
export function footer(snapshot: Snapshot, { pending, late, alone, learning }: Waiting, open: () => void): TemplateResult {
  const { metrics, net } = snapshot;
  const t = net.topology;
  const hidden = at(t.nodeStart, t.widths.length - 1) - at(t.widths, 0);
  const now = pending || !metrics ? countsNow(snapshot) : metrics.now;
  return html`<div class="footer"><div class="metrics ${pending ? "stale" : ""}" role="status" aria-label="Metrics" @click=${open}>
      ${count("edges", now.edges, metrics?.before.edges ?? t.edges)}
      ${count("nodes", now.nodes, metrics?.before.nodes ?? hidden)}
      ${metrics ? count("parameters", metrics.now.parameters, metrics.before.parameters) : nothing}
      ${metrics ? losses(metrics) : nothing}
    </div><button class="button quiet square" aria-label="Metrics" title="All metrics (M)" @click=${open}>›</button>
    ${alone ? html`<div class="waiting" title="Losses are those of the last state that Python measured">no kernel: edits stay on this page</div>`
      : late > 0 || learning ? html`<div class="waiting"><span class="pulse" aria-hidden="true"></span>${late > 0 ? "waiting for Python…" : learning}${
      late > 1 ? html`<b>${late} queued</b>` : nothing}</div>` : nothing}
  </div>`;
}
