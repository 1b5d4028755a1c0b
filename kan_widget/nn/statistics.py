"""What one pass over data shows on every edge and node, without ever holding all edges of all rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from .spline import moments_natively

if TYPE_CHECKING:
    from .layer import KANLayer
    from .network import Network

# Edge outputs held at a time, (out * in * rows).
_ELEMENTS = 1 << 20


class LayerStatistics(NamedTuple):
    """Statistics of one layer over the data, in float64. Edges ``(out, in)``, pruned ones as if they were not.

    Attributes:
        mean: Mean output of each edge.
        mean_abs: Mean absolute output of each edge.
        std: Standard deviation (unbiased) of each edge's output.
        input_low: Smallest value at each input node, ``(in,)``.
        input_high: Largest value at each input node, ``(in,)``.
        input_std: Standard deviation of each input node, ``(in,)``.
        output_std: Standard deviation of each output node under the present masks, ``(out,)``.
        density: Rows in each of `bins` even intervals from low to high, ``(in, bins)``.
        curves: Each edge's function at `points` even points from low to high, ``(out, in, points)``, in its
            dtype.
    """

    mean: Tensor
    mean_abs: Tensor
    std: Tensor
    input_low: Tensor
    input_high: Tensor
    input_std: Tensor
    output_std: Tensor
    density: Tensor
    curves: Tensor


@torch.no_grad()
def edge_statistics(network: Network, x: Tensor, *, points: int = 64, bins: int = 32) -> list[LayerStatistics]:
    """Run ``(rows, in_features)`` inputs through the network under its present masks and measure every layer."""
    values = network.input_nodes(x)
    result = []
    for layer in network.layers:
        low, high = values.amin(dim=1), values.amax(dim=1)
        mean, mean_abs, std, outputs = _measured(layer, values)
        result.append(
            LayerStatistics(
                mean,
                mean_abs,
                std,
                low.double(),
                high.double(),
                _std(values),
                _std(outputs),
                _histogram(values, low, high, bins),
                layer.edge_values(_even(low, high, points)),
            )
        )
        values = outputs
    return result


def _std(values: Tensor) -> Tensor:
    centred = values.double() - values[:, :1]  # what is constant has none at all, and not what rounding leaves
    centred -= centred.mean(dim=1, keepdim=True)
    return (centred.square_().sum(dim=1) / max(1, values.shape[1] - 1)).sqrt()


def _measured(layer: KANLayer, values: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Mean, mean absolute value and standard deviation of each edge, merged over blocks of rows, and the outputs.

    Source:
        Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances" (1979).
    """
    natively = moments_natively(values, layer.edges(), layer.knots, layer.base)
    if natively is not None:
        (mean, mean_abs, std), outputs = natively
        return mean, mean_abs, std, outputs if bool(layer.mask.all()) else layer.transform(values)
    edges = layer.mask.shape
    mean, mean_abs, spread = (torch.zeros(edges, dtype=torch.float64, device=values.device) for _ in range(3))
    seen, rows = 0, values.shape[1]
    for block in torch.split(values, max(1, _ELEMENTS // layer.mask.numel()), dim=1):
        edge = layer.edge_values(block.contiguous()).double()
        n = block.shape[1]
        total = seen + n
        block_mean = edge.mean(dim=-1)
        delta = block_mean - mean
        spread += ((edge - block_mean.unsqueeze(-1)) ** 2).sum(-1) + delta**2 * (seen * n / total)
        mean += delta * (n / total)
        mean_abs += (edge.abs().mean(dim=-1) - mean_abs) * (n / total)
        seen = total
    return mean, mean_abs, (spread / max(1, rows - 1)).sqrt(), layer.transform(values)


def _even(low: Tensor, high: Tensor, points: int) -> Tensor:
    """Even points of each row from low to high, the ends exact, ``(in, points)``."""
    share = torch.linspace(0, 1, points, dtype=low.dtype, device=low.device)
    return low.unsqueeze(1) * (1 - share) + high.unsqueeze(1) * share


def _histogram(values: Tensor, low: Tensor, high: Tensor, bins: int) -> Tensor:
    width = (high - low).clamp_min(torch.finfo(values.dtype).tiny).unsqueeze(1)
    place = ((values - low.unsqueeze(1)) / width * bins).long().clamp(0, bins - 1)
    counts = torch.zeros(values.shape[0], bins, dtype=torch.long, device=values.device)
    return counts.scatter_add_(1, place, torch.ones_like(place))
