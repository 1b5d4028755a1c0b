"""Comparisons against scikit-learn on the same resampled rows, and the mistakes that they are to make impossible."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from sklearn import metrics as sk

from kan_widget import KAN, Session, prune
from kan_widget.report import compare, efficiency, evaluate

X = torch.rand(320, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1
Y = torch.stack([torch.sin(3 * X[:, 0]) + X[:, 1] ** 2, 5 * X[:, 2] * X[:, 1]], dim=1)
CLASSES = (Y[:, 0] > 0.3).long() + (Y[:, 1] > 1).long()
REGRESSION = (X[:200], Y[:200], X[200:], Y[200:])
CLASSIFICATION = (X[:200], CLASSES[:200], X[200:], CLASSES[200:])
QUICK: dict[str, Any] = {"seconds": 0, "draws": 200}


def trained(width: list[int], data: Any) -> KAN:
    model = KAN(width, grid=3, seed=0, dtype=torch.float64)
    model.fit(data, opt="Adam", lr=0.02, steps=80, progress=False)
    return model


@pytest.fixture(scope="module")
def regressor() -> KAN:
    return trained([3, 6, 2], REGRESSION)


@pytest.fixture(scope="module")
def classifier() -> KAN:
    return trained([3, 6, 3], CLASSIFICATION)


@torch.no_grad()
def answers(model: KAN) -> np.ndarray:
    return model(X[200:]).numpy()


def picked(draws: int) -> np.ndarray:
    """The rows of each resample with seed 0."""
    return np.random.default_rng(0).integers(0, 120, (draws, 120))


def test_both_sides_are_what_evaluate_and_efficiency_say(classifier: KAN) -> None:
    pruned = prune(classifier, CLASSIFICATION, sparsity=0.4)
    found = compare(classifier, pruned, CLASSIFICATION, **QUICK)
    for model, side in ((classifier, "before"), (pruned, "after")):
        alone = evaluate(model, CLASSIFICATION, draws=200)
        assert {name: getattr(change, side) for name, change in found.items()} == alone.metrics
        assert getattr(found.parts["y2"]["recall"], side) == alone.parts["y2"]["recall"]
        assert getattr(found, side) == efficiency(model, seconds=0)
    assert found.compression == found.before.masked.footprint.disk / found.after.compacted.footprint.disk
    assert found.theoretical_speedup == found.before.active.macs / found.after.active.macs > 1


def test_differences_are_paired_on_the_same_resampled_rows(classifier: KAN) -> None:
    pruned, true = prune(classifier, CLASSIFICATION, sparsity=0.5), CLASSES[200:].numpy()
    one, two = answers(classifier).argmax(1), answers(pruned).argmax(1)
    found = compare(classifier, pruned, CLASSIFICATION, seconds=0, draws=50, confidence=0.8, control=0)
    changes = [sk.accuracy_score(true[r], two[r]) - sk.accuracy_score(true[r], one[r]) for r in picked(50)]
    difference = found["accuracy"].difference
    assert difference.value == pytest.approx(sk.accuracy_score(true, two) - sk.accuracy_score(true, one))
    assert (difference.low, difference.high) == pytest.approx(tuple(np.quantile(changes, [0.1, 0.9])))
    both = [(one[r] == two[r]).mean() for r in picked(50)]
    agreement = found.agreement["agreement"]
    assert agreement.value == (one == two).mean()
    assert (agreement.low, agreement.high) == pytest.approx(tuple(np.quantile(both, [0.1, 0.9])))


def test_agreement_of_outputs_is_their_correlation_and_relative_distance(regressor: KAN) -> None:
    pruned = prune(regressor, REGRESSION, sparsity=0.4)
    one, two = answers(regressor), answers(pruned)
    found = compare(regressor, pruned, REGRESSION, **QUICK).agreement
    assert found["correlation"].value == pytest.approx(
        np.mean([np.corrcoef(one[:, i], two[:, i])[0, 1] for i in range(2)])
    )
    distance = ((one - two) ** 2).mean(axis=0) / one.var(axis=0)
    assert found["relative_rmse"].value == pytest.approx(distance.mean() ** 0.5)
    assert found["relative_rmse"].low < found["relative_rmse"].value < found["relative_rmse"].high


def test_a_copy_differs_in_nothing(regressor: KAN) -> None:
    found = compare(regressor, regressor.copy(), REGRESSION, **QUICK)
    for change in found.values():
        assert (change.difference.value, change.difference.low, change.difference.high) == (0, 0, 0)
        assert change.before.low < change.before.high
    assert found.agreement["correlation"].value == pytest.approx(1)
    assert found.agreement["relative_rmse"].value == pytest.approx(0, abs=1e-6)
    assert not found.control.metrics
    assert "no control: `after` has no fewer active edges" in repr(found)


def test_pairing_narrows_the_interval_of_a_small_change(regressor: KAN) -> None:
    pruned = prune(regressor, REGRESSION, amount=1)
    change = compare(regressor, pruned, REGRESSION, **QUICK)["rmse"]
    assert change.difference.high - change.difference.low < 0.5 * (change.after.high - change.after.low)


def test_before_and_after_from_one_object_are_refused(regressor: KAN) -> None:
    with pytest.raises(ValueError, match=r"same object.*model\.copy\(\).*prune"):
        compare(regressor, regressor, REGRESSION)
    twin = KAN.from_layers(regressor.layers)
    with pytest.raises(ValueError, match="share parameters"):
        compare(regressor, twin, REGRESSION)


def test_a_difference_is_never_shown_without_a_control_or_a_word(classifier: KAN) -> None:
    pruned = prune(classifier, CLASSIFICATION, sparsity=0.5)
    found = compare(classifier, pruned, CLASSIFICATION, **QUICK)
    assert len(found.control.metrics) == 5
    assert "control: random pruning, 5 draws" in repr(found)
    mean, low, high = found.control.spread("accuracy")
    assert low < high
    assert mean < found["accuracy"].after.value
    without = compare(classifier, pruned, CLASSIFICATION, control=0, **QUICK)
    assert "no control: switched off" in repr(without)
    assert np.isnan(without.control.spread("accuracy")[0])


@pytest.mark.parametrize("structure", ["edge", "node"])
def test_random_control_has_as_few_active_edges_as_the_pruned_model(regressor: KAN, structure: str) -> None:
    pruned = prune(regressor, REGRESSION, sparsity=0.5, structure=structure)
    found = compare(regressor, pruned, REGRESSION, control=8, **QUICK)
    left = found.after.active.edges
    assert all(left - 6 <= edges <= left for edges in found.control.edges)
    assert len({metrics["rmse"] for metrics in found.control.metrics}) == 8


def test_random_control_leaves_means_behind_unless_told_otherwise(regressor: KAN) -> None:
    pruned = prune(regressor, REGRESSION, sparsity=0.5)
    rmse = {
        kind: compare(regressor, pruned, REGRESSION, compensate=kind, **QUICK).control.spread("rmse")[0]
        for kind in ("none", "mean", "least_squares")
    }
    assert rmse["least_squares"] < rmse["mean"] < rmse["none"]
    with pytest.raises(ValueError, match="compensate must be one of"):
        compare(regressor, pruned, REGRESSION, compensate="hope", **QUICK)


def test_models_of_one_s_own_can_be_the_control(regressor: KAN) -> None:
    pruned, small = prune(regressor, REGRESSION, sparsity=0.5), trained([3, 2, 2], REGRESSION)
    found = compare(regressor, pruned, REGRESSION, control=[small], **QUICK)
    assert found.control.edges == (10,)
    assert found.control.spread("rmse")[0] == pytest.approx(evaluate(small, REGRESSION)["rmse"].value)
    assert "control: 1 given model, 10 active edges" in repr(found)


def test_all_models_stay_as_they_are(regressor: KAN) -> None:
    models = [regressor, prune(regressor, REGRESSION, sparsity=0.5)]
    before = [{name: tensor.clone() for name, tensor in model.state_dict().items()} for model in models]
    compare(*models, REGRESSION, compensate="least_squares", **QUICK)
    for model, state in zip(models, before, strict=True):
        assert all(torch.equal(state[name], tensor) for name, tensor in model.state_dict().items())


def test_a_compacted_model_compares_like_the_masked_one(regressor: KAN) -> None:
    pruned = prune(regressor, REGRESSION, sparsity=0.6)
    masked, compacted = (compare(regressor, m, REGRESSION, **QUICK) for m in (pruned, pruned.compact()))
    assert compacted["rmse"].difference.value == pytest.approx(masked["rmse"].difference.value, abs=1e-10)
    assert compacted.compression == masked.compression > 1
    assert compacted.control.edges == masked.control.edges


def test_models_that_do_not_fit_each_other_are_refused(regressor: KAN, classifier: KAN) -> None:
    with pytest.raises(ValueError, match="`after` cannot take the data"):
        compare(regressor, KAN([4, 2], dtype=torch.float64), REGRESSION)
    with pytest.raises(ValueError, match="`after` cannot take the data"):
        compare(regressor, KAN([3, 1], dtype=torch.float64), REGRESSION)
    with pytest.raises(ValueError, match="`before` has 3 and `after` 4"):
        compare(classifier, KAN([3, 4], dtype=torch.float64), CLASSIFICATION)


def test_comparison_wants_rows_that_were_held_out(regressor: KAN) -> None:
    pruned, (x, y) = prune(regressor, REGRESSION, sparsity=0.2), REGRESSION[:2]
    with pytest.raises(ValueError, match="held-out rows with labels are needed"):
        compare(regressor, pruned, (x, y))
    with pytest.raises(ValueError, match="held-out rows are the training rows"):
        compare(regressor, pruned, (x, y, x, y))
    assert "training rows" in repr(compare(regressor, pruned, (x, y), rows="train", **QUICK))


def test_labels_that_are_noise_show_as_chance(classifier: KAN) -> None:
    """Fresh random labels cannot pass for an evaluation: the interval holds the rate of guessing."""
    noise = torch.randint(0, 3, (120,), generator=torch.Generator().manual_seed(1))
    found = evaluate(classifier, (*CLASSIFICATION[:3], noise))
    assert found["accuracy"].low < 1 / 3 < found["accuracy"].high
    assert found["ece"].low > 0.2


def test_damage_is_sorted_by_what_a_class_lost(classifier: KAN) -> None:
    twin = classifier.copy()
    Session(twin, CLASSIFICATION, compensate="none").prune(nodes=[(2, 1)], cut=True)
    with torch.no_grad():
        twin.layers[1].bias[1] -= 50  # nothing is of the second class any more
    found = compare(classifier, twin, CLASSIFICATION, **QUICK)
    assert found.by_damage()[0] == "y2"
    assert found.parts["y2"]["recall"].after.value == 0
    assert found.parts["y2"]["recall"].difference.high < 0
    lost = [found.parts[name]["recall"].difference.value for name in found.by_damage()]
    assert lost == sorted(lost)


def test_a_class_without_rows_has_no_damage() -> None:
    model = trained([3, 4, 4], CLASSIFICATION)
    found = compare(model, prune(model, CLASSIFICATION, sparsity=0.3), CLASSIFICATION, **QUICK)
    assert sorted(found.by_damage()) == ["y1", "y2", "y3"]
    assert np.isnan(found.parts["y4"]["recall"].difference.low)


def test_seeds_repeat_a_comparison(regressor: KAN) -> None:
    pruned = prune(regressor, REGRESSION, sparsity=0.5)
    one, two, other = (compare(regressor, pruned, REGRESSION, seed=seed, **QUICK) for seed in (1, 1, 2))
    assert one.metrics == two.metrics
    assert one.control.metrics == two.control.metrics
    assert one["rmse"].difference.low != other["rmse"].difference.low
    assert one.control.metrics != other.control.metrics


def test_comparison_prints_tabulates_and_draws(classifier: KAN) -> None:
    pruned = prune(classifier, CLASSIFICATION, sparsity=0.5)
    found = compare(classifier, pruned, CLASSIFICATION, draws=200, seconds=0.02, batch=8)
    words = repr(found)
    assert words.startswith("Comparison on 120 held-out rows, 95 % intervals from 200 resamples\n")
    assert f"{found.after.compacted.footprint.disk:,}" in words
    assert "ms for 8 rows (p95)" in words
    assert max(map(len, words.splitlines())) <= 130
    frame = found.to_frame().set_index(["part", "metric"])
    assert frame.loc[("", "accuracy"), "difference_low"] == found["accuracy"].difference.low
    assert frame.loc[("", "accuracy"), "control"] == found.control.spread("accuracy")[0]
    assert frame.loc[("y1", "recall"), "control_low"] == found.control.spread("y1 recall")[1]
    quality, *_, shares, parts = found.plot().axes
    assert len(quality.patches) == 2 * 3
    assert quality.get_ylim()[0] == 0
    assert shares.patches[0].get_width() == found.after.active.edges / found.before.active.edges
    assert [label.get_text() for label in parts.get_yticklabels()] == found.by_damage()
    assert found.plot_parts().get_xlabel() == "recall"
    plt.close("all")


def test_comparison_of_one_output_has_no_parts_to_draw() -> None:
    data = (X[:200], Y[:200, :1], X[200:], Y[200:, :1])
    model = trained([3, 3, 1], data)
    found = compare(model, prune(model, data, sparsity=0.3), data, **QUICK)
    with pytest.raises(ValueError, match="no parts"):
        found.plot_parts()
    assert len(found.plot().axes) == 3
    plt.close("all")
