"""Training: same seed same bits, a clean stop, and options that do what they say."""

from __future__ import annotations

import json
import math
import random
import re
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes
from torch import Tensor

from kan_widget import Session, create_dataset
from kan_widget.nn import native
from kan_widget.nn.native.network import Minimiser
from kan_widget.nn.network import Network
from kan_widget.nn.penalties import METRICS, Penalty, forward_with_penalty
from kan_widget.nn.training import FitResult
from tests.nn import oracle

ROOT = Path(__file__).parents[2]
DATA = create_dataset(lambda x: torch.exp(torch.sin(torch.pi * x[:, [0]]) + x[:, [1]] ** 2), train_num=200, test_num=50)


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def network(width: tuple[int, ...] = (2, 3, 1), **options: Any) -> Network:
    return Network(list(width), **({"seed": 0} | options))


def state(model: Network) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(one: dict[str, Tensor], two: dict[str, Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


@pytest.fixture(params=["torch", "native"])
def lbfgs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What makes the steps of LBFGS: torch's optimiser, or for small networks the kernel."""
    monkeypatch.setenv("KAN_WIDGET_BACKEND", request.param)
    if request.param == "torch":
        return torch.optim.LBFGS
    if native.networks() is None:
        pytest.skip("no C compiler")
    return Minimiser


OPTIMISERS: list[dict[str, Any]] = [
    {"steps": 4, "lamb": 0.01, "lamb_entropy": 10.0},
    {"steps": 12, "opt": "Adam", "lr": 0.01, "batch": 32, "lamb": 0.001, "stop_grid_update_step": 10},
]
PRINT_BITS = """
import hashlib, json, sys
import torch
from kan_widget import KAN, create_dataset
torch.set_num_threads(1)
data = create_dataset(lambda x: torch.sin(x[:, [0]]) * x[:, [1]], train_num=200, test_num=50)
for options in json.loads(sys.argv[1]):
    model = KAN([2, 3, 1], seed=0)
    result = model.fit(data, progress=False, **options)
    digest = hashlib.sha256()
    for tensor in model.state_dict().values():
        digest.update(tensor.numpy().tobytes())
    print(digest.hexdigest(), result.train_loss, result.reg)
"""


@pytest.mark.parametrize("options", OPTIMISERS, ids=["LBFGS", "Adam"])
def test_same_seed_same_bits_in_one_process(options: dict[str, Any]) -> None:
    models = [network(), network()]
    results = [model.fit(DATA, progress=False, **options) for model in models]
    assert same(state(models[0]), state(models[1]))
    assert results[0].train_loss == results[1].train_loss
    assert results[0].reg == results[1].reg
    other = network(seed=1)
    assert other.fit(DATA, progress=False, **options).train_loss != results[0].train_loss


@pytest.mark.slow
def test_same_seed_same_bits_in_two_processes() -> None:
    command = [sys.executable, "-c", PRINT_BITS, json.dumps(OPTIMISERS)]
    runs = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [run.communicate(timeout=120)[0].splitlines() for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert outputs[0] == outputs[1]
    assert len(set(outputs[0])) == 2


def test_with_a_seed_no_global_generator_is_touched() -> None:
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    network().fit(DATA, steps=2, opt="Adam", lr=0.01, batch=16, progress=False)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before[1:]


def test_training_leaves_the_data_alone() -> None:
    kept = {name: tensor.clone() for name, tensor in DATA.items()}
    network().fit(DATA, steps=2, progress=False)
    assert same(kept, DATA)


@pytest.mark.parametrize("opt", ["LBFGS", "Adam"])
def test_loss_falls(opt: str) -> None:
    options = {"steps": 15} if opt == "LBFGS" else {"steps": 300, "lr": 0.02}
    result = network().fit(DATA, opt=opt, progress=False, **options)
    assert result.train_loss[-1] < 0.1 * DATA["train_label"].std()
    assert result.test_loss[-1] < 0.2 * DATA["train_label"].std()


def standardised(x: Any) -> Any:
    return (x - x.mean(0)) / x.std(0)


def test_regression_on_the_diabetes_study_beats_the_mean() -> None:
    x, y = load_diabetes(return_X_y=True)
    x, y = standardised(x), standardised(y)
    model = network((10, 2, 1), grid=3)
    result = model.fit((x[:300], y[:300], x[300:], y[300:]), steps=6, lamb=0.01, progress=False)
    assert result.train_loss[-1] < 0.75 * y[:300].std()
    assert min(result.test_loss) < 0.85 * y[300:].std()


def test_classification_of_breast_cancer_is_nearly_right() -> None:
    x, y = load_breast_cancer(return_X_y=True)
    x = standardised(x)[:, :10]
    model = network((10, 2, 2), grid=3)
    result = model.fit((x[:400], y[:400], x[400:], y[400:]), steps=4, lamb=0.003, progress=False)
    assert result.train_loss[0] < math.log(2)
    right = model(torch.as_tensor(x[400:], dtype=torch.float32)).argmax(1).numpy() == y[400:]
    assert right.mean() > 0.88


def test_history_has_a_number_for_each_step_and_is_a_dict_of_lists() -> None:
    model = network()
    result = model.fit(DATA, steps=3, lamb=0.01, progress=False)
    assert isinstance(result, FitResult)
    assert list(result) == ["train_loss", "test_loss", "reg", "seconds"]
    assert {name: len(values) for name, values in result.items()} == dict.fromkeys(result, 3)
    assert result["train_loss"] is result.train_loss
    assert "nonsense" not in result
    with pytest.raises(KeyError):
        result["nonsense"]
    assert result.stopped == ""
    assert result.seconds == sorted(result.seconds)
    with torch.no_grad():
        rmse = (model(DATA["train_input"]) - DATA["train_label"]).square().mean().sqrt().item()
        held_out = (model(DATA["test_input"]) - DATA["test_label"]).square().mean().sqrt().item()
    assert result.train_loss[-1] == pytest.approx(rmse, rel=1e-5)
    assert result.test_loss[-1] == pytest.approx(held_out, rel=1e-5)
    assert repr(result).startswith("FitResult(3 steps, train loss ")
    assert "test loss" in repr(result)
    assert repr(FitResult()) == "FitResult(no step done)"


def test_without_held_out_rows_and_penalty_there_is_none_in_the_history() -> None:
    result = network().fit((DATA["train_input"], DATA["train_label"]), steps=2, progress=False)
    assert result.test_loss == []
    assert result.reg == [0.0, 0.0]


@pytest.mark.parametrize("metric", sorted({*METRICS} - {"l0"}))
def test_every_penalty_makes_the_network_sparser(metric: str) -> None:
    free, held = network((2, 5, 1)), network((2, 5, 1))
    free.fit(DATA, steps=5, progress=False)
    result = held.fit(DATA, steps=5, lamb=0.1, reg_metric=metric, progress=False)
    assert result.reg[-1] < result.reg[0] or result.reg[-1] < 1
    with torch.no_grad():
        spread = [
            sum(m.layers[0].edge_values(DATA["train_input"].T.contiguous()).std(-1).sum() for m in [n])
            for n in (free, held)
        ]
    assert spread[1] < spread[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"opt": "SGD"}, "opt must be 'LBFGS' or 'Adam'; got 'SGD'"),
        ({"steps": 0}, "steps must be at least 1; got 0"),
        ({"lr": 0.0}, "lr must be positive; got 0.0"),
        ({"lr": float("nan")}, "lr must be positive; got nan"),
        ({"batch": 0}, "batch must be a number of rows, or -1 for all; got 0"),
        ({"batch": -2}, "batch must be a number of rows"),
        ({"edge_dropout": 1.0}, "edge_dropout must be a probability, 0 or more and below 1; got 1.0"),
        ({"edge_dropout": -0.1}, "edge_dropout must be a probability"),
        ({"edge_dropout": float("nan")}, "edge_dropout must be a probability"),
        ({"edge_dropout": "some"}, "edge_dropout must be a probability, 0 or more and below 1; got 'some'"),
        ({"reg_metric": "edge_backward"}, "reg_metric must be one of edge_forward_spline_n, .*; got 'edge_backward'"),
    ],
)
def test_options_that_cannot_be_used_change_nothing(options: dict[str, Any], message: str) -> None:
    model = network()
    before = state(model)
    with pytest.raises(ValueError, match=message):
        model.fit(DATA, **({"steps": 1, "progress": False} | options))
    assert same(state(model), before)
    assert model.data is None


