"""What chance does: random pruning of a model until as many active edges are left as another model has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..adapters import Adapter, adapt
from ..core.reach import active_edges
from ..core.scores import random_scores
from ..core.select import Part, Target, choose
from ..core.topology import Edge, Masks
from ..session import Session


@dataclass(frozen=True, eq=False)
class Control:
    """Models that a pruned one is to be better than.

    Attributes:
        note: What they are, or why there are none.
        edges: Active edges of each.
        metrics: Metrics and agreement of each, by name; those of a class or output by both: ``"3 recall"``.
    """

    note: str
    edges: tuple[int, ...]
    metrics: tuple[dict[str, float], ...]

    def __str__(self) -> str:
        if not self.edges:
            return self.note
        low, high = min(self.edges), max(self.edges)
        return f"{self.note}, {low:,}{'' if low == high else f' to {high:,}'} active edges"

    def spread(self, name: str, base: float = 0.0) -> tuple[float, float, float]:
        """Mean, lowest and highest of a metric, less `base`; NaN if there are no models."""
        values = np.array([found[name] for found in self.metrics]) - base
        if not len(values):
            return float("nan"), float("nan"), float("nan")
        return float(values.mean()), float(values.min()), float(values.max())


def random_models(model: Any, data: Any, edges: int, draws: int, seed: int, compensate: str) -> Iterator[Adapter]:
    """Random prunings of a model, bound to the data, until no more than `edges` active edges are left.

    Each output keeps a path to an input, even where that takes more edges. The same model is pruned anew for each, so
    look at one before asking for the next; the model given is left alone.

    Args:
        model: What is pruned.
        data: What is left behind is measured on.
        edges: How many active edges to leave.
        draws: How many models.
        seed: Of the first draw; the others follow.
        compensate: As in `kan_widget.prune`.
    """
    session = Session(model.copy(), data, compensate=compensate)
    for draw in range(draws):
        parts = choose(random_scores(session.trace, seed + draw), session.masks, Target(threshold=np.inf))
        few = _fewest(parts, session.masks, edges)
        if few:
            session.prune([part for part in few if isinstance(part, Edge)])
        yield session.adapter
        if few:
            session.undo()


def given_models(models: Sequence[Any], data: Any) -> Iterator[Adapter]:
    """Models of the user's own, bound to the data."""
    for model in models:
        yield adapt(model, data)


def count_active(masks: Masks) -> int:
    """How many edges are neither pruned nor dead."""
    return sum(int(edges.sum()) for edges in active_edges(masks))


def _fewest(parts: Sequence[Part], masks: Masks, edges: int) -> Sequence[Part]:
    """The shortest start of a list of edges without which at most so many are active; all, if none is."""

    def left(count: int) -> int:
        now = [mask.copy() for mask in masks]
        for part in parts[:count]:
            assert isinstance(part, Edge)
            now[part.layer][part.target, part.source] = False
        return count_active(tuple(now))

    low, high = 0, len(parts)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if left(middle) <= edges else (middle + 1, high)
    return parts[:low]
