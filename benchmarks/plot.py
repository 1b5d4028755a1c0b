"""The picture of a network, drawn to pixels."""

from __future__ import annotations

import io
import itertools
from argparse import Namespace
from statistics import median
from typing import Any

import torch

from kan_widget import KAN

from . import peer
from .clock import cpu_seconds
from .table import Row

CASES = [([2, 5, 1], 0.5), ([16, 32, 1], 5.0)]
PYKAN_TAKES_A_MINUTE = 100


def draw(model: Any, **options: Any) -> None:
    """Plot and render, as a notebook does."""
    import matplotlib.pyplot as plt

    model.plot(**options)
    plt.gcf().savefig(io.BytesIO(), format="png", dpi=100)
    plt.close("all")


def seconds(model: Any, repeats: int, **options: Any) -> float:
    """Median processor time of a plot."""
    return median(cpu_seconds(lambda: draw(model, **options)) for _ in range(repeats))


def rows(options: Namespace) -> list[Row]:
    """One row for each network."""
    import matplotlib

    matplotlib.use("Agg")
    result = []
    for width, most in CASES:
        edges = sum(a * b for a, b in itertools.pairwise(width))
        x = torch.rand(1000, width[0], generator=torch.Generator().manual_seed(0)) * 2 - 1
        ours = KAN(width, grid=5, k=3, seed=0)
        draw(ours, data=x)
        theirs = None
        if edges < PYKAN_TAKES_A_MINUTE or options.slow:
            model = peer.pykan(width)
            with peer.elsewhere():
                model(x)
                theirs = seconds(model, 3 if edges < PYKAN_TAKES_A_MINUTE else 1)
        result.append(Row(f"plot, {width}, {edges} edges", seconds(ours, 5, data=x), theirs=theirs, most=most))
    return result
