"""Sparsity penalties on what the data make each edge do: pykan's, the paper's, and one for whole nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from . import native
from .modes import gradients, wants_graph, wants_operations
from .native.kernel import MAX_DEGREE, SUFFIXES, is_readable
from .native.network import METRICS as METRICS_OF_KERNEL
from .native.network import Spread
from .spline import Knots, edge_weights, features

if TYPE_CHECKING:
    from .layer import KANLayer
    from .native.network import Networks
    from .network import Network

# The square root has no slope at 0: what is constant (a pruned edge, say) is to have the gradient 0, not nan.
_SMALLEST = 1e-30

METRICS = ("edge_forward_spline_n", "edge_forward_spline_u", "paper", "group_lasso", "l0")


@dataclass(frozen=True)
class Penalty:
    """Weights of the regulariser, with pykan's names.

    Attributes:
        metric: What is penalised. ``"edge_forward_spline_n"``, pykan 0.2.8's default: the standard deviation of the
            edge's output over that of its input. ``"edge_forward_spline_u"``: the standard deviation alone.
            ``"paper"``: the mean absolute output, with the entropy over the whole layer. ``"group_lasso"``: what a node
            sends out as a whole, the norm of the standard deviations of its ``n`` outgoing edges times ``sqrt(n)``, so
            that nodes and inputs go as a whole. ``"l0"``: the expected number of open `Gates`.
        lamb_l1: Of the sum over edges, nodes or gates.
        lamb_entropy: Of the entropy over edges; ``"group_lasso"`` and ``"l0"`` have none.
        lamb_coef: Of the absolute spline coefficients.
        lamb_coefdiff: Of the absolute differences between neighbouring coefficients.
    """

    metric: str = METRICS[0]
    lamb_l1: float = 1.0
    lamb_entropy: float = 2.0
    lamb_coef: float = 0.0
    lamb_coefdiff: float = 0.0

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise ValueError(f"reg_metric must be one of {', '.join(METRICS)}; got {self.metric!r}")


def forward_with_penalty(
    network: Network, x: Tensor, penalty: Penalty | None, factors: Sequence[Tensor] | None = None
) -> tuple[Tensor, Tensor]:
    """Outputs ``(rows, out)`` and the regulariser, a scalar, from one pass that shares its features.

    Args:
        network: Left alone.
        x: Inputs, ``(rows, in_features)``.
        penalty: What to penalise; nothing if None. What `Gates` cost is not in it.
        factors: Per layer ``(out, in)``: what each edge's departure from its mean over the rows is multiplied by.

    Source:
        pykan 0.2.8, ``MultKAN.reg``; Liu et al. (2024), arXiv:2404.19756, equations 2.17-2.20. Groups: Yuan and Lin,
        "Model selection and estimation in regression with grouped variables" (2006).
    """
    values = network.input_nodes(x)
    total = x.new_zeros(())
    for index, layer in enumerate(network.layers):
        networks = None if factors is not None else _native(layer, values, penalty)
        if networks is not None and penalty is not None:
            size = _over_nodes(_native_edge_std(networks, values, layer), values, penalty.metric)
            total = total + _penalty_of(layer, size, penalty)
            values = layer.transform(values)
            continue
        planes = features(values, layer.knots, layer.base)
        weight, offset = layer.weight(), layer.offset()
        if factors is not None:
            weight, offset = _thinned(planes, weight, offset, factors[index])
        if penalty is not None:
            total = total + _layer_penalty(layer, values, planes, weight, penalty)
        values = weight.flatten(1) @ planes.flatten(0, 1) + offset
    return values.T, total


def _thinned(planes: Tensor, weight: Tensor, offset: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
    """Weights and offset that multiply each edge by a factor and leave its mean where it was."""
    mean = torch.einsum("oki,ki->oi", weight, planes.mean(dim=-1))
    return weight * factor.unsqueeze(1), offset + ((1 - factor) * mean).sum(1, keepdim=True)


def _layer_penalty(layer: KANLayer, values: Tensor, planes: Tensor, weight: Tensor, penalty: Penalty) -> Tensor | float:
    if penalty.metric == "l0":
        return _coefficient_penalty(layer, penalty)
    if penalty.metric == "paper":
        size = torch.matmul(weight.permute(2, 0, 1), planes.transpose(0, 1)).abs().mean(-1).T
    else:
        size = _over_nodes(edge_std(planes, weight), values, penalty.metric)
    return _penalty_of(layer, size, penalty)


def _penalty_of(layer: KANLayer, size: Tensor, penalty: Penalty) -> Tensor | float:
    """What a layer costs whose edges are of this size, ``(out, in)``."""
    total = _coefficient_penalty(layer, penalty)
    if penalty.metric == "group_lasso":
        return total + penalty.lamb_l1 * _node_size(size, layer.mask).sum()
    entropy = _paper_entropy(size) if penalty.metric == "paper" else _pykan_entropy(size)
    return total + penalty.lamb_l1 * size.sum() + penalty.lamb_entropy * entropy


def _node_size(size: Tensor, mask: Tensor) -> Tensor:
    """Norm of all edges out of each node that are on, times the root of their number, ``(in,)``."""
    norm: Tensor = torch.linalg.vector_norm(size, dim=0)
    return norm * mask.sum(dim=0, dtype=norm.dtype).sqrt()


def _over_nodes(std: Tensor, values: Tensor, metric: str) -> Tensor:
    """The penalised size of each edge, ``(out, in)``, from its standard deviation."""
    return std / (_node_std(values) + 0.1) if metric == "edge_forward_spline_n" else std


def _node_std(values: Tensor) -> Tensor:
    """Standard deviation (unbiased) of each node, ``(n,)``; `Tensor.std` takes many times as long."""
    centred = values - values.mean(dim=1, keepdim=True)
    return (centred.square().sum(1) / (values.shape[1] - 1)).clamp_min(_SMALLEST).sqrt()


def edge_std(planes: Tensor, weight: Tensor) -> Tensor:
    """Standard deviation (unbiased) of every edge's output over the batch, ``(out, in)``.

    From the covariance of the features, ``std_ji^2 = w_ji' Cov_i w_ji``, so that nothing of size batch * in * out is
    made. In float64, since for edges that are nearly constant the terms cancel.

    Args:
        planes: Features, ``(G + k + 1, in, batch)``.
        weight: ``(out, G + k + 1, in)``.
    """
    if wants_operations():
        return _plain_std(planes, weight)
    result: Tensor = _EdgeStd.apply(planes, weight)  # type: ignore[no-untyped-call]
    return result


def _plain_std(planes: Tensor, weight: Tensor) -> Tensor:
    return _std_and_its_parts(planes, weight)[0].T.to(weight.dtype)


def _std_and_its_parts(planes: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The standard deviation ``(in, out)`` and what it comes from, in float64."""
    centred = planes.transpose(0, 1).double()
    centred = centred - centred.mean(dim=-1, keepdim=True)
    covariance = centred @ centred.mT / (planes.shape[-1] - 1)
    w = weight.double().permute(2, 0, 1)  # (in, out, features)
    spread = w @ covariance
    return (spread * w).sum(-1).clamp_min(_SMALLEST).sqrt(), centred, w, spread


