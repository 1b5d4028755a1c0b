"""B-splines against SciPy's, against finite differences, and along every path that evaluates them."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import BSpline
from torch import Tensor

from kan_widget.nn import spline
from kan_widget.nn.network import Network
from kan_widget.nn.penalties import edge_std
from tests.nn import oracle

DEGREES = [1, 2, 3, 4]


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    with oracle.float64():
        yield


@pytest.fixture(params=["whole", "blocks", "chunks"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each way through `evaluate`: all at once, in blocks of inputs, and in chunks of the batch computed twice."""
    if request.param != "whole":
        monkeypatch.setattr(spline, "_BLOCK", 48)
        monkeypatch.setattr(spline, "_LARGE", 1)
    if request.param == "chunks":
        monkeypatch.setattr(spline, "_CHUNK", 60)
        monkeypatch.setattr(spline, "_CHUNK_ROWS", 3)
    return str(request.param)


def case(k: int, intervals: int = 4, n_in: int = 3, rows: int = 10, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Knots, points ``(in, rows)`` in and beside the grid but not on a knot, and weights for two outputs."""
    generator = torch.Generator().manual_seed(seed + k)
    grid = oracle.uneven_grid(n_in, intervals, k, generator)
    x = (torch.rand(n_in, rows, generator=generator) * 2 - 1) * 1.5
    weight = torch.randn(2, intervals + k + 1, n_in, generator=generator)
    return grid, x.requires_grad_(), weight.requires_grad_()


def reference(x: Tensor, weight: Tensor, grid: Tensor, k: int) -> Tensor:
    values = spline.basis(x.T, grid, k).permute(2, 1, 0)
    planes = torch.cat([values, torch.nn.functional.silu(x).unsqueeze(0)])
    return torch.einsum("omi,mib->ob", weight, planes)


@given(
    spans=st.lists(st.floats(0.01, 3.0), min_size=8, max_size=20),
    start=st.floats(-5, 5),
    k=st.sampled_from(DEGREES[:3]),
    places=st.lists(st.floats(0, 0.999), min_size=1, max_size=20),
)
@settings(max_examples=40)
def test_basis_is_scipys(spans: list[float], start: float, k: int, places: list[float]) -> None:
    knots = np.concatenate([[start], start + np.cumsum(spans)])
    low, high = knots[k], knots[-k - 1]
    x = low + np.array(places) * (high - low)
    expected = BSpline.design_matrix(x, knots, k).toarray()
    grid = torch.from_numpy(knots)[None]
    own = spline.basis(torch.from_numpy(x)[:, None], grid, k)[:, 0]
    np.testing.assert_allclose(own.numpy(), expected, rtol=0, atol=1e-11)
    fast = spline.features(torch.from_numpy(x)[None], spline.Knots.of(grid, k), "zero")[:-1, 0].T
    np.testing.assert_allclose(fast.numpy(), expected, rtol=0, atol=1e-11)


@given(k=st.sampled_from(DEGREES), seed=st.integers(0, 1000))
@settings(max_examples=30)
def test_basis_sums_to_one_on_the_grid_and_is_nowhere_negative(k: int, seed: int) -> None:
    grid, _, _ = case(k, seed=seed)
    x = torch.linspace(-3, 3, 101).expand(3, 101).contiguous()
    planes = spline.features(x, spline.Knots.of(grid, k), "zero")[:-1]
    assert (planes >= 0).all()
    inside = (x >= -1) & (x < 1)
    torch.testing.assert_close(planes.sum(0)[inside], torch.ones(int(inside.sum())), rtol=0, atol=1e-13)


@pytest.mark.parametrize("k", DEGREES)
@pytest.mark.parametrize("far", [1e-9, 1.0, 1e6, float("inf")])
def test_spline_is_zero_outside_the_extended_grid(k: int, far: float) -> None:
    grid, _, weight = case(k)
    x = torch.stack([grid[:, 0] - far, grid[:, -1] + far], dim=1).requires_grad_()
    y = spline.evaluate(x, weight, spline.Knots.of(grid, k), "zero")
    assert torch.equal(y, torch.zeros(2, 2))
    (slope,) = torch.autograd.grad(y.sum(), x)
    assert torch.equal(slope, torch.zeros(3, 2))


def test_nan_stays_nan_rather_than_becoming_a_number() -> None:
    grid, x, weight = case(3)
    with torch.no_grad():
        x[0, 4] = float("nan")
    y = spline.evaluate(x, weight, spline.Knots.of(grid, 3), "silu")
    assert torch.equal(y.isnan().any(0), torch.arange(10) == 4)


@pytest.mark.parametrize("k", DEGREES)
@pytest.mark.parametrize("base", spline.BASES)
def test_features_have_the_right_gradients(k: int, base: str, path: str) -> None:
    grid, x, _ = case(k, rows=4)
    knots = spline.Knots.of(grid, k)
    assert torch.autograd.gradcheck(lambda x: spline.features(x, knots, base), (x,))
    if k > 2:  # below that the second derivative jumps or is nowhere
        assert torch.autograd.gradgradcheck(lambda x: spline.features(x, knots, base), (x,))


@pytest.mark.parametrize("k", DEGREES)
def test_evaluate_has_the_right_gradients(k: int, path: str) -> None:
    grid, x, weight = case(k, n_in=2, rows=4)
    knots = spline.Knots.of(grid, k)
    assert torch.autograd.gradcheck(lambda x, w: spline.evaluate(x, w, knots, "silu"), (x, weight))
    if k > 2:
        assert torch.autograd.gradgradcheck(lambda x, w: spline.evaluate(x, w, knots, "silu"), (x, weight))


@pytest.mark.parametrize("k", DEGREES)
def test_every_path_gives_the_same_values_and_gradients(k: int, path: str) -> None:
    grid, x, weight = case(k, intervals=6, n_in=5, rows=17)
    y = spline.evaluate(x, weight, spline.Knots.of(grid, k), "silu")
    expected = reference(x, weight, grid, k)
    torch.testing.assert_close(y, expected, rtol=1e-12, atol=1e-12)
    upstream = torch.randn_like(y)
    own = torch.autograd.grad(y, (x, weight), upstream)
    for mine, other in zip(own, torch.autograd.grad(expected, (x, weight), upstream), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-11, atol=1e-11)


def test_gradients_are_given_only_where_they_are_wanted(path: str) -> None:
    grid, x, weight = case(3)
    knots = spline.Knots.of(grid, 3)
    expected = torch.autograd.grad(reference(x, weight, grid, 3).sum(), (x, weight))
    spline.evaluate(x.detach(), weight, knots, "silu").sum().backward()
    torch.testing.assert_close(weight.grad, expected[1])
    spline.evaluate(x, weight.detach(), knots, "silu").sum().backward()
    torch.testing.assert_close(x.grad, expected[0])


def test_second_derivatives_in_the_weights_alone(path: str) -> None:
    grid, x, weight = case(3)
    x = x.detach()
    knots = spline.Knots.of(grid, 3)
    assert torch.autograd.gradgradcheck(lambda w: spline.evaluate(x, w, knots, "silu").pow(3), (weight,))


def test_edge_weights_have_the_right_gradients() -> None:
    generator = torch.Generator().manual_seed(0)
    coef, one, two = (torch.randn(*s, generator=generator, requires_grad=True) for s in ((3, 2, 4), (3, 2), (3, 2)))
    mask = torch.tensor([[True, False], [True, True], [False, True]])
    inputs = (coef, one, two)
    assert torch.autograd.gradcheck(lambda *p: spline.edge_weights(*p, mask), inputs)
    assert torch.autograd.gradgradcheck(lambda *p: spline.edge_weights(*p, mask), inputs)
    weight = spline.edge_weights(*inputs, mask)
    assert torch.equal(weight[~mask.unsqueeze(1).expand_as(weight)], torch.zeros(2 * 5))
    torch.testing.assert_close(weight[1, :-1, 1], coef[1, 1] * one[1, 1])
    torch.testing.assert_close(weight[1, -1, 1], two[1, 1])


def test_edge_std_has_the_right_gradients() -> None:
    generator = torch.Generator().manual_seed(0)
    planes = torch.randn(4, 2, 7, generator=generator, requires_grad=True)
    weight = torch.randn(3, 4, 2, generator=generator, requires_grad=True)
    edges = torch.einsum("omi,mib->oib", weight, planes)
    torch.testing.assert_close(edge_std(planes, weight), edges.std(-1), rtol=1e-12, atol=1e-12)
    assert torch.autograd.gradcheck(edge_std, (planes, weight))
    assert torch.autograd.gradgradcheck(edge_std, (planes, weight))
    assert torch.autograd.gradcheck(lambda w: edge_std(planes.detach(), w), (weight,))
    assert torch.autograd.gradcheck(lambda p: edge_std(p, weight.detach()), (planes,))


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_edge_std_of_a_constant_is_zero_with_no_slope(level: float) -> None:
    generator = torch.Generator().manual_seed(0)
    noise = 1e-17 * torch.randn(4, 2, 7, generator=generator)  # what rounding makes of a constant
    planes = (level + noise).requires_grad_()
    weight = torch.ones(3, 4, 2, requires_grad=True)
    std = edge_std(planes, weight)
    std.sum().backward()
    assert std.abs().max() < 1e-14
    assert torch.equal(weight.grad, torch.zeros(3, 4, 2))
    assert torch.equal(planes.grad, torch.zeros(4, 2, 7))


def test_physics_informed_loss_has_the_right_gradient(path: str) -> None:
    """The loss of u'' = -sin(x) holds the network's second derivative, and its gradient a third one."""
    model = Network([1, 3, 1], grid=4, seed=0, grid_range=(-1.5, 1.5))
    x = torch.linspace(-1, 1, 21)[:, None].requires_grad_()

    def curvature() -> Tensor:
        (slope,) = torch.autograd.grad(model(x).sum(), x, create_graph=True)
        return torch.autograd.grad(slope.sum(), x, create_graph=True)[0]

    def residual() -> Tensor:
        return (curvature() + torch.sin(x)).square().mean()

    with torch.no_grad():
        step = 1e-4
        numeric = (model(x + step) - 2 * model(x) + model(x - step)) / step**2
    torch.testing.assert_close(curvature().detach(), numeric, rtol=1e-4, atol=1e-4)
    coef = model.layers[0].coef
    (gradient,) = torch.autograd.grad(residual(), coef)
    values = []
    for shift in (1e-6, -1e-6):
        with torch.no_grad():
            coef[1, 0, 2] += shift
        values.append(residual().item())
        with torch.no_grad():
            coef[1, 0, 2] -= shift
    assert gradient[1, 0, 2].item() == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-4)


