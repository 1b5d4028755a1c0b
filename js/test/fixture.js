// Networks as Python would send them, for unit tests and for pages: curves like splines, scores over some decades.

/** A small generator of numbers in [0, 1), so that every run sees the same network. */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** @type {readonly ((x: number) => number)[]} */
const SHAPES = [
  (x) => Math.sin(Math.PI * x),
  (x) => x * x,
  (x) => Math.sin(2 * x + 1),
  (x) => Math.exp(-8 * (x - 0.2) ** 2),
  (x) => x,
  (x) => x ** 3 - 0.4 * x,
  (x) => Math.tanh(3 * x),
  (x) => Math.exp(x) / 2,
  (x) => Math.abs(x) - 0.2 * x * x,
  (x) => x / (1 + Math.exp(-4 * x)),
];

/** The scores and shapes of the picture that the widget is measured against, in wire order. */
const KNOWN = {
  scores: [0.89, 0.45, 0.021, 0.018, 0.0008, 0.002, 0.034, 0.012, 0.004, 0.0055, 1.0, 0.03, 0.001, 0.04, 0.006],
  shapes: [0, 1, 2, 3, 4, 5, 6, 1, 3, 2, 7, 6, 4, 5, 2],
};

const view = (array) => new DataView(array.buffer, array.byteOffset, array.byteLength);

/** Edge numbers as Python orders them: layer by layer, target by target. */
export function edgesOf(widths) {
  const edges = [];
  for (let l = 0; l + 1 < widths.length; l++) {
    for (let t = 0; t < widths[l + 1]; t++) for (let s = 0; s < widths[l]; s++) edges.push([l, s, t]);
  }
  return edges;
}

/** Names as Python gives them. */
export function namesOf(widths) {
  const last = widths.length - 1;
  return widths.map((width, l) => {
    const stem = l === 0 ? "x" : l === last ? "y" : last > 2 ? `h${l}_` : "h";
    return Array.from({ length: width }, (_, i) => (l === last && width === 1 ? "y" : `${stem}${i + 1}`));
  });
}

function scoresOf(edges, widths, next) {
  if (widths.join() === "2,5,1") return KNOWN.scores;
  // A few edges matter, most hardly do: what training with a sparsity penalty leaves.
  return edges.map(() => Math.min(1, 10 ** (-0.2 - 3.2 * next() ** 0.8 + 0.5 * (next() - 0.5))));
}

function nodeScores(edges, widths, scores) {
  const starts = widths.map((_, l) => widths.slice(0, l).reduce((a, b) => a + b, 0));
  const into = new Float32Array(starts[starts.length - 1] + widths[widths.length - 1]);
  const out = into.slice();
  edges.forEach(([l, s, t], e) => {
    into[starts[l + 1] + t] = Math.max(into[starts[l + 1] + t], scores[e]);
    out[starts[l] + s] = Math.max(out[starts[l] + s], scores[e]);
  });
  return into.map((v, n) => (n < widths[0] ? out[n] : n >= starts[starts.length - 1] ? v : Math.min(v, out[n])));
}

/** How much a pixel counts: most in the middle of the image, and nothing at its rim. */
function centred(i, [rows, columns]) {
  const [y, x] = [(Math.floor(i / columns) + 0.5) / rows - 0.5, ((i % columns) + 0.5) / columns - 0.5];
  return Math.max(0, Math.exp(-12 * (x * x + y * y)) - 0.12);
}

/** What every threshold would cost, as Python works it out: each edge costs what it scores, chance far more. */
function curveOf(scores, classes) {
  const sorted = Float32Array.from(scores).sort();
  const levels = Math.min(101, sorted.length + 1);
  const total = sorted.reduce((sum, s) => sum + s, 0);
  const fill = (f) => Float32Array.from({ length: levels }, (_, i) => f(Math.round((i / (levels - 1)) * sorted.length)));
  const gone = (n) => sorted.subarray(0, n).reduce((sum, s) => sum + s, 0) / total;
  const loss = fill((n) => 0.048 + 1.2 * gone(n) ** 2);
  const chance = (worse) => fill((n) => 0.048 + 1.2 * Math.min(1, (n / sorted.length) ** 0.5 * worse));
  const accuracy = (of) => of.map((v) => Math.max(0.1, 1 - 0.7 * v));
  const [low, high] = [chance(0.75), chance(0.95)];
  return {
    criterion: "l1", structure: "edge", compensate: "mean", rows: "test",
    threshold: view(fill((n) => (n === 0 ? 0 : n < sorted.length ? sorted[n] : sorted[n - 1] * 1.0001))),
    loss: view(loss), accuracy: classes ? view(accuracy(loss)) : null,
    control_low: view(classes ? accuracy(high) : low), control_high: view(classes ? accuracy(low) : high),
  };
}

