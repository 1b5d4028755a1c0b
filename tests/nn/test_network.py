"""The stack: shapes, refusals without traces, copies, precision, masks."""

from __future__ import annotations

import copy
import os
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from kan_widget import KAN, KANLayer
from kan_widget.nn.network import Network
from tests.nn import oracle


def points(rows: int, columns: int, seed: int = 0) -> Tensor:
    return torch.rand(rows, columns, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def state(model: torch.nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(one: dict[str, Tensor], two: dict[str, Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("shape", [(2,), (4, 2), (3, 4, 2), (1, 2, 3, 2), (0, 2), (5, 0, 2)])
def test_leading_dimensions_are_kept(shape: tuple[int, ...]) -> None:
    model = Network([2, 3, 4], seed=0)
    x = torch.rand(shape)
    y = model(x)
    assert y.shape == (*shape[:-1], 4)
    torch.testing.assert_close(y.reshape(-1, 4), model(x.reshape(-1, 2)))


@pytest.mark.parametrize(("shape", "shown"), [((4, 3), r"\(4, 3\)"), ((), r"\(\)"), ((2, 1), r"\(2, 1\)")])
def test_forward_refuses_other_columns(shape: tuple[int, ...], shown: str) -> None:
    with pytest.raises(ValueError, match=f"x must have 2 columns; got shape {shown}"):
        Network([2, 1], seed=0)(torch.zeros(shape))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"width": [2, 0, 1]}, ValueError, r"at least one node; got \[2, 0, 1\]"),
        ({"width": [2]}, ValueError, r"at least two layers of at least one node; got \[2\]"),
        ({"width": []}, ValueError, "at least two layers"),
        ({"width": [2, -1, 1]}, ValueError, "at least one node"),
        ({"width": [2, 5.0, 1]}, TypeError, "whole numbers; got 5.0"),
        ({"width": [2, "5", 1]}, TypeError, "whole numbers; got '5'"),
        ({"width": [2, True, 1]}, TypeError, "whole numbers; got True"),
        ({"width": [2, [5, 2], 1]}, ValueError, r"multiplication nodes are not supported.*got \[5, 2\]"),
        ({"grid": 0}, ValueError, "grid, the number of intervals, must be at least 1; got 0"),
        ({"k": 0}, ValueError, "k, the degree of the splines, must be at least 1; got 0"),
        ({"grid_range": (1.0, -1.0)}, ValueError, r"grid_range must be \(low, high\) with low < high"),
        ({"grid_range": (1.0,)}, ValueError, "grid_range must be"),
        ({"grid_eps": 1.5}, ValueError, "grid_eps must lie between 0 and 1; got 1.5"),
        ({"base": "gelu"}, ValueError, "base must be one of silu, identity, zero; got 'gelu'"),
    ],
)
def test_constructor_says_what_cannot_be_used(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Network(**({"width": [2, 3, 1], "seed": 0} | options))


def test_constructor_touches_nothing_around_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    width: list[Any] = [2, [3, 0], 1]
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    model = KAN(width=width, seed=0)
    after = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]
    assert width == [2, [3, 0], 1]
    assert model.width == [2, 3, 1]
    assert os.listdir(tmp_path) == []
    assert capfd.readouterr() == ("", "")


def test_seed_decides_the_bits_and_without_one_torchs_generator_does() -> None:
    assert same(state(Network([2, 3, 1], seed=1)), state(Network([2, 3, 1], seed=1)))
    assert not same(state(Network([2, 3, 1], seed=1)), state(Network([2, 3, 1], seed=2)))
    with torch.random.fork_rng():
        torch.manual_seed(3)
        first, second = Network([2, 3, 1]), Network([2, 3, 1])
        torch.manual_seed(3)
        assert same(state(Network([2, 3, 1])), state(first))
        assert not same(state(first), state(second))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_everything_has_the_dtype_that_was_asked_for(dtype: torch.dtype) -> None:
    model = Network([2, 3, 1], seed=0, dtype=dtype)
    assert {t.dtype for n, t in model.state_dict().items() if not n.endswith(("mask", "columns"))} == {dtype}
    x = points(5, 2).to(dtype)
    assert model(x).dtype == dtype
    model(x).sum().backward()
    assert model.layers[0].coef.grad.dtype == dtype


