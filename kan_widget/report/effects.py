"""The effect of one factor, from a number for each of its values and seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

CONTROL = "random control"


@dataclass(frozen=True)
class Effect:
    """How far a number moves when one factor varies and all else stays.

    Attributes:
        factor: Its name.
        kind: What it belongs to: ``"architecture"``, ``"training"``, ``"pruning"``, ``"schedule"`` or ``"control"``.
        size: Range of the mean over seeds, from the value with the lowest mean to that with the highest.
        spread: Standard deviation over seeds of the difference between these two values; NaN for one seed.
        low: The value with the lowest mean.
        high: The value with the highest.
        by_seed: Their difference, for each seed that both have.
    """

    factor: str
    kind: str
    size: float
    spread: float
    low: Any
    high: Any
    by_seed: tuple[float, ...]


def effect(factor: str, kind: str, values: Sequence[tuple[Any, dict[int, float]]]) -> Effect | None:
    """The effect of a factor.

    Args:
        factor: Its name.
        kind: What it belongs to.
        values: Its values, and the number of each seed under each; no value without a number.

    Returns:
        None unless there are two values to compare.

    Example:
        >>> found = effect("lamb", "training", [(0.0, {0: 1.0, 1: 2.0}), (0.1, {0: 2.0, 1: 5.0})])
        >>> found.size, found.high, found.by_seed
        (2.0, 0.1, (1.0, 3.0))
    """
    known = [(value, numbers) for value, numbers in values if numbers]
    if len(known) < 2:
        return None
    means = [np.mean(list(numbers.values())) for _, numbers in known]
    (low, below), (high, above) = known[int(np.argmin(means))], known[int(np.argmax(means))]
    shared = tuple(above[seed] - below[seed] for seed in above if seed in below)
    spread = float(np.std(shared, ddof=1)) if len(shared) > 1 else float("nan")
    return Effect(factor, kind, float(max(means) - min(means)), spread, low, high, shared)
