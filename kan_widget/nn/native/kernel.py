"""The functions of `kernel.c` on tensors."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import Parameter

if TYPE_CHECKING:
    from ..spline import Edges, Knots

BASES = {"silu": 0, "identity": 1, "zero": 2}
MAX_DEGREE = 15
SUFFIXES = {torch.float32: "f32", torch.float64: "f64"}
_KINDS = (Tensor, Parameter)
_STRIDED = torch.strided
# What one thread does, in points times targets, before another one is worth its start.
_SHARE = 1 << 19


class _Layer(ctypes.Structure):
    """The struct of the same name, field for field."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("coef", "scale_spline", "scale_base", "mask", "bias", "fill")),
        *((name, ctypes.c_void_p) for name in ("knots", "x", "y", "grad")),
        *((name, ctypes.c_void_p) for name in ("grad_x", "grad_coef", "grad_spline", "grad_base", "moments")),
        *((name, ctypes.c_int64) for name in ("coef_out", "coef_in", "coef_basis", "base_out", "base_in")),
        *((name, ctypes.c_int64) for name in ("x_in", "x_row", "n_in", "n_out", "batch", "count", "k", "base")),
        *((name, ctypes.c_int64) for name in ("threads", "block", "first", "shares")),
        *((name, ctypes.c_void_p) for name in ("sums", "offset", "weight", "grad_rows", "live")),
        ("failed", ctypes.c_int64),
    )


