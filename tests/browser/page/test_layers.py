"""Thresholds layer by layer, floors and gaps, in the page."""

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.page.harness import Stand, box_of

pytestmark = pytest.mark.browser


def open_sheet(stand: Stand) -> Locator:
    stand.button("Layers").click()
    panel = stand.page.get_by_role("complementary", name="Layers")
    expect(panel.get_by_role("list", name="Layers").get_by_role("listitem")).to_have_count(2)
    return panel


def grip(stand: Stand, layer: int) -> Locator:
    return stand.page.get_by_role("slider", name=f"Cut of layer {layer}")


def unlink(stand: Stand) -> None:
    stand.page.get_by_role("switch", name="Linked").click()


def drag(stand: Stand, layer: int, dx: float) -> None:
    box = box_of(grip(stand, layer))
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    stand.page.mouse.move(x, y)
    stand.page.mouse.down()
    stand.page.mouse.move(x + dx, y, steps=4)
    stand.settle()


def test_linked_thresholds_move_together(stand: Stand) -> None:
    stand.open()
    panel = open_sheet(stand)
    expect(panel.get_by_role("switch", name="Linked")).to_have_attribute("aria-checked", "true")
    drag(stand, 1, 150)
    moved = grip(stand, 1).get_attribute("aria-valuenow")
    assert moved is not None
    assert float(moved) > 0
    for other in (grip(stand, 0), stand.slider):
        expect(other).to_have_attribute("aria-valuenow", moved)
    stand.page.mouse.up()
    assert stand.ops() == [{"type": "set_threshold", "threshold": float(moved)}]


def test_unlinked_threshold_moves_alone_and_previews_its_own_layer(stand: Stand) -> None:
    stand.open()
    panel = open_sheet(stand)
    unlink(stand)
    assert stand.ops() == []  # nothing has changed by that
    before = stand.diagram.screenshot()
    drag(stand, 0, 200)
    said = grip(stand, 0).get_attribute("aria-valuetext") or ""
    left = re.fullmatch(r"0\.\d+: (\d) of 10 edges stay", said)
    assert left is not None
    expect(grip(stand, 1)).to_have_attribute("aria-valuetext", "0: 5 of 5 edges stay")
    assert stand.diagram.screenshot() != before
    assert stand.ops() == []
    stand.page.mouse.up()
    (op,) = stand.ops()
    assert (op["type"], op["layer"]) == ("set_threshold", 0)
    assert stand.trait("pruning")["thresholds"] == [op["threshold"], 0]
    assert stand.trait("threshold") == 0
    expect(stand.page.get_by_text("by layer ·")).to_be_visible()
    expect(stand.slider).to_have_attribute("aria-valuetext", re.compile("^by layer: "))
    expect(stand.slider).to_have_attribute("title", re.compile("rules all of them again"))
    expect(panel.get_by_role("listitem").first).to_contain_text(f"{left[1]} / 10 edges")


def test_keys_step_through_the_scores_of_one_layer(stand: Stand) -> None:
    stand.open()
    open_sheet(stand)
    unlink(stand)
    for stay in (4, 3, 2):
        grip(stand, 1).press("ArrowRight")
        expect(grip(stand, 1)).to_have_attribute("aria-valuetext", re.compile(f": {stay} of 5 edges stay"))
    grip(stand, 1).press("End")
    expect(grip(stand, 1)).to_have_attribute("aria-valuetext", re.compile(": 1 of 5 edges stay"))
    grip(stand, 1).press("Home")
    assert [op.get("layer") for op in stand.ops()] == [1] * 5
    assert stand.page.get_by_role("alert").count() == 0


def test_moving_the_main_line_or_linking_rules_all_layers_again(stand: Stand) -> None:
    stand.open()
    stand.python('python.apply({type: "set_threshold", threshold: 0.003}); python.write();')
    panel = open_sheet(stand)
    switch = panel.get_by_role("switch", name="Linked")
    unlink(stand)
    grip(stand, 0).press("ArrowRight")
    expect(switch).to_have_attribute("aria-checked", "false")
    switch.click()
    assert stand.ops()[-1] == {"type": "set_threshold", "threshold": 0.003}
    expect(switch).to_have_attribute("aria-checked", "true")
    unlink(stand)
    grip(stand, 0).press("ArrowRight")
    stand.drag_slider(200)
    assert "layer" not in stand.ops()[-1]
    assert stand.trait("pruning")["thresholds"] is None
    expect(switch).to_have_attribute("aria-checked", "true")


