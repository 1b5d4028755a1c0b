"""The cost of every threshold, as the widget is told of it."""

import threading
import time
from typing import Any

import numpy as np
import pytest
import torch

from kan_widget import KAN, KANWidget, Session
from kan_widget.widget import wire
from kan_widget.widget.foresight import Foresight, foresee

X = torch.rand(150, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
Y = torch.sin(3 * X[:, [0]]) + X[:, [1]] ** 2
DATA = (X[:100], Y[:100], X[100:], Y[100:])


def widget(**options: Any) -> KANWidget:
    return KANWidget(KAN([2, 3, 1], seed=0), DATA, **options)


def await_curve(view: KANWidget, good: Any = lambda curve: curve.get("control_low") is not None) -> dict[str, Any]:
    """The trait, once it is as wanted."""
    end = time.monotonic() + 20
    while not good(view.curve):
        assert time.monotonic() < end, view.curve
        time.sleep(0.01)
    found: dict[str, Any] = view.curve
    return found


def floats(data: bytes) -> Any:
    return np.frombuffer(data, "<f4")


def test_curve_says_what_each_threshold_then_costs() -> None:
    view = widget(criterion="std")
    view._on_message(view, {"type": "hello"}, [])
    found = await_curve(view)
    assert (found["criterion"], found["structure"], found["rows"]) == ("std", "edge", "test")
    thresholds, losses = floats(found["threshold"]), floats(found["loss"])
    for level in (1, 2, 4):
        view.threshold = float(thresholds[level])
        assert view.metrics["now"]["test_loss"] == pytest.approx(losses[level], rel=1e-5)
    assert (floats(found["control_low"]) <= floats(found["control_high"])).all()
    view.close()


def test_curve_waits_for_a_view_and_for_labels() -> None:
    unseen = widget()
    unlabelled = KANWidget(KAN([2, 3, 1], seed=0), X)
    unlabelled._on_message(unlabelled, {"type": "hello"}, [])
    names = [thread.name for thread in threading.enumerate()]
    assert unseen.curve == {}
    assert unlabelled.curve == {}
    assert "kan_widget foresight" not in names or all(view._foresight._thread is None for view in (unseen, unlabelled))


def test_curve_follows_the_rule_and_not_the_threshold() -> None:
    view = widget()
    view._on_message(view, {"type": "hello"}, [])
    first = await_curve(view)
    view.threshold = 0.01
    view.session.set_threshold(0.02, layer=0)
    assert view.curve is first
    view.criterion = "std"
    await_curve(view, lambda curve: curve["criterion"] == "std" and curve["control_low"] is not None)
    view.structure = "node"
    found = await_curve(view, lambda curve: curve["structure"] == "node" and curve["control_low"] is not None)
    assert len(floats(found["threshold"])) == 1 + view.session.live[1].sum()
    view.close()


def test_curve_of_a_session_respects_what_was_done_by_hand() -> None:
    session = Session(KAN([2, 3, 1], seed=0), DATA, criterion="std")
    session.prune([(0, 0, 0)])
    session.keep([(1, 2, 0), (0, 1, 2)])
    found = foresee(session, draws=2)["std"]
    assert found.edges[0] == 8
    assert found.edges[-1] == 2
    assert found.loss[0] == pytest.approx(session.metrics.quality["test"].loss)
    session.set_threshold(float(found.threshold[-1]))
    assert session.metrics.quality["test"].loss == pytest.approx(found.loss[-1], rel=1e-6)


@pytest.mark.parametrize("structure", ["edge", "node", "input"])
def test_curve_goes_no_further_than_the_floor(structure: str) -> None:
    session = Session(KAN([3, 4, 3, 1], seed=0), (torch.cat([X, X[:, :1] ** 2], 1), Y), structure=structure)
    session.set_min_per_layer(2)
    found = foresee(session, draws=1)["l1"]
    assert len(found.threshold) == 1 + {"edge": 27 - 6, "node": 7 - 4, "input": 3 - 2}[structure]
    for level in (1, -1):
        session.set_threshold(float(found.threshold[level]))
        assert sum(int(active.sum()) for active in session.active) == found.edges[level]
        assert session.metrics.quality["train"].loss == pytest.approx(found.loss[level], rel=1e-5)


def test_curve_under_a_refit_starts_from_the_weights_before_it() -> None:
    session = Session(KAN([2, 3, 1], seed=0), DATA, criterion="std")
    before = foresee(session, draws=0)["std"].loss
    session.set_compensate("least_squares")
    session.set_threshold(float(np.sort(session.plan.candidates(session.scores))[3]))
    assert np.allclose(foresee(session, draws=0)["std"].loss, before)


def test_foresight_answers_the_last_question_and_none_after_its_end() -> None:
    session = Session(KAN([2, 3, 1], seed=0), DATA)
    heard: list[str] = []
    done = threading.Event()

    def hear(found: Any) -> None:
        heard.extend(found)
        if "std" in found and found.control:
            done.set()

    foresight = Foresight(session, hear)
    for criterion in ("taylor2", "attribution", "std"):
        session.set_criterion(criterion)
        foresight.ask()
    assert done.wait(20)
    assert heard[-1] == "std"
    foresight.close()
    count = len(heard)
    session.set_criterion("l1")
    foresight.ask()
    time.sleep(0.1)
    assert len(heard) == count


def test_wire_of_a_curve_of_classes_has_shares() -> None:
    classes = (Y[:, 0] > 0.3).long()
    session = Session(KAN([2, 3, 2], seed=0), (X, classes))
    sent = wire.curve(foresee(session, draws=2))
    shares = floats(sent["accuracy"])
    assert len(shares) == 1 + 12
    assert ((shares >= 0) & (shares <= 1)).all()
    assert ((floats(sent["control_high"]) <= 1) & (floats(sent["control_low"]) >= 0)).all()
