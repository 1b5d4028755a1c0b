"""The contract of ``js/README.md``, by the names and keys that it gives."""

import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch
from PIL import Image, ImageStat
from playwright.sync_api import Browser, Locator, expect

from kan_widget import KAN, KANWidget
from tests.browser.page.harness import Stand, box_of

pytestmark = pytest.mark.browser

WALK = "node x1", "edge x1 to h1", "node h1", "edge h1 to y", "node y"


def names(stand: Stand) -> list[str]:
    """What is selected, without scores and standing."""
    return sorted(label.split(",")[0] for label in stand.selected())


# The threshold


def test_slider_drag_previews_and_sends_one_op(stand: Stand) -> None:
    stand.open()
    stand.drag_slider(560, drop=False)
    said = stand.slider.get_attribute("aria-valuetext") or ""
    assert re.fullmatch(r"0\.\d+: \d+ edges and \d+ nodes go", said)
    assert stand.ops() == []
    expect(stand.metrics).to_contain_text("edges 15 / 15")
    stand.page.mouse.up()
    (op,) = stand.ops()
    assert op["type"] == "set_threshold"
    assert said.startswith(f"{float(said.split(':')[0]):.10g}"[:5])
    assert stand.trait("threshold") == pytest.approx(op["threshold"])
    went = int(said.split()[1])
    expect(stand.metrics).to_contain_text(f"edges {15 - went} / 15")


def test_slider_says_what_the_cut_would_take(stand: Stand) -> None:
    stand.open()
    stand.set_trait("threshold", 0.01)
    expect(stand.slider).to_have_attribute("aria-valuetext", "0.010: 6 edges and 2 nodes go")
    expect(stand.slider).to_have_attribute("aria-valuenow", "0.01")
    expect(stand.page.get_by_text("below 0.010 · 6 edges, 2 nodes go")).to_be_visible()


def test_slider_back_at_its_left_end_takes_nothing(stand: Stand) -> None:
    stand.open()
    stand.drag_slider(500)
    stand.drag_slider(-900)
    assert stand.ops()[-1] == {"type": "set_threshold", "threshold": 0}
    expect(stand.metrics).to_contain_text("edges 15 / 15")


def test_slider_does_not_move_beyond_the_limit(stand: Stand) -> None:
    stand.open()
    stand.drag_slider(3000)
    assert stand.trait("threshold") == stand.trait("pruning")["limit"]
    expect(stand.page.get_by_role("alert")).to_have_count(0)
    expect(stand.page.get_by_text("the most that leaves every output connected")).to_be_visible()


def test_slider_escape_gives_the_drag_up(stand: Stand) -> None:
    stand.open()
    stand.drag_slider(500, drop=False)
    stand.page.keyboard.press("Escape")
    stand.page.mouse.up()
    assert stand.ops() == []
    expect(stand.slider).to_have_attribute("aria-valuenow", "0")


def test_slider_keys_step_from_score_to_score(stand: Stand) -> None:
    stand.open()
    stand.slider.focus()
    # The second score takes the last edge out of h3, and with it the third score's edge.
    for goes in (1, 3, 3, 4):
        stand.page.keyboard.press("ArrowRight")
        expect(stand.slider).to_have_attribute("aria-valuetext", re.compile(f": {goes} edge"))
    for goes in (3, 3, 1):
        stand.page.keyboard.press("ArrowLeft")
        expect(stand.slider).to_have_attribute("aria-valuetext", re.compile(f": {goes} edge"))
    assert [op["type"] for op in stand.ops()] == ["set_threshold"] * 7
    stand.page.keyboard.press("PageUp")
    expect(stand.slider).to_have_attribute("aria-valuetext", re.compile(": 1[0-9] edges"))
    stand.page.keyboard.press("Home")
    expect(stand.slider).to_have_attribute("aria-valuetext", "0: 0 edges and 0 nodes go")
    stand.page.keyboard.press("End")
    expect(stand.slider).to_have_attribute("aria-valuetext", re.compile(": 13 edges and 4 nodes go"))


def test_slider_key_held_down_sends_one_op(stand: Stand) -> None:
    stand.open()
    stand.slider.focus()
    for _ in range(5):
        stand.page.keyboard.down("ArrowRight")
    assert stand.ops() == []
    stand.page.keyboard.up("ArrowRight")
    assert len(stand.ops()) == 1
    expect(stand.slider).to_have_attribute("aria-valuetext", re.compile(": 6 edges"))


