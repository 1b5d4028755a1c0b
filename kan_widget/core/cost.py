"""What a pruned network costs to keep and to run."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .reach import active_edges, live_nodes
from .topology import Masks


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
