// Opens widgets on a fake model, and shows the tests what they cannot see from outside.
import { FakeModel, FakePython } from "/js/test/fake.js";
import { createTraits } from "/js/test/fixture.js";
import widget from "/kan_widget/static/widget.js";

const sheets = await (await fetch("/kan_widget/static/sheets.js")).arrayBuffer();

const views = document.getElementById("views");
const ends = [];

/** Add one more view of the model. */
function addView() {
  const el = document.createElement("div");
  el.className = "view";
  views.append(el);
  const end = widget.render({ model: window.stand.model, el });
  ends.push(() => {
    end();
    el.remove();
  });
}

window.stand = {
  model: null,
  python: null,
  addView,
  open({ traits = {}, network = {}, delay = 0, kernel = true, count = 1 } = {}) {
    const model = new FakeModel({ ...createTraits(network), ...traits });
    window.stand.model = model;
    window.stand.python = new FakePython(model, { delay });
    window.stand.python.sheets = sheets;
    if (!kernel) model.send = undefined;
    for (let i = 0; i < count; i++) addView();
  },
  /** Show a model whose Python is elsewhere: `outbox` waits to be carried there. */
  bridge(traits) {
    window.stand.model = new FakeModel({ ...createTraits(), ...traits });
    window.stand.outbox = [];
    window.stand.model.receive = (message) => window.stand.outbox.push(structuredClone(message));
    addView();
  },
  /** Take what Python says: traits that have changed, then messages. */
  hear(traits, messages) {
    Object.entries(traits).forEach(([name, value]) => window.stand.model.set(name, value));
    messages.forEach(([content, buffers]) => window.stand.model.emit("msg:custom", content, buffers));
  },
  /** Make a curve one that is no number. */
  breakCurve(edge) {
    const network = structuredClone(window.stand.model.get("network"));
    network.curve_high.setFloat32(4 * edge, NaN, true);
    window.stand.model.set("network", network);
  },
  close() {
    ends.splice(0).forEach((end) => end());
  },
};
