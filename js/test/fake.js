// A host for the widget and a Python that answers it, both inside the page.
import { createDetail, edgesOf } from "./fixture.js";
import { insightOf } from "./insight.js";
import { FakeTraining } from "./training.js";

/** The model as anywidget shows it to a front end. */
export class FakeModel {
  constructor(traits) {
    this.traits = traits;
    this.listeners = new Map();
    this.sent = [];
    this.writes = [];
    /** @type {((message: any) => void) | null} */
    this.receive = null;
  }
  get(name) {
    return this.traits[name];
  }
  set(name, value) {
    if (Object.is(this.traits[name], value)) return;
    this.traits[name] = structuredClone(value);
    this.writes.push(name);
    this.emit(`change:${name}`);
  }
  on(event, callback) {
    if (!this.listeners.has(event)) this.listeners.set(event, new Set());
    this.listeners.get(event).add(callback);
  }
  off(event, callback) {
    this.listeners.get(event)?.delete(callback);
  }
  emit(event, ...args) {
    [...(this.listeners.get(event) ?? [])].forEach((callback) => callback(...args));
  }
  save_changes() {}
  send(message) {
    this.sent.push(structuredClone(message));
    this.receive?.(message);
  }
  get listening() {
    return [...this.listeners.values()].reduce((sum, set) => sum + set.size, 0);
  }
}

/** Applies edits as the contract says, writes the traits, then answers. */
export class FakePython {
  /** @param {FakeModel} model @param {{ delay?: number }} [options] */
  constructor(model, { delay = 0 } = {}) {
    this.model = model;
    this.delay = delay;
    /** The reason with which the next message is refused. */
    this.refuse = "";
    /** While true, messages wait in `held`. */
    this.hold = false;
    this.held = [];
    /** The code of the sheets, where a page has it. */
    this.sheets = null;
    this.past = [];
    this.future = [];
    /** What answers questions, by what they are about. */
    this.answers = { history: () => this.history(), compensations: () => ({ mean: { loss: 0.0484, accuracy: null }, none: { loss: 0.212, accuracy: null } }), script: () => ({ python: "session.prune([(0, 0, 1)])", json: "{}" }),
      criteria: (message) => this.criteria(message),
      ...insightOf(this),
      page: () => ({ html: "<!doctype html><title>KAN</title>" }) };
    this.training = new FakeTraining(this);
    this.revision = 0;
    this.widths = model.traits.network.widths;
    this.edges = edgesOf(this.widths);
    this.plan = {
      threshold: 0, thresholds: null, floor: 0, criterion: "l1", structure: "edge", compensate: "mean", pruned: new Set(), kept: new Set(), label: "",
    };
    this.before = null;
    this.write();
    model.receive = (message) => this.hear(message);
  }

  hear(message) {
    if (this.hold) this.held.push(message);
    else if (this.delay > 0) setTimeout(() => this.answer(message), this.delay);
    else queueMicrotask(() => this.answer(message));
  }

  /** Answer what was held. */
  release() {
    this.hold = false;
    this.held.splice(0).forEach((message) => this.answer(message));
  }

  answer(message) {
    if (message.type === "hello") return this.model.emit("msg:custom", { type: "hello" }, []);
    if (message.type === "sheets") {
      if (this.sheets) this.model.emit("msg:custom", { type: "sheets" }, [new DataView(this.sheets.slice(0))]);
      return;
    }
    if (message.type === "ask") {
      const known = this.answers[message.about];
      const more = known ? { value: structuredClone(known(message)) } : { reason: "unknown question" };
      return this.model.emit("msg:custom", { type: "answer", id: message.id, ...more }, []);
    }
    if (message.type === "detail") {
      const buffers = createDetail(this.model.traits, message.edge);
      this.model.emit("msg:custom", { type: "detail", id: message.id, edge: message.edge, points: buffers[0].byteLength / 4, ...this.worth(message.edge) }, buffers);
      return;
    }
    const reason = this.refuse || this.fault(message.ops);
    this.refuse = "";
    if (reason) return this.model.emit("msg:custom", { type: "nack", id: message.id, revision: this.revision, reason }, []);
    message.ops.forEach((op) => this.apply(op));
    this.write();
    this.model.emit("msg:custom", { type: "ack", id: message.id, revision: this.revision }, []);
  }

