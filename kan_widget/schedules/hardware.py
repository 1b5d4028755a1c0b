"""Pruning to a budget of hardware: what is worth least for what it costs goes first, down to a limit."""

from __future__ import annotations

import statistics
import timeit
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..adapters import Adapter, adapt_alone
from ..core.cost import Price, Shape, edge_savings, node_savings
from ..core.cost import cost as count
from ..core.plan import STRUCTURES
from ..core.reach import active_edges, live_nodes
from ..core.scores import Scores
from ..core.select import Part, Target, choose
from ..core.topology import Edge, Masks, Node, edges_on
from .rounds import Pruned, Round, Run

Array = NDArray[np.float64]
COSTS = ("edges", "parameters", "macs", "bytes", "lut_bytes", "latency")


@dataclass(frozen=True)
class PricedRound(Round):
    """One round of pruning to a cost.

    Attributes:
        cost: What the network costs after it, in the unit of the limit.
    """

    cost: float


def hardware_prune(
    model: Any,
    data: Any,
    *,
    limit: float,
    cost: str | Callable[[Masks], float] = "parameters",
    structure: str = "edge",
    share: float = 0.3,
    bits: int = 8,
    batch: int = 1,
    criterion: str = "auto",
    compensate: str = "mean",
    tune: Mapping[str, Any] | None = None,
    progress: bool = True,
    callback: Callable[[Round], Any] | None = None,
) -> Pruned:
    """Prune until a model costs no more than a limit: first what adds least to the loss for each unit of cost it saves.

    What a part saves is the true difference, with all that dies without it. Each round takes off a share of the cost,
    makes up for it, tunes, and scores and prices what is left anew. The model is left alone.

    Args:
        model: A KAN.
        data: Training and held-out rows, ``(x, y, x_test, y_test)`` or pykan's dict.
        limit: What the pruned model may cost.
        cost: ``"edges"``, ``"parameters"``, ``"macs"`` (multiply-adds a row) or ``"bytes"``, as `core.cost.Cost` counts
            them; ``"lut_bytes"``, of one lookup table an edge; ``"latency"``, the median of the seconds that a call of
            the compacted model takes with torch's threads as they are; or a function of the masks of what is active,
            ``(out, in)`` per layer, that is asked about each part in each round.
        structure: What to remove: ``"edge"``, ``"node"`` (hidden) or ``"input"``. Only nodes and inputs make calls
            faster: layers are computed whole.
        share: Of the cost that is left, to be taken off in a round.
        bits: Of a lookup table's index and entries.
        batch: Rows of a call that is timed. Timing is noisy, so parts are ranked by multiply-adds.
        criterion: What importance is; the ratio is one of losses for ``"leave_one_out"``, ``"taylor2"``, ``"auto"`` and
            ``"gauss_newton"``.
        compensate: As in `prune`.
        tune: Options of the model's ``fit`` after each cut; ``{}`` for none. When left out, 10 LBFGS steps.
        progress: Whether to show a progress bar.
        callback: Called with a `PricedRound` after each round; stops if it gives False.

    Returns:
        The pruned model and its rounds. If it was stopped it may cost more than the limit.

    Raises:
        ValueError: If the limit cannot be met without cutting an output off, an option cannot be used, or there are no
            held-out rows.

    Example:
        >>> import torch
        >>> from kan_widget import KAN
        >>> x = torch.rand(100, 3)
        >>> data = (x[:80], x[:80, :1], x[80:], x[80:, :1])
        >>> found = hardware_prune(KAN([3, 4, 1], seed=0), data, cost="lut_bytes", limit=2048, tune={}, progress=False)
        >>> found.rounds[-1].edges <= 8  # tables of 256 bytes
        True

    Source:
        Tables as the unit of cost: KANELE (2025), arXiv:2512.12850.
    """
    _check(limit, cost, structure, share, bits, batch)
    run = Run(model, data, criterion, compensate, tune)
    meter = _meter(cost, run.session.adapter, bits, batch)
    course = _Course(run, meter, structure, share, float(limit))
    course.refuse_what_cannot_be()
    return run.go(course.cuts(), record=course.priced, progress=progress, callback=callback)


@dataclass(frozen=True)
class _Meter:
    """What a network costs: by count, for any masks, and as it is now, in the unit of the limit."""

    price: Price
    alike: bool
    now: Callable[[Adapter], float]
    is_timed: bool = False


def _meter(cost: str | Price, adapter: Adapter, bits: int, batch: int) -> _Meter:
    price = _checked_price(cost) if callable(cost) else _count(cost, adapter.shape, bits)
    if cost == "latency":
        return _Meter(price, True, lambda port: _seconds(port, batch), is_timed=True)
    alike = isinstance(cost, str) and adapter.shape.coefficients is None
    return _Meter(price, alike, lambda port: price(active_edges(port.masks()[0])))


def _count(cost: str, shape: Shape, bits: int) -> Price:
    if cost == "lut_bytes":
        return lambda masks: count(masks, shape).lut_bytes(bits)
    counted = attrgetter("macs" if cost == "latency" else cost)
    return lambda masks: float(counted(count(masks, shape)))


def _checked_price(cost: Price) -> Price:
    def price(masks: Masks) -> float:
        found: Any = cost(masks)
        if not isinstance(found, (int, float, np.integer, np.floating)) or not np.isfinite(found):
            raise ValueError(f"cost must give a finite number for masks; got {found!r}")
        return float(found)

    return price


