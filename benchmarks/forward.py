"""A forward pass, and one with its gradients, against pykan in its fast mode: with the native kernel and without."""

from __future__ import annotations

import contextlib
import os
from argparse import Namespace
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from kan_widget import KAN

from . import peer
from .clock import interleaved
from .table import Row

# Shape, rows, how many times faster than pykan it has to be: forward and with gradients by the kernel; on torch.
CASES: list[tuple[list[int], int, tuple[float | None, float | None], float]] = [
    ([2, 5, 1], 1000, (25.0, 20.0), 3.0),
    ([64, 64, 10], 256, (None, None), 5.0),
    ([784, 64, 10], 128, (None, None), 8.0),
    ([784, 128, 64, 10], 1024, (70.0, 50.0), 8.0),
]


def on(backend: str, call: Callable[[], Any]) -> Callable[[], Any]:
    """The call with layers evaluated by ``"native"`` or ``"torch"``."""

    def run() -> None:
        os.environ["KAN_WIDGET_BACKEND"] = backend
        call()

    return run


@contextlib.contextmanager
def restored() -> Iterator[None]:
    """Leaves the choice of the backend as it was."""
    before = os.environ.get("KAN_WIDGET_BACKEND")
    try:
        yield
    finally:
        os.environ.pop("KAN_WIDGET_BACKEND", None)
        if before is not None:
            os.environ["KAN_WIDGET_BACKEND"] = before


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
    """One row for each shape, pass and backend."""
    with restored():
        result = []
        for width, batch, native, plain in CASES:
            result += _against_pykan(width, batch, native, plain, options.repeats)
        return result


def _against_pykan(
    width: list[int], batch: int, native: tuple[float | None, float | None], plain: float, repeats: int
) -> list[Row]:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(batch, width[0], generator=generator) * 2 - 1
    y = torch.rand(batch, width[-1], generator=generator)
    ours, theirs = KAN(width, grid=5, k=3, seed=0), peer.pykan(width).speed()
    passes = {
        "forward": (forward(ours, x), forward(theirs, x)),
        "forward and backward": (with_gradients(ours, x, y), with_gradients(theirs, x, y)),
    }
    calls = {}
    for name, (mine, peers) in passes.items():
        calls |= {f"{name}, native": on("native", mine), f"{name}, torch": on("torch", mine), name: peers}
    times = interleaved(calls, repeats)
    result = []
    for name, least in zip(passes, native, strict=True):
        for backend, floor in (("native", least), ("torch", plain)):
            label = f"{name}, {width}, {batch} rows" + (", torch alone" if backend == "torch" else "")
            result.append(Row(label, times[f"{name}, {backend}"], theirs=times[name], least=floor))
    return result
