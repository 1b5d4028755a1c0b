"""Pruning in rounds to a goal: a sparsity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tqdm.auto import tqdm

from ..core.select import Target
from .rounds import Pruned, Round, Run

Schedule = Callable[[float], float]

SCHEDULES: dict[str, Schedule] = {
    "linear": lambda t: t,
    "cubic": lambda t: 1 - (1 - t) ** 3,
}


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
    run = Run(model, data, criterion, compensate, tune)
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


def _schedule(schedule: str | Schedule, goal: float) -> Schedule:
    if callable(schedule):
        return schedule
    if schedule == "geometric":
        return lambda t: (1 - (1 - goal) ** t) / goal if goal else 0.0
    if schedule not in SCHEDULES:
        known = ", ".join([*SCHEDULES, "geometric"])
        raise ValueError(f"schedule must be one of {known}, or a function; got {schedule!r}")
    return SCHEDULES[schedule]
