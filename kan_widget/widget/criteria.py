"""Two criteria beside each other: how alike they rank the edges, and what pruning by each would cost."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..capture import Capture
from ..core.plan import REFITS
from ..core.scores import check_criterion
from ..report import Curve, curve
from ..session import Session

Array = NDArray[np.float64]

# Those that evaluate the network once a part, or solve for every target.
SLOW = {"leave_one_out", "shapley", "obs", "obs_greedy"}
MOST_DRAWS = 5


def criteria(session: Session, content: dict[str, Any]) -> dict[str, Any]:
    """Scores of all edges by two criteria, their rank correlation, and the loss at every sparsity by each.

    It works on a copy of the model, so that edits need not wait for it.

    Args:
        session: What is asked about.
        content: ``criteria``, two names, and ``draws``, how often chance is drawn.

    Returns:
        ``scores``: per criterion float32 over edges, in base64; ``rho``: Spearman's, None where one tells nothing
        apart; ``curves``: None without labels.

    Raises:
        ValueError: If a name is unknown, or a criterion would take too long.
        TypeError: If something is no name, or no number.
    """
    names, draws = _parse(content)
    capture = session.adapter.take(lambda: replace(session.evidence, adapter=session.adapter.twin()))
    for name in names:
        _check_effort(capture, name)
    flat = [np.concatenate([edges.ravel() for edges in capture.scores(name).edges]) for name in names]
    return {
        "scores": [base64.b64encode(scores.astype("<f4").tobytes()).decode("ascii") for scores in flat],
        "rho": rank_correlation(*flat),
        "curves": _curves(session, names, draws) if session.before.quality else None,
    }


def rank_correlation(a: Array, b: Array) -> float | None:
    """Spearman's rank correlation, ties at their mean rank; None where either is constant or not a number.

    Example:
        >>> import numpy as np
        >>> rank_correlation(np.array([1.0, 2.0, 9.0]), np.array([0.1, 0.5, 0.3]))
        0.5
    """
    if not np.isfinite([a, b]).all():
        return None
    x, y = (_ranks(v) - (len(v) + 1) / 2 for v in (a, b))
    size = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / size if size else None


def _ranks(values: Array) -> Array:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[place]


def _parse(content: dict[str, Any]) -> tuple[list[str], int]:
    names, draws = content.get("criteria"), content.get("draws", 0)
    if not isinstance(names, list) or len(names) != 2 or not all(isinstance(name, str) for name in names):
        raise TypeError("criteria must be the names of two criteria")
    if isinstance(draws, bool) or not isinstance(draws, int) or not 0 <= draws <= MOST_DRAWS:
        raise TypeError(f"draws must be a whole number up to {MOST_DRAWS}")
    return [check_criterion(name) for name in names], draws


def _check_effort(capture: Capture, name: str) -> None:
    if name in SLOW and not capture.removal_is_cheap and not capture.knows(name):
        raise ValueError(
            f"{name.replace('_', ' ')} would take minutes for a network of this size. "
            f"Work it out in a cell, with session.scores_by({name!r}); then it can be compared here."
        )


def _curves(session: Session, names: list[str], draws: int) -> dict[str, Any]:
    plan = session.plan
    compensate = "mean" if plan.compensate in REFITS else plan.compensate
    found = curve(session, None, names, structure=plan.structure, compensate=compensate, draws=draws)
    lines, chance = [found[name] for name in names], [_values(draw) for draw in found.control]
    sparsity = lines[0].sparsity
    return {
        "rows": found.rows,
        "structure": found.structure,
        "accuracy": lines[0].accuracy is not None,
        "sparsity": _list(sparsity),
        "values": [_list(_values(line)) for line in lines],
        "areas": [_area(sparsity, _values(line)) for line in lines],
        "low": _list(np.min(chance, axis=0)) if chance else None,
        "high": _list(np.max(chance, axis=0)) if chance else None,
        "chance": _area(sparsity, np.mean(chance, axis=0)) if chance else None,
    }


def _values(line: Curve) -> Array:
    return line.loss if line.accuracy is None else line.accuracy


def _area(x: Array, y: Array) -> float | None:
    """Under the curve over all sparsities: the mean of what it shows."""
    area = float(np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2))
    return area if np.isfinite(area) else None


def _list(values: Array) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]
