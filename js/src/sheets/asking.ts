import type { SheetContext } from "../sheet";

/** The answer to a question that is asked again whenever what it depends on has changed. */
export interface Asked<T> {
  value?: T;
  /** What `value` or `failed` was the answer to. */
  of?: string;
  failed?: string;
  waiting?: boolean;
}

/**
 * Keep an answer up to date: one question at a time, and none while an edit is under way. Until an answer comes, the
 * last one stays.
 *
 * @param slot Where it is kept in the sheet's state.
 * @param key What the answer depends on.
 */
export function kept<T>(context: SheetContext, slot: string, about: string, more: Readonly<Record<string, unknown>>, key: string): Asked<T> {
  const held = (context.state[slot] ??= {}) as Asked<T>;
  if (held.waiting || held.of === key || context.store.pending) return held;
  held.waiting = true;
  context.ask(about, more).then((value) => {
    held.value = value as T;
    delete held.failed;
  }, (error: unknown) => {
    held.failed = error instanceof Error ? error.message : String(error);
  }).finally(() => {
    Object.assign(held, { of: key, waiting: false });
    context.request();
  });
  return held;
}