class _EdgeStd(torch.autograd.Function):
    """With its gradient written out: autograd's takes several times as long, and training asks for it each time."""

    @staticmethod
    def forward(ctx: Any, planes: Tensor, weight: Tensor) -> Tensor:
        std, centred, w, spread = _std_and_its_parts(planes, weight)
        ctx.save_for_backward(planes, weight, std, centred, w, spread)
        return std.T.to(weight.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None]:
        planes, weight, std, centred, w, spread = ctx.saved_tensors
        planes_needed, weight_needed = ctx.needs_input_grad
        if wants_graph(grads[0]):
            needed = (planes_needed, weight_needed)
            dp, dw = gradients(lambda: _plain_std(planes, weight), (planes, weight), needed, grads[0])
            return dp, dw
        share = (grads[0].T / std).masked_fill_(std <= _SMALLEST**0.5, 0).unsqueeze(-1)
        dw = (spread * share).permute(1, 2, 0).to(weight.dtype) if weight_needed else None
        dp = None
        if planes_needed:
            # The mean needs no share of its own: the gradient is a mixture of centred features.
            dp = ((w.mT @ (w * share)) @ centred / (planes.shape[-1] - 1)).transpose(0, 1).to(planes.dtype)
        return dp, dw


def _native(layer: KANLayer, values: Tensor, penalty: Penalty | None) -> Networks | None:
    """The native kernel, if it should say how the edges of a layer are spread."""
    if penalty is None or penalty.metric not in METRICS_OF_KERNEL or wants_operations():
        return None
    if values.shape[1] < 2 or not _is_readable(layer, values):
        return None
    return native.networks()


