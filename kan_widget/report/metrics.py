"""Metrics of regression and classification as functions of sums over rows, so that resampling rows costs a product.

For each kind there is what a row adds, ``(rows, terms)``, and what sums of that, ``(..., terms)``, amount to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Bins of the calibration error, of equal width: those of Guo et al., 2017.
BINS = 15

# What is drawn on one axis, by what stands beside it.
UNITS = (
    ("score", ("accuracy", "macro_f1")),
    ("nats", ("log_loss",)),
    ("mean gap", ("ece",)),
    ("units of the target", ("rmse", "mae")),
    ("share explained", ("r2",)),
)

# Metrics whose value on a sample lies above that of the population on average.
BIASED = {"ece"}


@dataclass(frozen=True)
class Metrics:
    """Metrics on one or many sets of rows, an array of the same shape each.

    Attributes:
        whole: By name.
        parts: By name of a class or of an output, then by name.
    """

    whole: Mapping[str, Array]
    parts: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)


def regression_terms(outputs: Array, targets: Array) -> Array:
    """Squared and absolute errors, and the targets about their mean and squared: ``(rows, 4 * out)``."""
    error, spread = outputs - targets, targets - targets.mean(axis=0)
    return np.concatenate([error**2, np.abs(error), spread, spread**2], axis=1)


def regression(sums: Array, rows: int, names: tuple[str, ...]) -> Metrics:
    """Root mean squared and mean absolute error in units of the targets, and the coefficient of determination.

    Those of several outputs: over all their values, R² as the mean. R² is NaN where the targets do not vary.
    """
    squared, absolute, total, total_squared = np.split(sums / rows, 4, axis=-1)
    r2 = 1 - _ratio(squared, total_squared - total**2)
    whole = {
        "rmse": np.sqrt(squared.mean(axis=-1)),
        "mae": absolute.mean(axis=-1),
        "r2": r2.mean(axis=-1),
    }
    if len(names) == 1:
        return Metrics(whole)
    each = {"rmse": np.sqrt(squared), "mae": absolute, "r2": r2}
    return Metrics(whole, {name: {m: v[..., i] for m, v in each.items()} for i, name in enumerate(names)})


def classification_terms(outputs: Array, labels: NDArray[np.int64]) -> Array:
    """For outputs that are logits: ``(rows, 2 + 3 * classes + BINS)``.

    Whether the row is right, and its cross-entropy; whether it is of a class, is said to be, and both; and, in the bin
    of the confidence in what was said, by how much being right exceeds it.
    """
    shifted = outputs - outputs.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    rows, said = np.arange(len(labels)), outputs.argmax(axis=1)
    right = (said == labels).astype(np.float64)
    classes = np.arange(outputs.shape[1])
    is_it, says_it = labels[:, None] == classes, said[:, None] == classes
    sure = np.exp(log_p[rows, said])
    gaps = np.zeros((len(labels), BINS))
    gaps[rows, np.clip(np.ceil(sure * BINS).astype(int) - 1, 0, BINS - 1)] = right - sure
    return np.concatenate(
        [right[:, None], -log_p[rows, labels][:, None], is_it, says_it, is_it & says_it, gaps], axis=1
    )


def classification(sums: Array, rows: int, names: tuple[str, ...]) -> Metrics:
    """Accuracy, macro F1, cross-entropy in nats, expected calibration error; and the recall of each class.

    F1 is averaged over the classes that occur or are said to, as scikit-learn does. Recall is NaN for a class that does
    not occur.

    Source:
        Guo et al., "On calibration of modern neural networks", 2017, equation 5.
    """
    counts, gaps = sums[..., 2 : 2 + 3 * len(names)], sums[..., 2 + 3 * len(names) :]
    are, said, both = np.split(counts, 3, axis=-1)
    f1 = _ratio(2 * both, are + said)
    whole = {
        "accuracy": sums[..., 0] / rows,
        "macro_f1": np.nansum(f1, axis=-1) / np.isfinite(f1).sum(axis=-1),
        "log_loss": sums[..., 1] / rows,
        "ece": np.abs(gaps).sum(axis=-1) / rows,
    }
    recall = _ratio(both, are)
    return Metrics(whole, {name: {"recall": recall[..., i]} for i, name in enumerate(names)})


def agreement_terms(one: Array, other: Array, *, classes: bool) -> Array:
    """What a row adds to how far two models agree: ``(rows, 1)``, or ``(rows, 5 * out)`` for regression."""
    if classes:
        same: Array = (one.argmax(axis=1) == other.argmax(axis=1))[:, None].astype(np.float64)
        return same
    a, b = one - one.mean(axis=0), other - one.mean(axis=0)
    return np.concatenate([a, b, a**2, b**2, a * b], axis=1)


def agreement(sums: Array, rows: int, *, classes: bool) -> dict[str, Array]:
    """The share of rows with the same class; or the outputs' correlation, and their distance over their spread.

    Those of several outputs are averaged: correlations as they are, distances by their squares. NaN where outputs do
    not vary.
    """
    if classes:
        return {"agreement": sums[..., 0] / rows}
    a, b, aa, bb, ab = np.split(sums / rows, 5, axis=-1)
    spread = aa - a**2
    correlation = _ratio(ab - a * b, np.sqrt(np.clip(spread * (bb - b**2), 0, None)))
    distance = _ratio(aa + bb - 2 * ab, spread)
    return {
        "correlation": correlation.mean(axis=-1),
        "relative_rmse": np.sqrt(np.clip(distance, 0, None).mean(axis=-1)),
    }


def _ratio(a: Array, b: Array) -> Array:
    """``a / b``, NaN where `b` is not positive."""
    result: Array = np.divide(a, b, out=np.full(np.broadcast_shapes(a.shape, b.shape), np.nan), where=b > 0)
    return result
