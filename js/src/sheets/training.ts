import { float32 } from "../bytes";
import { decodeMeasure, fields, list, type Measure, number, numberOrNull, text } from "../wire";

/** What happened between two steps; `kept` says of a trial how it ended. */
export interface Edit {
  readonly step: number;
  readonly label: string;
  readonly kept: boolean | null;
}

/** A training, as Python tells of it. */
export interface Training {
  readonly kind: string;
  readonly state: string;
  readonly step: number;
  readonly steps: number | null;
  readonly seconds: number;
  readonly budget: number | null;
  /** Seconds that it will still take at most. */
  readonly left: number | null;
  /** The held-out loss that a cut must stay below. */
  readonly limit: number | null;
  /** Losses and the steps that they were measured after; NaN where there are no such rows. */
  readonly at: Float32Array;
  readonly train: Float32Array;
  readonly test: Float32Array;
  readonly events: readonly Edit[];
  readonly message: string;
  readonly failed: boolean;
  /** The state of the history before it, and the revision that it led to. */
  readonly start: number;
  readonly revision: number | null;
  readonly kept: number;
  readonly before: Measure;
  readonly after: Measure | null;
}

/** Decode the `training` trait; null where nothing has been trained. */
export function decodeTraining(value: unknown): Training | null {
  const raw = fields(value);
  if (typeof raw["state"] !== "string") return null;
  const at = float32(raw["at"]);
  return {
    kind: text(raw["kind"]),
    state: raw["state"],
    step: number(raw["step"]),
    steps: numberOrNull(raw["steps"]),
    seconds: number(raw["seconds"]),
    budget: numberOrNull(raw["budget"]),
    left: numberOrNull(raw["left"]),
    limit: numberOrNull(raw["limit"]),
    at,
    train: float32(raw["train"], at.length),
    test: float32(raw["test"], at.length),
    events: list(raw["marks"]).map(fields).map((mark) => ({
      step: number(mark["step"]), label: text(mark["label"]), kept: typeof mark["kept"] === "boolean" ? mark["kept"] : null,
    })),
    message: text(raw["message"]),
    failed: raw["failed"] === true,
    start: number(raw["start"]),
    revision: numberOrNull(raw["revision"]),
    kept: number(raw["kept"]),
    before: decodeMeasure(raw["before"]),
    after: raw["after"] ? decodeMeasure(raw["after"]) : null,
  };
}

/** How far it is, from 0 to 1; null where nobody knows. */
export function shareDone({ step, steps, seconds, budget }: Training): number | null {
  const shares = [steps ? step / steps : null, budget ? seconds / budget : null].filter((v) => v !== null);
  return shares.length > 0 ? Math.min(1, Math.max(...shares)) : null;
}

/** A time to come, in words. */
export function formatTime(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
