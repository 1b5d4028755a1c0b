"""Two criteria beside each other, as a sheet is told of them."""

import base64
import json
import threading
import time
from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import trapezoid
from scipy.stats import spearmanr

from kan_widget import KAN, KANWidget, Session
from kan_widget.widget import criteria as module
from kan_widget.widget.criteria import criteria, rank_correlation
from kan_widget.widget.errands import MOST, Errands

X = torch.rand(90, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
Y = torch.sin(3 * X[:, [0]]) + X[:, [1]] ** 2
DATA = (X[:60], Y[:60], X[60:], Y[60:])


@pytest.fixture
def widget() -> KANWidget:
    return KANWidget(KAN([2, 4, 1], seed=0), DATA)


def heard(widget: KANWidget) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = []
    widget.send = lambda content, buffers=None: said.append(json.loads(json.dumps(content, allow_nan=False)))  # type: ignore[method-assign]
    return said


def wait_for(good: Any) -> None:
    end = time.monotonic() + 20
    while not good():
        assert time.monotonic() < end
        time.sleep(0.01)


def ask(widget: KANWidget, **more: Any) -> dict[str, Any]:
    said = heard(widget)
    widget._on_message(widget, {"type": "ask", "id": "q", "about": "criteria", **more}, [])
    wait_for(lambda: said)
    return said[0]


@pytest.mark.parametrize("seed", range(5))
def test_rank_correlation_is_spearmans(seed: int) -> None:
    draw = np.random.default_rng(seed)
    a, b = draw.integers(0, 6, 40).astype(float), draw.normal(size=40)
    assert rank_correlation(a, b) == pytest.approx(spearmanr(a, b).statistic)
    assert rank_correlation(a, np.ones(40)) is None
    assert rank_correlation(a, np.full(40, np.nan)) is None


def test_answer_holds_scores_correlation_and_curves(widget: KANWidget) -> None:
    found = ask(widget, criteria=["l1", "taylor2"], draws=3)["value"]
    a, b = (np.frombuffer(base64.b64decode(text), "<f4") for text in found["scores"])
    session = widget.session
    assert np.array_equal(b, np.concatenate([e.ravel() for e in session.scores_by("taylor2").edges]).astype("<f4"))
    assert found["rho"] == pytest.approx(spearmanr(a, b).statistic)
    curves = found["curves"]
    assert (curves["rows"], curves["structure"], curves["accuracy"]) == ("test", "edge", False)
    assert trapezoid(curves["values"][1], curves["sparsity"]) == pytest.approx(curves["areas"][1])
    assert len(curves["low"]) == len(curves["sparsity"]) == 13
    # What the curve says of a level is what the cut then costs.
    session.set_criterion("taylor2")
    session.set_sparsity(curves["sparsity"][3])
    assert session.metrics.quality["test"].loss == pytest.approx(curves["values"][1][3], rel=1e-5)


def test_curves_follow_the_rule_in_force(widget: KANWidget) -> None:
    widget.structure, widget.compensate = "node", "least_squares"
    curves = ask(widget, criteria=["l1", "l1"])["value"]["curves"]
    assert curves["structure"] == "node"
    assert curves["low"] is None
    assert curves["values"][0] == curves["values"][1]


def test_without_labels_there_are_scores_and_no_curves() -> None:
    found = criteria(Session(KAN([2, 3, 1], seed=0), X), {"criteria": ["l1", "std"]})
    assert found["curves"] is None
    assert found["rho"] is not None


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"criteria": ["l1"]},
        {"criteria": "l1"},
        {"criteria": ["l1", 3]},
        {"criteria": ["l1", "magic"]},
        {"criteria": ["l1", "std"], "draws": 10**9},
        {"criteria": ["l1", "std"], "draws": True},
    ],
)
def test_what_cannot_be_compared_is_refused_in_words(widget: KANWidget, more: dict[str, Any]) -> None:
    answer = ask(widget, **more)
    assert "value" not in answer
    assert "criteri" in answer["reason"] or "draws" in answer["reason"]


def test_criterion_that_takes_minutes_is_refused_until_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(KAN([2, 3, 1], seed=0), DATA)
    monkeypatch.setattr(type(session.adapter), "removal_is_cheap", False)
    with pytest.raises(ValueError, match=r"minutes.*session\.scores_by\('shapley'\)"):
        criteria(session, {"criteria": ["l1", "shapley"]})
    session.scores_by("shapley")
    assert criteria(session, {"criteria": ["l1", "shapley"]})["rho"] is not None


def test_edits_do_not_wait_for_the_answer(widget: KANWidget, monkeypatch: pytest.MonkeyPatch) -> None:
    said, begun, go_on = heard(widget), threading.Event(), threading.Event()
    curve = module.curve

    def slow(*args: Any, **options: Any) -> Any:
        begun.set()
        assert go_on.wait(20)
        return curve(*args, **options)

    monkeypatch.setattr(module, "curve", slow)
    widget._on_message(widget, {"type": "ask", "id": "q", "about": "criteria", "criteria": ["l1", "fisher"]}, [])
    assert begun.wait(20)
    ops = [{"type": "prune", "edges": [[0, 0, 1]]}]
    widget._on_message(widget, {"type": "ops", "id": "o", "revision": 0, "ops": ops}, [])
    assert [answer["type"] for answer in said] == ["ack"]
    go_on.set()
    wait_for(lambda: len(said) == 2)
    assert said[1]["value"]["rho"] is not None
    widget.close()


def test_errands_run_in_order_survive_a_failure_and_end() -> None:
    errands, done, begun, go_on = Errands(), [], threading.Event(), threading.Event()

    def first() -> None:
        begun.set()
        go_on.wait(20)
        raise RuntimeError("broken")

    errands.send(first)
    assert begun.wait(20)
    for number in range(MOST):
        errands.send(lambda number=number: done.append(number))
    with pytest.raises(ValueError, match="wait for their answers"):
        errands.send(lambda: None)
    go_on.set()
    wait_for(lambda: len(done) == MOST)
    assert done == list(range(MOST))
    errands.close()
    assert errands._thread is not None
    errands._thread.join(5)
    assert not errands._thread.is_alive()
    errands.send(lambda: done.append(-1))
    assert done[-1] == MOST - 1
