"""What the loss would be without each edge or node, exactly or to second order. Removing leaves the mean behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from .levels import evaluate_levels
from .spline import features

if TYPE_CHECKING:
    from .layer import KANLayer
    from .network import Network

# Numbers held at a time: features of a changed node in all rows for a block of edges.
_ELEMENTS = 1 << 22

RowLoss = Callable[[Tensor], Tensor]


class Change(NamedTuple):
    """Change of the mean loss and its standard error, per edge layer ``(out, in)`` and per node layer ``(n,)``."""

    edges: list[Tensor]
    edge_errors: list[Tensor]
    nodes: list[Tensor]
    node_errors: list[Tensor]


class Curvature(NamedTuple):
    """Moments of gradient times centred activation. Lists over layers, edges ``(out, in)``, source nodes ``(in,)``.

    Attributes:
        first: ``E[g phi]``, with g the derivative of a row's loss by what the part adds to.
        fisher: ``E[(g phi)^2]``.
        gauss_newton: ``E[phi^2 J' H J]``, with J the derivative of the outputs and H the loss's own curvature.
        node_first: As `first`, for all edges out of a node together.
        node_fisher: As `fisher`.
        node_gauss_newton: As `gauss_newton`.
    """

    first: list[Tensor]
    fisher: list[Tensor]
    gauss_newton: list[Tensor]
    node_first: list[Tensor]
    node_fisher: list[Tensor]
    node_gauss_newton: list[Tensor]


class Derivatives(NamedTuple):
    """What second-order predictions are made from. Lists over layers.

    Attributes:
        values: Values of the source nodes, ``(in, rows)``.
        slopes: Derivative of each row's loss by what its target nodes take, ``(out, rows)``.
        jacobians: Derivatives of the outputs by the same, ``(outputs, out, rows)``.
        shares: Probabilities of the classes, ``(outputs, rows)``; None for the mean squared error.
    """

    values: list[Tensor]
    slopes: list[Tensor]
    jacobians: list[Tensor]
    shares: Tensor | None


def squared_error(targets: Tensor) -> RowLoss:
    """Mean squared error of each row: takes outputs ``(..., rows, out)``, gives ``(..., rows)``."""
    return lambda outputs: (outputs - targets).square().mean(dim=-1)


def cross_entropy(classes: Tensor) -> RowLoss:
    """Cross-entropy of each row in nats, like `squared_error`."""

    def loss(outputs: Tensor) -> Tensor:
        index = classes.expand(outputs.shape[:-1]).unsqueeze(-1)
        return -outputs.log_softmax(dim=-1).gather(-1, index).squeeze(-1)

    return loss


@torch.no_grad()
def leave_one_out(network: Network, x: Tensor, row_loss: RowLoss, means: list[Tensor]) -> Change:
    """The exact change of the loss when one edge, or one node with all its edges, is replaced by its mean.

    For an edge that is pruned already: the change from having it to not having it. Removing an edge changes one node,
    so only that node's edges are evaluated again, for blocks of edges at a time.

    Args:
        network: Left alone.
        x: Inputs, ``(rows, in_features)``.
        row_loss: Loss of each row from outputs ``(..., rows, out)``.
        means: Per layer ``(out, in)``: mean output of each edge.
    """
    activations = _activations(network, x)
    base = row_loss(activations[-1].T)
    edges, edge_errors = [], []
    for index, layer in enumerate(network.layers):
        change, error = _edge_changes(network, index, layer, activations, means[index], row_loss, base)
        edges.append(change)
        edge_errors.append(error)
    nodes, node_errors = _node_changes(network, x, row_loss, means, base)
    return Change(edges, edge_errors, nodes, node_errors)


def _activations(network: Network, x: Tensor) -> list[Tensor]:
    """Values of every node layer, ``(n, rows)``."""
    values = [network.input_nodes(x)]
    for layer in network.layers:
        values.append(layer.transform(values[-1]))
    return values


def _summary(change: Tensor) -> tuple[Tensor, Tensor]:
    """Mean over rows and its standard error, from ``(..., rows)``."""
    rows = change.shape[-1]
    spread = change.double().std(dim=-1, correction=min(1, rows - 1))
    return change.double().mean(dim=-1), spread / rows**0.5


def _edge_changes(
    network: Network,
    index: int,
    layer: KANLayer,
    activations: list[Tensor],
    means: Tensor,
    row_loss: RowLoss,
    base: Tensor,
) -> tuple[Tensor, Tensor]:
    n_out, n_in, rows = layer.out_features, layer.in_features, activations[0].shape[1]
    change = torch.zeros(n_out, n_in, dtype=torch.float64, device=means.device)
    error = torch.zeros_like(change)
    planes = features(activations[index], layer.knots, layer.base)
    weight = layer.weight(masked=False)
    wider = max([n_out, *(n.in_features * (n.grid_size + n.k + 1) for n in network.layers[index + 1 :])])
    step = max(1, _ELEMENTS // (rows * wider))
    for target in range(n_out):
        for start in range(0, n_in, step):
            part = slice(start, min(start + step, n_in))
            values = torch.einsum("ki,kib->ib", weight[target, :, part], planes[:, part])
            on = layer.mask[target, part].unsqueeze(1)
            centred = values - torch.where(on, means[target, part].unsqueeze(1), layer.fill[target, part].unsqueeze(1))
            moved = activations[index + 1][target] + torch.where(on, -centred, centred)
            difference = row_loss(_downstream(network, index + 1, target, moved, activations)) - base
            change[target, part], error[target, part] = _summary(torch.where(on, difference, -difference))
    return change, error


def _downstream(network: Network, index: int, node: int, moved: Tensor, activations: list[Tensor]) -> Tensor:
    """Outputs ``(changes, rows, out)`` when node `node` of node layer `index` takes the values `moved`."""
    changes, rows = moved.shape
    if index == network.depth:
        outputs = activations[-1].T.repeat(changes, 1, 1)
        outputs[:, :, node] = moved
        return outputs
    layer = network.layers[index]
    knots = layer.knots.rows(node, node + 1)
    column = layer.weight()[:, :, node]  # (out, K)
    before = features(activations[index][node : node + 1], knots, layer.base)[:, 0]
    after = features(moved.reshape(1, -1), knots, layer.base)[:, 0]
    step = (column @ after).view(-1, changes, rows) - (column @ before).unsqueeze(1)
    values = (activations[index + 1].unsqueeze(1) + step).flatten(1)
    for rest in network.layers[index + 1 :]:
        values = rest.transform(values)
    return values.view(-1, changes, rows).permute(1, 2, 0)


def _node_changes(
    network: Network, x: Tensor, row_loss: RowLoss, means: list[Tensor], base: Tensor
) -> tuple[list[Tensor], list[Tensor]]:
    """As for edges; a node loses all its outgoing edges, an output all its incoming ones."""
    changes, errors = [], []
    own = [layer.mask for layer in network.layers]
    fills = [
        torch.where(m, mean.to(f), f) for m, mean, f in zip(own, means, (n.fill for n in network.layers), strict=True)
    ]
    for index, width in enumerate(network.width):
        masks = [mask.expand(width, *mask.shape).clone() for mask in own]
        each = torch.arange(width, device=x.device)
        if index < network.depth:
            masks[index][each, :, each] = False
        else:
            masks[-1][each, each, :] = False
        outputs = evaluate_levels(network, x, masks, fills)
        change, error = _summary(row_loss(outputs) - base)
        changes.append(change)
        errors.append(error)
    return changes, errors


def curvature(network: Network, x: Tensor, row_loss: RowLoss, means: list[Tensor], *, classes: bool) -> Curvature:
    """Moments for second-order predictions of `leave_one_out`, from one forward and ``outputs + 1`` backward passes.

    Since a target is linear in what its edges add, no pass per edge is needed.

    Args:
        network: Left alone.
        x: Inputs, ``(rows, in_features)``.
        row_loss: Loss of each row from outputs ``(rows, out)``.
        means: Per layer ``(out, in)``: mean output of each edge.
        classes: Whether the loss is cross-entropy; else it is the mean squared error.
    """
    d = derivatives(network, x, row_loss, classes=classes)
    result = Curvature([], [], [], [], [], [])
    with torch.no_grad():
        for layer, *of_layer in zip(network.layers, d.values, d.slopes, d.jacobians, means, strict=True):
            values, slope, jacobian, mean = of_layer
            found = _layer_curvature(layer, values, slope, jacobian, d.shares, mean)
            for moments, moment in zip(result, found, strict=True):
                moments.append(moment)
    return result


def derivatives(network: Network, x: Tensor, row_loss: RowLoss, *, classes: bool) -> Derivatives:
    """Differentiate each row's loss and outputs by every node: one forward and ``outputs + 1`` backward passes."""
    with torch.enable_grad():
        values = [network.input_nodes(x)]
        for layer in network.layers:
            values.append(layer.transform(values[-1]).requires_grad_())
        outputs = values[-1].T
        slopes = torch.autograd.grad(row_loss(outputs).sum(), values[1:], retain_graph=True)
        by_output = [
            torch.autograd.grad(outputs[:, c].sum(), values[1:], retain_graph=True) for c in range(outputs.shape[1])
        ]
    jacobians = [torch.stack(of_layer) for of_layer in zip(*by_output, strict=True)]
    shares = outputs.detach().softmax(dim=1).T if classes else None
    return Derivatives([v.detach() for v in values[:-1]], list(slopes), jacobians, shares)


def _layer_curvature(
    layer: KANLayer, values: Tensor, slope: Tensor, jacobian: Tensor, shares: Tensor | None, means: Tensor
) -> tuple[Tensor, ...]:
    rows = values.shape[1]
    outs = len(jacobian)
    hidden = quadratic(jacobian, shares)  # (out, rows)
    shape, device = layer.mask.shape, values.device
    edges = [torch.zeros(shape, dtype=torch.float64, device=device) for _ in range(3)]
    nodes = [torch.zeros(shape[1], dtype=torch.float64, device=device) for _ in range(3)]
    step = max(1, _ELEMENTS // (layer.mask.numel() + outs * shape[1]))
    for start in range(0, rows, step):
        part = slice(start, start + step)
        centred = layer.edge_values(values[:, part].contiguous()) - means.to(values).unsqueeze(-1)
        pull = centred * slope[:, part].unsqueeze(1)
        edges[0] += pull.sum(-1)
        edges[1] += pull.square().sum(-1)
        edges[2] += torch.einsum("oib,ob->oi", centred.square(), hidden[:, part])
        whole = centred * layer.mask.unsqueeze(-1)  # a node has the edges that are on
        node_pull = torch.einsum("oib,ob->ib", whole, slope[:, part])
        nodes[0] += node_pull.sum(-1)
        nodes[1] += node_pull.square().sum(-1)
        reach = torch.einsum("oib,cob->cib", whole, jacobian[:, :, part])
        nodes[2] += quadratic(reach, None if shares is None else shares[:, part]).sum(-1)
    return tuple(moment / rows for moment in (*edges, *nodes))


def quadratic(jacobian: Tensor, shares: Tensor | None) -> Tensor:
    """``J' H J`` for derivatives ``(outputs, n, rows)``: mean squared error, or cross-entropy with class `shares`."""
    if shares is None:
        return jacobian.square().sum(0) * (2 / len(jacobian))
    weighted = jacobian * shares.unsqueeze(1)
    spread: Tensor = (weighted * jacobian).sum(0) - weighted.sum(0).square()
    return spread
