"""The native kernel against the definition of splines, and what happens where it cannot be had."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import BSpline
from torch import Tensor

from kan_widget import KAN, KANLayer
from kan_widget.nn import native, spline
from kan_widget.nn.native import building, selftest
from kan_widget.nn.native.kernel import Kernel
from tests.nn import oracle
from tests.nn.compilers import has_compiler, needs_compiler

BASES = ["silu", "identity", "zero"]


@pytest.fixture
def forced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The native kernel for layers of any size."""
    if not has_compiler():
        pytest.skip("no C compiler")
    monkeypatch.setenv("KAN_WIDGET_BACKEND", "native")
    assert native.backend().name == "native", native.backend().reason


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A process that has not chosen yet, with a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("KAN_WIDGET_BACKEND", raising=False)
    monkeypatch.setattr(native, "_choice", native._Choice())
    return tmp_path / "kan_widget"


def draw(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=generator, dtype=torch.float64) * 2 - 1


def case(
    seed: int, n_in: int, n_out: int, rows: int, grid: int, k: int, dtype: torch.dtype, share: float = 0.3
) -> tuple[Tensor, spline.Edges, Tensor]:
    """Points in, on and outside the knots, edges with some pruned, and the knots ``(in, count)``."""
    generator = torch.Generator().manual_seed(seed)
    with oracle.float64():
        knots = oracle.uneven_grid(n_in, grid, k, generator).to(dtype)
    x = (draw(generator, n_in, rows) * 3).to(dtype)
    x[:, : knots.shape[1]] = knots[:, :rows]
    edges = spline.Edges(
        draw(generator, n_out, n_in, grid + k).to(dtype),
        draw(generator, n_out, n_in).to(dtype),
        draw(generator, n_out, n_in).to(dtype),
        draw(generator, n_out, n_in) > 2 * share - 1,
        draw(generator, n_out).to(dtype),
        draw(generator, n_out, n_in).to(dtype),
    )
    return x, edges, knots


def natively(x: Tensor, edges: spline.Edges, knots: Tensor, k: int, base: str = "silu") -> Tensor:
    y = spline.evaluate_natively(x, edges, spline.Knots.of(knots, k), base)
    assert y is not None
    return y


def wide(edges: spline.Edges) -> spline.Edges:
    return spline.Edges(*(t if t is None or t.dtype == torch.bool else t.double() for t in edges))


@given(
    seed=st.integers(0, 10_000),
    n_in=st.integers(1, 20),
    n_out=st.integers(1, 70),
    rows=st.integers(0, 600),
    grid=st.integers(1, 30),
    k=st.integers(1, 5),
    base=st.sampled_from(BASES),
    share=st.sampled_from([0.0, 0.3, 0.9, 1.0]),
    scaled=st.booleans(),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
@settings(max_examples=60)
@needs_compiler
def test_values_and_gradients_are_those_of_the_definition(
    seed: int,
    n_in: int,
    n_out: int,
    rows: int,
    grid: int,
    k: int,
    base: str,
    share: float,
    scaled: bool,
    dtype: torch.dtype,
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KAN_WIDGET_BACKEND", "native")
        x, edges, knots = case(seed, n_in, n_out, rows, grid, k, dtype, share)
        edges = edges if scaled else edges._replace(scale_spline=None)
        parts = [t.requires_grad_() for t in (x, *edges[:3], edges[4]) if t is not None]
        y = natively(x, edges, knots, k, base)
        grad = draw(torch.Generator().manual_seed(seed + 1), n_out, rows).to(dtype)
        y.backward(grad)
    exact = [t.detach().double().requires_grad_() for t in parts]
    scale = exact[2] if scaled else None
    plain = spline.Edges(exact[1], scale, exact[-2], edges.mask, exact[-1], edges.fill.double())
    expected = spline.plain_layer(exact[0], plain, spline.Knots.of(knots.double(), k), base)
    expected.backward(grad.double())
    tolerance = 1e-12 if dtype == torch.float64 else 1e-5
    pairs = [(y, expected), *((ours.grad, theirs.grad) for ours, theirs in zip(parts, exact, strict=True))]
    for ours, theirs in pairs:
        scale = 1 + float(theirs.detach().abs().max()) if theirs.numel() else 1.0
        # float32 sums over all rows or edges, and slopes grow as spans get narrow
        terms = 1 if dtype == torch.float64 else 4
        torch.testing.assert_close(ours.double(), theirs, rtol=0, atol=terms * tolerance * scale)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 9])
