"""Metrics, what a node is worth, and formulas, in the page."""

import re

import pytest
import torch
from playwright.sync_api import Locator, expect

from kan_widget import KAN, KANWidget
from kan_widget.report import standing
from tests.browser.page.bridge import Bridge
from tests.browser.page.harness import Stand

pytestmark = pytest.mark.browser

CUT = 'python.apply({type: "set_threshold", threshold: 0.01}); python.write();'
CLASSES = {"widths": [4, 6, 12], "task": "classification"}


def open_sheet(stand: Stand) -> Locator:
    stand.button("Metrics").click()
    panel = stand.page.get_by_role("complementary", name="Metrics")
    expect(panel.get_by_role("table", name="Metrics by rows")).to_be_visible()
    return panel


def asked(stand: Stand, about: str) -> int:
    return int(stand.page.evaluate("about => stand.model.sent.filter(m => m.about === about).length", about))


def test_metrics_open_by_a_click_on_the_numbers_and_by_a_key(stand: Stand) -> None:
    stand.open()
    panel = stand.page.get_by_role("complementary", name="Metrics")
    stand.metrics.click(position={"x": 20, "y": 20})
    expect(panel.get_by_role("table", name="Metrics by rows")).to_be_visible()
    stand.button("Metrics").focus()
    stand.page.keyboard.press("m")
    expect(panel).to_have_count(0)
    stand.node("h1").focus()
    stand.page.keyboard.press("m")
    expect(panel).to_be_visible()
    stand.page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(stand.page.get_by_role("toolbar").get_by_role("button", name="Metrics")).to_have_count(0)


def test_rows_are_shown_dense_last_and_now(stand: Stand) -> None:
    stand.open()
    panel = open_sheet(stand)
    heads = panel.get_by_role("columnheader")
    expect(heads).to_have_text(["dense", "now", "change", "dense", "now", "change", "dense", "compact", "change"])
    stand.python(CUT)
    expect(heads.nth(1)).to_have_text("last")
    expect(heads.nth(1)).to_have_attribute("title", "Before the last step, “threshold 0.01”")
    night = panel.get_by_role("row", name=re.compile("^night 120"))
    expect(night).to_have_count(2)
    expect(night.first.get_by_role("cell")).to_have_text(["0.0501", "0.0861", "0.194", "+287 %"])


def test_change_that_might_be_none_is_in_parentheses(stand: Stand) -> None:
    stand.open()
    stand.python(
        """const answer = python.answers.metrics;
        python.answers.metrics = () => {
            const found = answer();
            found.rows[0].change.rmse = [0.001, -0.002, 0.004];
            return found;
        };"""
        + CUT
    )
    panel = open_sheet(stand)
    cell = panel.get_by_role("row", name=re.compile("^test 1,000")).first.get_by_role("cell").last
    expect(cell).to_have_text(re.compile(r"^\(\+.* %\)$"))
    expect(cell).to_have_attribute("title", re.compile("not distinguishable from zero$"))
    expect(panel).to_contain_text("In parentheses: not distinguishable from zero.")


def test_preview_shows_nothing_that_is_not_measured(stand: Stand) -> None:
    stand.open()
    panel = open_sheet(stand)
    before = panel.get_by_role("table", name="Metrics by rows").inner_text()
    count = asked(stand, "metrics")
    stand.drag_slider(400, drop=False)
    expect(panel).to_contain_text("a cut is measured once it is made")
    assert panel.get_by_role("table", name="Metrics by rows").inner_text() == before
    assert asked(stand, "metrics") == count
    stand.page.mouse.up()
    expect(panel.get_by_role("columnheader", name="last")).to_have_count(2)
    assert asked(stand, "metrics") == count + 1


def test_classes_are_listed_worst_first_for_any_rows(stand: Stand) -> None:
    stand.open(network=CLASSES)
    stand.python(CUT)
    panel = open_sheet(stand)
    table = panel.get_by_role("table", name="Right by class on test rows")
    changes = table.locator(".by").all_inner_texts()
    points = [float(re.sub(r"[() pt]", "", text).replace("\u2212", "-")) for text in changes]
    assert len(points) == 10
    assert points == sorted(points)
    panel.get_by_role("button", name="Show 2 others").click()
    expect(table.get_by_role("row")).to_have_count(12)
    panel.get_by_role("combobox", name="Rows").select_option("night")
    expect(panel.get_by_role("table", name="Right by class on night rows")).to_be_visible()


def test_speed_is_measured_when_asked_and_forgotten_after_an_edit(stand: Stand) -> None:
    stand.open()
    stand.python(CUT)
    panel = open_sheet(stand)
    sizes = panel.get_by_role("table", name="Size and speed")
    expect(sizes.get_by_role("row", name=re.compile("^multiply-adds"))).to_be_visible()
    expect(sizes.get_by_role("row", name=re.compile("^time"))).to_have_count(0)
    stand.python("python.hold = true;")
    stand.button("Measure speed").click()
    expect(stand.button("Timing…")).to_have_attribute("aria-disabled", "true")
    stand.edge("x1", "h1").click()
    assert stand.selected() == ["edge x1 to h1"] or stand.trait("selection") == [[0, 0, 0]]
    stand.python("python.release();")
    expect(sizes.get_by_role("row", name=re.compile("^time, 256 rows"))).to_contain_text("720 µs")
    stand.button("Undo").click()
    expect(sizes.get_by_role("row", name=re.compile("^time"))).to_have_count(0)


