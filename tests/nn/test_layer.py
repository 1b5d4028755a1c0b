"""One layer: how it starts, what its masks and fills do, and what it refuses."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from kan_widget import KANLayer
from kan_widget.nn import spline
from tests.nn import oracle


def layer(n_in: int = 3, n_out: int = 2, *, grid: int = 4, k: int = 3, seed: int = 0, **options: Any) -> KANLayer:
    generator = torch.Generator().manual_seed(seed)
    return KANLayer.random(n_in, n_out, grid=grid, k=k, generator=generator, dtype=torch.float64, **options)


def parts(n_in: int = 3, n_out: int = 2, grid: int = 4, k: int = 3) -> dict[str, Any]:
    made = layer(n_in, n_out, grid=grid, k=k)
    names = ("grid", "coef", "scale_base", "scale_spline")
    return {name: getattr(made, name).detach() for name in names} | {"k": k}


def points(n: int, columns: int, spread: float = 1.2) -> Tensor:
    return (torch.rand(n, columns, generator=torch.Generator().manual_seed(9), dtype=torch.float64) * 2 - 1) * spread


def test_random_starts_as_pykan_does() -> None:
    n_in, n_out, grid, k, noise = 400, 300, 5, 3, 0.3
    made = layer(n_in, n_out, grid=grid, k=k)
    assert made.grid.shape == (n_in, grid + 1 + 2 * k)
    step = 2 / grid
    expected = torch.arange(-k, grid + k + 1, dtype=torch.float64) * step - 1
    torch.testing.assert_close(made.grid, expected.expand_as(made.grid))
    limit = 1 / math.sqrt(n_in)
    assert torch.equal(made.scale_spline, torch.full((n_out, n_in), limit, dtype=torch.float64))
    base = made.scale_base.detach()
    assert base.abs().max() <= limit
    assert base.abs().max() > 0.999 * limit
    assert abs(float(base.mean())) < 0.01 * limit
    assert float(base.std()) == pytest.approx(limit / math.sqrt(3), rel=0.01)
    # At the interior knots the spline is the noise: U(-1/2, 1/2) * noise / G.
    inner = made.grid[:, k : k + grid + 1]
    values = spline.features(inner.contiguous(), made.knots, "zero")[:-1]
    at_knots = torch.einsum("oim,mig->oig", made.coef.detach(), values)[:, :, :-1]
    assert at_knots.abs().max() <= 0.5 * noise / grid + 1e-12
    assert float(at_knots.std()) == pytest.approx(noise / grid / math.sqrt(12), rel=0.01)
    assert made.mask.all()
    assert not made.bias.requires_grad
    assert torch.equal(made.bias, torch.zeros(n_out, dtype=torch.float64))


def test_random_coefficients_are_the_shortest_as_pykans_are() -> None:
    from kan.spline import curve2coef

    made = layer(2, 3, grid=4, k=3)
    inner = made.grid[:, 3:-3].T
    values = spline.features(inner.T.contiguous(), made.knots, "zero")[:-1]
    noise = torch.einsum("oim,mig->gio", made.coef.detach(), values)
    theirs = curve2coef(inner, noise, made.grid, 3)
    torch.testing.assert_close(made.coef.detach(), theirs.transpose(0, 1), rtol=0, atol=1e-9)


def test_same_seed_is_the_same_layer_in_both_precisions() -> None:
    double = layer()
    generator = torch.Generator().manual_seed(0)
    single = KANLayer.random(3, 2, grid=4, k=3, generator=generator, dtype=torch.float32)
    for one, two in zip(double.parameters(), single.parameters(), strict=True):
        assert torch.equal(one.float(), two)


@given(seed=st.integers(0, 10_000), share=st.floats(0, 1))
@settings(max_examples=25)
def test_forward_is_bias_plus_edges_or_their_fills(seed: int, share: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    made = layer(seed=seed)
    mask = torch.rand(2, 3, generator=generator) > share
    fill = torch.randn(2, 3, generator=generator, dtype=torch.float64)
    bias = torch.randn(2, generator=generator, dtype=torch.float64)
    made.mask.copy_(mask)
    made.fill.copy_(fill)
    with torch.no_grad():
        made.bias.copy_(bias)
    x = points(20, 3)
    edges = made.edge_values(x.T.contiguous())
    expected = bias + torch.where(mask.unsqueeze(-1), edges, fill.unsqueeze(-1)).sum(1).T
    torch.testing.assert_close(made(x).detach(), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("base", ["silu", "identity", "zero"])
def test_edge_values_are_base_plus_spline_whether_pruned_or_not(base: str) -> None:
    made = layer(base=base)
    x = points(20, 3)
    before = made.edge_values(x.T.contiguous())
    basis = spline.basis(x, made.grid, 3)
    plain = {"silu": torch.nn.functional.silu(x), "identity": x, "zero": 0 * x}[base]
    expected = made.scale_base.unsqueeze(-1) * plain.T + made.scale_spline.unsqueeze(-1) * torch.einsum(
        "oim,bim->oib", made.coef, basis
    )
    torch.testing.assert_close(before, expected.detach(), rtol=1e-12, atol=1e-12)
    made.mask.zero_()
    assert torch.equal(made.edge_values(x.T.contiguous()), before)


def test_masked_edges_get_no_gradient_and_live_ones_do() -> None:
    made = layer()
    made.mask[0, 1] = False
    made(points(30, 3)).square().sum().backward()
    for parameter in (made.coef, made.scale_base, made.scale_spline):
        gradient = parameter.grad.reshape(2, 3, -1).abs().sum(-1)
        assert torch.equal(gradient > 0, made.mask)


def changed(grid: Tensor) -> Tensor:
    return oracle.uneven_grid(grid.shape[0], 4, 3, torch.Generator().manual_seed(5)).to(grid.dtype)


def in_place(made: KANLayer) -> None:
    made.grid.copy_(changed(made.grid))


def through_data(made: KANLayer) -> None:
    made.grid.data = changed(made.grid)


def through_data_in_place(made: KANLayer) -> None:
    made.grid.data.copy_(changed(made.grid))


def by_state(made: KANLayer) -> None:
    made.load_state_dict(made.state_dict() | {"grid": changed(made.grid)})


def by_attribute(made: KANLayer) -> None:
    made.grid = changed(made.grid)


def under_inference(made: KANLayer) -> None:
    with torch.inference_mode():
        made.grid.copy_(changed(made.grid))


CHANGES = [in_place, through_data, through_data_in_place, by_state, by_attribute, under_inference]


@pytest.mark.parametrize("n_in", [1, 3])
@pytest.mark.parametrize("change", CHANGES)
def test_new_knots_are_used_at_once(change: Any, n_in: int) -> None:
    made = layer(n_in)
    x = points(20, n_in)
    before = made(x).detach()
    with torch.no_grad():
        change(made)
    fresh = KANLayer(made.grid.clone(), made.coef.detach(), made.scale_base.detach(), made.scale_spline.detach(), k=3)
    torch.testing.assert_close(made(x).detach(), fresh(x).detach(), rtol=0, atol=0)
    assert not torch.allclose(made(x), before)


def test_new_dtype_is_used_at_once() -> None:
    made = layer()
    x = points(20, 3)
    before = made(x).detach()
    single = made.to(torch.float32)(x.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double().detach(), before, rtol=0, atol=1e-5)
    assert made.to(torch.float64)(x).dtype == torch.float64


def test_knots_are_prepared_once_for_one_grid() -> None:
    made = layer()
    assert made.knots is made.knots


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 0}, "k, the degree of the splines, must be at least 1; got 0"),
        ({"base": "relu"}, "base must be one of silu, identity, zero; got 'relu'"),
        ({"grid": torch.zeros(3, 11)}, "knots must be strictly increasing"),
        ({"grid": torch.arange(11.0).flip(0).expand(3, 11)}, "knots must be strictly increasing"),
        ({"grid": torch.full((3, 11), float("nan"))}, "knots must be strictly increasing"),
        ({"grid": torch.arange(11.0).expand(4, 11)}, r"grid must be \(3, at least 8\).*got \(4, 11\)"),
        ({"grid": torch.arange(7.0).expand(3, 7)}, r"grid must be \(3, at least 8\).*got \(3, 7\)"),
        ({"coef": torch.zeros(2, 3, 9)}, r"coef must be \(2, 3, 7\) here; got \(2, 3, 9\)"),
        ({"scale_base": torch.zeros(3, 2)}, r"scale_base must be \(2, 3\) here; got \(3, 2\)"),
        ({"scale_spline": torch.zeros(2)}, r"scale_spline must be \(2, 3\) here; got \(2,\)"),
        ({"bias": torch.zeros(3)}, r"bias must be \(2,\) here; got \(3,\)"),
        ({"mask": torch.ones(3, 2, dtype=torch.bool)}, r"mask must be \(2, 3\) here; got \(3, 2\)"),
        ({"mask": torch.ones(2, 3)}, "mask must hold bool; got torch.float32"),
        ({"fill": torch.zeros(2, 4)}, r"fill must be \(2, 3\) here; got \(2, 4\)"),
    ],
)
def test_constructor_says_what_does_not_fit(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        KANLayer(**(parts() | change))


def test_sizes_and_print() -> None:
    made = layer(3, 2, grid=4, k=2)
    assert (made.in_features, made.out_features, made.grid_size, made.k) == (3, 2, 4, 2)
    made.mask[0, 0] = False
    assert repr(made) == "KANLayer(3 -> 2, grid=4, k=2, edges 5 / 6)"


def test_coef_on_the_same_knots_changes_nothing() -> None:
    made = layer()
    x = torch.linspace(-1, 1, 100, dtype=torch.float64).expand(3, 100).contiguous()
    torch.testing.assert_close(made.coef_on(made.grid, x), made.coef.detach(), rtol=0, atol=1e-9)


def test_coef_on_refuses_knots_that_do_not_increase() -> None:
    made = layer()
    with pytest.raises(ValueError, match="strictly increasing"):
        made.coef_on(torch.zeros_like(made.grid), torch.zeros(3, 10, dtype=torch.float64))