def test_threshold_from_python_moves_the_slider(stand: Stand) -> None:
    stand.open()
    before = box_of(stand.slider)
    stand.python('python.apply({type: "set_threshold", threshold: 0.01}); python.write();')
    stand.settle()
    after = box_of(stand.slider)
    assert after["x"] > before["x"] + 200
    expect(stand.edge("x1", "h3")).to_have_attribute("aria-label", re.compile("pruned$"))
    assert stand.ops() == []


# Selecting


def test_click_selects_and_shows_the_edge(stand: Stand) -> None:
    stand.open()
    stand.edge("x1", "h3").click()
    assert stand.trait("selection") == [[0, 0, 2]]
    expect(stand.inspector).to_contain_text("Edge x1 → h3")
    expect(stand.inspector).to_contain_text("rank 15 of 15 · active")
    expect(stand.inspector.get_by_role("img")).to_be_visible()
    stand.page.wait_for_function("window.stand.model.sent.some(m => m.type === 'detail')")
    expect(stand.inspector.locator(".knot")).to_have_count(6)


def test_click_on_a_node_lists_its_edges_to_go_to(stand: Stand) -> None:
    stand.open()
    stand.node("h1").click()
    assert stand.trait("selection") == [[1, 0]]
    expect(stand.inspector).to_contain_text("Node h1")
    stand.inspector.get_by_role("button", name="x2 → h1").click()
    assert names(stand) == ["edge x2 to h1"]
    expect(stand.edge("x2", "h1")).to_be_focused()


def test_click_on_a_link_selects_its_edge(stand: Stand) -> None:
    stand.open()
    box, node = box_of(stand.edge("h3", "y")), box_of(stand.node("h3"))
    x = box["x"] + box["width"] / 2
    stand.page.mouse.click(x, (box["y"] + box["height"] + node["y"]) / 2)
    assert names(stand) == ["edge h3 to y"]


def test_shift_click_adds_and_takes_out(stand: Stand) -> None:
    stand.open()
    stand.edge("x1", "h1").click()
    stand.node("h2").click(modifiers=["Shift"])
    assert names(stand) == ["edge x1 to h1", "node h2"]
    expect(stand.inspector).to_contain_text("2 selected")
    stand.edge("x1", "h1").click(modifiers=["Shift"])
    assert names(stand) == ["node h2"]


def test_shift_drag_selects_a_rectangle(stand: Stand) -> None:
    stand.open()
    first, last = box_of(stand.edge("x1", "h1")), box_of(stand.edge("x2", "h2"))
    stand.page.keyboard.down("Shift")
    stand.page.mouse.move(first["x"] - 12, first["y"] - 8)
    stand.page.mouse.down()
    stand.page.mouse.move(last["x"] + 60, last["y"] + last["height"] + 8, steps=5)
    stand.page.mouse.up()
    stand.page.keyboard.up("Shift")
    assert names(stand) == [f"edge x{i} to h{j}" for i in (1, 2) for j in (1, 2)]


def test_click_beside_everything_clears_the_selection(stand: Stand) -> None:
    stand.open()
    stand.edge("x1", "h1").click()
    box = box_of(stand.diagram)
    stand.page.mouse.click(box["x"] + 6, box["y"] + 6)
    assert stand.trait("selection") == []
    expect(stand.inspector).to_contain_text("Nothing selected")


def test_drag_moves_the_picture_and_fit_brings_it_back(stand: Stand) -> None:
    stand.open()
    box = box_of(stand.diagram)
    before = box_of(stand.node("y"))
    stand.page.mouse.move(box["x"] + 10, box["y"] + 10)
    stand.page.mouse.down()
    stand.page.mouse.move(box["x"] + 90, box["y"] + 50, steps=4)
    stand.page.mouse.up()
    stand.settle()
    moved = box_of(stand.node("y"))
    assert moved["x"] == pytest.approx(before["x"] + 80, abs=1)
    assert stand.trait("selection") == []
    stand.button("Fit").click()
    stand.page.wait_for_timeout(300)
    assert box_of(stand.node("y")) == before


def test_wheel_belongs_to_the_page_until_the_diagram_has_the_focus(stand: Stand) -> None:
    stand.page.set_viewport_size({"width": 1280, "height": 500})
    stand.open()
    before = box_of(stand.node("y"))
    stand.diagram.hover(position={"x": 20, "y": 20})
    stand.page.mouse.wheel(0, 40)
    stand.page.wait_for_function("window.scrollY > 0")
    stand.page.evaluate("window.scrollTo(0, 0)")
    stand.settle()
    assert box_of(stand.node("y")) == before
    stand.diagram.click(position={"x": 20, "y": 20})
    stand.page.mouse.wheel(0, -200)
    stand.settle()
    after = box_of(stand.node("y"))
    assert after["width"] > before["width"]


# Editing


