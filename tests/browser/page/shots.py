"""Pictures of the widget in every state that matters: `python tests/browser/page/shots.py`."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.browser.page.harness import ROOT, Stand, serve

OUT = ROOT / "tests" / "browser" / "screenshots"
CUT = {"type": "set_threshold", "threshold": 0.01}


def plain(stand: Stand) -> None:
    stand.page.mouse.move(2, 2)


def dragged(stand: Stand) -> None:
    stand.slider.focus()
    stand.drag_slider(420, drop=False)


def edge(stand: Stand) -> None:
    stand.edge("x1", "h1").click()
    plain(stand)


def only_edge(stand: Stand) -> None:
    stand.edge("x1", "y").click()
    plain(stand)


def node(stand: Stand) -> None:
    stand.node("h1").click()
    plain(stand)


def history(stand: Stand) -> None:
    stand.button("History").click()
    stand.page.get_by_role("list", name="States").wait_for()
    stand.page.get_by_role("button", name="prune edge h2 to y").click(modifiers=["Shift"])
    plain(stand)


def tune(stand: Stand) -> None:
    stand.button("Tune").click()
    stand.page.get_by_role("radiogroup", name="What to do").wait_for()
    plain(stand)


def tuning(stand: Stand) -> None:
    tune(stand)
    stand.button("Start").click()
    stand.python("python.training.tick(6);")
    stand.edge("x2", "h3").click()
    stand.page.keyboard.press("Delete")
    stand.page.keyboard.press("Escape")
    stand.button("Tune").click()
    stand.python("python.training.tick(7);")
    box = stand.page.get_by_role("img", name="Losses over").bounding_box()
    assert box is not None
    stand.page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.5 * box["height"])


def tuned(stand: Stand) -> None:
    tune(stand)
    stand.button("Start").click()
    stand.python("python.training.tick(20);")
    plain(stand)


def tune_paused(stand: Stand) -> None:
    tune(stand)
    stand.page.get_by_role("combobox", name="Unit").select_option("seconds")
    stand.button("Start").click()
    stand.python("python.training.tick(9);")
    stand.button("Pause").click()
    plain(stand)


def auto_pruning(stand: Stand) -> None:
    tune(stand)
    stand.page.get_by_role("radio", name="Auto-prune").check()
    stand.button("Start").click()
    stand.python("python.training.tick(34);")
    plain(stand)


def tune_failed(stand: Stand) -> None:
    tune(stand)
    stand.button("Start").click()
    ended = "{ state: 'idle', failed: true, message: 'lr must be positive; got 0' }"
    stand.python(f"python.training.tick(2); python.training.tell({ended});")
    plain(stand)


def changed(stand: Stand) -> None:
    found = "other weights (test loss 0.0481 → 0.0312), 1 edge switched off"
    text = f"The model was changed elsewhere: {found}. Curves and scores are from before."
    stand.set_trait("notice", {"id": "1", "kind": "info", "text": text, "offer": "refresh"})
    plain(stand)


def save(stand: Stand) -> None:
    pruned(stand)
    stand.button("Save").click()
    stand.page.get_by_role("img", name="The picture to be saved").wait_for()
    plain(stand)


def save_large(stand: Stand) -> None:
    stand.button("Save").click()
    stand.page.get_by_role("img", name="The picture to be saved").wait_for()
    stand.page.get_by_label("Transparent").check()
    stand.page.get_by_role("radio", name="Dark").check()
    plain(stand)


def table(stand: Stand) -> None:
    stand.button("Table").click()
    stand.page.get_by_role("grid").wait_for()
    plain(stand)


def searched(stand: Stand) -> None:
    table(stand)
    stand.page.get_by_role("searchbox").fill("x3 score>0.001")
    stand.page.get_by_role("row").nth(2).click()
    stand.page.get_by_role("row").nth(4).click(modifiers=["Shift"])
    plain(stand)


def unfound(stand: Stand) -> None:
    table(stand)
    stand.page.get_by_role("searchbox").fill("x99 -> h2")


def cut_table(stand: Stand) -> None:
    pruned(stand)
    table(stand)
    stand.drag_slider(60, drop=False)


def inputs(stand: Stand) -> None:
    stand.button("Input map").click()
    stand.page.get_by_role("complementary", name="Input map").get_by_role("button", name="Prune").wait_for()
    plain(stand)


def cut_inputs(stand: Stand) -> None:
    inputs(stand)
    stand.page.get_by_role("radio", name="Inputs").click(force=True)
    stand.drag_slider(500, drop=True)
    stand.drag_slider(120, drop=False)


def chosen_inputs(stand: Stand) -> None:
    inputs(stand)
    box = stand.page.get_by_role("listbox", name="Importance of").bounding_box()
    assert box is not None
    stand.page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    stand.page.mouse.down()
    stand.page.mouse.move(box["x"] + 0.45 * box["width"], box["y"] + 0.5 * box["height"], steps=3)
    stand.page.mouse.up()
    stand.page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.4 * box["height"])


def layers(stand: Stand) -> None:
    stand.button("Layers").click()
    stand.page.get_by_role("list", name="Layers").wait_for()
    plain(stand)


def by_layer(stand: Stand) -> None:
    layers(stand)
    stand.page.get_by_role("switch", name="Linked").click()
    grip = stand.page.get_by_role("slider", name="Cut of layer 0")
    for _ in range(5):
        grip.press("ArrowRight")
    box = stand.page.get_by_role("slider", name="Cut of layer 1").bounding_box()
    assert box is not None
    stand.page.mouse.move(box["x"] + 12, box["y"] + 12)
    stand.page.mouse.down()
    stand.page.mouse.move(box["x"] + 150, box["y"] + 12, steps=4)


def cut_by_layer(stand: Stand) -> None:
    by_layer(stand)
    stand.page.mouse.up()
    stand.page.get_by_role("spinbutton", name="At least per layer").fill("3")
    stand.page.keyboard.press("Enter")
    plain(stand)


def criteria(stand: Stand) -> None:
    stand.button("Criteria").click()
    stand.page.get_by_text("at random, area").wait_for()
    plain(stand)


def cut_criteria(stand: Stand) -> None:
    pruned(stand)
    criteria(stand)
    stand.page.get_by_role("listbox", name="Edges by their ranks").click(position={"x": 215, "y": 9})
    stand.drag_slider(160, drop=False)


def several(stand: Stand) -> None:
    stand.edge("x1", "h1").click()
    stand.edge("x2", "h1").click(modifiers=["Shift"])
    stand.node("h4").click(modifiers=["Shift"])
    plain(stand)


def pruned(stand: Stand) -> None:
    stand.python(f"python.apply({CUT}); python.write();".replace("'", '"'))
    stand.edge("h4", "y").click()
    stand.page.keyboard.press("k")
    stand.edge("x2", "h1").click()
    stand.page.keyboard.press("Delete")
    stand.page.keyboard.press("Escape")
    plain(stand)


def gone_edge(stand: Stand) -> None:
    pruned(stand)
    stand.edge("x1", "h3").click()
    plain(stand)


def error(stand: Stand) -> None:
    reason = "cannot prune edge h1 to y: output y would lose its last edge; restore another first"
    stand.python(f'python.refuse = "{reason}";')
    stand.edge("h1", "y").click()
    stand.page.keyboard.press("Delete")
    plain(stand)


def dead(stand: Stand) -> None:
    stand.edge("h2", "y").click()
    stand.page.keyboard.press("Delete")
    stand.page.keyboard.press("Escape")
    plain(stand)


def waiting(stand: Stand) -> None:
    stand.python("python.hold = true;")
    stand.edge("x2", "h3").click()
    stand.page.keyboard.press("Delete")
    stand.edge("x2", "h5").click()
    stand.page.keyboard.press("Delete")
    stand.page.wait_for_timeout(600)


def help_open(stand: Stand) -> None:
    stand.button("Help").click()
    plain(stand)


def zoomed(stand: Stand) -> None:
    stand.diagram.focus()
    box = stand.diagram.bounding_box()
    assert box is not None
    stand.page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.7 * box["height"])
    for _ in range(8):
        stand.page.mouse.wheel(0, -120)
    stand.settle()


def halfway(stand: Stand) -> None:
    stand.slider.focus()
    stand.drag_slider(620, drop=False)


def focused(stand: Stand) -> None:
    stand.node("h2").focus()
    stand.page.keyboard.press("ArrowDown")


def metrics(stand: Stand) -> None:
    stand.python(f"python.apply({CUT}); python.write();".replace("'", '"'))
    stand.button("Metrics").click()
    stand.page.get_by_role("table", name="Metrics by rows").wait_for()
    stand.button("Measure speed").click()
    stand.button("Measure again").wait_for()
    plain(stand)


def metrics_at_first(stand: Stand) -> None:
    stand.metrics.click()
    stand.page.get_by_role("table", name="Metrics by rows").wait_for()
    plain(stand)


def metrics_failed(stand: Stand) -> None:
    stand.python("""python.answers.metrics = python.answers.efficiency = undefined;""")
    stand.page.keyboard.press("m")
    stand.button("Metrics").click()
    stand.page.get_by_text("unknown question").first.wait_for()
    plain(stand)


def output(stand: Stand) -> None:
    stand.node("y").click()
    stand.page.get_by_role("group", name="Formula").wait_for()
    plain(stand)


def worth(stand: Stand) -> None:
    stand.node("h2").click()
    stand.page.get_by_text("not distinguishable").wait_for()
    plain(stand)


Act = Callable[[Stand], None]
CLASSES = {"network": {"widths": [64, 16, 10], "task": "classification"}}
SHOTS: dict[str, tuple[Act, dict[str, Any]]] = {
    "fresh": (plain, {}),
    "dragged": (dragged, {}),
    "edge": (edge, {}),
    "edge-alone": (edge, {"kernel": False}),
    "node": (node, {}),
    "several": (several, {}),
    "pruned": (pruned, {}),
    "gone-edge": (gone_edge, {}),
    "dead": (dead, {}),
    "error": (error, {}),
    "waiting": (waiting, {}),
    "help": (help_open, {}),
    "focus": (focused, {}),
    "narrow": (dragged, {"width": 480}),
    "history": (history, {}),
    "narrow-history": (history, {"width": 480}),
    "tune": (tune, {}),
    "tuning": (tuning, {}),
    "tuned": (tuned, {}),
    "tune-paused": (tune_paused, {}),
    "auto-pruning": (auto_pruning, {}),
    "tune-failed": (tune_failed, {}),
    "narrow-tuning": (tuning, {"width": 480}),
    "changed": (changed, {}),
    "narrow-changed": (changed, {"width": 480}),
    "save": (save, {"height": 720}),
    "save-64-16-10": (save_large, {"network": {"widths": [64, 16, 10]}}),
    "narrow-save": (save, {"width": 480}),
    "narrow-edge": (edge, {"width": 480}),
    "notebook": (edge, {"width": 896, "height": 480}),
    "1-1": (only_edge, {"network": {"widths": [1, 1]}}),
    "10-5-1": (plain, {"network": {"widths": [10, 5, 1]}}),
    "4-6-3-1": (halfway, {"network": {"widths": [4, 6, 3, 1], "task": "classification"}}),
    "64-16-10": (halfway, {"network": {"widths": [64, 16, 10], "task": "classification"}}),
    "64-16-10-zoomed": (zoomed, {"network": {"widths": [64, 16, 10], "task": "classification"}}),
    "30-20-10": (plain, {"network": {"widths": [30, 20, 10]}}),
    "100-16-10": (plain, {"network": {"widths": [100, 16, 10]}}),
    "80-80-45": (halfway, {"network": {"widths": [80, 80, 45]}}),
    "right-784-64-10": (plain, {"network": {"widths": [784, 64, 10]}, "traits": {"orientation": "right"}}),
    "784-64-10": (halfway, {"network": {"widths": [784, 64, 10], "task": "classification"}}),
    "table": (table, {}),
    "table-cut": (cut_table, {}),
    "table-64-16-10": (searched, {"network": {"widths": [64, 16, 10]}}),
    "table-784-64-10": (table, {"network": {"widths": [784, 64, 10]}}),
    "table-empty": (unfound, {}),
    "narrow-table": (searched, {"width": 480, "network": {"widths": [64, 16, 10]}}),
    "inputs": (chosen_inputs, {"network": {"widths": [784, 16, 10], "shape": [28, 28]}}),
    "inputs-cut": (cut_inputs, {"network": {"widths": [784, 16, 10], "shape": [28, 28]}}),
    "inputs-bars": (inputs, {"network": {"widths": [64, 16, 10]}}),
    "narrow-inputs": (chosen_inputs, {"width": 480, "network": {"widths": [64, 16, 10], "shape": [8, 8]}}),
    "layers": (layers, {}),
    "layers-dragged": (by_layer, {}),
    "layers-cut": (cut_by_layer, {}),
    "layers-784-64-10": (by_layer, {"network": {"widths": [784, 64, 10]}}),
    "layers-4-6-3-1": (cut_by_layer, {"network": {"widths": [4, 6, 3, 1]}}),
    "narrow-layers": (by_layer, {"width": 480}),
    "criteria": (criteria, {}),
    "criteria-cut": (cut_criteria, {}),
    "criteria-784-64-10": (criteria, {"network": {"widths": [784, 64, 10], "task": "classification"}}),
    "narrow-criteria": (criteria, {"width": 480}),
    "metrics": (metrics, {}),
    "metrics-first": (metrics_at_first, {}),
    "metrics-classes": (metrics, CLASSES | {"height": 760}),
    "metrics-failed": (metrics_failed, {}),
    "narrow-metrics": (metrics, {"width": 480, "height": 760}),
    "output": (output, {}),
    "worth": (worth, {}),
    "narrow-output": (output, {"width": 480}),
    "narrow-worth": (worth, {"width": 480}),
    "right": (edge, {"traits": {"orientation": "right"}}),
    "right-10-5-1": (plain, {"network": {"widths": [10, 5, 1]}, "traits": {"orientation": "right"}}),
}


def shoot(browser: Browser, site: str, theme: str, name: str, act: Act, options: dict[str, Any]) -> None:
    options = dict(options)
    width = options.pop("width", 988)
    height = options.pop("height", 600)
    traits = {"theme": theme, "height": height, **options.pop("traits", {})}
    context = browser.new_context(
        viewport={"width": width, "height": height + 48}, device_scale_factor=1.5, locale="en-US"
    )
    stand = Stand(context.new_page(), site)
    if width < 600:
        stand.page.add_style_tag(content="body { padding: 0 }")
    stand.page.evaluate("theme => document.body.classList.toggle('dark', theme === 'dark')", theme)
    stand.open(traits=traits, **options)
    act(stand)
    stand.page.wait_for_timeout(250)
    stand.page.screenshot(path=OUT / f"{name}-{theme}.png")
    for said in stand.errors:
        print(f"{name}-{theme}: {said}", file=sys.stderr)
    context.close()


def main(wanted: list[str]) -> None:
    OUT.mkdir(exist_ok=True)
    path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    with serve() as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        for name, (act, options) in SHOTS.items():
            if wanted and name not in wanted:
                continue
            for theme in ("light", "dark"):
                shoot(browser, site, theme, name, act, options)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