def _seconds(adapter: Adapter, rows: int) -> float:
    """Median seconds of a call of the compacted model."""
    call = adapt_alone(adapter.take(adapter.compact)).caller(rows)
    quickest = min(timeit.repeat(call, number=1, repeat=3))
    return statistics.median(timeit.repeat(call, number=1, repeat=round(min(max(0.2 / quickest, 20), 500))))


class _Course:
    """The way down to a limit.

    However the scores change, a network within the limit stays in reach: the paths that outputs are left with are held
    from the last round in which they were cheap enough.
    """

    def __init__(self, run: Run, meter: _Meter, structure: str, share: float, limit: float) -> None:
        self.run, self.meter, self.structure, self.share, self.limit = run, meter, structure, share, limit
        self.kept: Masks | None = None
        self.spent = meter.now(run.session.adapter)

    def refuse_what_cannot_be(self) -> None:
        """Raise `ValueError` if what must stay for the outputs costs too much already."""
        if self.spent <= self.limit:
            return
        self._order()
        assert self.kept is not None
        port = self.run.session.adapter.twin()
        port.write_masks(self.kept, port.masks()[1])
        least = self.meter.now(port)
        if least > self.limit:
            more = "" if self.structure == "edge" else "; structure='edge' goes further"
            raise ValueError(
                f"limit {self.limit:.6g} cannot be met by removing {self.structure}s: with no more than the strongest "
                f"path to each output it costs {least:.6g}, and {self.spent:.6g} now{more}"
            )

    def cuts(self) -> Iterator[Sequence[Part]]:
        """What to take in each round."""
        while self.spent > self.limit:
            order, masks = self._order(), self.run.session.masks
            if not order:
                raise ValueError(
                    f"limit {self.limit:.6g} cannot be met: nothing more may go, and the cost is {self.spent:.6g}"
                )
            goal = (1 - self.share) * self.meter.price(active_edges(masks))
            goal = goal if self.meter.is_timed else max(self.limit, goal)
            yield order[: self._needed(order, masks, goal)]

    def priced(self, step: Round) -> PricedRound:
        """The record of a round with what the network costs now."""
        self.spent = self.meter.now(self.run.session.adapter)
        return PricedRound(**vars(step), cost=self.spent)

    def _needed(self, order: Sequence[Part], masks: Masks, goal: float) -> int:
        """How many of the parts must go until a price is reached; at least one."""
        low, high = 1, len(order)
        while low < high:
            middle = (low + high) // 2
            reached = self.meter.price(active_edges(_without(masks, order[:middle]))) <= goal
            low, high = (low, middle) if reached else (middle + 1, high)
        return low

    def _order(self) -> list[Part]:
        """All that may go, the least loss for what it saves first."""
        session = self.run.session
        masks, everything = session.masks, Target(threshold=np.inf)
        worth = _worth(session.scores, masks, self.meter, self.structure)
        order = choose(worth, masks, everything, structure=self.structure)
        left = _without(masks, order)
        if self.kept is None or self.meter.is_timed or self.meter.price(active_edges(left)) <= self.limit:
            self.kept = left
            return order
        held = _parts(self.kept, self.structure)
        return choose(worth, masks, everything, structure=self.structure, protect=held, keep_outputs=False)


def _check(limit: Any, cost: Any, structure: str, share: float, bits: int, batch: int) -> None:
    if not callable(cost) and cost not in COSTS:
        raise ValueError(f"cost must be one of {', '.join(COSTS)}, or a function of masks; got {cost!r}")
    if isinstance(limit, bool) or not isinstance(limit, (int, float, np.integer, np.floating)):
        raise TypeError(f"limit must be a number; got {type(limit).__name__}")
    if not 0 < limit < np.inf:
        raise ValueError(f"limit must be a finite number above 0; got {limit}")
    if structure not in STRUCTURES:
        raise ValueError(f"structure must be one of {', '.join(STRUCTURES)}; got {structure!r}")
    if not 0 < share <= 1:
        raise ValueError(f"share of the cost to take off in a round must lie above 0 and up to 1; got {share}")
    if not 1 <= bits <= 32:
        raise ValueError(f"bits of a lookup table must lie between 1 and 32; got {bits}")
    if batch < 1:
        raise ValueError(f"batch, the rows of a call, must be at least 1; got {batch}")


def _worth(scores: Scores, masks: Masks, meter: _Meter, structure: str) -> Scores:
    """Importance for each unit of cost saved. What is dead is worth nothing; what saves nothing is not for sale."""
    active, live = active_edges(masks), live_nodes(masks)
    if structure == "edge":
        saved = edge_savings(masks, meter.price, alike=meter.alike)
        return replace(scores, edges=tuple(map(_ratio, scores.edges, saved, active)))
    return replace(scores, nodes=tuple(map(_ratio, scores.nodes, node_savings(masks, meter.price), live)))


def _ratio(scores: Array, saved: Array, alive: NDArray[np.bool_]) -> Array:
    ratio = np.divide(scores, saved, out=np.full_like(scores, np.inf), where=saved > 0)
    return np.where(alive, ratio, -np.inf)


def _without(masks: Masks, parts: Sequence[Part]) -> Masks:
    left = tuple(mask.copy() for mask in masks)
    for part in parts:
        if isinstance(part, Edge):
            left[part.layer][part.target, part.source] = False
        else:
            left[part.layer][:, part.index] = False
            if part.layer:
                left[part.layer - 1][part.index] = False
    return left


def _parts(masks: Masks, structure: str) -> list[Part]:
    """The parts that are there."""
    if structure == "edge":
        return list(edges_on(masks))
    return [Node(layer, int(i)) for layer, live in enumerate(live_nodes(masks)) for i in np.flatnonzero(live)]
