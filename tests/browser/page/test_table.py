"""The table of edges and nodes, the importance of inputs, and what the diagram says of large networks."""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.page.harness import Stand, box_of

pytestmark = pytest.mark.browser

LARGE = {"widths": [784, 64, 10]}
IMAGE = {"widths": [64, 8, 3], "shape": [8, 8]}


def open_table(stand: Stand, **network: Any) -> Locator:
    stand.open(network=network) if network else stand.open()
    stand.button("Table").click()
    grid = stand.page.get_by_role("grid")
    grid.wait_for()
    return grid


def rows(grid: Locator) -> list[str]:
    """What is read of the rows that are there, each as one line."""
    texts = grid.locator("[data-row]").all_inner_texts()
    return [" ".join(text.split()) for text in texts]


def search(stand: Stand, query: str) -> None:
    stand.page.get_by_role("searchbox", name="Search").fill(query)
    stand.settle()


def header(grid: Locator, name: str) -> Locator:
    return grid.get_by_role("columnheader", name=name)


# The table


def test_table_lists_the_strongest_edges_first(stand: Stand) -> None:
    grid = open_table(stand)
    found = rows(grid)
    assert len(found) == 15
    assert found[0].startswith("1 h1 y 1 1.000")
    assert found[2].startswith("3 x2 h1 0 0.450")
    expect(grid).to_have_attribute("aria-rowcount", "16")
    expect(header(grid, "rank")).to_have_attribute("aria-sort", "ascending")


def test_table_sorts_by_any_column_and_back(stand: Stand) -> None:
    grid = open_table(stand)
    for name in ("std", "from", "standing"):
        header(grid, name).get_by_role("button").click()
        stand.settle()
        first = rows(grid)
        order = header(grid, name).get_attribute("aria-sort")
        header(grid, name).get_by_role("button").click()
        stand.settle()
        assert {order, header(grid, name).get_attribute("aria-sort")} == {"ascending", "descending"}
        assert sorted(first) == sorted(rows(grid))
    expect(header(grid, "rank")).to_have_attribute("aria-sort", "none")


def test_search_narrows_and_escape_brings_all_back(stand: Stand) -> None:
    grid = open_table(stand)
    search(stand, "h2 -> y")
    assert [row.split()[1:3] for row in rows(grid)] == [["h2", "y"]]
    expect(stand.page.get_by_role("status").filter(has_text="1 of 15 edges")).to_be_visible()
    search(stand, "score<0.001")
    assert [row.split()[1:3] for row in rows(grid)] == [["x1", "h3"]]
    search(stand, "x9")
    assert rows(grid) == []
    expect(grid).to_contain_text("No edge matches “x9”")
    stand.page.keyboard.press("Escape")
    stand.settle()
    assert len(rows(grid)) == 15
    expect(grid).to_be_visible()


def test_click_selects_shift_adds_and_keys_edit(stand: Stand) -> None:
    grid = open_table(stand)
    grid.get_by_role("row").filter(has_text="x2").filter(has_text="h3").click()
    assert stand.trait("selection") == [[0, 1, 2]]
    expect(stand.inspector).to_contain_text("Edge x2 → h3")
    grid.get_by_role("row").filter(has_text="x1").filter(has_text="h3").click(modifiers=["Shift"])
    assert stand.trait("selection") == [[0, 1, 2], [0, 0, 2]]
    expect(grid.get_by_role("row", selected=True)).to_have_count(2)
    stand.page.keyboard.press("Delete")
    expect(grid.get_by_role("row").filter(has_text="pruned by hand")).to_have_count(2)
    stand.page.keyboard.press("r")
    expect(grid.get_by_role("row").filter(has_text="pruned")).to_have_count(0)
    stand.page.keyboard.press("k")
    expect(grid.get_by_role("row").filter(has_text="kept")).to_have_count(2)
    assert [op["type"] for op in stand.ops()] == ["prune", "restore", "keep"]


def test_all_found_are_pruned_at_once(stand: Stand) -> None:
    open_table(stand)
    search(stand, "-> h5")
    stand.button("Select found").click()
    assert sorted(stand.trait("selection")) == [[0, 0, 4], [0, 1, 4]]
    stand.inspector.get_by_role("button", name="Prune").click()
    (op,) = stand.ops()
    assert (op["type"], sorted(op["edges"])) == ("prune", [[0, 0, 4], [0, 1, 4]])
    expect(stand.metrics).to_contain_text("edges 12 / 15")


def test_letters_in_the_search_are_no_commands(stand: Stand) -> None:
    open_table(stand)
    stand.page.get_by_role("searchbox").click()
    stand.page.keyboard.type("fkr")
    stand.page.keyboard.press("Backspace")
    expect(stand.page.get_by_role("searchbox")).to_have_value("fk")
    assert stand.ops() == []