  /** A history with a branch, whatever was done. */
  history() {
    const step = (label, parent, edges, loss, note = "") => ({ label, parent, edges, nodes: 5, parameters: 10 * edges, loss, accuracy: null, note });
    const steps = [
      step("start", -1, 15, 0.0481), step("threshold 0.006", 0, 9, 0.0484), step("prune edge h2 to y", 1, 8, 0.0612),
      step("prune edge x1 to h2", 1, 8, 0.0485, "keeps the square"), step("compensate least_squares", 3, 8, 0.0482),
      step("prune node h4", 4, 5, 0.0497), step("prune edge h4 to y", 2, 7, 0.11), step("fit", 5, 5, 0.0104, "looks right"),
    ];
    return { position: 7, path: [0, 1, 3, 4, 5, 7], steps };
  }

  /** Two criteria beside each other: those that are known, and any other as a blur of the first. */
  criteria({ criteria, draws }) {
    const { edge } = this.model.traits.scores;
    const known = (name) => edge[name] ?? new DataView(Float32Array.from(this.edges, (_, e) => this.score("edge", e) * (1 + Math.sin(7 * e + name.length))).buffer);
    const base64 = (view) => btoa(Array.from(new Uint8Array(view.buffer), (b) => String.fromCharCode(b)).join(""));
    const levels = Math.min(100, this.edges.length);
    const sparsity = Array.from({ length: levels + 1 }, (_, i) => i / levels);
    const accuracy = this.model.traits.metrics.task === "classification";
    const losses = (power) => sparsity.map((s) => (accuracy ? 0.98 - 0.8 * s ** power : 0.048 + 0.9 * s ** power));
    const area = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;
    const values = criteria.map((name) => losses(2 + (name.length % 5)));
    const [low, high] = [losses(0.9), losses(0.5)];
    return {
      scores: criteria.map((name) => base64(known(name))), rho: criteria[0] === criteria[1] ? 1 : 0.83,
      curves: {
        rows: "test", structure: this.plan.structure, accuracy, sparsity, values, areas: values.map(area),
        low: draws ? low : null, high: draws ? high : null, chance: draws ? area(losses(0.7)) : null,
      },
    };
  }

  /** What an edge costs, and what it resembles. */
  worth(edge) {
    const score = this.model.traits.scores.edge.l1.getFloat32(4 * this.edges.findIndex((e) => e.join() === edge.join()), true);
    return {
      removal: { change: 0.45 * score - 0.01, error: 0.008 },
      formulas: [
        { text: "1.02 sin(3.14 x1) + 0.012", r2: 0.9998 }, { text: "-0.82 tanh(5.18 x1)", r2: 0.9271 },
        { text: "1.98 exp(-(1.8 x1 - 0.97)^2) - 0.85", r2: 0.9031 },
      ],
    };
  }

  fault(ops) {
    const refused = this.training.fault(ops);
    if (refused) return refused;
    const over = ops.find((op) => op.type === "set_threshold" && this.limit(op.layer) !== null && op.threshold > this.limit(op.layer));
    return over ? `threshold ${over.threshold} would cut off y; ${this.limit()} is the most` : "";
  }

  apply(op) {
    const before = { ...this.plan, pruned: new Set(this.plan.pruned), kept: new Set(this.plan.kept) };
    if (op.type === "undo" || op.type === "redo") {
      const [from, to] = op.type === "undo" ? [this.past, this.future] : [this.future, this.past];
      const plan = from.pop();
      if (!plan) return;
      to.push({ ...before, label: plan.label });
      this.plan = plan;
      return;
    }
    if (this.training.apply(op) || op.type === "annotate") return;
    this.change(op);
    this.past.push({ ...before, label: this.labelOf(op) });
    this.future = [];
  }

