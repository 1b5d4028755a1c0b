"""What lies between two models, and how it prints, tabulates and draws itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .bootstrap import Estimate
from .control import Control
from .efficiency import Efficiency, held, latency_lines, profile, timing_note
from .quality import by_unit
from .text import aligned, in_words, interval_words, number, rows_words, times

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Classes that a picture and a print-out name.
_DRAWN, _PRINTED = 15, 3


@dataclass(frozen=True)
class Change:
    """One metric of both models, and the change from the first to the second.

    The interval of the change is of pairs: each resample holds the same rows for both. It is therefore much narrower
    than the two others suggest, and it is the one to judge by.
    """

    before: Estimate
    after: Estimate
    difference: Estimate


@dataclass(frozen=True, eq=False)
class Comparison(Mapping[str, Change]):
    """What lies between two models: ``found["accuracy"].difference.low``.

    Intervals say what other rows of the same kind would do; they say nothing of other seeds of the training.

    Attributes:
        metrics: The metrics of `Quality` of both models.
        parts: The recall of each class, or the metrics of each of several outputs, of both models.
        agreement: How alike they answer: ``"agreement"``, the share of rows that both give the same class; or the
            ``"correlation"`` of their outputs, and ``"relative_rmse"``, the distance of their outputs over the spread
            of the first's.
        control: The same for random pruning.
        before: What the first costs.
        after: What the second costs.
        rows: Which rows: ``"test"`` or ``"train"``.
        count: How many.
        draws: Resamples of the rows.
        confidence: Of the intervals.
    """

    metrics: dict[str, Change]
    parts: dict[str, dict[str, Change]]
    agreement: dict[str, Estimate]
    control: Control
    before: Efficiency
    after: Efficiency
    rows: str
    count: int
    draws: int
    confidence: float

    def __getitem__(self, metric: str) -> Change:
        return self.metrics[metric]

    def __iter__(self) -> Iterator[str]:
        return iter(self.metrics)

    def __len__(self) -> int:
        return len(self.metrics)

    @property
    def compression(self) -> float:
        """Bytes of the first's file, as it is, over those of the second's, compacted."""
        return self.before.masked.footprint.disk / self.after.compacted.footprint.disk

    @property
    def theoretical_speedup(self) -> float:
        """Multiply-adds of the first's active part over those of the second's."""
        return self.before.active.macs / self.after.active.macs

    def by_damage(self) -> list[str]:
        """Names of classes, or of several outputs, from the one that lost most; those without rows are left out."""
        name = self._part_metric
        known = [part for part, found in self.parts.items() if np.isfinite(found[name].difference.value)]
        return sorted(known, key=lambda part: self.parts[part][name].difference.value)

    @property
    def _part_metric(self) -> str:
        return "recall" if "accuracy" in self.metrics else "r2"

    def to_frame(self) -> Any:
        """A pandas data frame, one row a metric; ``part`` is a class, an output, or empty for all."""
        import pandas as pd

        every = {"": self.metrics, **self.parts}
        return pd.DataFrame([self._row(part, name, c) for part, found in every.items() for name, c in found.items()])

    def _row(self, part: str, name: str, change: Change) -> dict[str, Any]:
        row: dict[str, Any] = {"part": part, "metric": name}
        for of, found in vars(change).items():
            row |= {of: found.value, f"{of}_low": found.low, f"{of}_high": found.high}
        chance = self.control.spread(f"{part} {name}" if part else name)
        return row | dict(zip(("control", "control_low", "control_high"), chance, strict=True))

    def plot(self) -> Figure:
        """Draw quality before, after and by chance; what the second costs of the first; and the classes hit hardest."""
        from ..figure import Bar, draw_before_after

        series = {
            "before": {name: Bar(*vars(c.before).values()) for name, c in self.metrics.items()},
            "after": {name: Bar(*vars(c.after).values()) for name, c in self.metrics.items()},
        }
        if self.control.metrics:
            series[self.control.note] = {name: Bar(*self.control.spread(name)) for name in self.metrics}
        return draw_before_after(
            by_unit(series),
            profile(self.before.active, self.before.masked),
            {"after": profile(self.after.active, self.after.compacted)},
            self._dumbbells(),
            share_label="after (compacted), of before",
            dumbbell_label=self._parts_label,
        )

    def plot_parts(self, ax: Axes | None = None) -> Axes:
        """Draw the recall of each class, or R² of each output, before and after, from the one that lost most.

        Raises:
            ValueError: If there is but one output.
        """
        from ..figure import draw_dumbbells

        if not self.parts:
            raise ValueError("there is one output and no classes, so there are no parts to draw; plot() draws the rest")
        return draw_dumbbells(self._dumbbells(), xlabel=self._parts_label, ax=ax)

    @property
    def _parts_label(self) -> str:
        name, count = in_words(self._part_metric), len(self.by_damage())
        return name if count <= _DRAWN else f"{name}, the {_DRAWN} of {count} hit hardest"

    def _dumbbells(self) -> dict[str, Any]:
        """The parts hit hardest; a whisker is what `after` may be, given the value before."""
        from ..figure import Dumbbell

        changes = {part: self.parts[part][self._part_metric] for part in self.by_damage()[:_DRAWN]}
        return {
            part: Dumbbell(c.before.value, c.after.value, *(min(1.0, c.before.value + end) for end in _ends(c)))
            for part, c in changes.items()
        }

    def __repr__(self) -> str:
        head = f"Comparison on {rows_words(self.rows, self.count)}, {interval_words(self.confidence, self.draws)}"
        note = f"{'control' if self.control.metrics else 'no control'}: {self.control}"
        timing = timing_note(self.before.threads, self.before.masked, self.after.compacted)
        return "\n".join([head, *aligned(self._lines()), "", *aligned(self._costs()), f"{note}; {timing}"])

    def _lines(self) -> Iterator[tuple[str, ...]]:
        yield "", "before", "after", "difference", "", "control" if self.control.metrics else "no control", ""
        for name, change in self.metrics.items():
            yield (in_words(name), *_cells(change), *_range(self.control.spread(name, change.before.value)))
        for part in self.by_damage()[:_PRINTED]:
            change, chance = self.parts[part][self._part_metric], f"{part} {self._part_metric}"
            label = f"  {part} {in_words(self._part_metric)}"
            yield label, *_cells(change), *_range(self.control.spread(chance, change.before.value))
        for name, found in self.agreement.items():
            interval = f"[{number(found.low)}, {number(found.high)}]"
            yield in_words(name), "", number(found.value), "", interval, *_range(self.control.spread(name), sign=False)

    def _costs(self) -> Iterator[tuple[str, ...]]:
        yield "", "before", "after, compacted", ""
        pairs = {"active edges": (self.before.active.edges, self.after.active.edges)}
        pairs["multiply-adds needed"] = (self.before.active.macs, self.after.active.macs)
        was, now = held(self.before.masked), held(self.after.compacted)
        for name, (one, two) in {**pairs, **{name: (was[name], now[name]) for name in was}}.items():
            yield name, f"{one:,}", f"{two:,}", times(one, two)
        yield from latency_lines(self.before.masked, self.after.compacted)


def _ends(change: Change) -> tuple[float, float]:
    return change.difference.low, change.difference.high


def _cells(change: Change) -> tuple[str, ...]:
    d = change.difference
    interval = f"[{number(d.low, sign=True)}, {number(d.high, sign=True)}]"
    return number(change.before.value), number(change.after.value), number(d.value, sign=True), interval


def _range(spread: tuple[float, float, float], *, sign: bool = True) -> tuple[str, ...]:
    if np.isnan(spread[0]):
        return ()
    mean, low, high = (number(value, sign=sign) for value in spread)
    return mean, f"({low} to {high})"
