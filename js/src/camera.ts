import type { Size } from "./layout";

/** How the world is seen: `screen = world * k + (x, y)`. */
export interface Camera {
  readonly k: number;
  readonly x: number;
  readonly y: number;
}

/** How far a view may zoom. */
export interface Range {
  readonly least: number;
  readonly most: number;
}

/** The camera that shows the whole world in the middle of the view. */
export function fit(world: Size, view: Size): Camera {
  const k = Math.min(view.width / world.width, view.height / world.height) || 1;
  return { k, x: (view.width - world.width * k) / 2, y: (view.height - world.height * k) / 2 };
}

/** Zooming out to half the fitted view, and in until the smallest thumbnail is easy to read. */
export function zoomRange(fitted: number, smallest: number): Range {
  return { least: fitted / 2, most: Math.max(fitted * 6, 96 / smallest) };
}

/** Zoom by `factor` about a point of the screen, which stays where it is. */
export function zoomAt(camera: Camera, factor: number, x: number, y: number, range: Range): Camera {
  const k = Math.min(range.most, Math.max(range.least, camera.k * factor));
  const f = k / camera.k;
  return { k, x: x - (x - camera.x) * f, y: y - (y - camera.y) * f };
}

/** Move by pixels of the screen, keeping some of the world in view. */
export function pan(camera: Camera, dx: number, dy: number, world: Size, view: Size): Camera {
  const keep = 48;
  const clamp = (v: number, extent: number, room: number): number =>
    Math.min(room - keep, Math.max(keep - extent * camera.k, v));
  return {
    k: camera.k,
    x: clamp(camera.x + dx, world.width, view.width),
    y: clamp(camera.y + dy, world.height, view.height),
  };
}

/** Move just enough to bring a point of the world into view. */
export function reveal(camera: Camera, x: number, y: number, view: Size, margin = 32): Camera {
  const sx = x * camera.k + camera.x;
  const sy = y * camera.k + camera.y;
  const dx = sx < margin ? margin - sx : Math.min(0, view.width - margin - sx);
  const dy = sy < margin ? margin - sy : Math.min(0, view.height - margin - sy);
  return { k: camera.k, x: camera.x + dx, y: camera.y + dy };
}

/** The camera a share `s` of the way from one to another. */
export function between(a: Camera, b: Camera, s: number): Camera {
  const mix = (u: number, v: number): number => u + (v - u) * s;
  return { k: mix(a.k, b.k), x: mix(a.x, b.x), y: mix(a.y, b.y) };
}
