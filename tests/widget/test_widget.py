"""The widget without a browser: traits out, messages in, as hostile and as hurried as they come."""

import threading
from typing import Any

import numpy as np
import pytest
import torch
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st

from kan_widget import KAN, KANWidget, Session, create_dataset
from kan_widget.core.topology import Edge
from kan_widget.widget import wire

DATA = create_dataset(lambda x: torch.sin(3 * x[:, [0]]) + x[:, [1]] ** 2, n_var=2, train_num=60, test_num=40)


@pytest.fixture
def widget() -> KANWidget:
    return KANWidget(KAN([2, 4, 1], seed=0), DATA)


class Page:
    """The far end of a widget: what it was sent, and what it says."""

    def __init__(self, widget: KANWidget) -> None:
        self.widget = widget
        self.received: list[tuple[dict[str, Any], list[bytes]]] = []
        widget.send = lambda content, buffers=None: self.received.append((content, buffers or []))  # type: ignore[method-assign]

    def say(self, content: Any) -> dict[str, Any]:
        self.widget._handle_custom_msg(content, [])
        return self.received[-1][0] if self.received else {}

    def ops(self, *ops: Any, revision: int | None = None) -> dict[str, Any]:
        now = self.widget.session.revision if revision is None else revision
        return self.say({"type": "ops", "id": "1", "revision": now, "ops": list(ops)})


def edges(widget: KANWidget) -> np.ndarray:
    return np.frombuffer(widget.pruning["edges"], np.uint8)


def state(widget: KANWidget) -> dict[str, Any]:
    bits = {name: tensor.clone() for name, tensor in widget.model.state_dict().items()}
    return {"model": bits, "revision": widget.session.revision, "pruning": dict(widget.pruning)}


