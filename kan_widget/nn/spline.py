"""B-splines on any strictly increasing knots, one knot vector per input.

Arrays are feature-major inside, ``(..., in, batch)``: knots are then scalars of a row, and a layer is one matrix
product whose result is already the next layer's input. *Features* are what an edge is a linear combination of: a plane
for each of the ``G + k`` basis functions and one for the base function, ``(G + k + 1, in, batch)``.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from . import gpu, native
from .gpu.layer import evaluate as evaluate_on_gpu
from .modes import gradients, wants_graph, wants_operations
from .native.kernel import Kernel

BASES = ("silu", "identity", "zero")

# Elements of one plane stack of a block: small enough to stay in a core's cache while it is worked on.
_BLOCK = 1 << 18
# Elements of features that are held at a time. A layer with more of them goes over its batch in chunks, and computes
# them again for the backward pass.
_CHUNK = 1 << 23
_CHUNK_ROWS = 64
# Elements from which what is used up at once is written to memory that is kept: the system hands out large pieces
# page by page, which takes longer than to fill them.
_LARGE = 1 << 16


class Knots(NamedTuple):
    """Extended knots of every input with what evaluation needs of them, made once per grid. Knots come first.

    Attributes:
        values: Knots, ``(G + 1 + 2k, in, 1)``, strictly increasing.
        rise: Slope of the rising side of each hat function of degree 1, ``(G + 2k - 1, in, 1)``; divided by its
            support, ``t[m + 2] - t[m]``, where `k` is above 1.
        fall: Slope of the falling side as a multiple of that, negative.
        inverse: For each degree d = 1..k the reciprocals ``1 / (t[m + d] - t[m])``, ``(G + 1 + 2k - d, in, 1)``.
        low: One span below the first knot, ``(in, 1)``: all bases are zero from there on.
        high: One span above the last knot, ``(in, 1)``.
        k: Degree.
    """

    values: Tensor
    rise: Tensor
    fall: Tensor
    inverse: tuple[Tensor, ...]
    low: Tensor
    high: Tensor
    k: int

    @classmethod
    def of(cls, grid: Tensor, k: int) -> Knots:
        """Prepare the knots ``(in, G + 1 + 2k)`` of a layer for evaluation at degree `k`."""
        values = grid.T.clone(memory_format=torch.contiguous_format).unsqueeze(-1)
        inverse = tuple(1 / (values[d:] - values[:-d]) for d in range(1, k + 1))
        rise = inverse[0][:-1] * (inverse[1] if k > 1 else 1)
        fall = -inverse[0][1:] / inverse[0][:-1]
        low = 2 * values[0] - values[1]
        high = 2 * values[-1] - values[-2]
        return cls(values, rise, fall, inverse, low, high, k)

    def rows(self, start: int, stop: int) -> Knots:
        """The knots of inputs ``start`` to ``stop``."""
        if start == 0 and stop == self.values.shape[1]:
            return self
        part = slice(start, stop)
        inverse = tuple(tensor[:, part] for tensor in self.inverse)
        values, rise, fall = self.values[:, part], self.rise[:, part], self.fall[:, part]
        return Knots(values, rise, fall, inverse, self.low[part], self.high[part], self.k)


class Edges(NamedTuple):
    """What a layer's edges are made of; None where there is nothing of the kind.

    Attributes:
        coef: ``(out, in, G + k)``.
        scale_spline: ``(out, in)``; ones when None.
        scale_base: ``(out, in)``.
        mask: Of bool, ``(out, in)``; all on when None.
        bias: ``(out,)``; zeros when None.
        fill: ``(out, in)``, what a pruned edge leaves; zeros when None.
    """

    coef: Tensor
    scale_spline: Tensor | None
    scale_base: Tensor
    mask: Tensor | None
    bias: Tensor | None
    fill: Tensor | None


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
        ``(G + k + 1, in, batch)``; the last plane is the base function. Differentiable in `x`, twice as well.
    """
    if wants_operations():
        return _plain_features(x, knots, base)
    result: Tensor = _Features.apply(x, knots, base)  # type: ignore[no-untyped-call]
    return result


