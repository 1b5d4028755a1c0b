"""The functions of `network.c` on tensors: small networks whole."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .kernel import BASES, SUFFIXES

MAX_DEPTH = 8
# What a layer is made of, in the order of the struct: parameters, and buffers.
PARAMETERS = ("coef", "scale_spline", "scale_base", "bias")
BUFFERS = ("fill", "grid", "mask", "coef_mask")
PARTS = len(PARAMETERS) + len(BUFFERS)
# Penalties that the kernel knows, by their numbers.
METRICS = {None: 0, "edge_forward_spline_n": 1, "edge_forward_spline_u": 2, "group_lasso": 3}
_HISTORY = 10
# Points that one thread looks at before another one is worth its start.
_SHARE = 1 << 16
_VECTOR_BYTES = 64


class _Layer(ctypes.Structure):
    """The struct of the same name, field for field."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in (*PARAMETERS, *BUFFERS)),
        *((name, ctypes.c_int64) for name in ("n_in", "n_out", "count", "k", "base")),
    )


class _Network(ctypes.Structure):
    """The struct of the same name, field for field."""

    _fields_ = (
        ("layers", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in ("depth", "batch")),
        ("x", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in ("x_row", "x_column")),
        *((name, ctypes.c_void_p) for name in ("y", "grad", "grad_x", "gradients", "labels", "kept")),
        *((name, ctypes.c_double) for name in ("lamb", "l1", "entropy")),
        ("metric", ctypes.c_int64),
        *((name, ctypes.c_double) for name in ("loss", "reg")),
    )


class _Minimiser(ctypes.Structure):
    """The struct of the same name, field for field."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("network", "theta", "found", "memory")),
        ("padded", ctypes.c_int64),
        ("rate", ctypes.c_double),
        *((name, ctypes.c_int64) for name in ("iterations", "stored")),
        *((name, ctypes.c_double) for name in ("step", "scale")),
        ("inverse", ctypes.c_double * _HISTORY),
    )


class _Spreads(ctypes.Structure):
    """The struct of the same name, field for field."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("x", "knots", "coef", "scale_spline", "scale_base", "mask")),
        *((name, ctypes.c_void_p) for name in ("mean", "covariance", "std", "grad")),
        *((name, ctypes.c_void_p) for name in ("grad_coef", "grad_spline", "grad_base", "grad_x")),
        *((name, ctypes.c_int64) for name in ("n_in", "n_out", "batch", "count", "k", "base", "threads", "failed")),
    )


class Spread(NamedTuple):
    """A layer and its points, feature-major, all contiguous; names as in `KANLayer`."""

    x: Tensor
    grid: Tensor
    coef: Tensor
    scale_spline: Tensor
    scale_base: Tensor
    mask: Tensor
    k: int
    base: str


class Weights(NamedTuple):
    """What an objective is made of, ``loss + lamb * reg``: the mean squared error, and pykan's penalties.

    Attributes:
        lamb: Factor of the penalty.
        l1: Of the sizes of edges or nodes in it.
        entropy: Of the entropy over edges.
        metric: One of `METRICS`, or None if there is no penalty.
    """

    lamb: float = 0.0
    l1: float = 0.0
    entropy: float = 0.0
    metric: str | None = None


