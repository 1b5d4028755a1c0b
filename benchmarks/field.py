"""Networks of the same widths by others, and what the arithmetic alone would take."""

from __future__ import annotations

import importlib
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, silu

from kan_widget import KAN

from . import peer

Maker = Callable[[Sequence[int], int], nn.Module]


class EfficientLayer(nn.Module):
    """The layer of efficient-kan, which no package index has, by its published maths.

    All bases of all inputs by the recursion, dense; then two matrix products, one for the base function.

    Source: https://github.com/Blealtan/efficient-kan
    """

    grid: Tensor

    def __init__(self, n_in: int, n_out: int, intervals: int, k: int = 3) -> None:
        super().__init__()
        self.k = k
        steps = torch.arange(-k, intervals + k + 1) * (2 / intervals) - 1
        self.register_buffer("grid", steps.repeat(n_in, 1))
        self.base = nn.Parameter(torch.empty(n_out, n_in).uniform_(-1, 1) / math.sqrt(n_in))
        self.coef = nn.Parameter(torch.randn(n_out, n_in, intervals + k) * 0.1)
        self.scale = nn.Parameter(torch.empty(n_out, n_in).uniform_(-1, 1) / math.sqrt(n_in))

    def bases(self, x: Tensor) -> Tensor:
        """``(batch, in)`` to ``(batch, in, intervals + k)``."""
        x, grid = x.unsqueeze(-1), self.grid
        values = ((x >= grid[:, :-1]) & (x < grid[:, 1:])).to(x.dtype)
        for d in range(1, self.k + 1):
            rising = (x - grid[:, : -d - 1]) / (grid[:, d:-1] - grid[:, : -d - 1])
            falling = (grid[:, d + 1 :] - x) / (grid[:, d + 1 :] - grid[:, 1:-d])
            values = rising * values[..., :-1] + falling * values[..., 1:]
        return values

    def forward(self, x: Tensor) -> Tensor:
        weight = (self.coef * self.scale.unsqueeze(-1)).flatten(1)
        return linear(silu(x), self.base) + linear(self.bases(x).flatten(1), weight)


class Products(nn.Module):
    """The matrix products of a dense evaluation, on bases that are ready: what every dense way has to pay."""

    def __init__(self, width: Sequence[int], intervals: int, batch: int) -> None:
        super().__init__()
        bases = intervals + 4  # those of cubic splines, and the base function
        pairs = list(itertools.pairwise(width))
        self.weights = [torch.randn(n_in * bases, n_out) for n_in, n_out in pairs]
        self.features = [torch.randn(batch, n_in * bases) for n_in, _ in pairs]
        self.gradients = [torch.randn(batch, n_out) for _, n_out in pairs]

    def ahead(self) -> None:
        """One product a layer."""
        for features, weight in zip(self.features, self.weights, strict=True):
            features @ weight

    def both(self) -> None:
        """Two more for the gradients of a layer, one for those of the first."""
        self.ahead()
        layers = zip(self.features, self.weights, self.gradients, strict=True)
        for index, (features, weight, gradient) in enumerate(layers):
            features.T @ gradient
            if index:
                gradient @ weight.T


def efficient(width: Sequence[int], intervals: int) -> nn.Module:
    """efficient-kan."""
    return nn.Sequential(*(EfficientLayer(*pair, intervals) for pair in itertools.pairwise(width)))


def mlp(width: Sequence[int], _: int) -> nn.Module:
    """Matrices with SiLU between them."""
    layers: list[nn.Module] = []
    for pair in itertools.pairwise(width):
        layers += [nn.Linear(*pair), nn.SiLU()]
    return nn.Sequential(*layers[:-1])


def inkan(width: Sequence[int], intervals: int, *, compiled: bool = False) -> nn.Module:
    """inKAN, which lets one choose whether torch compiles its basis."""
    return importlib.import_module("inkan").KANNetwork(list(width), grid_size=intervals, compile_basis=compiled)


def flashkan(width: Sequence[int], intervals: int, *, compiled: bool = False) -> nn.Module:
    """FlashKAN, whose basis is compiled by torch; it has the plain one as well, and does not offer it."""
    model = importlib.import_module("flashkan").KANNetwork(list(width), grid_size=intervals)
    return model if compiled else _Eager(model)


class _Eager(nn.Module):
    """FlashKAN with its plain basis, put in place for the length of a call."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.place: Any = importlib.import_module("flashkan.layer")
        self.plain = importlib.import_module("flashkan.basis").bspline_basis_eager

    def forward(self, x: Tensor) -> Tensor:
        compiled, self.place.bspline_basis = self.place.bspline_basis, self.plain
        try:
            return self.model(x)
        finally:
            self.place.bspline_basis = compiled


def pykan(width: Sequence[int], _: int) -> Any:
    """pykan in its fast mode, on 5 intervals."""
    return peer.pykan(width).speed()


def ours(width: Sequence[int], intervals: int) -> nn.Module:
    """kan_widget."""
    return KAN(width=list(width), grid=intervals, k=3, seed=0)


OTHERS: dict[str, Maker] = {
    "pykan": pykan,
    "efficient-kan": efficient,
    "inkan": inkan,
    "flashkan": flashkan,
    "MLP": mlp,
}
COMPILED: dict[str, Maker] = {
    "inkan compiled": lambda width, intervals: inkan(width, intervals, compiled=True),
    "flashkan compiled": lambda width, intervals: flashkan(width, intervals, compiled=True),
}