def test_precisions_agree() -> None:
    single, double = (Network([3, 8, 2], seed=0, dtype=dtype) for dtype in (torch.float32, torch.float64))
    x = points(200, 3)
    torch.testing.assert_close(single(x).double(), double(x.double()), rtol=0, atol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_gives_what_the_cpu_gives(tmp_path: Path) -> None:
    model = Network([3, 8, 2], seed=0, dtype=torch.float64)
    model.set_masks(*oracle.random_masks(model, 0.3, 0))
    x = points(200, 3).double()
    expected = model(x).detach()
    there = model.copy().to("cuda")
    torch.testing.assert_close(there(x.cuda()).cpu().detach(), expected, rtol=1e-10, atol=1e-10)
    assert torch.equal(
        Network([2, 3], seed=1, device="cuda").cpu()(x[:, :2].float()), Network([2, 3], seed=1)(x[:, :2].float())
    )
    data = (x.float(), expected.float())
    on_device = Network([3, 4, 2], seed=0, device="cuda")
    assert on_device.fit(data, steps=3, lamb=0.01, progress=False).train_loss[-1] < 1
    torch.testing.assert_close(there.compact()(x.cuda()).cpu().detach(), expected, rtol=1e-9, atol=1e-9)
    there.save(tmp_path / "model")
    assert torch.equal(Network.load(tmp_path / "model")(x), Network.load(tmp_path / "model", device="cuda").cpu()(x))


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m)), lambda m: m.copy()])
def test_copies_are_equal_and_independent(twin: Any) -> None:
    model = KAN([2, 3, 1], seed=0)
    model.set_masks(*oracle.random_masks(model, 0.3, 1))
    model.layers[0].bias.requires_grad_()
    model.layers[1].coef.requires_grad_(False)
    model.names[0] = ["mass", "age"]
    x = points(10, 2)
    model(x)
    other = twin(model)
    assert isinstance(other, KAN)
    assert same(state(other), state(model))
    assert other.names == model.names
    assert [p.requires_grad for p in other.parameters()] == [p.requires_grad for p in model.parameters()]
    before = model(x).detach()
    assert torch.equal(other(x), before)
    with torch.no_grad():
        other.layers[0].grid.mul_(2)
        other.layers[0].coef.add_(1)
        other.layers[0].mask.logical_not_()
    other.names[0][0] = "length"
    assert torch.equal(model(x), before)
    assert model.names[0] == ["mass", "age"]
    other.fit((x, before), steps=1, progress=False)


def test_state_dict_carries_masks_fills_and_knots() -> None:
    model = Network([2, 3, 1], seed=0)
    model.set_masks(*oracle.random_masks(model, 0.4, 2))
    model.update_grid(points(50, 2))
    other = Network([2, 3, 1], seed=9)
    x = points(10, 2)
    other(x)
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(x), model(x))
    assert same(state(other), state(model))


def test_set_masks_is_exact_and_reversible() -> None:
    model = Network([2, 4, 1], seed=0)
    x = points(10, 2)
    whole, before = model(x).detach(), state(model)
    masks, fills = oracle.random_masks(model, 0.5, 0)
    model.set_masks([mask.numpy() for mask in masks], [fill.numpy() for fill in fills])
    for layer, mask, fill in zip(model.layers, masks, fills, strict=True):
        assert torch.equal(layer.mask, mask)
        assert torch.equal(layer.fill, fill.float())
    assert not torch.allclose(model(x), whole)
    model.set_masks([torch.ones_like(mask) for mask in masks])
    assert torch.equal(model(x), whole)
    assert torch.equal(model.layers[0].fill, fills[0].float())
    unchanged = [name for name in before if not name.endswith(("mask", "fill"))]
    after = state(model)
    assert all(torch.equal(before[name], after[name]) for name in unchanged)


YES = torch.ones(4, 2, dtype=torch.bool), torch.ones(1, 4, dtype=torch.bool)


