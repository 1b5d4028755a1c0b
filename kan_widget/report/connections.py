"""Two networks edge by edge: what each edge is worth before and after, which are gone, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..capture import Metrics
from ..core.topology import EdgeArrays, Masks, Topology
from ..core.trace import Trace
from ..session import Session

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..figure import Matrix

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Side:
    """One of the two networks.

    Attributes:
        masks: Which edges are on, ``(out, in)`` per layer.
        scores: What each edge is worth, ``(out, in)`` per layer, and NaN where it is pruned.
        trace: What the data showed on it.
        metrics: Size and quality.
    """

    masks: Masks
    scores: EdgeArrays
    trace: Trace
    metrics: Metrics

    @property
    def words(self) -> tuple[str, str, str]:
        """What is left of it, and what that is worth."""
        cost, quality = self.metrics.cost, self.metrics.quality
        edges = f"{cost.edges:,} edge{'s'[: cost.edges != 1]}"
        nodes = f"{cost.nodes:,} hidden node{'s'[: cost.nodes != 1]}"
        rows = "test" if "test" in quality else "train"
        return edges, nodes, f"{rows} loss {quality[rows].loss:.3g}" if quality else ""


@dataclass(frozen=True, eq=False)
class Connections:
    """A network before and after, edge by edge.

    Attributes:
        topology: Sizes and names of both.
        before: The one.
        after: The other.
        criterion: What an edge is worth, taken on each network as it is.
        layers: The edge layers that are shown.
    """

    topology: Topology
    before: Side
    after: Side
    criterion: str
    layers: tuple[int, ...]

    @property
    def difference(self) -> EdgeArrays:
        """Score after less score before, ``(out, in)`` per layer; a pruned edge adds nothing, so it counts as 0."""
        return tuple(
            np.nan_to_num(after) - np.nan_to_num(before)
            for before, after in zip(self.before.scores, self.after.scores, strict=True)
        )

    def to_frame(self) -> Any:
        """A pandas data frame, one row an edge; the score of a pruned edge is NaN."""
        import pandas as pd

        rows = []
        names = self.topology.names
        for layer in self.layers:
            for target, source in np.ndindex(self.before.masks[layer].shape):
                rows.append(
                    {
                        "layer": layer,
                        "source": names[layer][source],
                        "target": names[layer + 1][target],
                        "before": self.before.scores[layer][target, source],
                        "after": self.after.scores[layer][target, source],
                        "difference": self.difference[layer][target, source],
                    }
                )
        return pd.DataFrame(rows)

    def plot(self, order: Literal["index", "score"] = "index") -> Figure:
        """Draw for each layer the scores before and after on one colour scale, and their difference.

        Args:
            order: Nodes as they are numbered, or the strongest before first.

        Raises:
            ValueError: If there is no such order.
        """
        from ..figure import draw_connections

        if order not in ("index", "score"):
            raise ValueError(f"order must be 'index' or 'score'; got {order!r}")
        titles = tuple("\n".join((f"{name}: {side.words[0]}", *side.words[1:])) for name, side in self._sides)
        matrices = [self._matrix(layer, order == "score") for layer in self.layers]
        return draw_connections(matrices, titles=(titles[0], titles[1]), label=self.criterion.replace("_", " "))

    def plot_networks(self, most: int = 200) -> Figure:
        """Draw both networks side by side, each node and edge in the same place; what is gone is dashed.

        The stronger an edge by the criterion, beside the strongest of its layer before and after, the darker it is.

        Args:
            most: Edges of a layer that are drawn at most: the strongest.
        """
        from ..figure import Picture, draw_networks

        tops = [
            max(float(np.nanmax(scores[layer], initial=0.0)) for scores in (self.before.scores, self.after.scores))
            for layer in range(self.topology.depth)
        ]
        # What is pruned after is as dark as it was before.
        ghosts = [np.nan_to_num(scores) for scores in self.before.scores]
        pictures = []
        for name, side in self._sides:
            strength = tuple(
                np.where(np.isnan(scores), ghost, scores) / (top or 1.0)
                for scores, ghost, top in zip(side.scores, ghosts, tops, strict=True)
            )
            edges, *others = side.words
            title = "\n".join(filter(None, (f"{name}: {edges}", ", ".join(filter(None, others)))))
            pictures.append(Picture(title, side.trace, self.before.trace, side.masks, strength))
        return draw_networks(pictures, self.topology.names, most=most)

    def _matrix(self, layer: int, ranked: bool) -> Matrix:
        from ..figure import Matrix

        before, after, change = self.before.scores[layer], self.after.scores[layer], self.difference[layer]
        rows, columns = (np.arange(n) for n in before.shape)
        if ranked:
            rows, columns = (np.argsort(-np.nansum(before, axis=axis), kind="stable") for axis in (1, 0))
        at = np.ix_(rows, columns)
        sources, targets = ([self.topology.names[layer + n][i] for i in ids] for n, ids in enumerate((columns, rows)))
        return Matrix(f"layer {layer}", before[at], after[at], change[at], sources, targets)

    def __repr__(self) -> str:
        sides = [f"  {name}: {', '.join(filter(None, side.words))}" for name, side in self._sides]
        return "\n".join([f"Connections(scores by {self.criterion})", *sides])

    @property
    def _sides(self) -> list[tuple[str, Side]]:
        return [("before", self.before), ("after", self.after)]


def connections(before: Any, after: Any, data: Any, *, criterion: str = "std", layer: int | None = None) -> Connections:
    """Set two networks of the same sizes beside each other, edge by edge. Both are left alone.

    Args:
        before: A KAN.
        after: Another, as `prune` gives it: masked, not compacted.
        data: What both are measured on.
        criterion: What an edge is worth; each network is scored as it is.
        layer: The edge layer to show; all when left out.

    Returns:
        Scores and masks of both, with sizes and losses.

    Raises:
        ValueError: If both are the same object, they differ in widths, there is no such layer, or an option or the data
            cannot be used.

    Example:
        >>> import torch
        >>> from kan_widget import KAN, prune
        >>> x = torch.rand(100, 2)
        >>> model = KAN([2, 3, 1], seed=0)
        >>> found = connections(model, prune(model, x, sparsity=0.2), x)
        >>> int(sum(mask.sum() for mask in found.after.masks)), found.layers
        (7, (0, 1))
    """
    if before is after:
        raise ValueError(
            "before and after are the same object, so there is nothing to compare; prune() gives a copy, and "
            "model.copy() makes one before a session edits it"
        )
    sessions = [Session(model, data) for model in (before, after)]
    first, second = (session.topology for session in sessions)
    if first.widths != second.widths:
        raise ValueError(
            f"before has widths {list(first.widths)} and after {list(second.widths)}; edges are matched by their "
            "place, so give the masked network, not what compact() or prune_node() made of it"
        )
    if layer is not None and layer not in range(first.depth):
        raise ValueError(f"layer must be 0..{first.depth - 1}; got {layer!r}")
    layers = tuple(range(first.depth)) if layer is None else (layer,)
    one, other = (_side(session, criterion) for session in sessions)
    return Connections(first, one, other, criterion, layers)


def _side(session: Session, criterion: str) -> Side:
    masks, scores = session.masks, session.scores_by(criterion)
    live = tuple(np.where(mask, edges, np.nan) for mask, edges in zip(masks, scores.edges, strict=True))
    return Side(masks, live, session.trace, session.metrics)
