"""Pruning in rounds to a goal: a sparsity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..adapters import adapt_alone
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
    rewind: Any = None,
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
        rewind: A model whose weights and grids are taken after each cut, before it is tuned: a copy of this one from
            before its training, or from early in it. Masks, and what pruned edges leave behind, stay.
        progress: Whether to show a progress bar.
        callback: Called after each round; stops if it gives False.

    Returns:
        The pruned model and the record of its rounds.

    Raises:
        ValueError: If an option cannot be used, `rewind` is of another shape, or there are no held-out rows.

    Example:
        >>> import torch
        >>> from kan_widget import KAN
        >>> x = torch.rand(100, 2)
        >>> data = (x[:80], x[:80, :1], x[80:], x[80:, :1])
        >>> found = iterative_prune(KAN([2, 3, 1], seed=0), data, sparsity=0.4, rounds=2, progress=False)
        >>> [round.edges for round in found.rounds][-1] <= 5
        True

    Source:
        Rewinding: Frankle and Carbin (2019), arXiv:1803.03635, and to early in training, Frankle et al. (2020),
        arXiv:1912.05671.
    """
    if not 0 <= sparsity < 1:
        raise ValueError(f"sparsity is the fraction removed, 0 or more and below 1; got {sparsity}")
    if rounds < 1:
        raise ValueError(f"rounds must be at least 1; got {rounds}")
    if rewind is not None and tune is not None and not tune:
        raise ValueError("weights that were put back must be trained again; give tune=, or leave it out for 10 steps")
    share = _schedule(schedule, sparsity)
    run = Run(model, data, criterion, compensate, tune, None if rewind is None else _weights(rewind, model))
    run.weakest(Target(sparsity=sparsity))  # what cannot be done at all is refused before anything is
    goals = (min(sparsity * share(number / rounds), sparsity) for number in range(1, rounds + 1))
    return run.go(
        (run.weakest(Target(sparsity=goal)) for goal in goals), rounds=rounds, progress=progress, callback=callback
    )


def _weights(rewind: Any, model: Any) -> Any:
    """The weights to go back to, of a network of the same shape."""
    then, now = adapt_alone(rewind), adapt_alone(model)
    if (then.topology.widths, then.shape) != (now.topology.widths, now.shape):
        needed, found = [
            f"widths {port.topology.widths}, grids {port.shape.intervals}, k {port.shape.k}, "
            f"{8 * port.shape.itemsize} bits a number"
            for port in (now, then)
        ]
        raise ValueError(f"rewind must be of the same shape as the model, {needed}; got {found}")
    if not then.is_finite():
        raise ValueError("rewind has parameters that are NaN or infinite")
    return then.weights()


def _schedule(schedule: str | Schedule, goal: float) -> Schedule:
    if callable(schedule):
        return schedule
    if schedule == "geometric":
        return lambda t: (1 - (1 - goal) ** t) / goal if goal else 0.0
    if schedule not in SCHEDULES:
        known = ", ".join([*SCHEDULES, "geometric"])
        raise ValueError(f"schedule must be one of {known}, or a function; got {schedule!r}")
    return SCHEDULES[schedule]
