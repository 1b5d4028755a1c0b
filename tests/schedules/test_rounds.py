"""Pruning in rounds: goals met, budgets kept, and a way out at every moment."""

from typing import Any

import pytest
import torch

from kan_widget import KAN, create_dataset
from kan_widget.adapters import Evaluation
from kan_widget.schedules import Pruned, Round, adaptive_prune, iterative_prune

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


@pytest.mark.parametrize(
    ("call", "words"),
    [
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