@pytest.mark.parametrize("key", ["Delete", "Backspace"])
def test_key_prunes_what_is_selected(stand: Stand, key: str) -> None:
    stand.open()
    stand.edge("x1", "h3").click()
    stand.page.keyboard.press(key)
    assert stand.ops() == [{"type": "prune", "edges": [[0, 0, 2]], "nodes": []}]
    expect(stand.edge("x1", "h3")).to_have_attribute("aria-label", re.compile(", pruned$"))
    expect(stand.metrics).to_contain_text("edges 14 / 15")


def test_keys_restore_and_keep(stand: Stand) -> None:
    stand.open()
    stand.node("h3").click()
    stand.page.keyboard.press("Delete")
    expect(stand.metrics).to_contain_text("nodes 4 / 5")
    stand.page.keyboard.press("r")
    expect(stand.metrics).to_contain_text("nodes 5 / 5")
    stand.page.keyboard.press("k")
    expect(stand.edge("h3", "y")).to_have_attribute("aria-label", re.compile("active, kept$"))
    assert [op["type"] for op in stand.ops()] == ["prune", "restore", "keep"]
    stand.python('python.apply({type: "set_threshold", threshold: 0.01}); python.write();')
    expect(stand.metrics).to_contain_text("nodes 4 / 5")


def test_inspector_buttons_act_on_all_that_is_selected(stand: Stand) -> None:
    stand.open()
    stand.edge("x1", "h2").click()
    stand.edge("x2", "h2").click(modifiers=["Shift"])
    expect(stand.button("Restore")).to_be_disabled()
    stand.button("Prune").click()
    assert stand.ops() == [{"type": "prune", "edges": [[0, 0, 1], [0, 1, 1]], "nodes": []}]
    expect(stand.edge("h2", "y")).to_have_attribute("aria-label", re.compile(", dead$"))
    expect(stand.node("h2")).to_have_attribute("aria-label", re.compile(", dead$"))
    expect(stand.button("Prune")).to_be_disabled()
    stand.button("Keep").click()
    expect(stand.edge("x1", "h2")).to_have_attribute("aria-label", re.compile("active, kept$"))


def test_undo_and_redo_by_button_and_key(stand: Stand) -> None:
    stand.open()
    expect(stand.button("Undo")).to_be_disabled()
    stand.edge("x1", "h3").click()
    stand.page.keyboard.press("Delete")
    expect(stand.button("Undo")).to_have_attribute("title", re.compile("^Undo: prune"))
    stand.button("Undo").click()
    expect(stand.metrics).to_contain_text("edges 15 / 15")
    expect(stand.button("Redo")).to_be_enabled()
    stand.edge("x1", "h3").focus()
    stand.page.keyboard.press("Control+Shift+Z")
    expect(stand.metrics).to_contain_text("edges 14 / 15")
    stand.page.keyboard.press("Control+z")
    expect(stand.metrics).to_contain_text("edges 15 / 15")
    stand.page.keyboard.press("Control+y")
    expect(stand.metrics).to_contain_text("edges 14 / 15")
    stand.button("Reset").click()
    expect(stand.metrics).to_contain_text("edges 15 / 15")
    expect(stand.button("Reset")).to_be_disabled()


def test_button_that_goes_grey_keeps_the_focus_for_the_next_key(stand: Stand) -> None:
    stand.open()
    stand.edge("x1", "h3").click()
    stand.button("Prune").click()
    expect(stand.metrics).to_contain_text("edges 14 / 15")
    expect(stand.button("Prune")).to_be_disabled()
    expect(stand.button("Prune")).to_be_focused()
    stand.page.keyboard.press("Enter")  # does nothing now
    stand.page.keyboard.press("Control+z")
    expect(stand.metrics).to_contain_text("edges 15 / 15")
    assert [op["type"] for op in stand.ops()] == ["prune", "undo"]


def test_undo_button_is_ready_before_python_has_answered(stand: Stand) -> None:
    stand.open()
    stand.python("python.hold = true;")
    stand.edge("x1", "h3").click()
    stand.page.keyboard.press("Delete")
    expect(stand.button("Undo")).to_be_enabled()
    stand.button("Undo").click()
    stand.python("python.hold = false; python.release();")
    expect(stand.metrics).to_contain_text("edges 15 / 15")
    assert [op["type"] for op in stand.ops()] == ["prune", "undo"]


