"""Numbers in words and in columns, for results that print themselves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

_WORDS = {
    "rmse": "RMSE",
    "mae": "MAE",
    "r2": "R²",
    "macro_f1": "macro F1",
    "log_loss": "log loss",
    "ece": "calibration error",
    "relative_rmse": "distance / spread",
}


def in_words(name: str) -> str:
    """A metric as people call it."""
    return _WORDS.get(name, name.replace("_", " "))


def rows_words(rows: str, count: int) -> str:
    """``360 held-out rows``."""
    return f"{count:,} {'held-out' if rows == 'test' else 'training'} row{'s' if count != 1 else ''}"


def interval_words(confidence: float, draws: int) -> str:
    """``95 % intervals from 1,000 resamples``."""
    return f"{100 * confidence:g} % intervals from {draws:,} resamples"


def number(value: float, *, sign: bool = False) -> str:
    """Three digits, and no ``e`` for what can be read without; thousands apart."""
    plus = "+" if sign else ""
    if not math.isfinite(value):
        return "-" if math.isnan(value) else str(value)
    if abs(value) >= 1000:
        return f"{value:{plus},.0f}"
    if value == 0:
        return "0"
    if abs(value) >= 1e-4:
        digits = max(0, 2 - math.floor(math.log10(abs(value))))
        return f"{value:{plus}.{min(digits, 6)}f}"
    return f"{value:{plus}.2e}"


def times(before: float, now: float, more: str = "more", less: str = "fewer") -> str:
    """``4.2x fewer``: how many times less there is now; ``1.6x more`` if it is more."""
    if not (before > 0 and now > 0):
        return "-"
    ratio = before / now
    factor, word = (ratio, less) if ratio > 1 else (1 / ratio, more)
    if factor < 1.05:
        return "the same" if before == now else "about the same"
    return f"{factor:.{1 if factor < 100 else 0}f}x {word}"


def aligned(lines: Iterable[Sequence[str]]) -> list[str]:
    """Lines of cells as columns, the first to the left and the others to the right."""
    table = [list(line) for line in lines]
    columns = max(map(len, table), default=0)
    table = [[*line, *[""] * (columns - len(line))] for line in table]
    width = [max(len(line[c]) for line in table) for c in range(columns)]
    return [
        "  ".join(cell.rjust(width[c]) if c else cell.ljust(width[c]) for c, cell in enumerate(line)).rstrip()
        for line in table
    ]