def objective(model: Network, lamb: float) -> float:
    with torch.no_grad():
        outputs, reg = forward_with_penalty(model, DATA["train_input"], Penalty())
        return float((outputs - DATA["train_label"]).square().mean() + lamb * reg)


def test_interrupt_keeps_the_best_step_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    model = network()
    seen: list[tuple[float, dict[str, Tensor]]] = []

    def callback(step: int, result: FitResult) -> None:
        seen.append((result.train_loss[-1], state(model)))
        if step == 2:
            with torch.no_grad():
                model.layers[0].coef.add_(100.0)
        if step == 4:
            raise KeyboardInterrupt

    result = model.fit(DATA, steps=50, callback=callback, update_grid=False)
    assert result.stopped == "interrupted"
    assert len(result.train_loss) == 5
    best = min(seen, key=lambda pair: pair[0])
    assert same(state(model), best[1])
    assert "interrupted" in repr(result)
    printed = capsys.readouterr()
    assert "stopped after 5 steps; the best parameters so far are kept" in printed.out + printed.err


def test_interrupt_before_the_first_step_leaves_the_model_as_it_was(
    lbfgs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = network()
    before = state(model)

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(lbfgs, "step", interrupted)
        result = model.fit(DATA, steps=3, progress=False)
    assert result.stopped == "interrupted"
    assert result.train_loss == []
    assert same(state(model), before)
    assert model.fit(DATA, steps=1, progress=False).stopped == ""


def test_divergence_warns_and_restores_the_best_step() -> None:
    model = network()
    best: dict[str, Tensor] = {}

    def explode(outputs: Tensor, labels: Tensor) -> Tensor:
        loss = (outputs - labels).square().mean()
        return loss * float("nan") if len(best) and best["steps"] >= 2 else loss

    def callback(step: int, result: FitResult) -> None:
        best.update(state(model), steps=torch.tensor(step + 1))

    with pytest.warns(RuntimeWarning, match="no longer finite after 3 steps; the best parameters so far are kept.*lr"):
        result = model.fit(DATA, steps=9, loss=explode, callback=callback, progress=False)
    assert result.stopped == "diverged"
    best.pop("steps")
    assert same(state(model), best)
    assert torch.isfinite(model(DATA["train_input"])).all()


def test_divergence_by_a_wild_learning_rate_leaves_finite_parameters() -> None:
    model = network()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        model.fit(DATA, steps=30, opt="Adam", lr=1e30, progress=False)
    assert all(torch.isfinite(p).all() for p in model.parameters())


def test_callback_false_stops_and_keeps_the_last_step() -> None:
    model = network()
    steps: list[int] = []
    result = model.fit(DATA, steps=9, progress=False, callback=lambda step, _: steps.append(step) or step < 1)
    assert steps == [0, 1]
    assert result.stopped == "callback"
    assert len(result.train_loss) == 2
    other = network()
    other.fit(DATA, steps=2, progress=False)
    assert same(state(model), state(other))


def test_an_error_in_a_callback_is_not_swallowed_and_frees_the_model() -> None:
    model = network()

    def callback(*_: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        model.fit(DATA, steps=2, progress=False, callback=callback)
    assert model.fit(DATA, steps=1, progress=False).train_loss


def test_own_loss_may_take_any_labels() -> None:
    model = network((2, 2))
    classes = (DATA["train_label"][:, 0] > 1).long() * 7

    def loss(outputs: Tensor, labels: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(outputs, (labels > 0).long())

    result = model.fit((DATA["train_input"], classes), steps=5, loss=loss, progress=False)
    assert result.train_loss[-1] < result.train_loss[0] < 1
    with torch.no_grad():
        assert result.train_loss[-1] == pytest.approx(loss(model(DATA["train_input"]), classes).item(), rel=1e-5)


def test_classes_are_trained_with_cross_entropy() -> None:
    model = network((2, 2))
    classes = (DATA["train_label"][:, 0] > 1).long()
    result = model.fit((DATA["train_input"], classes), steps=3, progress=False)
    with torch.no_grad():
        expected = torch.nn.functional.cross_entropy(model(DATA["train_input"]), classes)
    assert result.train_loss[-1] == pytest.approx(expected.item(), rel=1e-5)


def test_masked_edges_do_not_move_and_the_others_do() -> None:
    model = network()
    masks, _ = oracle.random_masks(model, 0.4, 3)
    model.set_masks(masks)
    before = state(model)
    model.fit(DATA, steps=3, lamb=0.01, update_grid=False, progress=False)
    after = state(model)
    for i, mask in enumerate(masks):
        assert torch.equal(after[f"layers.{i}.mask"], mask)
        for name in ("coef", "scale_base", "scale_spline"):
            moved = (after[f"layers.{i}.{name}"] != before[f"layers.{i}.{name}"]).reshape(*mask.shape, -1).any(-1)
            assert not moved[~mask].any()
        reached = mask if i == 1 else mask & masks[1].any(0).unsqueeze(1)
        moved = (after[f"layers.{i}.coef"] != before[f"layers.{i}.coef"]).any(-1)
        assert torch.equal(moved, reached)


def test_frozen_parameters_do_not_move_and_a_thawed_bias_does() -> None:
    model = network()
    model.layers[0].scale_base.requires_grad_(False)
    model.layers[1].bias.requires_grad_()
    before = state(model)
    model.fit(DATA, steps=2, progress=False)
    after = state(model)
    assert torch.equal(after["layers.0.scale_base"], before["layers.0.scale_base"])
    assert torch.equal(after["layers.0.bias"], before["layers.0.bias"])
    assert not torch.equal(after["layers.1.bias"], before["layers.1.bias"])


def grids_moved(model: Network, **options: Any) -> list[int]:
    """The steps at which the knots have changed."""
    moved: list[int] = []
    last = [model.layers[0].grid.clone()]

    def callback(step: int, _: FitResult) -> None:
        if not torch.equal(model.layers[0].grid, last[0]):
            moved.append(step)
            last[0] = model.layers[0].grid.clone()

    model.fit(DATA, opt="Adam", lr=0.01, batch=64, callback=callback, progress=False, **options)
    return moved


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"steps": 12}, [0, 5, 10]),
        ({"steps": 12, "update_grid": False}, []),
        ({"steps": 12, "grid_update_num": 5, "stop_grid_update_step": 10}, [0, 2, 4, 6, 8]),
        ({"steps": 12, "start_grid_update_step": 6}, [10]),
        ({"steps": 4, "grid_update_num": 10, "stop_grid_update_step": 3}, [0, 1, 2]),
        ({"steps": 3, "grid_update_num": 0}, [0]),
    ],
)
def test_knots_move_when_they_are_due(options: dict[str, Any], expected: list[int]) -> None:
    assert grids_moved(network(), **options) == expected


