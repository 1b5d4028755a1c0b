"""A forward pass, and one with its gradients, against pykan in its fast mode."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from kan_widget import KAN

from . import peer
from .clock import interleaved
from .table import Row

CASES = [([2, 5, 1], 1000, 3.0), ([64, 64, 10], 256, 5.0), ([784, 64, 10], 128, 8.0)]


def forward(model: Any, x: Tensor) -> Callable[[], Any]:
    """A pass without gradients, as a model in use runs."""

    def call() -> None:
        with torch.no_grad():
            model(x)

    return call


def with_gradients(model: Any, x: Tensor, y: Tensor) -> Callable[[], Any]:
    """What a step of training needs: a forward pass, the squared error and all gradients."""

    def call() -> None:
        model.zero_grad()
        torch.nn.functional.mse_loss(model(x), y).backward()

    return call


def rows(options: Namespace) -> list[Row]:
    """One row for each shape and pass."""
    result = []
    for width, batch, least in CASES:
        generator = torch.Generator().manual_seed(0)
        x = torch.rand(batch, width[0], generator=generator) * 2 - 1
        y = torch.rand(batch, width[-1], generator=generator)
        ours, theirs = KAN(width, grid=5, k=3, seed=0), peer.pykan(width).speed()
        times = interleaved(
            {
                "ours": forward(ours, x),
                "theirs": forward(theirs, x),
                "ours, gradients": with_gradients(ours, x, y),
                "theirs, gradients": with_gradients(theirs, x, y),
            },
            options.repeats,
        )
        name = f"{width}, {batch} rows"
        result.append(Row(f"forward, {name}", times["ours"], theirs=times["theirs"], least=least))
        gradients = times["ours, gradients"], times["theirs, gradients"]
        result.append(Row(f"forward and backward, {name}", gradients[0], theirs=gradients[1], least=least))
    return result
