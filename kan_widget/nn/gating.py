"""Inference that skips, for each row, the edges that would add little more than their mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    from .network import Network

# Numbers held at a time for one layer: outputs of all its edges, or its features.
_ELEMENTS = 1 << 20


class Gated(NamedTuple):
    """What a network says when edges are skipped.

    Attributes:
        outputs: ``(rows, outputs)``.
        usage: Per layer ``(out, in)``, float64: the share of the rows in which an edge is not skipped; 0 if pruned.
    """

    outputs: Tensor
    usage: list[Tensor]


@torch.no_grad()
def gated(network: Network, x: Tensor, means: Sequence[Tensor], limits: Sequence[Tensor]) -> Gated:
    """Run a network row by row without the edges that lie near their means.

    ``y_j = b_j + sum_i (phi_ij(x_i) if |phi_ij(x_i) - mean_ij| >= limit_j else mean_ij)``; what is above sees the
    result. Only blocks of rows are held, never all edges of all rows.

    Args:
        network: Left alone.
        x: Inputs, ``(rows, in_features)``.
        means: Per layer ``(out, in)``: what a skipped edge gives.
        limits: Per layer ``(out,)``: an edge is skipped where it lies nearer to its mean than its target's limit.
    """
    widest = max(layer.mask.numel() + layer.in_features * (layer.grid_size + layer.k + 1) for layer in network.layers)
    counts = [torch.zeros(layer.mask.shape, dtype=torch.float64, device=x.device) for layer in network.layers]
    outputs = []
    for part in torch.split(x, max(1, _ELEMENTS // widest)):
        values = network.input_nodes(part)
        for layer, mean, limit, count in zip(network.layers, means, limits, counts, strict=True):
            edges = layer.edge_values(values)  # (out, in, rows)
            near = (edges - mean.unsqueeze(-1)).abs() < limit.view(-1, 1, 1)
            on = layer.mask.unsqueeze(-1)
            count += (on & ~near).sum(dim=-1)
            values = torch.where(near, mean.unsqueeze(-1), edges).mul(on).sum(dim=1) + layer.offset()
        outputs.append(values.T)
    return Gated(torch.cat(outputs), [count / len(x) for count in counts])
