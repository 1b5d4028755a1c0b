"""The eight mistakes that talks on pruning make, as tests that would catch them in ours."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from kan_widget import KAN, Session
from kan_widget.pruning import custom_from_mask, prune, remove
from kan_widget.report import compare, connections, curve, efficiency, evaluate, sensitivity, study
from kan_widget.schedules import adaptive_prune, dynamic_prune, hardware_prune, iterative_prune, transfer

GENERATOR = torch.Generator().manual_seed(0)
X = torch.rand(240, 3, generator=GENERATOR) * 2 - 1
Y = torch.sin(3 * X[:, [0]]) + X[:, [1]] ** 2
DATA = (X[:160], Y[:160], X[160:], Y[160:])
QUIET: dict[str, Any] = {"progress": False, "tune": {"steps": 2}}


@pytest.fixture(scope="module")
def dense() -> KAN:
    model = KAN([3, 4, 1], grid=4, seed=0)
    model.fit(DATA, steps=8, progress=False)
    return model


PRUNERS: dict[str, Callable[[KAN], Any]] = {
    "prune": lambda m: prune(m, DATA, amount=0.2),
    "prune nodes": lambda m: prune(m, DATA, structure="node", amount=1),
    "prune coefficients": lambda m: prune(m, DATA, structure="coefficient", amount=0.2),
    "prune and refit": lambda m: prune(m, DATA, amount=0.2, compensate="least_squares"),
    "custom_from_mask": lambda m: custom_from_mask(m, DATA, [np.eye(4, 3) == 0, np.ones((1, 4), bool)]),
    "remove": lambda m: remove(m),
    "KAN.prune": lambda m: m.prune(threshold=0.05, data=DATA),
    "iterative_prune": lambda m: iterative_prune(m, DATA, sparsity=0.4, rounds=2, **QUIET).model,
    "adaptive_prune": lambda m: adaptive_prune(m, DATA, budget=0.5, **QUIET).model,
    "dynamic_prune": lambda m: dynamic_prune(m, DATA, rule="quantile", progress=False).model,
    "hardware_prune": lambda m: hardware_prune(m, DATA, cost="parameters", limit=80, **QUIET).model,
}


def state_of(model: KAN) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def outputs(model: KAN) -> torch.Tensor:
    with torch.no_grad():
        return model(X)


# 1. Functions that work in place and give back what they were given


@pytest.mark.parametrize("name", PRUNERS)
def test_pruning_returns_another_model_and_leaves_the_first_alone(name: str, dense: KAN) -> None:
    before, values = state_of(dense), outputs(dense)
    after = PRUNERS[name](dense)
    assert after is not dense
    assert {t.data_ptr() for t in after.parameters()}.isdisjoint(t.data_ptr() for t in dense.parameters())
    assert all(torch.equal(before[key], tensor) for key, tensor in dense.state_dict().items())
    assert torch.equal(values, outputs(dense))


# 2. Statistics that look past the masks


def test_statistics_see_masks(dense: KAN) -> None:
    pruned = prune(dense, DATA, sparsity=0.5)
    whole, half = efficiency(dense, seconds=0), efficiency(pruned, seconds=0)
    assert half.active.edges <= 8
    assert half.active.parameters < 0.6 * whole.active.parameters
    assert half.masked.footprint.nonzero < 0.6 * whole.masked.footprint.nonzero
    assert half.compacted.footprint.disk < whole.compacted.footprint.disk


# 3. Before and after from one object


def test_comparisons_refuse_one_object_as_two(dense: KAN) -> None:
    shared = dense.copy()
    shared.layers[0].coef = dense.layers[0].coef
    for other in (dense, shared):
        with pytest.raises(ValueError, match=r"copy|same|share"):
            compare(dense, other, DATA, control=0, seconds=0)
    with pytest.raises(ValueError, match=r"copy|same"):
        connections(dense, dense, DATA)


def test_a_session_knows_the_model_before_it_touched_it(dense: KAN) -> None:
    session = Session(dense.copy(), DATA)
    whole = session.before
    session.set_sparsity(0.4)
    assert session.before == whole
    assert session.metrics.quality["test"].loss != whole.quality["test"].loss


# 4. Evaluation on noise, or on what was trained on


def test_quality_is_measured_on_held_out_rows(dense: KAN) -> None:
    with pytest.raises(ValueError, match="held-out"):
        evaluate(dense, (X, Y))
    found = evaluate(dense, DATA)
    expected = float((outputs(dense)[160:] - Y[160:]).square().mean().sqrt())
    assert found["rmse"].value == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["iterative_prune", "adaptive_prune", "hardware_prune"])
def test_rounds_are_judged_on_held_out_rows(name: str, dense: KAN) -> None:
    options = {"iterative_prune": {"sparsity": 0.2}, "adaptive_prune": {}, "hardware_prune": {"limit": 80}}[name]
    run: Any = {"iterative_prune": iterative_prune, "adaptive_prune": adaptive_prune, "hardware_prune": hardware_prune}
    with pytest.raises(ValueError, match="held-out"):
        run[name](dense, (X, Y), **options, progress=False)


# 5. No control, no seed, no spread


def test_every_comparison_has_a_control_and_a_spread(dense: KAN) -> None:
    pruned = prune(dense, DATA, sparsity=0.4, criterion="taylor2")
    found = compare(dense, pruned, DATA, seconds=0, draws=50)
    assert len(found.control.metrics) == 5
    assert found["rmse"].difference.low <= found["rmse"].difference.value <= found["rmse"].difference.high
    assert "no control" in repr(compare(dense, pruned, DATA, control=0, seconds=0, draws=50)).lower()
    assert "random" in repr(curve(dense, DATA, ["std"], levels=5))
    assert all(len(layer.chance_loss) >= 3 for layer in sensitivity(dense, DATA, levels=3).layers)
    # The same again gives the same: nothing draws from a global generator.
    torch.manual_seed(1)
    again = compare(dense, pruned, DATA, seconds=0, draws=50)
    assert again["rmse"].difference == found["rmse"].difference


def test_studies_and_transfers_bring_their_controls(dense: KAN) -> None:
    trials = study(
        DATA, base={"width": [3, 2, 1], "steps": 2, "sparsity": 0.2}, vary={"sparsity": [0.4]}, seeds=2, progress=False
    )
    assert trials.control() is not None
    moved = transfer(prune(dense, DATA, sparsity=0.4), DATA, tune={"steps": 1}, progress=False)
    assert "random" in repr(moved)


# 6. Zeros without a mask that lasts


@pytest.mark.parametrize("name", ["prune", "prune nodes", "prune coefficients", "iterative_prune", "dynamic_prune"])
@pytest.mark.parametrize("opt", ["LBFGS", "Adam"])
def test_what_is_pruned_does_not_grow_again(name: str, opt: str, dense: KAN) -> None:
    pruned = PRUNERS[name](dense)
    off = [layer.weight() == 0 for layer in pruned.layers]
    assert sum(int(o.sum()) for o in off) > 0
    pruned.fit(DATA, opt=opt, lr=1.0 if opt == "LBFGS" else 0.05, steps=3, progress=False)
    for layer, were in zip(pruned.layers, off, strict=True):
        assert bool((layer.weight()[were] == 0).all())


# 7. Pruning without anything that makes up for it


@pytest.mark.parametrize("run", [prune, iterative_prune, adaptive_prune, hardware_prune, custom_from_mask])
def test_means_are_kept_unless_one_asks_otherwise(run: Any) -> None:
    assert inspect.signature(run).parameters["compensate"].default in ("mean", "least_squares")


def test_an_edge_that_is_constant_goes_without_a_trace(dense: KAN) -> None:
    model = dense.copy()
    with torch.no_grad():
        layer = model.layers[1]
        layer.scale_base[0, 2] = 0
        layer.coef[0, 2] = 0.7  # basis functions sum to one: a constant, and by its weights a large one
    pruned = custom_from_mask(model, DATA, [np.ones((4, 3), bool), np.arange(4)[None] != 2])
    assert torch.allclose(outputs(pruned)[:160], outputs(model)[:160], atol=1e-5)


@pytest.mark.parametrize("run", [iterative_prune, adaptive_prune, hardware_prune])
def test_rounds_end_with_tuning(run: Any, dense: KAN) -> None:
    option = {iterative_prune: {"sparsity": 0.5, "rounds": 2}, adaptive_prune: {}, hardware_prune: {"limit": 80}}[run]
    tuned = run(dense, DATA, **option, progress=False)
    last = [step for step in tuned.rounds if step.accepted][-1]
    measured = Session(tuned.model, DATA).before.quality["test"].loss
    assert measured == pytest.approx(last.loss, rel=1e-5)


# 8. Numbers that nobody measured


def test_figures_show_what_was_measured(dense: KAN) -> None:
    matplotlib = pytest.importorskip("matplotlib.pyplot")
    found = curve(dense, DATA, ["std"], levels=6, draws=2)
    axes = found.plot()
    assert np.allclose(axes.lines[0].get_ydata(), found["std"].loss)
    matplotlib.close("all")
    trials = study(
        DATA, base={"width": [3, 2, 1], "steps": 2, "sparsity": 0.2}, vary={"sparsity": [0.4]}, seeds=2, progress=False
    )
    (effect,) = [e for e in trials.effects() if e.factor == "sparsity"]
    losses = trials.to_frame().groupby("factor").loss.mean()
    assert effect.size == pytest.approx(abs(losses["sparsity"] - losses["base"]))
    bars = trials.plot().patches
    assert any(abs(bar.get_width()) == pytest.approx(effect.size) for bar in bars)
    matplotlib.close("all")
