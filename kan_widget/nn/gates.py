"""Hard-concrete gates: which edges are needed, learnt together with what they do.

A gate ``z`` multiplies how an edge departs from its mean over the data, ``y_j = b_j + sum_i mean_ji + z_ji
(phi_ji(x_i) - mean_ji)``. Where it closes the mean is left behind, as in pruning: no constant has to be learnt anew.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor

from .spline import features

if TYPE_CHECKING:
    from .layer import KANLayer
    from .network import Network

    N = TypeVar("N", bound=Network)

# Temperature, and the ends to which the concrete distribution is stretched, so that 0 and 1 themselves have weight.
_BETA, _GAMMA, _ZETA = 2 / 3, -0.1, 1.1
# Where gates begin: fully open without noise, and near enough to the slope that a price moves them.
_START = 2.5
# Gates have further to go than weights, and no optimiser here has a learning rate for each: a unit of what is learnt is
# so many of alpha.
_RATE = 10.0
# Features held at a time.
_ELEMENTS = 1 << 22


class Gates:
    """A gate for each edge of a network, while it is trained.

    Args:
        network: What it is for; left alone until `adopt`.

    Attributes:
        learnt: What is trained, per layer ``(out, in)``: alpha in units of 10.

    Example:
        >>> from kan_widget.nn.network import Network
        >>> x = torch.rand(100, 2)
        >>> model, data = Network([2, 1], seed=0), (x, x[:, :1] ** 2)
        >>> _ = model.fit(data, steps=5, progress=False)
        >>> _ = model.fit(data, steps=5, reg_metric="l0", lamb=0.01, progress=False)
        >>> model.layers[0].mask
        tensor([[ True, False]])

    Source:
        Louizos, Welling and Kingma, "Learning sparse neural networks through L0 regularization" (2018),
        arXiv:1712.01312, equations 10-13.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.learnt = [torch.full_like(layer.scale_base, _START / _RATE).requires_grad_() for layer in network.layers]

    def drawn(self, uniform: Sequence[Tensor]) -> list[Tensor]:
        """Gates in [0, 1], 0 and 1 among them, from numbers drawn evenly between 0 and 1, per layer ``(out, in)``."""
        noise = [torch.logit(u, eps=1e-9).to(a) for u, a in zip(uniform, self.learnt, strict=True)]
        return [_stretched((n + _RATE * a) / _BETA) for n, a in zip(noise, self.learnt, strict=True)]

    def expected(self) -> Tensor:
        """How many edges are open on average over the noise, a scalar; pruned edges do not count. Differentiable."""
        shift = _BETA * math.log(-_GAMMA / _ZETA)
        layers = zip(self.learnt, self.network.layers, strict=True)
        return torch.stack([(torch.sigmoid(_RATE * a - shift) * layer.mask).sum() for a, layer in layers]).sum()

    @torch.no_grad()
    def settled(self) -> list[Tensor]:
        """The gates without noise.

        No output is cut off: where every path to one is closed, the path whose weakest gate is the least closed stays,
        each gate as open as it was before the stretch.
        """
        masks = [layer.mask for layer in self.network.layers]
        gates = [_stretched(_RATE * a) for a in self.learnt]
        held = _last_paths(self.learnt, masks, [mask & (z > 0) for mask, z in zip(masks, gates, strict=True)])
        layers = zip(gates, self.learnt, held, strict=True)
        return [torch.where(h & (z == 0), torch.sigmoid(_RATE * a), z) for z, a, h in layers]

    @torch.no_grad()
    def folded(self, x: Tensor) -> Network:
        """An ordinary network that computes what the gated one does without noise.

        Edges with a closed gate are pruned and leave their mean over the rows behind. Other gates go into the two
        scales of their edge, and what that takes from its mean goes into the bias.

        Args:
            x: Inputs that means are taken over, ``(rows, in_features)``.
        """
        network = self.network.copy()
        values = network.input_nodes(x)
        for layer, gate in zip(network.layers, self.settled(), strict=True):
            _fold(layer, gate, _edge_means(layer, values))
            values = layer.transform(values)
        return network

    @torch.no_grad()
    def adopt(self, folded: Network) -> None:
        """Make the network what `folded` gave."""

        def write() -> None:
            for layer, other in zip(self.network.layers, folded.layers, strict=True):
                for name in ("scale_base", "scale_spline", "bias", "mask", "fill"):
                    getattr(layer, name).copy_(getattr(other, name))

        self.network.turns.take(write)


def _stretched(logit: Tensor) -> Tensor:
    return (torch.sigmoid(logit) * (_ZETA - _GAMMA) + _GAMMA).clamp(0, 1)


def _edge_means(layer: KANLayer, values: Tensor) -> Tensor:
    """Mean output of each edge over the rows ``(in, rows)``, 0 for pruned ones: ``(out, in)``."""
    weight = layer.weight()
    size = max(1, _ELEMENTS // weight[0].numel())
    parts = [features(part.contiguous(), layer.knots, layer.base).sum(-1) for part in torch.split(values, size, dim=1)]
    return torch.einsum("oki,ki->oi", weight, torch.stack(parts).sum(0) / values.shape[1])


def _fold(layer: KANLayer, gate: Tensor, mean: Tensor) -> None:
    """Write gates into a layer, in place; edges that are pruned already stay as they are."""
    closed = layer.mask & (gate == 0)
    gate = torch.where(layer.mask & ~closed, gate, 1)
    layer.bias.add_(((1 - gate) * mean).sum(1))
    layer.scale_base.mul_(gate)
    layer.scale_spline.mul_(gate)
    layer.fill.copy_(torch.where(closed, mean, layer.fill))
    layer.mask &= ~closed


def _last_paths(strength: Sequence[Tensor], masks: Sequence[Tensor], opened: Sequence[Tensor]) -> list[Tensor]:
    """For each output with paths under `masks` but none that is open, the one whose weakest edge is the strongest."""
    reached = opened[0].new_ones(opened[0].shape[1])
    widest = strength[0].new_full(reached.shape, math.inf)
    sources = []
    for edge, mask, on in zip(strength, masks, opened, strict=True):
        reached = (on & reached).any(dim=1)
        widest, source = torch.minimum(edge, widest).masked_fill(~mask, -math.inf).max(dim=1)
        sources.append(source)
    held = [torch.zeros_like(mask) for mask in masks]
    targets = (~reached & (widest > -math.inf)).nonzero().squeeze(1)
    for on_path, source in zip(reversed(held), reversed(sources), strict=True):
        on_path[targets, source[targets]] = True
        targets = source[targets]
    return held
