import { type Axis, fromX } from "./axis";

/** What a hand that drags a threshold does with it. */
export interface Dragging {
  /** Preview a threshold. */
  drag(threshold: number): void;
  /** Let go: ask for the threshold, or give it up. */
  drop(keep: boolean): void;
  /** Select what scores in a range. */
  brush?(low: number, high: number): void;
}

/** Let a pointer that is pressed with Shift draw a range. */
function frame(down: PointerEvent, axis: Axis, done: (low: number, high: number) => void): void {
  const track = down.currentTarget as HTMLElement;
  const start = down.clientX;
  const left = track.getBoundingClientRect().left;
  const box = document.createElement("div");
  box.className = "marquee";
  track.append(box);
  const ended = new AbortController();
  const { signal } = ended;
  const ends = (event: PointerEvent): [number, number] => [Math.min(start, event.clientX) - left, Math.max(start, event.clientX) - left];
  const end = (): void => {
    ended.abort();
    box.remove();
  };
  track.setPointerCapture?.(down.pointerId);
  track.addEventListener("pointermove", (event) => {
    const [x0, x1] = ends(event);
    box.style.cssText = `display:block;top:0;bottom:0;left:${x0}px;width:${x1 - x0}px`;
  }, { signal });
  track.addEventListener("pointercancel", end, { signal });
  track.addEventListener("pointerup", (event) => {
    end();
    const [low, high] = ends(event).map((x) => fromX(axis, x));
    done(low ?? 0, high ?? 0);
  }, { signal });
  down.preventDefault();
}

/** Let a pointer that is pressed on an axis, or on the grip that stands on it, drag the threshold. */
export function follow(axis: Axis, actions: Dragging): (event: PointerEvent) => void {
  return (down) => {
    if (down.button !== 0) return;
    if (down.shiftKey && actions.brush) return frame(down, axis, actions.brush);
    const track = down.currentTarget as HTMLElement;
    const grip = track.querySelector<HTMLElement>("[role=slider]");
    const left = track.getBoundingClientRect().left;
    const held = grip?.getBoundingClientRect();
    // Taken by the grip, the line keeps its distance to the pointer; a press beside it calls it there.
    const onGrip = held !== undefined && down.clientX >= held.left && down.clientX <= held.right;
    const offset = onGrip ? down.clientX - (held.left + held.width / 2) : 0;
    const to = (event: PointerEvent): void => actions.drag(fromX(axis, event.clientX - left - offset));
    const ended = new AbortController();
    const end = (keep: boolean): void => {
      ended.abort();
      actions.drop(keep);
    };
    track.setPointerCapture?.(down.pointerId);
    const { signal } = ended;
    track.addEventListener("pointermove", to, { signal });
    track.addEventListener("pointerup", () => end(true), { signal });
    track.addEventListener("pointercancel", () => end(false), { signal });
    track.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      end(false);
      event.stopPropagation();
    }, { signal });
    if (!onGrip) to(down);
    down.preventDefault();
    grip?.focus({ preventScroll: true });
  };
}
