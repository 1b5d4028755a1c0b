"""Importance of edges, nodes and inputs from a trace. Larger is more needed; prune where ``score < threshold``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .topology import EdgeArrays
from .trace import Trace

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scores:
    """Importance by one criterion.

    Attributes:
        edges: Per edge layer, ``(out, in)``.
        nodes: Per node layer, ``(n,)``, inputs and outputs included.
    """

    edges: EdgeArrays
    nodes: tuple[Array, ...]


def l1(trace: Trace) -> Scores:
    """Mean absolute output over the data; a node by the weaker of its strongest edge in and its strongest edge out.

    It sees constants, since it is not centred.

    Source:
        Liu et al. (2024), arXiv:2404.19756, equation 2.17 and section 2.5.1 ("incoming and outgoing score").
    """
    return Scores(trace.mean_abs, _weaker_side(trace.mean_abs))


def std(trace: Trace) -> Scores:
    """Standard deviation of the output over the data; nodes as for `l1`. Blind to constants, which pruning keeps."""
    return Scores(trace.std, _weaker_side(trace.std))


def attribution(trace: Trace) -> Scores:
    """Share of the outputs' variation that flows through the edge, traced back from the outputs.

    ``E_ji = std_ji * S_j / (std(y_j) + 1e-4)`` and ``S_i = sum_j E_ji`` over unpruned edges, from ``S = 1 / n``
    at each of n outputs. An edge that was pruned gets what it would have were it there.

    Source:
        Liu et al. (2024), arXiv:2408.10205, section 4.1; pykan 0.2.8, ``MultKAN.attribute``.
    """
    n_out = trace.masks[-1].shape[0]
    edges, nodes = trace_back(trace, np.full((1, n_out), 1 / n_out))
    return Scores(tuple(e[0] for e in edges), tuple(n[0] for n in nodes))


def trace_back(trace: Trace, shares: Array, layer: int | None = None) -> tuple[list[Array], list[Array]]:
    """Follow shares of variation from a node layer back to the inputs; see `attribution`.

    Args:
        trace: The measurements.
        shares: What each row shares out over the nodes of that layer, ``(rows, n)``.
        layer: The node layer; the outputs when left out.

    Returns:
        Per edge layer ``(rows, out, in)`` and per node layer ``(rows, n)``, both from the inputs up.
    """
    edges: list[Array] = []
    nodes = [shares]
    layers = list(zip(trace.masks, trace.std, trace.output_std, strict=True))[:layer]
    for mask, std_, output_std in reversed(layers):
        edge = std_ * (nodes[0] / (output_std + 1e-4))[:, :, None]
        edges.insert(0, edge)
        nodes.insert(0, np.where(mask, edge, 0).sum(axis=1))
    return edges, nodes


CRITERIA: dict[str, Callable[[Trace], Scores]] = {"l1": l1, "std": std, "attribution": attribution}


def score(trace: Trace, criterion: str) -> Scores:
    """The scores by the criterion of that name.

    Raises:
        ValueError: If there is none of that name.
    """
    if criterion not in CRITERIA:
        raise ValueError(f"criterion must be one of {', '.join(CRITERIA)}; got {criterion!r}")
    return CRITERIA[criterion](trace)


def _weaker_side(edges: EdgeArrays) -> tuple[Array, ...]:
    """Per node: the smaller of its largest incoming and largest outgoing edge; inputs and outputs have one side."""
    into = [np.full(edges[0].shape[1], np.inf), *(e.max(axis=1) for e in edges)]
    out = [*(e.max(axis=0) for e in edges), np.full(edges[-1].shape[0], np.inf)]
    return tuple(np.minimum(a, b) for a, b in zip(into, out, strict=True))
