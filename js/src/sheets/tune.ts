import { html, nothing } from "lit-html";
import type { TemplateResult } from "lit-html";
import { formatChange, formatCount, formatLoss, formatShare } from "../format";
import { memo } from "../memo";
import type { Sheet, SheetContext } from "../sheet";
import { at } from "../topology";
import type { Measure, Op } from "../wire";
import { losses, scales } from "./losses";
import { decodeTraining, formatTime, shareDone, type Training } from "./training";

type Kind = "fine-tune" | "auto-prune";

interface State {
  kind?: Kind;
  unit?: "steps" | "seconds";
  /** What is written in the fields. */
  steps?: number;
  seconds?: number;
  percent?: number;
  /** Whether losses lie on a logarithmic scale; null as they ask for. */
  log?: boolean | null;
  hovered?: number | null;
  /** What was told when something was asked for that is still unanswered. */
  asked?: { readonly told: unknown };
  decode?: (value: unknown) => Training | null;
}

const KINDS: readonly (readonly [Kind, string])[] = [["fine-tune", "Fine-tune"], ["auto-prune", "Auto-prune"]];
const NAMES: Readonly<Record<string, string>> = {
  "fine-tune": "Fine-tune", train: "Training", "auto-prune": "Auto-prune", loop: "A loop of your own",
};
const STATES: Readonly<Record<string, string>> = {
  training: "Training. Edits are made between two steps.",
  pausing: "Pausing after this step…",
  paused: "Paused. Edits are made at once.",
  stopping: "Stopping after this step…",
};

/** What a form asks for. */
function orderOf(state: State): Op {
  if (state.kind === "auto-prune") return { type: "auto_prune", budget: (state.percent ?? 2) / 100 };
  return state.unit === "seconds" ? { type: "fine_tune", seconds: state.seconds ?? 10 } : { type: "fine_tune", steps: state.steps ?? 20 };
}

/** Why a form cannot be sent; empty if it can. */
function obstacle({ snapshot, store }: SheetContext, state: State): string {
  const now = snapshot.metrics?.now;
  if (store.alone) return "This needs a running kernel.";
  if (!now || now.trainLoss === null) return "Training needs labels: give the widget (x, y) or (x, y, x_test, y_test).";
  if (state.kind === "auto-prune" && now.testLoss === null) return "Auto-prune is judged on held-out rows: give the widget (x, y, x_test, y_test).";
  return "";
}

function about({ snapshot }: SheetContext, state: State): string {
  const { pruning, metrics } = snapshot;
  if (state.kind === "auto-prune") {
    return `Cuts the weakest ${pruning.structure}s by ${pruning.criterion.replaceAll("_", " ")}, tunes, and goes back where that cost too much. What you keep stays.`;
  }
  return metrics?.now.testLoss === null ? "Trains what is left. Nothing is held out to judge by, so the last step stays."
    : "Trains what is left. The step that does best on held-out rows stays; if none does better, nothing changes.";
}

function field(
  context: SheetContext, name: "steps" | "seconds" | "percent", label: string, value: number, range: readonly [number, number], start: () => void,
): TemplateResult {
  const state = context.state as State;
  return html`<input type="number" aria-label=${label} title=${label} min=${range[0]} max=${range[1]} step="any" .value=${String(value)}
    @change=${(event: Event) => {
      const input = event.target as HTMLInputElement;
      const asked = Math.min(range[1], Math.max(range[0], input.valueAsNumber));
      state[name] = Number.isFinite(asked) ? (name === "steps" ? Math.round(asked) : asked) : value;
      input.value = String(state[name]);
      context.request();
    }} @keydown=${(event: KeyboardEvent) => {
      if (event.key !== "Enter") return;
      (event.target as HTMLInputElement).dispatchEvent(new Event("change"));
      start();
    }} />`;
}

function form(context: SheetContext, state: State, start: () => void, first: boolean): TemplateResult {
  const kind = state.kind ?? "fine-tune";
  const loss = context.snapshot.metrics?.loss ?? "loss";
  const seconds = state.unit === "seconds";
  return html`<div class="segments" role="radiogroup" aria-label="What to do">
      ${KINDS.map(([name, label]) => html`<label class="segment"><input type="radio" name="tune" aria-label=${label} .checked=${name === kind}
        @change=${() => {
          state.kind = name;
          context.request();
        }} /><span>${label}</span></label>`)}
    </div>
    ${first ? html`<p class="about">${about(context, { ...state, kind })}</p>` : nothing}
    ${kind === "auto-prune"
      ? html`<div class="asked"><span>Let test ${loss} rise by at most</span>${field(context, "percent", "Budget in percent", state.percent ?? 2, [0, 1000], start)}<span>%</span></div>`
      : html`<div class="asked"><span>For</span>${seconds
        ? field(context, "seconds", "Seconds", state.seconds ?? 10, [1, 86400], start)
        : field(context, "steps", "Steps", state.steps ?? 20, [1, 100000], start)}
        <select aria-label="Unit" title="Unit" @change=${(event: Event) => {
          state.unit = (event.target as HTMLSelectElement).value as "steps" | "seconds";
          context.request();
        }}>${(["steps", "seconds"] as const).map((unit) => html`<option value=${unit} ?selected=${(unit === "seconds") === seconds}>${unit}</option>`)}</select></div>`}`;
}

