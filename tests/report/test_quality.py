"""Metrics against scikit-learn, intervals against brute force, SciPy and known distributions."""

import re
from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from scipy import stats
from sklearn import metrics as sk

from kan_widget import KAN, Session
from kan_widget.nn import footprint
from kan_widget.report import bootstrap, evaluate
from kan_widget.report.bootstrap import estimate, resampled_sums

G = torch.Generator().manual_seed(0)
X = torch.rand(300, 3, generator=G, dtype=torch.float64) * 2 - 1
Y = torch.stack([torch.sin(3 * X[:, 0]) + X[:, 1] ** 2, 5 * X[:, 2] * X[:, 1]], dim=1)
CLASSES = (Y[:, 0] > 0.3).long() + (Y[:, 1] > 1).long()
REGRESSION = (X[:180], Y[:180], X[180:], Y[180:])
CLASSIFICATION = (X[:180], CLASSES[:180], X[180:], CLASSES[180:])


def trained(width: list[int], data: Any) -> KAN:
    model = KAN(width, grid=3, seed=0, dtype=torch.float64)
    model.fit(data, opt="Adam", lr=0.02, steps=60, progress=False)
    return model


@pytest.fixture(scope="module")
def regressor() -> KAN:
    return trained([3, 4, 2], REGRESSION)


@pytest.fixture(scope="module")
def classifier() -> KAN:
    model = trained([3, 4, 4], CLASSIFICATION)  # the fourth class never occurs
    model.out_vars = ["low", "middle", "high", "never"]
    return model


@torch.no_grad()
def answers(model: KAN) -> np.ndarray:
    return model(X[180:]).numpy()


def probabilities(model: KAN) -> np.ndarray:
    return torch.from_numpy(answers(model)).softmax(dim=1).numpy()


def picked(draws: int) -> np.ndarray:
    """The rows of each resample with seed 0."""
    return np.random.default_rng(0).integers(0, 120, (draws, 120))


def test_regression_agrees_with_scikit_learn(regressor: KAN) -> None:
    found, said, true = evaluate(regressor, REGRESSION), answers(regressor), Y[180:].numpy()
    assert (found.rows, found.count, list(found)) == ("test", 120, ["rmse", "mae", "r2"])
    assert found["rmse"].value == pytest.approx(sk.mean_squared_error(true, said) ** 0.5)
    assert found["mae"].value == pytest.approx(sk.mean_absolute_error(true, said))
    assert found["r2"].value == pytest.approx(sk.r2_score(true, said))
    for i, name in enumerate(("y1", "y2")):
        part = found.parts[name]
        assert part["rmse"].value == pytest.approx(sk.mean_squared_error(true[:, i], said[:, i]) ** 0.5)
        assert part["mae"].value == pytest.approx(sk.mean_absolute_error(true[:, i], said[:, i]))
        assert part["r2"].value == pytest.approx(sk.r2_score(true[:, i], said[:, i]))


def test_classification_agrees_with_scikit_learn(classifier: KAN) -> None:
    found, said, true = evaluate(classifier, CLASSIFICATION), answers(classifier).argmax(1), CLASSES[180:].numpy()
    assert 0.5 < found["accuracy"].value < 1
    assert found["accuracy"].value == pytest.approx(sk.accuracy_score(true, said))
    assert found["macro_f1"].value == pytest.approx(sk.f1_score(true, said, average="macro"))
    expected = sk.log_loss(true, probabilities(classifier), labels=range(4))
    assert found["log_loss"].value == pytest.approx(expected)
    recall = sk.recall_score(true, said, average=None, labels=range(3))
    assert [found.parts[name]["recall"].value for name in ("low", "middle", "high")] == pytest.approx(recall)
    assert np.isnan(found.parts["never"]["recall"].value)


def test_calibration_error_is_the_mean_gap_over_its_bins(classifier: KAN) -> None:
    p, true = probabilities(classifier), CLASSES[180:].numpy()
    sure, right = p.max(axis=1), p.argmax(axis=1) == true
    gap = 0.0
    for b in range(15):
        inside = (sure > b / 15) & (sure <= (b + 1) / 15)
        if inside.any():
            gap += inside.mean() * abs(right[inside].mean() - sure[inside].mean())
    assert evaluate(classifier, CLASSIFICATION)["ece"].value == pytest.approx(gap)


