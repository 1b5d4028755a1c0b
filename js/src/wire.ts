import type { AnyModel } from "@anywidget/types";
import { float32, toBytes, uint8 } from "./bytes";
import { createTopology, type Edge, type Node, type Part, type Topology } from "./topology";

/** The bits of an edge in `pruning.edges`. */
export const ON = 1;
export const ACTIVE = 2;
export const KEPT = 4;
export const BY_HAND = 8;

export type Structure = "edge" | "node" | "input";

/** One edit, as Python understands it. */
export type Op =
  | { readonly type: "prune" | "restore" | "keep"; readonly edges: readonly Edge[]; readonly nodes: readonly Node[] }
  | { readonly type: "set_threshold"; readonly threshold: number; readonly layer?: number }
  | { readonly type: "set_min_per_layer"; readonly min_per_layer: number }
  | { readonly type: "set_criterion"; readonly criterion: string }
  | { readonly type: "set_structure"; readonly structure: string }
  | { readonly type: "set_compensate"; readonly compensate: string }
  | { readonly type: "jump"; readonly position: number }
  | { readonly type: "annotate"; readonly position: number; readonly note: string }
  | { readonly type: "fine_tune"; readonly steps?: number; readonly seconds?: number }
  | { readonly type: "auto_prune"; readonly budget: number }
  | { readonly type: "pause" | "resume" | "stop" | "refresh" }
  | { readonly type: "undo" | "redo" | "reset" };

export type Outgoing =
  | { readonly type: "ops"; readonly id: string; readonly revision: number; readonly ops: readonly Op[] }
  | { readonly type: "detail"; readonly id: string; readonly edge: Edge }
  | { readonly type: "ask"; readonly id: string; readonly about: string; readonly [more: string]: unknown }
  | { readonly type: "sheets" }
  | { readonly type: "hello" };

/** The finer curve of one edge, sent on request. */
export interface Detail {
  readonly edge: Edge;
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly knots: Float32Array;
  /** Values before the last step, where that changed the function. */
  readonly past: Float32Array | null;
  /** By how much the training loss would change without the edge, and the standard error of that. */
  readonly removal: { readonly change: number; readonly error: number } | null;
  /** Simple functions that it resembles, closest first, and how much of its variance they explain. */
  readonly formulas: readonly { readonly text: string; readonly r2: number }[];
}

export type Incoming =
  | { readonly type: "hello" }
  | { readonly type: "ack"; readonly id: string; readonly revision: number }
  | { readonly type: "nack"; readonly id: string; readonly revision: number; readonly reason: string }
  | { readonly type: "detail"; readonly id: string; readonly detail: Detail };

/** The answer to a question; `value` is null where there is a `reason`. */
export interface Answer {
  readonly type: "answer";
  readonly id: string;
  readonly value: unknown;
  readonly reason: string | null;
}

/** The code of the sheets, sent on request. */
export interface Code {
  readonly type: "sheets";
  readonly code: ArrayBuffer;
}

export interface Network {
  readonly topology: Topology;
  readonly names: readonly (readonly string[])[];
  readonly points: number;
  readonly bins: number;
  readonly curves: Uint8Array;
  readonly curveLow: Float32Array;
  readonly curveHigh: Float32Array;
  readonly low: Float32Array;
  readonly high: Float32Array;
  readonly density: Uint8Array;
  /** Rows and columns of the image that the inputs are, row by row; null where they are none. */
  readonly inputShape: readonly [number, number] | null;
}

export interface Scores {
  readonly criteria: readonly string[];
  readonly edge: readonly Float32Array[];
  readonly node: readonly Float32Array[];
}

export interface Pruning {
  readonly revision: number;
  readonly edges: Uint8Array;
  readonly nodes: Uint8Array;
  readonly threshold: number;
  readonly limit: number | null;
  /** One threshold for each edge layer; null while one rules them all. */
  readonly thresholds: readonly number[] | null;
  /** How many parts of a layer the rule leaves, the strongest. */
  readonly floor: number;
  /** Thresholds in the widest gaps between the scores. */
  readonly gaps: readonly number[];
  readonly criterion: string;
  /** What may be chosen; empty where Python does not say. */
  readonly criteria: readonly string[];
  readonly structure: Structure;
  readonly compensate: string;
  readonly structures: readonly string[];
  readonly compensations: readonly string[];
  readonly undo: string | null;
  readonly redo: string | null;
  readonly edited: boolean;
}

