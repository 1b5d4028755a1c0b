"""Training in a real JupyterLab: from the widget's own sheet, and around a loop in a cell."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.lab.harness import Lab
from tests.browser.lab.test_lab import SHOW, TRAIN, View, mask, the_view

pytestmark = pytest.mark.browser

# Notes what the cell itself saw of a click: between two steps, or only once it was done.
TRACK = """
import time
optimizer = torch.optim.Adam(w.model.parameters(), lr=1e-4)
end = time.monotonic() + 6

def steps():
    while time.monotonic() < end:
        yield

print("busy")
heard = False
for _ in w.track(steps()):
    optimizer.zero_grad()
    (w.model(dataset["train_input"]) - dataset["train_label"]).square().mean().backward()
    optimizer.step()
    heard = heard or not w.model.layers[0].mask[3, 0]
print("heard" if heard else "not heard")
"""
ELSEWHERE = 'w.model.fit(dataset, opt="Adam", lr=0.01, steps=20, progress=False)'
CELLS = [TRAIN, SHOW, TRACK, ELSEWHERE]
TRAIN_CELL, SHOW_CELL, TRACK_CELL, ELSEWHERE_CELL = range(len(CELLS))


def open_lab_and_train(lab: Lab) -> Lab:
    lab.open(CELLS)
    lab.run_cell(TRAIN_CELL)
    return lab


@pytest.fixture(scope="module")
def trained(lab: Lab) -> Lab:
    return open_lab_and_train(lab)


@pytest.fixture
def view(trained: Lab) -> Iterator[View]:
    trained.errors.clear()
    trained.run_cell(SHOW_CELL)
    yield the_view(trained, SHOW_CELL)
    assert trained.errors == []


def prune_by_key(view: View, source: str, target: str) -> None:
    view.select(source, target)
    view.region.page.keyboard.press("Delete")


def test_a_fine_tune_from_the_sheet_goes_on_while_edges_are_clicked_and_can_be_undone(trained: Lab, view: View) -> None:
    # With the kernel there would be nothing left to learn before a hand gets to the edge.
    trained.run_code("import os; os.environ['KAN_WIDGET_BACKEND'] = 'torch'")
    trained.run_code("drawn = []; w.observe(lambda change: drawn.append(1), 'network')")
    weights = "w.model.layers[0].coef.detach().double().sum().item()"
    before = trained.value(weights)
    view.button("Tune").click()
    sheet = view.region.get_by_role("complementary", name="Tune")
    sheet.get_by_role("combobox", name="Unit").select_option("seconds")
    sheet.get_by_role("spinbutton", name="Seconds").fill("6")
    sheet.get_by_role("button", name="Start").click()
    expect(view.region.get_by_text("training…", exact=True)).to_be_visible()
    prune_by_key(view, "x1", "h4")
    trained.wait_value(mask(layer=0, source=0, target=3), False)
    assert trained.value("w.training['state']") == "training"
    sheet.get_by_role("button", name="Pause").click()
    trained.wait_value("w.training['state']", "paused")
    trained.screenshot("lab-tuning", view.region)
    sheet.get_by_role("button", name="Resume").click()
    trained.wait_value("w.training['state']", "idle")
    assert trained.value("len(drawn)") >= 3
    assert trained.value("[mark['label'] for mark in w.training['marks']]") == ["prune edge x1 to h4"]
    expect(sheet.get_by_role("status")).to_contain_text("Test RMSE")
    steps = trained.value("[step.label for step in w.session.history.steps]")
    assert steps[:2] == ["start", "prune edge x1 to h4"]
    assert re.fullmatch(r"fine-tune, \d+ steps?", steps[2])
    assert trained.value(weights) != before
    view.region.get_by_role("toolbar").get_by_role("button", name="Undo", exact=True).click()
    trained.wait_value(weights, before)
    assert trained.value(mask(layer=0, source=0, target=3)) is False
    view.region.get_by_role("toolbar").get_by_role("button", name="Undo", exact=True).click()
    trained.wait_value(mask(layer=0, source=0, target=3), True)


def test_clicks_during_a_loop_in_a_cell_are_not_lost(trained: Lab, view: View) -> None:
    trained.start_cell(TRACK_CELL)
    prune_by_key(view, "x1", "h4")
    heard = trained.finish_cell(TRACK_CELL) == "busy\nheard"  # a loaded machine may hear it after the loop only
    trained.wait_value(mask(layer=0, source=0, target=3), False)
    expect(view.edge("x1", "h4", "pruned")).to_be_attached()
    labels = trained.value("[step.label for step in w.session.history.steps]")[1:]
    prune, loop = labels if heard else reversed(labels)
    assert prune == "prune edge x1 to h4"
    assert re.fullmatch(r"own loop, \d+ steps", loop)


def test_where_the_kernel_has_one_thread_clicks_wait_for_the_end_of_the_loop(one_thread_lab: Lab) -> None:
    lab = open_lab_and_train(one_thread_lab)
    lab.run_cell(SHOW_CELL)
    view = the_view(lab, SHOW_CELL)
    lab.start_cell(TRACK_CELL)
    prune_by_key(view, "x1", "h4")
    assert lab.finish_cell(TRACK_CELL) == "busy\nnot heard"
    lab.wait_value(mask(layer=0, source=0, target=3), False)
    assert lab.errors == []


def test_a_model_that_a_cell_has_trained_is_noticed(trained: Lab, view: View) -> None:
    trained.run_cell(ELSEWHERE_CELL)
    notice = view.region.get_by_text("The model was changed elsewhere: other weights")
    expect(notice).to_be_visible()
    loss = trained.value("w.metrics['now']['test_loss']")
    view.button("Refresh").click()
    expect(notice).to_have_count(0)
    assert trained.value("w.metrics['now']['test_loss']") != loss