@dataclass(frozen=True)
class Stack:
    """The layers of a network as the kernel reads them.

    Attributes:
        tensors: What they are made of, `PARTS` for each layer; contiguous, on the CPU.
        dtype: Of the parameters.
        shapes: Of each layer the degree and the name of the base function.
        there: Those of `tensors` that are not None.
        at: Where each of these is in memory.
        numbers: How many numbers each holds.
        storages: What keeps that memory from being given to somebody else.
        layers: The structs.
        parameters: Those of `tensors` that can be learnt, as many as there are `PARAMETERS` for each layer.
        views: Of `parameters`, of the same sizes whatever becomes of those.
        kept: How many numbers take as much room as copies of all tensors, each rounded up to 8 bytes.
        n_out: Outputs of the last layer.
        edges: Of all layers.
    """

    tensors: tuple[Tensor | None, ...]
    dtype: torch.dtype
    shapes: list[tuple[int, str]]
    there: list[Tensor]
    at: list[int]
    numbers: list[int]
    storages: list[torch.UntypedStorage]
    layers: ctypes.Array[_Layer]
    parameters: list[Tensor | None]
    views: list[Tensor | None]
    kept: int
    n_out: int
    edges: int

    @classmethod
    def of(cls, tensors: Sequence[Tensor | None], shapes: Sequence[tuple[int, str]]) -> Stack:
        """The layers of these tensors."""
        at = addresses(tensors)
        structs = []
        for index, (k, base) in enumerate(shapes):
            part = slice(index * PARTS, (index + 1) * PARTS)
            coef, grid = tensors[part][0], tensors[part][5]
            assert coef is not None
            assert grid is not None
            n_out, n_in = coef.shape[:2]
            structs.append(_Layer(*at[part], n_in, n_out, grid.shape[1], k, BASES[base]))
        edges = sum(struct.n_in * struct.n_out for struct in structs)
        layers = (_Layer * len(structs))(*structs)
        learnt = [t for start in range(0, len(tensors), PARTS) for t in tensors[start : start + len(PARAMETERS)]]
        there = [t for t in tensors if t is not None]
        dtype, n_out = there[0].dtype, structs[-1].n_out
        views = [None if p is None else p.detach() for p in learnt]
        kept = sum(-(-t.numel() * t.element_size() // 8) for t in there) * 8 // dtype.itemsize
        return cls(
            tuple(tensors),
            dtype,
            list(shapes),
            there,
            [t.data_ptr() for t in there],
            [t.numel() for t in there],
            [t.untyped_storage() for t in there],
            layers,
            learnt,
            views,
            kept,
            n_out,
            edges,
        )

    def is_as_it_was(self) -> bool:
        """Whether its tensors are still where they were, and as large and as contiguous."""
        there = self.there
        return (
            [*map(Tensor.data_ptr, there)] == self.at
            and [*map(Tensor.numel, there)] == self.numbers
            and all(map(Tensor.is_contiguous, there))
        )


def addresses(tensors: Sequence[Tensor | None]) -> tuple[int | None, ...]:
    """Where each tensor is in memory."""
    return tuple([None if tensor is None else tensor.data_ptr() for tensor in tensors])


class Networks:
    """The functions of a loaded library.

    Args:
        library: What `open_library` gave.

    Raises:
        OSError: If it is another library.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self._functions: dict[torch.dtype, tuple[Any, ...]] = {}
        for dtype, suffix in SUFFIXES.items():
            try:
                names = ("forward", "backward", "objective", "minimise", "spreads")
                functions = [getattr(library, f"kan_network_{name}_{suffix}") for name in names]
                structs = {"whole_layer": _Layer, "network": _Network, "minimiser": _Minimiser, "spreads": _Spreads}
                sizes = [getattr(library, f"kan_{name}_size_{suffix}") for name in structs]
                self.vectors = int(getattr(library, f"kan_minimiser_vectors_{suffix}")())
            except AttributeError as error:
                raise OSError(str(error)) from None
            for function, struct in zip(sizes, structs.values(), strict=True):
                function.restype = ctypes.c_int64
                if function() != ctypes.sizeof(struct):
                    raise OSError(f"{struct.__name__} takes {function()} bytes there, {ctypes.sizeof(struct)} here")
            for function in functions:
                function.argtypes = (ctypes.c_void_p,)
            self._functions[dtype] = tuple(functions)

    def forward(self, stack: Stack, x: Tensor, keep: bool = False) -> tuple[Tensor, Tensor | None]:
        """Evaluate a network.

        Args:
            stack: Its layers.
            x: Points, ``(rows, in)``, with any strides.
            keep: Whether there will be a backward pass.

        Returns:
            ``(rows, out)``, and, if `keep`, copies of all that these depend on, as `backward` wants them.

        Raises:
            MemoryError: If there is not enough memory.
        """
        y = x.new_empty(x.shape[0], stack.n_out)
        call = _Network(
            *(ctypes.addressof(stack.layers), len(stack.layers)),
            *(x.shape[0], x.data_ptr(), *x.stride(), y.data_ptr()),
        )
        kept = None
        if keep:
            kept = x.new_empty(stack.kept + x.numel())
            call.kept = kept.data_ptr()
        _check(self._functions[x.dtype][0](ctypes.addressof(call)))
        return y, kept

    def backward(
        self, stack: Stack, kept: Tensor, shape: torch.Size, grad: Tensor, wanted: Sequence[bool]
    ) -> tuple[Tensor | None, list[Tensor | None]]:
        """Gradients of a network.

        Args:
            stack: Its layers; of these only the sizes are read.
            kept: What `forward` gave.
            shape: Of the points, ``(rows, in)``.
            grad: Gradient in the outputs, ``(rows, out)``.
            wanted: Whether that in `x` is, and those in each parameter of each layer.

        Returns:
            Gradients in `x` and in the parameters; None for those not wanted.

        Raises:
            MemoryError: If there is not enough memory.
        """
        grad, kept = grad.contiguous(), kept.contiguous()
        dx = kept.new_empty(shape) if wanted[0] else None
        gradients = [
            torch.empty_like(p) if needed and p is not None else None
            for p, needed in zip(stack.views, wanted[1:], strict=True)
        ]
        to = (ctypes.c_void_p * len(gradients))(*addresses(gradients))
        call = _Network(
            *(ctypes.addressof(stack.layers), len(stack.layers)),
            *(shape[0], None, 0, 0),
            *(None, grad.data_ptr(), None if dx is None else dx.data_ptr()),
            *(ctypes.addressof(to), None, kept.data_ptr()),
        )
        _check(self._functions[kept.dtype][1](ctypes.addressof(call)))
        return dx, gradients

    def objective(
        self, stack: Stack, x: Tensor, labels: Tensor, weights: Weights, gradients: Sequence[Tensor | None]
    ) -> tuple[float, float]:
        """Loss and penalty of a network, and the gradient of the objective.

        Args:
            stack: Its layers.
            x: As in `forward`; two rows or more.
            labels: ``(rows, out)``, contiguous.
            weights: Of the objective.
            gradients: Where those in ``stack.parameters`` are written, contiguous; None where they are not wanted.

        Raises:
            MemoryError: If there is not enough memory.
        """
        to = (ctypes.c_void_p * len(gradients))(*addresses(gradients))
        call = _objective(stack, x, labels, weights, to)
        _check(self._functions[x.dtype][2](ctypes.addressof(call)))
        return call.loss, call.reg

    def spreads(self, parts: Spread) -> tuple[Tensor, Tensor, Tensor]:
        """Standard deviation (unbiased) of every edge of a layer.

        Args:
            parts: The layer and its points, two or more.

        Returns:
            ``(out, in)``; 0 as good as, where an edge is constant. And what `spread_slopes` wants.

        Raises:
            MemoryError: If there is not enough memory.
        """
        n_in, rows = parts.x.shape[0], parts.grid.shape[1] - parts.k
        mean = parts.x.new_empty((n_in, rows), dtype=torch.float64)
        covariance = parts.x.new_empty((n_in, rows, rows), dtype=torch.float64)
        std = torch.empty_like(parts.scale_base)
        self._spread(parts, (mean, covariance, std, None, None, None, None, None))
        return std, mean, covariance

    def spread_slopes(
        self, parts: Spread, found: tuple[Tensor, Tensor, Tensor], grad: Tensor, wanted: tuple[bool, bool]
    ) -> tuple[Tensor | None, ...]:
        """Gradients of what `spreads` gives.

        Args:
            parts: As there.
            found: What it gave.
            grad: Gradient in the standard deviations, contiguous.
            wanted: Whether that in `x` is, and whether those in the edges are.

        Returns:
            Gradients in `x`, `coef`, `scale_spline` and `scale_base`; None for those not wanted.

        Raises:
            MemoryError: If there is not enough memory.
        """
        std, mean, covariance = found
        dx = torch.empty_like(parts.x) if wanted[0] else None
        edges = (parts.coef, parts.scale_spline, parts.scale_base)
        gradients = [torch.empty_like(tensor) if wanted[1] else None for tensor in edges]
        self._spread(parts, (mean, covariance, std, grad, *gradients, dx))
        return dx, *gradients

    def _spread(self, parts: Spread, written: Sequence[Tensor | None]) -> None:
        x, grid, coef, scale_spline, scale_base, mask, k, base = parts
        threads = min(torch.get_num_threads(), x.numel() // _SHARE + 1)
        at = addresses((x, grid, coef, scale_spline, scale_base, mask, *written))
        call = _Spreads(*at, x.shape[0], coef.shape[0], x.shape[1], grid.shape[1], k, BASES[base], threads)
        _check(self._functions[x.dtype][4](ctypes.addressof(call)))


class Minimiser:
    """L-BFGS on the parameters of one network, step by step: torch's algorithm and constants, in native code.

    Args:
        networks: The functions.
        stack: The layers; what is not learnt is read from their tensors.
        learnt: For each of ``stack.parameters`` whether it is.
        rate: Length of a step to begin with, ``lr``.
    """

    def __init__(self, networks: Networks, stack: Stack, learnt: Sequence[bool], rate: float) -> None:
        self._run = networks._functions[stack.dtype][3]
        self._learnt = [p for p, is_learnt in zip(stack.parameters, learnt, strict=True) if is_learnt and p is not None]
        sizes = [p.numel() for p in self._learnt]
        per_vector = _VECTOR_BYTES // self._learnt[0].element_size()
        padded = -(-sum(sizes) // per_vector) * per_vector
        self._room = self._learnt[0].new_zeros(networks.vectors + 2, padded)  # points, gradients, what is kept
        parts = [vector[: sum(sizes)].split(sizes) for vector in self._room[:2]]
        self._values, gradients = (
            [part.view_as(p) for part, p in zip(split, self._learnt, strict=True)] for split in parts
        )
        own = iter(self._values)
        tensors = list(stack.tensors)
        for index, is_learnt in enumerate(learnt):
            if is_learnt:
                tensors[index // len(PARAMETERS) * PARTS + index % len(PARAMETERS)] = next(own)
        self._stack = Stack.of(tensors, stack.shapes)
        found = iter(gradients)
        to = addresses([next(found) if is_learnt else None for is_learnt in learnt])
        self._to = (ctypes.c_void_p * len(to))(*to)
        self._state = _Minimiser(None, *(self._room[row].data_ptr() for row in range(3)), padded, rate)

    @torch.no_grad()
    def step(self, x: Tensor, labels: Tensor, weights: Weights) -> tuple[float, float]:
        """Up to 20 iterations; writes the parameters.

        Args:
            x: Points, ``(rows, in)``; two rows or more.
            labels: ``(rows, out)``.
            weights: Of the objective.

        Returns:
            Loss and penalty after it.

        Raises:
            MemoryError: If there is not enough memory; then nothing has changed.
        """
        labels = labels.contiguous()
        torch._foreach_copy_(self._values, self._learnt)
        call = _objective(self._stack, x, labels, weights, self._to)
        self._state.network = ctypes.addressof(call)
        _check(self._run(ctypes.addressof(self._state)))
        torch._foreach_copy_(self._learnt, self._values)
        return call.loss, call.reg


def _objective(
    stack: Stack, x: Tensor, labels: Tensor, weights: Weights, to: ctypes.Array[ctypes.c_void_p]
) -> _Network:
    return _Network(
        *(ctypes.addressof(stack.layers), len(stack.layers)),
        *(x.shape[0], x.data_ptr(), *x.stride()),
        *(None, None, None, ctypes.addressof(to), labels.data_ptr(), None),
        *(weights.lamb, weights.l1, weights.entropy, METRICS[weights.metric]),
    )


def _check(failed: int) -> None:
    if failed:
        raise MemoryError("there is not enough memory for a network")
