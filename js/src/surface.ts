import { type Camera, fit } from "./camera";
import type { Layout, Size } from "./layout";
import { paintBoxes } from "./paintBoxes";
import { LIVE, paintHaze, paintLinks } from "./paintLinks";
import { paintNodes } from "./paintNodes";
import type { Palette } from "./palette";
import { createPen } from "./pen";
import type { Scene } from "./scene";

/** Edges of haze per frame: a slow machine draws so many in about the time of one. */
const BATCH = 4000;

export interface Seen {
  readonly scene: Scene;
  readonly place: Layout;
  readonly palette: Palette;
  readonly camera: Camera;
  readonly view: Size;
}

/** The canvas layers: a bitmap of all links, drawn once, and what lives on top of it, drawn anew. */
export class Surface {
  readonly element: HTMLCanvasElement;
  #haze: HTMLCanvasElement | null = null;
  #hazeOf: readonly unknown[] = [];
  #hazeDone = 0;

  constructor() {
    this.element = document.createElement("canvas");
    this.element.setAttribute("aria-hidden", "true");
  }

  /** Paint a frame; true when the haze needs another one to be complete. */
  paint(seen: Seen): boolean {
    const dpr = Math.min(2, window.devicePixelRatio || 1);
    const ctx = this.#size(this.element, seen.view, dpr)?.getContext("2d");
    if (!ctx) return false;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.clearRect(0, 0, this.element.width, this.element.height);
    const more = seen.scene.topology.edges > LIVE && this.#paintHaze(ctx, seen, dpr);
    const pen = createPen(ctx, dpr, seen);
    paintLinks(pen);
    paintBoxes(pen);
    paintNodes(pen, dpr);
    return more;
  }

  /** Wipe everything. */
  clear(): void {
    this.element.width = this.element.width;
  }

  #size(canvas: HTMLCanvasElement, view: Size, dpr: number): HTMLCanvasElement | null {
    const [width, height] = [Math.round(view.width * dpr), Math.round(view.height * dpr)];
    if (width < 1 || height < 1) return null;
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    return canvas;
  }

  #paintHaze(ctx: CanvasRenderingContext2D, seen: Seen, dpr: number): boolean {
    const { scene, place, palette, view, camera } = seen;
    const of = [scene.net, place, palette, view.width, view.height, dpr];
    const stale = of.some((value, i) => value !== this.#hazeOf[i]);
    const canvas = (this.#haze ??= document.createElement("canvas"));
    const haze = this.#size(canvas, view, dpr)?.getContext("2d");
    if (!haze) return false;
    if (stale) {
      this.#hazeOf = of;
      this.#hazeDone = 0;
      canvas.width = canvas.width;
    }
    const fitted = fit(place, view);
    if (this.#hazeDone < scene.topology.edges) {
      this.#hazeDone = paintHaze(createPen(haze, dpr, { ...seen, camera: fitted }), this.#hazeDone, BATCH);
    }
    const zoom = camera.k / fitted.k;
    // Enlarged, the haze is a blur that says nothing which the links in view do not say better.
    ctx.globalAlpha = Math.max(0, Math.min(1, 1.6 - zoom / 5));
    const [x, y] = [camera.x - fitted.x * zoom, camera.y - fitted.y * zoom];
    if (ctx.globalAlpha > 0) ctx.drawImage(canvas, x * dpr, y * dpr, canvas.width * zoom, canvas.height * zoom);
    ctx.globalAlpha = 1;
    return this.#hazeDone < scene.topology.edges;
  }
}
