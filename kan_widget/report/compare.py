"""Two models on the same held-out rows: what changed, how surely, and whether chance would have done as well."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..adapters import Adapter, Rows, adapt
from .bootstrap import Estimate, check_resampling, estimate, resampled_sums
from .control import Control, count_active, given_models, random_models
from .efficiency import Efficiency, held, latency_lines, measure_together, profile, timing_note
from .metrics import BIASED, Metrics, agreement, agreement_terms
from .quality import by_unit, labelled, resample
from .text import aligned, in_words, interval_words, number, rows_words, times

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

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


def compare(
    before: Any,
    after: Any,
    data: Any,
    *,
    rows: str = "test",
    control: int | Sequence[Any] = 5,
    compensate: str = "mean",
    batch: int = 256,
    seconds: float = 1.0,
    draws: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Comparison:
    """Compare two different models on the same held-out rows: quality, agreement, damage to classes, size and speed.

    Beside each difference stands what chance does: `before` pruned at random, in one shot and without training, until
    it has as few active edges as `after`. If `after` was trained after pruning, a fair control was trained too: give
    such models as `control`, or a small network trained from scratch.

    Args:
        before: A KAN. It and all other models are left alone.
        after: Another KAN, as `prune` and its like return one.
        data: Data with labels, in any form that a `Session` takes.
        rows: ``"test"``, or ``"train"`` to look at the rows that they were trained on.
        control: How many random prunings; 0 for none, and the result says so. Or models to use instead.
        compensate: What random pruning leaves behind, as in `prune`; give what `after` was pruned with.
        batch: As in `efficiency`.
        seconds: The same; 0 leaves latencies out.
        draws: As in `evaluate`.
        confidence: The same.
        seed: Of the resamples and of the first random pruning.

    Returns:
        The comparison.

    Raises:
        ValueError: If both are one model or share parameters, one does not fit the data or the other, there are no such
            rows, or an option is out of range.

    Example:
        >>> import torch
        >>> from kan_widget import KAN, prune
        >>> x = torch.rand(300, 2, generator=torch.Generator().manual_seed(0))
        >>> data = (x[:200], x[:200, :1] ** 2, x[200:], x[200:, :1] ** 2)
        >>> model = KAN([2, 4, 1], seed=0)
        >>> _ = model.fit(data, steps=10, progress=False)
        >>> found = compare(model, prune(model, data, sparsity=0.2), data, seconds=0)
        >>> found["rmse"].difference.low <= found["rmse"].difference.value < found.control.spread("rmse")[0]
        True

    Source:
        What is reported follows Blalock et al., "What is the state of neural network pruning?", 2020; the paired
        bootstrap is that of Efron and Tibshirani, "An Introduction to the Bootstrap", 1993.
    """
    check_resampling(draws, confidence)
    base, other = _bound(before, after, data)
    test = _Test(base, labelled(base, rows), seed)
    one, two = test.metrics(test.first, draws), test.metrics(answer := test.ask(other), draws)
    costs = measure_together([before, after], batch, seconds)
    return Comparison(
        metrics={name: _change(v, two.whole[name], confidence, name in BIASED) for name, v in one.whole.items()},
        parts={
            part: {name: _change(v, two.parts[part][name], confidence) for name, v in values.items()}
            for part, values in one.parts.items()
        },
        agreement={name: estimate(v, confidence) for name, v in test.agreement(answer, draws).items()},
        control=_control(test, other, data, control, compensate, seed),
        before=costs[0],
        after=costs[1],
        rows=rows,
        count=len(test.rows.inputs),
        draws=draws,
        confidence=confidence,
    )


def _bound(before: Any, after: Any, data: Any) -> tuple[Adapter, Adapter]:
    """Both models bound to the data, if they can be compared."""
    if before is after:
        raise ValueError(
            "before and after are the same object, so nothing can differ: pruning in place loses the baseline. Keep "
            "model.copy() before it, or use prune, which returns a new model"
        )
    base = adapt(before, data)
    try:
        other = adapt(after, data)
    except ValueError as error:
        raise ValueError(f"`after` cannot take the data that `before` takes: {error}") from error
    if base.addresses() & other.addresses():
        raise ValueError(
            "before and after share parameters, so what changes one changes the other; give model.copy() of one"
        )
    outputs = [port.topology.widths[-1] for port in (base, other)]
    if outputs[0] != outputs[1]:
        raise ValueError(f"both models must have the same outputs; `before` has {outputs[0]} and `after` {outputs[1]}")
    return base, other


class _Test:
    """The rows and resamples that all models of a comparison stand before, and what the first one answered."""

    def __init__(self, base: Adapter, rows: Rows, seed: int) -> None:
        self.base, self.rows, self.seed = base, rows, seed
        self.first = self.ask(base)

    def ask(self, port: Adapter) -> Array:
        return port.take(lambda: port.predict(self.rows.inputs))

    def metrics(self, answer: Array, draws: int) -> Metrics:
        return resample(self.base, answer, self.rows, draws, self.seed)

    def agreement(self, answer: Array, draws: int) -> dict[str, Array]:
        classes = self.base.is_classification
        terms = agreement_terms(self.first, answer, classes=classes)
        return agreement(resampled_sums(terms, draws, self.seed), len(terms), classes=classes)

    def control(self, note: str, ports: Iterable[Adapter]) -> Control:
        edges, metrics = [], []
        for port in ports:
            answer = self.ask(port)
            measured = self.metrics(answer, 0)
            parts = {f"{part} {name}": v for part, values in measured.parts.items() for name, v in values.items()}
            found = {**measured.whole, **parts, **self.agreement(answer, 0)}
            metrics.append({name: float(values[0]) for name, values in found.items()})
            edges.append(count_active(port.masks()[0]))
        return Control(note, tuple(edges), tuple(metrics))


def _control(
    test: _Test, other: Adapter, data: Any, control: int | Sequence[Any], compensate: str, seed: int
) -> Control:
    if isinstance(control, Sequence):
        return test.control(
            f"{len(control)} given model{'s' if len(control) != 1 else ''}", given_models(control, data)
        )
    edges = count_active(other.masks()[0])
    if control < 1:
        return Control("switched off", (), ())
    if edges >= count_active(test.base.masks()[0]):
        return Control("`after` has no fewer active edges than `before`", (), ())
    models = random_models(test.base.model, data, edges, control, seed, compensate)
    return test.control(f"random pruning, {control} draw{'s' if control > 1 else ''}", models)


def _change(before: Array, after: Array, confidence: float, biased: bool = False) -> Change:
    return Change(*(estimate(v, confidence, biased=biased) for v in (before, after, after - before)))
