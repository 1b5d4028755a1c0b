"""Thresholds that scores suggest: a rule takes scores of any shape and gives a threshold, to prune what is below."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .plan import nothing, threshold_for

Array = NDArray[np.float64]
Rule = Callable[[Array], float]

# Scores are measured in float32: what is below this share of the largest is rounding.
_ROUNDING = float(np.finfo(np.float32).eps)


def gap(scores: ArrayLike, ratio: float = 2.0) -> float:
    """The middle of the widest gap between neighbouring scores on a log scale.

    ``sqrt(s_m s_(m+1))`` for the m that has the largest ``s_(m+1) / s_m`` of the scores in ascending order. Scores
    below rounding, ``1.2e-7`` of the largest, negative ones too, count as that.

    Args:
        scores: Of any shape.
        ratio: A gap is no gap below this factor: then nothing is to go.

    Returns:
        The threshold; one that takes nothing if there is no gap.

    Raises:
        ValueError: If scores are not finite or `ratio` is below 1.

    Example:
        >>> round(gap([0.1, 1.0, 0.001, 0.002]), 4)
        0.0141
    """
    return next(iter(gaps(scores, ratio, most=1)), nothing(_ascending(scores)))


def gaps(scores: ArrayLike, ratio: float = 2.0, most: int = 3) -> list[float]:
    """The middles of the widest gaps as `gap` finds them, the widest first: places where a cut comes naturally.

    Args:
        scores: Of any shape.
        ratio: A gap is no gap below this factor.
        most: How many at most.

    Raises:
        ValueError: If scores are not finite or `ratio` is below 1.

    Example:
        >>> [round(threshold, 4) for threshold in gaps([0.1, 1.0, 0.001, 0.002])]
        [0.0141, 0.3162, 0.0014]
    """
    values = _ascending(scores)
    if not 1 <= ratio < np.inf:
        raise ValueError(f"ratio, the least factor that is a gap, must be 1 or more; got {ratio}")
    if len(values) < 2 or values[-1] <= 0:
        return []
    above = np.log(np.maximum(values, values[-1] * _ROUNDING))
    steps = np.diff(above)
    widest = np.argsort(-steps, kind="stable")[:most]
    wide = [at for at in widest.tolist() if steps[at] > 0 and steps[at] >= np.log(ratio)]
    return [float(np.exp((above[at] + above[at + 1]) / 2)) for at in wide]


def quantile(scores: ArrayLike, q: float = 0.2) -> float:
    """The threshold below which the fraction `q` of the scores lies, rounded to whole ones; fewer where some are equal.

    Raises:
        ValueError: If scores are not finite or `q` does not lie between 0 and 1.

    Example:
        >>> quantile([5.0, 4.0, 3.0, 2.0, 1.0])
        2.0
    """
    values = _ascending(scores)
    if not 0 <= q <= 1:
        raise ValueError(f"q, the fraction of the scores below the threshold, must lie between 0 and 1; got {q}")
    return threshold_for(values, q)


def energy(scores: ArrayLike, eps: float = 0.01) -> float:
    """The threshold above which all but `eps` of the energy lies, the sum of the squares of the scores.

    The largest ``s_m`` with ``sum_(n < m) s_n^2 <= eps sum_n s_n^2``, in ascending order; a negative score counts as
    zero, and equal ones stay together. For standard deviations it is their variance that is kept.

    Raises:
        ValueError: If scores are not finite or `eps` does not lie in [0, 1).

    Example:
        >>> energy([3.0, 0.1, 4.0, 0.2])
        3.0
    """
    values = _ascending(scores)
    if not 0 <= eps < 1:
        raise ValueError(f"eps, the share of the energy to give up, must be 0 or more and below 1; got {eps}")
    if len(values) == 0 or values[-1] <= 0:
        return nothing(values)
    share = np.cumsum((np.maximum(values, 0) / values[-1]) ** 2)
    return float(values[int((share <= eps * share[-1]).sum())])


def mean_sd(scores: ArrayLike, k: float = 1.0) -> float:
    """``mean - k sd``: what is that far below the others, `sd` being the standard deviation of all of them.

    Scores that spread over decades have a standard deviation above their mean: for them `k` must be small.

    Raises:
        ValueError: If scores or `k` are not finite.

    Example:
        >>> mean_sd([1.0, 3.0], k=0.5)
        1.5
    """
    values = _ascending(scores)
    if not np.isfinite(k):
        raise ValueError(f"k, the number of standard deviations, must be finite; got {k}")
    return float(values.mean() - k * values.std()) if len(values) else nothing(values)


RULES: dict[str, Rule] = {"gap": gap, "quantile": quantile, "energy": energy, "mean_sd": mean_sd}


def named_rule(rule: str | Rule) -> Rule:
    """The rule of that name, or the function itself; `ValueError` with the known names if it is neither."""
    if callable(rule):
        return rule
    if rule not in RULES:
        raise ValueError(f"rule must be one of {', '.join(RULES)}, or a function; got {rule!r}")
    return RULES[rule]


def _ascending(scores: ArrayLike) -> Array:
    values = np.sort(np.asarray(scores, dtype=np.float64), axis=None)
    if not np.isfinite(values).all():
        raise ValueError("scores must be finite numbers")
    return values