  change(op) {
    const plan = this.plan;
    if (op.type === "set_threshold") plan[op.layer === undefined ? "threshold" : "thresholds"] = this.cut(op.threshold, op.layer);
    if (op.type === "set_threshold" && op.layer === undefined) plan.thresholds = null;
    else if (op.type === "set_threshold") return;
    else if (op.type === "set_min_per_layer") plan.floor = op.min_per_layer;
    else if (op.type === "set_criterion") plan.criterion = op.criterion;
    else if (op.type === "set_structure") Object.assign(plan, { structure: op.structure, threshold: 0, thresholds: null, floor: 0 });
    else if (op.type === "set_compensate") plan.compensate = op.compensate;
    else if (op.type === "reset") Object.assign(plan, { threshold: 0, thresholds: null, floor: 0, pruned: new Set(), kept: new Set() });
    else this.touched(op).forEach((e) => this.edit(e, op.type));
  }

  edit(e, type) {
    const { pruned, kept } = this.plan;
    pruned.delete(e);
    kept.delete(e);
    if (type === "prune") pruned.add(e);
    if (type === "keep" || (type === "restore" && this.takes(e, this.plan.thresholds ?? this.plan.threshold))) kept.add(e);
  }

  touched({ edges, nodes }) {
    const found = new Set();
    this.edges.forEach((edge, e) => {
      const [l, s, t] = edge;
      const ends = nodes.some(([nl, i]) => (nl === l && i === s) || (nl === l + 1 && i === t));
      if (ends || edges.some((other) => other.join() === edge.join())) found.add(e);
    });
    return found;
  }

  score(kind, i) {
    return this.model.traits.scores[kind][this.plan.criterion].getFloat32(4 * i, true);
  }

  /** The cut with another threshold for one layer, or for all of them. */
  cut(threshold, layer) {
    const { thresholds, threshold: all } = this.plan;
    return layer === undefined ? threshold : this.widths.slice(1).map((_, l) => (l === layer ? threshold : thresholds?.[l] ?? all));
  }

  /** The layers that the rule looks at, and the numbers of the edges or nodes in each. */
  layers() {
    const numbers = (counts) => counts.map((count, layer) => {
      const first = counts.slice(0, layer).reduce((a, b) => a + b, 0);
      return { layer, items: Array.from({ length: count }, (_, i) => first + i) };
    });
    if (this.plan.structure === "edge") return numbers(this.widths.slice(1).map((width, l) => width * this.widths[l]));
    return this.plan.structure === "input" ? numbers(this.widths).slice(0, 1) : numbers(this.widths).slice(1, -1);
  }

  /** Whether a part is among the strongest of its layer, of equal ones the later. */
  floored(kind, i) {
    if (this.plan.floor === 0) return false;
    const peers = this.layers().find(({ items }) => items.includes(i))?.items ?? [];
    return peers.filter((j) => this.score(kind, j) > this.score(kind, i) || (this.score(kind, j) === this.score(kind, i) && j > i)).length < this.plan.floor;
  }

  takes(e, cut) {
    const below = (kind, i, layer) => this.score(kind, i) < (typeof cut === "number" ? cut : cut[layer]) && !this.floored(kind, i);
    if (this.plan.structure === "edge") return below("edge", e, this.edges[e][0]);
    const [l, s, t] = this.edges[e];
    const number = (layer, i) => this.widths.slice(0, layer).reduce((a, b) => a + b, 0) + i;
    const low = (layer, i) => below("node", number(layer, i), layer);
    if (this.plan.structure === "input") return l === 0 && low(0, s);
    return (l > 0 && low(l, s)) || (l + 2 < this.widths.length && low(l + 1, t));
  }

  /** Which edges are on, active and which nodes live, at a threshold. */
  at(threshold) {
    const { pruned, kept } = this.plan;
    const on = this.edges.map((_, e) => !pruned.has(e) && (kept.has(e) || !this.takes(e, threshold)));
    const fed = new Set(Array.from({ length: this.widths[0] }, (_, i) => `0,${i}`));
    const used = new Set(Array.from({ length: this.widths.at(-1) }, (_, i) => `${this.widths.length - 1},${i}`));
    this.edges.forEach(([l, s, t], e) => on[e] && fed.has(`${l},${s}`) && fed.add(`${l + 1},${t}`));
    for (let e = this.edges.length - 1; e >= 0; e--) {
      const [l, s, t] = this.edges[e];
      if (on[e] && used.has(`${l + 1},${t}`)) used.add(`${l},${s}`);
    }
    const active = this.edges.map(([l, s, t], e) => on[e] && fed.has(`${l},${s}`) && used.has(`${l + 1},${t}`));
    const live = this.widths.flatMap((w, l) => Array.from({ length: w }, (_, i) => fed.has(`${l},${i}`) && used.has(`${l},${i}`)));
    const cut = live.slice(-this.widths.at(-1)).includes(false);
    return { on, active, live, cut };
  }

