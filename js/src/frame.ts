/** Work that is done at most once per frame, and never after the signal aborts. */
export interface Frame {
  request(): void;
}

/** Coalesce requests for `run` into animation frames. */
export function createFrame(signal: AbortSignal, run: (time: number) => void): Frame {
  let id = 0;
  signal.addEventListener("abort", () => cancelAnimationFrame(id), { once: true });
  return {
    request() {
      if (id !== 0 || signal.aborted) return;
      id = requestAnimationFrame((time) => {
        id = 0;
        run(time);
      });
    },
  };
}

/** A timer that can be set again and again, and dies with the signal. */
export interface Timer {
  set(milliseconds: number): void;
  clear(): void;
}

/** Make a timer that calls `run`. */
export function createTimer(signal: AbortSignal, run: () => void): Timer {
  let id: ReturnType<typeof setTimeout> | undefined;
  const clear = (): void => clearTimeout(id);
  signal.addEventListener("abort", clear, { once: true });
  return {
    set(milliseconds) {
      clear();
      if (!signal.aborted) id = setTimeout(run, milliseconds);
    },
    clear,
  };
}

/** Whether the user asked for less motion. */
export const calm = (): boolean => window.matchMedia?.("(prefers-reduced-motion: reduce)").matches ?? false;
