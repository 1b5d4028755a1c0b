"""Small networks in one native call, so that autograd sees one function instead of one for each layer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import is_
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import Parameter

from . import native
from .layer import KANLayer
from .native.kernel import MAX_DEGREE, SUFFIXES
from .native.network import MAX_DEPTH, METRICS, PARTS, Minimiser, Networks, Stack, Weights, addresses
from .spline import Edges, Knots, plain_layer

if TYPE_CHECKING:
    from .network import Network
    from .run import Objective

# What a small network has at most, and points times edges from which only the smallest are: beyond, its layers one by
# one are as quick, and go over several threads.
_EDGES = 512
_FEATURES = 512
_FEW_EDGES = 128
_MANY = 1 << 17
# Points times edges up to which a step of L-BFGS ends soon enough for who wants to stop it.
_WORK = 1 << 21


def evaluate_whole(network: Network, x: Any) -> Tensor | None:
    """Outputs of a small network, by the native kernel; None where that cannot do it or should not.

    Args:
        network: Its parameters are differentiated, as `x` is, twice as well.
        x: Points, ``(rows, in_features)``; of anything else nothing comes.

    Returns:
        ``(rows, outputs)``.
    """
    if type(x) is not Tensor or x.ndim != 2 or not x.is_cpu or x.is_neg():
        return None
    stack = stack_of(network)
    if stack is None or x.shape[1] != network.in_features or x.dtype != stack.dtype:
        return None
    work = x.shape[0] * stack.edges
    networks = None if work > _MANY and stack.edges > _FEW_EDGES else native.networks_for(work)
    if networks is None:
        return None
    nodes = network.read(x)
    if not torch.is_grad_enabled():
        return networks.forward(stack, nodes)
    learnt = [p for p in stack.parameters if p is not None and p.requires_grad]
    y: Tensor = _Whole.apply((networks, stack), nodes, *learnt)  # type: ignore[no-untyped-call]
    return y


def stack_of(network: Network) -> Stack | None:
    """The layers of a network as the kernel reads them; None if it is not small, or made of something else."""
    tensors: list[Tensor | None] = []
    shapes: list[tuple[int, str]] = []
    stacked: Any = network._modules["layers"]  # this is asked for each time, and so as quick as can be
    layers = list(stacked._modules.values())
    for layer in layers:
        p, b = layer._parameters, layer._buffers
        try:
            fill, grid = b["fill"], b["grid"]
            tensors += (p["coef"], p["scale_spline"], p["scale_base"], p["bias"], fill, grid, b["mask"], b["coef_mask"])
        except KeyError:  # it is computed from something else
            return None
        if fill.requires_grad or grid.requires_grad:
            return None
        shapes.append((layer.k, layer.base))
    known = network.known
    if known is None or not _is_the_same(known, tensors, shapes):
        if not _fits(layers, tensors, shapes):
            return None
        known = network.known = Stack.of(tensors, shapes)
    return known


def quick_minimiser(
    network: Network, learnt: Sequence[Tensor], objective: Objective, labels: Tensor, rate: float, rows: int
) -> Minimiser | None:
    """L-BFGS for a small network and the usual objective; None for others.

    Args:
        network: Its parameters are written at each step.
        learnt: Those of its parameters that are trained.
        objective: What is minimised.
        labels: Of all rows.
        rate: Learning rate.
        rows: Rows of each step.
    """
    from .network import Network

    stack = stack_of(network)
    if stack is None or not 1 < rows <= _WORK / stack.edges or not _is_usual(objective):
        return None
    if labels.dtype != stack.dtype or labels.shape[1:] != (stack.n_out,):
        return None
    networks = native.networks_for(rows * stack.edges)
    trained = [any(p is one for one in learnt) for p in stack.parameters]
    hooked = any(p._backward_hooks for p in learnt) or network._forward_hooks or network._forward_pre_hooks
    if networks is None or hooked or type(network).forward is not Network.forward:
        return None
    return Minimiser(networks, stack, trained, rate) if 0 < len(learnt) == sum(trained) else None


def _is_usual(objective: Objective) -> bool:
    penalty = objective.penalty
    return (
        objective.loss is torch.nn.functional.mse_loss
        and not objective.edge_dropout
        and (not objective.lamb or penalty.metric in METRICS)
        and not (objective.lamb and (penalty.lamb_coef or penalty.lamb_coefdiff))
    )


def weights_of(objective: Objective) -> Weights:
    """The objective in the words of the kernel."""
    penalty = objective.penalty
    if not objective.lamb:
        return Weights()
    return Weights(objective.lamb, penalty.lamb_l1, penalty.lamb_entropy, penalty.metric)


def _is_the_same(known: Stack, tensors: Sequence[Tensor | None], shapes: Sequence[tuple[int, str]]) -> bool:
    same = len(known.tensors) == len(tensors) and all(map(is_, known.tensors, tensors))
    return same and known.shapes == shapes and known.at == addresses(tensors)


def _fits(layers: Iterable[Any], tensors: Sequence[Tensor | None], shapes: Sequence[tuple[int, str]]) -> bool:
    coefs = [tensor for tensor in tensors[::PARTS] if tensor is not None]
    dtype = coefs[0].dtype
    return (
        len(coefs) == len(shapes) <= MAX_DEPTH
        and sum(coef.shape[0] * coef.shape[1] for coef in coefs) <= _EDGES
        and max(coef.shape[1] * (coef.shape[2] + 1) for coef in coefs) <= _FEATURES
        and dtype in SUFFIXES
        and all(k <= MAX_DEGREE for k, _ in shapes)
        and all(type(layer) is KANLayer for layer in layers)
        and all(_is_plain(tensor, dtype) for tensor in tensors if tensor is not None)
    )


def _is_plain(tensor: Tensor, dtype: torch.dtype) -> bool:
    return (
        type(tensor) in (Tensor, Parameter)
        and tensor.is_cpu
        and tensor.dtype in (dtype, torch.bool)
        and tensor.is_contiguous()
        and not tensor.is_neg()
    )


class _Whole(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rest: tuple[Networks, Stack], x: Tensor, *learnt: Tensor) -> Tensor:
        networks, stack = rest
        if any(ctx.needs_input_grad):
            ctx.save_for_backward(x)
            # Each saved tensor takes as long as a layer. Of these all that is wanted is to know whether they change.
            ctx.rest = (networks, stack, _versions(stack))
        return networks.forward(stack, x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        networks, stack, versions = ctx.rest
        (x,) = ctx.saved_tensors
        if versions != _versions(stack):
            raise RuntimeError("the network was changed in place between its evaluation and the backward pass")
        x_needed, *others = ctx.needs_input_grad[1:]
        needed = iter(others)
        wanted = [p is not None and p.requires_grad and next(needed) for p in stack.parameters]
        if torch.is_grad_enabled():  # create_graph=True: the gradient itself will be differentiated
            inputs = [p for p, is_wanted in zip((x, *stack.parameters), (x_needed, *wanted), strict=True) if is_wanted]
            found = iter(torch.autograd.grad(plain_network(stack, x), inputs, grads[0], create_graph=True))
            return None, *(next(found) if is_needed else None for is_needed in (x_needed, *others))
        dx, gradients = networks.backward(stack, x, grads[0], (x_needed, *wanted))
        given = [g for g, p in zip(gradients, stack.parameters, strict=True) if p is not None and p.requires_grad]
        return None, dx, *given


def _versions(stack: Stack) -> tuple[list[int], tuple[int | None, ...]]:
    """Tells whether any tensor has been written to, or put into other memory."""
    written = [0 if t is None or t.is_inference() else t._version for t in stack.tensors]
    return written, addresses(stack.tensors)


def plain_network(stack: Stack, x: Tensor) -> Tensor:
    """The same network from operations that autograd can differentiate again."""
    values = x.T
    for index, (k, base) in enumerate(stack.shapes):
        part = stack.tensors[index * PARTS : (index + 1) * PARTS]
        coef, scale_spline, scale_base, bias, fill, grid, mask, coef_mask = part
        assert coef is not None
        assert scale_base is not None
        assert grid is not None
        acting = coef if coef_mask is None else torch.where(coef_mask, coef, 0)
        edges = Edges(acting, scale_spline, scale_base, mask, bias, fill)
        values = plain_layer(values, edges, Knots.of(grid, k), base)
    return values.T
