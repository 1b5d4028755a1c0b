"""Metrics, sizes, worth and formulas, as sheets are told of them."""

import json
import threading
import time
from typing import Any

import pytest
import torch

from kan_widget import KAN, KANWidget, Session
from kan_widget.report import standing, worth
from kan_widget.widget import insight
from kan_widget.widget.questions import LONG

X = torch.rand(120, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
Y = torch.sin(3 * X[:, [0]]) + X[:, [1]] ** 2
CLASSES = (X[:, 0] > 0).long()
DATA = (X[:80], Y[:80], X[80:], Y[80:])


@pytest.fixture
def widget() -> KANWidget:
    return KANWidget(KAN([2, 3, 1], seed=0), DATA, slices={"<b>low</b>": X[80:, 0] < 0})


def ask(widget: KANWidget, about: str, **more: Any) -> dict[str, Any]:
    """The answer as it would reach the page, through JSON, when it is there."""
    said: list[Any] = []
    widget.send = lambda content, buffers=None: said.append(json.loads(json.dumps(content, allow_nan=False)))  # type: ignore[method-assign]
    widget._on_message(widget, {"type": "ask", "id": "q", "about": about, **more}, [])
    end = time.monotonic() + 30
    while not said:
        assert time.monotonic() < end
        time.sleep(0.005)
    return said[0]


def test_metrics_are_those_of_standing(widget: KANWidget) -> None:
    widget.session.prune([(0, 0, 1)])
    found = ask(widget, "metrics")["value"]
    truth = standing(widget.session, draws=insight.DRAWS)
    assert found["states"] == ["dense", "last", "now"]
    assert (found["step"], found["revision"]) == ("prune edge x1 to h2", 1)
    assert [(rows["name"], rows["count"]) for rows in found["rows"]] == [(n, r.count) for n, r in truth.items()]
    for rows in found["rows"]:
        for name in ("rmse", "r2"):
            expected = [truth[rows["name"]].metrics[state][name] for state in truth.states]
            assert rows["values"][name] == pytest.approx(expected)
    test = found["rows"][0]["values"]["rmse"]
    assert test[0] == pytest.approx(widget.metrics["before"]["test_loss"], rel=1e-5)
    assert test[2] == pytest.approx(widget.metrics["now"]["test_loss"], rel=1e-5)


def test_metrics_of_a_classifier_have_classes_by_damage() -> None:
    widget = KANWidget(KAN([2, 3, 2], seed=0), (X, CLASSES))
    widget.session.prune(nodes=[(1, 0)])
    (rows,) = ask(widget, "metrics")["value"]["rows"]
    assert [part["change"][0] for part in rows["parts"]] == sorted(part["change"][0] for part in rows["parts"])
    assert sum(part["count"] for part in rows["parts"]) == 120


def test_without_labels_the_reason_is_told() -> None:
    widget = KANWidget(KAN([2, 2, 1], seed=0), X)
    assert "labels" in ask(widget, "metrics")["reason"]
    assert "labels" in ask(widget, "worth", part=[0, 0])["reason"]
    assert "value" in ask(widget, "formula", output=0)
    assert "value" in ask(widget, "efficiency")


def test_efficiency_is_of_the_dense_and_of_the_compacted_network(widget: KANWidget) -> None:
    widget.session.prune(nodes=[(1, 1)])
    found = ask(widget, "efficiency")["value"]
    compact = widget.session.compact()
    assert found["dense"]["parameters"] == sum(p.numel() for p in KAN([2, 3, 1], seed=0).parameters())
    assert found["now"]["parameters"] == sum(p.numel() for p in compact.parameters())
    assert (found["dense"]["edges"], found["now"]["edges"], found["latency"]) == (9, 6, [])


def test_latencies_are_measured_when_asked(widget: KANWidget, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insight, "SECONDS", 0.05)
    found = ask(widget, "efficiency", measure=True, batch=8)["value"]
    assert [line["rows"] for line in found["latency"]] == [1, 8]
    assert all(
        0 < line[of]["low"] <= line[of]["p50"] <= line[of]["high"]
        for line in found["latency"]
        for of in ("dense", "now")
    )


def test_network_that_is_a_constant_has_no_size_and_says_so() -> None:
    widget = KANWidget(KAN([1, 1], seed=0), (X[:, :1], Y))
    widget.session.prune([(0, 0, 0)], cut=True)
    assert "constant" in ask(widget, "efficiency")["reason"]


def test_worth_is_that_of_the_report(widget: KANWidget) -> None:
    found = ask(widget, "worth", part=[1, 2])["value"]
    truth = worth(widget.session, (1, 2))
    assert (found["change"], found["error"], found["clear"]) == (truth.change, truth.error, truth.is_clear)
    assert "output" in ask(widget, "worth", part=[2, 0])["reason"]


def test_formula_is_that_of_the_session(widget: KANWidget) -> None:
    found = ask(widget, "formula", output=0)["value"]
    truth = widget.session.formula()
    assert (found["copy"], found["text"]) == (str(truth), truth.text)
    assert found["latex"].startswith("y = ")
    assert [link["edge"] for link in found["links"]] == [list(link.edge) for link in truth.links]


@pytest.mark.parametrize(
    ("about", "more"),
    [
        ("efficiency", {"measure": 1}),
        ("efficiency", {"measure": "yes"}),
        ("efficiency", {"batch": 0}),
        ("efficiency", {"batch": True}),
        ("efficiency", {"batch": 10**9}),
        ("efficiency", {"batch": None}),
        ("worth", {}),
        ("worth", {"part": "ab"}),
        ("worth", {"part": {"0": 1}}),
        ("worth", {"part": [0, 99]}),
        ("worth", {"part": [0, True]}),
        ("worth", {"part": [0.5, 0]}),
        ("worth", {"part": [[0], 0]}),
        ("formula", {}),
        ("formula", {"output": 1}),
        ("formula", {"output": -1}),
        ("formula", {"output": True}),
        ("formula", {"output": "y"}),
        ("formula", {"output": 10**30}),
    ],
)
def test_questions_that_make_no_sense_are_refused(widget: KANWidget, about: str, more: dict[str, Any]) -> None:
    assert ask(widget, about, **more)["reason"]
    assert widget.session.revision == 0


@pytest.mark.parametrize("about", sorted(LONG))
def test_long_questions_leave_the_thread_that_listens(
    widget: KANWidget, about: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    asked = {"criteria": {"criteria": ["l1", "std"]}, "worth": {"part": [0, 0]}, "formula": {"output": 0}}

    def answer(session: Session, content: dict[str, Any]) -> dict[str, Any]:
        threads.append(threading.current_thread().name)
        return {}

    monkeypatch.setitem(LONG, about, answer)
    ask(widget, about, **asked.get(about, {}))
    assert threads == ["kan_widget errands"]


def test_answer_is_known_until_the_network_changes(widget: KANWidget, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    def answer(session: Session, content: dict[str, Any]) -> dict[str, Any]:
        calls.append(content.get("part"))
        return {"calls": len(calls)}

    monkeypatch.setitem(LONG, "worth", answer)
    for part in ([0, 0], [0, 0], [0, 1], [0, 0]):
        ask(widget, "worth", part=part)
    assert calls == [[0, 0], [0, 1]]
    widget.session.prune([(0, 0, 1)])
    assert ask(widget, "worth", part=[0, 0])["value"] == {"calls": 3}


def test_page_is_made_beside_the_thread_that_listens(widget: KANWidget) -> None:
    made: list[str] = []
    page = widget._answers._page
    widget._answers._page = lambda: made.append(threading.current_thread().name) or page()  # type: ignore[func-returns-value]
    assert ask(widget, "page")["value"]["html"].startswith("<!doctype html>")
    assert made == ["kan_widget errands"]


def test_clicks_do_not_wait_for_what_takes_long(widget: KANWidget, monkeypatch: pytest.MonkeyPatch) -> None:
    """While latencies are timed, an edit goes through at once."""
    begun, done = threading.Event(), threading.Event()

    def slow(*_args: Any) -> Any:
        begun.set()
        assert done.wait(20)
        raise ValueError("enough")

    monkeypatch.setattr(insight.report, "measure_together", slow)
    widget.send = lambda content, buffers=None: None  # type: ignore[method-assign]
    widget._on_message(widget, {"type": "ask", "id": "q", "about": "efficiency", "measure": True}, [])
    assert begun.wait(20)
    widget.session.prune([(0, 0, 1)])
    assert widget.pruning["revision"] == 1
    done.set()


def test_slices_are_of_the_session() -> None:
    session = Session(KAN([2, 3, 1], seed=0), DATA, slices={"a": [1, 2]})
    assert ask(KANWidget(session), "metrics")["value"]["rows"][-1]["name"] == "a"
    with pytest.raises(ValueError, match="slices belong to the Session"):
        KANWidget(session, slices={"b": [1]})
