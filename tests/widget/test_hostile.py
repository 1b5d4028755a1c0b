"""The widget under attack: whatever arrives is refused or done, and model, history and traits agree afterwards."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kan_widget import KAN, KANWidget, Session, create_dataset
from kan_widget.core.plan import COMPENSATIONS, STRUCTURES
from kan_widget.widget import wire
from kan_widget.widget.questions import LONG

DATA = create_dataset(lambda x: torch.sin(3 * x[:, [0]]) + x[:, [1]] ** 2, n_var=2, train_num=40, test_num=30)
SCRIPT = "<img src=x onerror=alert(1)>"
KINDS = ("ops", "detail", "ask", "sheets", "hello")
ANSWERS = {"ops": ("ack", "nack"), "detail": ("detail", "nack"), "ask": ("answer",)}
CHEAP = ("l1", "std", "attribution", "coefficient", "taylor2", "fisher", "auto", "random:3")


def open_widget(seed: int = 0) -> KANWidget:
    return KANWidget(KAN([2, 4, 1], seed=seed), DATA)


def packed(content: Any) -> Any:
    """What arrives of a message, packed as a kernel packs it: no NaN, nothing that is not UTF-8."""
    text = json.dumps(content, allow_nan=False, ensure_ascii=False)
    return json.loads(text.encode("utf-8", "surrogateescape"))


class Host:
    """The other end of the wire: what a widget says passes through JSON, as between a kernel and its pages."""

    def __init__(self, widget: KANWidget) -> None:
        self.widget = widget
        self.answers: list[dict[str, Any]] = []
        widget.send = self._hear  # type: ignore[method-assign]

    def _hear(self, content: dict[str, Any], buffers: Any = None) -> None:
        assert all(isinstance(part, bytes) for part in buffers or [])
        self.answers.append(packed(content))

    def say(self, content: Any) -> list[dict[str, Any]]:
        """Send a message; gives the answers to it."""
        before = len(self.answers)
        self.widget._handle_custom_msg(content, [])
        return self.answers[before:]

    def ops(self, *ops: Any) -> list[dict[str, Any]]:
        return self.say({"type": "ops", "id": "o", "revision": self.widget.session.revision, "ops": list(ops)})


def bits(widget: KANWidget) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in widget.model.state_dict().items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


def plain(value: Any) -> Any:
    """A trait as JSON and binary buffers carry it."""
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, dict):
        assert all(isinstance(key, str) for key in value)
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def assert_consistent(widget: KANWidget) -> None:
    """Model, session and traits tell the same story, and a host can pass it on."""
    session, pruning = widget.session, widget.pruning
    assert all(np.array_equal(layer.mask, mask) for layer, mask in zip(widget.model.layers, session.masks, strict=True))
    assert session.adapter.same_weights(session.history.present.weights)
    on = np.concatenate([mask.ravel() for mask in session.masks])
    assert np.array_equal(np.frombuffer(pruning["edges"], np.uint8) & 1, on)
    assert pruning["revision"] == session.revision
    assert (pruning["undo"], pruning["redo"]) == (session.history.undo_label, session.history.redo_label)
    assert widget.threshold == pruning["threshold"] == wire.shown(session.threshold)
    assert pruning["thresholds"] == (session.thresholds and list(map(wire.shown, session.thresholds)))
    assert pruning["min_per_layer"] == session.min_per_layer
    assert (widget.criterion, widget.structure, widget.compensate) == (
        session.plan.criterion,
        session.plan.structure,
        session.plan.compensate,
    )
    assert widget.criterion in widget.scores["criteria"]
    assert set(map(len, widget.selection)) <= {2, 3}
    assert session.live[-1].all()
    packed(plain({name: getattr(widget, name) for name in widget.traits(sync=True) if name != "layout"}))


@contextmanager
def monotone(widget: KANWidget) -> Iterator[None]:
    """Neither history nor revision may shrink, and no state that was reached is lost or changed."""
    revision, steps = widget.session.revision, widget.session.history.steps
    yield
    after = widget.session.history.steps
    assert widget.session.revision >= revision
    assert len(after) >= len(steps)
    assert all(a.label == b.label and a.state.plan == b.state.plan for a, b in zip(steps, after, strict=False))


# What may come

NUMBERS = (
    st.sampled_from([0, -1, 1, 2, 3, 2**31, 2**53 + 1, 2**63, -(2**63), 10**400, 1e308, -0.0, 0.5, 1e-320])
    | st.floats()
)
WORDS = st.text(max_size=4) | st.sampled_from(
    ["", SCRIPT, "\x00", "\ud800", "__class__", "session", *CHEAP, *STRUCTURES]
)
JUNK = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=5,
)
SMALL = st.integers(-1, 5)
EDGE = st.tuples(st.integers(0, 1), st.integers(0, 3), st.integers(0, 3)).map(list)
NODE = st.tuples(st.integers(0, 2), st.integers(0, 3)).map(list)
MANY = st.lists(EDGE | st.lists(SMALL, max_size=4) | JUNK, max_size=3) | JUNK


def op(kind: Any, **fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"type": kind}, optional=fields)


TYPES = st.sampled_from([*("prune", "restore", "keep"), *("undo", "redo", "reset", "refresh", "jump", "annotate")])
OPS = st.one_of(
    op(
        st.sampled_from(["prune", "restore", "keep"]),
        edges=st.lists(EDGE, max_size=2) | MANY,
        nodes=st.lists(NODE, max_size=1) | MANY,
    ),
    op(st.just("set_threshold"), threshold=st.floats(0, 0.2) | JUNK),
    op(st.just("set_threshold"), threshold=st.floats(0, 0.2), layer=SMALL | JUNK),
    op(st.just("set_min_per_layer"), min_per_layer=SMALL | JUNK),
    op(st.just("set_criterion"), criterion=st.sampled_from(CHEAP) | JUNK),
    op(st.just("set_structure"), structure=st.sampled_from(STRUCTURES) | JUNK),
    op(st.just("set_compensate"), compensate=st.sampled_from(COMPENSATIONS) | JUNK),
    op(st.sampled_from(["jump", "annotate"]), position=SMALL | JUNK, note=WORDS | JUNK),
    op(st.sampled_from(["undo", "redo", "reset", "refresh"])),
    op(st.sampled_from(["pause", "resume", "stop"])),
    op(st.just("fine_tune"), steps=st.just(-1), seconds=st.text()),
    op(st.just("auto_prune"), budget=st.sampled_from([-1, "x", float("nan"), [], True]), seconds=WORDS),
    op(TYPES | JUNK, edges=JUNK, nodes=JUNK, threshold=JUNK, position=JUNK, note=JUNK),
    JUNK,
)
# Those two train when their numbers are left out; that is `test_trainer.py`.
SAFE_OPS = OPS.filter(
    lambda o: not (isinstance(o, dict) and o.get("type") in ("fine_tune", "auto_prune") and len(o) < 3)
)
MESSAGES = st.one_of(
    st.fixed_dictionaries(
        {"type": st.just("ops"), "revision": SMALL | JUNK, "ops": st.lists(SAFE_OPS, max_size=4) | JUNK},
        optional={"id": JUNK},
    ),
    st.fixed_dictionaries({"type": st.just("fresh"), "ops": st.lists(SAFE_OPS, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"type": st.just("detail")}, optional={"id": JUNK, "edge": EDGE | JUNK}),
    st.fixed_dictionaries(
        {"type": st.just("ask"), "about": st.sampled_from(["history", "script", *LONG]) | JUNK},
        optional={
            "id": JUNK,
            "criteria": st.lists(st.sampled_from(CHEAP), max_size=3) | JUNK,
            "part": EDGE | NODE | JUNK,
            "output": SMALL | JUNK,
            "batch": SMALL | JUNK,
        },
    ),
    st.fixed_dictionaries(
        {"type": st.sampled_from([*KINDS, "update", "custom"]) | JUNK}, optional={"id": JUNK, "state": JUNK}
    ),
    JUNK,
)


def survive(messages: list[Any]) -> None:
    widget = open_widget()
    host = Host(widget)
    widget._errands.send = lambda errand: errand()  # type: ignore[method-assign]  # at once, to be judged in turn
    for content in messages:
        if isinstance(content, dict) and content.get("type") == "fresh":  # such as get past the gate
            content = {"type": "ops", "id": "f", "revision": widget.session.revision, "ops": content["ops"]}
        before, revision = bits(widget), widget.session.revision
        with monotone(widget):
            answers = host.say(content)
        assert_consistent(widget)
        if widget.session.revision == revision:
            assert same(bits(widget), before)
        kind = content.get("type") if isinstance(content, dict) else None
        if isinstance(kind, str) and kind in ANSWERS:
            (answer,) = answers
            assert answer["type"] in ANSWERS[kind]
            assert answer["type"] != "nack" or answer["reason"]
    widget.close()


PATIENT = [HealthCheck.too_slow, HealthCheck.data_too_large]


@given(st.lists(MESSAGES, min_size=10, max_size=10))
@settings(max_examples=10, suppress_health_check=PATIENT)
def test_hostile_messages_are_each_refused_or_done(messages: list[Any]) -> None:
    survive(messages)


@pytest.mark.slow
@given(st.lists(MESSAGES, min_size=20, max_size=20))
@settings(max_examples=55, suppress_health_check=PATIENT)
def test_so_are_a_thousand(messages: list[Any]) -> None:
    survive(messages)


STATES = st.dictionaries(
    st.sampled_from(sorted(open_widget().keys)),
    JUNK | st.lists(EDGE | NODE, max_size=3) | st.floats(0, 0.2),
    max_size=4,
)


@given(st.lists(STATES | st.dictionaries(WORDS, JUNK, max_size=2), min_size=6, max_size=6))
@settings(max_examples=25, suppress_health_check=PATIENT)
def test_traits_written_by_a_front_end_change_nothing_that_they_may_not(states: list[dict[str, Any]]) -> None:
    widget = open_widget()
    mine = {
        name: getattr(widget, name) for name in ("network", "metrics", "training", "_esm", "_model_name", "_view_name")
    }
    for state in states:
        with monotone(widget):
            widget.set_state(state)
        assert_consistent(widget)
        for name, value in mine.items():
            assert name == "metrics" or getattr(widget, name) is value
        assert widget.metrics["before"] == mine["metrics"]["before"]
        assert 240 <= widget.height <= 4000
    widget.close()


@pytest.mark.parametrize("id", [None, 3, float("nan"), [1], "\ud800", "x" * 10])
def test_answers_can_always_be_sent(id: Any) -> None:
    """Whatever a message calls itself, and whatever was written in a note, the answer fits through the wire."""
    widget = open_widget()
    host = Host(widget)
    host.ops({"type": "prune", "edges": [[0, 0, 0]]}, {"type": "annotate", "position": 1, "note": "half \ud83d"})
    (answer,) = host.say({"type": "ask", "id": id, "about": "history"})
    assert answer["value"]["steps"][1]["note"] == "half ?"
    assert isinstance(answer["id"], str) == isinstance(id, str)
    (answer,) = host.say(
        {"type": "ops", "id": id, "revision": 0, "ops": [{"type": "set_criterion", "criterion": SCRIPT * 1000}]}
    )
    assert answer["type"] == "nack"
    assert len(answer["reason"]) <= wire.MAX_NOTE


def test_threshold_beyond_all_numbers_is_refused_in_words() -> None:
    host = Host(open_widget())
    for value in (10**400, -(10**400), float("nan"), float("inf")):
        (answer,) = host.ops({"type": "set_threshold", "threshold": value})
        assert answer["type"] == "nack"
        assert answer["reason"].startswith("threshold must")


# A flood, from one hand and from two


def test_flood_of_500_clicks_is_all_done_in_order() -> None:
    widget = open_widget()
    host = Host(widget)
    clicks = [{"type": kind, "edges": [[0, 0, 1]]} for _ in range(250) for kind in ("prune", "restore")]
    for number, click in enumerate(clicks):
        (answer,) = host.ops(click)
        assert answer == {"type": "ack", "id": "o", "revision": number + 1}
    assert_consistent(widget)
    assert len(widget.session.history.steps) == 501
    (answer,) = host.ops(*[{"type": "undo"}] * 500)
    assert answer["type"] == "ack"
    assert widget.session.history.position == 0
    assert_consistent(widget)


def test_two_hands_at_once_on_two_widgets_of_one_session() -> None:
    session = Session(KAN([2, 4, 1], seed=0), DATA)
    widgets = [KANWidget(session), KANWidget(session)]
    hosts = [Host(widget) for widget in widgets]

    def click(host: Host, source: int) -> None:
        for target in range(3):
            host.ops({"type": "prune", "edges": [[0, source, target]]})
            host.ops(
                {"type": "keep", "edges": [[0, source, 3]]}, {"type": "set_threshold", "threshold": 0.001 * target}
            )

    hands = [threading.Thread(target=click, args=(host, source)) for source, host in enumerate(hosts)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join(20)
    for widget, host in zip(widgets, hosts, strict=True):
        assert [answer["type"] for answer in host.answers] == ["ack"] * 6
        assert_consistent(widget)
    assert widgets[0].pruning == widgets[1].pruning
    assert not session.masks[0][:3].any()


# A model changed behind the widget's back, and one that is broken


def test_a_model_changed_behind_the_back_is_noticed_and_measured_anew() -> None:
    widget = open_widget()
    host = Host(widget)
    with torch.no_grad():
        widget.model.layers[0].coef += 0.5
        widget.model.layers[0].mask[0, 0] = False
    host.say({"type": "hello"})
    assert widget.notice["offer"] == "refresh"
    assert "switched off" in widget.notice["text"]
    curves = widget.network["curves"]
    (answer,) = host.ops({"type": "refresh"})
    assert answer["type"] == "ack"
    assert widget.notice == {}
    assert widget.network["curves"] != curves
    assert_consistent(widget)
    assert not widget.session.masks[0][0, 0]
    widget.close()


def test_a_curve_that_is_no_number_is_sent_as_such() -> None:
    widget = open_widget()
    with torch.no_grad():
        widget.model.layers[0].coef[0, 0] = float("nan")
    sent = wire.network(widget.session, widget.session.adapter.trace())
    high = np.frombuffer(sent["curve_high"], "<f4")
    # Edge 0, and the one from its target: nothing that passes through it is a number either.
    assert np.flatnonzero(~np.isfinite(high)).tolist() == [0, 8]
    assert len(sent["curves"]) == len(widget.network["curves"])


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_broken_model_is_told_of_in_json_and_undone_by_its_owner(bad: float) -> None:
    widget = open_widget()
    host = Host(widget)
    coef = widget.model.layers[0].coef
    with torch.no_grad():
        good = coef.clone()
        coef[0, 0] = bad
    revision = widget.session.revision
    (answer,) = host.ops({"type": "refresh"})
    assert answer["type"] == "nack"
    assert "NaN or infinite" in answer["reason"]
    assert widget.session.revision == revision
    packed(plain({name: getattr(widget, name) for name in ("network", "scores", "pruning", "metrics", "notice")}))
    for content in ({"type": "detail", "edge": [0, 0, 0]}, {"type": "ask", "about": "history"}):
        assert len(host.say({"id": "1", **content})) == 1
    host.ops({"type": "prune", "edges": [[0, 0, 1]]}, {"type": "undo"})
    with torch.no_grad():
        coef.copy_(good)
    (answer,) = host.ops({"type": "refresh"})
    assert answer["type"] == "ack"
    assert_consistent(widget)
    assert np.isfinite(np.frombuffer(widget.network["curve_high"], "<f4")).all()