def assert_same(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert a["pruning"] == b["pruning"]
    assert a["revision"] == b["revision"]
    assert all(torch.equal(a["model"][name], b["model"][name]) for name in a["model"])


# State out


def test_network_trait_holds_curves_that_decode_to_the_functions(widget: KANWidget) -> None:
    n, session = widget.network, widget.session
    raw = np.frombuffer(n["curves"], np.uint8).reshape(-1, n["points"]) / 255
    low, high = (np.frombuffer(n[f"curve_{end}"], "<f4")[:, None] for end in ("low", "high"))
    decoded = low + raw * (high - low)
    for number, edge in enumerate(session.topology.edges()):
        start, stop = (
            session.trace.input_low[edge.layer][edge.source],
            session.trace.input_high[edge.layer][edge.source],
        )
        expected = session.adapter.curve(edge, np.linspace(start, stop, n["points"]))
        half_a_step = (high[number] - low[number]) / 510
        assert np.abs(decoded[number] - expected).max() < half_a_step + 1e-5 * max(1, np.abs(expected).max())
    density = np.frombuffer(n["density"], np.uint8).reshape(-1, n["bins"])
    assert density.shape[0] == 6
    assert (density.max(axis=1) == 255).all()


def test_scores_trait_is_in_the_order_of_the_contract(widget: KANWidget) -> None:
    scores = widget.session.scores_by("std")
    sent = np.frombuffer(widget.scores["edge"]["std"], "<f4")
    for number, edge in enumerate(widget.session.topology.edges()):
        assert sent[number] == np.float32(scores.edges[edge.layer][edge.target, edge.source])
    nodes = np.frombuffer(widget.scores["node"]["attribution"], "<f4")
    assert len(nodes) == 7
    assert nodes[-1] == 1


def test_pruning_trait_marks_on_active_kept_and_by_hand(widget: KANWidget) -> None:
    session = widget.session
    session.prune(nodes=[(1, 0)])
    session.restore([(1, 0, 0)])  # on, but nothing reaches h1: dead
    session.keep([(0, 1, 2)])
    order = {edge: number for number, edge in enumerate(session.topology.edges())}
    bits = edges(widget)
    assert bits[order[Edge(0, 0, 0)]] == 8
    assert bits[order[Edge(1, 0, 0)]] == 1
    assert bits[order[Edge(0, 1, 2)]] == 1 + 2 + 4
    assert bits[order[Edge(0, 0, 3)]] == 1 + 2
    assert np.frombuffer(widget.pruning["nodes"], np.uint8).tolist() == [1, 1, 0, 1, 1, 1, 1]
    assert widget.pruning["undo"] == "keep edge x2 to h3"
    assert widget.pruning["edited"]


def test_pruning_trait_tells_of_layers_and_gaps(widget: KANWidget) -> None:
    session, page = widget.session, Page(widget)
    assert (widget.pruning["thresholds"], widget.pruning["min_per_layer"]) == (None, 0)
    low, high = (float(np.quantile(layer, 0.3)) for layer in session.scores.edges)
    assert page.ops({"type": "set_threshold", "threshold": low, "layer": 0})["type"] == "ack"
    assert page.ops({"type": "set_threshold", "threshold": high, "layer": 1})["type"] == "ack"
    assert page.ops({"type": "set_min_per_layer", "min_per_layer": 1})["type"] == "ack"
    told = widget.pruning
    assert (told["thresholds"], told["min_per_layer"], widget.threshold) == ([low, high], 1, 0)
    assert [entry["layer"] for entry in told["layers"]] == [0, 1]
    for entry in told["layers"]:
        scores = np.sort(session.scores.edges[entry["layer"]], axis=None)
        ratios = scores[1:] / scores[:-1]
        wide = [g for g in entry["gaps"] if ratios[int((scores < g).sum()) - 1] >= 2]
        assert wide == entry["gaps"]
        assert entry["limit"] is None or all(g <= entry["limit"] for g in entry["gaps"])
    strongest = [np.unravel_index(layer.argmax(), layer.shape) for layer in session.scores.edges]
    session.keep([(n, int(at[1]), int(at[0])) for n, at in enumerate(strongest)])
    most = max(float(np.sort(layer, axis=None)[-2]) for layer in session.scores.edges)
    assert all(gap < most for gap in widget.pruning["gaps"])  # what is kept is no longer in play
    page.ops({"type": "set_threshold", "threshold": 0})
    assert widget.pruning["thresholds"] is None


def test_metrics_trait_compares_with_the_start(widget: KANWidget) -> None:
    before = widget.metrics["before"]
    assert before == widget.metrics["now"]
    widget.session.prune([(0, 0, 0)])
    assert widget.metrics["before"] == before
    assert widget.metrics["now"]["edges"] == before["edges"] - 1
    assert widget.metrics["now"]["train_loss"] != before["train_loss"]
    assert widget.metrics["now"]["train_accuracy"] is None


def test_large_network_is_sent_in_a_few_megabytes_and_still_drawn_right() -> None:
    x = torch.rand(16, 90, generator=torch.Generator().manual_seed(0))
    widget = KANWidget(KAN([90, 60, 2], grid=3, k=2, seed=0), (x, x[:, :2]))
    n, session = widget.network, widget.session
    curves = np.frombuffer(n["curves"], np.uint8).reshape(session.topology.n_edges, n["points"]) / 255
    assert n["points"] == 24
    low, high = (np.frombuffer(n[f"curve_{end}"], "<f4") for end in ("low", "high"))
    for number, edge in list(enumerate(session.topology.edges()))[:: 90 * 6]:
        ends = session.trace.input_low[edge.layer][edge.source], session.trace.input_high[edge.layer][edge.source]
        expected = session.adapter.curve(edge, np.linspace(*ends, 24))
        found = low[number] + curves[number] * (high[number] - low[number])
        assert np.abs(found - expected).max() < 0.02 * (high[number] - low[number])


@pytest.mark.parametrize("shape", [(2, 2), (0, 4), (-2, -2), (4, 1)])
def test_input_shape_is_that_of_the_inputs_or_refused(shape: tuple[int, int]) -> None:
    x = torch.rand(16, 4, generator=torch.Generator().manual_seed(0))
    model = KAN([4, 2, 1], seed=0)
    if min(shape) > 0:
        assert KANWidget(model, (x, x[:, :1]), input_shape=shape).network["input_shape"] == list(shape)
        return
    with pytest.raises(ValueError, match="does not hold the model's 4 inputs"):
        KANWidget(model, (x, x[:, :1]), input_shape=shape)


@pytest.mark.parametrize("shape", [(3, 2), (28, 28)])
def test_input_shape_of_another_size_is_refused(shape: tuple[int, int]) -> None:
    x = torch.rand(16, 4, generator=torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match="give rows and columns whose product is 4"):
        KANWidget(KAN([4, 2, 1], seed=0), (x, x[:, :1]), input_shape=shape)


@pytest.mark.parametrize("shape", [4, (4,), (2.0, 2.0), "22", (2, 2, 1)])
def test_input_shape_is_a_pair_of_whole_numbers(shape: object) -> None:
    x = torch.rand(16, 4, generator=torch.Generator().manual_seed(0))
    with pytest.raises(TypeError, match="rows, columns"):
        KANWidget(KAN([4, 2, 1], seed=0), (x, x[:, :1]), input_shape=shape)  # type: ignore[arg-type]


def test_curves_are_sent_again_only_when_measured_again(widget: KANWidget) -> None:
    network = widget.network
    widget.session.prune([(0, 0, 0)])
    assert widget.network is network
    widget.model.fit(DATA, steps=2, progress=False)
    widget.refresh()
    assert widget.network is not network


def test_one_gesture_is_one_trait_message(widget: KANWidget, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(widget, "_send", lambda message, buffers=None: sent.append(message))
    widget.session.prune([(0, 0, 0)])
    assert len(sent) == 1
    assert set(sent[0]["state"]) == {"pruning", "metrics"}


def test_repr_is_short(widget: KANWidget) -> None:
    assert repr(widget) == "KANWidget([2, 4, 1], 12 edges active)"


# Traits as commands


def test_threshold_set_in_python_prunes_as_one_step(widget: KANWidget) -> None:
    heard: list[float] = []
    widget.observe(lambda change: heard.append(change["new"]), names=["threshold"])
    level = float(np.sort(widget.session.plan.candidates(widget.session.scores))[3])
    widget.threshold = level
    assert sum(int((~layer.mask).sum()) for layer in widget.model.layers) == 3
    assert heard == [level]
    assert len(widget.session.history.steps) == 2
    widget.session.undo()
    assert widget.threshold == 0
    assert heard == [level, 0]


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf"), 1e6])
def test_threshold_that_cannot_be_is_refused(widget: KANWidget, value: float) -> None:
    before = state(widget)
    with pytest.raises(traitlets.TraitError):
        widget.threshold = value
    assert widget.threshold == 0
    assert_same(state(widget), before)


def test_choices_set_in_python_are_commands(widget: KANWidget) -> None:
    widget.criterion, widget.structure, widget.compensate = "std", "node", "none"
    plan = widget.session.plan
    assert (plan.criterion, plan.structure, plan.compensate) == ("std", "node", "none")
    assert (widget.pruning["criterion"], widget.pruning["structure"]) == ("std", "node")
    with pytest.raises(traitlets.TraitError):
        widget.criterion = "magic"


def test_linked_thresholds_follow_each_other(widget: KANWidget) -> None:
    other = KANWidget(KAN([2, 4, 1], seed=0), DATA)
    traitlets.link((widget, "threshold"), (other, "threshold"))
    widget.threshold = 0.01
    assert other.threshold == other.session.threshold == 0.01


def test_selection_is_checked(widget: KANWidget) -> None:
    widget.selection = [[0, 1, 2], (1, 3), [0, 1, 2]]
    assert widget.selection == [(0, 1, 2), (1, 3)]
    for bad in ([[0, 9, 9]], [[0]], ["x1"], [[0, 1.5, 2]], [None]):
        with pytest.raises(traitlets.TraitError):
            widget.selection = bad
    assert widget.selection == [(0, 1, 2), (1, 3)]


def test_widgets_of_one_session_agree() -> None:
    session = Session(KAN([2, 4, 1], seed=0), DATA)
    first, second = KANWidget(session), KANWidget(session)
    first.threshold = 0.01
    assert second.threshold == 0.01
    assert second.pruning == first.pruning
    second.close()
    session.prune([(0, 0, 0)])
    assert second.pruning["revision"] == 1
    with pytest.raises(ValueError, match="has its data already"):
        KANWidget(session, DATA)


@pytest.mark.parametrize("criterion", ["taylor2", "leave_one_out", "auto", "fisher", "coefficient", "random"])
def test_any_criterion_can_be_in_force(criterion: str) -> None:
    widget = KANWidget(KAN([2, 4, 1], seed=0), DATA, criterion=criterion)
    page = Page(widget)
    assert widget.criterion == widget.pruning["criterion"] == criterion
    assert criterion in widget.scores["criteria"]
    assert criterion in widget.pruning["criteria"]
    shown = np.frombuffer(widget.scores["edge"][criterion], "<f4")
    level = float(np.sort(shown)[5])
    if level == 0 or (widget.pruning["limit"] is not None and level > widget.pruning["limit"]):
        level = float(shown[shown > 0].min())
    assert page.ops({"type": "set_threshold", "threshold": level})["type"] == "ack"
    assert ((edges(widget) & 1) == (shown >= level)).all()  # the front end's comparison is Python's
    assert page.ops({"type": "set_threshold", "threshold": 0})["type"] == "ack"
    assert (edges(widget) & 1).all()
    assert widget.threshold == 0


def test_criterion_changed_in_python_brings_its_scores() -> None:
    widget = KANWidget(KAN([2, 4, 1], seed=0), DATA)
    widget.session.set_criterion("taylor2")
    assert widget.criterion == "taylor2"
    assert "taylor2" in widget.scores["criteria"]
    widget.criterion = "leave_one_out"
    assert widget.session.plan.criterion == "leave_one_out"
    assert widget.scores["criteria"][-1] == "leave_one_out"


def test_data_of_the_last_fit_are_enough() -> None:
    model = KAN([2, 4, 1], seed=0)
    with pytest.raises(ValueError, match="give data"):
        KANWidget(model)
    model.fit(DATA, steps=1, progress=False)
    assert KANWidget(model).metrics["now"]["test_loss"] is not None


def test_hello_is_answered() -> None:
    page = Page(KANWidget(KAN([2, 4, 1], seed=0), DATA))
    assert page.say({"type": "hello"}) == {"type": "hello"}


# Messages


def test_ops_are_run_in_order_and_acknowledged_with_the_revision(widget: KANWidget) -> None:
    page = Page(widget)
    answer = page.ops(
        {"type": "prune", "edges": [[0, 1, 2]], "nodes": []}, {"type": "set_threshold", "threshold": 0.01}
    )
    assert answer == {"type": "ack", "id": "1", "revision": 2}
    assert widget.pruning["revision"] == 2
    assert not widget.model.layers[0].mask[2, 1]
    assert page.ops({"type": "undo"}, {"type": "undo"})["type"] == "ack"
    assert bool(widget.model.layers[0].mask.all())
    assert page.ops({"type": "redo"})["type"] == "ack"
    assert page.ops({"type": "reset"})["type"] == "ack"
    assert bool(widget.model.layers[0].mask.all())


def test_undo_of_something_else_than_was_seen_is_refused(widget: KANWidget) -> None:
    page = Page(widget)
    seen = widget.session.revision
    widget.session.prune([(0, 0, 0)])
    answer = page.ops({"type": "undo"}, revision=seen)
    assert answer["type"] == "nack"
    assert "has changed since" in answer["reason"]
    assert page.ops({"type": "keep", "edges": [[0, 1, 1]]}, revision=seen)["type"] == "ack"


def test_refusal_carries_the_reason_and_changes_nothing(widget: KANWidget) -> None:
    page = Page(widget)
    before = state(widget)
    answer = page.ops({"type": "prune", "nodes": [[2, 0]]})
    assert answer["type"] == "nack"
    assert "cut y off" in answer["reason"]
    assert_same(state(widget), before)


def test_detail_is_a_finer_curve_with_its_knots(widget: KANWidget) -> None:
    page = Page(widget)
    page.say({"type": "detail", "id": "d", "edge": [0, 1, 2]})
    content, buffers = page.received[-1]
    removal, formulas = content.pop("removal"), content.pop("formulas")
    assert content == {"type": "detail", "id": "d", "edge": [0, 1, 2], "points": 200}
    x, y, knots = (np.frombuffer(b, "<f4") for b in buffers)
    assert np.allclose(widget.session.adapter.curve(Edge(0, 1, 2), x.astype(float)), y, atol=1e-6)
    assert len(knots) == widget.model.grid + 1
    assert 1 <= len(formulas) <= 3
    assert all("x2" in formula["text"] and formula["r2"] <= 1 for formula in formulas)
    before = widget.metrics["now"]["train_loss"]
    widget.session.prune([(0, 1, 2)])
    assert widget.metrics["now"]["train_loss"] - before == pytest.approx(removal["change"], rel=1e-3, abs=1e-7)
    assert removal["error"] > 0


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)
KINDS = ("prune", "restore", "keep", "set_threshold", "set_criterion", "set_structure", "set_compensate", "undo", "x")
HOSTILE_OP = st.fixed_dictionaries(
    {"type": st.sampled_from(KINDS) | JUNK},
    optional={k: JUNK for k in ("edges", "nodes", "threshold", "criterion", "structure", "compensate")},
)
HOSTILE = JUNK | st.fixed_dictionaries(
    {"type": st.sampled_from(["ops", "detail", "custom"]) | JUNK},
    optional={"id": JUNK, "revision": JUNK, "ops": st.lists(HOSTILE_OP, max_size=3) | JUNK, "edge": JUNK},
)

SHARED = KANWidget(KAN([2, 4, 1], seed=0), DATA)


@given(HOSTILE)
@settings(max_examples=150)
def test_hostile_message_is_answered_or_ignored_and_never_breaks_the_state(content: Any) -> None:
    page = Page(SHARED)
    before = state(SHARED)
    page.say(content)
    for answer, _ in page.received:
        assert answer["type"] in ("ack", "nack", "detail", "hello")
        if answer["type"] == "nack":
            assert_same(state(SHARED), before)
    masks = SHARED.session.masks
    assert all(np.array_equal(layer.mask, m) for layer, m in zip(SHARED.model.layers, masks, strict=True))
    SHARED.session.reset()


@pytest.mark.parametrize(
    "ops",
    [
        [],
        [{"type": "prune", "edges": [[0, 0, 0]] * 10_000}],
        [{"type": "undo"}] * 1001,
        [{"type": "prune", "edges": [[0, 0, 0]]}, {"type": "boom"}],
        [{"type": "set_threshold", "threshold": "1e-2"}],
        [{"type": "set_threshold", "threshold": float("nan")}],
        [{"type": "set_threshold", "threshold": 0.1, "layer": 2}],
        [{"type": "set_threshold", "threshold": 0.1, "layer": -1}],
        [{"type": "set_threshold", "threshold": 0.1, "layer": "0"}],
        [{"type": "set_threshold", "threshold": 0.1, "layer": True}],
        [{"type": "set_threshold", "threshold": 0.1, "layer": 0.0}],
        [{"type": "set_min_per_layer"}],
        [{"type": "set_min_per_layer", "min_per_layer": -1}],
        [{"type": "set_min_per_layer", "min_per_layer": 10**400}],
        [{"type": "set_min_per_layer", "min_per_layer": 1.5}],
        [{"type": "prune", "edges": {"0": 1}}],
    ],
)
def test_message_outside_the_contract_is_refused_whole(widget: KANWidget, ops: list[Any]) -> None:
    page = Page(widget)
    before = state(widget)
    assert page.ops(*ops)["type"] == "nack"
    assert_same(state(widget), before)


@pytest.mark.parametrize(
    "name", ["pruning", "network", "scores", "metrics", "notice", "_esm", "_model_name", "nonsense"]
)
def test_front_end_cannot_write_what_it_may_only_read(
    widget: KANWidget, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(widget, "_send", lambda message, buffers=None: sent.append(message))
    before = {key: getattr(widget, key) for key in widget.keys}
    widget.set_state({name: {"evil": 1}})
    assert {key: getattr(widget, key) for key in widget.keys} == before
    if name in widget.keys:
        assert any(name in message.get("state", {}) for message in sent)  # the truth is sent back


def test_front_end_may_move_the_threshold_and_is_told_when_it_may_not(widget: KANWidget) -> None:
    widget.set_state({"threshold": 0.01})
    assert widget.session.threshold == 0.01
    widget.set_state({"threshold": 1e6})
    assert widget.threshold == widget.session.threshold == 0.01
    assert "cut y off" in widget.notice["text"]
    widget.session.undo()
    assert widget.notice == {}


def test_flood_of_messages_is_all_done_in_order(widget: KANWidget) -> None:
    page = Page(widget)
    levels = [n / 10_000 for n in range(200)]
    for level in levels:
        page.ops({"type": "set_threshold", "threshold": level})
    assert widget.threshold == levels[-1]
    assert [content["type"] for content, _ in page.received] == ["ack"] * 200


def test_messages_from_another_thread_during_training_are_all_answered(widget: KANWidget) -> None:
    page = Page(widget)
    chosen = [[0, source, target] for source in range(2) for target in range(3)]

    def click() -> None:
        for edge in chosen:
            page.ops({"type": "prune", "edges": [edge]})

    thread = threading.Thread(target=click)

    def start(step: int, _result: Any) -> None:
        if step == 1:
            thread.start()

    widget.model.fit(DATA, opt="Adam", lr=1e-3, steps=60, progress=False, callback=start)
    thread.join(timeout=20)
    assert [content["type"] for content, _ in page.received] == ["ack"] * len(chosen)
    assert int(widget.model.layers[0].mask.sum()) == 2


# Building


def test_constructor_refuses_bad_options_and_changes_nothing() -> None:
    model = KAN([2, 4, 1], seed=0)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for options in ({"criterion": "x"}, {"structure": "x"}, {"compensate": "x"}, {"height": 5}, {"theme": "pink"}):
        with pytest.raises((ValueError, traitlets.TraitError)):
            KANWidget(model, DATA, **options)
    with pytest.raises(ValueError, match=r"\(rows, 2\)"):
        KANWidget(model, torch.zeros(5, 3))
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_inputs_alone_are_enough_to_draw() -> None:
    widget = KANWidget(KAN([2, 4, 1], seed=0), DATA["train_input"])
    assert widget.metrics["now"]["train_loss"] is None
    widget.threshold = 0.01
    assert wire.pruning(widget.session)["undo"] == "threshold 0.01"


def test_threshold_set_to_what_it_reads_rules_layers_that_differ(widget: KANWidget) -> None:
    before = widget.threshold
    widget.session.set_threshold(0.05, layer=0)
    assert widget.threshold == before
    heard: list[float] = []
    widget.observe(lambda change: heard.append(change["new"]), "threshold")
    widget.threshold = before
    assert widget.session.thresholds is None
    assert widget.pruning["thresholds"] is None
    assert all(mask.all() for mask in widget.session.masks)
    steps = len(widget.session.history.steps)
    widget.threshold = before
    assert len(widget.session.history.steps) == steps
    assert heard == [before]
    widget.session.undo()
    assert widget.session.thresholds == (0.05, 0.0)
    widget.set_state({"threshold": before})
    assert widget.session.thresholds is None


def test_threshold_for_all_layers_that_would_cut_is_refused_though_it_reads_the_same(widget: KANWidget) -> None:
    session = widget.session
    limit = session.threshold_limit
    assert limit is not None
    widget.threshold = limit
    strong = [Edge(1, int(source), 0) for source in np.flatnonzero(session.masks[1][0])]
    session.set_threshold(0.0, layer=1)
    session.set_threshold(1e-9, layer=0)
    session.prune(strong)
    kept = session.thresholds
    with pytest.raises(traitlets.TraitError, match="cut"):
        widget.threshold = limit
    assert session.thresholds == kept == (1e-9, 0.0)
    assert widget.threshold == limit