def test_choices_send_what_was_chosen(stand: Stand) -> None:
    stand.open()
    stand.page.get_by_role("combobox", name="Score by").select_option("std")
    stand.page.get_by_role("combobox", name="Compensation").select_option("none")
    group = stand.page.get_by_role("radiogroup", name="Prune")
    group.get_by_role("radio", name="Nodes").check()
    assert stand.ops() == [
        {"type": "set_criterion", "criterion": "std"},
        {"type": "set_compensate", "compensate": "none"},
        {"type": "set_structure", "structure": "node"},
    ]
    expect(stand.page.get_by_role("combobox", name="Score by")).to_have_value("std")
    expect(group.get_by_role("radio", name="Nodes")).to_be_checked()


def test_refused_edit_is_rolled_back_and_the_reason_shown(stand: Stand) -> None:
    stand.open()
    stand.python('python.hold = true; python.refuse = "y would lose its last edge";')
    stand.edge("h1", "y").click()
    stand.page.keyboard.press("Delete")
    expect(stand.edge("h1", "y")).to_have_attribute("aria-label", re.compile(", pruned$"))
    stand.python("python.release();")
    expect(stand.edge("h1", "y")).to_have_attribute("aria-label", re.compile(", active$"))
    alert = stand.page.get_by_role("alert")
    expect(alert).to_have_text("y would lose its last edge")
    stand.button("Dismiss").click()
    expect(alert).to_have_count(0)


def test_next_success_takes_the_error_away(stand: Stand) -> None:
    stand.open()
    stand.python('python.refuse = "no";')
    stand.edge("h1", "y").click()
    stand.page.keyboard.press("Delete")
    expect(stand.page.get_by_role("alert")).to_have_text("no")
    stand.page.keyboard.press("k")
    expect(stand.page.get_by_role("alert")).to_have_count(0)


def test_notice_of_python_is_shown_until_dismissed(stand: Stand) -> None:
    stand.open()
    stand.set_trait("notice", {"id": "1", "kind": "error", "text": "first"})
    expect(stand.page.get_by_role("alert")).to_have_text("first")
    stand.button("Dismiss").click()
    expect(stand.page.get_by_role("alert")).to_have_count(0)
    stand.set_trait("notice", {"id": "2", "kind": "error", "text": "second"})
    expect(stand.page.get_by_role("alert")).to_have_text("second")


def test_flood_of_edits_has_one_message_in_flight(stand: Stand) -> None:
    stand.open()
    stand.python("python.hold = true;")
    for i in range(1, 6):
        stand.edge("x1", f"h{i}").click()
        stand.page.keyboard.press("Delete")
    stand.drag_slider(300)
    stand.drag_slider(60)
    assert len(stand.sent()) == 1
    expect(stand.page.get_by_text("waiting for Python…")).to_be_visible()
    expect(stand.page.get_by_text("6 queued")).to_be_visible()
    expect(stand.metrics).to_contain_text("edges 6 / 15")
    stand.python("python.release();")
    expect(stand.page.get_by_text("waiting for Python…")).to_have_count(0)
    messages = stand.sent()
    assert [len(ops) for ops in messages] == [1, 5]
    assert [op["type"] for op in stand.ops()] == ["prune"] * 5 + ["set_threshold"]
    assert [op["edges"][0][2] for op in stand.ops()[:5]] == [0, 1, 2, 3, 4]


# Keyboard


def test_keyboard_walks_from_input_to_output(stand: Stand) -> None:
    stand.open()
    stand.node("x1").focus()
    for i, step in enumerate(WALK):
        focused = stand.page.get_by_role("option", name=re.compile(f"^{step},"))
        expect(focused).to_be_focused()
        if i == 1:
            stand.page.keyboard.press("Enter")
        if i == 3:
            stand.page.keyboard.press("Shift+Space")
        stand.page.keyboard.press("ArrowUp")
    assert names(stand) == ["edge h1 to y", "edge x1 to h1"]
    stand.page.keyboard.press("Escape")
    assert stand.selected() == []


def test_keyboard_reaches_every_control_and_only_one_option(stand: Stand) -> None:
    stand.open()
    stand.edge("x1", "h1").click()
    stand.page.evaluate("document.activeElement.blur()")
    reached: list[str] = []
    for _ in range(32):
        stand.page.keyboard.press("Tab")
        reached.append(
            stand.page.evaluate(
                """() => {
                    const at = document.activeElement?.shadowRoot?.activeElement;
                    const own = at ? [...at.childNodes].filter(node => node.nodeType === Node.TEXT_NODE) : [];
                    return at?.getAttribute("aria-label") ?? own.map(node => node.textContent).join("").trim();
                }"""
            )
        )
    wanted = ["Score by", "Edges", "Compensation", "Fit", "Help", "Prune", "Keep", "Threshold"]
    assert [name for name in wanted if name not in reached] == []
    assert sum(name.startswith(("edge ", "node ")) for name in reached) == 1