export interface Measure {
  readonly edges: number;
  readonly nodes: number;
  readonly parameters: number;
  readonly trainLoss: number | null;
  readonly testLoss: number | null;
  readonly trainAccuracy: number | null;
  readonly testAccuracy: number | null;
}

export interface Metrics {
  readonly task: string;
  readonly loss: string;
  readonly before: Measure;
  readonly now: Measure;
}

/** What every threshold of a rule would cost. */
export interface Foreseen {
  readonly criterion: string;
  readonly structure: string;
  readonly compensate: string;
  /** The rows that it was measured on: "test" or "train". */
  readonly rows: string;
  readonly threshold: Float32Array;
  readonly loss: Float32Array;
  readonly accuracy: Float32Array | null;
  /** The best and the worst that random pruning did in the plotted value; null while unknown. */
  readonly controlLow: Float32Array | null;
  readonly controlHigh: Float32Array | null;
}

export interface Notice {
  readonly id: string;
  readonly kind: "error" | "info";
  readonly text: string;
  /** Whether a refresh is offered. */
  readonly refresh?: boolean;
}

export type Orientation = "up" | "right";

/** The traits that the view listens to. */
export const TRAITS = [
  "network", "scores", "pruning", "metrics", "curve", "training", "threshold", "selection", "notice", "height", "theme", "orientation",
] as const;
export type Trait = (typeof TRAITS)[number];

type Fields = Readonly<Record<string, unknown>>;

export const fields = (value: unknown): Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
export const text = (value: unknown, otherwise = ""): string => (typeof value === "string" ? value : otherwise);
const texts = (value: unknown): string[] => list(value).map((item) => String(item));
const textOrNull = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);
export const number = (value: unknown, otherwise = 0): number =>
  typeof value === "number" && Number.isFinite(value) ? value : otherwise;
export const numbers = (value: unknown): number[] => list(value).map((v) => number(v));
export const numberOrNull = (value: unknown): number | null =>
  typeof value === "number" && Number.isFinite(value) ? value : null;

function decodeNames(value: unknown, widths: readonly number[]): string[][] {
  const given = list(value).map(texts);
  const last = widths.length - 1;
  return widths.map((width, l) => {
    const stem = l === 0 ? "x" : l === last ? "y" : last > 2 ? `h${l}.` : "h";
    return Array.from({ length: width }, (_, i) => given[l]?.[i] ?? `${stem}${i + 1}`);
  });
}

function decodeShape(value: unknown, inputs: number | undefined): [number, number] | null {
  const [rows = 0, columns = 0] = numbers(value);
  return rows > 0 && rows * columns === inputs ? [rows, columns] : null;
}

/** Decode the `network` trait; null when there is no network yet. `known` is what it is made of unless sizes differ. */
export function decodeNetwork(value: unknown, known: Topology | null = null): Network | null {
  const raw = fields(value);
  const widths = list(raw["widths"]).map((w) => Math.trunc(number(w)));
  if (widths.length < 2 || widths.some((w) => w < 1)) return null;
  const topology = known?.widths.join() === widths.join() ? known : createTopology(widths);
  const sources = topology.nodeStart[widths.length - 1] ?? 0;
  const points = Math.max(0, number(raw["points"]));
  const bins = Math.max(0, number(raw["bins"]));
  return {
    topology,
    names: decodeNames(raw["names"], widths),
    points,
    bins,
    curves: uint8(raw["curves"], topology.edges * points),
    curveLow: float32(raw["curve_low"], topology.edges),
    curveHigh: float32(raw["curve_high"], topology.edges),
    low: float32(raw["low"], sources),
    high: float32(raw["high"], sources),
    density: uint8(raw["density"], sources * bins),
    inputShape: decodeShape(raw["input_shape"], widths[0]),
  };
}

