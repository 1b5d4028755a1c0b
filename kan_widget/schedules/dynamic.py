"""Pruning that follows the data: each batch sets a threshold, prunes what lies below it and brings back the rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from ..core.plan import STRUCTURES
from ..core.rules import Rule, named_rule
from ..core.scores import Scores, check_criterion
from ..core.select import Part, Target, choose
from ..core.topology import Edge, Masks, Node
from ..session import Session
from .rounds import Moment, kinds

Array = NDArray[np.float64]
SCOPES = ("layer", "global")


@dataclass(frozen=True)
class Batch:
    """What one batch of data changed.

    Attributes:
        thresholds: Of each layer that was ruled on: edge layers, hidden node layers, or the inputs.
        pruned: Parts that it pruned.
        regrown: Parts that it brought back.
        edges: Active edges after it.
        sparsity: Fraction of all edges that are pruned or dead after it.
        loss: After it, on the batch's held-out rows if it has any; None without labels.
        accuracy: The same; None for regression.
        seconds: What it took.
    """

    thresholds: tuple[float, ...]
    pruned: int
    regrown: int
    edges: int
    sparsity: float
    loss: float | None
    accuracy: float | None
    seconds: float = 0.0


@dataclass
class Followed:
    """A model that was pruned as its data came.

    Attributes:
        model: The copy after the last batch, masked.
        batches: What each batch changed.
        stopped: Why it ended before the data did: ``""``, ``"callback"`` or ``"interrupted"``.
    """

    model: Any
    batches: list[Batch] = field(default_factory=list)
    stopped: str = ""

    def to_frame(self) -> Any:
        """The batches as a pandas data frame."""
        import pandas as pd

        return pd.DataFrame([vars(batch) for batch in self.batches])

    def __repr__(self) -> str:
        gone, back = sum(b.pruned for b in self.batches), sum(b.regrown for b in self.batches)
        left = f", {self.batches[-1].edges} edges left" if self.batches else ""
        why = f", {self.stopped}" if self.stopped else ""
        return f"Followed({len(self.batches)} batches, {gone} pruned, {back} regrown{left}{why})"


def dynamic_prune(
    model: Any,
    batches: Any,
    *,
    rule: str | Rule = "gap",
    criterion: str = "std",
    structure: str = "edge",
    scope: str = "layer",
    regrow: bool = True,
    compensate: str = "mean",
    tune: Mapping[str, Any] | None = None,
    progress: bool = True,
    callback: Callable[[Batch], Any] | None = None,
) -> Followed:
    """Prune by what each batch of data shows, and bring back what it shows to be needed. The model is left alone.

    For each batch the parts are scored, pruned ones too, and the rule makes a threshold of the scores. What lies below
    goes; what is pruned and does not lie below comes back with the weights that it had. Each output keeps its strongest
    path to an input. Nodes are scored with all of them there, and come back with all their edges; where edges are
    pruned, a node that has died comes back over two batches, the edges into it first.

    Args:
        model: A KAN.
        batches: One data set, in any form that `Session` takes, or an iterable of them: a list, a generator, a
            ``DataLoader``.
        rule: ``"gap"``, ``"quantile"``, ``"energy"`` or ``"mean_sd"``, or a function from an array of scores to a
            threshold, such as ``lambda s: quantile(s, 0.4)``; see `kan_widget.core.rules`.
        criterion: What importance is. Criteria of the loss know what is needed only where there are labels.
        structure: ``"edge"``, ``"node"`` (hidden) or ``"input"``.
        scope: A threshold for each ``"layer"``, or one for all (``"global"``).
        regrow: Whether anything comes back.
        compensate: As in `prune`.
        tune: Options of the model's ``fit`` on each batch after it; nothing is tuned when left out.
        progress: Whether to show a progress bar.
        callback: Called after each batch; stops if it gives False.

    Returns:
        The pruned model and what each batch changed.

    Raises:
        ValueError: If an option or a batch cannot be used, or there is no batch.

    Example:
        >>> import torch
        >>> from kan_widget import KAN
        >>> x = torch.rand(100, 3)
        >>> found = dynamic_prune(KAN([3, 4, 1], seed=0), [x[:50], x[50:]], rule="energy", progress=False)
        >>> len(found.batches), found.batches[0].pruned > 0
        (2, True)
    """
    _check(criterion, structure, scope)
    ruler = Ruler(named_rule(rule), structure, scope)
    result = Followed(model.copy())
    good: Moment | None = None
    stream = _stream(batches)
    with tqdm(total=len(stream) if isinstance(stream, list) else None, disable=not progress) as bar:
        try:
            for data in stream:
                started = time.perf_counter()
                session = _bound(result, data, criterion, compensate)
                good = Moment.of(session.adapter)
                scores = _with_all_nodes(session, data, structure) if regrow else session.scores
                batch = _follow(session, scores, ruler, regrow, tune)
                batch = replace(batch, seconds=time.perf_counter() - started)
                result.batches.append(batch)
                good = None
                bar.set_postfix_str(f"{batch.edges} edges", refresh=False)
                bar.update()
                if callback is not None and callback(batch) is False:
                    result.stopped = "callback"
                    break
        except KeyboardInterrupt:
            if good is not None:
                good.put_back()
            result.stopped = "interrupted"
    if not (result.batches or result.stopped):
        raise ValueError("there is no batch to follow; give at least one data set")
    return result


@dataclass(frozen=True)
class Ruler:
    """Thresholds for scores: what lies below, layer by layer or all together.

    Attributes:
        rule: Makes a threshold of scores.
        structure: Of what the scores are taken.
        scope: Whether each layer has its own.
    """

    rule: Rule
    structure: str
    scope: str

    def thresholds(self, scores: Scores) -> tuple[float, ...]:
        """One for each layer that is ruled on.

        Raises:
            ValueError: If the rule gives no number.
        """
        layers = self._ruled(scores)
        if self.scope == "global" and layers:
            return (self._threshold(np.concatenate([layer.ravel() for layer in layers])),) * len(layers)
        return tuple(map(self._threshold, layers))

    def above(self, scores: Scores, thresholds: tuple[float, ...]) -> Scores:
        """How far each part lies above the threshold of its layer: below 0 it is to go."""
        heights = tuple(layer - limit for layer, limit in zip(self._ruled(scores), thresholds, strict=True))
        if self.structure == "edge":
            return Scores(heights, scores.nodes)
        first = self._first
        return Scores(scores.edges, (*scores.nodes[:first], *heights, *scores.nodes[first + len(heights) :]))

    def _ruled(self, scores: Scores) -> tuple[Array, ...]:
        if self.structure == "edge":
            return scores.edges
        return scores.nodes[:1] if self.structure == "input" else scores.nodes[1:-1]

    @property
    def _first(self) -> int:
        return 0 if self.structure == "input" else 1

    def _threshold(self, scores: Array) -> float:
        found: Any = self.rule(scores)
        if not isinstance(found, (int, float, np.integer, np.floating)) or not found < np.inf:
            raise ValueError(f"a rule must give a number below infinity as the threshold; got {found!r}")
        return float(found)


def _check(criterion: str, structure: str, scope: str) -> None:
    check_criterion(criterion)
    if structure not in STRUCTURES:
        raise ValueError(f"structure must be one of {', '.join(STRUCTURES)}; got {structure!r}")
    if scope not in SCOPES:
        raise ValueError(f"scope must be one of {', '.join(SCOPES)}; got {scope!r}")


def _stream(batches: Any) -> list[Any] | Iterable[Any]:
    """Data sets, one after the other, from one or from something that gives them."""
    one = isinstance(batches, (Mapping, tuple)) or hasattr(batches, "__array__") or not isinstance(batches, Iterable)
    return [batches] if one else batches


def _bound(result: Followed, data: Any, criterion: str, compensate: str) -> Session:
    try:
        return Session(result.model, data, criterion=criterion, compensate=compensate)
    except (ValueError, TypeError) as error:
        raise type(error)(f"batch {len(result.batches) + 1}: {error}") from error


def _with_all_nodes(session: Session, data: Any, structure: str) -> Scores:
    """Scores in a network with all nodes of that structure: one that is off says nothing of what it would be worth."""
    off = [] if structure == "edge" else _off(session.masks, structure)
    if not off:
        return session.scores
    twin = session.adapter.twin()
    masks, fills = twin.masks()
    edges = [edge for node in off for edge in session.topology.edges_at(node)]
    restored = session.topology.masks_of(edges)
    twin.write_masks(tuple(mask | back for mask, back in zip(masks, restored, strict=True)), fills)
    return Session(twin.model, data, criterion=session.plan.criterion).scores


def _follow(session: Session, scores: Scores, ruler: Ruler, regrow: bool, tune: Mapping[str, Any] | None) -> Batch:
    thresholds = ruler.thresholds(scores)
    above = ruler.above(scores, thresholds)
    back = _returning(session.masks, above, ruler.structure) if regrow else []
    if back:
        session.restore(**kinds(back))
    gone = choose(above, session.masks, Target(threshold=0.0), structure=ruler.structure)
    if gone:
        session.prune(**kinds(gone))
    if tune:
        outcome = session.fit(**{"progress": False, **tune})
        if outcome.stopped == "interrupted":
            raise KeyboardInterrupt
    quality = session.metrics.quality
    found = quality.get("test", quality.get("train"))
    return Batch(
        thresholds=thresholds,
        pruned=len(gone),
        regrown=len(back),
        edges=session.metrics.cost.edges,
        sparsity=session.sparsity,
        loss=None if found is None else found.loss,
        accuracy=None if found is None else found.accuracy,
    )


def _returning(masks: Masks, above: Scores, structure: str) -> list[Part]:
    """What is off and does not lie below its threshold."""
    if structure == "edge":
        return [
            Edge(layer, int(source), int(target))
            for layer, (mask, height) in enumerate(zip(masks, above.edges, strict=True))
            for target, source in np.argwhere(~mask & (height >= 0))
        ]
    return [node for node in _off(masks, structure) if above.nodes[node.layer][node.index] >= 0]


def _off(masks: Masks, structure: str) -> list[Node]:
    """Inputs without an edge that is on, or hidden nodes without one on either side."""
    into = [np.ones(masks[0].shape[1], dtype=bool), *(mask.any(axis=1) for mask in masks)]
    layers = [0] if structure == "input" else range(1, len(masks))
    return [
        Node(layer, int(index))
        for layer in layers
        for index in np.flatnonzero(~(into[layer] & masks[layer].any(axis=0)))
    ]
