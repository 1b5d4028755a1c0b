"""Training from the widget, as the page shows it; the fake Python trains a step whenever a test says so."""

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.page.harness import Stand, box_of

pytestmark = pytest.mark.browser


def tune_sheet(stand: Stand) -> Locator:
    stand.button("Tune").click()
    sheet = stand.page.get_by_role("complementary", name="Tune")
    sheet.get_by_role("radiogroup", name="What to do").wait_for()
    return sheet


def tick(stand: Stand, steps: int) -> None:
    stand.python(f"python.training.tick({steps});")
    stand.settle()


def test_fine_tune_shows_its_way_and_what_came_of_it(stand: Stand) -> None:
    stand.open()
    sheet = tune_sheet(stand)
    sheet.get_by_role("spinbutton", name="Steps").fill("12")
    stand.page.keyboard.press("Enter")
    assert stand.ops() == [{"type": "fine_tune", "steps": 12}]
    footer = stand.page.get_by_text("training…", exact=True)
    expect(footer).to_be_visible()
    tick(stand, 6)
    expect(sheet).to_contain_text("step 6 of 12 · about 2 s left")
    expect(sheet.get_by_role("progressbar", name="Progress")).to_have_attribute("aria-valuenow", "50")
    expect(
        sheet.get_by_role("img", name=re.compile("^Losses over 6 steps, training RMSE 0.0452 to 0.01"))
    ).to_be_visible()
    expect(stand.metrics).to_contain_text("0.0481 → 0.0")
    tick(stand, 6)
    expect(footer).to_have_count(0)
    expect(sheet.get_by_role("status")).to_contain_text(re.compile(r"Test RMSE 0\.0481 → 0\.01\d+ after \d+ steps\."))
    expect(sheet.get_by_role("table", name="Before and after")).to_contain_text("test RMSE")
    sheet.get_by_role("button", name="Undo").click()
    assert stand.ops()[-1] == {"type": "jump", "position": 0}


def test_edges_can_be_clicked_while_it_trains_and_leave_a_mark(stand: Stand) -> None:
    stand.open()
    sheet = tune_sheet(stand)
    sheet.get_by_role("button", name="Start").click()
    tick(stand, 4)
    stand.edge("x2", "h3").click()
    stand.diagram.focus()
    stand.page.keyboard.press("Delete")
    expect(stand.edge("x2", "h3")).to_have_attribute("aria-label", re.compile(", pruned$"))
    tick(stand, 3)
    expect(sheet.get_by_role("list", name="Edits")).to_contain_text("4prune 0 1 2")
    expect(sheet.get_by_role("table", name="Before and now")).to_contain_text(re.compile(r"edges\s*15\s*→\s*14"))
    expect(stand.edge("x2", "h3")).to_have_attribute("aria-label", re.compile(", pruned$"))


def test_pause_and_stop_are_done_by_keyboard_and_keep_the_focus(stand: Stand) -> None:
    stand.open()
    sheet = tune_sheet(stand)
    sheet.get_by_role("combobox", name="Unit").select_option("seconds")
    sheet.get_by_role("button", name="Start").focus()
    stand.page.keyboard.press("Enter")
    pause = sheet.get_by_role("button", name="Pause")
    expect(pause).to_be_focused()
    tick(stand, 3)
    stand.page.keyboard.press("Enter")
    expect(sheet.get_by_role("button", name="Resume")).to_be_focused()
    expect(sheet.get_by_role("status")).to_have_text("Paused. Edits are made at once.")
    expect(stand.page.get_by_text("training paused")).to_be_visible()
    tick(stand, 3)
    expect(sheet).to_contain_text("step 3 · paused")
    stand.page.keyboard.press("Enter")
    stand.page.keyboard.press("Tab")
    stand.page.keyboard.press("Enter")
    assert [op["type"] for op in stand.ops()] == ["fine_tune", "pause", "resume", "stop"]
    assert stand.ops()[0] == {"type": "fine_tune", "seconds": 10}
    expect(sheet.get_by_role("status")).to_contain_text("Stopped by hand.")


