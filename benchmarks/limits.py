"""The native kernel beside what bounds it: bare matrix products, its own dense layers, a plain forward pass."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from kan_widget import KAN
from kan_widget.nn.spline import moments_natively
from kan_widget.nn.statistics import edge_statistics

from . import peer
from .clock import cpu_seconds, interleaved
from .forward import forward, on, restored, with_gradients
from .table import Row

Call = Callable[[], Any]
K = 3
# Shape, rows, intervals, and what a pass may take at most, as a share of the matrix products of dense features.
PRODUCTS: list[tuple[list[int], int, int, float]] = [
    ([784, 128, 64, 10], 1024, 5, 1.3),
    ([256, 256], 4096, 5, 1.3),
    ([256, 64], 1024, 20, 0.8),
    ([784, 128, 64, 10], 1024, 20, 0.8),
    ([256, 64], 1024, 100, 0.45),
    ([784, 128, 64, 10], 1024, 100, 0.45),
]
UNEVEN = 1.15
PRUNED = ([784, 64, 10], 1000)
# Share of edges pruned, and what the compacted network may take at most, as a share of the dense one.
SHARES: list[tuple[float, float | None]] = [(0.5, None), (0.9, 1 / 3.5), (0.99, 1 / 12)]
# The same where edges go with their inputs and nodes.
SMALLER: list[tuple[float, list[int], float]] = [(0.9, [248, 20, 10], 1 / 3.5), (0.99, [78, 6, 10], 1 / 12)]
SCORES, SCORES_OF_PYKAN = 2.0, 100.0


def rows(options: Namespace) -> list[Row]:
    """Shares of times, all of them on one thread and by the native kernel."""
    with restored():
        result = []
        for width, batch, grid, most in PRODUCTS:
            result += _products(width, batch, grid, most, options.repeats)
        return result + _pruned(*PRUNED, options.repeats) + _scores(*PRUNED, options.repeats)


def points(width: list[int], batch: int) -> Tensor:
    """Rows from -1 to 1."""
    return torch.rand(batch, width[0], generator=torch.Generator().manual_seed(0)) * 2 - 1


def uneven(model: KAN) -> KAN:
    """The network with knots that are anywhere, and as many as before."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for layer in model.layers:
            knots = (torch.rand(layer.grid.shape, generator=generator) + 0.5).cumsum(dim=1)
            first, last = knots[:, K, None], knots[:, -K - 1, None]
            layer.grid.copy_((knots - first) / (last - first) * 2 - 1)
    return model


def products(width: list[int], batch: int, grid: int) -> tuple[Call, Call]:
    """Matrix products alone, on dense features that are ready: of a forward pass, and of one with its gradients."""
    sizes = [(n * (grid + K + 1), m) for n, m in pairwise(width)]
    layers = [(torch.rand(batch, n), torch.rand(n, m), torch.rand(batch, m)) for n, m in sizes]

    def ahead() -> None:
        for features, weight, _ in layers:
            features @ weight

    def both() -> None:
        ahead()
        for index, (features, weight, grad) in enumerate(layers):
            features.T @ grad
            if index:
                grad @ weight.T

    return ahead, both


def _products(width: list[int], batch: int, grid: int, most: float, repeats: int) -> list[Row]:
    x, y = points(width, batch), torch.rand(batch, width[-1])
    even, other = KAN(width, grid=grid, k=K, seed=0), uneven(KAN(width, grid=grid, k=K, seed=0))
    passes = [forward(even, x), with_gradients(even, x, y), forward(other, x), with_gradients(other, x, y)]
    bare, calls = products(width, batch, grid), [on("native", call) for call in passes]
    times = interleaved(dict(enumerate([*bare, *calls])), repeats)
    result, what = [], f"{width}, {batch} rows, grid {grid}"
    for index, name in enumerate(("forward", "forward and backward")):
        product, mine, its = (times[index + 2 * n] for n in range(3))
        result.append(Row(f"{name}, {what}: share of the bare products", mine / product, unit="", most=most))
        result.append(Row(f"{name}, {what}: uneven knots over even ones", its / mine, unit="", most=UNEVEN))
    return result


def _pruned(width: list[int], batch: int, repeats: int) -> list[Row]:
    """Where random edges are off, and the smaller networks that are left of them."""
    generator = torch.Generator().manual_seed(0)
    x, dense = points(width, batch), KAN(width, grid=5, k=K, seed=0)
    floors: dict[str, float | None] = {}
    calls = {"nothing pruned": on("native", forward(dense, x))}
    for share, most in SHARES:
        model = KAN(width, grid=5, k=K, seed=0)
        masks = [torch.rand(layer.mask.shape, generator=generator) > share for layer in model.layers]
        masks[-1][:, 0] = True
        model.set_masks(masks)
        calls[f"{share:.0%} pruned"] = on("native", forward(model, x))
        calls[f"{share:.0%} pruned and compact"] = on("native", forward(model.compact(), x))
        floors[f"{share:.0%} pruned and compact"] = most
    for share, smaller, most in SMALLER:
        name = f"{share:.0%} pruned with their nodes and compact, {smaller}"
        calls[name] = on("native", forward(KAN(smaller, grid=5, k=K, seed=0), points(smaller, batch)))
        floors[name] = most
    times = interleaved(calls, repeats)
    whole = times.pop("nothing pruned")
    what = f"forward, {width}, {batch} rows"
    result = [Row(f"{what}, nothing pruned", whole)]
    for name, seconds in times.items():
        share = Row(f"{what}, {name}: share of the dense time", seconds / whole, unit="", most=floors.get(name))
        result += [Row(f"{what}, {name}", seconds), share]
    return result


def _scores(width: list[int], batch: int, repeats: int) -> list[Row]:
    """Mean, mean size and spread of every edge, beside a forward pass, and beside pykan's, which is both at once."""
    x, model = points(width, batch), KAN(width, grid=5, k=K, seed=0)

    @torch.no_grad()
    def moments() -> None:
        values = model.input_nodes(x)
        for layer in model.layers:
            found = moments_natively(values, layer.edges(), layer.knots, layer.base)
            assert found is not None
            values = found[1]

    calls = {"forward": forward(model, x), "moments": moments, "all": lambda: edge_statistics(model, x)}
    times = interleaved({name: on("native", call) for name, call in calls.items()}, repeats)
    theirs = peer.pykan(width)
    theirs.symbolic_enabled = False  # what is stored on the way is what its scores are read from
    theirs(x)
    peers = sorted(cpu_seconds(forward(theirs, x)) for _ in range(3))[1]
    what = f"moments of all edges, {width}, {batch} rows"
    return [
        Row(what, times["moments"], theirs=peers, least=SCORES_OF_PYKAN),
        Row(f"{what}: over a forward pass", times["moments"] / times["forward"], unit="", most=SCORES),
        Row(f"{what}, nodes, histograms and curves: a session's whole pass over the data", times["all"], theirs=peers),
    ]
