"""Single coefficients: what each is worth, switching some off for good, and fits that leave those at zero.

A basis function is large near one knot only, so an edge without one coefficient has its spline flattened there and is
as before elsewhere. It saves no structure: the edge is still there, and costs what it did.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from .refit import KINDS, pre_activations, refit
from .removal import RowLoss, derivatives, quadratic
from .spline import features

if TYPE_CHECKING:
    from .layer import KANLayer
    from .network import Network

# Numbers held at a time: basis functions of a chunk of rows, or systems of a chunk of edges.
_ELEMENTS = 1 << 22


class Bases(NamedTuple):
    """Coefficients as they act and what their basis functions do on the data, in float64. Lists over layers.

    Attributes:
        weight: ``scale_spline * coef``, ``(out, in, G + k)``: zero where pruned alone; pruned edges as if they were on.
        mean: Mean of each basis function over the rows, ``(in, G + k)``.
        std: Its standard deviation (unbiased), ``(in, G + k)``.
    """

    weight: list[Tensor]
    mean: list[Tensor]
    std: list[Tensor]


class BasisCurvature(NamedTuple):
    """Moments as in `removal.Curvature`, of the terms ``weight * B_m`` instead of whole edges: ``(out, in, G + k)``."""

    first: list[Tensor]
    fisher: list[Tensor]
    gauss_newton: list[Tensor]


@torch.no_grad()
def bases(network: Network, x: Tensor) -> Bases:
    """Run ``(rows, in_features)`` inputs through the network and measure every basis function on what reaches it."""
    values = network.input_nodes(x)
    result = Bases([], [], [])
    for layer in network.layers:
        result.weight.append(_weight(layer))
        mean, std = _moments(layer, values)
        result.mean.append(mean)
        result.std.append(std)
        values = layer.transform(values)
    return result


def basis_curvature(
    network: Network, x: Tensor, row_loss: RowLoss, means: Sequence[Tensor], *, classes: bool
) -> BasisCurvature:
    """Moments for second-order predictions of the loss without each coefficient.

    An edge is linear in its coefficients as a target is in its edges, so the factors of a row are those of
    `removal.curvature`, and what is left is a product of matrices: targets by rows, and rows by basis functions.

    Args:
        network: Left alone.
        x: Inputs, ``(rows, in_features)``.
        row_loss: Loss of each row from outputs ``(rows, out)``.
        means: Per layer ``(in, G + k)``: mean of each basis function, which removal leaves behind.
        classes: Whether the loss is cross-entropy; else it is the mean squared error.
    """
    d = derivatives(network, x, row_loss, classes=classes)
    result = BasisCurvature([], [], [])
    with torch.no_grad():
        for layer, *of_layer in zip(network.layers, d.values, d.slopes, d.jacobians, means, strict=True):
            values, slope, jacobian, mean = of_layer
            first, fisher, newton = _products(layer, values, slope.double(), quadratic(jacobian, d.shares), mean)
            weight = _weight(layer)
            result.first.append(weight * first)
            result.fisher.append(weight.square() * fisher)
            result.gauss_newton.append(weight.square() * newton)
    return result


@torch.no_grad()
def prune_coefficients(network: Network, masks: Sequence[Tensor], x: Tensor, compensate: str) -> int:
    """Switch coefficients off, in place and for good.

    Args:
        network: To be pruned.
        masks: Per layer ``(out, in, G + k)`` bool; False prunes. Earlier ones stand too.
        x: Inputs to make up for the loss on, ``(rows, in_features)``.
        compensate: ``"none"``; ``"mean"``: what each had added on average goes into the bias of its target; a kind of
            `refit`: what is left is fitted as well.

    Returns:
        For how many nodes a refit had too few rows.
    """
    targets = pre_activations(network, x) if compensate in KINDS else None
    measured = bases(network, x)
    for layer, mask, weight, mean in zip(network.layers, masks, measured.weight, measured.mean, strict=True):
        if compensate != "none":
            lost = torch.einsum("oim,im->oi", weight.masked_fill(mask, 0), mean)
            layer.bias.add_((lost * layer.mask).sum(1).to(layer.bias))
        if not bool(mask.all()):
            layer.coef_mask = mask if layer.coef_mask is None else mask & layer.coef_mask
            layer.coef.masked_fill_(~layer.coef_mask, 0)
    return 0 if targets is None else refit(network, x, targets, compensate)


def fit_masked(coef: Tensor, values: Tensor, targets: Tensor, mask: Tensor) -> None:
    """Fit the curves of those edges again that may not use all basis functions, as `spline.fit_coef` does others.

    Args:
        coef: Coefficients ``(out, in, G + k)``, to be written to.
        values: Basis values at the samples, ``(in, G + k, samples)``.
        targets: What the curves should be there, ``(in, out, samples)``.
        mask: Of bool, ``(out, in, G + k)``. False where a coefficient is zero.
    """
    a = values.double()
    gram, products = a @ a.mT, (targets.double() @ a.mT).transpose(0, 1)
    edges = (~mask).any(-1).nonzero()
    step = max(1, _ELEMENTS // gram[0].numel())
    for start in range(0, len(edges), step):
        edge = edges[start : start + step].unbind(1)
        on = mask[edge].double()
        system = gram[edge[1]] * on.unsqueeze(1) * on.unsqueeze(2)
        eigenvalues, vectors = torch.linalg.eigh(system)
        floor = eigenvalues[:, -1:] * (gram.shape[-1] * torch.finfo(torch.float64).eps)
        inverse = torch.where(eigenvalues > floor, 1 / eigenvalues, 0.0)
        projected = (vectors.mT @ (products[edge] * on).unsqueeze(2)) * inverse.unsqueeze(2)
        coef[edge] = ((vectors @ projected).squeeze(2) * on).to(coef)


def on(layer: KANLayer) -> Tensor:
    """Bool ``(out, in, G + k)``: which coefficients are not pruned alone."""
    return torch.ones_like(layer.coef, dtype=torch.bool) if layer.coef_mask is None else layer.coef_mask


def _weight(layer: KANLayer) -> Tensor:
    return layer.masked_coef().detach().double() * layer.scale_spline.detach().double().unsqueeze(-1)


def _chunks(layer: KANLayer, rows: int) -> list[slice]:
    """Slices of the rows whose basis functions may be held at a time."""
    step = max(1, _ELEMENTS // layer.coef[0].numel())
    return [slice(start, start + step) for start in range(0, rows, step)]


def _planes(layer: KANLayer, values: Tensor) -> Tensor:
    """Basis functions at ``(in, rows)``: ``(in, G + k, rows)``, in float64."""
    return features(values.contiguous(), layer.knots, layer.base)[:-1].transpose(0, 1).double()


def _moments(layer: KANLayer, values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each basis function, ``(in, G + k)``."""
    rows = values.shape[1]
    chunks = [values[:, part] for part in _chunks(layer, rows)]
    total, spread = (torch.zeros(layer.coef.shape[1:], dtype=torch.float64, device=values.device) for _ in range(2))
    for chunk in chunks:
        total += _planes(layer, chunk).sum(-1)
    mean = total / rows
    for chunk in chunks:
        spread += (_planes(layer, chunk) - mean.unsqueeze(-1)).square().sum(-1)
    return mean, (spread / max(1, rows - 1)).sqrt()


def _products(
    layer: KANLayer, values: Tensor, slope: Tensor, bend: Tensor, mean: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """``E[g b]``, ``E[(g b)^2]`` and ``E[h b^2]`` of centred basis functions b, ``(out, in, G + k)`` each.

    Args:
        layer: The layer.
        values: What enters it, ``(in, rows)``.
        slope: g, ``(out, rows)``.
        bend: h, ``(out, rows)``.
        mean: Of the basis functions, ``(in, G + k)``.
    """
    rows = values.shape[1]
    first, fisher, newton = (torch.zeros_like(layer.coef, dtype=torch.float64) for _ in range(3))
    for part in _chunks(layer, rows):
        centred = (_planes(layer, values[:, part]) - mean.unsqueeze(-1)).flatten(0, 1).T  # (rows, in * (G + k))
        squares = centred.square()
        first += (slope[:, part] @ centred).view_as(first)
        fisher += (slope[:, part].square() @ squares).view_as(first)
        newton += (bend[:, part].double() @ squares).view_as(first)
    return first / rows, fisher / rows, newton / rows