def test_table_is_walked_and_edited_by_keys_alone(stand: Stand) -> None:
    grid = open_table(stand)
    stand.page.get_by_role("searchbox").focus()
    stand.page.keyboard.press("ArrowDown")
    expect(grid).to_be_focused()
    stand.page.keyboard.press("ArrowDown")
    stand.page.keyboard.press("ArrowDown")
    stand.settle()
    active = grid.get_attribute("aria-activedescendant")
    expect(stand.page.locator(f"#{active}")).to_contain_text("0.890")
    stand.page.keyboard.press("Enter")
    assert stand.trait("selection") == [[0, 0, 0]]
    stand.page.keyboard.press("End")
    stand.page.keyboard.press("Shift+Space")
    assert stand.trait("selection") == [[0, 0, 0], [0, 0, 2]]
    stand.page.keyboard.press("Control+a")
    assert len(stand.trait("selection")) == 15
    stand.page.keyboard.press("Escape")
    expect(grid).to_have_count(0)


def test_nodes_have_a_table_of_their_own(stand: Stand) -> None:
    grid = open_table(stand)
    stand.page.get_by_role("radiogroup", name="List").get_by_role("radio", name="Nodes").click()
    expect(stand.page.get_by_role("grid", name="Nodes")).to_be_visible()
    assert [row.split()[0] for row in rows(grid)] == ["x1", "x2", "h1", "h2", "h3", "h4", "h5", "y"]
    grid.get_by_role("row").filter(has_text="h3").click()
    assert stand.trait("selection") == [[1, 2]]


def test_standings_follow_the_threshold_under_the_hand(stand: Stand) -> None:
    grid = open_table(stand)
    stand.drag_slider(560, drop=False)
    go = int((stand.slider.get_attribute("aria-valuetext") or "").split()[1])
    assert sum(row.endswith("goes") for row in rows(grid)) == go
    stand.page.mouse.up()


def test_fifty_thousand_rows_are_scrolled_with_a_few_in_the_page(stand: Stand) -> None:
    grid = open_table(stand, **LARGE)
    expect(grid).to_have_attribute("aria-rowcount", "50817")
    for where in (0.0, 0.37, 1.0):
        grid.evaluate("(grid, where) => { grid.scrollTop = where * (grid.scrollHeight - grid.clientHeight) }", where)
        stand.settle()
        stand.settle()
        box, lines = box_of(grid), grid.locator("[data-row]")
        assert lines.count() < 60
        seen = [int(text.split()[0].replace(",", "")) for text in rows(grid)]
        assert seen == list(range(seen[0], seen[0] + len(seen)))
        first, last = box_of(lines.first), box_of(lines.last)
        assert first["y"] <= box["y"] + 30
        assert last["y"] + last["height"] >= box["y"] + box["height"] - 4
    assert seen[-1] == 50816


def test_edge_far_down_stays_at_hand_and_the_list_reopens_at_its_top(stand: Stand) -> None:
    grid = open_table(stand, **LARGE)
    grid.focus()
    stand.page.keyboard.press("End")
    stand.settle()
    stand.settle()
    assert rows(grid)[-1].startswith("50,816 ")
    active = grid.get_attribute("aria-activedescendant")
    grid.evaluate("grid => { grid.scrollTop = 0 }")
    stand.settle()
    expect(stand.page.locator(f"#{active}")).to_have_count(1)
    stand.button("Table").click()
    stand.button("Table").click()
    stand.settle()
    assert rows(grid)[0].startswith("1 ")


def test_error_is_seen_above_the_table(stand: Stand) -> None:
    grid = open_table(stand)
    stand.python('python.refuse = "cannot prune edge h1 to y: output y would lose its last edge";')
    grid.get_by_role("row").filter(has_text="1.000").click()
    stand.page.keyboard.press("Delete")
    alert = stand.page.get_by_role("alert")
    expect(alert).to_be_visible()
    box = box_of(alert)
    point = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
    root = "document.querySelector('.view > div').shadowRoot"
    assert stand.page.evaluate(f"([x, y]) => {root}.elementFromPoint(x, y).closest('.notice') !== null", point)


# Inputs


def heat(stand: Stand) -> Locator:
    stand.button("Input map").click()
    image = stand.page.get_by_role("listbox", name="Importance of 64 inputs, 8 by 8")
    image.wait_for()
    return image


def middle(image: Locator, row: int, column: int) -> tuple[float, float]:
    box = box_of(image)
    return box["x"] + (column + 0.5) * box["width"] / 8, box["y"] + (row + 0.5) * box["height"] / 8