def test_letters_typed_elsewhere_are_left_alone(stand: Stand) -> None:
    stand.open()
    stand.edge("x1", "h1").click()
    stand.page.get_by_role("combobox", name="Score by").focus()
    stand.page.keyboard.press("r")
    stand.page.evaluate("document.body.append(document.createElement('input'))")
    stand.page.locator("body > input").focus()
    stand.page.keyboard.press("k")
    stand.page.keyboard.press("Delete")
    assert [op["type"] for op in stand.ops() if op["type"] in ("restore", "keep", "prune")] == []


def test_help_lists_the_keys_and_closes(stand: Stand) -> None:
    stand.open()
    stand.button("Help").click()
    dialog = stand.page.get_by_role("dialog", name="Keys and gestures")
    expect(dialog).to_contain_text("undo; with Shift, redo")
    stand.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


# Views, themes, sizes


def test_two_views_agree(stand: Stand) -> None:
    stand.open(count=2)
    regions = stand.page.get_by_role("region")
    expect(regions).to_have_count(2)
    first, second = regions.nth(0), regions.nth(1)
    first.get_by_role("option", name="edge x1 to h3,").click()
    stand.page.keyboard.press("Delete")
    gone = re.compile(", pruned$")
    expect(second.get_by_role("option", name="edge x1 to h3,")).to_have_attribute("aria-label", gone)
    expect(second.get_by_role("complementary")).to_contain_text("Edge x1 → h3")
    second.get_by_role("button", name="Undo").click()
    expect(first.get_by_role("status", name="Metrics")).to_contain_text("edges 15 / 15")


def test_region_is_named_after_inputs_and_outputs(stand: Stand) -> None:
    region = stand.open()
    expect(region).to_have_accessible_name("Kolmogorov-Arnold network x1, x2 to y")


BACKGROUND = "el => getComputedStyle(el).backgroundColor"


def test_theme_follows_the_notebook_as_it_changes(stand: Stand) -> None:
    region = stand.open()
    light = region.evaluate(BACKGROUND)
    stand.page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    expect(region).to_have_attribute("data-theme", "dark")
    assert region.evaluate(BACKGROUND) != light
    stand.page.evaluate("document.body.dataset.jpThemeLight = 'true'")
    expect(region).to_have_attribute("data-theme", "light")
    stand.set_trait("theme", "dark")
    expect(region).to_have_attribute("data-theme", "dark")


def test_theme_follows_the_system_where_the_page_says_nothing(stand: Stand) -> None:
    stand.page.emulate_media(color_scheme="dark")
    region = stand.open()
    expect(region).to_have_attribute("data-theme", "dark")
    stand.page.emulate_media(color_scheme="light")
    expect(region).to_have_attribute("data-theme", "light")


CLIPPED = """region => [...region.querySelectorAll("button, select, .metric, h2, .said, .tick")]
    .filter(el => {
        const [box, all] = [el.getBoundingClientRect(), region.getBoundingClientRect()];
        return box.width > 0 && (box.right > all.right + 0.5 || box.left < all.left - 0.5);
    })
    .map(el => el.textContent)"""


@pytest.mark.parametrize("width", [480, 640, 848, 1280])
def test_nothing_is_clipped_at_any_width(stand: Stand, width: int) -> None:
    stand.page.set_viewport_size({"width": width, "height": 1000})
    stand.page.add_style_tag(content="body { padding: 0 }")
    region = stand.open(traits={"height": 600})
    narrow = width <= 720
    assert box_of(region)["height"] == 600
    stand.edge("x1", "h1").click()
    expect(stand.button("Prune")).to_be_in_viewport()
    assert region.evaluate(CLIPPED) == []
    box = box_of(region)
    assert box["width"] == width
    assert (box["height"] > 650) if narrow else (box["height"] == 600)  # a narrow one grows by the inspector


def test_narrow_view_keeps_the_selected_edge_in_sight(stand: Stand) -> None:
    stand.page.set_viewport_size({"width": 480, "height": 700})
    stand.open(traits={"height": 600})
    stand.edge("x1", "h1").click()
    stand.page.wait_for_timeout(300)
    edge, panel = box_of(stand.edge("x1", "h1")), box_of(stand.inspector)
    assert edge["y"] + edge["height"] < panel["y"]
    for node in ("x1", "x2", "h5", "y"):
        assert box_of(stand.node(node))["y"] + 10 < panel["y"]


def test_size_follows_the_page_and_the_trait(stand: Stand) -> None:
    region = stand.open()
    before = box_of(stand.node("y"))
    stand.page.set_viewport_size({"width": 1000, "height": 760})
    stand.set_trait("height", 500)
    stand.settle()
    box, after = box_of(region), box_of(stand.node("y"))
    assert box["height"] == 500
    assert after["x"] < before["x"] - 50


