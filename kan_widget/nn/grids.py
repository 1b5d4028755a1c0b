"""Moving and refining the knots of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .layer import KANLayer
from .spline import extend_grid

if TYPE_CHECKING:
    from .network import Network


def adaptive_grid(samples: Tensor, old: Tensor, k: int, eps: float) -> Tensor:
    """Knots where the samples are: `eps` of an even grid and the rest of their quantiles.

    Args:
        samples: Feature-major, ``(in, rows)``.
        old: Present extended knots, ``(in, G + 1 + 2k)``.
        k: Degree of the splines.
        eps: Share of the even grid, 0 to 1.

    Returns:
        Extended knots like `old`. A row that would not increase, or by next to nothing, stays as it was.

    Source:
        pykan 0.2.8, ``KANLayer.update_grid_from_samples``.
    """
    intervals, rows = old.shape[1] - 1 - 2 * k, samples.shape[1]
    ordered = samples.sort(dim=1).values
    picks = [int(rows / intervals * i) for i in range(intervals)] + [rows - 1]
    quantiles = ordered[:, picks]
    step = (quantiles[:, -1:] - quantiles[:, :1]) / intervals
    even = quantiles[:, :1] + step * torch.arange(intervals + 1, dtype=samples.dtype, device=samples.device)
    new = extend_grid(eps * even + (1 - eps) * quantiles, k)
    smallest = torch.finfo(new.dtype).tiny ** 0.5  # features divide by products of two spans
    usable = (new.diff(dim=1) > smallest).all(dim=1, keepdim=True)
    return torch.where(usable, new, old)


@torch.no_grad()
def update_grid(network: Network, x: Tensor) -> None:
    """Move the knots of each layer in turn to the values that reach it, from the inputs up.

    A coefficient that is pruned alone stays so by its index: its basis function moves with the knots, and the others
    are fitted to the old curve as well as they can without it.
    """
    values = network.input_nodes(x)
    for layer in network.layers:
        grid = adaptive_grid(values, layer.grid, layer.k, network.grid_eps)
        coef = layer.coef_on(grid, values)
        moved = (grid != layer.grid).any(dim=1)  # an input that keeps its knots keeps its coefficients, bit for bit
        layer.coef.copy_(torch.where(moved.unsqueeze(-1), coef, layer.coef))
        layer.grid.copy_(grid)
        values = layer.transform(values)


@torch.no_grad()
def refined(layer: KANLayer, intervals: int) -> KANLayer:
    """A copy of `layer` with another number of grid intervals, its curves kept on the grid.

    Coefficients that are pruned alone stay so where the number is the same; another grid has others.
    """
    if isinstance(intervals, bool) or not hasattr(intervals, "__index__"):
        raise TypeError(f"grid, the number of intervals, must be a whole number; got {intervals!r}")
    if intervals < 1:
        raise ValueError(f"grid, the number of intervals, must be at least 1; got {intervals}")
    k = layer.k
    inner = layer.grid[:, k : layer.grid.shape[1] - k]
    grid = extend_grid(_interpolate(inner, intervals), k)
    dense = _interpolate(inner, intervals * 8 * layer.grid_size)
    return KANLayer(
        grid,
        layer.coef_on(grid, dense),
        layer.scale_base.detach().clone(),
        layer.scale_spline.detach().clone(),
        k=k,
        base=layer.base,
        bias=layer.bias.detach().clone(),
        mask=layer.mask.clone(),
        fill=layer.fill.clone(),
        coef_mask=layer.coef_mask.clone() if layer.coef_mask is not None and intervals == layer.grid_size else None,
    )


def _interpolate(points: Tensor, intervals: int) -> Tensor:
    """Linear interpolation of each row to ``intervals + 1`` points, first and last kept."""
    old = points.shape[1] - 1
    position = torch.arange(intervals + 1, dtype=torch.float64, device=points.device) * old / intervals
    left = position.floor().long().clamp_max(old - 1)
    share = (position - left).to(points.dtype)
    return points[:, left] * (1 - share) + points[:, left + 1] * share
