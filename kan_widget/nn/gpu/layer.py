"""A layer by the Triton kernels, as autograd sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..modes import gradients, wants_graph

if TYPE_CHECKING:
    from ..spline import Knots
    from .launch import Kernel


def evaluate(kernel: Kernel, x: Tensor, weight: Tensor, knots: Knots, base: str) -> Tensor:
    """The same as `spline.evaluate`, differentiable twice as well."""
    if not torch.is_grad_enabled():
        return kernel.forward(x.contiguous(), weight.contiguous(), knots, base)
    y: Tensor = _Layer.apply(kernel, x, weight, knots, base)  # type: ignore[no-untyped-call]
    return y


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, kernel: Kernel, x: Tensor, weight: Tensor, knots: Knots, base: str) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.rest = (kernel, knots, base)
        return kernel.forward(x.contiguous(), weight.contiguous(), knots, base)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, Tensor | None, Tensor | None, None, None]:
        x, weight = ctx.saved_tensors
        kernel, knots, base = ctx.rest
        x_needed, weight_needed = ctx.needs_input_grad[1:3]
        if wants_graph(grads[0]):
            dx, dw = gradients(lambda: _plain(x, weight, knots, base), (x, weight), (x_needed, weight_needed), grads[0])
            return None, dx, dw, None, None
        grad, x, weight = grads[0].contiguous(), x.contiguous(), weight.contiguous()
        dx = kernel.slopes(grad, x, weight, knots, base) if x_needed else None
        dw = kernel.weights(grad, x, weight, knots, base) if weight_needed else None
        return None, dx, dw, None, None


def _plain(x: Tensor, weight: Tensor, knots: Knots, base: str) -> Tensor:
    from ..spline import Edges, plain_layer

    return plain_layer(x, Edges(weight[:, :-1].transpose(1, 2), None, weight[:, -1], None, None, None), knots, base)
