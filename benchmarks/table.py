"""A measurement beside its peer and its floor, as a row of a markdown table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        what: What was measured.
        ours: Our number.
        unit: Of both numbers: "s" (shown with a prefix), "kB" or "".
        theirs: pykan's number, if there is one.
        least: How many times faster ours has to be.
        most: How large our number may be.
    """

    what: str
    ours: float
    unit: str = "s"
    theirs: float | None = None
    least: float | None = None
    most: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times larger pykan's number is."""
        return None if self.theirs is None else self.theirs / self.ours

    @property
    def floor(self) -> str:
        """What is asked for, in words."""
        if self.least is not None:
            return f"at least {self.least:g}x"
        return "" if self.most is None else f"at most {shown(self.most, self.unit)}"

    @property
    def verdict(self) -> str:
        """Whether that was reached."""
        if self.least is not None and self.ratio is not None:
            return "met" if self.ratio >= self.least else "missed"
        return "" if self.most is None else ("met" if self.ours <= self.most else "missed")


def shown(value: float, unit: str) -> str:
    """A number with its unit, three digits of it."""
    if unit != "s":
        return f"{value:.3g} {unit}".strip()
    for size, prefix in ((1.0, "s"), (1e-3, "ms")):
        if value >= size:
            return f"{value / size:.3g} {prefix}"
    return f"{value * 1e6:.3g} µs"


def table(rows: Sequence[Row]) -> str:
    """The rows as markdown; the peer has columns where it has numbers."""
    compared = any(row.theirs is not None for row in rows)
    lines = [["measurement", "kan_widget", *(["pykan 0.2.8", "ratio"] if compared else []), "floor", ""]]
    lines.append(["---"] * len(lines[0]))
    for row in rows:
        theirs = "" if row.theirs is None else shown(row.theirs, row.unit)
        ratio = "" if row.ratio is None else f"{row.ratio:.3g}x"
        peer = [theirs, ratio] if compared else []
        lines.append([row.what, shown(row.ours, row.unit), *peer, row.floor, row.verdict])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
