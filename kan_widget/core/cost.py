"""What a pruned network costs to keep and to run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .reach import active_edges, live_nodes
from .topology import EdgeArrays, Masks

Price = Callable[[Masks], float]


@dataclass(frozen=True)
class Shape:
    """What of a network's splines decides its cost.

    Attributes:
        intervals: Grid intervals G of each layer.
        k: Degree of the splines.
        itemsize: Bytes of a number.
        coefficients: How many coefficients of each edge are not pruned alone, ``(out, in)`` per layer; all ``G + k``
            when left out.
    """

    intervals: tuple[int, ...]
    k: int
    itemsize: int = 4
    coefficients: tuple[NDArray[np.int64], ...] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Cost:
    """Cost of a network under masks: of the part that is neither pruned nor dead.

    Attributes:
        edges: Active edges.
        nodes: Live hidden nodes.
        inputs: Live inputs.
        parameters: ``G + k + 2`` an edge (coefficients and two scales), less those pruned alone, and one bias a hidden
            node or output.
        macs: Multiply-adds a sample: ``k + 2`` an edge (k + 1 bases that are not zero, and the base function) and
            ``k (k + 1)`` a source node for its bases by de Boor's recursion.
        bytes: Of the parameters and of the knots of the source nodes; coefficients pruned alone keep their place.
    """

    edges: int
    nodes: int
    inputs: int
    parameters: int
    macs: int
    bytes: int

    def lut_bytes(self, bits: int = 8) -> float:
        """Bytes of the edges as lookup tables, ``2^bits`` entries of `bits` bits each; nodes then only add.

        Source:
            KANELE (2025), arXiv:2512.12850: one table for each edge that is left, and a tree of adders.
        """
        return float(self.edges * 2**bits * bits / 8)


def cost(masks: Masks, shape: Shape) -> Cost:
    """Count what is left under `masks`.

    Example:
        >>> import numpy as np
        >>> masks = (np.ones((5, 2), dtype=bool), np.ones((1, 5), dtype=bool))
        >>> cost(masks, Shape(intervals=(5, 5), k=3)).parameters
        156
    """
    active, live = active_edges(masks), live_nodes(masks)
    counts = [int(edges.sum()) for edges in active]
    sources = [int(nodes.sum()) for nodes in live[:-1]]
    targets = sum(int(nodes.sum()) for nodes in live[1:-1]) + len(live[-1])
    held = targets + sum(n * (g + shape.k + 2) for n, g in zip(counts, shape.intervals, strict=True))
    whole = [np.full(mask.shape, g + shape.k) for mask, g in zip(masks, shape.intervals, strict=True)]
    kept = whole if shape.coefficients is None else shape.coefficients
    gone = sum(int((w - n)[edges].sum()) for w, n, edges in zip(whole, kept, active, strict=True))
    knots = sum(n * (g + 1 + 2 * shape.k) for n, g in zip(sources, shape.intervals, strict=True))
    return Cost(
        edges=sum(counts),
        nodes=sum(sources[1:]),
        inputs=sources[0],
        parameters=held - gone,
        macs=sum(counts) * (shape.k + 2) + sum(sources) * shape.k * (shape.k + 1),
        bytes=(held + knots) * shape.itemsize,
    )


def edge_savings(masks: Masks, price: Price, *, alike: bool = False) -> EdgeArrays:
    """What a price falls by when one active edge goes, and with it all that dies without it.

    Args:
        masks: What is on.
        price: Of a network that has these edges alone, none of them dead.
        alike: Whether all edges of a layer that take no node along save the same, as they do by every count of `Cost`;
            then only one of them is asked for.

    Returns:
        Per layer ``(out, in)``; 0 where an edge is pruned or dead already.

    Example:
        >>> import numpy as np
        >>> masks = (np.array([[True, True], [True, False]]), np.array([[True, True]]))
        >>> [saved.tolist() for saved in edge_savings(masks, lambda m: sum(int(layer.sum()) for layer in m))]
        [[[1.0, 1.0], [2.0, 0.0]], [[3.0, 2.0]]]
    """
    active = active_edges(masks)
    now = price(active)
    result = tuple(np.zeros(mask.shape) for mask in active)
    for layer, mask in enumerate(active):

        def saved(place: NDArray[np.intp], layer: int = layer, mask: NDArray[np.bool_] = mask) -> float:
            without = mask.copy()
            without[tuple(place)] = False
            return now - price(active_edges((*active[:layer], without, *active[layer + 1 :])))

        plain = mask & (mask.sum(axis=0) > 1) & (mask.sum(axis=1, keepdims=True) > 1)
        if alike and plain.any():
            result[layer][plain] = saved(np.argwhere(plain)[0])
        for place in np.argwhere(mask & ~plain if alike else mask):
            result[layer][tuple(place)] = saved(place)
    return result


def node_savings(masks: Masks, price: Price) -> tuple[NDArray[np.float64], ...]:
    """As `edge_savings`, for each node with all its edges, per node layer ``(n,)``; 0 for outputs."""
    active = active_edges(masks)
    now = price(active)
    result = tuple(np.zeros(n) for n in (active[0].shape[1], *(len(mask) for mask in active)))
    for layer, live in enumerate(live_nodes(active)[:-1]):
        for node in np.flatnonzero(live).tolist():
            without = [mask.copy() for mask in active]
            without[layer][:, node] = False
            result[layer][node] = now - price(active_edges(tuple(without)))
    return result
