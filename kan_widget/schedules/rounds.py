"""What pruning in rounds is made of: one cut at a time, made up for, tuned, measured, kept or taken back."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..adapters import Evaluation
from ..core.select import Target, choose
from ..session import Session


@dataclass(frozen=True)
class Round:
    """One round of pruning.

    Attributes:
        sparsity: Fraction of all edges that are pruned or dead after it.
        edges: Active edges after it.
        loss: On the held-out rows, after tuning.
        accuracy: The same; None for regression.
        accepted: Whether the round was kept.
        seconds: What it took.
    """

    sparsity: float
    edges: int
    loss: float
    accuracy: float | None
    accepted: bool
    seconds: float


@dataclass
class Pruned:
    """A pruned model and how it came about.

    Attributes:
        model: The pruned copy, masked; its `compact` is smaller.
        dense: Quality on the held-out rows before.
        rounds: What was tried, in order.
        stopped: Why it ended before its goal: ``""``, ``"callback"`` or ``"interrupted"``.
    """

    model: Any
    dense: Evaluation
    rounds: list[Round] = field(default_factory=list)
    stopped: str = ""

    def to_frame(self) -> Any:
        """The rounds as a pandas data frame."""
        import pandas as pd

        return pd.DataFrame([vars(step) for step in self.rounds])

    def __repr__(self) -> str:
        kept = [step for step in self.rounds if step.accepted]
        last = kept[-1] if kept else None
        now = f"{last.edges} edges left, loss {last.loss:.3g}" if last else "nothing pruned"
        why = f", {self.stopped}" if self.stopped else ""
        return f"Pruned({len(kept)} of {len(self.rounds)} rounds kept, {now} (dense {self.dense.loss:.3g}){why})"


class Run:
    """A copy of the model under way: one cut at a time, kept or taken back."""

    def __init__(self, model: Any, data: Any, criterion: str, compensate: str, tune: Mapping[str, Any] | None) -> None:
        self.tune = {"steps": 10} if tune is None else dict(tune)
        self.session = Session(model.copy(), data, criterion=criterion, compensate=compensate)
        quality = self.session.metrics.quality
        if "test" not in quality:
            raise ValueError("pruning in rounds is judged on held-out rows; give (x, y, x_test, y_test)")
        self.loss = quality["test"].loss
        self.result = Pruned(self.session.model, quality["test"])
        self.interrupted = False

    def proposal(self, share: float) -> int:
        """How many edges to cut next: a share of those left, as far as outputs stay connected; 0 for none."""
        left = sum(int(mask.sum()) for mask in self.session.masks)
        free = len(choose(self.session.scores, self.session.masks, Target(threshold=float("inf"))))
        return min(free, max(1, round(share * left)))

    def cut(self, target: Target) -> Round:
        """Prune, tune and measure."""
        started = time.perf_counter()
        self.start = self.session.history.position
        parts = choose(self.session.scores, self.session.masks, target)
        if parts:
            self.session.prune(parts)
        if self.tune:
            outcome = self.session.fit(**{"progress": False, **self.tune})
            self.interrupted = outcome.stopped == "interrupted"
        else:
            self.session.refresh()
        quality = self.session.metrics.quality["test"]
        return Round(
            sparsity=self.session.sparsity,
            edges=self.session.metrics.cost.edges,
            loss=quality.loss,
            accuracy=quality.accuracy,
            accepted=True,
            seconds=time.perf_counter() - started,
        )

    def keep(self, step: Round, fine: bool) -> None:
        """Record the round; take it back unless it is fine."""
        if fine:
            self.loss = step.loss
        else:
            self.session.jump(self.start)
        self.result.rounds.append(Round(**{**vars(step), "accepted": fine}))

    def stops(self, callback: Callable[[Round], Any] | None) -> bool:
        """Whether the user wants no more."""
        if self.interrupted:
            self.result.stopped = "interrupted"
        elif callback is not None and callback(self.result.rounds[-1]) is False:
            self.result.stopped = "callback"
        return bool(self.result.stopped)