/** Decode the `scores` trait, whose arrays may be keyed by criterion or listed in its order. */
export function decodeScores(value: unknown, t: Topology): Scores {
  const raw = fields(value);
  const criteria = texts(raw["criteria"]);
  const arrays = (of: unknown, length: number): Float32Array[] =>
    criteria.map((name, i) => float32(Array.isArray(of) ? of[i] : fields(of)[name], length));
  return { criteria, edge: arrays(raw["edge"], t.edges), node: arrays(raw["node"], t.nodes) };
}

/** The revision of a `pruning` trait. */
export const revisionOf = (value: unknown): number => number(fields(value)["revision"]);

/** Decode the `pruning` trait; without one, everything is on. */
export function decodePruning(value: unknown, t: Topology): Pruning {
  const raw = fields(value);
  const structure = text(raw["structure"], "edge");
  const all = <T extends Uint8Array>(array: T, fill: number, given: unknown): T =>
    given === undefined ? (array.fill(fill) as T) : array;
  return {
    revision: revisionOf(raw),
    edges: all(uint8(raw["edges"], t.edges), ON | ACTIVE, raw["edges"]),
    nodes: all(uint8(raw["nodes"], t.nodes), 1, raw["nodes"]),
    threshold: number(raw["threshold"]),
    limit: numberOrNull(raw["limit"]),
    thresholds: raw["thresholds"] ? numbers(raw["thresholds"]) : null,
    floor: number(raw["min_per_layer"]),
    gaps: numbers(raw["gaps"]),
    criterion: text(raw["criterion"]),
    criteria: texts(raw["criteria"]),
    structure: structure === "node" || structure === "input" ? structure : "edge",
    compensate: text(raw["compensate"]),
    structures: texts(raw["structures"]),
    compensations: texts(raw["compensations"]),
    undo: textOrNull(raw["undo"]),
    redo: textOrNull(raw["redo"]),
    edited: raw["edited"] === true,
  };
}

export function decodeMeasure(value: unknown): Measure {
  const raw = fields(value);
  return {
    edges: number(raw["edges"]),
    nodes: number(raw["nodes"]),
    parameters: number(raw["parameters"]),
    trainLoss: numberOrNull(raw["train_loss"]),
    testLoss: numberOrNull(raw["test_loss"]),
    trainAccuracy: numberOrNull(raw["train_accuracy"]),
    testAccuracy: numberOrNull(raw["test_accuracy"]),
  };
}

/** Decode the `metrics` trait; null before anything was measured. */
export function decodeMetrics(value: unknown): Metrics | null {
  const raw = fields(value);
  if (raw["before"] === undefined || raw["now"] === undefined) return null;
  return {
    task: text(raw["task"], "regression"),
    loss: text(raw["loss"], "loss"),
    before: decodeMeasure(raw["before"]),
    now: decodeMeasure(raw["now"]),
  };
}

/** Decode the `curve` trait; null until it is known. */
export function decodeCurve(value: unknown): Foreseen | null {
  const raw = fields(value);
  if (raw["threshold"] === undefined) return null;
  const threshold = float32(raw["threshold"]);
  const over = (of: unknown): Float32Array | null => (of === null || of === undefined ? null : float32(of, threshold.length));
  return {
    criterion: text(raw["criterion"]),
    structure: text(raw["structure"]),
    compensate: text(raw["compensate"]),
    rows: text(raw["rows"]),
    threshold,
    loss: float32(raw["loss"], threshold.length),
    accuracy: over(raw["accuracy"]),
    controlLow: over(raw["control_low"]),
    controlHigh: over(raw["control_high"]),
  };
}

/** Decode the `notice` trait; null when there is nothing to say. */
export function decodeNotice(value: unknown): Notice | null {
  const raw = fields(value);
  const said = text(raw["text"]);
  if (said === "") return null;
  return { id: String(raw["id"] ?? said), kind: raw["kind"] === "info" ? "info" : "error", text: said, refresh: raw["offer"] === "refresh" };
}

/** What the `training` trait says of a training that goes on; "" where none does. */
export function learning(value: unknown): string {
  const state = text(fields(value)["state"]);
  return state === "idle" || state === "" ? "" : state === "paused" ? "training paused" : `${state}…`;
}

