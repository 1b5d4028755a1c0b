"""A look at the kernels before they are trusted: small layers against the definition of splines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from .launch import Kernel

_TOLERANCE = 1e-4


def check(kernel: Kernel, device: torch.device) -> str:
    """What the kernels get wrong on a device, in words; nothing if all is right."""
    for n_in, n_out, batch, k in ((3, 40, 70, 3), (40, 5, 300, 2)):
        for name, difference in differences(kernel, n_in, n_out, batch, k, device).items():
            if not difference <= _TOLERANCE:
                return f"{name} off by {difference:.1g}"
    return ""


def differences(
    kernel: Kernel, n_in: int, n_out: int, batch: int, k: int, device: torch.device, *, spans: int = 5
) -> dict[str, float]:
    """Largest relative difference of each result from the definition in float64, on uneven knots."""
    from ..spline import Edges, Knots, plain_layer

    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator) - 0.5

    with torch.inference_mode(False), torch.no_grad():
        grid = torch.cat([torch.zeros(n_in, 1), (0.6 + draw(n_in, spans + 2 * k)).cumsum(1)], dim=1)
        x = torch.cat([grid[:, :3] / grid[:, -1:], 1.2 * draw(n_in, batch - 3) + 0.5], dim=1) * grid[:, -1:]
        weight, grad = draw(n_out, spans + k + 1, n_in), draw(n_out, batch)
        there = (grad.to(device), x.to(device), weight.to(device))
        knots = Knots.of(grid.to(device), k)
        y = kernel.forward(there[1], there[2], knots, "silu")
        found = (y, kernel.slopes(*there, knots, "silu"), kernel.weights(*there, knots, "silu"))
        x64, weight64 = x.double().requires_grad_(), weight.double().requires_grad_()
        with torch.enable_grad():
            edges = Edges(weight64[:, :-1].transpose(1, 2), None, weight64[:, -1], None, None, None)
            y64 = plain_layer(x64, edges, Knots.of(grid.double(), k), "silu")
            exact = (y64.detach(), *torch.autograd.grad((y64 * grad.double()).sum(), (x64, weight64)))
    names = ("outputs", "slopes", "gradients of weights")
    return {
        name: float((ours.cpu().double() - theirs).abs().max() / theirs.abs().max())
        for name, ours, theirs in zip(names, found, exact, strict=True)
    }
