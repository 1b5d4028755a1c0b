"""Pruning in rounds: goals met, budgets kept, and a way out at every moment."""

from typing import Any

import pytest
import torch

from kan_widget import KAN, create_dataset
from kan_widget.adapters import Evaluation
from kan_widget.adapters.native import NativeAdapter
from kan_widget.schedules import Pruned, Round, adaptive_prune, hardware_prune, iterative_prune

DATA = create_dataset(
    lambda x: torch.exp(torch.sin(torch.pi * x[:, [0]]) + x[:, [1]] ** 2), n_var=2, train_num=400, test_num=300
)


@pytest.fixture(scope="module")
def model() -> KAN:
    model = KAN([2, 4, 1], grid=5, seed=1)
    model.fit(DATA, steps=10, lamb=0.01, lamb_entropy=10.0, progress=False)
    return model


def edges(model: Any) -> int:
    return sum(int(layer.mask.sum()) for layer in model.layers)


def held_out_loss(model: Any) -> float:
    with torch.no_grad():
        return float((model(DATA["test_input"]) - DATA["test_label"]).square().mean().sqrt())


@pytest.mark.parametrize(
    ("schedule", "left"),
    [("linear", [10, 8, 6]), ("cubic", [8, 6, 6]), ("geometric", [10, 8, 6]), (lambda t: t**2, [11, 9, 6])],
)
def test_rounds_follow_their_schedule(model: KAN, schedule: Any, left: list[int]) -> None:
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found = iterative_prune(
        model, DATA, sparsity=0.5, rounds=3, schedule=schedule, criterion="std", tune={}, progress=False
    )
    assert edges(found.model) == left[-1]
    assert found.rounds[-1].loss == pytest.approx(held_out_loss(found.model), rel=1e-4)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    # Active edges: those that are masked on, less those that died with their neighbours.
    assert all(step.edges <= count for step, count in zip(found.rounds, left, strict=True))


def test_tuning_between_rounds_pays(model: KAN) -> None:
    options: dict[str, Any] = {"sparsity": 0.75, "rounds": 3, "criterion": "leave_one_out", "progress": False}
    tuned = iterative_prune(model, DATA, tune={"steps": 5}, **options)
    bare = iterative_prune(model, DATA, tune={}, **options)
    assert tuned.rounds[-1].loss < bare.rounds[-1].loss
    assert edges(tuned.model) == edges(bare.model) == 3
    assert len(tuned.to_frame()) == 3
    assert "3 of 3 rounds kept" in repr(tuned)


@pytest.mark.parametrize("tune", [{}, {"steps": 4}])
@pytest.mark.parametrize("budget", [0.0, 0.02, 0.5])
def test_adaptive_result_is_within_its_budget(model: KAN, tune: dict[str, Any], budget: float) -> None:
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found = adaptive_prune(model, DATA, budget=budget, criterion="leave_one_out", tune=tune, progress=False)
    assert found.dense.loss == pytest.approx(held_out_loss(model), rel=1e-4)
    assert held_out_loss(found.model) <= found.dense.loss * (1 + budget) * (1 + 1e-5)
    kept = [step for step in found.rounds if step.accepted]
    if kept:
        assert kept[-1].loss == pytest.approx(held_out_loss(found.model), rel=1e-4)
        assert kept[-1].edges < 12
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_adaptive_recovers_the_graph_of_the_formula(seed: int) -> None:
    data = create_dataset(lambda x: torch.exp(torch.sin(torch.pi * x[:, [0]]) + x[:, [1]] ** 2), n_var=2)
    model = KAN([2, 5, 1], grid=5, k=3, seed=seed)
    model.fit(data, steps=20, lamb=0.01, lamb_entropy=10.0, progress=False)
    found = adaptive_prune(model, data, tune={"steps": 8}, progress=False)
    small = found.model.compact()
    assert small.width == [2, 1, 1]
    assert edges(small) == 3
    assert found.rounds[-1].loss > found.dense.loss  # what was tried last was one edge too many
    with torch.no_grad():
        error = (small(data["test_input"]) - data["test_label"]).square().mean().sqrt()
    assert float(error) < 0.01


