import { html, nothing, svg, type SVGTemplateResult, type TemplateResult } from "lit-html";
import { formatScore, formatShare, plural } from "./format";
import { keys } from "./help";
import { closeIcon, lockIcon } from "./icons";
import { chartLabel, edgeStanding, ends, nodeName, nodeStanding } from "./names";
import { isBroken, thumbnail } from "./thumbnail";
import { words } from "./toolbar";
import type { Snapshot } from "./snapshot";
import { at, type Edge, edgeAt, edgeNumber, edgesInto, edgesOutOf, isEdge, isHidden, nodeAt, nodeNumber, type Part } from "./topology";
import { ACTIVE, KEPT, type Network, ON } from "./wire";

export interface InspectorActions {
  edit(type: "prune" | "restore" | "keep"): void;
  /** Select a part and put the focus on it. */
  goTo(part: Part): void;
  clear(): void;
  /** What the second bundle has to say of what is selected; nothing until it is there. */
  more(name: "chart" | "answers" | "node"): TemplateResult | typeof nothing;
  /** Whether there is height to spare. */
  tall(): boolean;
}

/** How many edges of a node are listed. */
const LISTED = 40;

/** The place of an item among `of`, counting from 1 at the highest value. */
export function rankOf(values: ArrayLike<number>, item: number, of: readonly number[] | null = null): number {
  const value = at(values, item);
  let above = 0;
  if (of) of.forEach((i) => (above += at(values, i) > value ? 1 : 0));
  else for (let i = 0; i < values.length; i++) above += at(values, i) > value ? 1 : 0;
  return above + 1;
}