def edge_weights(coef: Tensor, scale_spline: Tensor, scale_base: Tensor, mask: Tensor) -> Tensor:
    """What each edge takes of each feature; nothing where it is pruned.

    Args:
        coef: ``(out, in, G + k)``.
        scale_spline: ``(out, in)``.
        scale_base: ``(out, in)``.
        mask: Of bool, ``(out, in)``.

    Returns:
        ``(out, G + k + 1, in)``. Differentiable in all but `mask`, twice as well.
    """
    if wants_operations():
        return _plain_weights(Edges(coef, scale_spline, scale_base, mask, None, None))
    result: Tensor = _EdgeWeights.apply(coef, scale_spline, scale_base, mask)  # type: ignore[no-untyped-call]
    return result


def evaluate(x: Tensor, weight: Tensor, knots: Knots, base: str) -> Tensor:
    """Sum all edges of a layer, from weights that are ready.

    The native kernel does it where there is one, and Triton on cuda; see `backend`. Without them small layers keep
    their features for the backward pass; large ones go chunk by chunk and compute them again, so that memory does not
    grow with ``batch * in * G``.

    Args:
        x: Points, feature-major, ``(in, batch)``.
        weight: ``(out, G + k + 1, in)``: what each edge takes of each feature.
        knots: The layer's knots.
        base: Name of the base function.

    Returns:
        ``(out, batch)``. Differentiable in `x` and `weight`, twice as well.
    """
    edges = Edges(weight[:, :-1].transpose(1, 2), None, weight[:, -1], None, None, None)
    if wants_operations():
        return plain_layer(x, edges, knots, base)
    y = evaluate_natively(x, edges, knots, base)
    if y is not None:
        return y
    kernel = gpu.kernel_for(x, weight, knots)
    if kernel is not None:
        return evaluate_on_gpu(kernel, x, weight, knots, base)
    result: Tensor = _Layer.apply(x.contiguous(), weight, knots, base)  # type: ignore[no-untyped-call]
    return result


def evaluate_natively(x: Tensor, edges: Edges, knots: Knots, base: str) -> Tensor | None:
    """A whole layer, constants included, by the native kernel; None where that cannot do it or should not.

    Args:
        x: Points, feature-major, ``(in, batch)``.
        edges: What the layer is made of.
        knots: The layer's knots.
        base: Name of the base function.

    Returns:
        ``(out, batch)``. Differentiable in `x`, twice as well, and in all of `edges` but `mask` and `fill`.
    """
    if wants_operations():
        return None
    kernel = native.layers()
    if kernel is None or not kernel.takes(x, edges, knots):
        return None
    coef, scale_spline, scale_base, mask, bias, fill = edges
    if not torch.is_grad_enabled():
        return kernel.forward(*_as_read(x, coef, scale_spline, scale_base, bias, mask, fill), knots, base)
    rest = (kernel, knots, base, mask, fill)
    y: Tensor = _NativeLayer.apply(rest, x, coef, scale_spline, scale_base, bias)  # type: ignore[no-untyped-call]
    return y


@torch.no_grad()
def moments_natively(x: Tensor, edges: Edges, knots: Knots, base: str) -> tuple[Tensor, Tensor] | None:
    """What every edge is over some points, by the native kernel; None where that cannot do it or should not.

    Args:
        x: Points, feature-major, ``(in, batch)``.
        edges: What the layer is made of; pruned edges count as if they were not.
        knots: The layer's knots.
        base: Name of the base function.

    Returns:
        Mean, mean absolute value and standard deviation (unbiased; zero of one point), ``(3, out, in)``, in float64;
        and the sums of all edges and the biases, ``(out, batch)``.
    """
    if wants_operations():
        return None
    kernel = native.layers()
    if kernel is None or x.shape[1] == 0 or not kernel.takes(x, edges, knots):
        return None
    coef, scale_spline, scale_base, _, bias, _ = edges
    return kernel.statistics(*_as_read(x, coef, scale_spline, scale_base, bias, None, None), knots, base)


