"""What is pruned: a rule (criterion and threshold) and its exceptions. Neither erases the other."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .reach import cut_outputs
from .scores import Scores
from .topology import Edge, Masks, Topology

STRUCTURES = ("edge", "node", "input")
COMPENSATIONS = ("mean", "none", "gain_bias", "least_squares")
REFITS = ("gain_bias", "least_squares")

Array = NDArray[np.float64]


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
        thresholds: One for each edge layer, in place of `threshold`; None while one threshold rules them all. A hidden
            node goes by the layer of edges that leave it, so with ``structure="node"`` the first is not looked at.
        min_per_layer: How many parts of a layer the rule leaves, the strongest. A hand may take those too.
    """

    threshold: float = 0.0
    criterion: str = "l1"
    structure: str = "edge"
    compensate: str = "mean"
    pruned: frozenset[Edge] = frozenset()
    kept: frozenset[Edge] = frozenset()
    thresholds: tuple[float, ...] | None = None
    min_per_layer: int = 0

    def __post_init__(self) -> None:
        for threshold in (self.threshold, *(self.thresholds or ())):
            if not threshold < np.inf:
                raise ValueError(f"threshold must be a finite number, or -inf for none; got {threshold}")
        if self.min_per_layer < 0:
            raise ValueError(f"min_per_layer, how many of a layer stay, must be 0 or more; got {self.min_per_layer}")
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

    def _below(self, scores: Scores) -> list[NDArray[np.bool_]]:
        taken = {layer: self._taken(layer, values) for layer, values in self.ruled(scores).items()}
        if self.structure == "edge":
            return list(taken.values())
        gone = [taken.get(layer, np.zeros(len(nodes), dtype=bool)) for layer, nodes in enumerate(scores.nodes)]
        return [below | above[:, None] for below, above in itertools.pairwise(gone)]

    def _taken(self, layer: int, values: Array) -> NDArray[np.bool_]:
        """What the rule takes of a layer."""
        below = values < self.threshold_of(layer)
        if values.size - below.sum() < self.min_per_layer:
            below &= ~strongest(values, self.min_per_layer)
        return below

    def ruled(self, scores: Scores) -> dict[int, Array]:
        """The scores that the rule looks at, by layer: of edges, or of nodes."""
        if self.structure == "edge":
            return dict(enumerate(scores.edges))
        return {0: scores.nodes[0]} if self.structure == "input" else dict(enumerate(scores.nodes[1:-1], 1))

    def threshold_of(self, layer: int) -> float:
        """The threshold that rules a layer."""
        return self.threshold if self.thresholds is None else self.thresholds[layer]

    def at(self, threshold: float, layer: int | None = None, *, scores: Scores) -> PruningPlan:
        """With this threshold for one layer, the others as they are; or for all of them."""
        if layer is None:
            return replace(self, threshold=threshold, thresholds=None)
        thresholds = tuple(map(self.threshold_of, range(len(scores.edges))))
        return replace(self, thresholds=(*thresholds[:layer], threshold, *thresholds[layer + 1 :]))

    def candidates(self, scores: Scores, layer: int | None = None) -> Array:
        """All scores that the rule compares with a threshold, of one layer or of all, ascending."""
        ruled = self.ruled(scores)
        layers = ruled.values() if layer is None else [ruled[layer]]
        return np.sort(np.concatenate([np.empty(0), *(values.ravel() for values in layers)]))

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
        """Reading other scores, with thresholds that take as many as before."""

        def moved(threshold: float, layer: int | None = None) -> float:
            return _taking(self.candidates(new, layer), int((self.candidates(old, layer) < threshold).sum()))

        ruled = self.ruled(new)
        thresholds = self.thresholds and tuple(
            moved(threshold, layer) if layer in ruled else threshold for layer, threshold in enumerate(self.thresholds)
        )
        return replace(self, criterion=criterion, threshold=moved(self.threshold), thresholds=thresholds)


def strongest(values: Array, count: int) -> NDArray[np.bool_]:
    """True at the `count` largest of `values`, of equal ones at the later."""
    held = np.zeros(values.shape, dtype=bool)
    held.flat[np.argsort(values, axis=None, kind="stable")[max(0, values.size - count) :]] = True
    return held


def nothing(values: Array) -> float:
    """The threshold that takes none of ascending `values`: 0 where they allow it."""
    return 0.0 if len(values) == 0 or values[0] >= 0 else -np.inf


def _taking(values: Array, count: int) -> float:
    """A threshold that takes the `count` smallest of ascending `values` (fewer where the next one is equal)."""
    if count == 0:
        return nothing(values)
    if count >= len(values):
        return float(np.nextafter(values[-1], np.inf))
    return float(values[count])


def threshold_for(values: Array, sparsity: float) -> float:
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
    return _taking(values, round(sparsity * len(values)))


def threshold_limit(
    plan: PruningPlan, scores: Scores, allowed: Iterable[int] = (), *, layer: int | None = None
) -> float | None:
    """The largest threshold at which the rule still leaves every output connected; None if any will do.

    It is that of one layer, the others as they are, or one for all. Outputs in `allowed` may be cut off. Masks only
    shrink as the threshold grows, so the answer is found by bisection over the scores.
    """
    allowed = tuple(allowed)
    values = np.unique(plan.candidates(scores, layer))

    def cuts(threshold: float) -> bool:
        return bool(cut_outputs(plan.at(threshold, layer, scores=scores).masks(scores), allowed))

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
