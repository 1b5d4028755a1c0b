"""How far a number measured on some rows may be off: the bootstrap over rows, for any function of sums over them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Rows drawn at a time, over all resamples of a chunk: what is held in memory does not grow with their number.
_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Estimate:
    """A number, and the interval that other rows of the same kind would put it in.

    Attributes:
        value: On the rows themselves.
        low: Lower end of the interval; NaN where nothing can be said.
        high: Upper end.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"


def resampled_sums(terms: Array, draws: int, seed: int) -> Array:
    """Sums over the rows, and over resamples of them with replacement.

    The same seed and number of rows give the same resamples, so that two models on the same rows are compared in pairs.

    Args:
        terms: What each row adds, ``(rows, terms)``.
        draws: How many resamples.
        seed: Of the resamples.

    Returns:
        ``(1 + draws, terms)``: first the rows themselves.

    Example:
        >>> resampled_sums(np.ones((4, 1)), draws=2, seed=0).tolist()
        [[4.0], [4.0], [4.0]]
    """
    rows = len(terms)
    generator = np.random.default_rng(seed)
    sums = [terms.sum(axis=0, keepdims=True)]
    step = max(1, _AT_ONCE // rows)
    for start in range(0, draws, step):
        count = min(step, draws - start)
        picked = generator.integers(0, rows, (count, rows)) + rows * np.arange(count)[:, None]
        times = np.bincount(picked.ravel(), minlength=count * rows).reshape(count, rows)
        sums.append(times.astype(np.float64) @ terms)
    return np.concatenate(sums)


def settled(seed: int | None) -> int:
    """The seed, or one drawn for None: all resamples of a result are to come from the same."""
    return int(np.random.default_rng().integers(2**31)) if seed is None else seed


def estimate(values: Array, confidence: float, *, biased: bool = False) -> Estimate:
    """A number and its interval.

    Args:
        values: ``(1 + draws,)``: on the rows, then on each resample; NaN where a resample does not have it.
        confidence: Share of the resamples within the interval.
        biased: Whether a sample's value lies above the population's on average, as for a mean of absolute values. A
            resample then lies above the sample by as much, so the interval is moved down by twice that; it does not
            leave out the value itself.

    Returns:
        The percentile interval.

    Source:
        Efron, "Bootstrap methods: another look at the jackknife", 1979; the move is the first order of the correction
        in Efron, "Nonparametric standard errors and confidence intervals", 1981.
    """
    value, drawn = float(values[0]), values[1:][np.isfinite(values[1:])]
    if not len(drawn) or not np.isfinite(value):
        return Estimate(value, float("nan"), float("nan"))
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    if biased:
        move = 2 * (float(drawn.mean()) - value)
        low, high = min(low - move, value), max(high - move, value)
    return Estimate(value, float(low), float(high))


def check_resampling(draws: int, confidence: float) -> None:
    """Raise `ValueError` unless intervals can be drawn so."""
    if draws < 1:
        raise ValueError(f"draws, the number of resamples, must be at least 1; got {draws}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, say 0.95; got {confidence}")
