"""Sparsity penalties: pykan's objective and the paper's, on what the data make each edge do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .spline import features

if TYPE_CHECKING:
    from .layer import KANLayer
    from .network import Network

METRICS = ("edge_forward_spline_n", "edge_forward_spline_u", "paper")


@dataclass(frozen=True)
class Penalty:
    """Weights of the regulariser, with pykan's names.

    Attributes:
        metric: What is penalised. ``"edge_forward_spline_n"``, pykan 0.2.8's default: the standard deviation of the
            edge's output over that of its input. ``"edge_forward_spline_u"``: the standard deviation alone.
            ``"paper"``: the mean absolute output, with the entropy over the whole layer.
        lamb_l1: Of the sum over edges.
        lamb_entropy: Of the entropy over edges.
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


def forward_with_penalty(network: Network, x: Tensor, penalty: Penalty) -> tuple[Tensor, Tensor]:
    """Outputs ``(rows, out)`` and the regulariser, a scalar, from one pass that shares its features.

    Source:
        pykan 0.2.8, ``MultKAN.reg``; Liu et al. (2024), arXiv:2404.19756, equations 2.17-2.20.
    """
    values = network.input_nodes(x)
    total = x.new_zeros(())
    for layer in network.layers:
        planes = features(values, layer.knots, layer.base)
        weight = layer.weight()
        size = _edge_size(values, planes, weight, penalty.metric)
        entropy = _paper_entropy(size) if penalty.metric == "paper" else _pykan_entropy(size)
        total = total + penalty.lamb_l1 * size.sum() + penalty.lamb_entropy * entropy
        total = total + _coefficient_penalty(layer, penalty)
        values = weight.flatten(1) @ planes.flatten(0, 1) + layer.offset()
    return values.T, total


def _edge_size(values: Tensor, planes: Tensor, weight: Tensor, metric: str) -> Tensor:
    """The penalised size of each edge's output, ``(out, in)``."""
    if metric == "paper":
        return torch.matmul(weight.permute(2, 0, 1), planes.transpose(0, 1)).abs().mean(-1).T
    std = edge_std(planes, weight)
    return std / (values.std(dim=1) + 0.1) if metric == "edge_forward_spline_n" else std


def edge_std(planes: Tensor, weight: Tensor) -> Tensor:
    """Standard deviation (unbiased) of every edge's output over the batch, ``(out, in)``.

    From the covariance of the features, ``std_ji^2 = w_ji' Cov_i w_ji``, so that nothing of size batch * in * out is
    made. In float64, since for edges that are nearly constant the terms cancel.
    """
    centred = planes.transpose(0, 1).double()
    centred = centred - centred.mean(dim=-1, keepdim=True)
    covariance = centred @ centred.mT / (planes.shape[-1] - 1)
    w = weight.double().permute(2, 0, 1)  # (in, out, features)
    variance = ((w @ covariance) * w).sum(-1).T
    # The square root has no slope at 0: a constant edge (a pruned one, say) is to give 0, not nan.
    return variance.clamp_min(1e-30).sqrt().to(weight.dtype)


def _pykan_entropy(size: Tensor) -> Tensor:
    rows = size / (size.sum(dim=1, keepdim=True) + 1)
    columns = size / (size.sum(dim=0, keepdim=True) + 1)
    by_target = -(rows * torch.log2(rows + 1e-4)).sum(dim=1).mean()
    by_source = -(columns * torch.log2(columns + 1e-4)).sum(dim=0).mean()
    total: Tensor = by_target + by_source
    return total


def _paper_entropy(size: Tensor) -> Tensor:
    share = size / size.sum().clamp_min(torch.finfo(size.dtype).tiny)
    entropy: Tensor = -torch.special.xlogy(share, share.clamp_min(1e-12)).sum()
    return entropy


def _coefficient_penalty(layer: KANLayer, penalty: Penalty) -> Tensor | float:
    total: Tensor | float = 0.0
    if penalty.lamb_coef:
        total = total + penalty.lamb_coef * layer.coef.abs().mean(dim=0).sum()
    if penalty.lamb_coefdiff:
        total = total + penalty.lamb_coefdiff * layer.coef.diff(dim=-1).abs().mean(dim=0).sum()
    return total
