import { html, nothing } from "lit-html";
import type { TemplateResult } from "lit-html";
import { formatCount } from "../format";
import { memo } from "../memo";
import type { ThemeName } from "../palette";
import type { Sheet, SheetContext } from "../sheet";
import type { Snapshot } from "../snapshot";
import type { Orientation } from "../wire";
import { type Picture, picture } from "./svg";

interface State {
  theme?: ThemeName;
  clear?: boolean;
  gone?: boolean;
  scale?: number;
  draw?: (...inputs: readonly [...Subject, Orientation, ThemeName, boolean, boolean]) => Drawn;
  shown?: Drawn;
  said?: string;
  /** A script that could not be put on the clipboard. */
  script?: string;
}

/** What a picture shows; a snapshot is new with every drawing, these are not. */
type Subject = readonly [Snapshot["net"], Snapshot["scene"], Snapshot["pruning"], Float32Array, Float32Array];

interface Drawn {
  readonly picture: Picture;
  readonly url: string;
}

const SCALES = [1, 2, 3, 4];
/** The longest side and the area that every browser's canvas has. */
const CANVAS = { side: 16_384, area: 120_000_000 };
const SCREEN = `:host(:fullscreen){overflow:auto}
:host(:fullscreen) .kan{min-height:100vh;border:0;border-radius:0}
@container (min-width:721px){:host(:fullscreen) .kan{height:100vh}}`;

/** The largest scale, up to the one asked for, at which a browser can draw a picture. */
export const scaleFor = ({ width, height }: Picture, asked: number): number =>
  Math.min(asked, CANVAS.side / Math.max(width, height), Math.sqrt(CANVAS.area / (width * height)));

const urlOf = (text: string): string => `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;

/** The widget's own element, which holds the shadow root that an event came from. */
const hostOf = (event: Event): HTMLElement => ((event.currentTarget as Element).getRootNode() as ShadowRoot).host as HTMLElement;

function themeOf(state: State, context: SheetContext): ThemeName {
  const asked = context.wire.read("theme");
  return state.theme ?? (asked === "dark" ? "dark" : "light");
}

/** The picture as it would be saved. While the slider is dragged it is the one from before. */
function drawn(context: SheetContext, state: State): Drawn {
  if (state.shown && context.store.dragging) return state.shown;
  state.draw ??= memo((net, scene, pruning, edgeScores, nodeScores, orientation, theme, clear, gone) => {
    const made = picture({ net, scene, pruning, edgeScores, nodeScores }, { orientation, theme, clear, gone });
    return { picture: made, url: urlOf(made.text) };
  });
  const { net, scene, pruning, edgeScores, nodeScores } = context.snapshot;
  const orientation: Orientation = context.wire.read("orientation") === "right" ? "right" : "up";
  state.shown = state.draw(net, scene, pruning, edgeScores, nodeScores, orientation, themeOf(state, context), state.clear ?? false, state.gone ?? true);
  return state.shown;
}

const fileName = ({ net }: Snapshot, kind: string): string => `kan-${net.topology.widths.join("-")}.${kind}`;

function download(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  // Some browsers begin to read only after the click has been dealt with.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

async function bitmap({ picture: { width, height }, url }: Drawn, scale: number): Promise<Blob> {
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [Math.floor(width * scale), Math.floor(height * scale)];
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("This browser cannot draw a picture of this size."))), "image/png"));
}

/** Do something that takes a while, and say how it went. */
function run(context: SheetContext, meanwhile: string, work: () => Promise<string>): void {
  const state = context.state as State;
  const say = (said: string): void => {
    state.said = said;
    context.request();
  };
  delete state.script;
  say(meanwhile);
  work().then(say, (error: unknown) => say(error instanceof Error ? error.message : String(error)));
}

function savePng(context: SheetContext, state: State): void {
  const found = drawn(context, state);
  const name = fileName(context.snapshot, "png");
  run(context, "Drawing…", async () => {
    download(await bitmap(found, scaleFor(found.picture, state.scale ?? 2)), name);
    return `${name} saved`;
  });
}

function saveSvg(context: SheetContext, state: State): void {
  const name = fileName(context.snapshot, "svg");
  run(context, "", async () => {
    download(new Blob([drawn(context, state).picture.text], { type: "image/svg+xml" }), name);
    return `${name} saved`;
  });
}

function savePage(context: SheetContext): void {
  const name = fileName(context.snapshot, "html");
  run(context, "Python writes the page…", async () => {
    const { html: page } = (await context.ask("page")) as { html: string };
    download(new Blob([page], { type: "text/html" }), name);
    return `${name} saved`;
  });
}

function copy(context: SheetContext, state: State, kind: "python" | "json"): void {
  run(context, "", async () => {
    const found = (await context.ask("script")) as Record<string, string>;
    const script = found[kind] ?? "";
    try {
      await navigator.clipboard.writeText(script);
      return `copied as ${kind === "json" ? "JSON" : "Python"}`;
    } catch {
      // Pages that came over plain http, and some frames, may not write there.
      state.script = script;
      return "This page may not use the clipboard; copy the script from here:";
    }
  });
}

function toggleScreen(context: SheetContext, event: Event): void {
  const host = hostOf(event);
  run(context, "", async () => {
    if (document.fullscreenElement) {
      await document.exitFullscreen();
      return "";
    }
    if (!document.fullscreenEnabled) throw new Error("This page does not allow full screen.");
    const root = host.shadowRoot as ShadowRoot;
    const style = new CSSStyleSheet();
    style.replaceSync(SCREEN);
    const before = root.adoptedStyleSheets;
    root.adoptedStyleSheets = [...before, style];
    // The event also comes when Esc or the browser ends it.
    host.addEventListener("fullscreenchange", function over() {
      if (root.host.matches(":fullscreen")) return;
      host.removeEventListener("fullscreenchange", over);
      root.adoptedStyleSheets = root.adoptedStyleSheets.filter((sheet) => sheet !== style);
      context.request();
    });
    await host.requestFullscreen().catch(() => {
      root.adoptedStyleSheets = before;
      throw new Error("This page does not allow full screen.");
    });
    return "Esc leaves full screen";
  });
}

function radios<T extends string | number>(
  context: SheetContext, name: string, options: readonly (readonly [T, string])[], value: T, choose: (value: T) => void,
): TemplateResult {
  return html`<div class="segments" role="radiogroup" aria-label=${name}>${options.map(([option, label]) => html`<label class="segment">
    <input type="radio" name=${`save-${name}`} aria-label=${label} .checked=${option === value} @change=${() => {
      choose(option);
      context.request();
    }} /><span>${label}</span></label>`)}</div>`;
}

function check(context: SheetContext, label: string, title: string, value: boolean, choose: (value: boolean) => void): TemplateResult {
  return html`<label class="check" title=${title}><input type="checkbox" .checked=${value} @change=${(event: Event) => {
    choose((event.target as HTMLInputElement).checked);
    context.request();
  }} />${label}</label>`;
}

function preview(state: State, { picture: { width, height, drawn: count, of }, url }: Drawn): TemplateResult {
  const asked = state.scale ?? 2;
  const scale = scaleFor({ text: "", width, height, drawn: count, of }, asked);
  const size = (v: number): string => formatCount(Math.floor(v * scale));
  return html`<figure class=${state.clear ? "clear" : ""}><img src=${url} alt="The picture to be saved" />
    <figcaption>${size(width)} × ${size(height)} px${scale < asked ? ", the most a browser can draw" : ""}${
      count < of ? html`; the ${formatCount(count)} strongest of ${formatCount(of)} edges` : nothing}</figcaption></figure>`;
}

/** Pictures, a page and a script of the network as it stands. */
export const save: Sheet = {
  styles: `