def plain_layer(x: Tensor, edges: Edges, knots: Knots, base: str) -> Tensor:
    """A layer from operations that autograd can differentiate again: the definition, ``(out, batch)``."""
    y = _plain_weights(edges).flatten(1) @ _plain_features(x, knots, base).flatten(0, 1)
    if edges.bias is not None:
        y = y + edges.bias.unsqueeze(1)
    if edges.fill is None or edges.mask is None:
        return y
    return y + edges.fill.masked_fill(edges.mask, 0).sum(1, keepdim=True)


def _plain_weights(edges: Edges) -> Tensor:
    """What `edge_weights` gives, from operations that autograd can differentiate again."""
    coef, scale_spline, scale_base, mask, *_ = edges
    spline = coef if scale_spline is None else coef * scale_spline.unsqueeze(-1)
    weight = torch.cat([spline, scale_base.unsqueeze(-1)], dim=-1).transpose(1, 2)
    return weight if mask is None else torch.where(mask.unsqueeze(1), weight, 0)


class _Room(threading.local):
    """Memory of a thread for what is used up at once."""

    def __init__(self) -> None:
        self.buffers: dict[tuple[str, torch.dtype], Tensor] = {}

    def take(self, use: str, x: Tensor, planes: int) -> Tensor | None:
        """As many planes like `x`, to be written over; None where it is better to make new ones."""
        size = x.numel() * planes
        if not _LARGE <= size <= _CHUNK or x.device.type != "cpu":
            return None
        buffer = self.buffers.get((use, x.dtype))
        if buffer is None or len(buffer) < size:
            with torch.inference_mode(False):  # what is made in that mode could not be written to outside of it
                buffer = self.buffers[use, x.dtype] = torch.empty(size, dtype=x.dtype, device=x.device)
        return buffer[:size].view(planes, *x.shape)


_room = _Room()


def _fill(planes: Tensor, x: Tensor, knots: Knots, base: str, keep: bool) -> Tensor | None:
    """Write the features at `x` into `planes`, and give what `_slopes` needs, ``(G + k + 1, in, batch)``, if `keep`.

    De Boor's recursion on bases divided by the length of their support, ``q = B / (t[m + d + 1] - t[m])``: a step up is
    ``(x - t[m]) q[m] - (x - t[m + d + 1]) q[m + 1]``, without divisions, and no term is ever negative, so nothing
    cancels. It starts at degree 1, the hat functions, as the smaller of the rising and the falling line: there is no
    interval to search.
    """
    k, count = knots.k, knots.values.shape[0]
    taken = _room.take("between", x, 3 * count)
    stacks = None if taken is None else taken.view(3, count, *x.shape).unbind()

    def room(stack: int, n: int) -> Tensor | None:
        return None if stacks is None else stacks[stack][:n]

    planes[-1] = base_function(x, base)
    distance = torch.sub(torch.clamp(x, knots.low, knots.high), knots.values, out=room(0, count))
    spline, n = planes[:-1], count - 2
    q = torch.mul(distance[2:], knots.fall, out=spline if k == 1 else None if keep and k == 2 else room(1, n))
    torch.minimum(distance[:n], q, out=q).clamp_min_(0).mul_(knots.rise)
    if k == 1:
        return ((distance[:-1] >= 0) & (distance[1:] < 0)) * knots.inverse[0] if keep else None
    for d in range(2, k):
        n = count - d - 1
        raised = torch.mul(distance[:n], q[:-1], out=None if keep and d == k - 1 else room(2 - d % 2, n))
        q = raised.addcmul_(distance[d + 1 :], q[1:], value=-1).mul_(knots.inverse[d])
    torch.mul(distance[: count - k - 1], q[:-1], out=spline).addcmul_(distance[k + 1 :], q[1:], value=-1)
    return q if keep else None


