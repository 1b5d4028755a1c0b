"""What a network has learnt, edge by edge: the strongest functions over the values that the data have there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.topology import Edge
from ..session import Session

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ShapeFunction:
    """The function of one edge.

    Attributes:
        edge: Which.
        source: Name of the node that it reads.
        target: Name of the node that it adds to.
        score: What it is worth.
        x: Even points from the lowest to the highest value that the source has on the data, ``(points,)``.
        y: What the edge adds there, less what it adds on average, ``(points,)``.
        density: Rows in even intervals between these two values, ``(bins,)``.
    """

    edge: Edge
    source: str
    target: str
    score: float
    x: Array
    y: Array
    density: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Shapes:
    """The strongest functions of a network, the strongest first.

    Attributes:
        functions: They.
        criterion: What strength is.
        total: Active edges that the network has.
    """

    functions: tuple[ShapeFunction, ...]
    criterion: str
    total: int

    def to_frame(self) -> Any:
        """A pandas data frame, one row a point of a function."""
        import pandas as pd

        frames = [
            pd.DataFrame(
                {"layer": f.edge.layer, "source": f.source, "target": f.target, "score": f.score, "x": f.x, "y": f.y}
            )
            for f in self.functions
        ]
        return pd.concat(frames, ignore_index=True)

    def plot(self, units: Mapping[str, str] | None = None) -> Figure:
        """Draw a panel for each function, over the density of its data; its score stands above it.

        Args:
            units: Of nodes, by name: ``{"bmi": "kg/m²"}``.

        Raises:
            ValueError: If a unit is of no node that is drawn.
        """
        from ..figure import ShapePanel, draw_shapes

        given = dict(units or {})
        known = {name for f in self.functions for name in (f.source, f.target)}
        if not given.keys() <= known:
            raise ValueError(f"units are by node: {', '.join(sorted(known))}; got {', '.join(sorted(given))}")

        words = self.criterion.replace("_", " ")

        def named(name: str) -> str:
            return f"{name} ({given[name]})" if name in given else name

        return draw_shapes(
            [
                ShapePanel(f.x, f.y, f.density, named(f.source), f"adds to {named(f.target)}", f"{words} {f.score:.3g}")
                for f in self.functions
            ]
        )

    def __repr__(self) -> str:
        lines = [f"Shapes(the {len(self.functions)} strongest of {self.total:,} edges by {self.criterion})"]
        for f in self.functions:
            spans = f"{f.x[0]:.3g} to {f.x[-1]:.3g}, adds {f.y.min():.3g} to {f.y.max():.3g}"
            lines.append(f"  {f.source} to {f.target}: {f.score:.3g} ({f.source} {spans})")
        return "\n".join(lines)


def shapes(model: Any, data: Any, *, criterion: str = "auto", top: int = 12, layer: int | None = None) -> Shapes:
    """The functions of the strongest edges that are neither pruned nor dead. The model is left alone.

    In a network of one layer they are the whole model: it is their sum and a constant. In deeper ones a function into a
    hidden node says what it hands on, in a unit of the network's own.

    Args:
        model: A KAN, or a `Session`.
        data: What it is measured on. None for a `Session`.
        criterion: What strength is.
        top: How many at most.
        layer: Edges of one layer only, 0 for those that read the inputs.

    Returns:
        The functions, the strongest first.

    Raises:
        ValueError: If an option or the data cannot be used, or no edge is left.

    Example:
        >>> import torch
        >>> from kan_widget import KAN
        >>> x = torch.rand(100, 2)
        >>> found = shapes(KAN([2, 3, 1], seed=0), (x, x[:, :1] ** 2), criterion="std", top=2)
        >>> found.functions[0].score > found.functions[1].score, found.total
        (True, 9)
    """
    if top < 1:
        raise ValueError(f"top must be at least 1; got {top}")
    session = model if isinstance(model, Session) else Session(model, data)
    depth = session.topology.depth
    if layer is not None and layer not in range(depth):
        raise ValueError(f"layer must be 0..{depth - 1}; got {layer!r}")
    scores, active = session.scores_by(criterion), session.active
    layers = range(depth) if layer is None else [layer]
    edges = [Edge(n, int(i), int(j)) for n in layers for j, i in np.argwhere(active[n])]
    if not edges:
        raise ValueError("no edge is left that reaches from an input to an output")
    values = {edge: float(scores.edges[edge.layer][edge.target, edge.source]) for edge in edges}
    strongest = sorted(edges, key=lambda edge: -values[edge])[:top]
    return Shapes(tuple(_function(session, edge, values[edge]) for edge in strongest), criterion, len(edges))


def _function(session: Session, edge: Edge, score: float) -> ShapeFunction:
    layer, source, target = edge
    trace, names = session.trace, session.topology.names
    curve = trace.curves[layer][target, source]
    return ShapeFunction(
        edge=edge,
        source=names[layer][source],
        target=names[layer + 1][target],
        score=score,
        x=np.linspace(trace.input_low[layer][source], trace.input_high[layer][source], len(curve)),
        y=curve - trace.mean[layer][target, source],
        density=trace.density[layer][source],
    )
