"""What the loss would be without an edge if the other edges into its target were refitted: optimal brain surgeon.

A target is linear in the coefficients of the edges into it, so that, all else fixed, the Gauss-Newton loss is a
quadratic ``d' A d / 2`` in a change d of them, with ``A = Z' D Z / N``. Z holds the features of the edges in each of N
rows, base function included, and D the curvature of a row's loss by what the target takes. The bias is free as well:
features are centred by their mean under D, which is the plain mean where D is the same in every row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .removal import RowLoss, derivatives, quadratic
from .spline import features

if TYPE_CHECKING:
    from .layer import KANLayer
    from .network import Network

# Largest number of coefficients into one target. A matrix of so many rows and columns takes half a gigabyte in float64,
# and three of them are held at a time.
UNKNOWNS = 8192

# Numbers held at a time: features of a chunk of rows.
_ELEMENTS = 1 << 22

# A ridge for targets that the loss does not feel at all, so that nothing is divided by zero.
_TINY = 1e-100

# What rounding may leave of a sum of squares, relative to it: a ridge below that is none.
_ROUNDING = 1e-13


@torch.no_grad()
def surgery(
    network: Network, x: Tensor, row_loss: RowLoss, *, classes: bool, in_turn: bool = False, ridge: float = 1e-6
) -> list[Tensor]:
    """Increase of the loss, to second order, when an edge goes and the others into its target make up for it.

    For an edge e with coefficients c_e, base scale included, ``S_e = c_e' ([A^-1]_ee)^-1 c_e / 2``. A pruned edge is
    scored as it would be were it there and the others as they are; it takes no part in the refit of others, nor does a
    coefficient that is pruned alone.

    The ridge draws the refit towards the present coefficients, as in `refit.refit`; what it would charge for the edge
    itself is taken off again, so that a constant moved from an edge to the bias changes nothing. With fewer rows than
    unknowns the others can make up for nearly everything on these rows: all scores of the target are small then, and
    what tells them apart is the ridge.

    Targets with the same edges on and the same curvature in every row, such as the outputs of a regression, share one
    factorisation. Float64 throughout; the same every time.

    Args:
        network: Left alone.
        x: Inputs, ``(rows, in_features)``.
        row_loss: Loss of each row from outputs ``(rows, out)``.
        classes: Whether the loss is cross-entropy; else it is the mean squared error.
        in_turn: Take the edges into a target away one after the other, the cheapest first, the others being refitted
            each time. An edge gets the largest cost so far, so that scores rise in the order in which edges go. For
            pruned edges nothing changes.
        ridge: Weight of the drawing, relative to the mean of A's diagonal.

    Returns:
        Per layer ``(out, in)``, float64, never negative.

    Raises:
        ValueError: If a target has more than `UNKNOWNS` coefficients.

    Source:
        Hassibi & Stork (1992), "Second order derivatives for network pruning: Optimal Brain Surgeon"; by blocks Kurtic
        et al. (2022), arXiv:2203.07259; one after the other Frantar & Alistarh (2022), arXiv:2208.11580.
    """
    _check_size(network)
    d = derivatives(network, x, row_loss, classes=classes)
    curvatures = [quadratic(jacobian, d.shares).double().clamp_min(0) for jacobian in d.jacobians]
    layers = zip(network.layers, d.values, curvatures, strict=True)
    return [_layer_surgery(layer, values, bend, in_turn, ridge) for layer, values, bend in layers]


def _check_size(network: Network) -> None:
    for index, layer in enumerate(network.layers):
        size = layer.grid_size + layer.k + 1
        edges = int(layer.mask.sum(1).max())
        if edges * size > UNKNOWNS:
            raise ValueError(
                f"obs solves for all coefficients into a node at once, at most {UNKNOWNS}; a node of layer {index + 1} "
                f"has {edges} edges of {size} coefficients. Prune by another criterion first, such as 'taylor2', or "
                "take a coarser grid, as model.refine(grid) gives"
            )


def _layer_surgery(layer: KANLayer, values: Tensor, bend: Tensor, in_turn: bool, ridge: float) -> Tensor:
    weight = layer.weight(masked=False).detach().double().transpose(1, 2)  # (out, in, K)
    free = layer.mask.unsqueeze(-1).repeat(1, 1, weight.shape[-1])
    if layer.coef_mask is not None:
        free[..., :-1] &= layer.coef_mask
    result = torch.zeros_like(layer.mask, dtype=torch.float64)
    problems = torch.cat([free.flatten(1).to(bend), bend], dim=1)
    kinds, kind_of = torch.unique(problems, dim=0, return_inverse=True)
    for kind in range(len(kinds)):
        targets = (kind_of == kind).nonzero().squeeze(1)
        one = targets[0]
        problem = _Problem(layer, values, bend[one], layer.mask[one], free[one], weight[targets], ridge)
        found = torch.zeros(len(targets), layer.in_features, dtype=torch.float64, device=weight.device)
        found[:, layer.mask[one]] = problem.in_turn() if in_turn else problem.alone()
        found[:, ~layer.mask[one]] = problem.pruned()
        result[targets] = found.clamp_min(0)
    return result


class _Problem:
    """The quadratic of targets that share it, over the edges that are on.

    Args:
        layer: Their layer.
        values: What enters it, ``(in, rows)``.
        bend: D, ``(rows,)``.
        on: Which edges are on, ``(in,)``.
        free: Which numbers a refit may change, ``(in, K)``; the others are held.
        weight: Coefficients, ``(targets, in, K)``.
        ridge: As in `surgery`.
    """

    def __init__(
        self, layer: KANLayer, values: Tensor, bend: Tensor, on: Tensor, free: Tensor, weight: Tensor, ridge: float
    ) -> None:
        self.weight = weight[:, on]
        self.size = weight.shape[-1]
        self.left = weight[:, ~on]
        gram, self.cross, self.squares, noise = _moments(layer, values, bend, on, free, self.left)
        self.ridge = max(ridge * float(gram.diagonal().mean()), noise, _TINY) if len(gram) else 0.0
        gram.diagonal().add_(self.ridge)
        self.factor = torch.linalg.cholesky(gram)

    def alone(self) -> Tensor:
        """``(targets, edges on)``."""
        coef = self.weight.permute(1, 2, 0)
        return self._cost(coef, torch.linalg.solve(self._blocks(self._inverse()), coef)).T

    def in_turn(self) -> Tensor:
        """``(targets, edges on)``."""
        return torch.stack([self._one_by_one(self._inverse(), coef.clone()) for coef in self.weight])

    def pruned(self) -> Tensor:
        """``(targets, edges off)``: what is left of an edge's output when those that are on have made up for it."""
        explained: Tensor = torch.linalg.solve_triangular(self.factor, self.cross.flatten(1), upper=False)
        return (self.squares - explained.square().sum(0).view_as(self.squares)) / 2

    def _one_by_one(self, inverse: Tensor, coef: Tensor) -> Tensor:
        """Costs in the order of removal for one target, ``(edges on,)``; writes over what it is given."""
        there = torch.ones(len(coef), dtype=torch.bool, device=coef.device)
        found = torch.zeros(len(coef), dtype=torch.float64, device=coef.device)
        highest = found.new_zeros(())
        for _ in range(len(coef)):
            blocks = self._blocks(inverse)
            blocks[~there] = torch.eye(self.size, dtype=blocks.dtype, device=blocks.device)
            pull = torch.linalg.solve(blocks, coef.unsqueeze(-1))
            cost = self._cost(coef.unsqueeze(-1), pull).squeeze(1)
            edge = int(cost.masked_fill(~there, torch.inf).argmin())
            highest = torch.maximum(highest, cost[edge])
            found[edge], there[edge] = highest, False
            column = inverse[:, edge * self.size : (edge + 1) * self.size].clone()
            coef -= (column @ pull[edge]).view_as(coef)
            inverse.addmm_(column, torch.linalg.solve(blocks[edge], column.T), alpha=-1)
            coef[edge] = 0
        return found

    def _inverse(self) -> Tensor:
        inverse: Tensor = torch.cholesky_inverse(self.factor)
        return inverse

    def _blocks(self, inverse: Tensor) -> Tensor:
        """The diagonal blocks, ``(edges on, K, K)``."""
        edges = self.weight.shape[1]
        blocks = inverse.view(edges, self.size, edges, self.size).diagonal(dim1=0, dim2=2)
        return torch.clone(blocks.permute(2, 0, 1))

    def _cost(self, coef: Tensor, pull: Tensor) -> Tensor:
        """The increase, from ``(edges, K, targets)``, without the ridge's own charge for the edge."""
        increase: Tensor = (coef * pull).sum(1) - self.ridge * coef.square().sum(1)
        return increase / 2