def test_orientation_right_puts_inputs_at_the_left(stand: Stand) -> None:
    stand.open(traits={"orientation": "right"})
    x1, y = box_of(stand.node("x1")), box_of(stand.node("y"))
    assert x1["x"] < y["x"]
    stand.node("x1").focus()
    stand.page.keyboard.press("ArrowRight")
    expect(stand.edge("x1", "h1")).to_be_focused()


@pytest.mark.parametrize("widths", [[1, 1], [10, 5, 1], [64, 16, 10], [784, 64, 10]])
def test_networks_of_any_size_stay_responsive(stand: Stand, widths: list[int]) -> None:
    stand.open(network={"widths": widths})
    options = stand.diagram.get_by_role("option").count()
    edges = sum(a * b for a, b in pairwise(widths))
    assert options == sum(widths) + min(400, edges)
    frames = stand.page.evaluate(
        """async () => {
            const times = [];
            for (let i = 0; i < 12; i++) {
                const start = performance.now();
                window.stand.model.set("threshold", 0.001 * (i + 1));
                await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
                times.push(performance.now() - start);
            }
            return times.sort((a, b) => a - b);
        }"""
    )
    # A frozen page takes seconds; a loaded machine without a GPU takes a few frames.
    assert frames[len(frames) // 2] < 400


def test_picture_changes_with_the_threshold(stand: Stand) -> None:
    stand.open()
    before = stand.diagram.screenshot()
    stand.set_trait("threshold", 0.01)
    assert stand.diagram.screenshot() != before


# Without a kernel, and at the end


def test_page_without_a_kernel_draws_cuts_and_takes_back(stand: Stand) -> None:
    stand.open(kernel=False)

    def counts() -> str:
        stand.settle()
        return stand.metrics.inner_text()

    stand.drag_slider(500)
    expect(stand.page.get_by_text("no kernel: edits stay on this page")).to_be_visible()
    left = counts()
    assert "15 / 15" not in left
    stand.edge("x1", "h1").click()
    expect(stand.inspector).to_contain_text("Edge x1 → h1")
    stand.page.keyboard.press("Delete")
    assert counts() != left
    stand.button("Undo").click()
    assert counts() == left
    stand.button("Undo").click()
    expect(stand.metrics).to_contain_text("15 / 15")
    stand.button("Redo").click()
    assert counts() == left
    stand.button("Reset").click()
    expect(stand.metrics).to_contain_text("15 / 15")


def test_page_without_a_kernel_refuses_what_needs_one(stand: Stand) -> None:
    stand.open(kernel=False)
    stand.page.get_by_label("Compensation").select_option("none")
    expect(stand.page.get_by_text("This needs Python")).to_be_visible()
    stand.button("Dismiss").click()
    stand.node("y").click()
    stand.page.keyboard.press("Delete")
    expect(stand.page.get_by_text("cut an output off")).to_be_visible()
    expect(stand.metrics).to_contain_text("15 / 15")


def test_a_kernel_that_never_answered_is_not_waited_for(stand: Stand) -> None:
    stand.open()
    stand.python("python.hold = true")
    stand.page.evaluate("window.stand.addView()")  # a view that heard nothing
    view = stand.page.get_by_role("region").nth(1)
    view.get_by_role("option", name="edge x1 to h2").click()
    stand.page.keyboard.press("Delete")
    expect(view.get_by_text("no kernel: edits stay on this page")).to_be_visible(timeout=8000)
    stand.python("python.release()")
    expect(view.get_by_text("no kernel: edits stay on this page")).to_have_count(0)
    expect(view.get_by_role("status", name="Metrics")).to_contain_text("14 / 15")


def test_empty_model_is_shown_as_such_until_a_network_comes(stand: Stand) -> None:
    stand.open()
    network = "window.stand.network = window.stand.model.get('network');"
    stand.page.evaluate(f"() => {{ {network} window.stand.model.set('network', {{}}) }}")
    expect(stand.page.get_by_text("No network yet.")).to_be_visible()
    stand.page.evaluate("() => window.stand.model.set('network', window.stand.network)")
    expect(stand.edge("x1", "h1")).to_be_visible()


def test_cleanup_leaves_nothing(browser: Browser, site: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    # Counted from the outside, before any module of the page has run.
    page.add_init_script(
        """(() => {
            const open = (window.open_ = { listeners: 0, observers: 0 });
            const outside = target => target === window || target === document || target instanceof MediaQueryList;
            const { addEventListener, removeEventListener } = EventTarget.prototype;
            EventTarget.prototype.addEventListener = function (type, run, options) {
                addEventListener.call(this, type, run, options);
                if (!outside(this) || type === "load") return;
                open.listeners++;
                if (options?.signal) addEventListener.call(options.signal, "abort", () => open.listeners--);
            };
            EventTarget.prototype.removeEventListener = function (type, run, options) {
                removeEventListener.call(this, type, run, options);
                if (outside(this)) open.listeners--;
            };
            for (const kind of [ResizeObserver, MutationObserver]) {
                const active = new WeakSet();
                const { observe, disconnect } = kind.prototype;
                kind.prototype.observe = function (...args) {
                    if (!active.has(this)) open.observers++;
                    active.add(this);
                    observe.apply(this, args);
                };
                kind.prototype.disconnect = function () {
                    if (active.delete(this)) open.observers--;
                    disconnect.call(this);
                };
            }
        })()"""
    )
    stand = Stand(page, site)
    baseline = page.evaluate("[open_.listeners, open_.observers]")
    for _ in range(20):
        page.evaluate("stand.open({ count: 2 })")
        stand.settle()
        page.evaluate("stand.close()")
    assert page.evaluate("[open_.listeners, open_.observers]") == baseline
    assert page.evaluate("stand.model.listening") == 0
    assert page.locator("#views").evaluate("el => el.childElementCount") == 0
    assert stand.errors == []
    context.close()


def test_history_leads_to_any_state_and_takes_notes(stand: Stand) -> None:
    stand.open()
    stand.button("History").click()
    states = stand.page.get_by_role("list", name="States")
    expect(states.get_by_role("listitem")).to_have_count(8)
    expect(states.get_by_role("listitem").first).to_contain_text("fit")
    states.get_by_role("button", name="prune node h4").click()
    assert {"type": "jump", "position": 5} in stand.ops()
    states.get_by_role("button", name="looks right").click()
    note = stand.page.get_by_label("Note on fit")
    note.fill("rk")
    note.press("Enter")
    assert {"type": "annotate", "position": 7, "note": "rk"} in stand.ops()
    assert not any(op["type"] in ("restore", "keep") for op in stand.ops())
    states.get_by_role("button", name="prune edge h2 to y").click(modifiers=["Shift"])
    expect(stand.page.get_by_role("table")).to_contain_text("0.0612")
    stand.page.keyboard.press("Escape")
    expect(states).to_have_count(0)


def save_sheet(stand: Stand) -> Locator:
    stand.button("Save").click()
    sheet = stand.page.get_by_role("complementary", name="Save")
    expect(sheet.get_by_role("img", name="The picture to be saved")).to_be_visible()
    return sheet


def saved(stand: Stand, button: str) -> Path:
    with stand.page.expect_download() as download:
        stand.button(button).click()
    expect(stand.page.get_by_text(f"{download.value.suggested_filename} saved")).to_be_visible()
    return Path(download.value.path())


def test_save_gives_a_picture_of_shapes_and_text(stand: Stand) -> None:
    stand.open()
    stand.python('python.apply({type: "set_threshold", threshold: 0.01}); python.write();')
    save_sheet(stand)
    svg = "{http://www.w3.org/2000/svg}"
    root = ElementTree.parse(saved(stand, "Save SVG")).getroot()
    assert root.tag == f"{svg}svg"
    assert {element.tag for element in root.iter()} == {
        svg + tag for tag in ("svg", "title", "desc", "g", "rect", "path", "polyline", "circle", "text")
    }
    assert len(root.findall(f".//*[@id='functions']/{svg}g")) == 15
    assert [text.text for text in root.iter(f"{svg}text")] == ["x1", "x2", "h1", "h2", "h3", "h4", "h5", "y"]
    stand.page.get_by_label("Pruned parts").uncheck()
    root = ElementTree.parse(saved(stand, "Save SVG")).getroot()
    assert len(root.findall(f".//*[@id='functions']/{svg}g")) == 9


def test_save_gives_a_bitmap_at_the_scale_and_on_the_background_asked_for(stand: Stand) -> None:
    stand.open()
    sheet = save_sheet(stand)
    pictures = []
    for scale, colours, clear in ((1, "Light", False), (4, "Dark", False), (2, "Light", True)):
        sheet.get_by_role("radio", name=re.compile(f"^{scale}")).check()
        sheet.get_by_role("radio", name=colours).check()
        sheet.get_by_label("Transparent").set_checked(clear)
        pictures.append(Image.open(saved(stand, "Save PNG")).convert("RGBA"))
    light, dark, none = pictures
    assert (dark.width, dark.height) == (4 * light.width, 4 * light.height)
    assert none.width == 2 * light.width
    assert [picture.getpixel((3, 3)) for picture in pictures] == [(255, 255, 255, 255), (21, 24, 29, 255), (0, 0, 0, 0)]
    assert ImageStat.Stat(light.convert("L")).stddev[0] > 10  # something is drawn on it
    assert ImageStat.Stat(none.getchannel("A")).mean[0] > 1


def test_save_gives_the_page_that_python_writes(stand: Stand) -> None:
    stand.open()
    save_sheet(stand)
    assert saved(stand, "Save HTML").read_text().startswith("<!doctype html>")
    stand.python("python.answers.page = undefined;")
    stand.button("Save HTML").click()
    expect(stand.page.get_by_text("unknown question")).to_be_visible()


def test_save_copies_the_script_or_shows_it_where_it_may_not(stand: Stand) -> None:
    stand.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    stand.open()
    sheet = save_sheet(stand)
    sheet.get_by_role("button", name="Copy as Python").click()
    expect(sheet.get_by_text("copied as Python")).to_be_visible()
    assert stand.page.evaluate("navigator.clipboard.readText()") == "session.prune([(0, 0, 1)])"
    stand.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error()); }")
    sheet.get_by_role("button", name="Copy as JSON").click()
    expect(sheet.get_by_role("textbox", name="Script")).to_have_value("{}")


