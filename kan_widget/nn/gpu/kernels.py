"""Triton kernels of a layer: every plane of features is made in registers from its few knots and used up at once.

What is read and written is what a layer has anyhow: points ``(in, batch)``, weights ``(out, G + k + 1, in)``, outputs
``(out, batch)``; no features, no atomic additions. A kernel sums its share of one axis into a part of its own, and the
parts are added up in their order, so that equal inputs give equal bits.

`bump_d(m)` is the B-spline of degree d on the knots from m on, divided by the length of its support, as in
`spline._fill`.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def knot(T, m, i, on, n_in):
    """Knot m of each input, as a column."""
    return tl.load(T + m * n_in + i, on, 0.0)[:, None]


@triton.jit
def share(numerator, denominator):
    """A quotient; nothing in the rows of inputs that are not there, whose knots read as zeros."""
    return tl.where(denominator == 0, 0.0, numerator / tl.where(denominator == 0, 1.0, denominator))


@triton.jit
def bump0(x, T, m, i, on, n_in):
    start, stop = knot(T, m, i, on, n_in), knot(T, m + 1, i, on, n_in)
    return tl.where((x >= start) & (x < stop), share(1.0, stop - start), 0.0)


@triton.jit
def bump1(x, T, m, i, on, n_in):
    start, peak, stop = knot(T, m, i, on, n_in), knot(T, m + 1, i, on, n_in), knot(T, m + 2, i, on, n_in)
    hat = tl.minimum((x - start) * share(1.0, peak - start), (stop - x) * share(1.0, stop - peak))
    return tl.maximum(hat, 0.0) * share(1.0, stop - start)


@triton.jit
def raised(x, left, right, T, m, d: tl.constexpr, i, on, n_in):
    """The B-spline of degree d on the knots from m on, from the bumps of one degree less on those from m and m + 1."""
    return (x - knot(T, m, i, on, n_in)) * left + (knot(T, m + d + 1, i, on, n_in) - x) * right


@triton.jit
def lowered(spline, T, m, d: tl.constexpr, i, on, n_in):
    return spline * share(1.0, knot(T, m + d + 1, i, on, n_in) - knot(T, m, i, on, n_in))


@triton.jit
def bump2(x, T, m, i, on, n_in):
    left, right = bump1(x, T, m, i, on, n_in), bump1(x, T, m + 1, i, on, n_in)
    return lowered(raised(x, left, right, T, m, 2, i, on, n_in), T, m, 2, i, on, n_in)


@triton.jit
def bump3(x, T, m, i, on, n_in):
    left, right = bump2(x, T, m, i, on, n_in), bump2(x, T, m + 1, i, on, n_in)
    return lowered(raised(x, left, right, T, m, 3, i, on, n_in), T, m, 3, i, on, n_in)


@triton.jit
def bump4(x, T, m, i, on, n_in):
    left, right = bump3(x, T, m, i, on, n_in), bump3(x, T, m + 1, i, on, n_in)
    return lowered(raised(x, left, right, T, m, 4, i, on, n_in), T, m, 4, i, on, n_in)


@triton.jit
def bump(x, T, m, d: tl.constexpr, i, on, n_in):
    if d == 0:
        return bump0(x, T, m, i, on, n_in)
    elif d == 1:
        return bump1(x, T, m, i, on, n_in)
    elif d == 2:
        return bump2(x, T, m, i, on, n_in)
    elif d == 3:
        return bump3(x, T, m, i, on, n_in)
    else:
        return bump4(x, T, m, i, on, n_in)


@triton.jit
def near(x, T, n_knots, i, on, n_in):
    """Points no further out than one span, where all bumps are zero: so nothing overflows, and NaN stays NaN."""
    first, second = knot(T, 0, i, on, n_in), knot(T, 1, i, on, n_in)
    last, before = knot(T, n_knots - 1, i, on, n_in), knot(T, n_knots - 2, i, on, n_in)
    low, high = 2 * first - second, 2 * last - before
    return tl.where(x < low, low, tl.where(x > high, high, x))


@triton.jit
def base_value(x, base: tl.constexpr):
    if base == 0:
        return x * tl.sigmoid(x)
    elif base == 1:
        return x
    else:
        return tl.zeros_like(x)


@triton.jit
def base_slope(x, base: tl.constexpr):
    if base == 0:
        s = tl.sigmoid(x)
        return s + s * x * (1 - s)
    elif base == 1:
        return tl.zeros_like(x) + 1
    else:
        return tl.zeros_like(x)


@triton.jit
def plane(x, T, m, n_bases, k: tl.constexpr, base: tl.constexpr, i, on, n_in):
    """Plane m of the features at a tile of points; the last one is the base function."""
    if m < n_bases:
        inside = near(x, T, n_bases + k + 1, i, on, n_in)
        if k == 1:
            support = knot(T, m + 2, i, on, n_in) - knot(T, m, i, on, n_in)
            values = bump1(inside, T, m, i, on, n_in) * support
        else:
            left = bump(inside, T, m, k - 1, i, on, n_in)
            right = bump(inside, T, m + 1, k - 1, i, on, n_in)
            values = raised(inside, left, right, T, m, k, i, on, n_in)
    else:
        values = base_value(x, base)
    return values


@triton.jit
def slope(x, T, m, n_bases, k: tl.constexpr, base: tl.constexpr, i, on, n_in):
    """The derivative of that: ``B'[m] = k (bump[m] - bump[m + 1])``, of one degree less."""
    if m < n_bases:
        inside = near(x, T, n_bases + k + 1, i, on, n_in)
        values = k * (bump(inside, T, m, k - 1, i, on, n_in) - bump(inside, T, m + 1, k - 1, i, on, n_in))
    else:
        values = base_slope(x, base)
    return values