def test_metrics_that_cannot_be_told_say_why(stand: Stand) -> None:
    stand.open()
    stand.python("python.answers.metrics = undefined;")
    stand.button("Metrics").click()
    panel = stand.page.get_by_role("complementary", name="Metrics")
    expect(panel).to_contain_text("unknown question")
    expect(panel.get_by_role("table", name="Size and speed")).to_be_visible()


def test_node_has_its_worth_in_words(stand: Stand) -> None:
    stand.open()
    stand.node("h2").click()
    worth = stand.inspector.get_by_label("Worth")
    expect(worth).to_contain_text("+0.0040 ± 0.0080")
    expect(worth).to_contain_text("share of its layer")
    expect(stand.inspector).to_contain_text("not distinguishable from zero")
    stand.node("h1").click()
    expect(worth).to_contain_text("+0.512 ± 0.0080")
    expect(stand.inspector).not_to_contain_text("not distinguishable")


def test_output_has_its_formula_to_copy(stand: Stand) -> None:
    stand.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    stand.open()
    stand.node("y").click()
    formula = stand.page.get_by_role("group", name="Formula")
    expect(formula.get_by_role("note")).to_contain_text("y = 0.998 exp(sin(3.14 x1) + x2²)")
    formula.get_by_role("button", name="Copy").click()
    expect(formula).to_contain_text("copied as text")
    assert str(stand.page.evaluate("navigator.clipboard.readText()")).startswith("y = 0.998 exp(")
    formula.get_by_role("button", name="LaTeX").click()
    expect(formula).to_contain_text("copied as LaTeX")
    assert r"\sin" in stand.page.evaluate("navigator.clipboard.readText()")
    formula.get_by_role("button", name="0,1,1").click()
    assert stand.trait("selection") == [[0, 1, 1]]
    expect(stand.inspector).to_contain_text("Edge x2 → h2")


def test_formula_that_is_refused_says_so(stand: Stand) -> None:
    stand.open()
    stand.python(
        """python.answer = function (message) {
            const reason = "y depends on more than 100 edges; prune first";
            if (message.about !== "formula") return this.constructor.prototype.answer.call(this, message);
            this.model.emit("msg:custom", { type: "answer", id: message.id, reason }, []);
        };"""
    )
    stand.node("y").click()
    expect(stand.inspector).to_contain_text("y depends on more than 100 edges; prune first")


def test_names_are_shown_as_text(stand: Stand) -> None:
    script = "<img src=x onerror=window.hit=1>"
    stand.open(network={"widths": [1, 1], "names": [["a"], [script]]})
    stand.python(
        f"""const answer = python.answers.metrics;
        python.answers.metrics = () => {{
            const found = answer();
            found.rows[2].name = {script!r};
            return found;
        }};"""
    )
    panel = open_sheet(stand)
    expect(panel.get_by_text(script).first).to_be_visible()
    stand.page.keyboard.press("Escape")
    stand.node(script).click()
    expect(stand.inspector.get_by_role("note", name="Formula as text")).to_contain_text(script)
    assert stand.page.evaluate("window.hit") is None


def test_metrics_worth_and_formula_of_a_real_network(stand: Stand) -> None:
    x = torch.rand(300, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    y = torch.sin(3 * x[:, [0]]) + 0 * x[:, [1]]
    model = KAN([2, 1], grid=5, seed=0)
    model.fit((x[:200], y[:200]), steps=20, progress=False)
    widget = KANWidget(model, (x[:200], y[:200], x[200:], y[200:]), slices={"left": x[200:, 0] < 0})
    bridge = Bridge(widget, stand)

    def carry_until(shown: Locator) -> None:
        for _ in range(200):
            bridge.settle()
            if shown.count():
                return
            stand.page.wait_for_timeout(25)
        raise AssertionError("it never came")

    bridge.settle()
    stand.button("Metrics").click()
    table = stand.page.get_by_role("table", name="Metrics by rows")
    carry_until(table)
    expect(table.get_by_role("row", name=re.compile("^left"))).to_have_count(2)
    stand.edge("x2", "y").click()
    stand.page.keyboard.press("Delete")
    carry_until(table.get_by_role("columnheader", name="last"))
    truth = standing(widget.session, draws=5)
    cells = table.get_by_role("row", name=re.compile("^left")).first.get_by_role("cell").all_inner_texts()
    rmse = [truth["left"].metrics[state]["rmse"] for state in truth.states]
    assert [float(cell) for cell in cells[:3]] == pytest.approx(rmse, rel=0.01)
    stand.page.keyboard.press("Escape")
    stand.node("x1").click()
    carry_until(stand.inspector.get_by_text("RMSE if removed"))
    stand.node("y").click()
    carry_until(stand.page.get_by_role("group", name="Formula"))
    note = stand.page.get_by_role("note", name="Formula as text")
    expect(note).to_have_text(re.compile(r"^\s*y = (0\.99\d |1 )?sin\((3|2\.99|3\.0\d) x1.*\)"))
    widget.close()
