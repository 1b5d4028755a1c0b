"""A smaller network with the same function: constants folded, dead nodes and edges left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor

from .layer import KANLayer

if TYPE_CHECKING:
    from .network import Network

N = TypeVar("N", bound="Network")


@torch.no_grad()
def compact(network: N) -> N:
    """Build the smaller network; see `Network.compact`."""
    varies = _nodes_that_vary(network)
    matters = _nodes_that_matter(network)
    keep = [(v & m).nonzero().squeeze(1) for v, m in zip(varies, matters, strict=True)]
    keep[-1] = torch.arange(network.width[-1], device=network.device)
    for index, nodes in enumerate(keep):
        if len(nodes) == 0:
            raise ValueError(
                f"every path through node layer {index} is pruned, so the network is a constant and nothing is left "
                "to keep; restore an edge first"
            )
    return extract(network, keep)


@torch.no_grad()
def extract(network: N, keep: Sequence[Tensor]) -> N:
    """The network of some nodes alone.

    Args:
        network: Left alone.
        keep: Indices of the nodes to keep, a tensor per node layer; all outputs. What the others add to those kept must
            be constant: their edges pruned, or nothing reaching them.

    Returns:
        A network with those constants folded into its biases.
    """
    varies = _nodes_that_vary(network)
    layers = []
    constants = torch.zeros(network.width[0], dtype=network.dtype, device=network.device)
    for layer, live, sources, targets in zip(network.layers, varies, keep, keep[1:], strict=False):
        bias = _folded_bias(layer, constants, live)
        layers.append(_sub_layer(layer, sources, targets, bias))
        constants = bias
    names = [[row[int(i)] for i in nodes] for row, nodes in zip(network.names, keep, strict=True)]
    return network.rebuilt(layers, names=names, columns=network.columns[keep[0]].tolist())


def _nodes_that_vary(network: Network) -> list[Tensor]:
    """Per node layer: whether any input reaches the node."""
    varies = [torch.ones(network.width[0], dtype=torch.bool, device=network.device)]
    for layer in network.layers:
        varies.append((layer.mask & varies[-1]).any(dim=1))
    return varies


def _nodes_that_matter(network: Network) -> list[Tensor]:
    """Per node layer: whether the node reaches any output."""
    matters = [torch.ones(network.width[-1], dtype=torch.bool, device=network.device)]
    for layer in reversed(network.layers):
        matters.insert(0, (layer.mask & matters[0].unsqueeze(1)).any(dim=0))
    return matters


def _folded_bias(layer: KANLayer, constants: Tensor, live: Tensor) -> Tensor:
    """Bias, what pruned edges leave, and what edges from constant nodes add, ``(out,)``."""
    at_constants = layer.edge_values(constants.unsqueeze(1)).squeeze(-1)
    settled = layer.mask & ~live
    total: Tensor = layer.offset().squeeze(1) + (at_constants * settled).sum(1)
    return total


def _sub_layer(layer: KANLayer, sources: Tensor, targets: Tensor, bias: Tensor) -> KANLayer:
    def pick(edges: Tensor) -> Tensor:
        return edges[targets][:, sources].clone()

    mask = pick(layer.mask)  # what is off is emptied: nothing will bring it back, and it need not be stored
    return KANLayer(
        layer.grid[sources].clone(),
        pick(layer.masked_coef()) * mask.unsqueeze(-1),
        pick(layer.scale_base) * mask,
        pick(layer.scale_spline) * mask,
        k=layer.k,
        base=layer.base,
        bias=bias[targets].clone(),
        mask=mask,
        coef_mask=None if layer.coef_mask is None else pick(layer.coef_mask) | ~mask.unsqueeze(-1),
    )