def test_a_batch_larger_than_the_data_is_all_of_them() -> None:
    one, two = network(), network()
    one.fit(DATA, steps=2, batch=10_000, progress=False)
    two.fit(DATA, steps=2, progress=False)
    assert same(state(one), state(two))


def test_batches_differ_from_step_to_step() -> None:
    drawn: list[Tensor] = []

    def loss(outputs: Tensor, labels: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            drawn.append(labels)
        return (outputs - labels).square().mean()

    data = (DATA["train_input"], DATA["train_label"])
    network().fit(data, opt="Adam", lr=0.01, steps=3, batch=20, loss=loss, progress=False)
    assert [len(labels) for labels in drawn] == [20, 20, 20]
    assert not torch.equal(drawn[0], drawn[1])


def test_a_mask_changed_from_another_thread_comes_between_steps_and_stays(lbfgs: Any) -> None:
    model = network()
    masks = [layer.mask.clone() for layer in model.layers]
    masks[0][1, 0] = False
    inside: list[bool] = []
    outcome: list[Any] = []
    steps_seen: list[bool] = []
    optimisers: list[Any] = []
    asked = threading.Event()

    def ask() -> None:
        model.set_masks(masks)
        outcome.append(bool(model.layers[0].mask[1, 0]))

    thread = threading.Thread(target=ask)
    original = lbfgs.step

    def step(self: Any, *args: Any) -> Any:
        if len(steps_seen) == 1 and not asked.is_set():
            asked.set()
            thread.start()
            while not model.turns._waiting:
                pass
        optimisers.append(self)
        before = model.layers[0].mask.clone()
        result = original(self, *args)
        inside.append(torch.equal(before, model.layers[0].mask))
        return result

    lbfgs.step = step
    try:
        model.fit(
            DATA, steps=4, progress=False, callback=lambda *_: steps_seen.append(bool(model.layers[0].mask[1, 0]))
        )
    finally:
        lbfgs.step = original
    thread.join(timeout=10)
    assert outcome == [False]
    assert all(inside)
    assert steps_seen == [True, True, False, False]
    # What the optimiser had learnt was about another function.
    assert optimisers[0] is optimisers[1] is not optimisers[2] is optimisers[3]
    assert not model.layers[0].mask[1, 0]
    assert int((~model.layers[0].mask).sum()) == 1


def test_a_model_is_trained_by_one_thread_at_a_time() -> None:
    model = network()
    errors: list[str] = []

    def other() -> None:
        try:
            model.fit(DATA, steps=1, progress=False)
        except RuntimeError as error:
            errors.append(str(error))

    def callback(*_: Any) -> None:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(timeout=20)

    model.fit(DATA, steps=1, progress=False, callback=callback)
    assert errors == ["this model is being trained by another thread; wait for it or train a copy"]


def test_progress_shows_loss_and_penalty(capsys: pytest.CaptureFixture[str]) -> None:
    network().fit(DATA, steps=2, lamb=0.01)
    shown = capsys.readouterr().err
    assert re.search(r"train loss.*test loss.*reg", shown)
    network().fit(DATA, steps=1, progress=False)
    assert capsys.readouterr() == ("", "")


def test_fit_remembers_the_data_for_scores_and_plots() -> None:
    model = network()
    model.fit(DATA, steps=1, progress=False)
    assert torch.equal(model.data.train_input, DATA["train_input"])


def spreads(model: Network, x: Tensor) -> list[Tensor]:
    """Standard deviation of every edge that is on, each evaluated for itself, ``(out, in)`` per layer."""
    values, found = model.input_nodes(x), []
    for layer in model.layers:
        found.append(layer.edge_values(values).std(-1) * layer.mask)
        values = layer.transform(values).detach()
    return found


def test_group_lasso_is_a_norm_of_what_each_node_sends_out() -> None:
    model = network((3, 4, 2), dtype=torch.float64)
    masks, _ = oracle.random_masks(model, 0.2, 0)
    masks[0][:, 1] = False
    model.set_masks(masks)
    x = torch.rand(300, 3, dtype=torch.float64)
    expected = sum(
        math.sqrt(int(mask[:, i].sum())) * math.sqrt(sum(float(s) ** 2 for s in size[:, i]))
        for mask, size in zip(masks, spreads(model, x), strict=True)
        for i in range(mask.shape[1])
    )
    _, reg = forward_with_penalty(model, x, Penalty("group_lasso", lamb_l1=0.7, lamb_entropy=5.0))
    assert reg.item() == pytest.approx(0.7 * expected, rel=1e-9)


def test_group_lasso_has_the_right_gradient_and_none_where_nothing_is_sent() -> None:
    model = network((2, 3, 2), dtype=torch.float64)
    x = torch.rand(60, 2, dtype=torch.float64)
    with torch.no_grad():
        model.layers[0].scale_spline[:, 1] = 0
        model.layers[0].scale_base[:, 1] = 0

    def penalty(coef: Tensor) -> Tensor:
        del model.layers[0].coef
        model.layers[0].coef = coef  # type: ignore[assignment]
        return forward_with_penalty(model, x, Penalty("group_lasso"))[1]

    start = model.layers[0].coef.detach().clone().requires_grad_()
    assert torch.autograd.gradcheck(penalty, start)
    (slope,) = torch.autograd.grad(penalty(start), start)
    assert (slope[:, 0] != 0).any()
    assert (slope[:, 1] == 0).all()


@pytest.mark.parametrize("metric", METRICS)
def test_penalties_of_an_empty_network_have_finite_slopes(metric: str) -> None:
    model = network((2, 3, 1))
    model.set_masks([torch.zeros(3, 2, dtype=torch.bool), torch.tensor([[True, False, False]])])
    with torch.no_grad():
        model.layers[1].coef.zero_()
        model.layers[1].scale_base.zero_()
    result = model.fit(DATA, steps=2, lamb=0.1, reg_metric=metric, progress=False)
    assert all(math.isfinite(value) for value in result.reg)
    assert all(torch.isfinite(p).all() for p in model.parameters())


def test_group_lasso_gives_up_inputs_that_l1_spreads_over_many_edges() -> None:
    """Eight noisy outputs of two inputs; four inputs more have nothing to do with them."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(300, 6, generator=generator) * 2 - 1
    one, two = (torch.randn(8, generator=generator) for _ in range(2))
    y = torch.sin(3 * x[:, [0]]) * one + x[:, [1]] ** 2 * two + torch.randn(300, 8, generator=generator)
    inputs, losses = {}, {}
    for metric in ("group_lasso", "edge_forward_spline_u"):
        model = network((6, 8), grid=3)
        options = {"lamb": 0.04, "lamb_entropy": 0.0, "reg_metric": metric, "progress": False}
        losses[metric] = model.fit((x, y), steps=20, **options).train_loss[-1]
        inputs[metric] = spreads(model, x)[0].norm(dim=0)
    assert losses["group_lasso"] < 1.01 * losses["edge_forward_spline_u"]
    assert inputs["group_lasso"][:2].min() > 0.2
    assert inputs["group_lasso"][2:].max() < 2e-3
    assert inputs["edge_forward_spline_u"][2:].min() > 4e-3


@pytest.mark.parametrize("metric", ["group_lasso", "l0"])
def test_entropy_is_without_effect_on_nodes_and_gates(metric: str) -> None:
    models = [network((2, 3, 1)) for _ in range(2)]
    for model, entropy in zip(models, (0.0, 9.0), strict=True):
        model.fit(DATA, steps=2, lamb=0.01, reg_metric=metric, lamb_entropy=entropy, progress=False)
    assert same(state(models[0]), state(models[1]))


def test_dropped_edges_give_their_mean_and_the_others_make_up_for_them() -> None:
    """What a layer says is right on average over the chances, and its mean is right under each of them."""
    model = network((6, 3), dtype=torch.float64, noise_scale=2.0)
    x = torch.rand(200, 6, dtype=torch.float64)
    exact = model(x).detach()
    draws = torch.rand(3000, 3, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        seen = torch.stack([forward_with_penalty(model, x, None, [(u >= 0.2) / 0.8])[0] for u in draws])
    torch.testing.assert_close(seen.mean(1), exact.mean(0).expand(3000, 3), rtol=0, atol=1e-12)
    error = seen.std(0) / math.sqrt(len(seen))
    assert ((seen.mean(0) - exact).abs() < 5 * error).all()
    assert (seen - exact).abs().max() > 0.1


def test_losses_are_reported_without_dropout() -> None:
    model = network()
    result = model.fit(DATA, steps=2, edge_dropout=0.3, lamb=0.01, progress=False)
    with torch.no_grad():
        rmse = (model(DATA["train_input"]) - DATA["train_label"]).square().mean().sqrt().item()
        held_out = (model(DATA["test_input"]) - DATA["test_label"]).square().mean().sqrt().item()
    assert result.train_loss[-1] == pytest.approx(rmse, rel=1e-5)
    assert result.test_loss[-1] == pytest.approx(held_out, rel=1e-5)


def test_dropout_is_drawn_once_a_step_from_the_seed() -> None:
    models = [network(seed=seed) for seed in (0, 0, 1)]
    for model in models:
        model.fit(DATA, steps=4, opt="Adam", lr=0.01, edge_dropout=0.3, progress=False)
    assert same(state(models[0]), state(models[1]))
    assert not same(state(models[0]), state(models[2]))
    seen: list[float] = []

    def loss(outputs: Tensor, labels: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            seen.append(outputs.detach().std().item())
        return (outputs - labels).square().mean()

    def twice(optimiser: Any, closure: Any) -> None:
        closure()
        closure()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.Adam, "step", twice)
        network().fit(DATA, steps=3, opt="Adam", edge_dropout=0.3, loss=loss, update_grid=False, progress=False)
    assert seen[::2] == seen[1::2]
    assert len(set(seen)) == 3


def test_dropout_keeps_a_network_from_learning_few_rows_by_heart() -> None:
    x, y = load_diabetes(return_X_y=True)
    x, y = standardised(x), standardised(y)
    errors = {}
    for rate in (0.0, 0.2):
        result = network((10, 6, 1), grid=3).fit(
            (x[:250], y[:250], x[250:], y[250:]), opt="Adam", lr=0.02, steps=150, edge_dropout=rate, progress=False
        )
        errors[rate] = result.test_loss[-1]
    assert errors[0.2] < 0.9 * errors[0.0]


def prune_at(model: Network, step: int, kept: dict[str, Tensor], *, session: bool = False) -> Any:
    """A callback that prunes three edges after that step, and keeps what they were."""

    def callback(now: int, _: FitResult) -> None:
        if now == step:
            edges = [(0, 0, 1), (0, 1, 2), (1, 0, 0)]
            if session:
                Session(model, DATA).prune(edges)
            else:
                masks = [layer.mask.clone() for layer in model.layers]
                for layer, source, target in edges:
                    masks[layer][target, source] = False
                model.set_masks(masks)
            kept.update(state(model))

    return callback


@pytest.mark.parametrize("session", [False, True], ids=["masks", "session"])
@pytest.mark.parametrize(
    "options",
    [
        {"steps": 6},
        {"steps": 20, "opt": "Adam", "lr": 0.01},
        {"steps": 20, "opt": "Adam", "lr": 0.01, "lamb": 0.01, "lamb_coef": 0.5, "lamb_coefdiff": 0.5},
        {"steps": 20, "opt": "Adam", "lr": 0.01, "lamb": 0.01, "reg_metric": "group_lasso", "edge_dropout": 0.1},
    ],
    ids=["LBFGS", "Adam", "coefficients", "groups"],
)
def test_edges_pruned_from_the_callback_do_not_move_any_more(options: dict[str, Any], session: bool) -> None:
    model, kept = network(), {}
    callback = prune_at(model, 3, kept, session=session)
    model.fit(DATA, **options, callback=callback, update_grid=False, progress=False)
    after = state(model)
    for i, layer in enumerate(model.layers):
        off = ~layer.mask
        assert off.any()
        for name in ("coef", "scale_base", "scale_spline"):
            old, new = kept[f"layers.{i}.{name}"], after[f"layers.{i}.{name}"]
            assert torch.equal(new[off], old[off])
            assert not torch.equal(new[~off], old[~off])


def test_single_coefficients_that_are_pruned_do_not_move() -> None:
    model = network((2, 1))
    layer = model.layers[0]
    layer.coef_mask = torch.rand(layer.coef.shape, generator=torch.Generator().manual_seed(0)) < 0.7
    before = layer.coef.detach().clone()
    model.fit(DATA, steps=3, lamb=0.1, lamb_coef=1.0, lamb_coefdiff=1.0, update_grid=False, progress=False)
    assert torch.equal(layer.coef[~layer.coef_mask], before[~layer.coef_mask])
    assert (layer.coef[layer.coef_mask] != before[layer.coef_mask]).all()


@pytest.mark.parametrize("opt", ["LBFGS", "Adam"])
def test_the_optimiser_starts_afresh_after_a_change_and_only_then(opt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAN_WIDGET_BACKEND", "torch")
    model = network()
    kind = getattr(torch.optim, opt)
    used: list[Any] = []
    original = kind.step

    def step(self: Any, closure: Any) -> Any:
        used.append(self)
        return original(self, closure)

    def callback(now: int, _: FitResult) -> None:
        if now == 1:
            model.layers[0].mask[0, 0] = False
        if now == 3:
            model.layers[0].fill[0, 0] += 0.1
        if now == 5:
            with torch.no_grad():
                model.layers[1].coef.mul_(0.9)
        if now in (0, 2, 4):
            Session(model, DATA).scores_by("taylor2")  # looks, and leaves everything as it was

    monkeypatch.setattr(kind, "step", step)
    model.fit(DATA, opt=opt, lr=0.01, steps=8, callback=callback, update_grid=False, progress=False)
    fresh = [now for now in range(1, 8) if used[now] is not used[now - 1]]
    assert fresh == [2, 4, 6]


def test_an_interrupt_after_a_cut_does_not_go_back_to_the_time_before() -> None:
    model, kept = network(), {}
    prune = prune_at(model, 4, kept)

    def callback(step: int, result: FitResult) -> None:
        prune(step, result)
        if step == 4:
            raise KeyboardInterrupt

    losses: list[float] = []

    def breakdown(outputs: Tensor, labels: Tensor) -> Tensor:
        if not torch.is_grad_enabled():
            losses.append(0)  # each step is reported as worse than the one before
        return (outputs - labels).square().mean() + len(losses)

    data = (DATA["train_input"], DATA["train_label"])
    result = model.fit(data, steps=9, loss=breakdown, callback=callback, progress=False)
    assert result.stopped == "interrupted"
    assert result.train_loss == sorted(result.train_loss)
    assert same(state(model), kept)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("opt", ["LBFGS", "Adam"])
def test_knots_move_past_nodes_that_are_dead_or_constant_without_nan(opt: str, metric: str) -> None:
    """One hidden node is pruned, one is all but constant, and one input is constant."""
    model = network((3, 4, 1))
    masks = [torch.ones_like(layer.mask) for layer in model.layers]
    masks[0][0] = False
    model.set_masks(masks)
    with torch.no_grad():
        model.layers[0].scale_base[1] *= 1e-21
        model.layers[0].scale_spline[1] *= 1e-21
    x = torch.cat([DATA["train_input"], torch.full((200, 1), 0.3)], dim=1)
    options = {"opt": opt, "steps": 3, "grid_update_num": 50, "lamb": 0.01, "lr": 0.01, "reg_metric": metric}
    result = model.fit((x, DATA["train_label"]), **options, progress=False)
    assert result.stopped == ""
    assert all(math.isfinite(value) for values in result.values() for value in values)
    assert all(torch.isfinite(tensor).all() for tensor in (*model.parameters(), *(n.grid for n in model.layers)))
    torch.testing.assert_close(model.layers[0].grid[2], network((3, 4, 1)).layers[0].grid[2], rtol=0, atol=0)