def _blocks(x: Tensor, n_knots: int) -> list[tuple[slice, slice]]:
    """Slices of inputs and of batch, each small enough for the cache."""
    n_in, batch = x.shape
    columns = max(1, min(batch, _BLOCK // n_knots))
    rows = max(1, min(n_in, _BLOCK // (n_knots * columns)))
    return [
        (slice(i, min(i + rows, n_in)), slice(b, min(b + columns, batch)))
        for b in range(0, batch, columns)
        for i in range(0, n_in, rows)
    ]


def _chunks(x: Tensor, n_planes: int) -> list[slice]:
    """Slices of the batch whose features may be held at a time."""
    n_in, batch = x.shape
    size = max(_CHUNK_ROWS, _CHUNK // (n_in * n_planes))
    return [slice(b, min(b + size, batch)) for b in range(0, max(1, batch), size)]


def _filled(x: Tensor, knots: Knots, base: str, *, keep: bool, reuse: bool = False) -> tuple[Tensor, list[Tensor]]:
    """All features ``(G + k + 1, in, batch)`` and, if `keep`, what `_slopes` needs of each block.

    Those of an input lie together in memory, as its weights do. If `reuse`, it is memory that the next call overwrites.
    """
    n_knots = knots.values.shape[0]
    taken = _room.take("features", x, n_knots - knots.k) if reuse else None
    shape = (x.shape[0], n_knots - knots.k, x.shape[1])
    planes = (x.new_empty(shape) if taken is None else taken.view(shape)).transpose(0, 1)
    kept = []
    for rows, columns in _blocks(x, n_knots):
        part = planes[:, rows, columns]
        q = _fill(part, x[rows, columns], knots.rows(rows.start, rows.stop), base, keep)
        if q is not None:
            kept.append(q)
    return planes, kept


def _slopes(grad: Tensor, x: Tensor, kept: Sequence[Tensor], knots: Knots, base: str) -> Tensor:
    """Gradient in `x`, ``(in, batch)``, from the gradient in the features: ``B'[m] = k (q[m] - q[m + 1])``."""
    result = torch.empty_like(x)
    for (rows, columns), q in zip(_blocks(x, knots.values.shape[0]), kept, strict=True):
        block, part, out = x[rows, columns], grad[:, rows, columns], result[rows, columns]
        torch.sum((q[:-1] - q[1:]).mul_(part[:-1]), dim=0, out=out).mul_(knots.k)
        if base == "silu":
            s = torch.sigmoid(block)
            out.addcmul_(part[-1], s + s * block * (1 - s))
        elif base == "identity":
            out += part[-1]
    return result


def _plain_features(x: Tensor, knots: Knots, base: str) -> Tensor:
    """The same features from operations that autograd can differentiate again."""
    near = torch.clamp(x, knots.low, knots.high)  # all bases are zero from there on, and infinity times zero is not
    values = basis(near.T, knots.values.squeeze(-1).T, knots.k).permute(2, 1, 0)
    return torch.cat([values, base_function(x, base).unsqueeze(0)])


class _Features(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, knots: Knots, base: str) -> Tensor:
        planes, kept = _filled(x, knots, base, keep=ctx.needs_input_grad[0])
        ctx.save_for_backward(x, *kept)
        ctx.rest = (knots, base)
        return planes

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, None, None]:
        x, *kept = ctx.saved_tensors
        knots, base = ctx.rest
        if wants_graph(grads[0]):
            (dx,) = gradients(lambda: _plain_features(x, knots, base), [x], [True], grads[0])
            return dx, None, None
        return _slopes(grads[0], x, kept, knots, base), None, None


class _EdgeWeights(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, coef: Tensor, scale_spline: Tensor, scale_base: Tensor, mask: Tensor) -> Tensor:
        ctx.save_for_backward(coef, scale_spline, mask)
        n_out, n_in, n_bases = coef.shape
        weight = coef.new_empty(n_out, n_in, n_bases + 1)
        torch.mul(coef, scale_spline.unsqueeze(-1), out=weight[..., :-1])
        weight[..., -1] = scale_base
        if not mask.is_cpu or not bool(mask.all()):
            weight.masked_fill_(~mask.unsqueeze(-1), 0)  # even where there is nan
        return weight.transpose(1, 2)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        coef, scale_spline, mask = ctx.saved_tensors
        spline, base = grads[0][:, :-1].transpose(1, 2), grads[0][:, -1]
        coef_needed, spline_needed, base_needed = ctx.needs_input_grad[:3]
        return (
            spline * torch.where(mask, scale_spline, 0).unsqueeze(-1) if coef_needed else None,
            torch.where(mask, (spline * coef).sum(-1), 0) if spline_needed else None,
            torch.where(mask, base, 0) if base_needed else None,
            None,
        )


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, knots: Knots, base: str) -> Tensor:
        ctx.rest = (knots, base)
        chunks, flat = _chunks(x, weight.shape[1]), weight.transpose(1, 2).flatten(1)
        if len(chunks) == 1 and any(ctx.needs_input_grad):
            planes, kept = _filled(x, knots, base, keep=ctx.needs_input_grad[0])
            ctx.save_for_backward(x, weight, planes, *kept)
            return flat @ _by_input(planes)
        ctx.save_for_backward(x, weight)
        parts = [flat @ _by_input(_filled(x[:, c], knots, base, keep=False, reuse=True)[0]) for c in chunks]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, weight, *saved = ctx.saved_tensors
        knots, base = ctx.rest
        x_needed, weight_needed = ctx.needs_input_grad[:2]
        if wants_graph(grads[0]):

            def evaluate() -> Tensor:
                y: Tensor = weight.flatten(1) @ _plain_features(x, knots, base).flatten(0, 1)
                return y

            dx, dw = gradients(evaluate, (x, weight), (x_needed, weight_needed), grads[0])
            return dx, dw, None, None
        flat, slopes, dw = weight.transpose(1, 2).flatten(1), [], None
        for c in _chunks(x, weight.shape[1]):
            part, grad = x[:, c], grads[0][:, c]
            planes, kept = (saved[0], saved[1:]) if saved else _filled(part, knots, base, keep=x_needed, reuse=True)
            if weight_needed:
                step = grad @ _by_input(planes).T
                dw = step if dw is None else dw.add_(step)
            if x_needed:
                asked = (flat.T @ grad).view(len(part), len(planes), part.shape[1]).transpose(0, 1)
                slopes.append(_slopes(asked, part, kept, knots, base))
        dx = None if not slopes else slopes[0] if len(slopes) == 1 else torch.cat(slopes, dim=1)
        return dx, None if dw is None else dw.view(len(dw), len(x), weight.shape[1]).transpose(1, 2), None, None


def _by_input(planes: Tensor) -> Tensor:
    """The features of one input after those of another, ``(in * (G + k + 1), batch)``, as they lie in memory."""
    return planes.transpose(0, 1).flatten(0, 1)


class _NativeLayer(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        rest: tuple[Kernel, Knots, str, Tensor | None, Tensor | None],
        x: Tensor,
        coef: Tensor,
        scale_spline: Tensor | None,
        scale_base: Tensor,
        bias: Tensor | None,
    ) -> Tensor:
        kernel, knots, base, mask, fill = rest
        ctx.save_for_backward(x, coef, scale_spline, scale_base, bias, mask, fill)
        ctx.rest = (kernel, knots, base)
        return kernel.forward(*_as_read(x, coef, scale_spline, scale_base, bias, mask, fill), knots, base)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        kernel, knots, base = ctx.rest
        x, coef, scale_spline, scale_base, bias, mask, fill = ctx.saved_tensors
        wanted = ctx.needs_input_grad[1:]
        if wants_graph(grads[0]):
            edges = Edges(coef, scale_spline, scale_base, mask, bias, fill)
            parts = (x, coef, scale_spline, scale_base, bias)
            return None, *gradients(lambda: plain_layer(x, edges, knots, base), parts, wanted, grads[0])
        grad = grads[0].contiguous()
        x, edges = _as_read(*ctx.saved_tensors)
        found = kernel.backward(grad, x, edges, knots, base, (wanted[0], any(wanted[1:4])))
        return None, *found, grad.sum(1) if wanted[4] else None


def _as_read(
    x: Tensor,
    coef: Tensor,
    scale_spline: Tensor | None,
    scale_base: Tensor,
    bias: Tensor | None,
    mask: Tensor | None,
    fill: Tensor | None,
) -> tuple[Tensor, Edges]:
    """As the kernel reads them: of points, coefficients and base scales it knows strides, all else is contiguous."""
    spline, bias, mask, fill = (t if t is None else t.contiguous() for t in (scale_spline, bias, mask, fill))
    return x if 1 in x.stride() else x.contiguous(), Edges(coef, spline, scale_base, mask, bias, fill)


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
