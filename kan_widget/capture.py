"""The states of a session: a decision, and the moment that it was taken on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .adapters import Adapter, Evaluation
from .core.cost import Cost
from .core.evidence import Curvature, Removal, Shapley
from .core.log import Command
from .core.plan import PruningPlan
from .core.scores import Scores, score
from .core.topology import EdgeArrays, Masks
from .core.trace import Trace

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Capture:
    """The model as it was at one moment, and what can be measured on it: the evidence for scores.

    Attributes:
        adapter: The port to the model.
        trace: The pass over the data.
        fills: The fills then.
        weights: The weights then.
    """

    adapter: Adapter
    trace: Trace
    fills: EdgeArrays
    weights: Any
    _scores: dict[str, Scores] = field(default_factory=dict)

    def scores(self, criterion: str) -> Scores:
        """Scores by any criterion, rounded to float32 so that a front end compares the same numbers."""
        if criterion not in self._scores:
            self._scores[criterion] = _rounded(score(self, criterion))
        return self._scores[criterion]

    def knows(self, criterion: str) -> bool:
        """Whether the scores by a criterion have been worked out."""
        return criterion in self._scores

    @cached_property
    def coefficients(self) -> EdgeArrays:
        """Sum of absolute coefficients of each edge."""
        return self._then(self.adapter.coefficients)

    @cached_property
    def curvature(self) -> Curvature:
        """Slopes and curvatures of the loss."""
        return self._then(lambda: self.adapter.curvature(self.trace.mean))

    @cached_property
    def removal(self) -> Removal:
        """The loss without each part."""
        return self._then(lambda: self.adapter.removal(self.trace.mean))

    @cached_property
    def surgery(self) -> EdgeArrays:
        """The loss without each edge, the others into its target refitted."""
        return self._then(self.adapter.surgery)

    @cached_property
    def surgery_in_turn(self) -> EdgeArrays:
        """The same once all cheaper ones have gone."""
        return self._then(lambda: self.adapter.surgery(in_turn=True))

    @cached_property
    def shapley(self) -> Shapley:
        """Shapley values of nodes."""
        return self._then(lambda: self.adapter.shapley(self.trace.mean))

    @cached_property
    def quality(self) -> dict[str, Evaluation]:
        """The losses that changes are measured from."""
        return self._then(self.adapter.evaluate)

    @property
    def removal_is_cheap(self) -> bool:
        """Whether `removal` takes about a second rather than minutes."""
        return self.adapter.removal_is_cheap

    def _then(self, measure: Callable[[], T]) -> T:
        """Measure the model as it was then, and leave it as it is now."""

        def run() -> T:
            masks, fills = self.adapter.masks()
            weights = None if self.adapter.same_weights(self.weights) else self.adapter.weights()
            try:
                self.adapter.write_masks(self.trace.masks, self.fills)
                if weights is not None:
                    self.adapter.restore_weights(self.weights)
                return measure()
            finally:
                self.adapter.write_masks(masks, fills)
                if weights is not None:
                    self.adapter.restore_weights(weights)

        return self.adapter.take(run)

    def fills_under(self, masks: Masks, compensate: str) -> EdgeArrays:
        """The fills to write with `masks`: what an edge leaves if it was on then and is off now, else as they were."""
        replacement = [np.zeros_like(m) for m in self.trace.mean] if compensate == "none" else self.trace.mean
        layers = zip(self.trace.masks, masks, replacement, self.fills, strict=True)
        return tuple(np.where(then & ~now, new, old) for then, now, new, old in layers)


@dataclass(frozen=True, eq=False)
class State:
    """One point in the history.

    Attributes:
        plan: What is pruned.
        capture: What it was decided on.
        base: The weights that were trained.
        weights: The weights in force: the same, or refitted to make up for what was pruned.
        commands: What led here from the state before; none for the start.
    """

    plan: PruningPlan
    capture: Capture
    base: Any
    weights: Any
    commands: tuple[Command, ...] = ()


@dataclass(frozen=True)
class Metrics:
    """Size and quality of the model at one moment.

    Attributes:
        cost: Of the active part.
        quality: On ``"train"`` and ``"test"`` rows, as far as there are any.
    """

    cost: Cost
    quality: dict[str, Evaluation]


def _rounded(scores: Scores) -> Scores:
    def single(array: NDArray[np.float64]) -> NDArray[np.float64]:
        return array.astype(np.float32).astype(np.float64)

    return replace(scores, edges=tuple(map(single, scores.edges)), nodes=tuple(map(single, scores.nodes)))
