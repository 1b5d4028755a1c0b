import { html, nothing, render } from "lit-html";
import * as cameras from "./camera";
import { formatCount, formatScore } from "./format";
import { calm, createFrame, type Frame } from "./frame";
import { listen } from "./gestures";
import { layout, type Layout, type Size } from "./layout";
import { memo } from "./memo";
import { partTitle } from "./names";
import { hitOf, keyOf, overlay, placeOf } from "./overlay";
import type { Palette } from "./palette";
import { type Box, type Hit, pick, pickAll } from "./pick";
import type { Snapshot } from "./snapshot";
import { Surface } from "./surface";
import { at, edgeAt, nodeAt, type Part, type Topology } from "./topology";
import { stepOf, walk } from "./walk";
import type { Orientation } from "./wire";

const MOTION = 150;
const STEP = 1.3;

/** What the diagram tells the view. */
export interface DiagramEvents {
  select(parts: readonly Part[], add: boolean): void;
  include(parts: readonly Part[]): void;
}

/** What the diagram shows. */
export interface Shown {
  readonly snapshot: Snapshot | null;
  readonly palette: Palette;
  readonly orientation: Orientation;
}

function layer(name: string): HTMLElement {
  const element = document.createElement("div");
  element.className = name;
  return element;
}

/** The picture of the network: canvas below, options above it, both under one camera. */
export class Diagram {
  readonly element = layer("stage");
  readonly #surface = new Surface();
  readonly #world = layer("world");
  readonly #halo = layer("halo");
  readonly #marquee = layer("marquee");
  readonly #tip = layer("tip");
  readonly #note = layer("note tick");
  readonly #frame: Frame;
  readonly #events: DiagramEvents;
  readonly #escape: () => boolean;
  readonly #placed = memo((t: Topology, width: number, height: number, orientation: Orientation) =>
    layout(t, { width, height }, orientation));
  #shown: Shown | null = null;
  #overlaid: readonly unknown[] = [];
  #view: Size = { width: 0, height: 0 };
  #camera: cameras.Camera = { k: 1, x: 0, y: 0 };
  #atFit = true;
  #glide: { readonly from: cameras.Camera; readonly to: cameras.Camera; start: number } | null = null;
  #focus: Hit | null = null;
  #hovered: Hit | null = null;

  constructor(events: DiagramEvents, signal: AbortSignal) {
    this.#events = events;
    this.element.setAttribute("role", "listbox");
    this.element.setAttribute("aria-label", "Network diagram");
    this.element.setAttribute("aria-multiselectable", "true");
    this.element.tabIndex = -1;
    [this.#tip, this.#marquee, this.#halo, this.#note].forEach((part) => part.setAttribute("aria-hidden", "true"));
    this.#world.setAttribute("role", "presentation");
    this.element.append(this.#surface.element, this.#halo, this.#world, this.#marquee, this.#note, this.#tip);
    this.#frame = createFrame(signal, (time) => this.#draw(time));
    this.#escape = listen(this.element, {
      pan: (dx, dy) => this.#moveTo(cameras.pan(this.#camera, dx, dy, this.#place ?? this.#view, this.#view)),
      zoom: (factor, x, y) => this.#zoom(factor, x, y),
      click: (x, y, add, target) => this.#click(x, y, add, target),
      hover: (x, y) => this.#hover(x, y),
      leave: () => this.#unhover(),
      frame: (box) => this.#drawMarquee(box),
      framed: (box) => this.#framed(box),
      engaged: () => this.#hasFocus(),
    }, signal);
    this.element.addEventListener("focusin", (event) => this.#focused(event.target as HTMLElement), { signal });
  }

  /** Show another state. */
  show(shown: Shown): void {
    const [now, was] = [shown.snapshot, this.#shown?.snapshot];
    if (was && now === was && shown.palette === this.#shown?.palette && shown.orientation === this.#shown.orientation) return;
    // What the tip says may be true no more.
    if (now?.pruning !== was?.pruning || now?.edgeScores !== was?.edgeScores || now?.threshold !== was?.threshold) this.#unhover();
    this.#shown = shown;
    this.#frame.request();
  }

  /** Take another size. */
  resize(view: Size): void {
    if (view.width === this.#view.width && view.height === this.#view.height) return;
    this.#view = view;
    // A canvas that waits for the next frame would show stretched until then.
    this.#draw(performance.now());
  }

  /** Show the whole network. */
  fit(): void {
    this.#atFit = true;
    const place = this.#place;
    if (place) this.#glideTo(cameras.fit(place, this.#view));
  }

  /** Zoom about the middle of the view. */
  zoomBy(direction: 1 | -1): void {
    this.#zoom(direction > 0 ? STEP : 1 / STEP, this.#view.width / 2, this.#view.height / 2);
  }

  /** Handle a key of the diagram; true when it meant something here. */
  key(event: KeyboardEvent): boolean {
    const shown = this.#shown;
    const place = this.#place;
    if (!shown?.snapshot || !place) return false;
    const from = this.#focus ?? { kind: "node" as const, number: 0 };
    if (event.key === "Enter" || event.key === " ") {
      this.#events.select([this.#partOf(from)], event.shiftKey);
      return true;
    }
    if (event.key === "Escape" && this.#escape()) return true;
    const step = stepOf(event.key, shown.orientation);
    if (!step) return false;
    const to = walk(shown.snapshot.net.topology, place, shown.snapshot.edgeScores, from, step);
    if (to) this.focus(to);
    return true;
  }

  /** Bring a part into view and put the keyboard focus on it. */
  focus(hit: Hit): void {
    this.#focus = hit;
    this.#overlay();
    this.#seize();
  }

  #seize(): void {
    if (this.#focus) this.#world.querySelector<HTMLElement>(`[data-key=${keyOf(this.#focus)}]`)?.focus({ preventScroll: true });
  }

  get #place(): Layout | null {
    const net = this.#shown?.snapshot?.net;
    if (!net || this.#view.width < 2 || this.#view.height < 2) return null;
    return this.#placed(net.topology, this.#view.width, this.#view.height, this.#shown?.orientation ?? "up");
  }

  #hasFocus(): boolean {
    const root = this.element.getRootNode() as ShadowRoot | Document;
    return root.activeElement !== null && this.element.contains(root.activeElement);
  }

  #partOf(hit: Hit): Part {
    const t = this.#shown?.snapshot?.net.topology;
    if (!t) return [0, 0];
    return hit.kind === "edge" ? edgeAt(t, hit.number) : nodeAt(t, hit.number);
  }

  #range(): cameras.Range {
    const place = this.#place;
    if (!place) return { least: 1, most: 1 };
    return cameras.zoomRange(cameras.fit(place, this.#view).k, Math.min(...place.side));
  }

  #zoom(factor: number, x: number, y: number): void {
    this.#moveTo(cameras.zoomAt(this.#glide?.to ?? this.#camera, factor, x, y, this.#range()));
  }

  #moveTo(camera: cameras.Camera): void {
    this.#atFit = false;
    this.#glide = null;
    this.#camera = camera;
    this.#unhover();
    this.#frame.request();
  }

  #glideTo(to: cameras.Camera): void {
    this.#glide = calm() ? null : { from: this.#camera, to, start: 0 };
    if (!this.#glide) this.#camera = to;
    this.#frame.request();
  }

  #advance(time: number): void {
    const glide = this.#glide;
    if (!glide) return;
    if (glide.start === 0) glide.start = time;
    const s = Math.min(1, (time - glide.start) / MOTION);
    this.#camera = cameras.between(glide.from, glide.to, 1 - (1 - s) ** 3);
    if (s >= 1) this.#glide = null;
    else this.#frame.request();
  }

  #draw(time: number): void {
    const place = this.#place;
    const shown = this.#shown;
    if (!place || !shown?.snapshot) {
      this.#surface.clear();
      render(nothing, this.#world);
      this.#overlaid = [];
      return;
    }
    this.#advance(time);
    if (this.#atFit && !this.#glide) this.#camera = cameras.fit(place, this.#view);
    this.#overlay();
    const { k, x, y } = this.#camera;
    this.#world.style.transform = `translate(${x}px,${y}px) scale(${k})`;
    this.#world.style.setProperty("--inverse", String(1 / k));
    const seen = { scene: shown.snapshot.scene, place, palette: shown.palette, camera: this.#camera, view: this.#view };
    const { drawn, of } = this.#surface.paint(seen);
    this.#note.textContent = drawn < of ? `strongest ${formatCount(drawn)} of ${formatCount(of)} links` : "";
  }

  #overlay(): void {
    const [place, snapshot] = [this.#place, this.#shown?.snapshot];
    if (!place || !snapshot) return;
    const t = snapshot.net.topology;
    if (this.#focus && this.#focus.number >= (this.#focus.kind === "edge" ? t.edges : t.nodes)) this.#focus = null;
    const { net, pruning, edgeScores, nodeScores, parts } = snapshot;
    const of = [net, pruning, edgeScores, nodeScores, parts, place, this.#focus];
    if (of.every((value, i) => value === this.#overlaid[i])) return;
    this.#overlaid = of;
    const held = this.#world.querySelector<HTMLElement>(":focus");
    render(overlay(snapshot, place, this.#focus), this.#world);
    // Options that come or go make others take their elements: the focus stays with its part.
    if (held && this.#focus && held.dataset["key"] !== keyOf(this.#focus)) this.#seize();
  }

  #focused(target: HTMLElement): void {
    const hit = hitOf(target.dataset["key"]);
    if (!hit) return;
    this.#focus = hit;
    this.#reveal();
  }

  #reveal(): void {
    const [place, snapshot] = [this.#place, this.#shown?.snapshot];
    if (!this.#focus || !place || !snapshot) return;
    const { x, y } = placeOf(place, snapshot, this.#focus);
    const clear = this.#view;
    const revealed = cameras.reveal(this.#glide?.to ?? this.#camera, x, y, clear);
    if (revealed.x !== this.#camera.x || revealed.y !== this.#camera.y) {
      this.#atFit = false;
      this.#glideTo(revealed);
    }
    this.#frame.request();
  }

  #at(x: number, y: number): Hit | null {
    const [place, snapshot] = [this.#place, this.#shown?.snapshot];
    if (!place || !snapshot) return null;
    const { k } = this.#camera;
    return pick(snapshot.net.topology, place, (x - this.#camera.x) / k, (y - this.#camera.y) / k, 1 / k);
  }

  #click(x: number, y: number, add: boolean, target: Element): void {
    const hit = hitOf((target as HTMLElement).dataset?.["key"]) ?? this.#at(x, y);
    if (hit) this.focus(hit);
    if (hit || !add) this.#events.select(hit ? [this.#partOf(hit)] : [], add);
  }

  #hover(x: number, y: number): void {
    const [place, snapshot] = [this.#place, this.#shown?.snapshot];
    const hit = this.#at(x, y);
    if (!hit || !place || !snapshot) return this.#unhover();
    const { x: wx, y: wy, half } = placeOf(place, snapshot, hit);
    const { k, x: cx, y: cy } = this.#camera;
    const [sx, sy, r] = [wx * k + cx, wy * k + cy, Math.max(half * k, 4) + 3];
    this.element.classList.add("pointing");
    this.#halo.className = `halo on ${hit.kind}`;
    this.#halo.style.cssText = `left:${sx - r}px;top:${sy - r}px;width:${2 * r}px;height:${2 * r}px`;
    if (this.#hovered?.kind === hit.kind && this.#hovered.number === hit.number) return;
    this.#hovered = hit;
    const score = at(hit.kind === "edge" ? snapshot.edgeScores : snapshot.nodeScores, hit.number);
    render(html`<b>${partTitle(snapshot.net, hit)}</b> ${formatScore(score)}`, this.#tip);
    const above = sy > 64;
    this.#tip.className = `tip on${above ? "" : " under"}`;
    const reach = this.#tip.offsetWidth / 2 + 4;
    const left = Math.max(reach, Math.min(this.#view.width - reach, sx));
    this.#tip.style.cssText = `left:${left}px;top:${above ? sy - r - 6 : sy + r + 6}px`;
  }

  #unhover(): void {
    if (!this.#hovered) return;
    this.#hovered = null;
    this.element.classList.remove("pointing");
    this.#halo.className = "halo";
    this.#tip.className = "tip";
  }

  #drawMarquee(box: Box | null): void {
    this.#marquee.style.cssText = box
      ? `display:block;left:${box.x0}px;top:${box.y0}px;width:${box.x1 - box.x0}px;height:${box.y1 - box.y0}px`
      : "";
  }

  #framed(box: Box): void {
    const place = this.#place;
    if (!place) return;
    const { k, x, y } = this.#camera;
    const world = { x0: (box.x0 - x) / k, y0: (box.y0 - y) / k, x1: (box.x1 - x) / k, y1: (box.y1 - y) / k };
    this.element.focus({ preventScroll: true });
    this.#events.include(pickAll(place, world).map((hit) => this.#partOf(hit)));
  }
}
