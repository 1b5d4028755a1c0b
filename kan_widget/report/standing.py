"""How a session's network stands: dense, before the last step, and now, on all rows and on those that have a name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..adapters import Adapter, Rows
from ..session import Session
from .bootstrap import Estimate, check_resampling, estimate, settled
from .metrics import BIASED
from .quality import resample
from .text import aligned, in_words, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

# What is shown first of each kind, the metric that parts are ordered by last.
SHOWN = {"classification": ("log_loss", "accuracy"), "regression": ("rmse", "r2")}
PART_METRIC = {"classification": "recall", "regression": "r2"}
_DRAWN = 15


@dataclass(frozen=True)
class Part:
    """One class, or one of several outputs.

    Attributes:
        values: By state: the recall of the class, or R² of the output; NaN for a class without rows.
        change: From dense to now.
        count: Its rows.
    """

    values: dict[str, float]
    change: Estimate
    count: int


@dataclass(frozen=True)
class OnRows:
    """How the states do on some rows.

    Attributes:
        kind: ``"test"``, ``"train"`` or ``"slice"``.
        count: How many rows.
        metrics: By state, then by name: those of `Quality`.
        change: By name: from dense to now, with the interval that other rows of the same kind would put it in.
        parts: Classes, or outputs where there are several, by name.
    """

    kind: str
    count: int
    metrics: dict[str, dict[str, float]]
    change: dict[str, Estimate]
    parts: dict[str, Part]

    def by_damage(self) -> list[str]:
        """Names of the parts, from the one that lost most; those without rows are left out."""
        known = [name for name, part in self.parts.items() if np.isfinite(part.change.value)]
        return sorted(known, key=lambda name: self.parts[name].change.value)


@dataclass(frozen=True, eq=False)
class Standing(Mapping[str, OnRows]):
    """How a session's network stands: ``standing["test"].metrics["now"]["rmse"]``.

    Attributes:
        task: ``"classification"`` or ``"regression"``.
        states: What is compared: ``"dense"`` (``"start"`` where edges were off from the beginning), ``"last"`` (before
            the last step, if there is one) and ``"now"``.
        step: The label of the last step; None at the start.
        rows: By name: ``"test"``, ``"train"``, then the session's slices.
        revision: The session's, when it was measured.
        draws: Resamples of the rows, for intervals of changes.
        confidence: Of the intervals.
    """

    task: str
    states: tuple[str, ...]
    step: str | None
    rows: dict[str, OnRows]
    revision: int
    draws: int
    confidence: float

    def __getitem__(self, rows: str) -> OnRows:
        return self.rows[rows]

    def __iter__(self) -> Iterator[str]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def to_frame(self) -> Any:
        """A pandas data frame, one row for each rows, part (empty for all) and metric."""
        import pandas as pd

        return pd.DataFrame([line for name, found in self.rows.items() for line in self._frame(name, found)])

    def _frame(self, name: str, found: OnRows) -> Iterator[dict[str, Any]]:
        for metric, change in found.change.items():
            values = {state: found.metrics[state][metric] for state in self.states}
            yield {"rows": name, "count": found.count, "part": "", "metric": metric, **values, **_spelt(change)}
        for part, its in found.parts.items():
            said = {"rows": name, "count": its.count, "part": part, "metric": PART_METRIC[self.task]}
            yield {**said, **its.values, **_spelt(its.change)}

    def plot(self, rows: str | None = None, ax: Axes | None = None) -> Axes:
        """Draw the recall of each class, or R² of each output, dense and now, from the one that lost most.

        Args:
            rows: Which rows; the first when left out.
            ax: Where to draw; a new figure when left out.

        Raises:
            ValueError: If there are no such rows, or there is but one output.
        """
        from ..figure import Dumbbell, draw_dumbbells

        rows = next(iter(self.rows)) if rows is None else rows
        if rows not in self.rows:
            raise ValueError(f"rows must be one of {', '.join(self.rows)}; got {rows!r}")
        found, first = self.rows[rows], self.states[0]
        if not found.parts:
            raise ValueError("there is one output and no classes, so there are no parts to draw")
        parts = {name: found.parts[name] for name in found.by_damage()[:_DRAWN]}
        dumbbells = {
            name: Dumbbell(
                part.values[first],
                part.values["now"],
                *(min(1.0, part.values[first] + end) for end in (part.change.low, part.change.high)),
            )
            for name, part in parts.items()
        }
        label = in_words(PART_METRIC[self.task])
        return draw_dumbbells(dumbbells, xlabel=f"{label} on {rows} rows", names=(first, "now"), ax=ax)

    def __repr__(self) -> str:
        last = f"the last step was {self.step!r}" if self.step else "nothing has been changed"
        head = f"Standing; {last}"
        note = (
            f"changes from {self.states[0]} to now, {100 * self.confidence:g} % intervals from {self.draws:,} resamples"
        )
        return "\n".join([head, *aligned(self._lines()), note])

    def _lines(self) -> Iterator[tuple[str, ...]]:
        yield "", "rows", *self.states, "change", ""
        for metric in SHOWN[self.task]:
            for name, found in self.rows.items():
                values = [number(found.metrics[state][metric]) for state in self.states]
                yield f"{name} {in_words(metric)}", f"{found.count:,}", *values, *_cells(found.change[metric])
        found = next(iter(self.rows.values()))
        for name in found.by_damage()[:3]:
            part = found.parts[name]
            values = [number(part.values[state]) for state in self.states]
            yield f"  {name} {in_words(PART_METRIC[self.task])}", f"{part.count:,}", *values, *_cells(part.change)


def _spelt(change: Estimate) -> dict[str, float]:
    return {"change": change.value, "change_low": change.low, "change_high": change.high}


def _cells(change: Estimate) -> tuple[str, str]:
    return number(change.value, sign=True), f"[{number(change.low, sign=True)}, {number(change.high, sign=True)}]"


def standing(session: Session, *, draws: int = 1000, confidence: float = 0.95, seed: int | None = 0) -> Standing:
    """Measure a session's network as it was at the start, before the last step, and as it is now.

    On held-out rows, on training rows, and on the slices that the session was given. Copies of the model are measured,
    so that edits need not wait. Both ends of a change see the same resamples, so its interval is that of a difference
    of pairs.

    Args:
        session: Whose network.
        draws: How often the rows are resampled.
        confidence: Of the intervals.
        seed: Of the resamples; drawn when None, one for all.

    Returns:
        The metrics; ``standing(session)["night"]`` has those of a slice.

    Raises:
        ValueError: If the data have no labels, or an option is out of range.

    Example:
        >>> import torch
        >>> from kan_widget import KAN, Session
        >>> x = torch.rand(300, 2, generator=torch.Generator().manual_seed(0))
        >>> y = x[:, :1] ** 2 + x[:, 1:]
        >>> data = (x[:200], y[:200], x[200:], y[200:])
        >>> session = Session(KAN([2, 3, 1], seed=0), data, slices={"low": x[200:, 0] < 0.5})
        >>> session.prune([(0, 0, 1)])
        >>> found = standing(session, draws=100)
        >>> list(found), found.states, found["low"].count == int((x[200:, 0] < 0.5).sum())
        (['test', 'train', 'low'], ('dense', 'last', 'now'), True)

    Source:
        The metrics are those of `evaluate`; the paired bootstrap is that of `compare`.
    """
    check_resampling(draws, confidence)
    seed = settled(seed)
    if not session.before.quality:
        raise ValueError("metrics need labels; give (x, y) as data")
    states, step, revision = session.adapter.take(
        lambda: (_states(session), session.history.undo_label, session.revision)
    )
    return Standing(
        task="classification" if session.adapter.is_classification else "regression",
        states=tuple(states),
        step=step,
        rows={name: _on_rows(states, kind, rows, draws, confidence, seed) for name, kind, rows in _row_sets(session)},
        revision=revision,
        draws=draws,
        confidence=confidence,
    )


def _states(session: Session) -> dict[str, Adapter]:
    """Copies of the model in each state, by its name."""
    dense, before = session.copy_at(0), session.history.before
    states = {"dense" if all(mask.all() for mask in dense.masks()[0]) else "start": dense}
    if before is not None:
        states["last"] = session.copy_at(before)
    return {**states, "now": session.adapter.twin()}


def _row_sets(session: Session) -> Iterator[tuple[str, str, Rows]]:
    for name in ("test", "train"):
        rows = session.adapter.rows(name)
        if rows is not None and rows.labels is not None:
            yield name, name, rows
    for name, rows in session.slices.items():
        yield name, "slice", rows


def _on_rows(states: dict[str, Adapter], kind: str, rows: Rows, draws: int, confidence: float, seed: int) -> OnRows:
    ends = (next(iter(states)), "now")
    found = {
        state: resample(port, port.predict(rows.inputs), rows, draws if state in ends else 0, seed)
        for state, port in states.items()
    }
    first, now = (found[state] for state in ends)
    port = states["now"]
    metric = PART_METRIC["classification" if port.is_classification else "regression"]
    return OnRows(
        kind=kind,
        count=len(rows.inputs),
        metrics={state: {name: float(v[0]) for name, v in its.whole.items()} for state, its in found.items()},
        change={
            name: estimate(now.whole[name] - v, confidence, biased=name in BIASED) for name, v in first.whole.items()
        },
        parts={
            part: Part(
                {state: float(its.parts[part][metric][0]) for state, its in found.items()},
                estimate(now.parts[part][metric] - v[metric], confidence),
                _count(port, rows, part),
            )
            for part, v in first.parts.items()
        },
    )


def _count(port: Adapter, rows: Rows, part: str) -> int:
    """The rows of a class; all for an output."""
    if not port.is_classification:
        return len(rows.inputs)
    assert rows.labels is not None
    return int((rows.labels == port.topology.names[-1].index(part)).sum())