@pytest.mark.parametrize(
    ("masks", "fills", "error", "message"),
    [
        ([~YES[0]], None, ValueError, "masks must have one array for each of 2 layers; got 1"),
        ([~YES[0], YES[1].T], None, ValueError, r"masks\[1\] must be \(1, 4\); got \(4, 1\)"),
        ([~YES[0], YES[1].float()], None, TypeError, r"masks\[1\] must hold bool; got torch.float32"),
        ([~YES[0], YES[1]], [torch.ones(4, 2)], ValueError, "fills must have one array for each of 2 layers"),
        ([~YES[0], YES[1]], [torch.ones(4, 2), torch.ones(4)], ValueError, r"fills\[1\] must be \(1, 4\); got \(4,\)"),
    ],
)
def test_set_masks_refuses_and_changes_nothing(masks: Any, fills: Any, error: type[Exception], message: str) -> None:
    model = Network([2, 4, 1], seed=0)
    before = state(model)
    with pytest.raises(error, match=message):
        model.set_masks(masks, fills)
    assert same(state(model), before)


def test_from_layers_refuses_what_does_not_fit() -> None:
    def layer(n_in: int, n_out: int) -> KANLayer:
        return KANLayer.random(n_in, n_out, grid=3, k=3)

    with torch.random.fork_rng():
        cases = [
            ({"layers": [layer(2, 3), layer(4, 1)]}, "3 outputs cannot feed 4 inputs"),
            ({"layers": [layer(2, 1)], "names": [["a"], ["y"]]}, r"lists of \[2, 1\] names; got \[1, 1\]"),
            ({"layers": [layer(2, 1)], "columns": [0]}, "columns must name 2 different columns"),
            ({"layers": [layer(2, 1)], "columns": [1, 1]}, "columns must name 2 different columns"),
            ({"layers": [layer(2, 1)], "columns": [0, 5], "in_features": 3}, r"columns must lie in 0..2; got \[0, 5\]"),
        ]
    for options, message in cases:
        with pytest.raises(ValueError, match=message):
            Network.from_layers(**options)


def test_columns_choose_what_is_read() -> None:
    with torch.random.fork_rng():
        layer = KANLayer.random(2, 1, grid=3, k=3)
    model = Network.from_layers([layer], columns=[3, 1], in_features=5)
    x = points(10, 5)
    torch.testing.assert_close(model(x), layer(x[:, [3, 1]]))
    assert model.in_features == 5


@pytest.mark.parametrize(
    ("width", "names"),
    [
        ([2, 1], [["x1", "x2"], ["y"]]),
        ([1, 2, 2], [["x1"], ["h1", "h2"], ["y1", "y2"]]),
        ([1, 1, 2, 1], [["x1"], ["h1.1"], ["h2.1", "h2.2"], ["y"]]),
    ],
)
def test_default_names(width: list[int], names: list[list[str]]) -> None:
    assert Network(width, seed=0).names == names


def test_sizes_and_print() -> None:
    model = Network([2, 3, 1], grid=4, k=2, seed=0)
    assert (model.width, model.depth, model.grid, model.k) == ([2, 3, 1], 2, 4, 2)
    model.layers[0].mask[0, 0] = False
    assert "width=[2, 3, 1], grid=4, k=2, edges 8 / 9, parameters" in repr(model)


def test_forward_says_what_it_needs() -> None:
    model = Network([2, 1], seed=0)
    with pytest.raises(TypeError, match="x must be a tensor; got list"):
        model([[0.0, 0.0]])
    with pytest.raises(TypeError, match=r"x is torch.float64 and the model torch.float32"):
        model(torch.zeros(3, 2, dtype=torch.float64))
    with pytest.raises(TypeError, match=r"x is torch.int64"):
        model(torch.zeros(3, 2, dtype=torch.long))


@pytest.mark.parametrize("value", [2.5, "5", True, None])
def test_whole_numbers_are_asked_for(value: object) -> None:
    with pytest.raises(TypeError, match="whole number"):
        Network([2, 1], grid=value)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="whole number"):
        Network([2, 1], seed=0).refine(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [float("nan"), -1.0, float("inf"), "much"])
def test_factors_of_the_penalty_are_checked(value: object) -> None:
    model = Network([2, 1], seed=0)
    x = torch.zeros(5, 2)
    for name in ("lamb", "lamb_l1", "lamb_entropy", "lamb_coef", "lamb_coefdiff"):
        with pytest.raises(ValueError, match=f"{name} must be a finite number"):
            model.fit((x, x[:, :1]), **{name: value})
