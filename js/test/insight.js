// What the made-up Python answers of metrics, sizes, parts and formulas.

const change = (value, wide) => [value, value - wide, value + wide];

/** A loss that grows with what has gone, a little otherwise on each set of rows. */
function rowsOf(name, kind, count, gone, last, classes, outputs) {
  const wide = 0.4 / Math.sqrt(count);
  const off = name.length % 3;
  const at = (share) => (classes ? { log_loss: 0.11 + 0.9 * share ** 2 + 0.01 * off, accuracy: 0.971 - 0.5 * share ** 2 - 0.01 * off }
    : { rmse: 0.0481 + 0.9 * share ** 2 + 0.001 * off, r2: 0.998 - 0.7 * share ** 2 });
  const states = last === null ? [0, gone] : [0, last, gone];
  const names = Object.keys(at(0));
  const values = Object.fromEntries(names.map((m) => [m, states.map((share) => at(share)[m])]));
  const parts = classes ? outputs.map((output, i) => {
    const lost = gone ** 2 * ((i * 7) % 11 - 1.5) * 0.12;
    const before = 0.98 - 0.013 * ((i * 5) % 4);
    return { name: output, count: Math.round(count / outputs.length) + i, values: states.map((_, s) => (s === states.length - 1 ? Math.max(0, Math.min(1, before - lost)) : before)), change: change(-Math.min(before, lost), 2 * wide) };
  }).sort((a, b) => a.change[0] - b.change[0]) : [];
  return { name, kind, count, values, change: Object.fromEntries(names.map((m) => [m, change(at(gone)[m] - at(0)[m], gone === 0 ? 0 : wide * (m === "rmse" ? 0.05 : 0.2))])), parts, more_parts: 0 };
}

/** How much of the network has gone, from 0 to 1. */
function goneOf({ model, edges }) {
  const bits = model.traits.pruning.edges;
  return 1 - edges.filter((_, e) => bits.getUint8(e) & 2).length / edges.length;
}

/** Answers by what is asked about. */
export const insightOf = (python) => ({
  metrics() {
    const gone = goneOf(python);
    const classes = python.model.traits.metrics.task === "classification";
    const names = python.model.traits.network.names.at(-1);
    const label = python.model.traits.pruning.undo ?? null;
    const last = label === null ? null : gone / 2;
    const rows = [["test", "test", 1000], ["train", "train", 4000], ["night", "slice", 120], ["a long name of a slice", "slice", 31]];
    return {
      revision: python.revision, task: classes ? "classification" : "regression", states: label === null ? ["dense", "now"] : ["dense", "last", "now"], step: label,
      metrics: classes ? ["log_loss", "accuracy"] : ["rmse", "r2"], part_metric: classes ? "recall" : "r2",
      rows: rows.map(([name, kind, count]) => rowsOf(name, kind, count, gone, last, classes, names)),
    };
  },
  efficiency({ measure }) {
    const left = 1 - goneOf(python);
    const edges = python.edges.length;
    const size = (share) => ({ edges: Math.round(edges * share), parameters: Math.round(edges * share * 10), nonzero: Math.round(edges * share * 9.6), memory: Math.round(edges * share * 57), macs: Math.round(edges * share * 38) });
    const time = (p50) => ({ p50, low: 0.97 * p50, high: 1.04 * p50 });
    const line = (rows, p50) => ({ rows, dense: time(p50), now: time(p50 * (0.6 + 0.4 * left)), differs: left < 0.9 });
    return { dense: size(1), now: size(left), threads: 2, latency: measure ? [line(1, 8.1e-5), line(256, 7.2e-4)] : [] };
  },
  worth({ part }) {
    const [layer, index] = part;
    const value = index === 0 ? 0.512 : 0.004 * index;
    const classes = python.model.traits.metrics.task === "classification";
    return { loss: classes ? "cross-entropy" : "RMSE", rows: "test", count: 1000, before: 0.048, after: 0.048 + value, change: value, error: 0.007 + 0.001 * layer, clear: value > 0.02, accuracy: classes ? [0.97, 0.97 - value / 4] : null };
  },
  formula({ output }) {
    const name = python.model.traits.network.names.at(-1)[output];
    const text = "0.998 exp(sin(3.14 x1) + x2^2) + 0.021 phi_{1,1,0}(0.31 tanh(2.1 x1 - 0.4) + phi_{0,1,1}(x2)) - 0.013";
    const latex = String.raw`y = 0.998 \exp\left(\sin\left(3.14 x_{1}\right) + x_{2}^{2}\right) - 0.013`;
    return {
      output: name, text, where: [], copy: `${name} = ${text}`, latex, r2: 0.9987, rows: "test", count: 1000,
      links: [[0, 0, 0, true, "sin", 0.9998], [0, 1, 0, true, "x^2", 1], [1, 0, 0, true, "exp", 0.9999], [0, 0, 1, true, "tanh", 0.996], [0, 1, 1, false, "gaussian", 0.93], [1, 1, 0, false, "abs", 0.88]]
        .map(([layer, source, target, named, closest, r2]) => ({ edge: [layer, source, target], named, closest, r2 })),
    };
  },
});