def test_click_on_a_pixel_selects_its_input(stand: Stand) -> None:
    stand.open(network=IMAGE)
    image = heat(stand)
    stand.page.mouse.click(*middle(image, 2, 5))
    assert stand.trait("selection") == [[0, 21]]
    expect(stand.page.get_by_role("complementary", name="Input map")).to_contain_text("x22")
    stand.page.keyboard.down("Shift")
    stand.page.mouse.click(*middle(image, 7, 0))
    stand.page.keyboard.up("Shift")
    assert stand.trait("selection") == [[0, 21], [0, 56]]


def test_drag_over_pixels_selects_a_rectangle_and_prunes_it(stand: Stand) -> None:
    stand.open(network=IMAGE)
    image = heat(stand)
    stand.page.mouse.move(*middle(image, 1, 2))
    stand.page.mouse.down()
    stand.page.mouse.move(*middle(image, 2, 3), steps=3)
    stand.page.mouse.up()
    assert stand.trait("selection") == [[0, 10], [0, 11], [0, 18], [0, 19]]
    stand.page.keyboard.press("Delete")
    stand.page.mouse.move(2, 2)
    expect(stand.page.get_by_role("complementary", name="Input map")).to_contain_text("4 pruned")
    (op,) = stand.ops()
    assert (op["type"], op["nodes"]) == ("prune", [[0, 10], [0, 11], [0, 18], [0, 19]])


def test_shift_drag_adds_a_rectangle(stand: Stand) -> None:
    stand.open(network=IMAGE)
    image = heat(stand)
    stand.page.mouse.click(*middle(image, 0, 0))
    stand.page.keyboard.down("Shift")
    stand.page.mouse.move(*middle(image, 7, 7))
    stand.page.mouse.down()
    stand.page.mouse.move(*middle(image, 7, 6), steps=3)
    stand.page.mouse.up()
    stand.page.keyboard.up("Shift")
    assert stand.trait("selection") == [[0, 0], [0, 62], [0, 63]]


def test_image_is_walked_by_keys(stand: Stand) -> None:
    stand.open(network=IMAGE)
    image = heat(stand)
    image.focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowRight", "ArrowLeft", "ArrowLeft", "Enter"):
        stand.page.keyboard.press(key)
    assert stand.trait("selection") == [[0, 8]]
    option = image.get_by_role("option", selected=True)
    expect(option).to_have_attribute("aria-label", re.compile(r"^x9, row 2, column 1, score \S+, active$"))


def test_pixels_that_would_go_are_told_while_the_hand_moves(stand: Stand) -> None:
    stand.open(network=IMAGE)
    heat(stand)
    stand.page.get_by_role("radiogroup", name="Prune").get_by_role("radio", name="Inputs").click()
    stand.drag_slider(700, drop=False)
    said = stand.slider.get_attribute("aria-valuetext") or ""
    found = re.search(r"(\d+) inputs?$", said)
    assert found, said
    expect(stand.page.get_by_role("complementary", name="Input map")).to_contain_text(f"{found[1]} go")
    stand.page.mouse.up()


def test_inputs_that_are_no_image_are_bars(stand: Stand) -> None:
    stand.open(network={"widths": [64, 8, 3]})
    stand.button("Input map").click()
    bars = stand.page.get_by_role("list", name="Inputs, strongest first").get_by_role("button")
    expect(bars).to_have_count(40)
    scores = [float(text.split()[-1]) for text in bars.all_inner_texts()]
    assert scores == sorted(scores, reverse=True)
    expect(stand.page.get_by_text("and 24 weaker ones")).to_be_visible()
    bars.nth(3).click()
    bars.nth(1).click(modifiers=["Shift"])
    assert len(stand.trait("selection")) == 2
    expect(bars.nth(1)).to_have_attribute("aria-pressed", "true")


# The diagram


@pytest.mark.parametrize("orientation", ["up", "right"])
def test_diagram_says_how_many_links_it_leaves_out(stand: Stand, orientation: str) -> None:
    stand.open(network={"widths": [64, 16, 10]}, traits={"orientation": orientation})
    note = stand.diagram.locator(".note")
    expect(note).to_have_text(re.compile(r"^strongest \d+ of 1,184 links$"))
    stand.page.evaluate("() => window.stand.close()")
    stand.open()
    expect(stand.diagram.locator(".note")).to_have_text("")


def test_cell_of_a_matrix_is_selected_by_a_click(stand: Stand) -> None:
    stand.open(network=LARGE)
    box = box_of(stand.diagram)
    stand.page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.7 * box["height"])
    ((layer, source, target),) = stand.trait("selection")
    assert layer == 0
    assert abs(source - 392) < 20
    assert 0 <= target < 64
