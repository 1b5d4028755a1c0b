"""pykan 0.2.8 as an oracle, and small networks to compare with it."""

from __future__ import annotations

import contextlib
import io
import random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kan_widget import KAN, KANLayer


@contextlib.contextmanager
def float64() -> Iterator[None]:
    """pykan makes tensors of the default dtype in the middle of its formulas."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextlib.contextmanager
def own_seed() -> Iterator[None]:
    """pykan's constructor seeds three global generators."""
    states = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


def pykan(width: Sequence[int], *, grid: int = 5, k: int = 3, seed: int = 0, noise: float = 1.0) -> Any:
    """A pykan network in the default dtype, its knots and biases moved off their starting values."""
    from kan import KAN as PyKAN

    with own_seed(), contextlib.redirect_stdout(io.StringIO()):
        model = PyKAN(list(width), grid=grid, k=k, seed=seed, noise_scale=noise, auto_save=False)
        generator = torch.Generator().manual_seed(seed)
        for layer, bias in zip(model.act_fun, model.node_bias, strict=True):
            layer.grid.data = uneven_grid(layer.in_dim, grid, k, generator)
            layer.scale_sp.data *= 0.5 + torch.rand(layer.scale_sp.shape, generator=generator)
            bias.data = torch.randn(bias.shape, generator=generator)
    return model


def uneven_grid(rows: int, intervals: int, k: int, generator: torch.Generator) -> Tensor:
    """Extended knots about [-1, 1] with spans of random length, ``(rows, G + 1 + 2k)``, in the default dtype."""
    spans = 0.2 + torch.rand(rows, intervals + 2 * k, generator=generator)
    knots = torch.cat([torch.zeros(rows, 1), spans.cumsum(1)], dim=1)
    low, high = knots[:, k : k + 1], knots[:, -k - 1 : knots.shape[1] - k]
    return (knots - low) / (high - low) * 2 - 1


def mirrored(model: Any) -> KAN:
    """Our network with the parameters, knots and masks of pykan's."""
    layers = [
        KANLayer(
            theirs.grid.detach().clone(),
            theirs.coef.detach().transpose(0, 1).clone(),
            theirs.scale_base.detach().T.clone(),
            theirs.scale_sp.detach().T.clone(),
            k=theirs.k,
            bias=bias.detach().clone(),
            mask=theirs.mask.detach().T.bool(),
        )
        for theirs, bias in zip(model.act_fun, model.node_bias, strict=True)
    ]
    return KAN.from_layers(layers, grid_eps=model.grid_eps)


def mask_some(model: Any, share: float = 0.3, seed: int = 0) -> None:
    """Prune random edges of a pykan network, at least one left into every node."""
    generator = torch.Generator().manual_seed(seed)
    for layer in model.act_fun:
        mask = (torch.rand(layer.mask.shape, generator=generator) > share).to(layer.mask)
        mask[0] = 1
        layer.mask.data = mask


def random_masks(model: Any, share: float, seed: int) -> tuple[list[Tensor], list[Tensor]]:
    """Masks and fills for one of our networks."""
    generator = torch.Generator().manual_seed(seed)
    masks = [torch.rand(layer.mask.shape, generator=generator) > share for layer in model.layers]
    fills = [torch.randn(layer.mask.shape, generator=generator, dtype=torch.float64) for layer in model.layers]
    return masks, fills
