"""What pruning costs, measured: the loss at every level of sparsity, beside a random control."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..adapters import Adapter
from ..capture import Capture
from ..core.plan import STRUCTURES, PruningPlan, strongest
from ..core.reach import active_edges, live_nodes
from ..core.scores import Scores, random_scores
from ..core.topology import Masks, masks_at
from ..session import Session

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curve:
    """Quality at every level of pruning by one criterion; arrays ``(levels,)``.

    Attributes:
        criterion: Its name.
        sparsity: Fraction of the parts removed.
        threshold: The rule's threshold that removes them.
        edges: Active edges that are left: neither pruned nor dead.
        loss: Root mean squared error or cross-entropy on the rows that `rows` names.
        accuracy: Fraction of right classes; None for regression.
    """

    criterion: str
    sparsity: Array
    threshold: Array
    edges: NDArray[np.int64]
    loss: Array
    accuracy: Array | None


@dataclass(frozen=True, eq=False)
class Curves(Mapping[str, Curve]):
    """Curves by criterion, and what chance does.

    Attributes:
        by: The curves.
        control: Random pruning, one curve a draw.
        rows: Which rows they were measured on: ``"test"`` or, where there are none, ``"train"``.
        structure: What was removed.
        compensate: What it left behind.
    """

    by: dict[str, Curve]
    control: list[Curve]
    rows: str
    structure: str
    compensate: str

    def __getitem__(self, criterion: str) -> Curve:
        return self.by[criterion]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by)

    def __len__(self) -> int:
        return len(self.by)

    def to_frame(self) -> Any:
        """A pandas data frame, one row a level and criterion; the control is called ``random 0`` and so on."""
        import pandas as pd

        curves = [*self.by.values(), *self.control]
        names = [field.name for field in fields(Curve)]
        return pd.concat(
            [pd.DataFrame({name: getattr(curve, name) for name in names}) for curve in curves], ignore_index=True
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the loss against sparsity; random pruning is a band from its best to its worst draw."""
        from ..figure import draw_lines

        chance = np.stack([curve.loss for curve in self.control]) if self.control else None
        sparsity = next(iter([*self.by.values(), *self.control])).sparsity
        return draw_lines(
            sparsity,
            {name: curve.loss for name, curve in self.by.items()},
            band=None if chance is None else ("random", chance.min(0), chance.max(0)),
            xlabel=f"{self.structure}s removed",
            ylabel=f"loss on {self.rows} rows",
            percent=True,
            ax=ax,
        )

    def __repr__(self) -> str:
        lines = [f"Curves(loss on {self.rows} rows, {self.structure}s pruned, compensate={self.compensate!r})"]
        marks = (0.0, 0.5, 0.8, 0.9)
        for name, curve in {**self.by, "random": self.control[0] if self.control else None}.items():
            if curve is not None:
                at = [int(np.abs(curve.sparsity - mark).argmin()) for mark in marks]
                said = ", ".join(f"{curve.sparsity[i]:.0%}: {curve.loss[i]:.3g}" for i in at)
                lines.append(f"  {name:>14} {said}")
        return "\n".join(lines)


def curve(
    model: Any,
    data: Any,
    criteria: Sequence[str] = ("auto",),
    *,
    levels: int = 101,
    structure: str = "edge",
    compensate: str = "mean",
    draws: int = 5,
) -> Curves:
    """The loss at every level of one-shot pruning, for several criteria and for chance. The model is left alone.

    All levels go through the network in one vectorised pass for each criterion.

    Args:
        model: A KAN, or a `Session`: what was pruned and kept by hand there stays so.
        data: Data with labels; measured on the test rows if there are any. None for a `Session`.
        criteria: Names of criteria.
        levels: How many, from nothing to all; no more than there are parts to remove, and one.
        structure: ``"edge"``, ``"node"`` (hidden) or ``"input"``.
        compensate: ``"mean"`` or ``"none"``; compensations that refit depend on each cut and are not drawn.
        draws: How often chance is drawn.

    Returns:
        The curves; ``curves["auto"].loss`` and so on.

    Raises:
        ValueError: If an option cannot be used, or the data have no labels.

    Example:
        >>> import torch
        >>> from kan_widget import KAN
        >>> x = torch.rand(100, 2)
        >>> found = curve(KAN([2, 3, 1], seed=0), (x, x[:, :1] ** 2), ["std"], levels=5)
        >>> found["std"].sparsity.round(2).tolist()
        [0.0, 0.22, 0.44, 0.78, 1.0]
    """
    if levels < 2:
        raise ValueError(f"levels must be at least 2; got {levels}")
    if structure not in STRUCTURES:
        raise ValueError(f"structure must be one of {', '.join(STRUCTURES)}; got {structure!r}")
    if compensate not in ("mean", "none"):
        raise ValueError(f"compensate must be 'mean' or 'none' here; got {compensate!r}")
    session = model if isinstance(model, Session) else Session(model, data)
    if not session.metrics.quality:
        raise ValueError("a curve of losses needs labels; give (x, y)")
    start = _Start.of(session, structure, compensate)
    by = {name: start.curve(name, start.capture.scores(name), levels) for name in criteria}
    control = [start.curve(f"random {n}", random_scores(start.capture.trace, n), levels) for n in range(draws)]
    return Curves(by, control, "test" if "test" in session.metrics.quality else "train", structure, compensate)


