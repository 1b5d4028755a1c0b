import { html, nothing, svg } from "lit-html";
import type { SVGTemplateResult, TemplateResult } from "lit-html";
import { formatCount, plural } from "../format";
import type { Sheet, SheetContext } from "../sheet";
import { thumbnail } from "../thumbnail";
import { at } from "../topology";
import { type Column, type Kind, type Listing, listingOf, ranksOf, rowsOf, type Sort } from "./listing";

const ROW = 28;
/** Rows drawn beyond those in view, so that a quick hand sees none missing. */
const SPARE = 8;
const THUMB = { width: 32, height: 20, points: 24 };
/** The height of a widget that does not say its own. */
const USUAL = 560;

const FIRST: Readonly<Record<Kind, Sort>> = { edge: { id: "rank", down: false }, node: { id: "layer", down: false } };

interface State {
  kind?: Kind;
  query?: string;
  sort?: Partial<Record<Kind, Sort>>;
  /** The list, and how far it is scrolled. */
  grid?: HTMLElement;
  top?: number;
  /** The row that the keys are at. */
  active?: number | null;
  found?: { readonly of: readonly unknown[]; readonly rows: Uint32Array };
  ranks?: { readonly of: Uint32Array; readonly ranks: Uint32Array };
}

/** All that the table is drawn from. */
interface View {
  readonly context: SheetContext;
  readonly state: State;
  readonly listing: Listing;
  readonly sort: Sort;
  readonly query: string;
  readonly rows: Uint32Array;
}

/** The rows, found and sorted anew only when something that they depend on has changed. */
function rowsNow(context: SheetContext, state: State, listing: Listing, query: string, sort: Sort): Uint32Array {
  const { net, scores, scene } = context.snapshot;
  // While the threshold moves nothing but standings change.
  const moving = query !== "" || ["standing", "in", "out"].includes(sort.id);
  const of = [net, scores, scene.order, listing.kind, query, sort.id, sort.down, moving && scene];
  if (!state.found || of.some((value, i) => value !== state.found?.of[i])) state.found = { of, rows: rowsOf(listing, query, sort) };
  return state.found.rows;
}

function viewOf(context: SheetContext): View {
  const state = context.state as State;
  const { order } = context.snapshot.scene;
  if (state.ranks?.of !== order) state.ranks = { of: order, ranks: ranksOf(order) };
  // A list that was closed begins at its top again.
  if (state.grid && !state.grid.isConnected) state.top = 0;
  const kind = state.kind ?? "edge";
  const listing = listingOf(context.snapshot, kind, state.ranks.ranks);
  const [query, sort] = [state.query ?? "", state.sort?.[kind] ?? FIRST[kind]];
  return { context, state, listing, query, sort, rows: rowsNow(context, state, listing, query, sort) };
}

/** Show another list, or the same in another order: from its top. */
function change({ context, state }: View, to: Partial<State>): void {
  Object.assign(state, to, { top: 0 });
  if (state.grid) state.grid.scrollTop = 0;
  context.request();
}

function sortBy(view: View, column: Column): void {
  const { listing, sort, state } = view;
  const down = sort.id === column.id ? !sort.down : column.down;
  change(view, { sort: { ...state.sort, [listing.kind]: { id: column.id, down } } });
}

const selectFound = ({ context, listing, rows }: View): void => context.store.select(Array.from(rows, listing.part));

// The bar above the list.

function kinds(view: View): TemplateResult {
  const { listing } = view;
  return html`<div class="segments" role="radiogroup" aria-label="List">${(["edge", "node"] as const).map((kind) =>
    html`<label class="segment"><input type="radio" name="list" .checked=${listing.kind === kind} @change=${() =>
      change(view, { kind, active: null })} /><span>${kind === "edge" ? "Edges" : "Nodes"}</span></label>`)}</div>`;
}