def _is_readable(layer: KANLayer, values: Tensor) -> bool:
    """Whether all that the kernel would read is as it expects it."""
    coef, scale_spline, scale_base, mask, *_ = layer.edges()
    dtype, grid, k = values.dtype, layer.grid, layer.k
    if dtype not in SUFFIXES or coef.ndim != 3 or scale_spline is None or mask is None:
        return False
    n_out, n_in, bases = coef.shape
    return (
        0 < k <= MAX_DEGREE
        and is_readable(values, dtype, (n_in, values.shape[1]))
        and is_readable(coef, dtype, (n_out, n_in, bases))
        and is_readable(scale_spline, dtype, (n_out, n_in))
        and is_readable(scale_base, dtype, (n_out, n_in))
        and is_readable(mask, torch.bool, (n_out, n_in))
        and is_readable(grid, dtype, (n_in, bases + k + 1))
        and grid.is_contiguous()
        and not grid.requires_grad
    )


def _native_edge_std(networks: Networks, values: Tensor, layer: KANLayer) -> Tensor:
    """As `edge_std`, without the features."""
    coef, scale_spline, scale_base, mask, *_ = layer.edges()
    rest = (networks, layer.knots, layer.base)
    edges = (coef, scale_spline, scale_base, mask, layer.grid)
    std: Tensor = _NativeEdgeStd.apply(rest, values, *edges)  # type: ignore[no-untyped-call]
    return std


class _NativeEdgeStd(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rest: tuple[Networks, Knots, str], values: Tensor, *edges: Tensor) -> Tensor:
        networks, knots, base = rest
        std, *kept = networks.spreads(_spread(knots, base, values, *edges))
        if any(ctx.needs_input_grad):
            ctx.save_for_backward(values, *edges, std, *kept)
            ctx.rest = rest
        return std

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        networks, knots, base = ctx.rest
        values, coef, scale_spline, scale_base, mask, grid, *found = ctx.saved_tensors
        needed = ctx.needs_input_grad[1:5]
        if wants_graph(grads[0]):

            def spreads() -> Tensor:
                planes = features(values, knots, base)
                return _plain_std(planes, edge_weights(coef, scale_spline, scale_base, mask))

            parts = (values, coef, scale_spline, scale_base)
            return None, *gradients(spreads, parts, needed, grads[0]), None, None
        spread = _spread(knots, base, values, coef, scale_spline, scale_base, mask, grid)
        slopes = networks.spread_slopes(spread, found, grads[0].contiguous(), (needed[0], any(needed[1:])))
        return None, *slopes, None, None


def _spread(
    knots: Knots,
    base: str,
    values: Tensor,
    coef: Tensor,
    scale_spline: Tensor,
    scale_base: Tensor,
    mask: Tensor,
    grid: Tensor,
) -> Spread:
    return Spread(
        values.contiguous(),
        grid,
        coef.contiguous(),
        scale_spline.contiguous(),
        scale_base.contiguous(),
        mask.contiguous(),
        knots.k,
        base,
    )


def _pykan_entropy(size: Tensor) -> Tensor:
    rows = size / (size.sum(dim=1, keepdim=True) + 1)
    columns = size / (size.sum(dim=0, keepdim=True) + 1)
    by_target = -(rows * torch.log2(rows + 1e-4)).sum(dim=1).mean()
    by_source = -(columns * torch.log2(columns + 1e-4)).sum(dim=0).mean()
    total: Tensor = by_target + by_source
    return total


def _paper_entropy(size: Tensor) -> Tensor:
    share = size / size.sum().clamp_min(torch.finfo(size.dtype).eps)  # slopes are to stay finite
    entropy: Tensor = -torch.special.xlogy(share, share.clamp_min(1e-12)).sum()
    return entropy


def _coefficient_penalty(layer: KANLayer, penalty: Penalty) -> Tensor | float:
    total: Tensor | float = 0.0
    if penalty.lamb_coef:
        total = total + penalty.lamb_coef * layer.coef.abs().mean(dim=0).sum()
    if penalty.lamb_coefdiff:
        total = total + penalty.lamb_coefdiff * layer.coef.diff(dim=-1).abs().mean(dim=0).sum()
    return total