@dataclass(frozen=True, eq=False)
class _Start:
    """Where a curve begins: what was pruned and kept by hand, on a copy of the model that waits for nobody."""

    plan: PruningPlan
    capture: Capture
    adapter: Adapter

    @classmethod
    def of(cls, session: Session, structure: str, compensate: str) -> _Start:
        def look() -> _Start:
            rule = session.plan.at(-np.inf, scores=session.scores)
            floor = rule.min_per_layer if structure == rule.structure else 0
            plan = replace(rule, structure=structure, compensate=compensate, min_per_layer=floor)
            twin = session.adapter.twin()
            twin.restore_weights(session.history.present.base)  # not those refitted for the present cut
            return cls(plan, session.evidence, twin)

        return session.adapter.take(look)

    def curve(self, name: str, scores: Scores, levels: int) -> Curve:
        scores = self._held(scores)
        masks, kept = self.plan.masks(scores), masks_at(self.capture.trace.masks, self.plan.kept)
        values = self._candidates(scores, masks, kept)
        levels = min(levels, len(values) + 1)
        count = np.round(np.linspace(0, 1, levels) * len(values)).astype(int)
        above = np.append(values, np.nextafter(values[-1], np.inf) if len(values) else 0.0)
        thresholds = above[count]
        thresholds[count == 0] = -np.inf
        below = _below(scores, thresholds, self.plan.structure)
        left = tuple(mask & ~low | held for mask, low, held in zip(masks, below, kept, strict=True))
        everything = tuple(np.zeros_like(mask) for mask in masks)
        fills = self.capture.fills_under(everything, self.plan.compensate)
        loss, accuracy = self.adapter.levels(left, fills)
        edges = np.array([_count(active_edges(tuple(mask[level] for mask in left))) for level in range(levels)])
        return Curve(name, count / max(1, len(values)), thresholds, edges, loss, accuracy)

    def _held(self, scores: Scores) -> Scores:
        """The same where the rule may take; infinite where it leaves the strongest of a layer."""
        count = self.plan.min_per_layer
        ruled = {
            layer: np.where(strongest(values, count), np.inf, values)
            for layer, values in self.plan.ruled(scores).items()
        }
        if self.plan.structure == "edge":
            return replace(scores, edges=tuple(ruled.values()))
        return replace(scores, nodes=tuple(ruled.get(layer, nodes) for layer, nodes in enumerate(scores.nodes)))

    def _candidates(self, scores: Scores, masks: Masks, kept: Masks) -> Array:
        """Scores of what the threshold may take, ascending."""
        if self.plan.structure == "edge":
            layers = zip(scores.edges, masks, kept, strict=True)
            values = [edges[mask & ~held] for edges, mask, held in layers]
        else:
            live = live_nodes(masks)
            values = [nodes[live[layer]] for layer, nodes in self.plan.ruled(scores).items()]
        found = np.concatenate([np.empty(0), *values])
        return np.sort(found[np.isfinite(found)])


def _below(scores: Scores, thresholds: Array, structure: str) -> list[NDArray[np.bool_]]:
    """Per layer ``(levels, out, in)``: what the rule takes at each threshold."""
    if structure == "edge":
        return [edges < thresholds[:, None, None] for edges in scores.edges]
    gone = [np.zeros((len(thresholds), len(nodes)), dtype=bool) for nodes in scores.nodes]
    for layer in [0] if structure == "input" else range(1, len(gone) - 1):
        gone[layer] = scores.nodes[layer] < thresholds[:, None]
    return [below[:, None, :] | above[:, :, None] for below, above in itertools.pairwise(gone)]


def _count(masks: Masks) -> int:
    return sum(int(mask.sum()) for mask in masks)
