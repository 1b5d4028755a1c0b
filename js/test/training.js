// A training that the fake Python goes through, a step at a time or by the clock.
import { random } from "./fixture.js";

const view = (values) => new DataView(Float32Array.from(values).buffer);

export class FakeTraining {
  /** @param {import("./fake.js").FakePython} python */
  constructor(python) {
    this.python = python;
    this.told = null;
    this.next = random(3);
    this.curves = null;
    this.timer = 0;
  }

  get busy() {
    return this.told !== null && this.told.state !== "idle";
  }

  fault(ops) {
    const starts = ops.some(({ type }) => type === "fine_tune" || type === "auto_prune");
    return starts && this.busy ? "the network is being trained; stop that first, or wait for its end" : "";
  }

  /** Take an order; true when it was about training. */
  apply(op) {
    if (op.type === "fine_tune") this.begin("fine-tune", { steps: op.steps ?? null, budget: op.seconds ?? null });
    else if (op.type === "auto_prune") this.begin("auto-prune", { limit: (1 + op.budget) * this.measure().test_loss });
    else if (op.type === "pause") this.tell({ state: "paused" });
    else if (op.type === "resume") this.tell({ state: "training" });
    else if (op.type === "stop") this.end("Stopped by hand. ");
    else if (op.type === "refresh") this.python.model.set("notice", {});
    else if (op.type === "jump") this.python.past.pop();
    else {
      if (this.busy) this.marks.push({ step: this.told.step, label: this.python.labelOf(op), kept: null });
      return false;
    }
    return true;
  }

  measure() {
    return this.python.measure(this.python.at(this.python.plan.threshold));
  }

  begin(kind, more) {
    const before = this.measure();
    this.points = [[0, before.train_loss, before.test_loss]];
    this.marks = [];
    this.told = {
      kind, step: 0, steps: null, seconds: 0, budget: null, left: null, limit: null, message: "", failed: false, kept: 0,
      start: this.python.past.length, revision: null, before, after: null, ...more,
    };
    this.tell({ state: "training" });
  }

  /** Go on by so many steps; the curves move. */
  tick(steps = 1) {
    for (let i = 0; i < steps && this.told.state === "training"; i++) {
      const step = this.told.step + 1;
      const { train_loss: from, test_loss: other } = this.told.before;
      const falling = 0.12 + 0.88 * Math.exp(-step / 5);
      this.points.push([step, from * falling * (1 + 0.05 * this.next()), other * (falling + 0.06 + 0.012 * Math.max(0, step - 14)) * (1 + 0.08 * this.next())]);
      Object.assign(this.told, { step, seconds: 0.4 * step });
      if (this.told.kind === "auto-prune" && step % 10 === 1) this.marks.push({ step: step - 1, label: `prune ${[4, 2, 1][this.marks.length % 3]} edges`, kept: null });
      if (this.told.kind === "auto-prune" && step % 10 === 0) this.marks[this.marks.length - 1].kept = this.marks.length % 2 === 1;
      if (step === this.told.steps) return this.end("");
    }
    this.move();
    const { steps: most, step, budget, seconds } = this.told;
    this.tell({ left: most ? 0.4 * (most - step) : budget ? budget - seconds : null });
  }

  /** Give the network other curves, as after some learning. */
  move() {
    const { model } = this.python;
    const network = model.get("network");
    this.curves ??= network.curves;
    const size = this.curves.byteLength / (network.points * this.python.edges.length);
    const curves = size === 1 ? new Uint8Array(this.curves.byteLength) : new Uint16Array(this.curves.byteLength / 2);
    const most = 256 ** size - 1;
    for (let i = 0; i < curves.length; i++) {
      const value = (size === 1 ? this.curves.getUint8(i) : this.curves.getUint16(2 * i, true)) / most;
      curves[i] = most * value ** (1 + 0.6 * Math.sin(this.told.step / 4 + Math.floor(i / network.points)));
    }
    model.set("network", { ...network, curves: new DataView(curves.buffer) });
  }

  end(words) {
    const { test_loss: loss } = this.told.before;
    const best = this.points.reduce((a, b) => (b[2] < a[2] ? b : a));
    const after = { ...this.measure(), train_loss: best[1], test_loss: best[2] };
    this.python.past.push({ ...this.python.plan, label: `${this.told.kind}, ${best[0]} steps` });
    const undone = this.told.step - best[0];
    const message = `${words}Test RMSE ${loss.toPrecision(3)} → ${best[2].toPrecision(3)} after ${best[0]} steps.${
      undone > 0 ? ` The ${undone} steps after that did worse and were taken back.` : ""}`;
    this.python.write();
    this.tell({ state: "idle", left: null, after, kept: best[0], message, revision: this.python.revision });
  }

  tell(more) {
    Object.assign(this.told, more);
    const column = (i) => view(this.points.map((point) => point[i]));
    const { model } = this.python;
    const [, train_loss, test_loss] = this.points[this.points.length - 1];
    model.set("metrics", { ...model.get("metrics"), now: this.told.after ?? { ...this.measure(), train_loss, test_loss } });
    model.set("training", { ...this.told, at: column(0), train: column(1), test: column(2), marks: [...this.marks] });
  }

  /** Go on by the clock. */
  run(milliseconds = 100) {
    this.timer = setInterval(() => (this.busy ? this.tick() : clearInterval(this.timer)), milliseconds);
  }
}
