"""What sheets ask, and what Python answers."""

import json
import time
from typing import Any

import pytest
import torch

from kan_widget import KAN, KANWidget, Session
from kan_widget.core.log import Log

X = torch.rand(80, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
Y = X[:, [0]] ** 2 + X[:, [1]]
DATA = (X[:50], Y[:50], X[50:], Y[50:])


@pytest.fixture
def widget() -> KANWidget:
    return KANWidget(KAN([2, 3, 1], seed=0), DATA)


def ask(widget: KANWidget, about: Any, **more: Any) -> Any:
    """The answer as it would reach the page, through JSON, when it is there."""
    sent: list[Any] = []
    widget.send = lambda content, buffers=None: sent.append(json.loads(json.dumps(content)))  # type: ignore[method-assign]
    widget._on_message(widget, {"type": "ask", "id": "q", "about": about, **more}, [])
    end = time.monotonic() + 20
    while not sent:
        assert time.monotonic() < end
        time.sleep(0.005)
    (answer,) = sent
    assert answer["id"] == "q"
    return answer


def run(widget: KANWidget, *ops: dict[str, Any]) -> None:
    revision = widget.pruning["revision"]
    widget._on_message(widget, {"type": "ops", "id": "o", "revision": revision, "ops": list(ops)}, [])


def test_history_tells_every_state_and_what_it_is_worth(widget: KANWidget) -> None:
    run(widget, {"type": "prune", "edges": [[0, 0, 1]], "nodes": []})
    first = widget.metrics["now"]
    run(widget, {"type": "undo"})
    run(widget, {"type": "prune", "edges": [], "nodes": [[1, 0]]})
    found = ask(widget, "history")["value"]
    assert [step["parent"] for step in found["steps"]] == [-1, 0, 0]
    assert found["path"] == [0, 2]
    assert found["position"] == 2
    assert found["steps"][1]["loss"] == pytest.approx(first["test_loss"])
    assert found["steps"][1]["edges"] == first["edges"]
    assert found["steps"][2]["nodes"] == 2


def test_jump_and_annotate_are_edits_like_any_other(widget: KANWidget) -> None:
    run(widget, {"type": "prune", "edges": [[0, 0, 1]], "nodes": []})
    run(widget, {"type": "annotate", "position": 1, "note": "<b>safe</b>"}, {"type": "jump", "position": 0})
    assert widget.metrics["now"]["edges"] == 9
    assert ask(widget, "history")["value"]["steps"][1]["note"] == "<b>safe</b>"


@pytest.mark.parametrize(
    "op",
    [
        {"type": "jump", "position": 7},
        {"type": "jump", "position": True},
        {"type": "jump"},
        {"type": "annotate", "position": 0, "note": 3},
        {"type": "annotate", "position": -1, "note": "x"},
    ],
)
def test_jump_and_annotate_refuse_what_is_not_there(widget: KANWidget, op: dict[str, Any]) -> None:
    sent: list[Any] = []
    widget.send = lambda content, buffers=None: sent.append(content)  # type: ignore[method-assign]
    run(widget, op)
    assert [message["type"] for message in sent if message["type"] != "update"] == ["nack"]
    assert len(widget.session.history.steps) == 1


def test_script_does_the_same_again(widget: KANWidget) -> None:
    run(widget, {"type": "set_threshold", "threshold": 0.02}, {"type": "prune", "edges": [[0, 0, 1]], "nodes": []})
    found = ask(widget, "script")["value"]
    again = Session(KAN([2, 3, 1], seed=0), DATA)
    again.replay(Log.from_json(found["json"]))
    assert all((a == b).all() for a, b in zip(again.masks, widget.session.masks, strict=True))
    assert "session" in found["python"]


@pytest.mark.parametrize("about", ["secrets", None, 3, ["history"], {"a": 1}])
def test_unknown_questions_are_answered_with_a_reason(widget: KANWidget, about: Any) -> None:
    assert ask(widget, about)["reason"] == "unknown question"


def test_detail_shows_the_function_before_a_refit(widget: KANWidget) -> None:
    sent: list[Any] = []

    def buffers_of_detail() -> int:
        widget._on_message(widget, {"type": "detail", "id": "d", "edge": [0, 1, 2]}, [])
        return len(sent[-1][1])

    widget.send = lambda content, buffers=None: sent.append((content, buffers))  # type: ignore[method-assign]
    assert buffers_of_detail() == 3
    widget.compensate = "least_squares"
    widget.session.prune([(0, 0, 1)])
    assert buffers_of_detail() == 4


def test_compensations_are_foretold_without_a_change(widget: KANWidget) -> None:
    run(widget, {"type": "prune", "edges": [[0, 0, 1]], "nodes": []})
    revision = widget.pruning["revision"]
    found = ask(widget, "compensations")["value"]
    assert set(found) == set(widget.pruning["compensations"])
    assert widget.pruning["revision"] == revision
    assert found["mean"]["loss"] == pytest.approx(widget.metrics["now"]["test_loss"])
