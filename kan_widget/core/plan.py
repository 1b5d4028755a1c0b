"""What is pruned: a rule (criterion and threshold) and its exceptions. Neither erases the other."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from .reach import cut_outputs
from .scores import Scores
from .topology import Edge, Masks, Topology

STRUCTURES = ("edge", "node", "input")
COMPENSATIONS = ("mean", "none", "gain_bias", "least_squares")
REFITS = ("gain_bias", "least_squares")


@dataclass(frozen=True)
class PruningPlan:
    """An immutable decision; it prunes nothing itself.

    Attributes:
        threshold: The rule prunes where score < threshold. 0 prunes nothing by a criterion that is never negative,
            ``-inf`` by none.
        criterion: Which scores the rule reads.
        structure: Whether it reads scores of edges, hidden nodes or inputs; a node goes with all its edges.
        compensate: How the loss of edges is made up for: ``"mean"`` leaves their means behind, ``"none"`` nothing;
            ``"gain_bias"`` also gives every edge that is left a factor, and ``"least_squares"`` refits it.
        pruned: Edges pruned by hand.
        kept: Edges that the rule may not take.
    """

    threshold: float = 0.0
    criterion: str = "l1"
    structure: str = "edge"
    compensate: str = "mean"
    pruned: frozenset[Edge] = frozenset()
    kept: frozenset[Edge] = frozenset()

    def __post_init__(self) -> None:
        if not self.threshold < np.inf:
            raise ValueError(f"threshold must be a finite number, or -inf for none; got {self.threshold}")
        if self.structure not in STRUCTURES:
            raise ValueError(f"structure must be one of {', '.join(STRUCTURES)}; got {self.structure!r}")
        if self.compensate not in COMPENSATIONS:
            raise ValueError(f"compensate must be one of {', '.join(COMPENSATIONS)}; got {self.compensate!r}")

    def masks(self, scores: Scores) -> Masks:
        """Which edges are on under this plan."""
        alive = [~below for below in self._below(scores)]
        for layer, source, target in self.kept:
            alive[layer][target, source] = True
        for layer, source, target in self.pruned:
            alive[layer][target, source] = False
        return tuple(alive)

    def _below(self, scores: Scores) -> list[np.ndarray[tuple[int, int], np.dtype[np.bool_]]]:
        if self.structure == "edge":
            return [edges < self.threshold for edges in scores.edges]
        gone = [np.zeros(len(nodes), dtype=bool) for nodes in scores.nodes]
        layers = [0] if self.structure == "input" else range(1, len(gone) - 1)
        for layer in layers:
            gone[layer] = scores.nodes[layer] < self.threshold
        return [below | above[:, None] for below, above in itertools.pairwise(gone)]

    def candidates(self, scores: Scores) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """All scores that the rule compares with the threshold, ascending."""
        if self.structure == "edge":
            values = np.concatenate([edges.ravel() for edges in scores.edges])
        elif self.structure == "input":
            values = scores.nodes[0]
        else:
            values = np.concatenate([np.empty(0), *scores.nodes[1:-1]])
        return np.sort(values)

    def prune(self, edges: Iterable[Edge]) -> PruningPlan:
        """With these edges pruned by hand."""
        edges = frozenset(edges)
        return replace(self, pruned=self.pruned | edges, kept=self.kept - edges)

    def restore(self, edges: Iterable[Edge], scores: Scores) -> PruningPlan:
        """With these edges on again; those that the rule would take are kept from it."""
        edges = frozenset(edges)
        freed = replace(self, pruned=self.pruned - edges, kept=self.kept - edges)
        masks = freed.masks(scores)
        return replace(freed, kept=freed.kept | {e for e in edges if not masks[e.layer][e.target, e.source]})

    def keep(self, edges: Iterable[Edge]) -> PruningPlan:
        """With these edges on and out of the rule's reach."""
        edges = frozenset(edges)
        return replace(self, pruned=self.pruned - edges, kept=self.kept | edges)

    def with_criterion(self, criterion: str, old: Scores, new: Scores) -> PruningPlan:
        """Reading other scores, with a threshold that takes as many as before."""
        count = int((self.candidates(old) < self.threshold).sum())
        values = self.candidates(new)
        threshold = nothing(values) if count == 0 else _just_above(values, count)
        return replace(self, criterion=criterion, threshold=threshold)


def nothing(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """The threshold that takes none of ascending `values`: 0 where they allow it."""
    return 0.0 if len(values) == 0 or values[0] >= 0 else -np.inf


def _just_above(values: np.ndarray[tuple[int], np.dtype[np.float64]], count: int) -> float:
    """A threshold that takes the `count` smallest of ascending `values` (fewer where the next one is equal)."""
    if count >= len(values):
        return float(np.nextafter(values[-1], np.inf))
    return float(values[count])


def threshold_for(values: np.ndarray[tuple[int], np.dtype[np.float64]], sparsity: float) -> float:
    """The threshold that removes the fraction `sparsity` of all `values`, rounded to whole ones.

    Raises:
        ValueError: If `sparsity` does not lie between 0 and 1.

    Example:
        >>> import numpy as np
        >>> threshold_for(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), 0.2)  # removes 1 of 5
        2.0
    """
    if not 0 <= sparsity <= 1:
        raise ValueError(f"sparsity is the fraction removed, between 0 and 1; got {sparsity}")
    count = round(sparsity * len(values))
    return nothing(values) if count == 0 else _just_above(values, count)


def threshold_limit(plan: PruningPlan, scores: Scores, allowed: Iterable[int] = ()) -> float | None:
    """The largest threshold at which the rule still leaves every output connected; None if any will do.

    Outputs in `allowed` may be cut off. Masks only shrink as the threshold grows, so the answer is found by bisection
    over the scores.
    """
    allowed = tuple(allowed)
    values = np.unique(plan.candidates(scores))

    def cuts(threshold: float) -> bool:
        return bool(cut_outputs(replace(plan, threshold=threshold).masks(scores), allowed))

    if len(values) == 0 or not cuts(float(np.nextafter(values[-1], np.inf))):
        return None
    low, high = 0, len(values) - 1  # values[low] as a threshold is allowed unless the exceptions alone cut
    if cuts(float(values[high])):
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if cuts(float(values[middle])) else (middle, high)
    else:
        low = high
    return float(values[low])


def names_of(topology: Topology, outputs: Iterable[int]) -> str:
    """The names of some outputs, for a message."""
    return ", ".join(topology.names[-1][j] for j in outputs)