def _moments(
    layer: KANLayer, values: Tensor, bend: Tensor, on: Tensor, free: Tensor, left: Tensor
) -> tuple[Tensor, Tensor, Tensor, float]:
    """Weighted covariances of features that are on, of these with the outputs of edges that are off, and of the latter.

    The last is what rounding may have done to the first: it is a difference of sums, which may be far larger.

    Args:
        layer: The layer.
        values: What enters it, ``(in, rows)``.
        bend: Weight of each row.
        on: Which edges are on, ``(in,)``.
        free: Which of their numbers count, ``(in, K)``.
        left: Coefficients of the edges that are off, ``(targets, edges off, K)``.

    Returns:
        ``(unknowns, unknowns)``, ``(unknowns, targets, edges off)``, ``(targets, edges off)`` and a number.
    """
    rows, shape = values.shape[1], left.shape[:2]
    unknowns = int(on.sum()) * free.shape[1]
    gram = _zeros(values, unknowns, unknowns)
    cross, squares = _zeros(values, unknowns, shape.numel()), _zeros(values, shape.numel())
    sums, stray_sums = _zeros(values, unknowns), _zeros(values, shape.numel())
    step = 1 + _ELEMENTS // free.numel()
    # Near enough to the mean that little cancels when sums are taken off below.
    first = bend[:step]
    middle = (_planes(layer, values[:, :step]) @ (first / first.sum().clamp_min(_TINY))).unsqueeze(-1)
    for start in range(0, rows, step):
        part = slice(start, start + step)
        planes, weight = _planes(layer, values[:, part]) - middle, bend[part]
        stray = torch.einsum("tik,ikb->tib", left, planes[~on]).flatten(0, 1)
        chosen = (planes * free.unsqueeze(-1))[on].flatten(0, 1)
        weighted = chosen * weight
        gram.addmm_(weighted, chosen.T)
        cross.addmm_(weighted, stray.T)
        sums += weighted.sum(1)
        squares += stray.square() @ weight
        stray_sums += stray @ weight
    total = max(float(bend.sum()), _TINY)
    noise = float(gram.diagonal().amax()) * _ROUNDING / rows if len(gram) else 0.0
    gram.addr_(sums, sums, alpha=-1 / total)
    cross.addr_(sums, stray_sums, alpha=-1 / total)
    squares -= stray_sums.square() / total
    return gram.div_(rows), cross.view(unknowns, *shape).div_(rows), squares.view(shape).div_(rows), noise


def _planes(layer: KANLayer, values: Tensor) -> Tensor:
    """Features at ``(in, rows)``: ``(in, K, rows)``, in float64."""
    return features(values.contiguous(), layer.knots, layer.base).double().transpose(0, 1)


def _zeros(like: Tensor, *shape: int) -> Tensor:
    return torch.zeros(shape, dtype=torch.float64, device=like.device)
