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
_LEAST_ROWS = 256


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
    wide = max(layer.in_features * (layer.grid_size + layer.k + 1) for layer in network.layers)
    step = max(_LEAST_ROWS, _ELEMENTS // wide)
    chunks = [inputs[:, start : start + step].contiguous() for start in range(0, max(1, x.shape[0]), step)]
    return torch.cat([_rows_under(network, chunk, masks, fills) for chunk in chunks], dim=1)


def _rows_under(network: Network, inputs: Tensor, masks: Sequence[Tensor], fills: Sequence[Tensor]) -> Tensor:
    """Feature-major `inputs` ``(in, rows)`` to ``(levels, rows, outputs)``."""
    first, *rest = network.layers
    planes = features(inputs, first.knots, first.base).transpose(0, 1).flatten(0, 1)  # no level changes the inputs
    size = max(layer.coef.numel() + layer.mask.numel() for layer in network.layers)
    later = max((layer.in_features * (layer.grid_size + layer.k + 1) for layer in rest), default=1) * inputs.shape[1]
    step = max(1, _ELEMENTS // max(size, later))
    parts = []
    for start in range(0, masks[0].shape[0], step):
        weight, offset = _weight_under(first, masks[0][start : start + step], fills[0])
        values = (weight.flatten(0, 1) @ planes).view(*offset.shape, -1) + offset.unsqueeze(-1)
        for layer, mask, fill in zip(rest, masks[1:], fills[1:], strict=True):
            values = _layer_under(layer, values, mask[start : start + step], fill)
        parts.append(values.transpose(1, 2))
    return torch.cat(parts)


def _layer_under(layer: KANLayer, values: Tensor, masks: Tensor, fill: Tensor) -> Tensor:
    """``(levels, in, rows)`` to ``(levels, out, rows)``."""
    levels, n_in, rows = values.shape
    planes = features(values.transpose(0, 1).reshape(n_in, levels * rows), layer.knots, layer.base)
    planes = planes.view(-1, n_in, levels, rows).permute(2, 1, 0, 3).flatten(1, 2)  # (levels, in * K, rows)
    weight, offset = _weight_under(layer, masks, fill)
    return weight @ planes + offset.unsqueeze(-1)


def _weight_under(layer: KANLayer, masks: Tensor, fill: Tensor) -> tuple[Tensor, Tensor]:
    """What edges take of each feature, ``(levels, out, in * K)``, and the constants, ``(levels, out)``."""
    weight = (layer.weight(masked=False).transpose(1, 2) * masks.unsqueeze(-1)).flatten(2)
    return weight, layer.bias + fill.masked_fill(masks, 0).sum(-1)
