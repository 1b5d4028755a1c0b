import { html, nothing, render, type TemplateResult } from "lit-html";
import type { AnyModel } from "@anywidget/types";
import { createPlot, cut, type CutActions } from "./cut";
import { Diagram } from "./diagram";
import { footer } from "./footer";
import { formatLoss, formatShare } from "./format";
import { createFrame, createTimer } from "./frame";
import { inspector, type InspectorActions } from "./inspector";
import { isOurs, keyAction, sliderStep } from "./keys";
import { memo } from "./memo";
import { networkLabel } from "./names";
import { notices } from "./notices";
import { PALETTES, type ThemeName } from "./palette";
import { scoredWithin, type Snapshot } from "./snapshot";
import { Drawer } from "./sheet";
import { createStops, stepFrom, type Stops } from "./stops";
import { Store } from "./store";
import { STYLES } from "./styles";
import { watchTheme, type ThemeWatch } from "./theme";
import { toolbar } from "./toolbar";
import { edgeNumber, isEdge, nodeNumber } from "./topology";
import { connect, type Orientation, type Wire } from "./wire";

/** A key held down asks once, when it comes up; should that go unseen, it asks after this. */
const KEY_PATIENCE = 700;
const PADDING = { wide: 20, narrow: 16, at: 720 };
const HEIGHT = { usual: 560, least: 320, tall: 540 };

/** What each compensation would make of the present cut. */
type Foretold = Readonly<Record<string, { readonly loss: number | null; readonly accuracy: number | null }>>;

/** One view of a model, from its traits to the page. */
class View {
  readonly #root: ShadowRoot;
  readonly #wire: Wire;
  readonly #store: Store;
  readonly #drawer: Drawer;
  readonly #diagram: Diagram;
  readonly #theme: ThemeWatch;
  readonly #request: () => void;
  readonly #slider: CutActions;
  readonly #inspect: InspectorActions;
  readonly #plot = memo(createPlot);
  readonly #stops = memo((inPlay: Float32Array, limit: number | null): Stops => createStops(inPlay, limit));
  #foretold: { readonly of: number; readonly by: Foretold } = { of: -1, by: {} };
  #width = 0;
  #help = false;