def test_memory_kept_in_one_thread_is_not_shared_with_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spline, "_LARGE", 1)
    grid, _, weight = case(3, n_in=40)
    knots = spline.Knots.of(grid, 3)
    xs = [torch.randn(40, 500, generator=torch.Generator().manual_seed(i)) for i in range(4)]
    expected = [spline.evaluate(x, weight.detach(), knots, "silu") for x in xs]
    wrong: list[int] = []

    def run(i: int) -> None:
        for _ in range(20):
            if not torch.equal(spline.evaluate(xs[i], weight.detach(), knots, "silu"), expected[i]):
                wrong.append(i)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_inference_mode_leaves_nothing_behind_that_training_cannot_write_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spline, "_LARGE", 1)
    monkeypatch.setattr(spline, "_room", spline._Room())
    grid, x, weight = case(3)
    knots = spline.Knots.of(grid, 3)
    with torch.inference_mode():
        expected = spline.evaluate(x, weight, knots, "silu").clone()
    y = spline.evaluate(x, weight, knots, "silu")
    y.sum().backward()
    assert torch.equal(y.detach(), expected)


@pytest.mark.parametrize("rows", [0, 1])
def test_no_rows_and_one_row_are_fine(rows: int, path: str) -> None:
    grid, x, weight = case(3, rows=rows)
    y = spline.evaluate(x, weight, spline.Knots.of(grid, 3), "silu")
    assert y.shape == (2, rows)
    y.sum().backward()
    assert x.grad.shape == (3, rows)


