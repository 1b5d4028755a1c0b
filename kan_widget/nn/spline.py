"""B-splines on any strictly increasing knots, one knot vector per input.

Arrays are feature-major inside, ``(in, ..., batch)``: knots are then scalars of a row, and a layer is one matrix
product whose result is already the next layer's input. A row of *features* holds what an edge is a linear combination
of: the ``G + k`` basis functions and the base function, ``(in, G + k + 1, batch)``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

BASES = ("silu", "identity", "zero")

# Elements of one plane stack of a block: small enough to stay in a core's cache while it is worked on.
_BLOCK = 1 << 17
_BLOCK_ROWS = 512


class Knots(NamedTuple):
    """Extended knots of every input with what evaluation needs of them, made once per grid.

    Attributes:
        values: Knots, ``(in, G + 1 + 2k, 1)``, strictly increasing.
        inverse: For each degree d = 1..k the reciprocals ``1 / (t[m + d] - t[m])``, ``(in, G + 1 + 2k - d, 1)``.
        low: One span below the first knot, ``(in, 1)``: all bases are zero from there on.
        high: One span above the last knot, ``(in, 1)``.
        k: Degree.
    """

    values: Tensor
    inverse: tuple[Tensor, ...]
    low: Tensor
    high: Tensor
    k: int

    @classmethod
    def of(cls, grid: Tensor, k: int) -> Knots:
        """Prepare the knots ``(in, G + 1 + 2k)`` of a layer for evaluation at degree `k`."""
        inverse = tuple(1 / (grid[:, d:] - grid[:, :-d]).unsqueeze(-1) for d in range(1, k + 1))
        low = 2 * grid[:, :1] - grid[:, 1:2]
        high = 2 * grid[:, -1:] - grid[:, -2:-1]
        return cls(grid.unsqueeze(-1), inverse, low, high, k)

    def rows(self, start: int, stop: int) -> Knots:
        """The knots of inputs ``start`` to ``stop``."""
        part = slice(start, stop)
        inverse = tuple(v[part] for v in self.inverse)
        return Knots(self.values[part], inverse, self.low[part], self.high[part], self.k)


def extend_grid(grid: Tensor, k: int) -> Tensor:
    """Add `k` knots on either side of a grid, at the grid's mean spacing.

    Args:
        grid: Interior knots, ``(in, G + 1)``.
        k: Degree of the spline.

    Returns:
        Extended knots, ``(in, G + 1 + 2k)``, with the dtype and device of `grid`.

    Example:
        >>> import torch
        >>> extend_grid(torch.tensor([[0.0, 0.25, 1.0]]), k=1)
        tensor([[-0.5000,  0.0000,  0.2500,  1.0000,  1.5000]])

    Source:
        pykan 0.2.8, ``kan/spline.py``, ``extend_grid``.
    """
    step = (grid[:, -1:] - grid[:, :1]) / (grid.shape[1] - 1)
    outward = torch.arange(1, k + 1, dtype=grid.dtype, device=grid.device) * step
    return torch.cat([grid[:, :1] - outward.flip(1), grid, grid[:, -1:] + outward], dim=1)


def basis(x: Tensor, grid: Tensor, k: int) -> Tensor:
    """Evaluate all B-spline basis functions of each input by the textbook recursion.

    This is the definition, differentiable any number of times; `features` gives the same values faster. On the grid,
    from ``grid[:, k]`` to ``grid[:, -k - 1]``, the basis sums to 1. Beyond it the sum falls to 0 within `k` spans and
    stays there: a spline never extrapolates.

    Args:
        x: Points, ``(batch, in)``, in the units of the layer's input.
        grid: Strictly increasing extended knots in the same units, ``(in, G + 1 + 2k)``.
        k: Degree of the polynomial pieces, at least 1; 3 is cubic.

    Returns:
        Values in [0, 1], ``(batch, in, G + k)``, with the dtype and device of `x`.

    Raises:
        ValueError: If `x` and `grid` disagree on the number of inputs, or there are too few knots.

    Example:
        >>> import torch
        >>> grid = torch.linspace(-2, 2, 9)[None]  # one input, grid [-1, 1], 4 spans
        >>> basis(torch.tensor([[0.25]]), grid, k=2)
        tensor([[[0.0000, 0.0000, 0.1250, 0.7500, 0.1250, 0.0000]]])

    Source:
        C. de Boor, "On calculating with B-splines", J. Approx. Theory 6 (1972), 50-62.
        In KANs: Liu et al. (2024), arXiv:2404.19756, section 2.2.
    """
    if x.ndim != 2 or grid.ndim != 2 or x.shape[1] != grid.shape[0]:
        raise ValueError(
            f"x must be (batch, in) and grid (in, number of knots); got {tuple(x.shape)} and {tuple(grid.shape)}"
        )
    if k < 1 or grid.shape[1] < 2 * k + 2:
        raise ValueError(f"a spline of degree k >= 1 needs at least 2k + 2 knots; got k = {k}, {grid.shape[1]} knots")
    x = x.unsqueeze(-1)
    values = ((x >= grid[:, :-1]) & (x < grid[:, 1:])).to(x.dtype)
    for d in range(1, k + 1):
        rise = (x - grid[:, : -d - 1]) / (grid[:, d:-1] - grid[:, : -d - 1])
        fall = (grid[:, d + 1 :] - x) / (grid[:, d + 1 :] - grid[:, 1:-d])
        values = rise * values[..., :-1] + fall * values[..., 1:]
    return values


def base_function(x: Tensor, base: str) -> Tensor:
    """The base function beside the spline: ``"silu"``, ``"identity"`` or ``"zero"``."""
    if base == "silu":
        return torch.nn.functional.silu(x)
    return x if base == "identity" else torch.zeros_like(x)


def features(x: Tensor, knots: Knots, base: str) -> Tensor:
    """Evaluate what every edge is a linear combination of: the basis and the base function.

    Args:
        x: Points, feature-major, ``(in, batch)``.
        knots: The layer's knots.
        base: Name of the base function.

    Returns:
        ``(in, G + k + 1, batch)``; plane ``G + k`` is the base function. Differentiable in `x`, twice as well.
    """
    result: Tensor = _Features.apply(x, knots, base)  # type: ignore[no-untyped-call]
    return result


def evaluate(x: Tensor, weight: Tensor, knots: Knots, base: str) -> Tensor:
    """Sum all edges of a layer: the one place where a layer is evaluated, so that a faster kernel can stand in.

    Small layers keep their features for the backward pass; large ones go block by block and compute them again,
    so that memory does not grow with ``batch * in * G``.

    Args:
        x: Points, feature-major, ``(in, batch)``.
        weight: ``(out, in, G + k + 1)``: what each edge takes of each feature.
        knots: The layer's knots.
        base: Name of the base function.

    Returns:
        ``(out, batch)``. Differentiable in `x` and `weight`, twice as well.
    """
    if x.numel() * knots.values.shape[1] <= _BLOCK:
        return weight.flatten(1) @ features(x, knots, base).flatten(0, 1)
    result: Tensor = _BlockedLayer.apply(x, weight, knots, base)  # type: ignore[no-untyped-call]
    return result


def _planes(x: Tensor, knots: Knots, base: str) -> tuple[Tensor, Tensor]:
    """Features ``(in, K + 1, batch)`` and the bases of degree k - 1, ``(in, K + 1, batch)``, for the derivative.

    De Boor's recursion with reciprocals instead of divisions. It starts at degree 1, the hat functions, as the smaller
    of the rising and the falling line: there is no interval to search.
    """
    k, inverse = knots.k, knots.inverse
    inside = torch.maximum(torch.minimum(x, knots.high), knots.low)
    distance = inside.unsqueeze(1) - knots.values  # (in, knots, batch)
    rise = distance[:, :-1] * inverse[0]
    fall = 1 - rise[:, 1:]
    if k == 1:
        lower = ((rise >= 0) & (rise < 1)).to(x.dtype)
    current = torch.minimum(rise[:, :-1], fall).clamp_min_(0)
    for d in range(2, k + 1):
        lower = current
        rising = (distance[:, :-d] * inverse[d - 1]).mul_(current)
        current = (current[:, 1:] - rising[:, 1:]).add_(rising[:, :-1])
    planes = torch.empty(x.shape[0], current.shape[1] + 1, x.shape[1], dtype=x.dtype, device=x.device)
    planes[:, :-1] = current
    planes[:, -1] = base_function(x, base)
    return planes, lower


def _base_derivative(x: Tensor, base: str) -> Tensor | float:
    if base == "silu":
        s = torch.sigmoid(x)
        return s * (1 + x * (1 - s))
    return 1.0 if base == "identity" else 0.0


def _input_gradient(grad: Tensor, x: Tensor, lower: Tensor, knots: Knots, base: str) -> Tensor:
    """Gradient in `x`, ``(in, batch)``, from the gradient in the features.

    ``B'_m = k (inv_m B_{m,k-1} - inv_{m+1} B_{m+1,k-1})``; summed by parts over m, so that each lower
    basis is used once.
    """
    difference = torch.empty_like(lower)
    difference[:, 0] = grad[:, 0]
    torch.sub(grad[:, 1:-1], grad[:, :-2], out=difference[:, 1:-1])
    torch.neg(grad[:, -2], out=difference[:, -1])
    slope = difference.mul_(lower).mul_(knots.inverse[knots.k - 1]).sum(1).mul_(knots.k)
    return slope.addcmul_(grad[:, -1], torch.as_tensor(_base_derivative(x, base), dtype=x.dtype, device=x.device))


def _plain_features(x: Tensor, knots: Knots, base: str) -> Tensor:
    """The same features from operations that autograd can differentiate again."""
    values = basis(x.T, knots.values.squeeze(-1), knots.k).permute(1, 2, 0)
    return torch.cat([values, base_function(x, base).unsqueeze(1)], dim=1)


class _Features(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, knots: Knots, base: str) -> Tensor:
        planes, lower = _planes(x, knots, base)
        ctx.save_for_backward(x, lower)
        ctx.rest = (knots, base)
        return planes

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        x, lower = ctx.saved_tensors
        knots, base = ctx.rest
        if torch.is_grad_enabled():  # create_graph=True: the gradient itself will be differentiated
            planes = _plain_features(x, knots, base)
            (dx,) = torch.autograd.grad(planes, x, grads[0], create_graph=True)
            return dx, None, None
        return _input_gradient(grads[0], x, lower, knots, base), None, None


def _blocks(x: Tensor, n_knots: int) -> Iterator[tuple[slice, slice]]:
    """Slices of inputs and of batch, inputs in the inner loop, each small enough for the cache."""
    n_in, batch = x.shape
    columns = min(batch, _BLOCK_ROWS)
    rows = max(1, min(n_in, _BLOCK // (n_knots * columns)))
    for b in range(0, batch, columns):
        for i in range(0, n_in, rows):
            yield slice(i, min(i + rows, n_in)), slice(b, min(b + columns, batch))


class _BlockedLayer(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, knots: Knots, base: str) -> Tensor:
        y = x.new_zeros(weight.shape[0], x.shape[1])
        for rows, columns in _blocks(x, knots.values.shape[1]):
            planes, _ = _planes(x[rows, columns], knots.rows(rows.start, rows.stop), base)
            y[:, columns].addmm_(weight[:, rows].flatten(1), planes.flatten(0, 1))
        ctx.save_for_backward(x, weight)
        ctx.rest = (knots, base)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, weight = ctx.saved_tensors
        knots, base = ctx.rest
        if torch.is_grad_enabled():  # create_graph=True: the gradient itself will be differentiated
            y = weight.flatten(1) @ _plain_features(x, knots, base).flatten(0, 1)
            wanted = [t for t, needed in zip((x, weight), ctx.needs_input_grad, strict=False) if needed]
            found = iter(torch.autograd.grad(y, wanted, grads[0], create_graph=True))
            dx, dw = (next(found) if needed else None for needed in ctx.needs_input_grad[:2])
            return dx, dw, None, None
        grad = grads[0]
        dx = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        dw = torch.zeros_like(weight)
        for rows, columns in _blocks(x, knots.values.shape[1]):
            part, block_x = knots.rows(rows.start, rows.stop), x[rows, columns]
            planes, lower = _planes(block_x, part, base)
            block_grad = grad[:, columns]
            dw[:, rows] += (block_grad @ planes.flatten(0, 1).T).view_as(dw[:, rows])
            if dx is not None:
                upstream = (weight[:, rows].flatten(1).T @ block_grad).view_as(planes)
                dx[rows, columns] = _input_gradient(upstream, block_x, lower, part, base)
        return dx, dw, None, None


def fit_coef(values: Tensor, targets: Tensor) -> Tensor:
    """Least-squares coefficients of curves in given basis values, one factorisation per input.

    Normal equations in float64 with a symmetric eigendecomposition: deterministic on every device, and the shortest
    solution where the samples do not determine all coefficients.

    Args:
        values: Basis values at the samples, ``(in, G + k, samples)``.
        targets: What the curves should be there, ``(in, out, samples)``.

    Returns:
        Coefficients, ``(out, in, G + k)``, in the dtype of `targets`.
    """
    a, y = values.double(), targets.double()
    gram = a @ a.mT
    eigenvalues, vectors = torch.linalg.eigh(gram)
    floor = eigenvalues[:, -1:] * (gram.shape[-1] * torch.finfo(torch.float64).eps)
    inverse = torch.where(eigenvalues > floor, 1 / eigenvalues, 0.0)
    projected = (y @ a.mT) @ vectors * inverse.unsqueeze(1)
    coef: Tensor = (projected @ vectors.mT).transpose(0, 1).to(targets.dtype)
    return coef.contiguous()
