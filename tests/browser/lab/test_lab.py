"""The widget as its user meets it: trained in a notebook, pruned by hand in a real JupyterLab."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from PIL import Image, ImageStat
from playwright.sync_api import Locator, expect

from tests.browser.lab.harness import Lab

pytestmark = pytest.mark.browser

QUICKSTART = Path(__file__).parents[3] / "notebooks" / "quickstart.ipynb"

TRAIN = """
import copy
import torch
from kan_widget import KAN, KANWidget, create_dataset

def target(x):
    return torch.exp(torch.sin(torch.pi * x[:, [0]]) + x[:, [1]] ** 2)

dataset = create_dataset(target, n_var=2, train_num=400, test_num=200, seed=0)
trained = KAN(width=[2, 5, 1], grid=5, k=3, seed=0)
trained.fit(dataset, opt="LBFGS", steps=20, lamb=0.01, progress=False)
"""
# Each test has a model of its own, since pruning edits the model that it is given.
SHOW = "w = KANWidget(copy.deepcopy(trained), dataset)\nw"
SHOW_AGAIN = "w"
BUSY = """
import time
print("busy")
end = time.monotonic() + 6
while time.monotonic() < end:
    sum(range(1000))
print("done")
"""
FIT = """
import time
print("busy")
end = time.monotonic() + 10
w.model.fit(dataset, opt="Adam", steps=10**6, progress=False, callback=lambda *_: time.monotonic() < end)
print("done")
"""
# The middle of an edge, from the corner of its widget.
FROM_REGION = """edge => {
  const [box, whole] = [edge, edge.closest("[role=region]")].map((element) => element.getBoundingClientRect());
  return [box.x + box.width / 2 - whole.x, box.y + box.height / 2 - whole.y];
}"""
CELLS = [TRAIN, SHOW, SHOW_AGAIN, BUSY, FIT]
TRAIN_CELL, SHOW_CELL, SHOW_AGAIN_CELL, BUSY_CELL, FIT_CELL = range(len(CELLS))


class View:
    """One view of the widget, by its accessible names."""

    def __init__(self, region: Locator) -> None:
        self.region = region
        self.slider = region.get_by_role("slider", name="Threshold")
        self.inspector = region.get_by_role("complementary", name="Inspector")

    def button(self, name: str) -> Locator:
        return self.region.get_by_role("button", name=name, exact=True)

    def edge(self, source: str, target: str, state: str = "") -> Locator:
        """An edge, in any state or in this one."""
        name = re.compile(rf"^edge {source} to {target}, .*{state}")
        return self.region.get_by_role("option", name=name)

    def select(self, source: str, target: str) -> None:
        """Click an edge where it is drawn, also while what is above the widget grows and moves it."""
        x, y = self.edge(source, target).evaluate(FROM_REGION)
        self.region.click(position={"x": x, "y": y})

    def prune(self, source: str, target: str) -> None:
        """Click an edge, then the button that prunes it."""
        self.select(source, target)
        self.inspector.get_by_role("button", name="Prune").click()

    def drag(self, fraction: float) -> None:
        """Drag the slider's handle to this part of the widget's width."""
        handle, whole = self.slider.bounding_box(), self.region.bounding_box()
        assert handle is not None
        assert whole is not None
        mouse, height = self.region.page.mouse, handle["y"] + handle["height"] / 2
        mouse.move(handle["x"] + handle["width"] / 2, height)
        mouse.down()
        mouse.move(whole["x"] + whole["width"] * fraction, height, steps=10)
        mouse.up()


def open_and_train(lab: Lab) -> Lab:
    lab.open(CELLS)
    lab.run_cell(TRAIN_CELL)
    return lab


@pytest.fixture(scope="module")
def trained(lab: Lab) -> Lab:
    return open_and_train(lab)


@pytest.fixture
def view(trained: Lab) -> Iterator[View]:
    """A fresh widget; the test fails when the page reported an error while it ran."""
    trained.errors.clear()
    trained.run_cell(SHOW_CELL)
    yield the_view(trained, SHOW_CELL)
    assert trained.errors == []


def the_view(lab: Lab, cell: int) -> View:
    output = lab.page.locator(".jp-Cell").nth(cell).locator(".jp-OutputArea")
    region = output.get_by_role("region", name=re.compile("^Kolmogorov-Arnold network"))
    expect(region).to_be_visible()
    return View(region)


def mask(layer: int, source: int, target: int) -> str:
    return f"w.model.layers[{layer}].mask[{target}, {source}].item()"


def pruned_edges(lab: Lab) -> set[tuple[str, str]]:
    """The edges that are off in the model, by the names of their ends."""
    off = lab.value(
        "[(l, s, t) for l, layer in enumerate(w.model.layers) for t, s in (~layer.mask).nonzero().tolist()]"
    )
    return {
        (f"x{source + 1}", f"h{target + 1}") if layer == 0 else (f"h{source + 1}", "y") for layer, source, target in off
    }


def expect_the_page_to_show(view: View, pruned: set[tuple[str, str]]) -> None:
    """Wait until exactly these edges are drawn as pruned."""
    off = view.region.get_by_role("option", name=re.compile("^edge .*, pruned"))
    expect(off).to_have_count(len(pruned))
    for source, target in pruned:
        expect(view.edge(source, target, "pruned")).to_be_attached()


def test_dragging_the_slider_prunes_the_model(trained: Lab, view: View) -> None:
    view.drag(0.6)
    trained.wait_value("w.threshold > 0", True)
    shown = view.slider.get_attribute("aria-valuenow")
    assert trained.value("w.threshold") == pytest.approx(float(shown or "nan"), rel=0.01)
    pruned = pruned_edges(trained)
    assert 0 < len(pruned) < 15
    expect_the_page_to_show(view, pruned)


def test_a_clicked_edge_is_pruned_and_undo_and_redo_answer(trained: Lab, view: View) -> None:
    edge = mask(layer=0, source=1, target=2)
    assert trained.value(edge) is True
    view.prune("x2", "h3")
    trained.wait_value(edge, False)
    expect_the_page_to_show(view, {("x2", "h3")})
    view.button("Undo").click()
    trained.wait_value(edge, True)
    expect_the_page_to_show(view, set())
    view.button("Redo").click()
    trained.wait_value(edge, False)
    expect_the_page_to_show(view, {("x2", "h3")})


def test_a_threshold_set_in_a_cell_moves_the_picture(trained: Lab, view: View) -> None:
    before = view.slider.get_attribute("aria-valuetext")
    trained.run_code("w.threshold = float(w.pruning['limit']) / 2")
    pruned = pruned_edges(trained)
    assert pruned
    expect_the_page_to_show(view, pruned)
    assert view.slider.get_attribute("aria-valuetext") != before


def test_two_views_of_a_widget_agree(trained: Lab, view: View) -> None:
    trained.run_cell(SHOW_AGAIN_CELL)
    other = the_view(trained, SHOW_AGAIN_CELL)
    other.prune("x1", "h1")
    expect_the_page_to_show(other, {("x1", "h1")})
    expect_the_page_to_show(view, {("x1", "h1")})
    view.prune("x2", "h2")
    expect_the_page_to_show(other, {("x1", "h1"), ("x2", "h2")})


def edit_while_it_runs(lab: Lab, view: View, cell: int) -> None:
    lab.start_cell(cell)
    view.prune("x1", "h4")
    # The page shows what was asked at once; the model follows when it may.
    expect(view.edge("x1", "h4", "pruned")).to_be_attached()
    view.select("x2", "h1")
    lab.page.keyboard.press("Delete")
    lab.page.keyboard.press("Control+z")
    assert lab.is_running(cell), "the cell ended before the edits"
    assert lab.finish_cell(cell) == "busy\ndone"
    # Undo was asked last, so all has arrived once there is something to redo.
    lab.wait_value("w.pruning['redo'] is not None", True)
    assert pruned_edges(lab) == {("x1", "h4")}
    expect_the_page_to_show(view, {("x1", "h4")})


RUNNING = pytest.mark.parametrize("cell", [BUSY_CELL, FIT_CELL], ids=["loop", "fit"])


@RUNNING
def test_edits_while_a_cell_runs_are_not_lost(trained: Lab, view: View, cell: int) -> None:
    edit_while_it_runs(trained, view, cell)


@RUNNING
def test_nor_are_they_where_the_kernel_has_one_thread(one_thread_lab: Lab, cell: int) -> None:
    open_and_train(one_thread_lab).run_cell(SHOW_CELL)
    edit_while_it_runs(one_thread_lab, the_view(one_thread_lab, SHOW_CELL), cell)
    assert one_thread_lab.errors == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_widget_follows_the_theme(trained: Lab, view: View, theme: Literal["light", "dark"]) -> None:
    view.drag(0.4)
    trained.set_theme(theme)
    picture = Image.open(trained.screenshot(f"lab-{theme}", view.region))
    brightness = ImageStat.Stat(picture.convert("L")).mean[0]
    assert brightness > 200 if theme == "light" else brightness < 80


def test_cells_run_again_and_the_kernel_restarts(trained: Lab, view: View) -> None:
    view.prune("x1", "h1")
    trained.run_cell(SHOW_CELL)
    expect_the_page_to_show(the_view(trained, SHOW_CELL), set())
    trained.restart_kernel()
    trained.run_cell(TRAIN_CELL)
    trained.run_cell(SHOW_CELL)
    again = the_view(trained, SHOW_CELL)
    again.prune("x1", "h1")
    trained.wait_value(mask(layer=0, source=0, target=0), False)


def test_the_quickstart_runs(lab: Lab) -> None:
    lab.errors.clear()
    lab.open(QUICKSTART)
    lab.set_theme("light")
    lab.run_all()
    region = lab.page.get_by_role("region", name=re.compile("^Kolmogorov-Arnold network")).first
    region.scroll_into_view_if_needed()
    expect(region).to_be_visible()
    lab.screenshot("quickstart")
    assert lab.errors == []