/** How far a training is. */
function course(training: Training): TemplateResult {
  const share = shareDone(training);
  const steps = training.steps === null ? `step ${formatCount(training.step)}` : `step ${formatCount(training.step)} of ${formatCount(training.steps)}`;
  const left = training.left === null ? "" : ` · about ${formatTime(training.left)} left`;
  return html`<div class="course"><b>${NAMES[training.kind] ?? training.kind}</b><span>${steps}${
    training.state === "training" ? left : ` · ${training.state}`}</span></div>
    <div class="progress" role="progressbar" aria-label="Progress" aria-valuemin="0" aria-valuemax="100"
      aria-valuenow=${share === null ? nothing : Math.round(100 * share)}><i style=${`width:${100 * (share ?? 0)}%`}></i></div>`;
}

/** A number before and now. */
function row(label: string, before: string, now: string, change: string): TemplateResult {
  const moved = before !== now;
  return html`<tr><th scope="row">${label}</th><td>${moved ? before : ""}</td><td aria-hidden="true">${moved ? "→" : ""}</td>
    <td><b>${now}</b></td><td class="by">${moved ? change : ""}</td></tr>`;
}

function table(training: Training, now: Measure, loss: string): TemplateResult {
  const { before } = training;
  const point = training.at.length - 1;
  const live = (of: Float32Array): number | null => (Number.isFinite(at(of, point)) ? at(of, point) : null);
  const after = training.after ?? { ...now, trainLoss: live(training.train), testLoss: live(training.test) };
  const losses = (label: string, a: number | null, b: number | null): TemplateResult | typeof nothing =>
    a === null || b === null ? nothing : row(`${label} ${loss}`, formatLoss(a), formatLoss(b), formatChange(a, b));
  return html`<table><caption>Before and ${training.after ? "after" : "now"}</caption><tbody>
    ${row("edges", formatCount(before.edges), formatCount(after.edges), "")}
    ${losses("test", before.testLoss, after.testLoss)}
    ${before.testAccuracy === null || after.testAccuracy === null ? nothing
      : row("test accuracy", formatShare(before.testAccuracy), formatShare(after.testAccuracy), "")}
    ${losses("training", before.trainLoss, after.trainLoss)}
  </tbody></table>`;
}

/** What is read where the pointer is, or what the lines are. */
function legend(context: SheetContext, state: State, training: Training, log: boolean): TemplateResult {
  const index = state.hovered ?? -1;
  const here = index >= 0 && index < training.at.length;
  const value = (of: Float32Array): string => (here && Number.isFinite(at(of, index)) ? formatLoss(at(of, index)) : "");
  const tested = Array.from(training.test).some(Number.isFinite);
  return html`<div class="keys"><span><i class="train"></i>training <b>${value(training.train)}</b></span>
    ${tested ? html`<span><i></i>test <b>${value(training.test)}</b></span>` : nothing}
    ${training.limit === null ? nothing : html`<span><i class="allowed"></i>allowed</span>`}
    <button class="button quiet" aria-pressed=${log} title="Losses on a logarithmic scale" @click=${() => {
      state.log = !log;
      context.request();
    }}>log</button></div>`;
}

function eventList(training: Training): TemplateResult | typeof nothing {
  if (training.events.length === 0) return nothing;
  return html`<ol class="events" aria-label="Edits">${training.events.slice(-8).reverse().map(({ step, label, kept }) =>
    html`<li class=${kept === false ? "back" : ""}><span class="at">${formatCount(step)}</span><span class="label">${label}</span>${
      kept === null ? nothing : html`<span class="how">${kept ? "kept" : "taken back"}</span>`}</li>`)}</ol>`;
}

