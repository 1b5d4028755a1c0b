"""No violation that axe knows of, in every state of the widget and in both themes."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.page import shots
from tests.browser.page.harness import ROOT, Stand

pytestmark = pytest.mark.browser

AXE = ROOT / "js" / "node_modules" / "axe-core" / "axe.min.js"
SHEETS = ("Table", "Input map", "History", "Criteria", "Tune", "Save", "Layers")

RUN = """async () => {
    const { violations } = await axe.run(document.getElementById("views"), { resultTypes: ["violations"] });
    const said = ({ html, failureSummary }) => `${html.slice(0, 120)} ${failureSummary}`;
    return violations.flatMap(({ id, nodes }) => nodes.map(node => `${id}: ${said(node)}`));
}"""


def sheet(name: str) -> Callable[[Stand], None]:
    def act(stand: Stand) -> None:
        stand.button(name).click()
        panel = stand.page.get_by_role("complementary", name=name)
        expect(panel).not_to_contain_text(re.compile("Loading|Working"))
        shots.plain(stand)

    return act


def stale(stand: Stand) -> None:
    stand.set_trait(
        "notice", {"id": "1", "kind": "info", "text": "The model was changed elsewhere.", "offer": "refresh"}
    )


def alone(stand: Stand) -> None:
    shots.edge(stand)
    stand.page.keyboard.press("Delete")


def broken(stand: Stand) -> None:
    stand.page.evaluate("stand.breakCurve(0)")
    shots.edge(stand)


Act = Callable[[Stand], None]
LARGE = {"network": {"widths": [784, 64, 10], "task": "classification"}}
IMAGE = {"network": {"widths": [784, 16, 10], "shape": [28, 28]}}
STATES: dict[str, tuple[Act, dict[str, Any]]] = {
    "fresh": (shots.plain, {}),
    "dragged": (shots.dragged, {}),
    "edge": (shots.edge, {}),
    "node": (shots.node, {}),
    "several": (shots.several, {}),
    "pruned": (shots.gone_edge, {}),
    "broken": (broken, {}),
    "error": (shots.error, {}),
    "stale": (stale, {}),
    "waiting": (shots.waiting, {}),
    "help": (shots.help_open, {}),
    "focus": (shots.focused, {}),
    "no kernel": (alone, {"kernel": False}),
    "narrow": (shots.edge, {"width": 480}),
    "short": (shots.edge, {"traits": {"height": 400}}),
    "large": (shots.halfway, LARGE),
    "image": (sheet("Input map"), IMAGE),
    "large table": (sheet("Table"), LARGE),
    "by layer": (shots.cut_by_layer, {}),
    **{name: (sheet(name), {}) for name in SHEETS},
    "metrics": (shots.metrics, {}),
    "metrics of classes": (shots.metrics, shots.CLASSES),
    "metrics failed": (shots.metrics_failed, {}),
    "worth": (shots.worth, {}),
    "output": (shots.output, {}),
    "narrow output": (shots.output, {"width": 480}),
}


@pytest.fixture(scope="session")
def axe() -> str:
    if not AXE.exists():
        pytest.skip("axe-core is not installed; run `npm ci` in js")
    return AXE.read_text(encoding="utf-8")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing(stand: Stand, axe: str, state: str, theme: str) -> None:
    act, given = STATES[state]
    options = dict(given)
    stand.page.set_viewport_size({"width": options.pop("width", 1000), "height": 800})
    # The page behind follows the theme as a notebook does: what lies over its edge has to be read too.
    stand.page.evaluate("theme => document.body.classList.toggle('dark', theme === 'dark')", theme)
    stand.open(**{**options, "traits": {"theme": theme, **options.get("traits", {})}})
    act(stand)
    stand.settle()
    stand.page.evaluate(axe)
    # Colours that are still on their way would be read as too faint.
    stand.page.wait_for_timeout(250)
    assert stand.page.evaluate(RUN) == []


def test_axe_would_find_something(stand: Stand, axe: str) -> None:
    region = stand.open()
    stand.page.evaluate(axe)
    region.evaluate("el => el.querySelectorAll('button')[0].removeAttribute('aria-label')")
    region.evaluate("el => el.querySelectorAll('button')[0].removeAttribute('title')")
    assert any(found.startswith("button-name") for found in stand.page.evaluate(RUN))