@pytest.mark.parametrize("k", DEGREES)
def test_float32_is_as_good_as_its_rounding(k: int) -> None:
    grid, x, weight = case(k, rows=500)
    expected = reference(x, weight, grid, k)
    single = spline.evaluate(x.float(), weight.float(), spline.Knots.of(grid.float(), k), "silu")
    torch.testing.assert_close(single.double(), expected, rtol=0, atol=2e-5)


def test_narrow_spans_do_not_spoil_float32() -> None:
    """Adaptive knots lie close where the data do: spans of 1e-5 about 0.7 keep the basis smooth and positive."""
    k = 3
    inner = torch.tensor([[-1.0, 0.7, 0.70001, 0.70002, 0.70003, 1.0]], dtype=torch.float32)
    grid = spline.extend_grid(inner, k)
    x = torch.linspace(0.69, 0.71, 400, dtype=torch.float32)[None]
    planes = spline.features(x, spline.Knots.of(grid, k), "zero")[:-1]
    exact = spline.basis(x.double().T, grid.double(), k).permute(2, 1, 0)
    torch.testing.assert_close(planes.double(), exact, rtol=0, atol=2e-6)


@pytest.mark.parametrize(
    ("x", "knots", "k", "message"),
    [
        ((5, 2), (3, 12), 3, r"x must be \(batch, in\).*got \(5, 2\) and \(3, 12\)"),
        ((5,), (3, 12), 3, r"got \(5,\) and \(3, 12\)"),
        ((5, 3), (3, 12), 0, "degree k >= 1"),
        ((5, 3), (3, 7), 3, "at least 2k"),
    ],
)
def test_basis_refuses_what_does_not_fit(x: tuple[int, ...], knots: tuple[int, int], k: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        spline.basis(torch.zeros(x), torch.arange(float(knots[1])).expand(knots), k)


def test_fit_coef_finds_curves_again_and_repeats_its_bits() -> None:
    grid, _, _ = case(3, n_in=2)
    x = torch.linspace(-1, 1, 60).expand(2, 60).contiguous()
    values = spline.features(x, spline.Knots.of(grid, 3), "zero")[:-1].transpose(0, 1)
    coef = torch.randn(4, 2, 7, generator=torch.Generator().manual_seed(0))
    curves = torch.einsum("oim,imb->iob", coef, values)
    fits = [spline.fit_coef(values, curves) for _ in range(5)]
    torch.testing.assert_close(fits[0], coef, rtol=0, atol=1e-9)
    assert all(torch.equal(fit, fits[0]) for fit in fits)


def test_fit_coef_takes_the_shortest_of_many_solutions() -> None:
    values = torch.tensor([[[1.0], [1.0]]])
    coef = spline.fit_coef(values, torch.tensor([[[3.0]]]))
    torch.testing.assert_close(coef, torch.tensor([[[1.5, 1.5]]]))