def test_full_screen_fills_it_and_esc_leaves(stand: Stand) -> None:
    stand.open(traits={"height": 500})
    sheet = save_sheet(stand)
    region = stand.page.get_by_role("region")
    sheet.get_by_role("button", name="Full screen").click()
    stand.page.wait_for_function("document.fullscreenElement !== null")
    screen = stand.page.evaluate("[innerWidth, innerHeight]")
    stand.page.wait_for_function(
        "height => Math.abs(document.fullscreenElement.clientHeight - height) < 2", arg=screen[1]
    )
    stand.settle()
    box = box_of(region)
    assert [box["width"], box["height"]] == screen
    expect(sheet.get_by_role("button", name="Full screen")).to_have_attribute("aria-pressed", "true")
    sheet.get_by_role("button", name="Full screen").click()
    stand.page.wait_for_function("document.fullscreenElement === null")
    expect(sheet.get_by_role("button", name="Full screen")).to_have_attribute("aria-pressed", "false")
    assert box_of(region)["height"] == 500


def test_full_screen_says_so_where_the_page_forbids_it(stand: Stand) -> None:
    stand.page.evaluate("Object.defineProperty(document, 'fullscreenEnabled', { value: false })")
    stand.open()
    sheet = save_sheet(stand)
    sheet.get_by_role("button", name="Full screen").click()
    expect(sheet.get_by_text("This page does not allow full screen.")).to_be_visible()


