"""Two criteria beside each other, in the page."""

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.page.harness import Stand, box_of

pytestmark = pytest.mark.browser


def open_sheet(stand: Stand) -> Locator:
    stand.button("Criteria").click()
    panel = stand.page.get_by_role("complementary", name="Criteria")
    expect(panel).to_contain_text("at random, area")
    return panel


def ranks(stand: Stand) -> Locator:
    return stand.page.get_by_role("listbox", name="Edges by their ranks: l1 across, std upwards")


def test_criteria_are_asked_for_and_chosen(stand: Stand) -> None:
    stand.open()
    panel = open_sheet(stand)
    expect(panel).to_contain_text(" 0.83: much alike")
    expect(panel.get_by_role("img", name="test RMSE against the edges removed, by each criterion")).to_be_visible()
    panel.get_by_role("combobox", name="Criterion B").select_option("attribution")
    expect(stand.page.get_by_role("listbox", name="l1 across, attribution upwards")).to_be_visible()
    stand.button("Swap A and B").click()
    expect(stand.page.get_by_role("listbox", name="attribution across, l1 upwards")).to_be_visible()
    asked = stand.page.evaluate(
        "window.stand.model.sent.filter(m => m.about === 'criteria').map(m => [m.criteria, m.draws])"
    )
    pairs = ["l1", "std"], ["l1", "attribution"], ["attribution", "l1"]
    assert asked == [[pair, draws] for pair in pairs for draws in (0, 5)]


def test_click_and_brush_select_edges(stand: Stand) -> None:
    stand.open()
    open_sheet(stand)
    box = box_of(ranks(stand))
    stand.page.mouse.move(box["x"] + 215, box["y"] + 9)
    expect(stand.page.get_by_text("h1 → y: #1 by l1 (1.000), #1 by std")).to_be_visible()
    stand.page.mouse.click(box["x"] + 215, box["y"] + 9)
    assert stand.trait("selection") == [[1, 0, 0]]
    expect(stand.inspector).to_contain_text("Edge h1 → y")
    stand.page.mouse.move(box["x"] + 180, box["y"] + 2)
    stand.page.mouse.down()
    stand.page.mouse.move(box["x"] + 222, box["y"] + 60, steps=3)
    stand.page.mouse.up()
    assert 1 < len(stand.trait("selection")) < 6


def test_keys_walk_from_rank_to_rank_and_select(stand: Stand) -> None:
    stand.open()
    open_sheet(stand)
    ranks(stand).focus()
    expect(ranks(stand).get_by_role("option")).to_have_accessible_name(re.compile("^h1 → y: #1 by l1 .*, active$"))
    stand.page.keyboard.press("ArrowLeft")
    expect(ranks(stand).get_by_role("option")).to_have_accessible_name(re.compile("^x1 → h1: #2 by l1"))
    stand.page.keyboard.press("Enter")
    assert stand.trait("selection") == [[0, 0, 0]]


def test_threshold_moves_a_line_and_asks_nothing(stand: Stand) -> None:
    stand.open()
    panel = open_sheet(stand)
    asked = "window.stand.model.sent.filter(m => m.type === 'ask').length"
    before = stand.page.evaluate(asked)
    expect(panel.locator(".handle")).to_have_count(0)
    stand.drag_slider(500)
    expect(panel.locator(".handle")).to_have_count(1)
    assert stand.page.evaluate(asked) == before


def test_criterion_that_is_too_much_is_refused_in_words(stand: Stand) -> None:
    stand.open()
    panel = open_sheet(stand)
    stand.python(
        """const known = python.answer;
        python.answer = function (message) {
            if (message.about !== "criteria") return known.call(this, message);
            this.model.emit("msg:custom", { type: "answer", id: message.id, reason: "std would take minutes" }, []);
        };"""
    )
    stand.button("Swap A and B").click()
    expect(panel.get_by_text("std would take minutes")).to_be_visible()
    expect(panel.get_by_role("combobox", name="Criterion A")).to_have_value("std")
