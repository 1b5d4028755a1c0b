"""What a network takes up, and how it is called: counted on its real tensors, measured on its real file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from .network import Network

# Features held at a time when a network answers many rows.
_ELEMENTS = 1 << 22


@torch.no_grad()
def answer(network: Network, x: Tensor) -> Tensor:
    """Outputs ``(rows, out)`` for inputs ``(rows, in_features)`` in evaluation mode, batch by batch.

    Memory does not grow with the rows, and the mode is left as it was.
    """
    planes = max(layer.in_features * (layer.grid_size + layer.k + 1) + layer.out_features for layer in network.layers)
    with evaluating(network):
        return torch.cat([network(part) for part in torch.split(x, max(1, _ELEMENTS // planes))])


@contextmanager
def evaluating(network: Network) -> Iterator[None]:
    """Evaluation mode for a while; afterwards each module is in the mode that it was in."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def caller(network: Network, rows: int) -> Callable[[], None]:
    """One call of the network on so many rows, spread over the grids of its inputs, to be timed."""
    k, grid = network.k, network.layers[0].grid
    low, high = grid[:, k], grid[:, grid.shape[1] - 1 - k]
    share = torch.rand(rows, len(grid), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = torch.zeros(rows, network.in_features, dtype=network.dtype, device=network.device)
    x[:, network.columns] = low + (high - low) * share.to(low)

    @torch.no_grad()
    def call() -> None:
        network(x)
        if x.is_cuda:
            torch.cuda.synchronize(x.device)

    return call


def memory(network: Network) -> int:
    """Bytes of all parameters and buffers."""
    return sum(tensor.nbytes for tensor in (*network.parameters(), *network.buffers()))


def disk(network: Network) -> int:
    """Bytes of the file that `Network.save` writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.safetensors")
        network.save(path)
        return path.stat().st_size


def addresses(network: Network) -> frozenset[int]:
    """Where the parameters lie in memory: two networks with one in common change together."""
    return frozenset(p.untyped_storage().data_ptr() for p in network.parameters() if p.numel())
