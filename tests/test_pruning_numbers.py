"""How well pruning prunes, in short: the gates of `benchmarks.pruning` that one can check in seconds."""

from __future__ import annotations

from statistics import mean, median
from typing import Any

import pytest
import torch
from torch import Tensor

pytest.importorskip("sklearn")
pytest.importorskip("scipy")

from benchmarks import pruning as bench
from benchmarks.train import target
from kan_widget import KAN, create_dataset, curve, prune

Digits = tuple[KAN, bench.Split]


@pytest.fixture(scope="module")
def digits() -> Digits:
    return bench.digit_task(0)


@pytest.fixture(scope="module")
def demo7() -> tuple[list[KAN], dict[str, Tensor]]:
    data = create_dataset(target, n_var=2)
    return [bench.demo7(seed, data) for seed in range(3)], data


def test_error_right_after_pykans_rule(demo7: Any) -> None:
    models, data = demo7
    rows = data["test_input"], data["test_label"]
    ratios: dict[str, list[float]] = {"none": [], "mean": [], "least_squares": []}
    for model in models:
        before, off = bench.root_mean_square(model, *rows), bench.pykan_rule(model, data)
        assert off
        for how, found in ratios.items():
            found.append(bench.root_mean_square(bench.without(model, data, off, how), *rows) / before)
    assert median(ratios["none"]) > 2  # what the other two make up for
    assert median(ratios["mean"]) <= 1.3
    assert median(ratios["least_squares"]) <= 1.1


def test_taylor2_ranks_digits_as_the_exact_change_does(digits: Digits) -> None:
    model, (x, y, *_) = digits
    found = bench.agreements(model, (x[:500], y[:500]), ["taylor2", "attribution", "random"])
    assert found["taylor2"] >= 0.95
    assert found["taylor2"] > found["attribution"] + 0.1
    assert abs(found["random"]) < 0.15


def test_taylor2_ranks_a_regression_as_the_exact_change_does() -> None:
    found = bench.agreements(*bench.diabetes_task(0), ["taylor2", "random"])
    assert found["taylor2"] >= 0.93
    assert abs(found["random"]) < 0.35


def test_auto_is_exact_on_a_small_network(demo7: Any) -> None:
    models, data = demo7
    rows = data["train_input"], data["train_label"]
    assert all(bench.agreements(model, rows, ["auto"])["auto"] >= 0.99 for model in models)


def test_digits_survive_one_cut_without_training(digits: Digits) -> None:
    model, (x, y, *test) = digits
    dense = bench.accuracy(model, *test)

    def after(sparsity: float, criterion: str = "taylor2") -> float:
        cut = prune(model, (x, y), criterion=criterion, sparsity=sparsity, compensate="least_squares")
        return bench.accuracy(cut, *test)

    assert after(0.5) >= dense - 0.01
    assert after(0.8) >= 0.90
    assert after(0.8) >= after(0.8, "random") + 0.2


def test_taylor2_beats_chance_over_the_whole_curve(digits: Digits) -> None:
    model, split = digits
    curves = curve(model, split, ["taylor2"], levels=41, draws=3)
    chance = mean(bench.area_under(control) for control in curves.control)
    assert bench.area_under(curves["taylor2"]) >= chance + 0.2


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_irrelevant_input_is_the_one_that_goes(seed: int) -> None:
    model, split = bench.irrelevant(seed)
    for criterion in ("auto", "taylor2", "attribution"):
        assert bench.drops_the_irrelevant(model, split, criterion)


def test_offsets_leave_centred_scores_alone() -> None:
    changes = bench.offset_changes(0, ["std", "taylor2", "leave_one_out", "attribution", "l1"])
    l1 = changes.pop("l1")
    assert max(changes.values()) <= 1e-5, changes
    assert l1 > 0.1


def test_offsets_leave_the_function_alone() -> None:
    x = torch.rand(200, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1
    model = KAN([2, 5, 1], seed=0, dtype=torch.float64)
    model.update_grid(x)
    with torch.no_grad():
        assert torch.allclose(model(x), bench.with_offsets(model, 0)(x), atol=1e-9)
