import type { Camera } from "./camera";
import type { Layout, Size } from "./layout";
import type { Palette } from "./palette";
import type { Scene } from "./scene";
import { f32, i32 } from "./topology";

/** What is seen in one frame. In world units; `px` is one pixel of the screen. */
export interface Sight {
  readonly palette: Palette;
  readonly camera: Camera;
  readonly view: Size;
  readonly place: Layout;
  readonly scene: Scene;
  readonly px: number;
  /** The part of the world that is in view. */
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

/** Pictures of whole layers, kept from frame to frame, with what they were made of. */
export type Bitmaps = Map<number, { readonly of: readonly unknown[]; readonly canvas: HTMLCanvasElement | null }>;

/** Everything that a painter needs for one frame. */
export interface Pen extends Sight {
  readonly ctx: CanvasRenderingContext2D;
  readonly bitmaps: Bitmaps;
}

/** How a line is drawn; lengths in pixels. */
export interface Look {
  readonly stroke: string;
  readonly opacity: number;
  readonly width: number;
  readonly dash: readonly number[];
}

/** Set a canvas up for a frame. */
export function createPen(
  ctx: CanvasRenderingContext2D,
  dpr: number,
  seen: { palette: Palette; camera: Camera; view: Size; place: Layout; scene: Scene },
  bitmaps: Bitmaps,
): Pen {
  const { camera, view } = seen;
  const { k, x, y } = camera;
  ctx.setTransform(dpr * k, 0, 0, dpr * k, dpr * x, dpr * y);
  ctx.lineJoin = "round";
  ctx.lineCap = "butt";
  return { ctx, bitmaps, ...seen, px: 1 / k, x0: -x / k, y0: -y / k, x1: (view.width - x) / k, y1: (view.height - y) / k };
}

/** Whether any part of an edge may be in view. */
export function edgeInView(pen: Sight, edge: number): boolean {
  const { place, scene } = pen;
  const [f, t] = [i32(scene.topology.from, edge), i32(scene.topology.to, edge)];
  const [xf, xb, xt] = [f32(place.nodeX, f), f32(place.boxX, edge), f32(place.nodeX, t)];
  const [yf, yb, yt] = [f32(place.nodeY, f), f32(place.boxY, edge), f32(place.nodeY, t)];
  return (
    Math.max(xf, xb, xt) >= pen.x0 && Math.min(xf, xb, xt) <= pen.x1 &&
    Math.max(yf, yb, yt) >= pen.y0 && Math.min(yf, yb, yt) <= pen.y1
  );
}

/** Whether a square of this half side may be in view. */
export function inView(pen: Sight, x: number, y: number, half: number): boolean {
  return x + half >= pen.x0 && x - half <= pen.x1 && y + half >= pen.y0 && y - half <= pen.y1;
}

/** Add a rectangle with round corners to the path. */
export function roundedRect(ctx: CanvasRenderingContext2D, x: number, y: number, side: number, radius: number): void {
  ctx.beginPath();
  ctx.moveTo(x + radius, y);
  ctx.arcTo(x + side, y, x + side, y + side, radius);
  ctx.arcTo(x + side, y + side, x, y + side, radius);
  ctx.arcTo(x, y + side, x, y, radius);
  ctx.arcTo(x, y, x + side, y, radius);
  ctx.closePath();
}