def test_budget_of_ones_own_decides(model: KAN) -> None:
    asked: list[Evaluation] = []

    def fine(found: Evaluation) -> bool:
        asked.append(found)
        return found.loss < 2 * asked[0].loss

    found = adaptive_prune(model, DATA, budget=fine, tune={}, criterion="std", progress=False)
    assert asked[0] == found.dense
    assert held_out_loss(found.model) < 2 * found.dense.loss
    with pytest.raises(ValueError, match="the dense model breaks the budget already"):
        adaptive_prune(model, DATA, budget=lambda found: False, progress=False)
    with pytest.raises(TypeError, match=r"a fraction such as 0.02, or a function"):
        adaptive_prune(model, DATA, budget="2%", progress=False)  # type: ignore[arg-type]


def test_callback_stops_with_what_was_accepted(model: KAN) -> None:
    steps: list[Round] = []

    def stop(step: Round) -> bool:
        steps.append(step)
        return False

    for prune in (adaptive_prune, iterative_prune):
        options: dict[str, Any] = {} if prune is adaptive_prune else {"sparsity": 0.5}
        found: Pruned = prune(model, DATA, tune={}, progress=False, callback=stop, **options)
        assert found.stopped == "callback"
        assert len(found.rounds) == 1
    assert len(steps) == 2


def test_interrupt_while_tuning_stops_after_the_round(model: KAN) -> None:
    def interrupt(step: int, _result: Any) -> None:
        raise KeyboardInterrupt

    found = iterative_prune(model, DATA, sparsity=0.5, tune={"steps": 3, "callback": interrupt}, progress=False)
    assert found.stopped == "interrupted"
    assert len(found.rounds) == 1


PRUNE: dict[str, Any] = {
    "iterative": lambda model, **options: iterative_prune(model, DATA, sparsity=0.6, rounds=3, **options),
    "rewinding": lambda model, **options: iterative_prune(
        model, DATA, sparsity=0.6, rounds=3, rewind=untrained(), **options
    ),
    "adaptive": lambda model, **options: adaptive_prune(model, DATA, budget=0.5, **options),
    "hardware": lambda model, **options: hardware_prune(model, DATA, cost="edges", limit=4, **options),
}


def untrained() -> KAN:
    return KAN([2, 4, 1], grid=5, seed=1)


@pytest.mark.parametrize("name", PRUNE)
@pytest.mark.parametrize("place", ["trace", "after fit"])
def test_interrupt_anywhere_leaves_the_last_whole_round(
    model: KAN, monkeypatch: pytest.MonkeyPatch, name: str, place: str
) -> None:
    calls = 0

    def interrupted(original: Any, at: int, *, after: bool) -> Any:
        def call(*args: Any) -> Any:
            nonlocal calls
            calls += 1
            result = original(*args) if after or calls != at else None
            if calls == at:
                raise KeyboardInterrupt
            return result

        return call

    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    stopped = []
    for at in (2, 3, 4):
        calls = 0
        method = "trace" if place == "trace" else "fit"
        original = getattr(NativeAdapter, method)
        with monkeypatch.context() as patch:
            patch.setattr(NativeAdapter, method, interrupted(original, at, after=method == "fit"))
            found = PRUNE[name](model, criterion="std", tune={"steps": 2}, progress=False)
        if found.stopped:
            kept = [step for step in found.rounds if step.accepted]
            expected = kept[-1].loss if kept else found.dense.loss
            assert held_out_loss(found.model) == pytest.approx(expected, rel=1e-4)
            assert found.stopped == "interrupted"
        stopped.append(found.stopped)
    assert "interrupted" in stopped
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_half_tuned_round_is_kept_only_if_it_is_good(model: KAN) -> None:
    def interrupt(step: int, _result: Any) -> None:
        raise KeyboardInterrupt

    tune = {"steps": 3, "callback": interrupt}
    worse = iterative_prune(model, DATA, sparsity=0.75, rounds=1, criterion="random", tune=tune, progress=False)
    assert not worse.rounds[0].accepted
    assert held_out_loss(worse.model) == pytest.approx(worse.dense.loss, rel=1e-4)
    assert edges(worse.model) == 12
    better = iterative_prune(model, DATA, sparsity=0.1, rounds=1, criterion="leave_one_out", tune=tune, progress=False)
    assert better.rounds[0].accepted
    assert held_out_loss(better.model) == pytest.approx(better.rounds[0].loss, rel=1e-4)
    assert better.rounds[0].loss <= better.dense.loss
    assert better.stopped == worse.stopped == "interrupted"