def test_quality_is_the_session_s_loss(regressor: KAN, classifier: KAN) -> None:
    quality = Session(regressor.copy(), REGRESSION).metrics.quality
    assert evaluate(regressor, REGRESSION)["rmse"].value == pytest.approx(quality["test"].loss)
    assert evaluate(regressor, REGRESSION, rows="train")["rmse"].value == pytest.approx(quality["train"].loss)
    quality = Session(classifier.copy(), CLASSIFICATION).metrics.quality
    assert evaluate(classifier, CLASSIFICATION)["log_loss"].value == pytest.approx(quality["test"].loss)


@pytest.mark.parametrize(
    ("metric", "oracle"),
    [
        ("accuracy", sk.accuracy_score),
        ("macro_f1", lambda true, said: sk.f1_score(true, said, average="macro")),
    ],
)
def test_intervals_of_classification_are_those_of_scikit_learn_on_each_resample(
    classifier: KAN, metric: str, oracle: Callable[..., float]
) -> None:
    said, true = answers(classifier).argmax(1), CLASSES[180:].numpy()
    values = [oracle(true[rows], said[rows]) for rows in picked(40)]
    found = evaluate(classifier, CLASSIFICATION, draws=40, confidence=0.8)[metric]
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(values, [0.1, 0.9])))


def test_intervals_of_regression_are_those_of_scikit_learn_on_each_resample(regressor: KAN) -> None:
    said, true = answers(regressor), Y[180:].numpy()
    values = [sk.r2_score(true[rows], said[rows]) for rows in picked(40)]
    found = evaluate(regressor, REGRESSION, draws=40, confidence=0.8)["r2"]
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(values, [0.1, 0.9])))


def test_interval_agrees_with_scipy(regressor: KAN) -> None:
    error = ((answers(regressor) - Y[180:].numpy()) ** 2).mean(axis=1)
    theirs = stats.bootstrap(
        (error,), lambda e, axis: np.sqrt(e.mean(axis=axis)), method="percentile", n_resamples=4000, random_state=1
    ).confidence_interval
    ours = evaluate(regressor, REGRESSION, draws=4000)["rmse"]
    width = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.08 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.08 * width)


def test_intervals_cover_as_often_as_they_say() -> None:
    generator = np.random.default_rng(0)
    hits = 0
    for trial in range(400):
        found = estimate(resampled_sums(generator.exponential(2.0, (100, 1)), 300, trial)[:, 0] / 100, 0.9)
        hits += found.low <= 2.0 <= found.high
    assert 0.84 <= hits / 400 <= 0.94  # the percentile interval of a skewed mean is a little short


def test_interval_of_a_biased_metric_covers_where_percentiles_do_not() -> None:
    """The mean over 10 bins of the absolute mean in each: 0.05, as a calibration error might be."""
    generator = np.random.default_rng(0)
    plain = moved = 0
    for trial in range(200):
        terms = np.zeros((200, 10))
        terms[np.arange(200), generator.integers(0, 10, 200)] = generator.normal(0.05, 0.3, 200)
        values = np.abs(resampled_sums(terms, 200, trial)).sum(axis=1) / 200
        for biased in (False, True):
            found = estimate(values, 0.9, biased=biased)
            assert found.low <= found.value <= found.high or not biased
            plain += not biased and found.low <= 0.05 <= found.high
            moved += biased and found.low <= 0.05 <= found.high
    assert plain < 0.5 * 200
    assert moved > 0.8 * 200


def test_more_rows_and_less_confidence_make_intervals_narrower(regressor: KAN) -> None:
    def width(data: Any, **options: Any) -> float:
        found = evaluate(regressor, data, **options)["rmse"]
        return found.high - found.low

    x, y, x_test, y_test = REGRESSION
    assert width(REGRESSION, confidence=0.5) < 0.6 * width(REGRESSION)
    assert width((x, y, x_test.repeat(9, 1), y_test.repeat(9, 1))) == pytest.approx(width(REGRESSION) / 3, rel=0.2)


