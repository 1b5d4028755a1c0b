"""Many maskings of one network at once: every level of a sweep costs one row of a matrix product."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .spline import features

if TYPE_CHECKING:
    from .layer import KANLayer
    from .network import Network

# Numbers held at a time for one layer: features of all rows under all levels, or weights of all levels.
_ELEMENTS = 1 << 22


@torch.no_grad()
def evaluate_levels(network: Network, x: Tensor, masks: Sequence[Tensor], fills: Sequence[Tensor]) -> Tensor:
    """Outputs of a network under many sets of masks.

    Args:
        network: Left alone; its own masks do not matter.
        x: Inputs, ``(rows, in_features)``.
        masks: Per layer ``(levels, out, in)`` bool.
        fills: Per layer ``(out, in)``: what an edge leaves where it is off.

    Returns:
        ``(levels, rows, outputs)``.
    """
    inputs = network.input_nodes(x)
    size = max(layer.coef.numel() + layer.mask.numel() for layer in network.layers)
    rows = x.shape[0] * max(layer.in_features * (layer.grid_size + layer.k + 1) for layer in network.layers)
    step = max(1, _ELEMENTS // max(size, rows))
    parts = []
    for start in range(0, masks[0].shape[0], step):
        values = inputs.unsqueeze(0)
        for layer, mask, fill in zip(network.layers, masks, fills, strict=True):
            values = _layer_under(layer, values, mask[start : start + step], fill)
        parts.append(values.transpose(1, 2))
    return torch.cat(parts)


def _layer_under(layer: KANLayer, values: Tensor, masks: Tensor, fill: Tensor) -> Tensor:
    """``(levels or 1, in, rows)`` to ``(levels, out, rows)``."""
    levels, n_in, rows = values.shape
    planes = features(values.transpose(0, 1).reshape(n_in, levels * rows), layer.knots, layer.base)
    planes = planes.view(-1, n_in, levels, rows).permute(2, 0, 1, 3).flatten(1, 2)  # (levels, K * in, rows)
    weight = (layer.weight(masked=False) * masks.unsqueeze(2)).flatten(2)  # (levels, out, K * in)
    if levels == 1 and len(weight) > 1:
        sums = (weight.flatten(0, 1) @ planes[0]).view(len(weight), -1, rows)
    else:
        sums = weight @ planes
    offset = layer.bias + fill.masked_fill(masks, 0).sum(-1)
    return sums + offset.unsqueeze(-1)
