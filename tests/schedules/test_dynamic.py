"""Pruning that follows its data: thresholds by the rule, what comes back as it was, outputs never cut off."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from kan_widget import KAN, Session
from kan_widget.adapters.native import NativeAdapter
from kan_widget.core.reach import cut_outputs
from kan_widget.core.rules import RULES, quantile
from kan_widget.schedules import Batch, dynamic_prune

X = torch.rand(300, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1
Y = torch.cat([torch.sin(3 * X[:, [0]]) + X[:, [1]] ** 2, X[:, [2]] ** 3], dim=1)


@pytest.fixture(scope="module")
def model() -> KAN:
    model = KAN([3, 4, 3, 2], grid=3, seed=0, dtype=torch.float64)
    model.fit((X, Y), steps=10, lamb=1e-3, progress=False)
    return model


def masks_of(model: KAN) -> list[np.ndarray]:
    return [layer.mask.numpy().copy() for layer in model.layers]


def bits(model: KAN) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("structure", ["edge", "node", "input"])
@pytest.mark.parametrize("scope", ["layer", "global"])
def test_any_rule_leaves_outputs_connected_and_the_model_alone(
    model: KAN, rule: str, structure: str, scope: str
) -> None:
    before = bits(model)
    found = dynamic_prune(
        model, [(X[:150], Y[:150]), (X[150:], Y[150:])], rule=rule, structure=structure, scope=scope, progress=False
    )
    assert cut_outputs(tuple(masks_of(found.model))) == []
    assert len(found.batches) == 2
    session = Session(found.model, (X[150:], Y[150:]))
    assert found.batches[-1].edges == session.metrics.cost.edges
    assert found.batches[-1].sparsity == pytest.approx(session.sparsity)
    assert found.batches[-1].loss == pytest.approx(session.metrics.quality["train"].loss)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("scope", ["layer", "global"])
def test_threshold_is_the_rules_and_decides_both_ways(model: KAN, scope: str) -> None:
    start = model.copy()
    start.remove_edge(0, 0, 1, data=X)
    start.remove_edge(0, 2, 0, data=X)
    scores = Session(start.copy(), X).scores_by("std").edges
    pools = scores if scope == "layer" else [np.concatenate([s.ravel() for s in scores])] * 3
    found = dynamic_prune(start, X, rule=lambda s: quantile(s, 0.4), scope=scope, progress=False)
    assert found.batches[0].thresholds == tuple(quantile(pool, 0.4) for pool in pools)
    was, now = masks_of(start), masks_of(found.model)
    wanted = [s >= t for s, t in zip(scores, found.batches[0].thresholds, strict=True)]
    assert cut_outputs(tuple(wanted)) == []  # nothing had to be held against the rule
    for mask, want in zip(now, wanted, strict=True):
        assert np.array_equal(mask, want)
    assert found.batches[0].regrown == sum(int((n & ~w).sum()) for w, n in zip(was, now, strict=True)) > 0
    assert found.batches[0].pruned == sum(int((w & ~n).sum()) for w, n in zip(was, now, strict=True)) > 0
    assert found.batches[0].loss is None


@pytest.mark.parametrize("structure", ["edge", "node", "input"])
def test_what_drifts_away_and_back_is_regrown_bit_for_bit(model: KAN, structure: str) -> None:
    still = X.clone()
    still[:, 1] = 0.3  # an input that stands still for a while moves nothing
    options: dict[str, Any] = {"rule": lambda s: 1e-9, "structure": structure, "progress": False}
    frozen = dynamic_prune(model, [still], **options)
    if structure != "node":
        assert not frozen.model.layers[0].mask[:, 1].any()
        assert frozen.batches[0].pruned == (4 if structure == "edge" else 1)
    # The input's edges left their means, and these are exact where it stands still.
    torch.testing.assert_close(frozen.model(still), model(still))
    back = dynamic_prune(model, [still, X], **options)
    assert all(torch.equal(a, b) for a, b in zip(masks_of_t(back.model), masks_of_t(model), strict=True))
    assert torch.equal(back.model(X), model(X))
    assert back.batches[1].regrown == frozen.batches[0].pruned
    stays = dynamic_prune(model, [still, X], regrow=False, **options)
    assert stays.batches[1].regrown == 0
    assert np.array_equal(stays.model.layers[0].mask, frozen.model.layers[0].mask)


def masks_of_t(model: KAN) -> list[Tensor]:
    return [layer.mask for layer in model.layers]


def test_dead_node_comes_back_over_two_batches(model: KAN) -> None:
    dead = model.copy()
    dead.remove_node(1, 2, data=X)
    found = dynamic_prune(dead, [X, X], rule=lambda s: 1e-9, progress=False)
    assert [b.regrown for b in found.batches] == [3, 3]
    assert all(bool(mask.all()) for mask in masks_of_t(found.model))
    assert [b.regrown for b in dynamic_prune(dead, X, rule=lambda s: -np.inf, progress=False).batches] == [6]


@pytest.mark.parametrize("criterion", ["std", "l1", "attribution", "taylor2", "leave_one_out"])
def test_pruned_node_is_scored_as_if_it_were_there(model: KAN, criterion: str) -> None:
    without = model.copy()
    without.remove_node(1, 2, data=X)
    without.remove_node(2, 0, data=X)
    scores = Session(model.copy(), (X, Y)).scores_by(criterion).nodes
    limit = float(np.median(np.concatenate(scores[1:-1])))
    found = dynamic_prune(without, (X, Y), rule=lambda s: limit, criterion=criterion, structure="node", progress=False)
    for layer, values in enumerate(scores[1:-1], start=1):
        on = found.model.layers[layer - 1].mask.any(1) & found.model.layers[layer].mask.any(0)
        assert on.tolist() == (values >= limit).tolist()
    back = dynamic_prune(without, (X, Y), rule=lambda s: -np.inf, structure="node", progress=False)
    assert back.batches[0].regrown == 2
    assert torch.equal(back.model(X), model(X))


def test_rule_that_takes_all_leaves_a_path_to_each_output(model: KAN) -> None:
    found = dynamic_prune(model, X, rule=lambda s: 1e9, progress=False)
    assert cut_outputs(tuple(masks_of(found.model))) == []
    assert found.batches[0].edges <= 6
    nothing = dynamic_prune(model, X, rule=lambda s: -np.inf, progress=False)
    assert nothing.batches[0].pruned == 0


def test_batches_come_in_any_form(model: KAN) -> None:
    def stream() -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, 300, 100):
            yield X[start : start + 100], Y[start : start + 100]

    loader = DataLoader(TensorDataset(X, Y), batch_size=100)
    results = [dynamic_prune(model, data, progress=False) for data in (stream(), list(stream()), loader)]
    assert [len(found.batches) for found in results] == [3, 3, 3]
    for found in results[1:]:
        assert [b.thresholds for b in found.batches] == [b.thresholds for b in results[0].batches]
    one = [X, X.numpy(), (X, Y), {"train_input": X}, TensorDataset(X, Y), (X[:200], Y[:200], X[200:], Y[200:])]
    counts = [len(dynamic_prune(model, data, progress=False).batches) for data in one]
    assert counts == [1] * 6
    assert len(results[0].to_frame()) == 3
    assert "3 batches" in repr(results[0])


def test_tuning_on_each_batch_follows_the_target(model: KAN) -> None:
    moved = [(X[:150], Y[:150] + 0.5 * X[:150, [0]]), (X[150:], Y[150:] + 0.5 * X[150:, [0]])]
    options: dict[str, Any] = {"rule": lambda s: quantile(s, 0.1), "progress": False}
    bare = dynamic_prune(model, moved, **options)
    tuned = dynamic_prune(model, moved, tune={"steps": 5}, **options)
    assert tuned.batches[0].loss is not None
    assert bare.batches[0].loss is not None
    assert tuned.batches[0].loss < bare.batches[0].loss


def test_callback_stops_after_its_batch(model: KAN) -> None:
    seen: list[Batch] = []

    def stop(batch: Batch) -> bool:
        seen.append(batch)
        return False

    found = dynamic_prune(model, [X, X], callback=stop, progress=False)
    assert found.stopped == "callback"
    assert found.batches == seen
    assert len(seen) == 1


@pytest.mark.parametrize("method", ["trace", "write_masks", "fit"])
def test_interrupt_in_a_batch_takes_the_batch_back(model: KAN, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    data = [(X[:150], Y[:150]), (X[150:], Y[150:])]
    options: dict[str, Any] = {"rule": lambda s: quantile(s, 0.3), "tune": {"steps": 2}, "progress": False}
    first = dynamic_prune(model, data[:1], **options)
    original = getattr(NativeAdapter, method)
    batches = 0

    def arrived() -> Iterator[Any]:
        nonlocal batches
        for one in data:
            batches += 1
            yield one

    def interrupted(*args: Any) -> Any:
        result = original(*args)
        if batches == 2 and interrupts:
            interrupts.pop()
            raise KeyboardInterrupt
        return result

    interrupts = [True]  # one is enough: what puts things right must get through
    monkeypatch.setattr(NativeAdapter, method, interrupted)
    found = dynamic_prune(model, arrived(), **options)
    assert found.stopped == "interrupted"
    assert len(found.batches) == 1
    expected = first.model.state_dict()
    assert all(torch.equal(expected[name], tensor) for name, tensor in found.model.state_dict().items())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: dynamic_prune(m, X, rule="otsu"), "gap, quantile, energy, mean_sd"),
        (lambda m: dynamic_prune(m, X, scope="node"), "scope must be one of layer, global"),
        (lambda m: dynamic_prune(m, X, structure="layer"), "structure must be one of edge, node, input"),
        (lambda m: dynamic_prune(m, X, criterion="magic"), "criterion must be one of"),
        (lambda m: dynamic_prune(m, X, compensate="magic"), "compensate must be one of"),
        (lambda m: dynamic_prune(m, X, rule=lambda s: float("nan")), "a rule must give a number"),
        (lambda m: dynamic_prune(m, X, rule=lambda s: None), "a rule must give a number"),
        (lambda m: dynamic_prune(m, []), "no batch"),
        (lambda m: dynamic_prune(m, [X, X[:, :2]]), "batch 2: train_input must be"),
    ],
)
def test_bad_option_is_refused(model: KAN, call: Any, words: str) -> None:
    before = bits(model)
    with pytest.raises(ValueError, match=words):
        call(model)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