def test_resamples_do_not_depend_on_how_many_are_drawn_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    terms = np.random.default_rng(0).random((50, 3))
    at_once = resampled_sums(terms, 20, seed=3)
    monkeypatch.setattr(bootstrap, "_AT_ONCE", 150)
    assert np.allclose(resampled_sums(terms, 20, seed=3), at_once, rtol=1e-13)
    assert np.array_equal(at_once[0], terms.sum(axis=0))
    assert not np.allclose(resampled_sums(terms, 20, seed=4), at_once)


def test_evaluate_leaves_the_model_alone_and_asks_it_in_batches(
    regressor: KAN, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = evaluate(regressor, REGRESSION)["rmse"].value
    model = regressor.copy()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.layers[0].eval()
    seen: list[tuple[int, bool, bool]] = []
    model.register_forward_hook(
        lambda module, args, _: seen.append((len(args[0]), module.training, torch.is_grad_enabled()))
    )
    monkeypatch.setattr(footprint, "_ELEMENTS", 1000)
    assert evaluate(model, REGRESSION)["rmse"].value == pytest.approx(whole)
    batches = [rows for rows, *_ in seen]
    assert sum(batches) == 120
    assert max(batches) == 1000 // (4 * 7 + 2)  # features and outputs of the wider layer
    assert all(not training and not grad for _, training, grad in seen)
    assert [m.training for m in (model, *model.layers)] == [True, False, True]
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_evaluate_sees_masks(regressor: KAN) -> None:
    pruned = regressor.copy()
    pruned.remove_node(0, 0, compensate="none")
    assert evaluate(pruned, REGRESSION)["rmse"].low > evaluate(regressor, REGRESSION)["rmse"].high


def test_evaluate_wants_rows_that_were_held_out(regressor: KAN) -> None:
    x, y = REGRESSION[:2]
    with pytest.raises(ValueError, match=r"x_test, y_test.*rows='train'"):
        evaluate(regressor, (x, y))
    with pytest.raises(ValueError, match="held-out rows are the training rows"):
        evaluate(regressor, (x, y, x.clone(), y.clone()))
    with pytest.raises(ValueError, match="labels are needed"):
        evaluate(regressor, x, rows="train")
    assert evaluate(regressor, (x, y), rows="train").rows == "train"


@pytest.mark.parametrize(
    ("options", "words"),
    [({"rows": "validation"}, "rows"), ({"draws": 0}, "draws"), ({"confidence": 95}, "say 0.95")],
)
def test_evaluate_refuses_options_out_of_range(regressor: KAN, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        evaluate(regressor, REGRESSION, **options)


def test_r2_of_a_target_that_does_not_vary_is_not_a_number(regressor: KAN) -> None:
    x, y, x_test, y_test = REGRESSION
    found = evaluate(regressor, (x, y, x_test, torch.zeros_like(y_test)))
    assert np.isnan(found["r2"].value)
    assert found["rmse"].value > 0


def test_quality_prints_tabulates_and_draws(classifier: KAN, regressor: KAN) -> None:
    found = evaluate(classifier, CLASSIFICATION)
    lines = repr(found).splitlines()
    assert lines[0] == "Quality on 120 held-out rows, 95 % intervals from 1,000 resamples"
    assert re.match(r"accuracy +0\.\d{3} +\[0\.\d+, [01]\.\d+\]$", lines[1])
    assert "never" not in repr(found)
    assert "training rows" in repr(evaluate(regressor, REGRESSION, rows="train"))
    frame = found.to_frame().set_index(["part", "metric"])
    assert len(frame) == 4 + 4
    assert frame.loc[("", "accuracy"), "low"] == found["accuracy"].low
    figure = found.plot()
    assert [axes.get_ylabel() for axes in figure.axes] == ["score", "nats", "mean gap"]
    heights = [patch.get_height() for patch in figure.axes[0].patches]
    assert heights == pytest.approx([found["accuracy"].value, found["macro_f1"].value])
    plt.close("all")