.save{gap:16px}
.save .part{display:flex;flex-direction:column;gap:8px}
.save h3{margin:0}
.save .line{display:flex;flex-wrap:wrap;align-items:center;gap:8px}
.save figure{margin:0;display:flex;flex-direction:column;gap:4px}
.save .wide{column-gap:16px}
.save img{display:block;max-width:100%;max-height:176px;border:1px solid var(--line);border-radius:6px;background:var(--panel)}
.save .clear img{background:repeating-conic-gradient(var(--line) 0 25%,transparent 0 50%) 0 0/16px 16px}
.save figcaption{font-size:11px;line-height:16px;color:var(--faint)}
.save .check{display:inline-flex;align-items:center;gap:8px;cursor:pointer}
.save input[type=checkbox]{width:14px;height:14px;margin:0;accent-color:var(--accent)}
.save .foot{position:sticky;bottom:-16px;display:flex;flex-direction:column;gap:8px;margin:0 0 -16px;padding-bottom:16px;background:var(--bg)}
.save .foot.on{padding-top:8px;border-top:1px solid var(--line)}
.save .said{color:var(--mute);overflow-wrap:anywhere}
.save textarea{width:100%;height:96px;padding:8px;border:1px solid var(--edge);border-radius:6px;background:var(--panel);color:var(--ink);
  font:12px/16px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;resize:vertical}
`,
  draw(context) {
    const state = context.state as State;
    const full = document.fullscreenElement !== null;
    return html`<div class="part">
        ${preview(state, drawn(context, state))}
        <div class="line">${radios(context, "Colours", [["light", "Light"], ["dark", "Dark"]], themeOf(state, context), (theme) => (state.theme = theme))}
          ${radios(context, "Scale", SCALES.map((scale) => [scale, `${scale}×`] as const), state.scale ?? 2, (scale) => (state.scale = scale))}</div>
        <div class="line wide">${check(context, "Transparent", "Leave the background out", state.clear ?? false, (clear) => (state.clear = clear))}
          ${check(context, "Pruned parts", "With what is pruned, as it is drawn here", state.gone ?? true, (gone) => (state.gone = gone))}</div>
        <div class="line"><button class="button" title="A bitmap, for slides and messages" @click=${() => savePng(context, state)}>Save PNG</button>
          <button class="button" title="Shapes and text, for papers and for drawing programs" @click=${() => saveSvg(context, state)}>Save SVG</button></div>
      </div>
      <div class="part"><h3>Page</h3><p class="about">One file, in which slider, clicks and undo work without Python and without a network.</p>
        <div class="line"><button class="button" title="A page for the browser, to send or to publish" @click=${() => savePage(context)}>Save HTML</button></div></div>
      <div class="part"><h3>Script</h3><p class="about">The steps to this state, to be done again.</p>
        <div class="line"><button class="button" title="As calls of the session" @click=${() => copy(context, state, "python")}>Copy as Python</button>
          <button class="button" title="As data" @click=${() => copy(context, state, "json")}>Copy as JSON</button></div></div>
      <div class="part"><h3>Screen</h3>
        <div class="line"><button class="button" title="Fill the screen with the widget; Esc leaves" aria-pressed=${full}
          @click=${(event: Event) => toggleScreen(context, event)}>Full screen</button></div></div>
      <div class=${`foot${state.said ? " on" : ""}`}><p class="said" role="status">${state.said ?? ""}</p>
        ${state.script === undefined ? nothing : html`<textarea readonly aria-label="Script" .value=${state.script}
          @focus=${(event: Event) => (event.target as HTMLTextAreaElement).select()}></textarea>`}</div>`;
  },
};
