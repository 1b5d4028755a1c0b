"""The functions of `network.c` on tensors: small networks whole."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .kernel import BASES, SUFFIXES

MAX_DEPTH = 8
# What a layer is made of, in the order of the struct: parameters, and buffers.
PARAMETERS = ("coef", "scale_spline", "scale_base", "bias")
BUFFERS = ("fill", "grid", "mask", "coef_mask")
PARTS = len(PARAMETERS) + len(BUFFERS)


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
        *((name, ctypes.c_void_p) for name in ("y", "grad", "grad_x", "gradients", "labels")),
        *((name, ctypes.c_double) for name in ("lamb", "l1", "entropy")),
        ("metric", ctypes.c_int64),
        *((name, ctypes.c_double) for name in ("loss", "reg")),
    )


@dataclass(frozen=True)
class Stack:
    """The layers of a network as the kernel reads them.

    Attributes:
        tensors: What they are made of, `PARTS` for each layer; contiguous, on the CPU.
        dtype: Of the parameters.
        shapes: Of each layer the degree and the name of the base function.
        at: Where each tensor is in memory.
        layers: The structs.
        parameters: Those of `tensors` that can be learnt, as many as there are `PARAMETERS` for each layer.
        n_out: Outputs of the last layer.
        edges: Of all layers.
    """

    tensors: tuple[Tensor | None, ...]
    dtype: torch.dtype
    shapes: list[tuple[int, str]]
    at: tuple[int | None, ...]
    layers: ctypes.Array[_Layer]
    parameters: list[Tensor | None]
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
        assert tensors[0] is not None
        return cls(tuple(tensors), tensors[0].dtype, list(shapes), at, layers, learnt, structs[-1].n_out, edges)


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
        self._functions: dict[torch.dtype, tuple[Any, Any, Any]] = {}
        for dtype, suffix in SUFFIXES.items():
            try:
                names = ("forward", "backward", "objective", "size")
                *functions, size = (getattr(library, f"kan_network_{name}_{suffix}") for name in names)
                layer_size = getattr(library, f"kan_whole_layer_size_{suffix}")
            except AttributeError as error:
                raise OSError(str(error)) from None
            for function, struct in ((size, _Network), (layer_size, _Layer)):
                function.restype = ctypes.c_int64
                if function() != ctypes.sizeof(struct):
                    raise OSError(f"{struct.__name__} takes {function()} bytes there, {ctypes.sizeof(struct)} here")
            for function in functions:
                function.argtypes = (ctypes.c_void_p,)
            self._functions[dtype] = functions[0], functions[1], functions[2]

    def forward(self, stack: Stack, x: Tensor) -> Tensor:
        """Evaluate a network.

        Args:
            stack: Its layers.
            x: Points, ``(rows, in)``, with any strides.

        Returns:
            ``(rows, out)``.

        Raises:
            MemoryError: If there is not enough memory.
        """
        y = x.new_empty(x.shape[0], stack.n_out)
        call = _Network(
            *(ctypes.addressof(stack.layers), len(stack.layers)),
            *(x.shape[0], x.data_ptr(), *x.stride(), y.data_ptr()),
        )
        _check(self._functions[x.dtype][0](ctypes.addressof(call)))
        return y

    def backward(
        self, stack: Stack, x: Tensor, grad: Tensor, wanted: Sequence[bool]
    ) -> tuple[Tensor | None, list[Tensor | None]]:
        """Gradients of a network.

        Args:
            stack: Its layers.
            x: As in `forward`.
            grad: Gradient in the outputs, ``(rows, out)``.
            wanted: Whether that in `x` is, and those in each parameter of each layer.

        Returns:
            Gradients in `x` and in the parameters; None for those not wanted.

        Raises:
            MemoryError: If there is not enough memory.
        """
        grad = grad.contiguous()
        dx = torch.empty_like(x, memory_format=torch.contiguous_format) if wanted[0] else None
        gradients = [
            torch.empty_like(parameter) if needed and parameter is not None else None
            for parameter, needed in zip(stack.parameters, wanted[1:], strict=True)
        ]
        to = (ctypes.c_void_p * len(gradients))(*addresses(gradients))
        call = _Network(
            *(ctypes.addressof(stack.layers), len(stack.layers)),
            *(x.shape[0], x.data_ptr(), *x.stride()),
            *(None, grad.data_ptr(), None if dx is None else dx.data_ptr()),
            ctypes.addressof(to),
        )
        _check(self._functions[x.dtype][1](ctypes.addressof(call)))
        return dx, gradients


def _check(failed: int) -> None:
    if failed:
        raise MemoryError("there is not enough memory for a network")