function search(view: View): TemplateResult {
  const { state, query } = view;
  const key = (event: KeyboardEvent): void => {
    if (event.key === "Escape" && query !== "") change(view, { query: "" });
    else if (event.key === "ArrowDown" || event.key === "Enter" || event.key === "Escape") {
      (event.currentTarget as HTMLElement).closest(".sheet")?.querySelector<HTMLElement>(".grid")?.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return html`<input class="search" type="search" aria-label="Search" spellcheck="false" autocomplete="off"
    placeholder=${view.listing.kind === "edge" ? "x3, h2 -> y, pruned, score<0.01" : "x3, dead, layer=1, score<0.01"}
    title="Names, a pair with an arrow, standings, and comparisons of any column; all of them have to hold"
    .value=${state.query ?? ""} @input=${(event: Event) => change(view, { query: (event.target as HTMLInputElement).value })}
    @keydown=${key} />`;
}

function tools(view: View): TemplateResult {
  const { listing, rows, query } = view;
  const all = rows.length === listing.count;
  const count = all ? plural(listing.count, listing.kind) : `${formatCount(rows.length)} of ${plural(listing.count, listing.kind)}`;
  return html`<div class="tools">${kinds(view)}${search(view)}<span class="about" role="status">${count}</span>
    <button class="button" title="Select them, to prune, restore or keep them at once (Ctrl+A)" aria-disabled=${rows.length === 0}
      @click=${() => rows.length > 0 && selectFound(view)}>Select ${query ? "found" : "all"}</button></div>`;
}

// The list.

/** What a narrow view leaves out. */
const minor = (column: Column): boolean => column.look === "number" && column.id !== "rank";

function widthOf({ look, label }: Column): string {
  if (look === "name") return "minmax(40px,1fr)";
  return look === "standing" ? "112px" : label.length > 7 ? "84px" : "56px";
}

const track = (columns: readonly Column[], thumb: boolean): string =>
  columns.map((column) => widthOf(column) + (thumb && column.id === "rank" ? " 40px" : "")).join(" ");

function header(view: View): TemplateResult {
  const { listing, sort } = view;
  const cell = (column: Column): TemplateResult => {
    const by = sort.id === column.id;
    return html`<div role="columnheader" class="${column.look} ${minor(column) ? "minor" : ""}"
      aria-sort=${by ? (sort.down ? "descending" : "ascending") : "none"}><button title=${`${column.title}${column.title && ". "}Click to sort`}
        @click=${() => sortBy(view, column)}>${column.label}<i aria-hidden="true">${by ? (sort.down ? "↓" : "↑") : ""}</i></button></div>`;
  };
  return html`<div role="rowgroup" class="head"><div role="row" aria-rowindex="1" class="line">${listing.columns.map((column) =>
    html`${cell(column)}${column.id === "rank" ? html`<div role="columnheader" class="thumb"><span class="unseen">function</span></div>` : nothing}`)}</div></div>`;
}

const VOICES: readonly string[] = ["ink", "goes", "pruned", "dead"];

function picture({ context }: View, edge: number): SVGTemplateResult {
  const { width, height, points } = THUMB;
  const path = thumbnail(context.snapshot.net, edge, points);
  let d = "";
  for (let i = 0; i < path.length; i += 2) {
    d += `${i ? "L" : "M"}${(1 + at(path, i) * (width - 2)).toFixed(1)} ${(height - 2 - at(path, i + 1) * (height - 4)).toFixed(1)}`;
  }
  return svg`<svg width=${width} height=${height} aria-hidden="true"><path d=${d} /></svg>`;
}

function line(view: View, index: number): TemplateResult {
  const { listing, state, context } = view;
  const row = at(view.rows, index);
  const voice = listing.voice(row);
  const cell = (column: Column): TemplateResult => html`<div role="gridcell" class="${column.look} ${minor(column) ? "minor" : ""}">${
    column.look === "score" && listing.kind === "edge"
      ? html`<i style=${`width:${Math.round(100 * at(context.snapshot.scene.share, row))}%`}></i>` : nothing}${column.text(row)}</div>`;
  return html`<div role="row" id=${`row${row}`} aria-rowindex=${index + 2} aria-selected=${listing.selected(row)} data-row=${row}
    class="line ${VOICES[voice]} ${state.active === row ? "at" : ""}" style=${`top:${index * ROW}px`}>${listing.columns.map((column) =>
      html`${cell(column)}${column.id === "rank" ? html`<div role="gridcell" class="thumb">${picture(view, row)}</div>` : nothing}`)}</div>`;
}

/** Numbers of the lines to be drawn: those in view, and the one that the keys are at. */
function drawn({ context, state, rows }: View): number[] {
  const asked = context.wire.read("height");
  const height = typeof asked === "number" ? Math.max(asked, USUAL) : USUAL;
  const first = Math.max(0, Math.floor((state.top ?? 0) / ROW) - SPARE);
  const last = Math.min(rows.length, first + Math.ceil(height / ROW) + 2 * SPARE);
  const lines = Array.from({ length: Math.max(0, last - first) }, (_, i) => first + i);
  const active = state.active == null ? -1 : rows.indexOf(state.active);
  return active >= 0 && (active < first || active >= last) ? [...lines, active] : lines;
}

/** Where a key leads from a line; null for keys that lead nowhere. */
function led(key: string, from: number, page: number, count: number): number | null {
  const to = { ArrowDown: from + 1, ArrowUp: from - 1, PageDown: from + page, PageUp: from - page, Home: 0, End: count - 1 }[key];
  return to === undefined ? null : Math.max(0, Math.min(count - 1, to));
}

function onKey(view: View, event: KeyboardEvent): void {
  const { context, listing, rows, state } = view;
  const grid = event.currentTarget as HTMLElement;
  if (event.target !== grid || event.altKey) return;
  const found = state.active == null ? -1 : rows.indexOf(state.active);
  const page = Math.max(1, Math.floor(grid.clientHeight / ROW) - 2);
  const to = event.ctrlKey || event.metaKey ? null : led(event.key, found < 0 ? Math.floor(grid.scrollTop / ROW) - 1 : found, page, rows.length);
  if (to !== null && rows.length > 0) {
    state.active = at(rows, to);
    const [top, room] = [to * ROW, grid.clientHeight - 2 * ROW];
    if (top < grid.scrollTop) grid.scrollTop = top;
    else if (top > grid.scrollTop + room) grid.scrollTop = top - room;
    context.request();
  } else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "a") selectFound(view);
  else if ((event.key === "Enter" || event.key === " ") && found >= 0) context.store.select([listing.part(at(rows, found))], event.shiftKey);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function onClick({ context, listing, state }: View, event: MouseEvent): void {
  const row = (event.target as Element).closest<HTMLElement>("[data-row]")?.dataset["row"];
  if (row === undefined) return;
  state.active = Number(row);
  context.store.select([listing.part(state.active)], event.shiftKey || event.ctrlKey || event.metaKey);
  context.request();
}

function grid(view: View): TemplateResult {
  const { context, listing, rows, state, query } = view;
  const thumb = listing.kind === "edge";
  const at_ = state.active;
  const narrow = track(listing.columns.filter((column) => !minor(column)), thumb);
  return html`<div class="grid" role="grid" tabindex="0" aria-label=${thumb ? "Edges" : "Nodes"} aria-multiselectable="true"
    aria-rowcount=${rows.length + 1} aria-activedescendant=${at_ != null && rows.includes(at_) ? `row${at_}` : nothing}
    style=${`--wide:${track(listing.columns, thumb)};--narrow:${narrow}`}
    @click=${(event: MouseEvent) => onClick(view, event)} @keydown=${(event: KeyboardEvent) => onKey(view, event)}
    @scroll=${(event: Event) => {
      state.grid = event.currentTarget as HTMLElement;
      state.top = state.grid.scrollTop;
      context.request();
    }}>
    ${header(view)}
    ${rows.length > 0 ? html`<div role="rowgroup" class="body" style=${`height:${rows.length * ROW}px`}>${drawn(view).map((i) => line(view, i))}</div>`
      : html`<div class="empty">No ${listing.kind} matches “${query}”.<br />Try a name (x3), a pair (h2 -> y), a standing (pruned, dead, kept)
        or a comparison (score&lt;0.01, layer=0).</div>`}
  </div>`;
}

/** Every edge and every node as a row: to find, to compare, and to read for those who see no picture. */
export const table: Sheet = {
  wide: true,
  styles: `
.sheet.table{right:288px;padding:12px 16px 0;gap:12px;overflow:hidden;border-right:1px solid var(--line)}
.table>header{position:absolute;right:12px;top:12px;height:28px}
.table h2,.table .unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.table .tools{display:flex;align-items:center;gap:8px;flex:none;margin-right:32px}
.table .search{flex:1;min-width:64px;height:28px;padding:0 8px;border:1px solid var(--edge);border-radius:6px;background:var(--bg);color:var(--ink);font:inherit}
.table .search::placeholder{color:var(--faint);opacity:1}
.table .tools .about{white-space:nowrap}
.table .grid{flex:1;min-height:0;margin:0 -16px;overflow:auto;overscroll-behavior:contain;border-top:1px solid var(--line)}
.table .grid:focus-visible{outline-offset:-2px}
.table .grid[aria-activedescendant]{outline:none}
.table .grid:focus-visible .at{outline:2px solid var(--accent);outline-offset:-2px}
.table .head{position:sticky;top:0;z-index:1;background:var(--panel);border-bottom:1px solid var(--line);color:var(--mute)}
.table .line{display:grid;grid-template-columns:var(--wide);align-items:center;height:${ROW}px;padding:0 16px;column-gap:8px;white-space:nowrap}
.table .head button{width:100%;padding:0;border:0;background:none;color:inherit;font:inherit;text-align:inherit;white-space:nowrap;cursor:pointer}
.table .head [aria-sort$=ending]{color:var(--ink);font-weight:600}
.table .head i{font-style:normal;font-weight:400}
.table .body{position:relative;user-select:none;-webkit-user-select:none}
.table .body .line{position:absolute;left:0;right:0;contain:strict;cursor:pointer}
.table .body .line:hover{background:var(--shade)}
.table .body [aria-selected=true]{background:var(--accent-bg);box-shadow:inset 2px 0 var(--accent)}
.table .line>*{position:relative;min-width:0;overflow:hidden;text-overflow:ellipsis}
.table .number,.table .score{text-align:right}
.table .body .number{color:var(--mute)}
.table .body .score{height:100%;line-height:${ROW}px}
.table .score>i{position:absolute;right:0;bottom:3px;height:2px;border-radius:1px;background:var(--ink);opacity:.35}
.table .standing{padding-left:8px}
.table .line svg{display:block}
.table path{fill:none;stroke:var(--ink);stroke-width:1.3;stroke-linejoin:round}
.table .goes path,.table .pruned path{stroke:var(--cut);stroke-dasharray:3 2.5}
.table .pruned path,.table .dead path{opacity:.6}
.table .dead path{stroke:var(--mute);stroke-dasharray:1 2.5}
.table .goes .standing,.table .pruned .standing{color:var(--cut)}
.table .pruned .name,.table .dead .name{color:var(--mute);text-decoration:line-through}
.table .empty{margin:16px;text-wrap:balance}
@container (max-width:900px){
  .table .line{grid-template-columns:var(--narrow)}
  .table .minor{display:none}
}
@container (max-width:720px){
  .sheet.table{position:static;order:-1;flex:1 0 320px;max-height:none;border:0}
  .main:has(>.table) .diagram{flex:none;height:0;overflow:visible}
  .table>header{position:absolute}
  .table .tools{flex-wrap:wrap}
  .table .search{order:1;flex-basis:100%}
}
`,
  draw(context) {
    const view = viewOf(context);
    return html`${tools(view)}${grid(view)}`;
  },
};
