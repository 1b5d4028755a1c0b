import type { Camera } from "./camera";
import type { Layout, Size } from "./layout";
import { paintBoxes } from "./paintBoxes";
import { type Drawn, paintLinks } from "./paintLinks";
import { paintNodes } from "./paintNodes";
import type { Palette } from "./palette";
import { type Bitmaps, createPen } from "./pen";
import type { Scene } from "./scene";

export interface Seen {
  readonly scene: Scene;
  readonly place: Layout;
  readonly palette: Palette;
  readonly camera: Camera;
  readonly view: Size;
}

/** The canvas, drawn anew for every frame. */
export class Surface {
  readonly element: HTMLCanvasElement;
  readonly #bitmaps: Bitmaps = new Map();

  constructor() {
    this.element = document.createElement("canvas");
    this.element.setAttribute("aria-hidden", "true");
  }

  /** Paint a frame; tells how many of the links it has. */
  paint(seen: Seen): Drawn {
    const dpr = Math.min(2, window.devicePixelRatio || 1);
    const ctx = this.#resize(seen.view, dpr) ? this.element.getContext("2d") : null;
    if (!ctx) return { drawn: 0, of: 0 };
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.clearRect(0, 0, this.element.width, this.element.height);
    const pen = createPen(ctx, dpr, seen, this.#bitmaps);
    const links = paintLinks(pen);
    paintBoxes(pen);
    paintNodes(pen, dpr);
    return links;
  }

  /** Wipe everything. */
  clear(): void {
    this.element.width = this.element.width;
  }

  #resize(view: Size, dpr: number): boolean {
    const [width, height] = [Math.round(view.width * dpr), Math.round(view.height * dpr)];
    if (this.element.width !== width) this.element.width = width;
    if (this.element.height !== height) this.element.height = height;
    return width > 0 && height > 0;
  }
}
