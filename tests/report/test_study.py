"""A study of one factor at a time against its own trials, done by hand."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from kan_widget import KAN, Session, iterative_prune, prune
from kan_widget.core.scores import random_scores
from kan_widget.report import Study, Trial, study

X = torch.rand(120, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1
Y = torch.sin(3 * X[:, [0]]) + X[:, [1]] ** 2
DATA = (X[:80], Y[:80], X[80:], Y[80:])
CLASSES = (X[:80], (Y[:80, 0] > 0.3).long(), X[80:], (Y[80:, 0] > 0.3).long())
BASE = {"width": [3, 3, 1], "grid": 3, "opt": "Adam", "lr": 0.05, "steps": 15, "criterion": "std", "sparsity": 0.5}
VARY: dict[str, list[Any]] = {
    "lamb": [0.1],
    "criterion": ["l1", "attribution"],
    "threshold": [0.05],
    "compensate": ["none"],
    "rounds": [1],
}


@pytest.fixture(scope="module")
def found() -> Study:
    return study(DATA, base=BASE, vary=VARY, seeds=[3, 5], draws=2, progress=False)


def only(frame: pd.DataFrame, **conditions: Any) -> pd.DataFrame:
    for name, value in conditions.items():
        frame = frame[frame[name] == value]
    return frame


def network(seed: int, lamb: float = 0.0) -> KAN:
    model = KAN([3, 3, 1], grid=3, seed=seed)
    model.fit(DATA, opt="Adam", lr=0.05, steps=15, lamb=lamb, progress=False)
    return model


def test_study_changes_one_factor_at_a_time_for_each_seed(found: Study) -> None:
    counts = found.to_frame().groupby(["seed", "factor"]).size().unstack(0)
    assert counts[3].to_dict() == counts[5].to_dict()
    expected = {"base": 1, "control": 2, "lamb": 1, "criterion": 2, "threshold": 1, "compensate": 1, "rounds": 1}
    assert counts[3].to_dict() == expected
    assert found.failures == []


@pytest.mark.parametrize(
    ("factor", "value", "lamb", "options"),
    [
        ("base", None, 0.0, {"criterion": "std", "sparsity": 0.5}),
        ("lamb", 0.1, 0.1, {"criterion": "std", "sparsity": 0.5}),
        ("criterion", "l1", 0.0, {"criterion": "l1", "sparsity": 0.5}),
        ("threshold", 0.05, 0.0, {"criterion": "std", "threshold": 0.05}),
        ("compensate", "none", 0.0, {"criterion": "std", "sparsity": 0.5, "compensate": "none"}),
    ],
)
def test_trial_is_what_training_pruning_and_measuring_by_hand_gives(
    found: Study, factor: str, value: Any, lamb: float, options: dict[str, Any]
) -> None:
    model = network(5, lamb)
    metrics = Session(prune(model, DATA, **options), DATA).metrics
    trial = next(t for t in found.trials if (t.factor, t.value, t.seed) == (factor, value, 5))
    assert trial.loss == metrics.quality["test"].loss
    assert trial.edges == metrics.cost.edges
    assert trial.dense_loss == Session(model, DATA).metrics.quality["test"].loss


def test_rounds_prune_in_rounds(found: Study) -> None:
    pruned = iterative_prune(network(3), DATA, sparsity=0.5, rounds=1, criterion="std", progress=False)
    trial = next(t for t in found.trials if (t.factor, t.seed) == ("rounds", 3))
    assert trial.loss == pruned.rounds[-1].loss


def test_effect_is_the_range_of_means_and_its_spread_is_over_seeds(found: Study) -> None:
    frame = found.to_frame()
    effects = {effect.factor: effect for effect in found.effects()}
    assert set(effects) == set(VARY) - {"threshold"}  # the base has no threshold to compare with
    base = only(frame, factor="base").set_index("seed").loss
    by_value = {"std": base} | {
        v: only(frame, factor="criterion", value=v).set_index("seed").loss for v in ("l1", "attribution")
    }
    means = {value: losses.mean() for value, losses in by_value.items()}
    effect = effects["criterion"]
    assert effect.size == pytest.approx(max(means.values()) - min(means.values()))
    assert (effect.low, effect.high) == (min(means, key=means.__getitem__), max(means, key=means.__getitem__))
    differences = by_value[effect.high] - by_value[effect.low]
    assert sorted(effect.by_seed) == pytest.approx(sorted(differences))
    assert effect.spread == pytest.approx(differences.std())
    assert [e.size for e in found.effects()] == sorted((e.size for e in found.effects()), reverse=True)
    assert effects["lamb"].size == pytest.approx(abs(only(frame, factor="lamb").loss.mean() - base.mean()))


def test_control_is_there_with_another_draw_for_each_network(found: Study) -> None:
    frame = only(found.to_frame(), factor="control")
    assert sorted(frame.value) == [0, 1, 2, 3]
    control = found.control()
    assert control is not None
    base = only(found.to_frame(), factor="base").loss.mean()
    assert control.size == pytest.approx(abs(frame.loss.mean() - base))
    session = Session(network(5), DATA)
    drawn = session.scores_by("random:3").edges
    assert all(np.allclose(a, b) for a, b in zip(drawn, random_scores(session.trace, 3).edges, strict=True))
    trial = next(t for t in found.trials if (t.factor, t.value) == ("control", 3))
    assert trial.seed == 5
    pruned = prune(network(5), DATA, criterion="random:3", sparsity=0.5)
    assert trial.loss == Session(pruned, DATA).metrics.quality["test"].loss


def test_study_is_the_same_again(found: Study) -> None:
    again = study(DATA, base=BASE, vary={"criterion": ["l1"]}, seeds=[3], draws=2, progress=False).to_frame()
    first = found.to_frame()
    first = first[(first.seed == 3) & (first.factor.isin(["base", "control"]) | (first.value == "l1"))]
    pd.testing.assert_frame_equal(first.drop(columns="seconds").reset_index(drop=True), again.drop(columns="seconds"))


def test_networks_are_trained_once_for_all_that_differ_in_pruning(monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[Any] = []
    fit = KAN.fit.__globals__["fit"]

    def counted(network: Any, dataset: Any, **options: Any) -> Any:
        trained.append(options["lamb"] if "lamb" in options else 0)
        return fit(network, dataset, **options)

    monkeypatch.setitem(KAN.fit.__globals__, "fit", counted)
    vary = {"criterion": ["l1", "attribution"], "sparsity": [0.2], "compensate": ["none"], "lamb": [0.1]}
    study(DATA, base=BASE, vary=vary, seeds=2, draws=1, progress=False)
    assert trained == [0, 0.1, 0, 0.1]


def test_failures_are_rows_with_their_error_and_the_rest_goes_on() -> None:
    vary = {"criterion": ["size", "l1"], "lr": [-1.0], "scope": ["layer"], "rounds": [2]}
    found = study(DATA, base={**BASE, "scope": "node"}, vary=vary, seeds=1, draws=1, progress=False)
    errors = {(t.factor, t.value): t.error for t in found.failures}
    assert set(errors) == {("criterion", "size"), ("lr", -1.0), ("rounds", 2)}
    assert errors[("lr", -1.0)] == "ValueError: lr must be positive; got -1.0"
    assert "takes no scope" in errors[("rounds", 2)]
    assert np.isnan(found.failures[0].loss)
    assert {e.factor for e in found.effects()} == {"criterion", "scope"}
    assert "3 failed" in repr(found)


def test_study_of_classes_has_accuracy() -> None:
    base = {**BASE, "width": [3, 3, 2]}
    found = study(CLASSES, base=base, vary={"sparsity": [0.2]}, seeds=2, draws=1, progress=False)
    assert found.to_frame().accuracy.between(0, 1).all()
    assert found.effects("accuracy")[0].size == pytest.approx(
        np.ptp(found.to_frame().query("factor != 'control'").groupby("factor").accuracy.mean())
    )


def test_control_of_coefficients_is_there_too() -> None:
    found = study(
        DATA, base={**BASE, "criterion": "auto", "structure": "coefficient"}, vary={}, seeds=1, progress=False
    )
    assert [t.factor for t in found.trials] == ["base", "control", "control", "control"]
    assert found.failures == []
    assert found.control() is not None


@pytest.mark.parametrize("end", ["callback", "interrupted"])
def test_study_ends_early_with_what_it_has(end: str) -> None:
    seen: list[Trial] = []

    def callback(trial: Trial) -> bool:
        seen.append(trial)
        if end == "interrupted" and len(seen) == 3:
            raise KeyboardInterrupt
        return len(seen) < 3

    found = study(DATA, base=BASE, vary={"criterion": ["l1"]}, seeds=2, progress=False, callback=callback)
    assert found.stopped == end
    assert found.trials == seen
    assert len(seen) == 3


def test_study_prints_and_draws_its_bars_in_order(found: Study) -> None:
    lines = repr(found).splitlines()
    assert [line.split()[0] for line in lines[1:]] == [*(e.factor for e in found.effects()), "random"]
    axes = found.plot()
    widths = [patch.get_width() for patch in axes.patches]
    control = found.control()
    assert control is not None
    assert widths == [*(e.size for e in found.effects()), control.size]
    assert axes.patches[-1].get_hatch()
    assert axes.yaxis_inverted()
    dots = [np.asarray(one.get_offsets())[:, 0].tolist() for one in axes.collections]
    assert dots[0] == list(found.effects()[0].by_seed)
    plt.close("all")


@pytest.mark.parametrize(
    ("change", "vary", "words"),
    [
        ({"widht": [3, 1]}, {}, "factors are width, grid, .*got 'widht'"),
        ({}, {"depth": [2]}, "got 'depth'"),
        ({"sparsity": None}, {}, "one of amount, sparsity, threshold"),
        ({}, {"schedule": ["linear"]}, "says nothing about one cut"),
        ({"width": [2, 1]}, {}, "2 columns|in_features|must"),
    ],
)
def test_study_refuses_settings_that_it_cannot_use(change: dict[str, Any], vary: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        study(DATA, base={**BASE, **change}, vary=vary, progress=False)


def test_study_refuses_data_and_lists_that_it_cannot_use() -> None:
    with pytest.raises(ValueError, match="held-out rows"):
        study((X, Y), base=BASE, vary={}, progress=False)
    with pytest.raises(TypeError, match="must be a list"):
        study(DATA, base=BASE, vary={"criterion": "l1"}, progress=False)
    with pytest.raises(ValueError, match="at least one"):
        study(DATA, base=BASE, vary={}, seeds=0, progress=False)
    with pytest.raises(ValueError, match="metric must be one of loss"):
        Study(BASE, {}).effects("size")
    with pytest.raises(ValueError, match="no factor has two values"):
        Study(BASE, {}).plot()
