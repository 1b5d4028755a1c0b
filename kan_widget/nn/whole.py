"""Small networks in one native call, so that autograd sees one function instead of one for each layer."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from operator import is_
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from . import native
from .layer import KANLayer
from .modes import gradients, wants_graph, wants_operations
from .native.kernel import BASES, MAX_DEGREE, SUFFIXES, is_readable
from .native.network import MAX_DEPTH, METRICS, PARTS, Minimiser, Networks, Stack, Weights
from .spline import Edges, Knots, plain_layer

if TYPE_CHECKING:
    from .network import Network
    from .run import Objective

_STRIDED = torch.strided
# What a small network has at most, and points times edges from which only the smallest are: beyond, its layers one by
# one are as quick, and go over several threads.
_EDGES = 512
_FEATURES = 512
_FEW_EDGES = 128
_MANY = 1 << 17
# Where modules keep who wants to know of their evaluation.
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
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
    if type(x) is not Tensor or x.ndim != 2 or not x.is_cpu or x.layout is not _STRIDED or wants_operations():
        return None
    stack, (rows, columns) = stack_of(network), x.shape
    if stack is None or columns != network.in_features or x.dtype != stack.dtype or x.is_neg():
        return None
    work = rows * stack.edges
    networks = None if work > _MANY and stack.edges > _FEW_EDGES else native.networks()
    if networks is None:
        return None
    nodes = network.read(x)
    if not torch.is_grad_enabled():
        return networks.forward(stack, nodes)[0]
    learnt = [p if p is not None and p.requires_grad else None for p in stack.parameters]
    y: Tensor = _apply((networks, stack), nodes, *learnt)  # type: ignore[no-untyped-call]
    return y


def stack_of(network: Network) -> Stack | None:
    """The layers of a network as the kernel reads them; None if it is not small, or made of something else."""
    tensors: list[Tensor | None] = []
    shapes: list[tuple[int, str]] = []
    stacked: Any = network._modules["layers"]  # this is asked for each time, and so as quick as can be
    layers = list(stacked._modules.values())
    for layer in layers:
        p, b = layer._parameters, layer._buffers
        if "transform" in layer.__dict__:
            return None
        try:
            fill, grid = b["fill"], b["grid"]
            tensors += (p["coef"], p["scale_spline"], p["scale_base"], p["bias"], fill, grid, b["mask"], b["coef_mask"])
        except KeyError:  # it is computed from something else
            return None
        if fill.requires_grad or grid.requires_grad:
            return None
        shapes.append((layer.k, layer.base))
    known = network.stack
    if known is None or not _is_the_same(known, tensors, shapes):
        if not _fits(layers, tensors, shapes):
            return None
        known = network.stack = Stack.of(tensors, shapes)
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
    stack = stack_of(network)
    if stack is None or not 1 < rows <= _WORK / stack.edges or not _is_usual(objective):
        return None
    if labels.dtype != stack.dtype or labels.shape[1:] != (stack.n_out,):
        return None
    networks = native.networks()
    trained = [any(p is one for one in learnt) for p in stack.parameters]
    if networks is None or is_watched(network, learnt):
        return None
    return Minimiser(networks, stack, trained, rate) if 0 < len(learnt) == sum(trained) else None


def is_watched(network: Network, learnt: Sequence[Tensor]) -> bool:
    """Whether somebody wants to know of each evaluation or gradient, or has a say in them."""
    from .network import Network

    return bool(
        type(network).forward is not Network.forward
        or type(network).__call__ is not torch.nn.Module.__call__
        or "forward" in vars(network)
        or any(getattr(network, hooks) for hooks in _HOOKS)
        or torch.nn.modules.module._has_any_global_hook()  # type: ignore[no-untyped-call]
        or any(p._backward_hooks or p._post_accumulate_grad_hooks or not p.requires_grad for p in learnt)
        or wants_operations()
    )


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
    return same and known.shapes == shapes and known.is_as_it_was()


def _fits(layers: Iterable[Any], tensors: Sequence[Tensor | None], shapes: Sequence[tuple[int, str]]) -> bool:
    """Whether a network is small, and all that the kernel reads of it as that expects it."""
    coefs = [tensor for tensor in tensors[::PARTS] if tensor is not None and tensor.ndim == 3]
    if not 0 < len(coefs) == len(shapes) <= MAX_DEPTH or coefs[0].dtype not in SUFFIXES:
        return False
    sizes = [coef.shape for coef in coefs]
    return (
        all(type(layer) is KANLayer for layer in layers)
        and all(type(k) is int and 0 < k <= MAX_DEGREE and base in BASES for k, base in shapes)
        and all(below[0] == above[1] for below, above in itertools.pairwise(sizes))
        and all(min(size) > 0 for size in sizes)
        and sum(n_out * n_in for n_out, n_in, _ in sizes) <= _EDGES
        and max(n_in * (bases + 1) for _, n_in, bases in sizes) <= _FEATURES
        and all(
            _layer_fits(tensors[index * PARTS : (index + 1) * PARTS], size, shapes[index][0], coefs[0].dtype)
            for index, size in enumerate(sizes)
        )
    )


def _layer_fits(tensors: Sequence[Tensor | None], size: Sequence[int], k: int, dtype: torch.dtype) -> bool:
    n_out, n_in, bases = size
    edges = (n_out, n_in)
    kinds = (dtype,) * 6 + (torch.bool,) * 2
    expected = ((*edges, bases), edges, edges, (n_out,), edges, (n_in, bases + k + 1), edges, (*edges, bases))
    *others, coef_mask = (
        None if t is None else is_readable(t, kind, shape) and t.is_contiguous() and t.data_ptr() != 0
        for t, kind, shape in zip(tensors, kinds, expected, strict=True)
    )
    return all(others) and coef_mask is not False


class _Whole(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rest: tuple[Networks, Stack], x: Tensor, *learnt: Tensor | None) -> Tensor:
        networks, stack = rest
        y, kept = networks.forward(stack, x, any(ctx.needs_input_grad))
        if kept is not None:
            # One tensor with copies of all: each saved tensor takes as long as a layer, and whatever happens to the
            # network until the backward pass, the gradient is that of the function that was evaluated.
            ctx.save_for_backward(kept)
            ctx.rest = (networks, stack, x)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        networks, stack, x = ctx.rest
        (kept,) = ctx.saved_tensors
        wanted = ctx.needs_input_grad[1:]
        if wants_graph(grads[0]):
            if not stack.is_as_it_was() or not _are_bits_equal(kept, networks.forward(stack, x, True)[1]):
                raise RuntimeError("the network was changed in place between its evaluation and the backward pass")
            return None, *gradients(lambda: plain_network(stack, x), (x, *stack.parameters), wanted, grads[0])
        dx, found = networks.backward(stack, kept, x.shape, grads[0], wanted)
        return None, dx, *found


# What `_Whole.apply` does besides is for transforms, which are served elsewhere, and takes an eighth of the time.
_apply = super(torch.autograd.Function, _Whole).apply


def _are_bits_equal(one: Tensor, other: Tensor | None) -> bool:
    return other is not None and torch.equal(one.view(torch.uint8), other.view(torch.uint8))


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