@triton.jit
def forward(
    X, W, T, Y, n_in, n_out, batch, n_bases, span, k: tl.constexpr, base: tl.constexpr,
    INPUTS: tl.constexpr, OUTPUTS: tl.constexpr, POINTS: tl.constexpr,
):  # fmt: skip
    """Part ``program_id(2)`` of the outputs ``(parts, out, batch)``: from `span` inputs."""
    b = tl.program_id(0) * POINTS + tl.arange(0, POINTS)
    o = tl.program_id(1) * OUTPUTS + tl.arange(0, OUTPUTS)
    there, asked = b < batch, o < n_out
    first = tl.program_id(2) * span
    total = tl.zeros((OUTPUTS, POINTS), tl.float32)
    for start in range(first, tl.minimum(first + span, n_in), INPUTS):
        i = start + tl.arange(0, INPUTS)
        on = i < n_in
        x = tl.load(X + i.to(tl.int64)[:, None] * batch + b[None, :], on[:, None] & there[None, :], 0.0)
        for m in range(n_bases + 1):
            at = (o.to(tl.int64)[:, None] * (n_bases + 1) + m) * n_in + i[None, :]
            weight = tl.load(W + at, asked[:, None] & on[None, :], 0.0)
            values = plane(x, T, m, n_bases, k, base, i, on, n_in)
            total = tl.dot(weight, values, total, input_precision="ieee")
    at = (tl.program_id(2).to(tl.int64) * n_out + o[:, None]) * batch + b[None, :]
    tl.store(Y + at, total, asked[:, None] & there[None, :])


@triton.jit
def slopes(
    X, W, T, G, DX, n_in, n_out, batch, n_bases, k: tl.constexpr, base: tl.constexpr,
    INPUTS: tl.constexpr, OUTPUTS: tl.constexpr, POINTS: tl.constexpr,
):  # fmt: skip
    """The gradient in the points."""
    b = tl.program_id(0) * POINTS + tl.arange(0, POINTS)
    i = tl.program_id(1) * INPUTS + tl.arange(0, INPUTS)
    there, on = b < batch, i < n_in
    at_x = i.to(tl.int64)[:, None] * batch + b[None, :]
    x = tl.load(X + at_x, on[:, None] & there[None, :], 0.0)
    found = tl.zeros((INPUTS, POINTS), tl.float32)
    for m in range(n_bases + 1):
        pull = tl.zeros((INPUTS, POINTS), tl.float32)
        for start in range(0, n_out, OUTPUTS):
            o = start + tl.arange(0, OUTPUTS)
            asked = o < n_out
            at = (o.to(tl.int64)[None, :] * (n_bases + 1) + m) * n_in + i[:, None]
            weight = tl.load(W + at, on[:, None] & asked[None, :], 0.0)
            grad = tl.load(G + o.to(tl.int64)[:, None] * batch + b[None, :], asked[:, None] & there[None, :], 0.0)
            pull = tl.dot(weight, grad, pull, input_precision="ieee")
        found += pull * slope(x, T, m, n_bases, k, base, i, on, n_in)
    tl.store(DX + at_x, found, on[:, None] & there[None, :])


@triton.jit
def weights(
    X, T, G, DW, n_in, n_out, batch, n_bases, span, planes, k: tl.constexpr, base: tl.constexpr,
    INPUTS: tl.constexpr, OUTPUTS: tl.constexpr, POINTS: tl.constexpr,
):  # fmt: skip
    """Part ``program_id(2) // planes`` of the gradient in the weights ``(parts, out, planes, in)``: `span` points."""
    i = tl.program_id(0) * INPUTS + tl.arange(0, INPUTS)
    o = tl.program_id(1) * OUTPUTS + tl.arange(0, OUTPUTS)
    on, asked = i < n_in, o < n_out
    part, m = tl.program_id(2) // planes, tl.program_id(2) % planes
    total = tl.zeros((OUTPUTS, INPUTS), tl.float32)
    for start in range(part * span, tl.minimum(part * span + span, batch), POINTS):
        b = start + tl.arange(0, POINTS)
        there = b < batch
        x = tl.load(X + i.to(tl.int64)[:, None] * batch + b[None, :], on[:, None] & there[None, :], 0.0)
        grad = tl.load(G + o.to(tl.int64)[:, None] * batch + b[None, :], asked[:, None] & there[None, :], 0.0)
        values = plane(x, T, m, n_bases, k, base, i, on, n_in)
        total = tl.dot(grad, tl.trans(values), total, input_precision="ieee")
    at = ((part.to(tl.int64) * n_out + o[:, None]) * planes + m) * n_in + i[None, :]
    tl.store(DW + at, total, asked[:, None] & on[None, :])