def test_auto_prune_shows_its_rounds(stand: Stand) -> None:
    stand.open()
    sheet = tune_sheet(stand)
    sheet.get_by_role("radio", name="Auto-prune").check()
    expect(sheet).to_contain_text("Cuts the weakest edges by l1")
    sheet.get_by_role("spinbutton", name="Budget in percent").fill("5")
    sheet.get_by_role("button", name="Start").click()
    assert stand.ops() == [{"type": "auto_prune", "budget": 0.05}]
    tick(stand, 25)
    expect(sheet.get_by_role("list", name="Edits").get_by_role("listitem")).to_have_text(
        ["20prune 1 edges", "10prune 2 edgestaken back", "0prune 4 edgeskept"]
    )
    expect(sheet.locator(".losses .limit")).to_have_count(1)
    expect(sheet.locator(".losses .back")).to_have_count(1)


def test_the_pointer_reads_the_losses_of_a_step(stand: Stand) -> None:
    stand.open()
    sheet = tune_sheet(stand)
    sheet.get_by_role("button", name="Start").click()
    tick(stand, 8)
    box = box_of(sheet.get_by_role("img", name="Losses over"))
    stand.page.mouse.move(box["x"] + box["width"] * (48 + 264 * 0.2) / 320, box["y"] + 40)
    stand.settle()
    expect(sheet).to_contain_text("step 4")
    expected = stand.python("return python.training.points[4][2]")
    expect(sheet).to_contain_text(f"test {expected:.3g}")
    sheet.get_by_role("button", name="log").click()
    expect(sheet.get_by_role("button", name="log")).to_have_attribute("aria-pressed", "true")


def test_curves_move_as_it_learns_and_a_tip_stays(stand: Stand) -> None:
    stand.open()
    tune_sheet(stand).get_by_role("button", name="Start").click()
    box = box_of(stand.edge("x1", "h1"))
    stand.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tip = stand.page.locator(".tip.on")
    expect(tip).to_be_visible()
    before = stand.edge("h1", "y").screenshot()
    tick(stand, 3)
    assert stand.edge("h1", "y").screenshot() != before
    expect(tip).to_be_visible()


@pytest.mark.parametrize("widths", [[64, 16, 10], [784, 64, 10]])
def test_large_networks_stay_responsive_while_they_learn(stand: Stand, widths: list[int]) -> None:
    stand.open(network={"widths": widths, "task": "classification"})
    tune_sheet(stand).get_by_role("button", name="Start").click()
    frames = stand.page.evaluate(
        """async () => {
            const { model, python: { training } } = window.stand;
            const networks = [3, 9].map(step => {
                training.told.step = step;
                training.move();
                return model.get("network");
            });
            const times = [];
            for (let i = 0; i < 8; i++) {
                const start = performance.now();
                model.traits.network = networks[i % 2];
                model.emit("change:network");
                await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))));
                times.push(performance.now() - start);
            }
            return times.sort((a, b) => a - b);
        }"""
    )
    # Curves come twice a second; a page that is busy all the time between would be no use.
    assert frames[len(frames) // 2] < 400


def test_a_refresh_is_offered_where_the_model_was_changed_elsewhere(stand: Stand) -> None:
    stand.open()
    stand.set_trait(
        "notice", {"id": "1", "kind": "info", "text": "The model was changed elsewhere.", "offer": "refresh"}
    )
    stand.button("Refresh").click()
    assert stand.ops() == [{"type": "refresh"}]
    expect(stand.button("Refresh")).to_have_count(0)


def test_tune_says_why_not_without_a_kernel(stand: Stand) -> None:
    stand.open()
    sheet = tune_sheet(stand)
    stand.page.evaluate("() => { window.stand.model.send = undefined; }")
    stand.edge("x2", "h3").click()
    stand.diagram.focus()
    stand.page.keyboard.press("Delete")
    expect(sheet).to_contain_text("This needs a running kernel.")
    expect(sheet.get_by_role("button", name="Start")).to_have_attribute("aria-disabled", "true")