def test_values_are_scipys(k: int, forced: None) -> None:
    x, edges, knots = case(k, 3, 4, 200, 6, k, torch.float64)
    inside = x.clamp(float(knots[:, k].max()), float(knots[:, -k - 1].min()) - 1e-9)
    mask = torch.ones(4, 3, dtype=torch.bool)
    y = natively(inside, edges._replace(mask=mask, bias=None, fill=None), knots, k, "zero")
    expected = np.zeros((4, 200))
    for j in range(4):
        for i in range(3):
            curve = BSpline(knots[i].numpy(), edges.coef[j, i].numpy(), k)
            expected[j] += float(edges.scale_spline[j, i]) * curve(inside[i].numpy())
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-12, atol=1e-12)


def test_a_knot_belongs_to_the_span_above_it_and_the_last_one_to_none(forced: None) -> None:
    knots = torch.arange(6, dtype=torch.float64)[None]
    edges = spline.Edges(torch.ones(1, 1, 4).double(), None, torch.ones(1, 1).double(), None, None, None)
    below = torch.tensor(5.0, dtype=torch.float64).nextafter(torch.tensor(0.0, dtype=torch.float64))
    x = torch.tensor([[-1.0, 0.0, 0.5, 1.0, 4.5, float(below), 5.0, 7.0]], dtype=torch.float64)
    y = natively(x, edges, knots, 1, "zero")
    expected = torch.tensor([[0.0, 0.0, 0.5, 1.0, 0.5, 5.0 - float(below), 0.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("rows", [1, 40])
def test_nan_and_infinity_come_out_as_from_torch(
    dtype: torch.dtype, base: str, rows: int, forced: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in (float("nan"), float("inf"), -float("inf"), 3e38, -3e38):
        x, edges, knots = case(1, 2, 3, rows, 5, 3, dtype, share=0)
        x[0, rows // 2] = value
        ours = natively(x, edges, knots, 3, base)
        weight = spline.edge_weights(edges.coef, edges.scale_spline, edges.scale_base, edges.mask)
        monkeypatch.setenv("KAN_WIDGET_BACKEND", "torch")
        theirs = spline.evaluate(x, weight, spline.Knots.of(knots, 3), base) + edges.bias.unsqueeze(1)
        monkeypatch.setenv("KAN_WIDGET_BACKEND", "native")
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5, equal_nan=True)


def test_gradients_pass_the_finite_difference_check_twice(forced: None) -> None:
    x, edges, knots = case(2, 2, 3, 6, 3, 3, torch.float64)
    x = (draw(torch.Generator().manual_seed(5), 2, 6) * 0.9).requires_grad_()
    parts = [t.requires_grad_() for t in (*edges[:3], edges.bias)]

    def layer(x: Tensor, coef: Tensor, spline_scale: Tensor, base_scale: Tensor, bias: Tensor) -> Tensor:
        whole = spline.Edges(coef, spline_scale, base_scale, edges.mask, bias, edges.fill)
        return natively(x, whole, knots, 3)

    assert torch.autograd.gradcheck(layer, (x, *parts))
    assert torch.autograd.gradgradcheck(layer, (x, *parts))


def as_it_lies(tensor: Tensor | None, how: str) -> Tensor | None:
    """The same numbers, elsewhere in memory: with another dimension last, or apart."""
    if tensor is None or how == "side by side" or tensor.ndim == 1:
        return tensor
    if how == "apart":
        return torch.stack([tensor, tensor], dim=-1)[..., 0]
    return tensor.transpose(0, -1).contiguous().transpose(0, -1) if how == "from the end" else tensor.mT.contiguous().mT


LAYOUTS = ["side by side", "turned", "from the end", "apart"]


@given(
    seed=st.integers(0, 10_000),
    n_in=st.integers(1, 70),
    n_out=st.integers(1, 40),
    rows=st.integers(1, 300),
    grid=st.integers(1, 20),
    points=st.sampled_from(LAYOUTS),
    weights=st.sampled_from(LAYOUTS),
    scaled=st.booleans(),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
@settings(max_examples=60)
@needs_compiler
def test_numbers_may_lie_in_memory_in_any_order(
    seed: int, n_in: int, n_out: int, rows: int, grid: int, points: str, weights: str, scaled: bool, dtype: torch.dtype
) -> None:
    x, edges, knots = case(seed, n_in, n_out, rows, grid, 3, dtype)
    edges = edges if scaled else edges._replace(scale_spline=None)
    results = []
    for order in (points, weights), ("side by side",) * 2:
        there = as_it_lies(x, order[0]).detach().requires_grad_()
        parts = spline.Edges(*(as_it_lies(t, order[1]) for t in edges))
        wanted = [there, *(t.detach().requires_grad_() for t in parts[:3] if t is not None)]
        parts = parts._replace(coef=wanted[1], scale_spline=wanted[2] if scaled else None, scale_base=wanted[-1])
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("KAN_WIDGET_BACKEND", "native")
            y = natively(there, parts, knots, 3)
            moments = spline.moments_natively(there, parts, spline.Knots.of(knots, 3), "silu")
        results.append((y, *moments, *torch.autograd.grad(y.square().sum(), wanted)))
    for ours, theirs in zip(*results, strict=True):
        assert torch.equal(ours, theirs)


def test_points_that_lie_in_columns_can_be_differentiated_twice(forced: None) -> None:
    x, edges, knots = case(3, 5, 7, 30, 4, 3, torch.float64)
    points = x.T.contiguous().T.requires_grad_()
    (slope,) = torch.autograd.grad(natively(points, edges, knots, 3).sum(), points, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), points)
    assert curvature.abs().max() > 0


def test_only_the_gradients_that_are_wanted_are_made(forced: None) -> None:
    x, edges, knots = case(4, 3, 4, 50, 4, 3, torch.float64)
    natively(x.requires_grad_(), edges, knots, 3).sum().backward()
    alone = x.grad.clone()
    x.grad = None
    edges.coef.requires_grad_()
    natively(x, edges, knots, 3).sum().backward()
    assert torch.equal(x.grad, alone)
    assert edges.coef.grad is not None
    assert edges.scale_base.grad is None


def test_the_number_of_threads_does_not_change_a_bit(forced: None) -> None:
    x, edges, knots = case(5, 70, 30, 700, 5, 3, torch.float32)
    results = []
    before = torch.get_num_threads()
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            leaves = [t.detach().clone().requires_grad_() for t in (x, *edges[:3])]
            y = natively(leaves[0], edges._replace(**dict(zip(edges._fields, leaves[1:], strict=False))), knots, 3)
            y.square().sum().backward()
            results.append([y.detach(), *(leaf.grad for leaf in leaves)])
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, two) for one, two in zip(*results, strict=True))


def test_calls_from_several_threads_do_not_disturb_each_other(forced: None) -> None:
    cases = [case(seed, 20, 10, 300, 5, 3, torch.float64) for seed in range(4)]
    expected = [natively(x, edges, knots, 3) for x, edges, knots in cases]
    wrong: list[int] = []

    def run(i: int) -> None:
        x, edges, knots = cases[i]
        for _ in range(20):
            if not torch.equal(natively(x, edges, knots, 3), expected[i]):
                wrong.append(i)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("k", [3, 16])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_what_the_kernel_does_not_know_goes_to_torch(k: int, dtype: torch.dtype, forced: None) -> None:
    x, edges, knots = case(6, 2, 3, 20, 4, k, dtype)
    y = spline.evaluate_natively(x, edges, spline.Knots.of(knots, k), "silu")
    assert (y is None) == (k == 16 or dtype != torch.float32)


def test_a_gradient_in_what_is_left_behind_goes_to_torch(forced: None) -> None:
    layer = KANLayer.random(2, 3, grid=3, k=3)
    layer.mask[0, 1] = False
    layer.fill.requires_grad_()
    layer(torch.zeros(5, 2)).sum().backward()
    assert layer.fill.grad[0, 1] == 5


def test_a_layer_of_torch_and_one_of_c_agree_in_training_and_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    results = []
    for name in ("torch", "native"):
        monkeypatch.setenv("KAN_WIDGET_BACKEND", name)
        model = KAN([3, 6, 2], seed=0, dtype=torch.float64)
        model.set_masks([torch.rand(6, 3, generator=torch.Generator().manual_seed(1)) > 0.3, torch.ones(2, 6).bool()])
        x = draw(torch.Generator().manual_seed(2), 80, 3)
        model.fit((x, x[:, :2] * x[:, 1:]), steps=3, progress=False)
        with torch.inference_mode():
            results.append(model(x))
    torch.testing.assert_close(results[0], results[1], rtol=1e-7, atol=1e-7)


# ---- statistics of edges ----


def moments(x: Tensor, edges: spline.Edges, knots: Tensor, k: int, base: str = "silu") -> Tensor:
    found = spline.moments_natively(x, edges, spline.Knots.of(knots, k), base)
    assert found is not None
    return found[0]


def values_of_edges(x: Tensor, edges: spline.Edges, knots: Tensor, k: int, base: str = "silu") -> Tensor:
    """``(out, in, rows)`` in float64, by the definition, pruned or not."""
    spline_values = spline.basis(x.double().T, knots.double(), k).permute(1, 2, 0)
    curves = torch.einsum(
        "oim,imb->oib", edges.coef.double() * edges.scale_spline.double().unsqueeze(-1), spline_values
    )
    return curves + edges.scale_base.double().unsqueeze(-1) * spline.base_function(x.double(), base)


@given(
    seed=st.integers(0, 10_000),
    n_in=st.integers(1, 20),
    n_out=st.integers(1, 70),
    rows=st.integers(1, 1200),
    grid=st.integers(1, 30),
    k=st.integers(1, 5),
    base=st.sampled_from(BASES),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
@settings(max_examples=60)
@needs_compiler
def test_moments_are_those_of_all_edges_pruned_or_not(
    seed: int, n_in: int, n_out: int, rows: int, grid: int, k: int, base: str, dtype: torch.dtype
) -> None:
    x, edges, knots = case(seed, n_in, n_out, rows, grid, k, dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KAN_WIDGET_BACKEND", "native")
        found, sums = spline.moments_natively(x, edges, spline.Knots.of(knots, k), base)
    values = values_of_edges(x, edges, knots, k, base)
    spread = values.std(-1, correction=min(1, rows - 1))
    expected = torch.stack([values.mean(-1), values.abs().mean(-1), spread])
    tolerance = 1e-12 if dtype == torch.float64 else 1e-5
    scale = tolerance * (1 + float(values.abs().max()))
    torch.testing.assert_close(found, expected, rtol=0, atol=scale)
    whole = values.sum(1) + edges.bias.double().unsqueeze(1)
    torch.testing.assert_close(sums.double(), whole, rtol=0, atol=n_in * scale)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_small_spreads_about_large_means_keep_their_digits(dtype: torch.dtype, tolerance: float, forced: None) -> None:
    x, edges, knots = case(1, 3, 20, 900, 5, 3, torch.float64)
    x = x[:, torch.randperm(900, generator=torch.Generator().manual_seed(0))].clamp(0, 0.5)
    x[:, 0] = 1e4 if dtype == torch.float64 else 10.0  # the first point is far from all others
    edges = edges._replace(coef=100 + edges.coef)
    edges, x, knots = spline.Edges(*(t if t.dtype == torch.bool else t.to(dtype) for t in edges)), x.to(dtype), knots
    found = moments(x, edges, knots.to(dtype), 3, "identity")
    values = values_of_edges(x, edges, knots.to(dtype), 3, "identity")
    torch.testing.assert_close(found[2], values.std(-1), rtol=tolerance, atol=0)
    torch.testing.assert_close(found[0], values.mean(-1), rtol=tolerance, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rows", [1, 2, 255, 700])
def test_what_is_constant_has_no_spread_at_all(rows: int, dtype: torch.dtype, forced: None) -> None:
    _, edges, knots = case(2, 3, 20, 5, 5, 3, dtype)
    x = torch.tensor([[0.1], [-0.7], [9.0]], dtype=dtype).repeat(1, rows)
    found = moments(x, edges, knots, 3)
    assert torch.equal(found[2], torch.zeros_like(found[2]))
    values = values_of_edges(x, edges, knots, 3)[:, :, 0]
    torch.testing.assert_close(found[0], values, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found[1], values.abs(), rtol=1e-5, atol=1e-5)


def test_blocks_in_any_order_give_the_same_moments(forced: None) -> None:
    x, edges, knots = case(3, 4, 9, 2000, 6, 3, torch.float64)
    rising = x.sort(dim=1).values
    torch.testing.assert_close(moments(rising, edges, knots, 3), moments(x, edges, knots, 3), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_finite_stays_with_its_input(value: float, forced: None) -> None:
    for row in (0, 3, 400):
        x, edges, knots = case(4, 3, 5, 600, 5, 3, torch.float32)
        clean = moments(x, edges, knots, 3)
        x[1, row] = value
        found = moments(x, edges, knots, 3)
        assert torch.equal(found[:, :, [0, 2]], clean[:, :, [0, 2]])
        assert not found[:2, :, 1].isfinite().any()
        assert found[2, :, 1].isnan().all()


@pytest.mark.parametrize("rows", [1, 40])
def test_knots_on_top_of_each_other_do_not_spoil_moments(rows: int, forced: None) -> None:
    x, edges, knots = case(5, 3, 5, rows, 5, 3, torch.float64)
    knots[:, 5] = knots[:, 4]
    found = moments(x, edges, knots, 3)
    every = torch.ones_like(edges.mask)
    for j in range(5):
        for i in range(3):
            alone = torch.zeros_like(every)
            alone[j, i] = True
            y = natively(x, edges._replace(mask=alone, bias=None, fill=None), knots, 3)[j]
            assert float(found[0, j, i]) == pytest.approx(float(y.mean()), rel=1e-12, abs=1e-13)


def test_moments_do_not_depend_on_threads_strides_or_masks(forced: None) -> None:
    x, edges, knots = case(6, 300, 40, 300, 5, 3, torch.float32)
    apart = edges._replace(mask=~edges.mask, coef=edges.coef.transpose(0, 1).contiguous().transpose(0, 1))
    found, before = [], torch.get_num_threads()
    try:
        for threads, points, there in ((1, x, edges), (3, x, edges), (1, x.T.contiguous().T, apart)):
            torch.set_num_threads(threads)
            found.append(spline.moments_natively(points, there, spline.Knots.of(knots, 3), "silu"))
    finally:
        torch.set_num_threads(before)
    for several in zip(*found, strict=True):
        assert all(torch.equal(one, several[0]) for one in several)


def test_no_points_have_no_moments(forced: None) -> None:
    x, edges, knots = case(7, 3, 5, 0, 5, 3, torch.float64)
    assert spline.moments_natively(x, edges, spline.Knots.of(knots, 3), "silu") is None


# ---- which is taken ----


@needs_compiler
def test_the_first_evaluation_waits_for_the_compiler_however_small(fresh: Path) -> None:
    layer = KANLayer.random(1, 1, grid=3, k=3)
    assert not fresh.exists()
    layer(torch.zeros(1, 1))
    assert list(fresh.glob("*.so"))
    assert native.backend().name == "native"


def test_the_variable_switches_it_off(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAN_WIDGET_BACKEND", "torch")
    KANLayer.random(2, 3, grid=3, k=3)(torch.zeros(1000, 2))
    assert not fresh.exists()
    assert native.backend() == native.Backend("torch", "KAN_WIDGET_BACKEND is torch")


def test_a_variable_of_another_value_is_refused(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAN_WIDGET_BACKEND", "cuda")
    with pytest.raises(ValueError, match="must be 'torch', 'native' or not set; got 'cuda'"):
        native.backend()


def script(folder: Path, text: str) -> str:
    """A compiler that does as the shell script says."""
    path = folder / "compiler"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.skipif(os.name != "posix", reason="the kernel is for POSIX")
def test_without_a_compiler_torch_is_used_and_nobody_is_told(
    fresh: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    y = KANLayer.random(2, 3, grid=3, k=3)(torch.zeros(1000, 2))
    assert y.shape == (1000, 3)
    assert native.backend().name == "torch"
    assert "no C compiler" in native.backend().reason
    monkeypatch.setattr(native, "_choice", native._Choice())
    monkeypatch.setenv("KAN_WIDGET_BACKEND", "native")
    with pytest.warns(RuntimeWarning, match="no C compiler on the path.*torch is used"):
        native.backend()


@pytest.mark.skipif(os.name != "posix", reason="the kernel is for POSIX")
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("echo no such option; exit 1", "did not compile the kernel: no such option"),
        ("exit 0", "did not compile the kernel"),
        ('while [ "$1" != -o ]; do shift; done; echo rubbish > "$2"', "cannot be loaded"),
        ("sleep 60", "took more than 0.3 s"),
    ],
    ids=["refuses", "does nothing", "writes rubbish", "hangs"],
)
def test_a_compiler_that_fails_leaves_torch(
    text: str, reason: str, fresh: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CC", script(tmp_path, text))
    if "sleep" in text:
        monkeypatch.setattr(building, "TIMEOUT_S", 0.3)
    found = native.backend()
    assert found.name == "torch"
    assert reason in found.reason
    assert KANLayer.random(2, 3, grid=3, k=3)(torch.zeros(1000, 2)).shape == (1000, 3)


def test_wrong_numbers_are_noticed_and_told(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_choice", native._Choice())
    monkeypatch.delenv("KAN_WIDGET_BACKEND", raising=False)
    forward = Kernel.forward

    def wrong(self: Kernel, *args: Any) -> Tensor:
        return forward(self, *args) + 1e-3

    monkeypatch.setattr(Kernel, "forward", wrong)
    with pytest.warns(RuntimeWarning, match="wrong numbers.*outputs off by.*torch is used"):
        assert native.backend().name == "torch"
    assert native.layers() is None


@needs_compiler
@pytest.mark.parametrize("part", range(7))
def test_the_test_at_the_start_looks_at_every_result(part: int, forced: None, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = native.layers()
    assert selftest.check(kernel) == ""
    name, which = [("forward", 0), *(("backward", n) for n in range(4)), ("statistics", 0), ("statistics", 1)][part]
    original = getattr(Kernel, name)

    def nan(self: Kernel, *args: Any) -> Any:
        results = original(self, *args)
        results[which].view(-1)[-1] = float("nan")
        return results

    monkeypatch.setattr(Kernel, name, nan)
    assert "off by nan" in selftest.check(kernel)


# ---- the library ----


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that holds the library."""
    if not has_compiler():
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        building.open_library()
    return folder


@pytest.fixture
def cache(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, in use."""
    shutil.copytree(built, tmp_path / "cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "kan_widget"


def forbidden(*_: Any) -> Any:
    raise AssertionError("compiled again")


def test_what_was_compiled_is_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "_compile", forbidden)
    library, origin = building.open_library()
    assert selftest.check(Kernel(library)) == ""
    assert str(cache) in origin


@pytest.mark.parametrize("damage", [lambda data: data[:1000], lambda data: b""])
def test_a_damaged_library_is_made_again(damage: Any, cache: Path) -> None:
    (path,) = cache.glob("*.so")
    data = path.read_bytes()
    path.unlink()  # a new file: the old one may be loaded
    path.write_bytes(damage(data))
    library, _ = building.open_library()
    assert selftest.check(Kernel(library)) == ""
    assert not path.exists() or path.read_bytes() == data


def test_another_source_or_processor_is_another_library(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = building.find_compiler()
    keys = {building._key(b"a", compiler), building._key(b"b", compiler), building._key(b"a", [*compiler, "-m32"])}
    monkeypatch.setattr(building, "_processor", lambda: "another")
    keys.add(building._key(b"a", compiler))
    assert len(keys) == 4


def test_a_cache_that_cannot_be_written_is_done_without(
    built: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "kan_widget").write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    library, origin = building.open_library()
    assert "for this process" in origin
    assert selftest.check(Kernel(library)) == ""


def test_a_cache_that_others_can_write_to_is_not_run_from(cache: Path) -> None:
    cache.chmod(0o777)
    assert "for this process" in building.open_library()[1]


def test_a_library_of_another_layout_is_refused(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library, _ = building.open_library()
    with pytest.raises(OSError, match="kan_forward_f32"):
        Kernel(ctypes.CDLL(None))

    class Longer(ctypes.Structure):
        _fields_ = (("field", ctypes.c_int64),)

    monkeypatch.setattr("kan_widget.nn.native.kernel._Layer", Longer)
    with pytest.raises(OSError, match="bytes there"):
        Kernel(library)


PROBE = """
import warnings; warnings.simplefilter("error")
from kan_widget.nn import native
found = native.backend()
assert found.name == "native", found
assert "kept in" in found.reason, found
"""


@needs_compiler
@pytest.mark.slow
def test_two_processes_at_once_end_with_one_library(tmp_path: Path) -> None:
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    environment.pop("KAN_WIDGET_BACKEND", None)
    processes = [subprocess.Popen([sys.executable, "-c", PROBE], env=environment) for _ in range(2)]
    assert [process.wait(timeout=100) for process in processes] == [0, 0]
    assert len(list((tmp_path / "kan_widget").glob("*.so"))) == 1


def test_a_lock_that_is_never_given_up_is_not_waited_for(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    monkeypatch.setattr(building, "TIMEOUT_S", 0.2)
    with (cache / "held.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        start = time.monotonic()
        with building._lock(cache / "held.lock"):
            assert time.monotonic() - start < 20


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_goes_on(forced: None) -> None:
    x, edges, knots = case(7, 20, 10, 300, 5, 3, torch.float64)
    expected = natively(x, edges, knots, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python 3.12 warns of threads, and there are none of ours
        child = os.fork()
    if child == 0:
        native._choice._made = None  # as if the fork had come before
        same = torch.equal(natively(x, edges, knots, 3), expected)
        os._exit(0 if same else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