def _at(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def is_readable(tensor: Tensor, dtype: torch.dtype, shape: tuple[int, ...]) -> bool:
    """Whether a tensor is numbers of this type and shape in the memory of this process."""
    return (
        type(tensor) in _KINDS
        and tensor.is_cpu
        and tensor.layout is _STRIDED
        and tensor.dtype == dtype
        and tensor.shape == shape
        and not tensor.is_neg()
    )


class Kernel:
    """A loaded library.

    Args:
        library: What `open_library` gave.

    Raises:
        OSError: If it is another library.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self._functions: dict[torch.dtype, tuple[Any, Any, Any]] = {}
        for dtype, suffix in SUFFIXES.items():
            try:
                names = ("forward", "backward", "statistics", "layer_size")
                *calls, size = (getattr(library, f"kan_{name}_{suffix}") for name in names)
            except AttributeError as error:
                raise OSError(str(error)) from None
            size.restype = ctypes.c_int64
            if size() != ctypes.sizeof(_Layer):
                raise OSError(f"a layer takes {size()} bytes there, and {ctypes.sizeof(_Layer)} here")
            for call in calls:
                call.argtypes = (ctypes.POINTER(_Layer),)
            forward, backward, statistics = calls
            self._functions[dtype] = forward, backward, statistics

    def takes(self, x: Tensor, edges: Edges, knots: Knots) -> bool:
        """Whether this kernel can evaluate such a layer: whether all that it reads is as it expects it."""
        coef, scale_spline, scale_base, mask, bias, fill = edges
        dtype = x.dtype
        if dtype not in self._functions or type(x) is not Tensor or x.ndim != 2 or coef.ndim != 3:
            return False
        n_out, n_in, bases = coef.shape
        pairs = (n_out, n_in)
        return (
            0 < knots.k <= MAX_DEGREE
            and is_readable(x, dtype, (n_in, x.shape[1]))
            and is_readable(coef, dtype, (n_out, n_in, bases))
            and is_readable(scale_base, dtype, pairs)
            and is_readable(knots.values, dtype, (bases + knots.k + 1, n_in, 1))
            and (scale_spline is None or is_readable(scale_spline, dtype, pairs))
            and (mask is None or is_readable(mask, torch.bool, pairs))
            and (bias is None or is_readable(bias, dtype, (n_out,)))
            and (fill is None or (is_readable(fill, dtype, pairs) and not fill.requires_grad))
        )

    def forward(self, x: Tensor, edges: Edges, knots: Knots, base: str) -> Tensor:
        """Evaluate a layer.

        Args:
            x: Points, ``(in, batch)``, contiguous or the transpose of what is.
            edges: Contiguous but for `coef` and `scale_base`.
            knots: The layer's knots.
            base: Name of the base function.

        Returns:
            The layer's outputs, ``(out, batch)``.

        Raises:
            MemoryError: If there is not enough memory.
        """
        y = x.new_empty(edges.coef.shape[0], x.shape[1])
        call = _Layer(
            *(_at(tensor) for tensor in edges),
            knots.values.data_ptr(),
            x.data_ptr(),
            y.data_ptr(),
            *(None,) * 6,
            *_sizes(x, edges, knots, base),
        )
        if self._functions[x.dtype][0](call):
            raise MemoryError("there is not enough memory for a layer")
        return y

    def backward(
        self, grad: Tensor, x: Tensor, edges: Edges, knots: Knots, base: str, wanted: tuple[bool, bool]
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None, Tensor | None]:
        """The gradients of what was given to `forward`.

        Args:
            grad: Gradient in the outputs, ``(out, batch)``, contiguous.
            x: As in `forward`.
            edges: As in `forward`.
            knots: As in `forward`.
            base: As in `forward`.
            wanted: Whether the gradient in `x` is, and whether those in the edges are.

        Returns:
            Gradients in `x`, `coef`, `scale_spline` and `scale_base`, contiguous; None for those not wanted.

        Raises:
            MemoryError: If there is not enough memory.
        """
        edges_wanted = wanted[1]
        dx = x.new_empty(x.shape) if wanted[0] else None
        dcoef = x.new_empty(edges.coef.shape) if edges_wanted else None
        dspline = x.new_empty(edges.coef.shape[:2]) if edges_wanted and edges.scale_spline is not None else None
        dbase = x.new_empty(edges.coef.shape[:2]) if edges_wanted else None
        call = _Layer(
            *(_at(tensor) for tensor in edges),
            knots.values.data_ptr(),
            x.data_ptr(),
            None,
            grad.data_ptr(),
            *(_at(tensor) for tensor in (dx, dcoef, dspline, dbase)),
            None,
            *_sizes(x, edges, knots, base),
        )
        if self._functions[x.dtype][1](call):
            raise MemoryError("there is not enough memory for the gradients of a layer")
        return dx, dcoef, dspline, dbase

    def statistics(self, x: Tensor, edges: Edges, knots: Knots, base: str) -> tuple[Tensor, Tensor]:
        """What the edges of a layer are over some points, pruned or not, without holding them for more than one.

        Args:
            x: As in `forward`; at least one point.
            edges: As in `forward`.
            knots: As in `forward`.
            base: As in `forward`.

        Returns:
            Mean, mean absolute value and standard deviation (unbiased), ``(3, out, in)``, in float64; and the sums of
            all edges and the biases, ``(out, batch)``.

        Raises:
            MemoryError: If there is not enough memory.

        Source:
            Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances" (1979).
        """
        moments = x.new_empty((3, *edges.coef.shape[:2]), dtype=torch.float64)
        y = x.new_empty(edges.coef.shape[0], x.shape[1])
        call = _Layer(
            *(_at(tensor) for tensor in edges._replace(mask=None, fill=None)),
            knots.values.data_ptr(),
            x.data_ptr(),
            y.data_ptr(),
            *(None,) * 5,
            moments.data_ptr(),
            *_sizes(x, edges, knots, base),
        )
        if self._functions[x.dtype][2](call):
            raise MemoryError("there is not enough memory for the statistics of a layer")
        return moments, y


def _sizes(x: Tensor, edges: Edges, knots: Knots, base: str) -> tuple[int, ...]:
    """Strides, sizes and threads, in the order of the struct."""
    n_in, batch = x.shape
    n_out = edges.coef.shape[0]
    threads = min(torch.get_num_threads(), n_in * batch * n_out // _SHARE + 1)
    return (
        *edges.coef.stride(),
        *edges.scale_base.stride(),
        *x.stride(),
        *(n_in, n_out, batch, knots.values.shape[0], knots.k),
        *(BASES[base], threads),
    )