def test_rewinding_starts_each_round_from_the_weights_given(model: KAN) -> None:
    start = untrained()
    before = {name: tensor.clone() for name, tensor in start.state_dict().items()}
    seen: list[list[torch.Tensor]] = []
    twin: Any = None

    def look(step: int, _result: Any) -> None:
        # After the first of two steps of no length, the weights are still those that training began with.
        if step == 0:
            seen.append([layer.coef.detach().clone() for layer in twin.layers])

    class Watched(KAN):
        def fit(self, dataset: Any, **options: Any) -> Any:
            nonlocal twin
            twin = self
            return super().fit(dataset, **options)

    watched = Watched.from_layers(model.copy().layers, names=model.names)
    tune = {"steps": 2, "opt": "Adam", "lr": 1e-12, "update_grid": False, "callback": look}
    found = iterative_prune(
        watched, DATA, sparsity=0.5, rounds=3, criterion="std", rewind=start, tune=tune, progress=False
    )
    assert len(seen) == 3
    for coefs in seen:
        for coef, layer in zip(coefs, start.layers, strict=True):
            torch.testing.assert_close(coef, layer.coef, atol=1e-6, rtol=0)
    assert edges(found.model) == 6
    pruned = [layer.fill[~layer.mask] for layer in found.model.layers]
    assert any(bool(fill.any()) for fill in pruned)  # what pruned edges leave behind stays
    assert all(torch.equal(before[name], tensor) for name, tensor in start.state_dict().items())


def test_network_rewound_to_early_in_training_learns_again(model: KAN) -> None:
    early = untrained()
    early.fit(DATA, steps=3, progress=False)
    found = iterative_prune(
        model, DATA, sparsity=0.5, rounds=2, criterion="leave_one_out", rewind=early, progress=False
    )
    assert edges(found.model) == 6
    assert found.rounds[-1].loss < 0.02 < found.dense.loss
    assert found.rounds[-1].loss == pytest.approx(held_out_loss(found.model), rel=1e-4)


@pytest.mark.parametrize(
    ("rewind", "error", "words"),
    [
        (KAN([2, 5, 1], grid=5, seed=0), ValueError, "same shape"),
        (KAN([2, 4, 1], grid=4, seed=0), ValueError, "same shape"),
        (KAN([2, 4, 1], grid=5, k=2, seed=0), ValueError, "same shape"),
        (KAN([3, 4, 1], grid=5, seed=0), ValueError, "same shape"),
        ("start", TypeError, "must be a KAN"),
    ],
)
def test_rewind_must_be_a_model_of_the_same_shape(model: KAN, rewind: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        iterative_prune(model, DATA, sparsity=0.5, rewind=rewind, progress=False)


def test_sparsity_that_outputs_cannot_bear_is_refused_at_once(model: KAN) -> None:
    steps: list[Round] = []
    with pytest.raises(ValueError, match="last way to an output"):
        iterative_prune(model, DATA, sparsity=0.95, callback=steps.append, progress=False)
    assert not steps


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: iterative_prune(m, DATA, sparsity=0.5, rewind=m, tune={}), "must be trained again"),
        (lambda m: iterative_prune(m, DATA, sparsity=1.0), "below 1"),
        (lambda m: iterative_prune(m, DATA, sparsity=0.5, rounds=0), "rounds must be at least 1"),
        (lambda m: iterative_prune(m, DATA, sparsity=0.5, schedule="magic"), "linear, cubic, geometric"),
        (lambda m: adaptive_prune(m, DATA, budget=-0.1), "budget as a fraction must be 0 or more"),
        (lambda m: adaptive_prune(m, DATA, share=0.0), "share of the edges"),
        (lambda m: adaptive_prune(m, (DATA["train_input"], DATA["train_label"])), "held-out rows"),
        (lambda m: adaptive_prune(m, DATA, criterion="magic"), "criterion must be one of"),
    ],
)
def test_bad_option_is_refused(model: KAN, call: Any, words: str) -> None:
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(ValueError, match=words):
        call(model)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