/** Train what is left, or let it prune by itself, and watch. */
export const tune: Sheet = {
  styles: `
.tune .segments{align-self:flex-start;flex:none}
.tune .asked{display:flex;flex-wrap:wrap;align-items:center;gap:8px}
.tune input[type=number]{width:72px;height:28px;padding:0 8px;border:1px solid var(--edge);border-radius:6px;background:var(--bg);color:var(--ink);
  font:inherit;font-variant-numeric:tabular-nums;text-align:right;appearance:textfield}
.tune input::-webkit-inner-spin-button{display:none}
.tune .orders{display:flex;gap:8px;position:sticky;bottom:-16px;margin:auto 0 -16px;padding:8px 0 16px;background:var(--bg)}
.tune .orders .button{min-width:80px}
.tune .course{display:flex;justify-content:space-between;gap:8px}
.tune .course span,.tune .keys,.tune th,.tune .by{color:var(--mute)}
.tune .progress{flex:none;height:2px;border-radius:1px;background:var(--line);overflow:hidden}
.tune .progress i{display:block;height:100%;background:var(--ink);transition:width .1s linear}
.tune .failed{padding:8px 12px;border:1px solid var(--cut);border-radius:6px;background:var(--cut-bg);overflow-wrap:anywhere}
.tune .keys{display:flex;align-items:center;gap:12px;white-space:nowrap}
.tune .keys i{display:inline-block;width:16px;height:2px;margin:0 6px 4px 0;border-radius:1px;background:var(--accent)}
.tune .keys .train{background:var(--ink)}
.tune .keys .allowed{background:repeating-linear-gradient(90deg,var(--cut) 0 4px,transparent 4px 6px)}
.tune .keys b{color:var(--ink)}
.tune .keys .button{height:24px;margin-left:auto;padding:0 8px}
.losses{display:block;flex:none;width:100%;max-width:400px;border:1px solid var(--line);border-radius:6px;background:var(--panel)}
.losses .rule{stroke:var(--line)}
.losses .axis{stroke:var(--edge)}
.losses path{fill:none;stroke-width:2;stroke-linejoin:round}
.losses .train{stroke:var(--ink)}
.losses .test{stroke:var(--accent)}
.losses .limit{stroke:var(--cut);stroke-dasharray:4 3}
.losses .event line{stroke:var(--faint);stroke-opacity:.6}
.losses .event circle{fill:var(--mute);stroke:var(--panel);stroke-width:1.5}
.losses .kept line,.losses .back line{stroke:var(--cut)}
.losses .kept circle{fill:var(--cut)}
.losses .back line{stroke-dasharray:2 3}
.losses .back circle{fill:var(--panel);stroke:var(--cut)}
.losses .ruler{stroke:var(--ink);stroke-opacity:.4}
.losses .dot{stroke:var(--panel);stroke-width:1.5}
.losses .dot.train{fill:var(--ink)}
.losses .dot.test{fill:var(--accent)}
.tune table{border-collapse:collapse;width:100%;max-width:400px}
.tune caption{position:absolute;clip-path:inset(50%)}
.tune th{padding:2px 8px 2px 0;font-weight:400;text-align:left}
.tune td{padding:2px 0 2px 8px;text-align:right;white-space:nowrap}
.tune .by{width:72px}
.tune .events{list-style:none;margin:0;padding:8px 0 0;border-top:1px solid var(--line)}
.tune .events li{display:flex;gap:8px;padding:2px 0}
.tune .events .at{flex:none;min-width:32px;color:var(--faint);text-align:right}
.tune .events .label{flex:1;min-width:0;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.tune .events .how{flex:none;color:var(--mute)}
.tune .back .label{color:var(--mute);text-decoration:line-through}
`,
  draw(context) {
    const state = context.state as State;
    const { snapshot, store, wire } = context;
    state.decode ??= memo(decodeTraining);
    const told = wire.read("training");
    const training = state.decode(told);
    const busy = training !== null && training.state !== "idle";
    const asked = store.pending && state.asked !== undefined && state.asked.told === told;
    const blocked = asked ? "Python has been asked" : busy ? "" : obstacle(context, state);
    const loss = snapshot.metrics?.loss ?? "loss";
    const ask = (op: Op): void => {
      if (asked) return;
      state.asked = { told };
      store.ask(op);
    };
    const start = (): void => {
      if (!busy && !blocked) ask(orderOf(state));
    };
    const resting = training?.state === "paused" || training?.state === "pausing";
    const undoable = !busy && training !== null && training.kept > 0 && training.revision === snapshot.pruning.revision;
    const s = training && scales(training, state.log ?? null);
    const first = !busy ? "Start" : resting ? "Resume" : "Pause";
    const words = busy ? STATES[training?.state ?? ""] : obstacle(context, state) || training?.message;
    const said = words ? html`<p class=${!busy && training?.failed ? "failed" : "about"} role="status">${words}</p>` : nothing;
    const numbers = training && (training.after || busy) ? table(training, snapshot.metrics?.now ?? training.before, loss) : nothing;
    const picture = training && s && training.at.length > 0 ? html`${legend(context, state, training, s.log)}
      ${losses(training, s, loss, state.hovered ?? null, (index) => {
        state.hovered = index;
        context.request();
      })}` : nothing;
    return html`${busy && training ? html`${course(training)}${picture}${numbers}${said}` : html`${form(context, state, start, training === null)}${said}${numbers}${picture}`}
      ${training ? eventList(training) : nothing}
      <div class="orders"><button class="button" aria-disabled=${blocked !== "" || training?.state === "stopping"} title=${
        blocked || (busy ? "Edits are made meanwhile either way" : "Start (Enter in the field)")} @click=${() => {
        if (!busy) start();
        else if (training?.state !== "stopping") ask({ type: resting ? "resume" : "pause" });
      }}>${first}</button>
      ${busy ? html`<button class="button" aria-disabled=${asked || training?.state === "stopping"} title="End after this step; what was best stays"
          @click=${() => ask({ type: "stop" })}>Stop</button>`
        : undoable ? html`<button class="button" title="Back to the network before" @click=${() => ask({ type: "jump", position: training.start })}>Undo</button>` : nothing}
      </div>`;
  },
};