def test_sheets_say_so_where_there_is_no_kernel(stand: Stand) -> None:
    stand.open(kernel=False)
    stand.button("History").click()
    expect(stand.page.get_by_role("complementary", name="History")).to_contain_text("needs a running kernel")


def test_exported_page_answers_without_a_kernel_and_without_a_network(browser: Browser, tmp_path: Path) -> None:
    x = torch.rand(60, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    KANWidget(KAN([2, 5, 1], seed=0), (x, x[:, :1] ** 2)).to_html(tmp_path / "kan.html")
    context = browser.new_context(offline=True)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((tmp_path / "kan.html").as_uri())
    region = page.get_by_role("region")
    expect(region.get_by_role("option", name="edge x1 to h3")).to_be_visible()
    slider = region.get_by_role("slider", name="Threshold")
    slider.focus()
    for _ in range(4):
        slider.press("ArrowRight")
    metrics = region.get_by_role("status", name="Metrics")
    expect(metrics).not_to_contain_text("15 / 15")
    expect(region.get_by_text("no kernel: edits stay on this page")).to_be_visible()
    region.get_by_role("button", name="Reset").click()
    expect(metrics).to_contain_text("15 / 15")
    region.get_by_role("button", name="History").click()  # its code is in the page; its answer is not
    expect(region.get_by_role("complementary", name="History")).to_contain_text("No kernel is connected")
    assert errors == []
    context.close()


def test_compensations_say_what_each_would_make_of_the_cut(stand: Stand) -> None:
    stand.open()
    choice = stand.page.get_by_label("Compensation")
    choice.focus()
    expect(choice.locator("option")).to_have_text(["mean · 0.0484", "none · 0.212"])
    stand.edge("x1", "h2").click()
    stand.page.keyboard.press("Delete")
    expect(choice.locator("option")).to_have_text(["mean", "none"])