def test_floor_leaves_the_strongest_of_each_layer(stand: Stand) -> None:
    stand.open()
    panel = open_sheet(stand)
    field = panel.get_by_role("spinbutton", name="At least per layer")
    field.fill("3")
    field.press("Enter")
    assert stand.ops() == [{"type": "set_min_per_layer", "min_per_layer": 3}]
    stand.slider.press("End")
    rows = panel.get_by_role("listitem")
    expect(rows.nth(0)).to_contain_text("3 / 10 edges")
    expect(rows.nth(1)).to_contain_text("3 / 5 edges")
    field.fill("99")
    field.press("Enter")
    assert stand.ops()[-1] == {"type": "set_min_per_layer", "min_per_layer": 10}
    field.fill("")
    field.press("Enter")
    expect(field).to_have_value("10")


def test_escape_gives_a_drag_up_and_leaves_the_sheet_open(stand: Stand) -> None:
    stand.open()
    panel = open_sheet(stand)
    unlink(stand)
    drag(stand, 0, 200)
    stand.page.keyboard.press("Escape")
    stand.page.mouse.up()
    assert stand.ops() == []
    expect(grip(stand, 0)).to_have_attribute("aria-valuenow", "0")
    expect(panel).to_be_visible()


def test_rows_follow_the_structure(stand: Stand) -> None:
    stand.open(network={"widths": [4, 6, 3, 1]})
    stand.button("Layers").click()
    rows = stand.page.get_by_role("list", name="Layers").get_by_role("listitem")
    expect(rows).to_have_count(3)
    stand.page.get_by_role("radio", name="Nodes").check()
    expect(rows).to_have_text([re.compile("^Layer 1.*6 / 6 nodes"), re.compile("^Layer 2.*3 / 3 nodes")])
    stand.page.get_by_role("radio", name="Inputs").check()
    expect(rows).to_have_text([re.compile("^Inputs.*4 / 4 inputs")])


def test_gaps_are_marked_and_lead_there(stand: Stand) -> None:
    stand.open()
    gaps = stand.trait("pruning")["gaps"]
    marks = stand.page.get_by_role("button", name="Cut at the gap")
    expect(marks).to_have_count(len(gaps))
    marks.first.click()
    assert stand.ops() == [{"type": "set_threshold", "threshold": gaps[0]}]
    marks.nth(1).press("Enter")
    assert stand.ops()[-1] == {"type": "set_threshold", "threshold": gaps[1]}
    open_sheet(stand)
    unlink(stand)
    own = stand.trait("pruning")["layers"][1]["gaps"]
    stand.page.get_by_role("button", name="Cut layer 1 at the gap").last.click()
    assert stand.ops()[-1] == {"type": "set_threshold", "threshold": own[-1], "layer": 1}


def test_layers_are_cut_without_a_kernel_too(stand: Stand) -> None:
    stand.open(traits={})
    open_sheet(stand)  # its code is there from now on
    stand.page.evaluate("window.stand.model.send = undefined")
    unlink(stand)
    grip(stand, 1).press("ArrowRight")
    expect(stand.page.get_by_text("no kernel: edits stay on this page")).to_be_visible()
    expect(stand.metrics).to_contain_text("12 / 15")
    stand.button("Undo").click()
    expect(stand.metrics).to_contain_text("15 / 15")


def test_brushing_the_histogram_selects_what_scores_there(stand: Stand) -> None:
    stand.open()
    box = box_of(stand.page.locator(".cut .track"))
    x0, x1 = (box["x"] + share * box["width"] for share in (0.02, 0.49))
    stand.page.keyboard.down("Shift")
    stand.page.mouse.move(x0, box["y"] + 30)
    stand.page.mouse.down()
    stand.page.mouse.move(x1, box["y"] + 40, steps=4)
    expect(stand.page.locator(".cut .marquee")).to_be_visible()
    stand.page.mouse.up()
    stand.page.keyboard.up("Shift")
    expect(stand.page.locator(".cut .marquee")).to_have_count(0)
    scores = [0.89, 0.45, 0.021, 0.018, 0.0008, 0.002, 0.034, 0.012, 0.004, 0.0055, 1.0, 0.03, 0.001, 0.04, 0.006]
    weak = sorted(scores)[:6]  # the axis has 0.006 at 0.46 of its width, 0.012 at 0.53
    edges = [[0, e % 2, e // 2] if e < 10 else [1, e - 10, 0] for e, score in enumerate(scores) if score in weak]
    assert sorted(stand.trait("selection")) == sorted(edges)
    assert stand.ops() == []