  constructor(model: AnyModel, host: HTMLElement, signal: AbortSignal) {
    this.#root = host.attachShadow({ mode: "open" });
    const frame = createFrame(signal, () => this.#draw());
    this.#request = () => frame.request();
    this.#wire = connect(model, signal, {
      changed: this.#request,
      message: (message) => {
        if (message.type === "sheets") void this.#drawer.load(message.code);
        else if (message.type === "answer") this.#drawer.hear(message);
        else this.#store.hear(message);
      },
    });
    this.#store = new Store(this.#wire, signal, this.#request);
    this.#drawer = new Drawer(this.#wire, signal, this.#request);
    this.#theme = watchTheme(host, signal, this.#request);
    this.#diagram = new Diagram({
      select: (parts, add) => this.#store.select(parts, add),
      include: (parts) => this.#store.include(parts),
    }, signal);
    this.#slider = this.#createSlider(signal);
    this.#inspect = this.#createInspector();
    this.#listen(host, signal);
    this.#draw();
    // Once something has gone back and forth, a kernel answers while a cell runs.
    this.#wire.send({ type: "hello" });
  }

  #createSlider(signal: AbortSignal): CutActions {
    const release = createTimer(signal, () => this.#store.drop(true));
    return {
      drag: (threshold) => this.#store.drag(threshold),
      drop: (keep) => {
        release.clear();
        this.#store.drop(keep);
      },
      key: (event) => {
        const by = sliderStep(event);
        const snapshot = this.#store.snapshot();
        if (by === null || !snapshot || snapshot.inPlay.length === 0) return;
        event.preventDefault();
        event.stopPropagation();
        const stops = this.#stops(snapshot.inPlay, snapshot.pruning.limit);
        this.#store.drag(stepFrom(stops, snapshot.threshold, by));
        release.set(KEY_PATIENCE);
      },
      keyUp: (event) => {
        if (sliderStep(event) !== null) this.#slider.drop(true);
      },
      toggleLayers: () => this.#drawer.toggle("layers"),
      brush: (low, high) => {
        const snapshot = this.#store.snapshot();
        if (snapshot) this.#store.select(scoredWithin(snapshot, low, high));
      },
    };
  }

  #createInspector(): InspectorActions {
    return {
      edit: (type) => this.#store.edit(type),
      clear: () => this.#store.select([]),
      goTo: (part) => {
        const t = this.#store.snapshot()?.net.topology;
        if (!t) return;
        this.#store.select([part]);
        const edge = isEdge(part);
        this.#diagram.focus({ kind: edge ? "edge" : "node", number: edge ? edgeNumber(t, part) : nodeNumber(t, part) });
      },
      more: (name) => {
        const snapshot = this.#store.snapshot();
        return snapshot ? this.#drawer.part(name, snapshot, this.#store) : nothing;
      },
      tall: () => this.#height >= HEIGHT.tall && this.#width > PADDING.at,
    };
  }

  #listen(host: HTMLElement, signal: AbortSignal): void {
    const sizes = new ResizeObserver(() => this.#measure(host));
    sizes.observe(host);
    sizes.observe(this.#diagram.element);
    signal.addEventListener("abort", () => sizes.disconnect(), { once: true });
    this.#root.addEventListener("keydown", (event) => this.#key(event as KeyboardEvent), { signal });
    // Notebooks read keys before any widget does; the mark that holds them off is set for our keys only, so that
    // saving and the like still work while the widget has the focus.
    window.addEventListener("keydown", (event) => {
      const ours = event.composedPath().includes(host) && isOurs(event);
      host.toggleAttribute("data-lm-suppress-shortcuts", ours);
    }, { signal, capture: true });
    this.#root.addEventListener("pointerdown", (event) => {
      if (!this.#help || (event.target as Element).closest(".help,.help-button")) return;
      this.#help = false;
      this.#request();
    }, { signal });
  }

  #measure(host: HTMLElement): void {
    this.#theme.refresh();
    const stage = this.#diagram.element;
    this.#diagram.resize({ width: stage.clientWidth, height: stage.clientHeight });
    if (host.clientWidth === this.#width) return;
    this.#width = host.clientWidth;
    this.#draw();
  }

  #key(event: KeyboardEvent): void {
    const action = keyAction(event);
    const inDiagram = this.#diagram.element.contains(event.target as Node | null);
    const done = (inDiagram && !event.ctrlKey && !event.metaKey && !event.altKey && this.#diagram.key(event)) || this.#act(action);
    if (!done) return;
    event.preventDefault();
    event.stopPropagation();
  }

  #act(action: ReturnType<typeof keyAction>): boolean {
    switch (action) {
      case "prune": case "restore": case "keep":
        this.#store.edit(action);
        return true;
      case "undo": case "redo":
        if (this.#store.snapshot()?.pruning[action] || this.#store.pending) this.#store.ask({ type: action });
        return true;
      case "fit":
        this.#diagram.fit();
        return true;
      case "metrics":
        this.#drawer.toggle("standing");
        return true;
      case "in": case "out":
        this.#diagram.zoomBy(action === "in" ? 1 : -1);
        return true;
      case "clear":
        if (this.#help) this.#help = false;
        else if (this.#drawer.open !== null) this.#drawer.toggle(null);
        else this.#store.select([]);
        this.#request();
        return true;
      default:
        return false;
    }
  }

  get #themeName(): ThemeName {
    const asked = this.#wire.read("theme");
    return asked === "light" || asked === "dark" ? asked : this.#theme.current();
  }

  get #height(): number {
    const asked = this.#wire.read("height");
    return typeof asked === "number" && asked > 0 ? Math.max(HEIGHT.least, asked) : HEIGHT.usual;
  }

  #draw(): void {
    const snapshot = this.#store.snapshot();
    const theme = this.#themeName;
    const orientation: Orientation = this.#wire.read("orientation") === "right" ? "right" : "up";
    render(html`<style>${STYLES}</style>
      <section class=${`kan${this.#height < HEIGHT.tall ? " short" : ""}`} role="region" aria-label=${networkLabel(snapshot?.net ?? null)} data-theme=${theme}
        style=${`--asked:${this.#height}px`}>${snapshot ? this.#panels(snapshot) : html`<p class="blank">No network yet.</p>`}
      </section>`, this.#root);
    this.#diagram.show({ snapshot, palette: PALETTES[theme], orientation });
  }

  #panels(snapshot: Snapshot): TemplateResult {
    const padding = this.#width > PADDING.at ? PADDING.wide : PADDING.narrow;
    const width = Math.max(120, (this.#width || 800) - 2 - 2 * padding);
    const actions = {
      fit: () => this.#diagram.fit(),
      foretell: () => this.#foretell(snapshot.pruning.revision),
      foretold: (name: string) => {
        const found = this.#foretold.of === snapshot.pruning.revision ? this.#foretold.by[name] : undefined;
        return found ? ` · ${found.accuracy === null ? formatLoss(found.loss) : formatShare(found.accuracy)}` : "";
      },
      sheet: this.#drawer.open,
      toggleSheet: (name: string) => this.#drawer.toggle(name),
      toggleHelp: () => {
        this.#help = !this.#help;
        this.#request();
      },
    };
    return html`${toolbar(snapshot, this.#store, actions, this.#help)}
      <div class="main"><div class="diagram">${this.#diagram.element}${notices(this.#store.notice, () => this.#store.dismiss(), () => this.#store.ask({ type: "refresh" }))}</div>
        ${this.#drawer.open === null || this.#drawer.wide ? inspector(snapshot, this.#inspect) : nothing}
        ${this.#drawer.draw(snapshot, this.#store)}</div>
      ${cut(snapshot, this.#plot(snapshot.inPlay, snapshot.curve, width), this.#slider, this.#drawer.open === "layers")}
      ${footer(snapshot, this.#store, () => this.#drawer.toggle("standing"))}`;
  }

  #foretell(revision: number): void {
    if (this.#foretold.of === revision) return;
    this.#foretold = { of: revision, by: {} };
    this.#drawer.ask("compensations").then((found) => {
      this.#foretold = { of: revision, by: found as Foretold };
      this.#request();
    }, () => {});
  }

  /** Empty the page of this view. */
  remove(): void {
    render(nothing, this.#root);
  }
}

/** Show a model in `el`; the function returned undoes it. */
export function show(model: AnyModel, el: HTMLElement, outer: AbortSignal | undefined): () => void {
  const life = new AbortController();
  const host = document.createElement("div");
  el.append(host);
  const view = new View(model, host, life.signal);
  const end = (): void => {
    if (life.signal.aborted) return;
    outer?.removeEventListener("abort", end);
    life.abort();
    view.remove();
    host.remove();
  };
  outer?.addEventListener("abort", end);
  return end;
}