function criteria(snapshot: Snapshot, over: "edge" | "node", number: number, of: readonly number[] | null): TemplateResult | typeof nothing {
  const { criteria: names } = snapshot.scores;
  if (names.length === 0) return nothing;
  return html`<dl class="criteria" aria-label="Scores">${names.map((name, i) => {
    const values = snapshot.scores[over][i] ?? new Float32Array(0);
    const current = name === snapshot.pruning.criterion;
    return html`<div class=${current ? "current" : ""}><dt>${words(name)}</dt>
      <dd class="rank">#${rankOf(values, number, of)}</dd><dd>${formatScore(at(values, number))}</dd></div>`;
  })}</dl>`;
}

/** Numbers of the edges that an edit of the selection would touch. */
function reachOf(snapshot: Snapshot): number[] {
  const t = snapshot.net.topology;
  const touched = new Set<number>();
  for (const part of snapshot.parts) {
    if (isEdge(part)) touched.add(edgeNumber(t, part));
    else {
      const node = nodeNumber(t, part);
      [...edgesInto(t, node), ...edgesOutOf(t, node)].forEach((e) => touched.add(e));
    }
  }
  return [...touched];
}

function buttons(snapshot: Snapshot, actions: InspectorActions): TemplateResult {
  const bits = reachOf(snapshot).map((e) => at(snapshot.pruning.edges, e));
  const can = {
    prune: bits.some((b) => b & ON),
    restore: bits.some((b) => !(b & ON) || b & KEPT),
    keep: bits.some((b) => !(b & KEPT)),
  };
  const button = (type: "prune" | "restore" | "keep", name: string, key: string, title: string): TemplateResult =>
    html`<button class="button" title=${title} aria-disabled=${!can[type]}
      @click=${() => can[type] && actions.edit(type)}>${name}<kbd aria-hidden="true">${key}</kbd></button>`;
  return html`<div class="actions">
    ${button("prune", "Prune", "Del", "Replace by a constant")}
    ${button("restore", "Restore", "R", "Bring back the function")}
    ${button("keep", "Keep", "K", "Keep, whatever the threshold")}
  </div>`;
}

function head(title: TemplateResult | string, about: string, kept: boolean, actions: InspectorActions): TemplateResult {
  return html`<header><div class="titles"><h2>${title}</h2>
      <p class="about">${about}${kept ? html` · <span class="kept">${lockIcon}kept</span>` : nothing}</p></div>
    <button class="button quiet square close" aria-label="Clear selection" title="Clear the selection (Esc)"
      @click=${() => actions.clear()}>${closeIcon}</button></header>`;
}

/** The function alone, until the code that knows more of it is there. */
function sketch(net: Network, number: number, height: number): SVGTemplateResult {
  const source = at(net.topology.from, number);
  const [left, right, bottom] = [44, 240, height - 28];
  const path = thumbnail(net, number, net.points);
  let d = "M";
  for (let i = 0; i < path.length; i += 2) d += `${left + at(path, i) * (right - left)} ${10 + (1 - at(path, i + 1)) * (bottom - 18)} `;
  const tick = (x: number, y: number, anchor: string, value: number): SVGTemplateResult =>
    svg`<text class="tick" x=${x} y=${y} text-anchor=${anchor}>${formatScore(value)}</text>`;
  return svg`<svg class="chart" viewBox=${`0 0 248 ${height}`} role="img" aria-label=${chartLabel(net, number)}><path class="function" d=${d} />
    ${tick(left - 6, 14, "end", at(net.curveHigh, number))}${tick(left - 6, bottom - 4, "end", at(net.curveLow, number))}
    ${tick(left, bottom + 16, "start", at(net.low, source))}${tick(right, bottom + 16, "end", at(net.high, source))}</svg>`;
}

function edgeChart(net: Network, number: number, actions: InspectorActions): TemplateResult | typeof nothing {
  const source = at(net.topology.from, number);
  if (isBroken(net, number)) return html`<p class="empty">This function has values that are NaN or infinite.</p>`;
  if (net.points < 2 || !Number.isFinite(at(net.high, source) - at(net.low, source))) {
    return html`<p class="empty">No data has passed through this edge yet.</p>`;
  }
  const chart = actions.more("chart");
  return chart === nothing ? html`${sketch(net, number, actions.tall() ? 108 : 92)}` : chart;
}

function edgePanel(snapshot: Snapshot, edge: Edge, actions: InspectorActions): TemplateResult {
  const { net, pruning, edgeScores } = snapshot;
  const number = edgeNumber(net.topology, edge);
  const about = `rank ${rankOf(edgeScores, number)} of ${net.topology.edges} · ${edgeStanding(pruning, number)}`;
  const kept = (at(pruning.edges, number) & KEPT) !== 0;
  return html`${head(`Edge ${ends(net, number).join(" → ")}`, about, kept, actions)}
    <div class="facts">${edgeChart(net, number, actions)}<div class="answers">${actions.more("answers")}${criteria(snapshot, "edge", number, null)}</div></div>
    ${buttons(snapshot, actions)}`;
}

function edgeList(snapshot: Snapshot, title: string, edges: readonly number[], actions: InspectorActions): TemplateResult | typeof nothing {
  if (edges.length === 0) return nothing;
  const { net, pruning, edgeScores } = snapshot;
  const sorted = [...edges].sort((a, b) => at(edgeScores, b) - at(edgeScores, a));
  const most = edgeScores.reduce((a, b) => (b > a ? b : a), 1e-30);
  return html`<h3>${title} <span>${edges.length}</span></h3><ul class="edges">${sorted.slice(0, LISTED).map((e) => {
    const standing = edgeStanding(pruning, e);
    const bar = `width:${Math.round(100 * Math.min(1, at(edgeScores, e) / most))}%`;
    return html`<li><button class="row ${standing}" title="Go to this edge" @click=${() => actions.goTo(edgeAt(net.topology, e))}>
      <span class="ends">${ends(net, e).join(" → ")}</span>${standing === "active" ? nothing : html`<span class="mark">${standing}</span>`}
      <span class="number">${formatScore(at(edgeScores, e))}</span><span class="bar" style=${bar}></span></button></li>`;
  })}</ul>${edges.length > LISTED ? html`<p class="about">and ${edges.length - LISTED} weaker ones</p>` : nothing}`;
}

function nodePanel(snapshot: Snapshot, part: Part, actions: InspectorActions): TemplateResult {
  const { net, pruning, nodeScores } = snapshot;
  const t = net.topology;
  const number = nodeNumber(t, part);
  const [layer] = nodeAt(t, number);
  const kind = layer === 0 ? "Input" : isHidden(t, number) ? "Node" : "Output";
  const peers = Array.from({ length: at(t.widths, layer) }, (_, i) => at(t.nodeStart, layer) + i);
  const rank = kind === "Output" ? "" : `rank ${rankOf(nodeScores, number, peers)} of ${peers.length} in its layer · `;
  return html`${head(`${kind} ${nodeName(net, number)}`, rank + nodeStanding(net, pruning, number), false, actions)}
    <div class="facts">${kind === "Output" ? nothing : criteria(snapshot, "node", number, peers)}${actions.more("node")}
      <div class="lists">${edgeList(snapshot, "In", edgesInto(t, number), actions)}
        ${edgeList(snapshot, "Out", edgesOutOf(t, number), actions)}</div></div>
    ${buttons(snapshot, actions)}`;
}

function severalPanel(snapshot: Snapshot, actions: InspectorActions): TemplateResult {
  const { parts, pruning, edgeScores } = snapshot;
  const edges = parts.filter(isEdge).length;
  const said = [edges ? plural(edges, "edge") : "", parts.length > edges ? plural(parts.length - edges, "node") : ""];
  const touched = reachOf(snapshot);
  const count = (bit: number): number => touched.filter((e) => at(pruning.edges, e) & bit).length;
  const total = edgeScores.reduce((sum, s) => sum + s, 0);
  const share = total > 0 ? touched.reduce((sum, e) => sum + at(edgeScores, e), 0) / total : 0;
  const row = (name: string, value: string): TemplateResult => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
  return html`${head(`${parts.length} selected`, said.filter(Boolean).join(", "), false, actions)}
    <dl class="criteria" aria-label="Selection">
      ${row("edges concerned", String(touched.length))}${row("active", String(count(ACTIVE)))}
      ${row("pruned", String(touched.length - count(ON)))}${row("kept", String(count(KEPT)))}
      ${row("share of all scores", formatShare(share))}
    </dl>${buttons(snapshot, actions)}`;
}

function hintPanel(): TemplateResult {
  const line = (names: readonly string[], means: string): TemplateResult =>
    html`<div><dt>${keys(names)}</dt><dd>${means}</dd></div>`;
  return html`<header><div class="titles"><h2>Nothing selected</h2>
      <p class="about">Click an edge or a node to see its function and what it is worth.</p></div></header>
    <dl class="hints">${line(["Shift", "Drag"], "select several")}${line(["Del"], "prune")}${line(["R"], "restore")}
      ${line(["K"], "keep")}${line(["Ctrl", "Z"], "undo")}${line(["F"], "fit the view")}</dl>`;
}

/** What is selected: how it looks, what it scores, what can be done with it. */
export function inspector(snapshot: Snapshot, actions: InspectorActions): TemplateResult {
  const [part, another] = snapshot.parts;
  const panel = !part ? hintPanel()
    : another ? severalPanel(snapshot, actions)
      : isEdge(part) ? edgePanel(snapshot, part, actions) : nodePanel(snapshot, part, actions);
  return html`<aside class="inspector ${part ? "" : "idle"}" aria-label="Inspector" role="complementary">${panel}</aside>`;
}