/** Decode the `selection` trait to lists of two or three numbers. */
export function decodeSelection(value: unknown): Part[] {
  return list(value)
    .map((part) => list(part).map((v) => number(v, -1)))
    .filter((part) => part.length === 2 || part.length === 3) as unknown as Part[];
}

/** Decode a message from Python; null when it is none of ours. */
export function decodeMessage(message: unknown, buffers: readonly unknown[]): Incoming | Answer | Code | null {
  const raw = fields(message);
  const id = text(raw["id"]);
  const revision = number(raw["revision"]);
  if (raw["type"] === "hello") return { type: "hello" };
  if (raw["type"] === "ack") return { type: "ack", id, revision };
  if (raw["type"] === "nack") return { type: "nack", id, revision, reason: text(raw["reason"], "Python refused the edit") };
  if (raw["type"] === "answer") return { type: "answer", id, value: raw["value"] ?? null, reason: textOrNull(raw["reason"]) };
  if (raw["type"] === "sheets") return { type: "sheets", code: toBytes(buffers[0]) };
  if (raw["type"] !== "detail") return null;
  const [layer = -1, source = -1, target = -1] = list(raw["edge"]).map((v) => number(v, -1));
  const [x, y, knots, past] = buffers;
  const { change, error } = fields(raw["removal"]);
  const known = numberOrNull(change) !== null && numberOrNull(error) !== null;
  return {
    type: "detail",
    id,
    detail: {
      edge: [layer, source, target], x: float32(x), y: float32(y), knots: float32(knots),
      past: past === undefined ? null : float32(past),
      removal: known ? { change: number(change), error: number(error) } : null,
      formulas: list(raw["formulas"]).map(fields).map((f) => ({ text: text(f["text"]), r2: number(f["r2"]) })),
    },
  };
}

/** The model, seen through the contract: what may be read, written, sent and heard. */
export interface Wire {
  read(trait: Trait): unknown;
  writeSelection(parts: readonly Part[]): void;
  /** Whether the message left; false where no kernel is connected. */
  send(message: Outgoing): boolean;
  /** Whether the kernel works on something; null where the host does not say. */
  busy(): boolean | null;
}

/** What some hosts let a widget see of themselves: JupyterLab's has no kernel where a notebook has none. */
const hostOf = (model: AnyModel): { kernel?: { status?: string } | null } | undefined =>
  (model as { widget_manager?: { kernel?: { status?: string } | null } }).widget_manager;

/** Connect to a model until `signal` aborts. */
export function connect(
  model: AnyModel,
  signal: AbortSignal,
  heard: { changed(): void; message(message: Incoming | Answer | Code): void },
): Wire {
  // Hosts disagree on what the callback is given, so it never looks at its arguments.
  const changed = (): void => heard.changed();
  const custom = (message: unknown, buffers: unknown): void => {
    const decoded = decodeMessage(message, list(buffers));
    if (decoded) heard.message(decoded);
    // marimo runs the cells that look at a widget only when the page itself has written one of its traits.
    if (fields(message)["rerun"] === true) {
      model.set("height", model.get("height"));
      model.save_changes();
    }
  };
  TRAITS.forEach((trait) => model.on(`change:${trait}`, changed));
  model.on("msg:custom", custom);
  signal.addEventListener("abort", () => {
    TRAITS.forEach((trait) => model.off(`change:${trait}`, changed));
    model.off("msg:custom", custom);
  }, { once: true });
  return {
    read: (trait) => model.get(trait),
    writeSelection(parts) {
      model.set("selection", parts.map((part) => [...part]));
      try {
        model.save_changes();
      } catch {
        // A page without a kernel keeps the selection to itself.
      }
    },
    busy: () => {
      const status = hostOf(model)?.kernel?.status;
      return status === undefined ? null : status === "busy";
    },
    send(message) {
      const host = hostOf(model);
      if ((model as { comm_live?: boolean }).comm_live === false || host?.kernel === null) return false;
      try {
        model.send(message);
        return true;
      } catch {
        return false;
      }
    },
  };
}
