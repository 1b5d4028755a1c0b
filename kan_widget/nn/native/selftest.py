"""A look at the kernel before it is trusted: small layers against the definition of splines."""

from __future__ import annotations

import torch
from torch import Tensor

from .kernel import Kernel
from .network import Networks, Stack

_TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-10}


def check(kernel: Kernel) -> str:
    """What the kernel gets wrong, in words; nothing if all is right."""
    for dtype, tolerance in _TOLERANCE.items():
        for n_in, n_out, batch, k, share in ((3, 40, 37, 3, 0.8), (9, 5, 300, 2, 0.8), (5, 9, 37, 3, 0.2)):
            differences = _differences(kernel, n_in, n_out, batch, k, share, dtype)
            for name, difference in differences.items():
                if not difference <= tolerance:
                    return f"{name} off by {difference:.1g} in {str(dtype).removeprefix('torch.')}"
    return ""


def _differences(
    kernel: Kernel, n_in: int, n_out: int, batch: int, k: int, share: float, dtype: torch.dtype
) -> dict[str, float]:
    """Largest relative difference of each result from the definition in float64."""
    from ..spline import Edges, Knots, edge_weights, features, plain_layer

    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64) - 0.5

    with torch.inference_mode(False):
        grid = torch.cat([torch.zeros(n_in, 1), (0.6 + draw(n_in, 5 + 2 * k)).cumsum(1)], dim=1).to(dtype)
        x = (torch.cat([grid[:, :3] / grid[:, -1:], 1.2 * draw(n_in, batch - 3) + 0.5], dim=1) * grid[:, -1:]).to(dtype)
        edges = Edges(
            draw(n_out, n_in, 5 + k).to(dtype),
            draw(n_out, n_in).to(dtype),
            draw(n_out, n_in).to(dtype),
            draw(n_out, n_in) < share - 0.5,
            draw(n_out).to(dtype),
            draw(n_out, n_in).to(dtype),
        )
        grad = draw(n_out, batch).to(dtype)
        knots = Knots.of(grid, k)
        y = kernel.forward(x, edges, knots, "silu")
        found = (y, *kernel.backward(grad, x, edges, knots, "silu", (True, True)))
        moments, sums = kernel.statistics(x, edges, knots, "silu")
        exact = [None if t is None or t.dtype == torch.bool else t.double().requires_grad_() for t in (x, *edges)]
        x64, coef, spline, base, _, bias, fill = exact
        assert x64 is not None
        assert coef is not None
        assert spline is not None
        assert base is not None
        with torch.enable_grad():
            wide = Edges(coef, spline, base, edges.mask, bias, fill)
            y64 = plain_layer(x64, wide, Knots.of(grid.double(), k), "silu")
            wanted = [x64, coef, spline, base]
            # A sum, since autograd imports another library when it is given a gradient to start from.
            gradients = torch.autograd.grad((y64 * grad.double()).sum(), wanted)
        every = edge_weights(coef, spline, base, torch.ones_like(base, dtype=torch.bool))
        planes = features(x64, Knots.of(grid.double(), k), "silu").transpose(0, 1)
        values = torch.matmul(every.permute(2, 0, 1), planes).transpose(0, 1).detach()
        spread = torch.stack([values.mean(-1), values.abs().mean(-1), values.std(-1)])
        whole = values.sum(1) if bias is None else values.sum(1) + bias.detach().unsqueeze(1)
    gradients_of = [f"gradients of {what}" for what in ("coefficients", "scales", "base scales")]
    names = ("outputs", "slopes", *gradients_of, "moments", "sums of edges")
    return {
        name: 0.0
        if ours is None
        else float((ours.double() - theirs).detach().abs().max() / theirs.detach().abs().max())
        for name, ours, theirs in zip(names, (*found, moments, sums), (y64, *gradients, spread, whole), strict=True)
    }


def check_networks(networks: Networks) -> str:
    """What whole networks get wrong, in words; nothing if all is right."""
    for dtype, tolerance in _TOLERANCE.items():
        for k, batch in ((2, 37), (3, 300)):
            difference = _difference(networks, k, batch, dtype)
            if not difference <= tolerance:
                return f"a network off by {difference:.1g} in {str(dtype).removeprefix('torch.')}"
    return ""


def _difference(networks: Networks, k: int, batch: int, dtype: torch.dtype) -> float:
    """Largest difference of outputs and gradients from the definition in float64, relative to the largest number."""
    from ..whole import plain_network

    generator = torch.Generator().manual_seed(k)

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64) - 0.5

    with torch.inference_mode(False), torch.enable_grad():
        exact: list[Tensor | None] = []
        for n_in, n_out in ((3, 4), (4, 2)):
            grid = 0.6 * (0.6 + draw(n_in, 6 + 2 * k)).cumsum(1) - 2
            size = (n_out, n_in)
            parts = (draw(*size, 5 + k), draw(*size), draw(*size), draw(n_out), draw(*size), grid)
            exact += [*(part.to(dtype).double() for part in parts), draw(*size) < 0.3, None]
        x, grad = draw(batch, 3).to(dtype).double(), draw(batch, 2).to(dtype).double()
        shapes = [(k, "silu"), (k, "identity")]
        stack = Stack.of([t if t is None or t.dtype == torch.bool else t.to(dtype) for t in exact], shapes)
        y, kept = networks.forward(stack, x.to(dtype), True)
        assert kept is not None
        dx, gradients = networks.backward(stack, kept, x.shape, grad.to(dtype), [True] * 9)
        wide = Stack.of(exact, shapes)
        learnt = [t.requires_grad_() for t in (x, *wide.parameters) if t is not None]
        y64 = plain_network(wide, x)
        theirs = [y64, *torch.autograd.grad((y64 * grad).sum(), learnt)]
    ours = [t for t in (y, dx, *gradients) if t is not None]
    pairs = list(zip(ours, theirs, strict=True))
    differences = [(one.double() - two).detach().abs().max() / two.detach().abs().max() for one, two in pairs]
    return float(torch.stack(differences).max())