/**
 * The traits of a network.
 *
 * @param {{ widths?: number[], seed?: number, points?: number, bins?: number, names?: string[][],
 *   task?: string, scores?: number[], shape?: number[] | null }} [options]
 * @returns {Record<string, any>}
 */
export function createTraits({ widths = [2, 5, 1], seed = 7, points = 40, bins = 24, names, task = "regression", scores: given, shape = null } = {}) {
  const next = random(seed);
  const edges = edgesOf(widths);
  const scores = given ?? scoresOf(edges, widths, next).map((s, e) => (shape && edges[e][0] === 0 ? s * centred(edges[e][1], shape) : s));
  const known = widths.join() === "2,5,1";
  const curves = new Uint8Array(edges.length * points);
  const low = new Float32Array(edges.length);
  const high = new Float32Array(edges.length);
  edges.forEach((_, e) => {
    const shape = SHAPES[known ? KNOWN.shapes[e] : Math.floor(next() * SHAPES.length)];
    const [scale, shift] = [0.2 + scores[e], known ? 0 : (next() - 0.5) * 0.6];
    const y = Array.from({ length: points }, (_, i) => scale * shape(-1 + (2 * i) / (points - 1) + shift));
    low[e] = Math.min(...y);
    high[e] = Math.max(...y);
    y.forEach((v, i) => (curves[e * points + i] = Math.round((255 * (v - low[e])) / (high[e] - low[e] || 1))));
  });
  const sources = widths.slice(0, -1).reduce((a, b) => a + b, 0);
  const density = new Uint8Array(sources * bins);
  for (let n = 0; n < sources; n++) {
    const [middle, wide] = [0.35 + 0.3 * next(), 0.2 + 0.2 * next()];
    for (let b = 0; b < bins; b++) density[n * bins + b] = 255 * Math.exp(-((((b + 0.5) / bins - middle) / wide) ** 2));
  }
  const l1 = Float32Array.from(scores);
  const std = l1.map((v) => v * (0.5 + next()));
  const attribution = l1.map((v) => v * (0.7 + 0.6 * next()));
  const byNode = (s) => view(nodeScores(edges, widths, s));
  return {
    network: {
      widths, names: names ?? namesOf(widths), input_shape: shape, points, bins, curves: view(curves),
      curve_low: view(low), curve_high: view(high),
      low: view(new Float32Array(sources).fill(-1)), high: view(new Float32Array(sources).fill(1)), density: view(density),
    },
    scores: {
      criteria: ["l1", "std", "attribution"],
      edge: { l1: view(l1), std: view(std), attribution: view(attribution) },
      node: { l1: byNode(l1), std: byNode(std), attribution: byNode(attribution) },
    },
    curve: curveOf(scores, task === "classification"),
    pruning: {}, metrics: { task, loss: task === "classification" ? "cross_entropy" : "RMSE" },
    threshold: 0, selection: [], notice: {}, height: 600, theme: "auto", orientation: "up",
  };
}

/** The finer curve that Python answers a `detail` message with. */
export function createDetail(traits, edge) {
  const { widths, points, curves, curve_low: low, curve_high: high } = traits.network;
  const e = edgesOf(widths).findIndex((other) => other.join() === edge.join());
  const n = 160;
  const x = Float32Array.from({ length: n }, (_, i) => -1 + (2 * i) / (n - 1));
  const [bottom, top] = [low.getFloat32(4 * e, true), high.getFloat32(4 * e, true)];
  const y = x.map((_, i) => {
    const at = (i / (n - 1)) * (points - 1);
    const [a, b] = [Math.floor(at), Math.min(points - 1, Math.floor(at) + 1)];
    const value = (k) => bottom + (curves.getUint8(e * points + k) / 255) * (top - bottom);
    return value(a) + (at - a) * (value(b) - value(a));
  });
  const knots = Float32Array.from({ length: 6 }, (_, i) => -1 + (2 * i) / 5);
  return [view(x), view(y), view(knots)];
}
