import type { Box } from "./pick";

/** What a hand on the diagram can do. Points and lengths are pixels of the stage. */
export interface Gestures {
  pan(dx: number, dy: number): void;
  zoom(factor: number, x: number, y: number): void;
  click(x: number, y: number, add: boolean, target: Element): void;
  hover(x: number, y: number): void;
  leave(): void;
  /** A rectangle is being drawn; null when it is given up. */
  frame(box: Box | null): void;
  framed(box: Box): void;
  /** Whether the wheel may zoom without a modifier key. */
  engaged(): boolean;
}

/** A press that moves less than this is a click. */
const SLOP = 4;

interface Point {
  readonly x: number;
  readonly y: number;
}

const boxOf = (a: Point, b: Point): Box => ({
  x0: Math.min(a.x, b.x), y0: Math.min(a.y, b.y), x1: Math.max(a.x, b.x), y1: Math.max(a.y, b.y),
});

/** Follow the pointers that press on the stage: one pans or draws a rectangle, two pinch. */
class Press {
  readonly #stage: HTMLElement;
  readonly #to: Gestures;
  readonly #down = new Map<number, Point>();
  #start: Point = { x: 0, y: 0 };
  #moved = false;
  #framing = false;

  constructor(stage: HTMLElement, to: Gestures) {
    this.#stage = stage;
    this.#to = to;
  }

  point(event: MouseEvent): Point {
    const rect = this.#stage.getBoundingClientRect();
    return { x: event.clientX - rect.left, y: event.clientY - rect.top };
  }

  /** Whether the press that just ended was a drag, whose click means nothing. */
  get moved(): boolean {
    return this.#moved;
  }

  begin(event: PointerEvent): void {
    if (event.button !== 0) return;
    this.#down.set(event.pointerId, this.point(event));
    if (this.#down.size > 1) return this.#giveUpFrame();
    this.#start = this.point(event);
    this.#moved = false;
    this.#framing = event.shiftKey;
  }

  move(event: PointerEvent): void {
    const before = this.#down.get(event.pointerId);
    const now = this.point(event);
    if (!before) return this.#to.hover(now.x, now.y);
    if (this.#down.size === 2) return this.#pinch(event.pointerId, before, now);
    if (!this.#moved && Math.hypot(now.x - this.#start.x, now.y - this.#start.y) < SLOP) return;
    if (!this.#moved) this.#take(event);
    this.#down.set(event.pointerId, now);
    if (this.#framing) this.#to.frame(boxOf(this.#start, now));
    else this.#to.pan(now.x - before.x, now.y - before.y);
  }

  end(event: PointerEvent, cancelled: boolean): void {
    if (!this.#down.delete(event.pointerId)) return;
    this.#stage.classList.toggle("dragging", false);
    if (!this.#framing || !this.#moved) return;
    this.#framing = false;
    this.#to.frame(null);
    if (!cancelled) this.#to.framed(boxOf(this.#start, this.point(event)));
  }

  /** Drop a half-drawn rectangle. */
  escape(): boolean {
    if (!this.#framing || !this.#moved) return false;
    this.#giveUpFrame();
    return true;
  }

  #giveUpFrame(): void {
    this.#framing = false;
    this.#moved = true;
    this.#to.frame(null);
  }

  #take(event: PointerEvent): void {
    this.#moved = true;
    this.#stage.classList.toggle("dragging", !this.#framing);
    this.#stage.setPointerCapture?.(event.pointerId);
    this.#to.leave();
  }

  #pinch(id: number, before: Point, now: Point): void {
    const other = [...this.#down].find(([key]) => key !== id)?.[1];
    if (!other) return;
    const was = Math.hypot(before.x - other.x, before.y - other.y);
    const is = Math.hypot(now.x - other.x, now.y - other.y);
    this.#moved = true;
    this.#down.set(id, now);
    if (was > 0) this.#to.zoom(is / was, (now.x + other.x) / 2, (now.y + other.y) / 2);
    this.#to.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
  }
}

/** Listen to a stage until `signal` aborts; returns a function that drops a half-drawn rectangle. */
export function listen(stage: HTMLElement, to: Gestures, signal: AbortSignal): () => boolean {
  const press = new Press(stage, to);
  stage.addEventListener("pointerdown", (event) => press.begin(event), { signal });
  stage.addEventListener("pointermove", (event) => press.move(event), { signal });
  stage.addEventListener("pointerup", (event) => press.end(event, false), { signal });
  stage.addEventListener("pointercancel", (event) => press.end(event, true), { signal });
  stage.addEventListener("pointerleave", () => to.leave(), { signal });
  stage.addEventListener("click", (event) => {
    if (press.moved && event.detail !== 0) return;
    const { x, y } = press.point(event);
    to.click(x, y, event.shiftKey || event.ctrlKey || event.metaKey, event.target as Element);
  }, { signal });
  stage.addEventListener("wheel", (event) => {
    // A bare wheel belongs to the page until the diagram has been entered on purpose.
    if (!event.ctrlKey && !event.metaKey && !to.engaged()) return;
    event.preventDefault();
    const { x, y } = press.point(event);
    const lines = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
    to.zoom(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.002)), x, y);
  }, { signal, passive: false });
  return () => press.escape();
}
