"""Shapley values of nodes: what a node is worth, averaged over every order of switching the nodes of its layer on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import comb
from typing import NamedTuple

import torch
from torch import Tensor

from .levels import evaluate_levels
from .network import Network
from .refit import pre_activations
from .removal import RowLoss

# A layer of so many nodes or fewer is worked out over all its coalitions.
EXACT = 12
# A larger one is sampled: so many random orders, and each of them backwards as well.
PAIRS = 32

# Numbers held at a time: outputs of all rows for a block of coalitions.
_ELEMENTS = 1 << 22
_BLOCK = 1 << 9

# What coalitions ``(coalitions, players)`` of bool are worth in each row, ``(coalitions, rows)``.
Worth = Callable[[Tensor], Tensor]
# Coalitions, and by how much each counts in the value of each player: both ``(coalitions, players)``.
Batch = tuple[Tensor, Tensor]


class Shapley(NamedTuple):
    """Values per node layer, ``(n,)``, float64.

    Attributes:
        nodes: The values.
        row_errors: Their standard errors over rows.
        order_errors: Their standard errors over the orders that were drawn; zero where all were taken.
    """

    nodes: list[Tensor]
    row_errors: list[Tensor]
    order_errors: list[Tensor]


@torch.no_grad()
def shapley(
    network: Network,
    x: Tensor,
    row_loss: RowLoss,
    means: list[Tensor],
    *,
    exact: int = EXACT,
    pairs: int = PAIRS,
    seed: int = 0,
) -> Shapley:
    """Shapley value of every node in the game of its layer.

    A coalition is worth minus the loss when all edges out of the other nodes of the layer leave just their means; for
    outputs it is the edges into them. The values of a layer sum to what the loss grows by without the whole layer.
    Exact over all ``2^n`` coalitions of up to `exact` nodes; else the mean over `pairs` random orders and the same
    backwards, which takes ``2 pairs (n + 1)`` coalitions. A node without an edge that is on does not play: its value
    is zero.

    Args:
        network: Left alone.
        x: Inputs, ``(rows, in_features)``.
        row_loss: Loss of each row from outputs ``(..., rows, out)``.
        means: Per layer ``(out, in)``: mean output of each edge.
        exact: Up to how many nodes all coalitions are taken.
        pairs: How many pairs of orders are drawn for a larger layer, at least 2.
        seed: Of the orders.

    Source:
        Shapley (1953), "A value for n-person games"; orders and their reverses as in Mitchell et al. (2022),
        arXiv:2104.12199; for nodes of KANs "ShapKAN" (2025), arXiv:2510.01663.
    """
    values = [network.input_nodes(x), *pre_activations(network, x)]
    generator = torch.Generator().manual_seed(seed)
    result = Shapley([], [], [])
    for index, width in enumerate(network.width):
        players = _players(network, index)
        worth = _game(network, index, players, values, row_loss, means)
        found = torch.zeros(3, width, dtype=torch.float64, device=x.device)
        if 0 < len(players) <= exact:
            found[:2, players] = _over_rows(_value(worth, _all(len(players))))
        elif len(players):
            found[:, players] = _sampled(worth, [_pair(len(players), generator) for _ in range(pairs)])
        for kept, numbers in zip(result, found, strict=True):
            kept.append(numbers)
    return result


def _players(network: Network, index: int) -> Tensor:
    """The nodes of a node layer that have edges to lose."""
    last = index == network.depth
    mask = network.layers[-1].mask if last else network.layers[index].mask
    return mask.any(dim=1 if last else 0).nonzero().squeeze(1)


def _game(
    network: Network, index: int, players: Tensor, values: list[Tensor], row_loss: RowLoss, means: list[Tensor]
) -> Worth:
    """The game of a node layer: from its edges on, the layers below are as they are."""
    last = index == network.depth
    first = min(index, network.depth - 1)
    tail = Network.from_layers(network.layers[first:])
    own = [layer.mask for layer in tail.layers]
    fills = [torch.where(n.mask, mean.to(n.fill), n.fill) for n, mean in zip(tail.layers, means[first:], strict=True)]
    x = values[first].T
    block = max(1, _ELEMENTS // (x.shape[0] * max(tail.width)))

    def under(present: Tensor) -> Tensor:
        there = torch.ones(len(present), network.width[index], dtype=torch.bool, device=x.device)
        there[:, players] = present.to(x.device)
        masks = [mask.expand(len(present), *mask.shape) for mask in own]
        masks[0] = masks[0] & there.unsqueeze(-1 if last else 1)
        return -row_loss(evaluate_levels(tail, x, masks, fills)).double()

    return lambda present: torch.cat([under(present[i : i + block]) for i in range(0, len(present), block)])


def _value(worth: Worth, batches: Iterator[Batch]) -> Tensor:
    """What each player is worth in each row, ``(players, rows)``."""
    parts = (share.to(torch.float64).T @ worth(present) for present, share in batches)
    total = next(parts)
    for part in parts:
        total += part
    return total


def _all(n: int) -> Iterator[Batch]:
    """Every coalition of `n` players: with a player it counts ``(s - 1)! (n - s)! / n!``, without minus the like."""
    weight = torch.tensor([1 / (n * comb(n - 1, s)) for s in range(n)], dtype=torch.float64)
    for start in range(0, 2**n, _BLOCK):
        number = torch.arange(start, min(start + _BLOCK, 2**n)).unsqueeze(1)
        present = (number >> torch.arange(n)) % 2 == 1
        size = present.sum(1, keepdim=True)
        yield present, torch.where(present, weight[(size - 1).clamp_min(0)], -weight[size.clamp_max(n - 1)])


def _pair(n: int, generator: torch.Generator) -> Batch:
    """A random order of `n` players and its reverse: what each adds when its turn comes, halved."""
    turn = torch.randperm(n, generator=generator)
    steps = torch.arange(n + 1).unsqueeze(1)
    orders = [turn, n - 1 - turn]
    present = torch.cat([order < steps for order in orders])
    share = torch.cat([(order + 1 == steps).double() - (order == steps).double() for order in orders]) / 2
    return present, share


def _sampled(worth: Worth, pairs: list[Batch]) -> Tensor:
    """Values and both their errors, ``(3, players)``."""
    total, means = torch.zeros((), dtype=torch.float64), []
    for pair in pairs:
        rows = _value(worth, iter([pair]))
        means.append(rows.mean(1))
        total = total.to(rows) + rows
    spread = torch.stack(means).std(dim=0) / len(pairs) ** 0.5
    return torch.cat([_over_rows(total / len(pairs)), spread.unsqueeze(0)])


def _over_rows(values: Tensor) -> Tensor:
    """Means over rows and their standard errors, ``(2, players)``, from ``(players, rows)``."""
    rows = values.shape[1]
    return torch.stack([values.mean(1), values.std(dim=1, correction=min(1, rows - 1)) / rows**0.5])
