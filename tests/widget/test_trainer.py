"""Training from the widget: watched, edited, paused, stopped, and taken back where it did harm."""

import contextvars
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kan_widget import KAN, KANWidget, Session
from kan_widget.nn.run import Run
from kan_widget.widget import tuning, watch
from kan_widget.widget.progress import MOST_POINTS, Losses

X = torch.rand(160, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
Y = torch.sin(3 * X[:, [0]]) + X[:, [1]] ** 2
DATA = (X[:100], Y[:100], X[100:], Y[100:])
ADAM: dict[str, Any] = {"opt": "Adam", "lr": 1e-3, "update_grid": False}
# Far too long a step makes any loss worse.
WILD: dict[str, Any] = {"opt": "Adam", "lr": 3.0, "update_grid": False}

Weights = dict[str, torch.Tensor]


@pytest.fixture
def widget() -> Iterator[KANWidget]:
    made = KANWidget(KAN([2, 4, 1], seed=0), DATA)
    yield made
    made.close()
    wait_until(lambda: "kan_widget trainer" not in [thread.name for thread in threading.enumerate()])


def wait_until(good: Callable[[], Any]) -> None:
    limit = time.monotonic() + 20
    while not good():
        assert time.monotonic() < limit
        time.sleep(0.002)


def state(widget: KANWidget) -> Weights:
    return {name: tensor.clone() for name, tensor in widget.model.state_dict().items()}


def same(a: Weights, b: Weights) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


def held_out(widget: KANWidget) -> float:
    rows = widget.session.adapter.rows("test")
    assert rows is not None
    with torch.no_grad():
        return float((widget.model(torch.tensor(rows.inputs)) - torch.tensor(rows.labels)).square().mean().sqrt())


def labels(widget: KANWidget) -> list[str]:
    """The way to the present state."""
    history = widget.session.history
    return [history.steps[at].label for at in history.path(history.position)][1:]


def send(widget: KANWidget, *ops: Any) -> dict[str, Any]:
    """What a front end is answered."""
    heard: list[dict[str, Any]] = []
    widget.send = lambda content, buffers=None: heard.append(content)  # type: ignore[method-assign]
    widget._handle_custom_msg({"type": "ops", "id": "1", "revision": widget.session.revision, "ops": list(ops)}, [])
    return heard[-1]


def floats(data: bytes) -> Any:
    return np.frombuffer(data, "<f4")


# Fine-tuning


def test_fine_tune_is_one_step_that_undo_takes_back(widget: KANWidget) -> None:
    widget.threshold = 0.02
    before, scores = state(widget), widget.scores
    outcome = widget.fine_tune(steps=3).result(20)
    assert outcome.kept == outcome.steps == 3
    assert labels(widget) == ["threshold 0.02", "fine-tune, 3 steps"]
    assert widget.metrics["now"]["test_loss"] == pytest.approx(held_out(widget), rel=1e-5)
    assert held_out(widget) < outcome.before.quality["test"].loss
    assert widget.scores != scores
    widget.session.undo()
    assert same(state(widget), before)


def test_fine_tune_does_what_the_models_own_fit_does(widget: KANWidget) -> None:
    twin = widget.model.copy()
    assert widget.fine_tune(steps=4, lamb=1e-3, wait=True).result().kept == 4
    twin.fit(DATA, steps=4, lamb=1e-3, progress=False)
    assert same(dict(widget.model.state_dict()), dict(twin.state_dict()))
    assert "session.fit(progress=False, lamb=0.001, steps=4)" in widget.session.log().to_script()


def test_what_did_worse_throughout_is_taken_back_and_said_so(widget: KANWidget) -> None:
    before, network = state(widget), widget.network
    outcome = widget.fine_tune(steps=50, patience=3, wait=True, **WILD).result()
    assert (outcome.kept, outcome.steps, outcome.stopped) == (0, 3, "worse")
    assert same(state(widget), before)
    assert labels(widget) == []
    assert "got no better than" in widget.notice["text"]
    assert widget.training["message"] == widget.notice["text"]
    assert widget.network == network


def test_the_best_step_is_kept_where_later_ones_did_worse(widget: KANWidget) -> None:
    seen: list[tuple[float, Weights]] = []

    def callback(step: int, result: Any) -> None:
        seen.append((result.test_loss[-1], state(widget)))
        if step == 2:
            with torch.no_grad():
                widget.model.layers[0].coef.mul_(3)

    outcome = widget.fine_tune(steps=30, patience=2, wait=True, callback=callback, **(ADAM | {"lr": 0.02})).result()
    losses = [loss for loss, _ in seen]
    best = int(np.argmin(losses))
    assert best < len(losses) - 1
    assert outcome.kept == best + 1
    assert same(state(widget), seen[best][1])
    assert f"The {outcome.steps - outcome.kept} steps after that did worse and were taken back." in outcome.message("x")


def test_own_loss_is_judged_by_the_losses_that_the_widget_shows(widget: KANWidget) -> None:
    outcome = widget.fine_tune(
        steps=2, wait=True, loss=lambda outputs, y: 100 + (outputs - y).square().mean(), update_grid=False
    ).result()
    assert outcome.kept == 2
    assert floats(widget.training["test"])[-1] == pytest.approx(held_out(widget), rel=1e-5)


def test_train_goes_on_whatever_happens_and_keeps_the_last_step(widget: KANWidget) -> None:
    outcome = widget.train(steps=8, wait=True, **WILD).result()
    assert (outcome.kept, outcome.stopped) == (8, "")
    assert held_out(widget) > outcome.before.quality["test"].loss
    assert labels(widget) == ["train, 8 steps"]


def test_time_ends_it(widget: KANWidget) -> None:
    outcome = widget.fine_tune(seconds=0.1, wait=True, **ADAM).result()
    assert outcome.stopped == "time"
    assert "Time is up. Test RMSE" in widget.training["message"]
    assert 0 < outcome.steps < 100_000


def test_without_held_out_rows_the_last_step_is_kept() -> None:
    widget = KANWidget(KAN([2, 3, 1], seed=0), DATA[:2])
    outcome = widget.fine_tune(steps=3, wait=True, **WILD).result()
    assert outcome.kept == 3
    assert "No rows are held out" in widget.training["message"]
    assert np.isnan(floats(widget.training["test"])).all()
    widget.close()


def test_classes_are_judged_by_cross_entropy() -> None:
    classes = (Y[:, 0] > 0.3).long()
    widget = KANWidget(KAN([2, 3, 2], seed=0), (X[:100], classes[:100], X[100:], classes[100:]))
    outcome = widget.fine_tune(steps=2, wait=True).result()
    expected = torch.nn.functional.cross_entropy(widget.model(X[100:]), classes[100:]).item()
    assert outcome.after.quality["test"].loss == pytest.approx(expected, rel=1e-5)
    assert "Test cross-entropy" in widget.training["message"]
    widget.close()


def test_gates_are_trained_to_the_end(widget: KANWidget) -> None:
    outcome = widget.fine_tune(steps=4, wait=True, reg_metric="l0", lamb=1e-4, **WILD).result()
    assert outcome.kept == 4
    assert labels(widget) == ["fine-tune, 4 steps"]


def test_divergence_leaves_the_last_good_weights(widget: KANWidget) -> None:
    before = state(widget)
    with pytest.warns(RuntimeWarning, match="no longer finite"):
        outcome = widget.fine_tune(wait=True, opt="Adam", lr=1e30).result()
    assert outcome.stopped == "diverged"
    assert same(state(widget), before)


def test_an_option_that_fit_refuses_is_an_error_and_changes_nothing(widget: KANWidget) -> None:
    before = state(widget)
    with pytest.raises(ValueError, match="opt must be"):
        widget.fine_tune(opt="SGD").result(20)
    assert same(state(widget), before)
    assert widget.notice["kind"] == "error"
    assert "opt must be" in widget.notice["text"]
    assert (widget.training["state"], widget.training["failed"]) == ("idle", True)
    assert widget.fine_tune(steps=1, wait=True).result().steps == 1


# While it runs


def click_at(step: int, click: Callable[[], Any]) -> Callable[[int, Any], None]:
    """A callback that lets another thread click, and goes on once the click waits for its turn."""

    def callback(now: int, _result: Any) -> None:
        if now == step:
            thread = threading.Thread(target=click)
            thread.start()
            time.sleep(0.02)

    return callback


def test_clicks_of_other_threads_land_between_two_steps_and_stay(widget: KANWidget) -> None:
    inside: list[bool] = []
    original = Run.step

    def step(self: Run, *args: Any, **options: Any) -> Any:
        before = widget.model.layers[0].mask.clone()
        result = original(self, *args, **options)
        inside.append(torch.equal(before, widget.model.layers[0].mask))
        return result

    Run.step = step  # type: ignore[method-assign]
    try:
        click = click_at(1, lambda: widget.session.prune([(0, 1, 2)]))
        widget.fine_tune(steps=5, wait=True, callback=click)
    finally:
        Run.step = original  # type: ignore[method-assign]
    assert all(inside)
    assert len(inside) == 5
    assert not widget.model.layers[0].mask[2, 1]
    assert labels(widget) == ["prune edge x2 to h3", "fine-tune, 5 steps"]
    assert [mark["label"] for mark in widget.training["marks"]] == ["prune edge x2 to h3"]
    widget.session.undo()
    assert not widget.model.layers[0].mask[2, 1]


def test_an_edit_that_costs_much_does_not_bring_the_weights_from_before_training_back(widget: KANWidget) -> None:
    """What is best is judged anew under the masks as they are now."""

    def callback(step: int, _result: Any) -> None:
        if step == 3:
            widget.session.prune([(0, 0, 0), (0, 0, 1), (0, 0, 2), (0, 0, 3)])

    start = widget.model.copy()
    outcome = widget.fine_tune(steps=6, wait=True, callback=callback).result()
    assert outcome.kept > 3
    start.set_masks([layer.mask for layer in widget.model.layers], [layer.fill for layer in widget.model.layers])
    with torch.no_grad():
        untrained = float((start(DATA[2]) - DATA[3]).square().mean().sqrt())
    assert held_out(widget) < untrained
    assert held_out(widget) > floats(widget.training["test"])[:5].min()


def test_undo_to_other_weights_while_training_is_where_it_goes_on_from(widget: KANWidget) -> None:
    widget.fine_tune(steps=4, wait=True)

    def callback(step: int, _result: Any) -> None:
        if step == 1:
            widget.session.undo()

    outcome = widget.fine_tune(steps=4, wait=True, callback=callback).result()
    assert labels(widget) == [f"fine-tune, {outcome.kept} steps"]
    assert [mark["label"] for mark in widget.training["marks"]] == ["back to the start"]
    # What came before the undo was better, but it is not what the user wanted.
    assert outcome.kept in (2, 3, 4)
    assert held_out(widget) > outcome.before.quality["test"].loss


def test_pause_rests_takes_edits_and_goes_on(widget: KANWidget) -> None:
    outcome = widget.fine_tune(steps=400, patience=400, **ADAM)
    widget.pause()
    wait_until(lambda: widget.training["state"] == "paused")
    step = widget.training["step"]
    widget.session.prune([(0, 1, 2)])
    assert widget.pruning["undo"] == "prune edge x2 to h3"
    assert widget._trainer._progress is not None
    assert widget._trainer._progress.step == step < 400
    widget.resume()
    assert outcome.result(30).steps == 400
    assert not widget.model.layers[0].mask[2, 1]


def test_stop_ends_it_with_what_was_best(widget: KANWidget) -> None:
    outcome = widget.fine_tune(steps=100_000, patience=100_000, **ADAM)
    wait_until(lambda: widget.training["step"] > 3)
    widget.stop()
    found = outcome.result(20)
    assert found.stopped == "stop"
    assert 0 < found.kept <= found.steps < 100_000
    assert labels(widget) == [f"fine-tune, {found.kept} steps"]


def test_stop_ends_a_pause_without_another_step(widget: KANWidget) -> None:
    outcome = widget.fine_tune(steps=100_000, **ADAM)
    assert send(widget, {"type": "pause"})["type"] == "ack"
    wait_until(lambda: widget.training["state"] == "paused")
    step = widget.training["step"]
    assert send(widget, {"type": "stop"})["type"] == "ack"
    assert outcome.result(20).steps == step


def test_commands_of_a_training_that_is_not_are_refused(widget: KANWidget) -> None:
    for command in (widget.pause, widget.resume, widget.stop):
        with pytest.raises(ValueError, match="nothing is being trained"):
            command()
    assert send(widget, {"type": "stop"})["type"] == "nack"
    widget.fine_tune(steps=1, wait=True)
    with pytest.raises(ValueError, match="nothing is being trained"):
        widget.stop()


@pytest.fixture
def heeded() -> Iterator[None]:
    """Ctrl-C as at a terminal: what runs in the background of a shell starts out deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeded")
def test_ctrl_c_while_waiting_ends_it_and_keeps_what_was_best(widget: KANWidget) -> None:
    def interrupt(step: int, _result: Any) -> None:
        if step == 3:
            os.kill(os.getpid(), signal.SIGINT)

    outcome = widget.fine_tune(steps=100_000, patience=100_000, wait=True, callback=interrupt, **ADAM).result(0)
    assert outcome.stopped == "stop"
    assert outcome.steps < 100_000
    assert held_out(widget) <= outcome.before.quality["test"].loss


def test_an_interrupt_on_the_way_leaves_the_best_step(widget: KANWidget) -> None:
    seen: list[tuple[float, Weights]] = []

    def callback(step: int, result: Any) -> None:
        seen.append((result.test_loss[-1], state(widget)))
        if step == 2:
            raise KeyboardInterrupt

    outcome = widget.fine_tune(steps=50, wait=True, callback=callback).result()
    assert outcome.stopped == "interrupted"
    assert same(state(widget), min(seen, key=lambda pair: pair[0])[1])


def test_one_training_at_a_time(widget: KANWidget) -> None:
    outcome = widget.fine_tune(steps=100_000, **ADAM)
    for start in (widget.fine_tune, widget.auto_prune, lambda: widget.track(range(3))):
        with pytest.raises(ValueError, match="is being trained; stop that first"):
            start()
    assert "is being trained" in send(widget, {"type": "fine_tune", "steps": 3})["reason"]
    widget.stop()
    outcome.result(20)
    assert widget.fine_tune(steps=1, wait=True).result().steps == 1


def test_a_fit_of_the_users_own_is_not_trained_into(widget: KANWidget) -> None:
    refused: list[str] = []

    def callback(*_: Any) -> None:
        try:
            widget.fine_tune()
        except ValueError as error:
            refused.append(str(error))

    widget.model.fit(DATA, steps=1, progress=False, callback=callback)
    assert refused == ["the network is being trained; stop that first, or wait for its end"]


def test_close_ends_the_thread(widget: KANWidget) -> None:
    outcome = widget.fine_tune(steps=100_000, **ADAM)
    widget.close()
    assert outcome.result(20).steps < 100_000
    told = widget.training
    wait_until(lambda: "kan_widget trainer" not in [thread.name for thread in threading.enumerate()])
    assert widget.training is told
    assert told["state"] == "training"  # a closed widget says nothing more


# What is told


def test_progress_is_told_with_losses_at_every_step(widget: KANWidget) -> None:
    told: list[dict[str, Any]] = []
    widget.observe(lambda change: told.append(change["new"]), "training")
    seen: list[float] = []
    widget.fine_tune(steps=5, wait=True, callback=lambda _, result: seen.append(result.test_loss[-1]))
    assert [told[0]["state"], told[-1]["state"]] == ["training", "idle"]
    last = told[-1]
    assert floats(last["at"]).tolist() == [0, 1, 2, 3, 4, 5]
    assert floats(last["test"])[1:] == pytest.approx(seen, rel=1e-6)
    assert floats(last["test"])[0] == pytest.approx(last["before"]["test_loss"], rel=1e-6)
    assert (last["step"], last["steps"], last["left"], last["start"]) == (5, 5, None, 0)
    assert last["after"]["test_loss"] == pytest.approx(held_out(widget), rel=1e-5)


def test_curves_move_while_it_learns_and_come_back_with_the_weights(
    widget: KANWidget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "CURVES", 0.0)
    monkeypatch.setattr(tuning, "CURVES_SHARE", float("inf"))
    drawn: list[dict[str, Any]] = []
    losses: list[float] = []
    before = widget.network
    widget.observe(lambda change: drawn.append(change["new"]), "network")
    widget.observe(lambda change: losses.append(change["new"]["now"]["test_loss"]), "metrics")
    outcome = widget.fine_tune(steps=4, patience=9, wait=True, **WILD).result()
    assert outcome.kept == 0
    assert len(drawn) == 5
    assert all(a["curves"] != b["curves"] or a["curve_high"] != b["curve_high"] for a, b in pairwise(drawn))
    assert drawn[-1] == widget.network == before
    assert losses[:4] == pytest.approx(floats(widget.training["test"])[1:], rel=1e-5)
    assert losses[-1] == outcome.before.quality["test"].loss


def test_curves_stay_those_of_now_when_an_edit_is_made(widget: KANWidget, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "CURVES", 0.0)
    monkeypatch.setattr(tuning, "CURVES_SHARE", float("inf"))
    drawn: list[dict[str, Any]] = []
    widget.observe(lambda change: drawn.append(change["new"]), "network")
    start = widget.network

    def callback(step: int, _result: Any) -> None:
        if step == 2:
            widget.session.prune([(0, 0, 0)])

    widget.fine_tune(steps=4, wait=True, callback=callback)
    assert start not in drawn


@given(st.integers(0, 4 * MOST_POINTS))
@settings(max_examples=40)
def test_losses_are_thinned_evenly_and_end_with_the_last(count: int) -> None:
    losses = Losses()
    for step in range(count):
        losses.add(step, step / 2, step / 3)
    points = losses.points()
    at = [step for step, _, _ in points]
    assert points == [(step, step / 2, step / 3) for step in at]
    assert len(points) <= MOST_POINTS + 1
    if count:
        assert (at[0], at[-1]) == (0, count - 1)
        gaps = set(np.diff(at[:-1]).tolist())
        assert len(gaps) <= 1
        assert count <= MOST_POINTS or len(points) > MOST_POINTS // 2


def test_what_a_training_says_goes_out_as_an_answer_to_the_front_end(widget: KANWidget) -> None:
    """ipykernel would else let the thread that runs cells hear all that comes next, once the cell is done."""
    parent: contextvars.ContextVar[str] = contextvars.ContextVar("parent", default="cell")
    spoken: list[str] = []
    widget.observe(lambda _: spoken.append(parent.get()), "training")
    token = parent.set("hello")
    widget.send = lambda content, buffers=None: None  # type: ignore[method-assign]
    widget._handle_custom_msg({"type": "hello"}, [])
    parent.reset(token)
    for _ in widget.track(range(2)):
        pass
    assert set(spoken) == {"hello"}


# Pruning in rounds


# Judged by the rows that it was trained on, a network does worse without any of its edges.
KNOWN = (X, Y, X, Y)
TRAINED = KAN([2, 5, 1], seed=0)
TRAINED.fit(KNOWN, steps=8, progress=False)
STILL: dict[str, Any] = {"opt": "Adam", "lr": 1e-12, "update_grid": False}


def trained() -> KANWidget:
    return KANWidget(TRAINED.copy(), KNOWN)


def test_auto_prune_stays_within_its_budget_and_each_round_is_in_the_history() -> None:
    widget = trained()
    before, start = state(widget), held_out(widget)
    outcome = widget.auto_prune(0.1, steps=5, wait=True).result()
    assert held_out(widget) <= 1.1 * start
    assert widget.training["limit"] == pytest.approx(1.1 * start)
    assert widget.metrics["now"]["edges"] == outcome.after.cost.edges < 15
    rounds = [mark for mark in widget.training["marks"] if mark["label"].startswith("prune")]
    assert [mark["kept"] for mark in rounds][-1] is False
    cuts = [step.label for step in widget.session.history.steps if step.label.startswith("prune")]
    assert cuts == [mark["label"] for mark in rounds]
    on_path = [label for label in labels(widget) if label.startswith("prune")]
    assert on_path == [mark["label"] for mark in rounds if mark["kept"]]
    assert f"{15 - outcome.after.cost.edges} of 15 edges went" in widget.training["message"]
    widget.session.jump(outcome.start)
    assert same(state(widget), before)
    widget.close()


def test_auto_prune_takes_every_cut_back_that_no_budget_allows() -> None:
    widget = trained()
    before = state(widget)
    outcome = widget.auto_prune(0, steps=1, wait=True, **STILL).result()
    counts = [mark["label"] for mark in widget.training["marks"]]
    assert counts[0] == "prune 4 edges"
    assert counts[1] == "prune 2 edges"
    assert counts[-1].startswith("prune edge")
    assert same(state(widget), before)
    assert outcome.after.cost == outcome.before.cost
    assert outcome.kept == 0
    assert "The network is as it was" in widget.notice["text"]
    widget.close()


def test_auto_prune_follows_the_rule_and_leaves_alone_what_was_kept() -> None:
    widget = trained()
    widget.criterion, widget.structure = "std", "node"
    scores = widget.session.scores.nodes[1]
    weakest, strongest = int(np.argmin(scores)), int(np.argmax(scores))
    widget.session.keep(nodes=[(1, weakest)])
    widget.auto_prune(1e9, steps=1, wait=True, **ADAM)
    assert np.flatnonzero(widget.session.live[1]).tolist() == sorted([weakest, strongest])  # and the output's last way
    assert all("node" in label for label in labels(widget) if label.startswith("prune"))
    widget.close()


def test_auto_prune_leaves_what_the_floor_says() -> None:
    widget = trained()
    widget.session.set_min_per_layer(4)
    widget.auto_prune(1e9, steps=1, wait=True, **ADAM)
    left = [int(mask.sum()) for mask in widget.session.masks]
    assert all(4 <= count <= 5 for count in left)  # the last way to the output is left too
    widget.close()


def test_an_edit_during_a_round_outlasts_it() -> None:
    widget = trained()
    done: list[int] = []

    def callback(step: int, _result: Any) -> None:
        if not done:
            done.append(widget.session.history.position)
            widget.session.keep([(0, 0, 0)])

    widget.auto_prune(0, steps=1, wait=True, callback=callback, **STILL)
    assert widget.training["marks"][0]["kept"] is False
    assert labels(widget) == ["keep edge x1 to h1"]
    assert bool(widget.model.layers[0].mask.all())
    widget.close()


def test_going_back_during_a_round_ends_the_rounds() -> None:
    widget = trained()

    def callback(_step: int, _result: Any) -> None:
        widget.session.jump(0)

    outcome = widget.auto_prune(1e9, steps=2, wait=True, callback=callback, **ADAM).result()
    assert outcome.stopped == "moved"
    assert widget.metrics["now"]["edges"] == 15
    assert "Somebody went back" in widget.notice["text"]
    widget.close()


def test_rounds_can_be_stopped() -> None:
    widget = trained()
    outcome = widget.auto_prune(0.02, steps=100_000, **ADAM)
    wait_until(lambda: widget.training["step"] > 1)
    widget.stop()
    found = outcome.result(20)
    assert found.stopped == "stop"
    assert held_out(widget) <= 1.02 * found.before.quality["test"].loss
    widget.close()


# Who may ask for what


def test_training_needs_labels_and_rounds_need_held_out_rows() -> None:
    unlabelled = KANWidget(KAN([2, 3, 1], seed=0), X)
    for start in (unlabelled.fine_tune, unlabelled.train, lambda: unlabelled.track(range(3))):
        with pytest.raises(ValueError, match="training needs labels"):
            start()
    with pytest.raises(ValueError, match="judged on held-out rows"):
        KANWidget(KAN([2, 3, 1], seed=0), DATA[:2]).auto_prune()
    assert "training needs labels" in send(unlabelled, {"type": "fine_tune"})["reason"]
    assert unlabelled.training == {}


@pytest.mark.parametrize(
    "options",
    [{"steps": 0}, {"steps": 2.5}, {"steps": True}, {"seconds": 0}, {"seconds": float("nan")}, {"seconds": 1e9}],
)
def test_budget_out_of_range_is_refused(widget: KANWidget, options: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError), match=f"{next(iter(options))} must"):
        widget.fine_tune(**options)
    assert widget.training == {}


@pytest.mark.parametrize("options", [{"budget": -0.1}, {"budget": float("inf")}, {"share": 0}, {"steps": 0}])
def test_budget_of_rounds_out_of_range_is_refused(widget: KANWidget, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        widget.auto_prune(**options)


JUNK = st.recursive(
    st.booleans() | st.integers(max_value=0) | st.floats(max_value=-1e-3) | st.text(max_size=4) | st.just(float("nan")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
).filter(lambda value: value is not False and value != 0)
SHARED = KANWidget(KAN([2, 3, 1], seed=0), DATA)


@given(
    st.fixed_dictionaries({"type": st.just("fine_tune")}, optional={"seconds": JUNK})
    .flatmap(lambda op: st.fixed_dictionaries({"steps": JUNK}).map(lambda more: op | more))
    .filter(lambda op: op["steps"] is not None)
    | st.fixed_dictionaries({"type": st.just("auto_prune"), "budget": JUNK})
    | st.fixed_dictionaries({"type": st.sampled_from(["pause", "resume", "stop"])}, optional={"steps": JUNK})
)
@settings(max_examples=100)
def test_hostile_orders_are_refused_and_start_nothing(op: dict[str, Any]) -> None:
    before = state(SHARED)
    answer = send(SHARED, op)
    assert answer["type"] == "nack"
    assert answer["reason"]
    assert SHARED.training == {}
    assert same(state(SHARED), before)


def test_orders_of_a_front_end_are_done(widget: KANWidget) -> None:
    assert send(widget, {"type": "fine_tune", "steps": 2})["type"] == "ack"
    wait_until(lambda: widget.training["state"] == "idle")
    assert widget.training["step"] == 2
    wait_until(lambda: not widget._trainer.busy)
    assert send(widget, {"type": "auto_prune", "budget": 0.5, "seconds": 0.2})["type"] == "ack"
    wait_until(lambda: widget.training["state"] == "idle")
    assert widget.training["kind"] == "auto-prune"


# A loop of the user's own


def descend(widget: KANWidget, steps: Any, after: Callable[[int], Any] = lambda step: None) -> None:
    optimizer = torch.optim.Adam(widget.model.parameters(), lr=0.01)
    for step in widget.track(steps):
        optimizer.zero_grad()
        (widget.model(DATA[0]) - DATA[1]).square().mean().backward()
        optimizer.step()
        if after(step) is False:
            break


def test_track_makes_one_step_of_a_loop(widget: KANWidget) -> None:
    before = state(widget)
    descend(widget, range(6))
    assert labels(widget) == ["own loop, 6 steps"]
    assert widget.training["step"] == 6
    assert widget.metrics["now"]["test_loss"] == pytest.approx(held_out(widget), rel=1e-5)
    assert not same(state(widget), before)
    widget.session.undo()
    assert same(state(widget), before)


def test_track_lets_others_in_between_two_steps(widget: KANWidget) -> None:
    masks: list[bool] = []
    thread = threading.Thread(target=lambda: widget.session.prune([(0, 1, 2)]))

    def after(step: int) -> None:
        if step == 1:
            thread.start()
            wait_until(lambda: widget.session.adapter.turns._waiting)
        masks.append(bool(widget.model.layers[0].mask[2, 1]))

    descend(widget, range(4), after)
    thread.join(10)
    assert masks == [True, True, False, False]
    assert labels(widget) == ["prune edge x2 to h3", "own loop, 4 steps"]


def test_track_ends_with_the_loop_and_frees_the_model(widget: KANWidget) -> None:
    descend(widget, range(100), lambda step: step < 2)
    assert labels(widget) == ["own loop, 2 steps"]

    def fail(_step: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        descend(widget, range(100), fail)
    assert not widget.session.adapter.turns.busy
    assert widget.training["state"] == "idle"
    descend(widget, iter(range(3)), lambda step: widget.stop() if step == 1 else None)
    assert labels(widget)[-1] == "own loop, 2 steps"
    assert widget.training["steps"] is None


def test_track_brings_finite_weights_back(widget: KANWidget) -> None:
    before = state(widget)

    def spoil(step: int) -> None:
        if step == 1:
            with torch.no_grad():
                widget.model.layers[0].coef.fill_(float("nan"))

    descend(widget, range(2), spoil)
    assert all(bool(torch.isfinite(tensor).all()) for tensor in state(widget).values())
    assert same(state(widget), before)
    assert "no longer finite" in widget.notice["text"]


# Behind the widget's back


def test_a_model_changed_elsewhere_is_noticed_and_a_refresh_offered(widget: KANWidget) -> None:
    widget.send = lambda content, buffers=None: None  # type: ignore[method-assign]
    widget._handle_custom_msg({"type": "hello"}, [])
    assert widget.notice == {}
    widget.model.fit(DATA, steps=2, progress=False)
    widget.model.layers[0].mask[0, 0] = False
    widget._look_back()
    assert widget.notice["offer"] == "refresh"
    assert "other weights (test loss" in widget.notice["text"]
    assert f"→ {held_out(widget):.3g})" in widget.notice["text"]
    assert "1 edge switched off" in widget.notice["text"]
    assert send(widget, {"type": "refresh"})["type"] == "ack"
    assert watch.changed(widget.session) == ""
    widget._look_back()
    assert widget.notice == {}


def test_what_a_session_does_itself_is_no_change_from_outside() -> None:
    session = Session(KAN([2, 4, 1], seed=0), DATA)
    session.prune([(0, 0, 0)])
    session.set_compensate("least_squares")
    session.set_threshold(0.005)
    assert watch.changed(session) == ""
    session.fit(steps=1, progress=False)
    session.prune([(0, 1, 0)])
    session.undo()
    session.jump(1)
    session.reset()
    assert watch.changed(session) == ""
    session.model.fit(DATA, steps=1, progress=False)
    assert "weights" in watch.changed(session)
    session.prune([(0, 1, 1)])  # takes the weights in, but measures nothing anew
    assert "weights" in watch.changed(session)


def test_cells_are_looked_back_on_as_long_as_the_widget_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    class Events:
        def __init__(self) -> None:
            self.callbacks: dict[str, list[Any]] = {"post_run_cell": []}

        def register(self, name: str, callback: Any) -> None:
            self.callbacks[name].append(callback)

        def unregister(self, name: str, callback: Any) -> None:
            self.callbacks[name].remove(callback)

    class Shell:
        events = Events()

    monkeypatch.setattr(watch, "get_ipython", Shell)
    widget = KANWidget(KAN([2, 3, 1], seed=0), DATA)
    (after_cell,) = Shell.events.callbacks["post_run_cell"]
    widget._seen = True
    with torch.no_grad():
        widget.model.layers[0].coef.add_(0.1)
    after_cell(None)
    assert widget.notice["offer"] == "refresh"
    widget.close()
    assert Shell.events.callbacks["post_run_cell"] == []


def test_a_callback_is_no_part_of_the_log() -> None:
    session = Session(KAN([2, 3, 1], seed=0), DATA)
    session.fit(steps=2, progress=False, callback=lambda step, _: step < 0)
    again = Session(KAN([2, 3, 1], seed=0), DATA)
    again.replay(type(session.log()).from_json(session.log().to_json()))
    assert [step.label for step in again.history.steps] == ["start", "fit"]
