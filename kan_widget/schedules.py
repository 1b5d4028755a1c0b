"""Pruning in rounds: score, cut, make up for it, tune, measure; with a goal (a sparsity) or a limit (a loss)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tqdm.auto import tqdm

from .adapters import Evaluation
from .core.select import Target, choose
from .session import Session

Schedule = Callable[[float], float]

SCHEDULES: dict[str, Schedule] = {
    "linear": lambda t: t,
    "cubic": lambda t: 1 - (1 - t) ** 3,
}


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


def iterative_prune(
    model: Any,
    data: Any,
    *,
    sparsity: float,
    rounds: int = 5,
    schedule: str | Schedule = "cubic",
    criterion: str = "auto",
    compensate: str = "mean",
    tune: Mapping[str, Any] | None = None,
    progress: bool = True,
    callback: Callable[[Round], Any] | None = None,
) -> Pruned:
    """Prune edges to a sparsity in rounds, each scored anew and tuned. The model is left alone.

    Args:
        model: A KAN.
        data: Training and held-out rows, ``(x, y, x_test, y_test)`` or pykan's dict.
        sparsity: Fraction of all edges to prune in the end.
        rounds: How many.
        schedule: ``"linear"``, ``"cubic"`` (large cuts first: Zhu and Gupta 2017, arXiv:1710.01878), ``"geometric"``
            (the same share of what is left each round), or a function from time to share of the goal, both 0 to 1.
        criterion: What importance is.
        compensate: As in `prune`.
        tune: Options of the model's ``fit`` after each cut; ``{}`` for none. When left out, 10 LBFGS steps.
        progress: Whether to show a progress bar.
        callback: Called after each round; stops if it gives False.

    Returns:
        The pruned model and the record of its rounds.

    Raises:
        ValueError: If an option cannot be used, or there are no held-out rows.

    Example:
        >>> import torch
        >>> from kan_widget import KAN
        >>> x = torch.rand(100, 2)
        >>> data = (x[:80], x[:80, :1], x[80:], x[80:, :1])
        >>> found = iterative_prune(KAN([2, 3, 1], seed=0), data, sparsity=0.4, rounds=2, progress=False)
        >>> [round.edges for round in found.rounds][-1] <= 5
        True
    """
    if not 0 <= sparsity < 1:
        raise ValueError(f"sparsity is the fraction removed, 0 or more and below 1; got {sparsity}")
    if rounds < 1:
        raise ValueError(f"rounds must be at least 1; got {rounds}")
    share = _schedule(schedule, sparsity)
    run = _Run(model, data, criterion, compensate, tune)
    with tqdm(total=rounds, disable=not progress) as bar:
        for number in range(1, rounds + 1):
            goal = sparsity * share(number / rounds)
            step = run.cut(Target(sparsity=min(goal, sparsity)))
            run.keep(step, True)
            bar.set_postfix_str(f"{step.edges} edges, loss {step.loss:.3g}", refresh=False)
            bar.update()
            if run.stops(callback):
                break
    return run.result


def adaptive_prune(
    model: Any,
    data: Any,
    *,
    budget: float | Callable[[Evaluation], bool] = 0.02,
    share: float = 0.3,
    criterion: str = "auto",
    compensate: str = "mean",
    tune: Mapping[str, Any] | None = None,
    progress: bool = True,
    callback: Callable[[Round], Any] | None = None,
) -> Pruned:
    """Prune as many edges as a budget allows: propose a cut, tune, accept it or roll back and halve it.

    The result always satisfies the budget on the held-out rows, and the loop always ends: each round either removes an
    edge for good or halves the cut, and a refused cut of one edge is the last. The model is left alone.

    Args:
        model: A KAN.
        data: Training and held-out rows, ``(x, y, x_test, y_test)`` or pykan's dict.
        budget: How much worse the held-out loss may be than the dense model's, as a fraction of it, or a function that
            says of an `Evaluation` whether it will do.
        share: Size of the first cut, as a fraction of the edges that are left.
        criterion: What importance is.
        compensate: As in `prune`.
        tune: Options of the model's ``fit`` after each cut; ``{}`` for none. When left out, 10 LBFGS steps.
        progress: Whether to show a progress bar.
        callback: Called after each round; stops if it gives False.

    Returns:
        The pruned model and the record of its rounds.

    Raises:
        ValueError: If the dense model breaks the budget already, an option cannot be used, or there are no held-out
            rows.

    Example:
        >>> import torch
        >>> from kan_widget import KAN
        >>> x = torch.rand(200, 2)
        >>> data = (x[:150], x[:150, :1], x[150:], x[150:, :1])
        >>> found = adaptive_prune(KAN([2, 2, 1], seed=0), data, budget=0.1, progress=False)
        >>> found.rounds[-1].loss <= 1.1 * found.dense.loss or not found.rounds[-1].accepted
        True
    """
    if not 0 < share <= 1:
        raise ValueError(f"share of the edges to cut at first must lie above 0 and up to 1; got {share}")
    run = _Run(model, data, criterion, compensate, tune)
    allowed = _allowed(budget, run.result.dense)
    with tqdm(disable=not progress) as bar:
        while (count := run.proposal(share)) > 0:
            step = run.cut(Target(amount=count))
            fine = allowed(Evaluation(step.loss, step.accuracy))
            run.keep(step, fine)
            bar.set_postfix_str(f"{run.session.metrics.cost.edges} edges, loss {run.loss:.3g}", refresh=False)
            bar.update()
            if run.stops(callback) or (not fine and count == 1):
                break
            share = share if fine else share / 2
    return run.result


def _schedule(schedule: str | Schedule, goal: float) -> Schedule:
    if callable(schedule):
        return schedule
    if schedule == "geometric":
        return lambda t: (1 - (1 - goal) ** t) / goal if goal else 0.0
    if schedule not in SCHEDULES:
        known = ", ".join([*SCHEDULES, "geometric"])
        raise ValueError(f"schedule must be one of {known}, or a function; got {schedule!r}")
    return SCHEDULES[schedule]


def _allowed(budget: float | Callable[[Evaluation], bool], dense: Evaluation) -> Callable[[Evaluation], bool]:
    if not callable(budget):
        if not budget >= 0:
            raise ValueError(f"budget as a fraction must be 0 or more; got {budget}")
        most = dense.loss * (1 + budget)
        return lambda found: found.loss <= most
    if not budget(dense):
        raise ValueError(f"the dense model breaks the budget already: {dense}; widen it or train the model further")
    return budget


class _Run:
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
