"""Repair after a cut: what is left is fitted, layer by layer, to what the network computed before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .spline import features

if TYPE_CHECKING:
    from .layer import KANLayer
    from .network import Network

KINDS = ("gain_bias", "least_squares")
# Share of the largest change below which a target, or a layer, is as it was.
_NOTHING = 1e-6


@torch.no_grad()
def pre_activations(network: Network, x: Tensor) -> list[Tensor]:
    """What each layer puts out on ``(rows, in_features)`` inputs, ``(out, rows)`` each: the target of a refit."""
    values = network.input_nodes(x)
    result = []
    for layer in network.layers:
        values = layer.transform(values)
        result.append(values)
    return result


@torch.no_grad()
def refit(network: Network, x: Tensor, targets: Sequence[Tensor], kind: str, *, ridge: float = 1e-6) -> int:
    """Fit the edges that are on to the pre-activations of the network before the cut, in place.

    Layers are taken from the inputs up, each on what the layers below now give it. ``"least_squares"`` refits all
    spline coefficients and base scales, but for coefficients that are pruned alone; ``"gain_bias"`` gives each edge one
    factor and keeps its shape; both refit the biases.
    The ridge draws towards the present values, so what the data do not determine stays as it is. A node with fewer
    rows than unknowns is left alone but for its bias.

    Args:
        network: Pruned already.
        x: Inputs, ``(rows, in_features)``.
        targets: Per layer ``(out, rows)``, from `pre_activations`.
        kind: ``"gain_bias"`` or ``"least_squares"``.
        ridge: Weight of the drawing, relative to the mean square of a feature.

    Returns:
        How many nodes had fewer rows than unknowns.

    Source:
        Sequential layer-wise reconstruction as in GPTQ (Frantar et al. 2022, arXiv:2210.17323), on B-spline features.
    """
    values = network.input_nodes(x)
    starved = 0
    for layer, target in zip(network.layers, targets, strict=True):
        residual = (target - layer.transform(values)).double()
        if bool(residual.abs().amax() > _NOTHING * target.abs().amax()):
            if kind == "least_squares":
                starved += _refit_coefficients(layer, values, residual, ridge)
            else:
                starved += _refit_gains(layer, values, residual, ridge)
        values = layer.transform(values)
    return starved


def _refit_coefficients(layer: KANLayer, values: Tensor, residual: Tensor, ridge: float) -> int:
    planes = features(values, layer.knots, layer.base).double().transpose(0, 1)  # (in, K, rows)
    mean = planes.mean(dim=-1, keepdim=True)
    centred = (planes - mean).flatten(0, 1)
    free = layer.mask.unsqueeze(-1).repeat(1, 1, planes.shape[1])
    if layer.coef_mask is not None:
        free[..., :-1] &= layer.coef_mask
    change = torch.zeros(free.shape, dtype=torch.float64, device=values.device)
    starved = _solve(free.flatten(1), centred, residual, ridge, change.flatten(1))
    wanted = layer.masked_coef().double() * layer.scale_spline.double().unsqueeze(-1) + change[..., :-1]
    moved = (change != 0).any(dim=-1)
    # The scale goes into the coefficients: one that training has made small would make them huge, and a step of the
    # next training would send the function anywhere.
    layer.coef.copy_(torch.where(moved.unsqueeze(-1), wanted, layer.coef.double()))
    layer.scale_spline.copy_(torch.where(moved, torch.ones_like(layer.scale_spline), layer.scale_spline))
    layer.scale_base.add_(change[..., -1].to(layer.scale_base))
    _settle_bias(layer, residual, torch.einsum("oik,ik->o", change, mean.squeeze(-1)))
    return starved


def _refit_gains(layer: KANLayer, values: Tensor, residual: Tensor, ridge: float) -> int:
    starved = 0
    edges = layer.edge_values(values).double()
    mean = edges.mean(dim=-1)
    change = torch.zeros(layer.out_features, layer.in_features, 1, dtype=torch.float64, device=values.device)
    for target in range(layer.out_features):
        centred = edges[target] - mean[target].unsqueeze(-1)
        free = layer.mask[target].unsqueeze(-1)
        starved += _solve_one(free, centred, residual[target], ridge, change[target])
    gain = 1 + change[..., 0]
    layer.scale_base.mul_(gain.to(layer.scale_base))
    layer.scale_spline.mul_(gain.to(layer.scale_spline))
    _settle_bias(layer, residual, (change[..., 0] * mean).sum(1))
    return starved


def _settle_bias(layer: KANLayer, residual: Tensor, added: Tensor) -> None:
    """Make the residual's mean vanish, given what the refitted edges add on average."""
    layer.bias.add_((residual.mean(dim=1) - added).to(layer.bias))


def _solve(free: Tensor, centred: Tensor, residual: Tensor, ridge: float, change: Tensor) -> int:
    """Write the changes of the numbers that are `free` into `change`, both ``(out, numbers)``.

    Targets that nothing has happened to stay as they are, and those with the same numbers free share a factorisation.

    Returns:
        How many targets have too few rows.
    """
    sizes = free.sum(dim=1)
    starved = sizes >= centred.shape[1]
    missed = residual.abs().amax(dim=1)
    due = (missed > _NOTHING * missed.max()) & ~starved & (sizes > 0)
    patterns, of_target = torch.unique(free[due], dim=0, return_inverse=True)
    targets = due.nonzero().flatten()
    shared = len(patterns) > 1 and centred.shape[0] ** 2 <= int(patterns.sum(dim=1).square().sum())
    products = centred @ centred.T if shared else None
    for index, pattern in enumerate(patterns):
        group = targets[of_target == index]
        rows = centred[pattern]
        gram = rows @ rows.T if products is None else products[pattern][:, pattern]
        strength = gram.diagonal().mean().clamp_min(torch.finfo(torch.float64).tiny)
        gram.diagonal().add_(ridge * strength)
        solution = torch.cholesky_solve(rows @ residual[group].T, torch.linalg.cholesky(gram))
        change[group.unsqueeze(1), pattern.nonzero().flatten()] = solution.T
    return int(starved.sum())


def _solve_one(free: Tensor, centred: Tensor, residual: Tensor, ridge: float, change: Tensor) -> int:
    """Write the change of the numbers that are `free` into `change`, ``(in, size)``; 1 if there are too few rows."""
    if not bool(free.any()):
        return 0
    rows = centred[free.flatten()]
    if len(rows) >= centred.shape[1]:
        return 1
    gram = rows @ rows.T
    strength = gram.diagonal().mean().clamp_min(torch.finfo(torch.float64).tiny)
    gram.diagonal().add_(ridge * strength)
    factor = torch.linalg.cholesky(gram)
    solution = torch.cholesky_solve((rows @ residual).unsqueeze(1), factor)
    change[free] = solution.squeeze(1)
    return 0
