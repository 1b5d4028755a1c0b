"""The kernels on tensors. Needs Triton."""

from __future__ import annotations

from contextlib import AbstractContextManager as ContextManager
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from . import kernels

if TYPE_CHECKING:
    from ..spline import Knots

BASES = {"silu": 0, "identity": 1, "zero": 2}
MAX_DEGREE = 5
# A tile of points and of inputs. There are as many outputs in a tile as there are in the layer, within these limits.
_POINTS, _INPUTS, _OUTPUTS = 64, 32, (16, 64)
# Programs that keep a large device busy: with fewer of them the sum over inputs or points is cut in parts.
_BUSY = 256


class Kernel:
    """Forward and backward pass of a layer, in float32."""

    def takes(self, x: Tensor, weight: Tensor, knots: Knots) -> bool:
        """Whether it can evaluate such a layer."""
        return knots.k <= MAX_DEGREE and type(x) is Tensor and x.numel() > 0 and weight.numel() > 0

    def forward(self, x: Tensor, weight: Tensor, knots: Knots, base: str) -> Tensor:
        """Outputs ``(out, batch)`` of contiguous points ``(in, batch)`` and weights ``(out, G + k + 1, in)``."""
        (n_in, batch), (n_out, planes, _) = x.shape, weight.shape
        tile = _tile(n_out)
        grid = (_tiles(batch, _POINTS), _tiles(n_out, tile))
        span, parts = _spans(n_in, _INPUTS, grid[0] * grid[1])
        y, launched = x.new_empty(parts, n_out, batch), (*grid, parts)
        with _there(x):
            kernels.forward[launched](
                *(x, weight, knots.values, y, n_in, n_out, batch, planes - 1, span),
                *(knots.k, BASES[base], _INPUTS, tile, _POINTS),
            )
        return y[0] if parts == 1 else y.sum(0)

    def slopes(self, grad: Tensor, x: Tensor, weight: Tensor, knots: Knots, base: str) -> Tensor:
        """The gradient in the points, from a contiguous gradient ``(out, batch)``."""
        (n_in, batch), (n_out, planes, _) = x.shape, weight.shape
        found = torch.empty_like(x)
        with _there(x):
            kernels.slopes[(_tiles(batch, _POINTS), _tiles(n_in, _INPUTS))](
                *(x, weight, knots.values, grad, found, n_in, n_out, batch, planes - 1),
                *(knots.k, BASES[base], _INPUTS, _tile(n_out), _POINTS),
            )
        return found

    def weights(self, grad: Tensor, x: Tensor, weight: Tensor, knots: Knots, base: str) -> Tensor:
        """The gradient in the weights."""
        (n_in, batch), (n_out, planes, _) = x.shape, weight.shape
        tile = _tile(n_out)
        grid = (_tiles(n_in, _INPUTS), _tiles(n_out, tile))
        span, parts = _spans(batch, _POINTS, grid[0] * grid[1] * planes)
        found, launched = x.new_empty(parts, *weight.shape), (*grid, parts * planes)
        with _there(x):
            kernels.weights[launched](
                *(x, knots.values, grad, found, n_in, n_out, batch, planes - 1, span, planes),
                *(knots.k, BASES[base], _INPUTS, tile, _POINTS),
            )
        return found[0] if parts == 1 else found.sum(0)


def _there(x: Tensor) -> ContextManager[object]:
    there: ContextManager[object] = torch.cuda.device_of(x)  # type: ignore[no-untyped-call]
    return there


def _tiles(size: int, tile: int) -> int:
    return -(-size // tile)


def _tile(n_out: int) -> int:
    low, high = _OUTPUTS
    return min(max(1 << (n_out - 1).bit_length(), low), high)


def _spans(size: int, tile: int, programs: int) -> tuple[int, int]:
    """How much of an axis one program sums, a multiple of its tile, and in how many parts that leaves the axis."""
    tiles = _tiles(size, tile)
    parts = min(tiles, max(1, _BUSY // programs))
    span = _tiles(tiles, parts) * tile
    return span, _tiles(size, span)