  /** The scores that the rule looks at, of one layer or of all, lowest first. */
  ruled(layer) {
    const kind = this.plan.structure === "edge" ? "edge" : "node";
    const items = this.layers().filter((found) => layer === undefined || found.layer === layer).flatMap((found) => found.items);
    return items.map((i) => this.score(kind, i)).sort((a, b) => a - b);
  }

  /** The middles of the three widest gaps. */
  gaps(layer) {
    const values = this.ruled(layer).filter((v) => v > 0);
    const wide = values.slice(1).map((v, i) => [v / values[i], Math.sqrt(v * values[i])]).filter(([ratio]) => ratio >= 2);
    const limit = this.limit(layer) ?? Infinity;
    return wide.sort((a, b) => b[0] - a[0]).slice(0, 3).map(([, middle]) => middle).filter((middle) => middle <= limit);
  }

  limit(layer) {
    if (this.edges.length > 2000) return null;
    const values = this.ruled(layer);
    if (values.length === 0) return null;
    let [low, high] = [0, values.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.at(this.cut(values[middle], layer)).cut) high = middle;
      else low = middle;
    }
    return this.at(this.cut(values.at(-1) * 1.01, layer)).cut ? values[low] : null;
  }

  labelOf(op) {
    const first = op.edges?.[0] ?? op.nodes?.[0];
    return op.type === "set_threshold" ? `threshold ${op.threshold}` : `${op.type}${first ? ` ${first.join(" ")}` : ""}`;
  }

  measure(state) {
    const gone = state.active.reduce((sum, on, e) => sum + (on ? 0 : this.model.traits.scores.edge.l1.getFloat32(4 * e, true) ** 2), 0);
    const edges = state.active.filter(Boolean).length;
    const hidden = state.live.slice(this.widths[0], state.live.length - this.widths.at(-1)).filter(Boolean).length;
    const loss = (base) => Math.sqrt(base * base + gone / 12);
    const sure = this.model.traits.metrics.task === "classification";
    return {
      edges, nodes: hidden, parameters: 10 * edges + 1, train_loss: loss(0.0452), test_loss: loss(0.0481),
      train_accuracy: sure ? 0.983 - gone / 40 : null, test_accuracy: sure ? 0.971 - gone / 40 : null,
    };
  }

  write() {
    const { threshold, thresholds, floor, criterion, structure, compensate, pruned, kept } = this.plan;
    const state = this.at(thresholds ?? threshold);
    this.before ??= this.measure(state);
    const bits = Uint8Array.from(state.on, (on, e) =>
      Number(on) + 2 * Number(state.active[e]) + 4 * Number(kept.has(e)) + 8 * Number(pruned.has(e)));
    this.revision++;
    this.model.set("pruning", {
      revision: this.revision, edges: new DataView(bits.buffer), nodes: new DataView(Uint8Array.from(state.live, Number).buffer),
      threshold, limit: this.limit(), thresholds, min_per_layer: floor, gaps: this.gaps(),
      layers: this.layers().map(({ layer }) => ({ layer, limit: this.limit(layer), gaps: this.gaps(layer) })), criterion, structure, compensate,
      structures: ["edge", "node", "input"], compensations: ["mean", "none"],
      undo: this.past.at(-1)?.label ?? null, redo: this.future.at(-1)?.label ?? null,
      edited: threshold > 0 || thresholds !== null || floor > 0 || pruned.size + kept.size > 0,
    });
    this.model.set("metrics", { ...this.model.traits.metrics, before: this.before, now: this.measure(state) });
    this.model.set("threshold", threshold);
  }
}

