"""Moving and refining knots keeps what was learnt."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from kan_widget.nn.grids import adaptive_grid
from kan_widget.nn.network import Network
from tests.nn import oracle


def points(rows: int, columns: int, seed: int = 0) -> Tensor:
    return torch.rand(rows, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2 - 1


def network(width: list[int], **options: object) -> Network:
    return Network(width, seed=0, dtype=torch.float64, noise_scale=1.0, **options)  # type: ignore[arg-type]


def test_update_grid_keeps_the_function_that_the_new_knots_can_hold() -> None:
    """A straight line is in every spline space, so any knots keep it to rounding."""
    model = network([2, 1])
    x = points(400, 2) ** 3
    with torch.no_grad():
        layer = model.layers[0]
        greville = torch.stack([layer.grid[:, m + 1 : m + 4].mean(1) for m in range(layer.coef.shape[2])], dim=1)
        layer.coef.copy_(2 * greville + 1)
    before, knots = model(x).detach(), model.layers[0].grid.clone()
    assert model.update_grid(x) is model
    assert not torch.allclose(model.layers[0].grid, knots)
    torch.testing.assert_close(model(x).detach(), before, rtol=0, atol=1e-9)


def test_update_grid_keeps_learnt_curves_nearly() -> None:
    model = network([2, 5, 1], grid=10)
    x = points(1000, 2)
    y = torch.exp(torch.sin(torch.pi * x[:, [0]]) + x[:, [1]] ** 2)
    model.fit((x, y), steps=10, update_grid=False, progress=False)
    before = model(x).detach()
    model.update_grid(x)
    error = (model(x).detach() - before).square().mean().sqrt()
    assert error < 0.02 * before.std()


def test_update_grid_puts_knots_at_quantiles_or_evenly() -> None:
    x = points(5000, 1) ** 3
    quantiles = network([1, 1], grid=4, grid_eps=0.0).update_grid(x).layers[0].grid[0, 3:-3]
    expected = torch.quantile(x[:, 0], torch.linspace(0, 1, 5, dtype=torch.float64))
    torch.testing.assert_close(quantiles, expected, rtol=0, atol=2e-3)
    even = network([1, 1], grid=4, grid_eps=1.0).update_grid(x).layers[0].grid[0, 3:-3]
    torch.testing.assert_close(even.diff(), even.diff()[:1].expand(4))
    assert (even[0], even[-1]) == (x.min(), x.max())


@pytest.mark.parametrize("column", ["constant", "two values"])
def test_columns_that_cannot_be_spread_keep_their_knots_bit_for_bit(column: str) -> None:
    model = network([2, 3, 1])
    x = points(100, 2)
    x[:, 0] = 0.3 if column == "constant" else (x[:, 0] > 0).double()
    layer = model.layers[0]
    before = layer.grid.clone(), layer.coef.detach().clone()
    outputs = model(x).detach()
    if column == "two values":
        model.grid_eps = 0.0
    model.update_grid(x)
    assert torch.equal(layer.grid[0], before[0][0])
    assert torch.equal(layer.coef[:, 0], before[1][:, 0])
    assert not torch.equal(layer.grid[1], before[0][1])
    assert torch.isfinite(model(x)).all()
    torch.testing.assert_close(model(x).detach(), outputs, rtol=0, atol=0.2)


def test_one_row_moves_no_knots() -> None:
    model = network([2, 3, 1])
    before = [layer.grid.clone() for layer in model.layers]
    model.update_grid(points(1, 2))
    assert all(torch.equal(layer.grid, old) for layer, old in zip(model.layers, before, strict=True))


@given(seed=st.integers(0, 1000), rows=st.integers(1, 60), eps=st.floats(0, 1), k=st.integers(1, 4))
@settings(max_examples=40)
def test_adaptive_knots_always_increase(seed: int, rows: int, eps: float, k: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    samples = torch.randint(0, 5, (3, rows), generator=generator).double()
    samples[0] = torch.randn(rows, generator=generator)
    with oracle.float64():
        old = oracle.uneven_grid(3, 4, k, generator)
    assert (adaptive_grid(samples, old, k, eps).diff(dim=1) > 0).all()


@pytest.mark.parametrize("times", [1, 2, 5])
def test_refining_by_a_multiple_keeps_the_curves_exactly(times: int) -> None:
    model = network([2, 4, 1], grid=3)
    masks, fills = oracle.random_masks(model, 0.3, 1)
    model.set_masks(masks, fills)
    with oracle.float64(), torch.no_grad():
        model.layers[0].grid.copy_(oracle.uneven_grid(2, 3, 3, torch.Generator().manual_seed(0)))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    finer = model.refine(3 * times)
    assert finer.grid == 3 * times
    assert model.grid == 3
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    for coarse, fine in zip(model.layers, finer.layers, strict=True):
        inner = coarse.grid[:, 3:-3]
        share = torch.linspace(0, 1, 301, dtype=torch.float64)[:-1]
        x = inner[:, :1] * (1 - share) + inner[:, -1:] * share
        torch.testing.assert_close(fine.edge_values(x), coarse.edge_values(x), rtol=0, atol=1e-10)
        assert torch.equal(fine.mask, coarse.mask)
        assert torch.equal(fine.fill, coarse.fill)


def test_refine_carries_everything_else_over() -> None:
    model = network([2, 4, 1], grid=3, grid_eps=0.5)
    model.names[0] = ["a", "b"]
    model.layers[0].bias.requires_grad_()
    model.layers[1].scale_base.requires_grad_(False)
    model.fit((points(50, 2), points(50, 1)), steps=1, progress=False)
    model.eval()
    finer = model.refine(7)
    assert type(finer) is type(model)
    assert (finer.names, finer.grid_eps, finer.seed, finer.data) == (model.names, 0.5, 0, model.data)
    assert finer.dtype == torch.float64
    assert not finer.training
    assert [p.requires_grad for p in finer.parameters()] == [p.requires_grad for p in model.parameters()]
    finer.fit(finer.data, steps=1, progress=False)


def test_refined_parameters_are_not_shared() -> None:
    model = network([2, 1])
    before = model(points(9, 2)).detach()
    finer = model.refine(10)
    with torch.no_grad():
        for tensor in finer.state_dict().values():
            tensor.zero_()
    assert torch.equal(model(points(9, 2)), before)


def test_refine_refuses_less_than_one_interval() -> None:
    with pytest.raises(ValueError, match="grid, the number of intervals, must be at least 1; got 0"):
        network([2, 1]).refine(0)
