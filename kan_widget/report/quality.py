"""How good a model is on rows that it was not trained on, with an interval for every number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..adapters import Adapter, Rows, adapt
from .bootstrap import Estimate, check_resampling, estimate, resampled_sums, settled
from .metrics import BIASED, UNITS, Metrics, classification, classification_terms, regression, regression_terms
from .text import aligned, in_words, interval_words, number, rows_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

T = TypeVar("T")
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Quality(Mapping[str, Estimate]):
    """Metrics by name, each with an interval: ``quality["rmse"].value``, ``.low``, ``.high``.

    The intervals say what other rows of the same kind would do. They say nothing of other seeds of the training.

    Attributes:
        metrics: For regression ``"rmse"``, ``"mae"`` (in units of the targets) and ``"r2"``; for classification
            ``"accuracy"``, ``"macro_f1"``, ``"log_loss"`` (nats) and ``"ece"``, the expected calibration error in 15
            bins of equal width.
        parts: The ``"recall"`` of each class by its name; of several outputs each one's regression metrics.
        rows: Which rows: ``"test"`` or ``"train"``.
        count: How many.
        draws: Resamples of the rows.
        confidence: Of the intervals.
    """

    metrics: dict[str, Estimate]
    parts: dict[str, dict[str, Estimate]]
    rows: str
    count: int
    draws: int
    confidence: float

    def __getitem__(self, metric: str) -> Estimate:
        return self.metrics[metric]

    def __iter__(self) -> Iterator[str]:
        return iter(self.metrics)

    def __len__(self) -> int:
        return len(self.metrics)

    def to_frame(self) -> Any:
        """A pandas data frame, one row a metric; ``part`` is a class, an output, or empty for all."""
        import pandas as pd

        every = {"": self.metrics, **self.parts}
        return pd.DataFrame(
            [{"part": part, "metric": name, **vars(e)} for part, found in every.items() for name, e in found.items()]
        )

    def plot(self) -> Figure:
        """Draw all metrics with their intervals, a panel for each unit, from zero."""
        from ..figure import Bar, draw_bar_panels

        bars = {name: Bar(e.value, e.low, e.high) for name, e in self.metrics.items()}
        return draw_bar_panels(by_unit({rows_words(self.rows, self.count): bars}))

    def __repr__(self) -> str:
        lines = [(in_words(name), *_cells(e)) for name, e in self.metrics.items()]
        lines += [(f"  {part} {in_words(name)}", *_cells(found[name])) for part, name, found in self._weakest()]
        head = f"Quality on {rows_words(self.rows, self.count)}, {interval_words(self.confidence, self.draws)}"
        return "\n".join([head, *aligned(lines)])

    def _weakest(self) -> list[tuple[str, str, dict[str, Estimate]]]:
        """The three parts that are worst off: by recall, or by R² where there are several outputs."""
        name = "recall" if "accuracy" in self.metrics else "r2"
        known = {part: found for part, found in self.parts.items() if np.isfinite(found[name].value)}
        return [(p, name, known[p]) for p in sorted(known, key=lambda part: known[part][name].value)[:3]]


def _cells(found: Estimate) -> tuple[str, str]:
    return number(found.value), f"[{number(found.low)}, {number(found.high)}]"


def evaluate(
    model: Any,
    data: Any,
    *,
    rows: str = "test",
    draws: int = 1000,
    confidence: float = 0.95,
    seed: int | None = 0,
) -> Quality:
    """Measure a model on held-out rows, with a bootstrap interval over the rows for each metric.

    The model answers once, in evaluation mode and in batches, and is left alone; only sums over rows are resampled. A
    metric that no row disturbs, such as the accuracy of a model that is always right, has an interval without width:
    with n rows the true rate of errors may still be up to ``3 / n``.

    Args:
        model: A KAN. For classification its outputs are logits.
        data: Data with labels, in any form that a `Session` takes.
        rows: ``"test"``, or ``"train"`` to look at the rows that it was trained on.
        draws: How often the rows are resampled.
        confidence: Of the intervals.
        seed: Of the resamples; drawn when None.

    Returns:
        The metrics.

    Raises:
        ValueError: If there are no such rows or labels, the held-out rows are the training rows, or an option is out of
            range.

    Example:
        >>> import torch
        >>> from kan_widget import KAN
        >>> x = torch.rand(300, 2, generator=torch.Generator().manual_seed(0))
        >>> y = x.sum(1, keepdim=True)
        >>> model = KAN([2, 1], seed=0)
        >>> _ = model.fit((x[:200], y[:200]), steps=5, progress=False)
        >>> quality = evaluate(model, (x[:200], y[:200], x[200:], y[200:]))
        >>> quality["rmse"].low <= quality["rmse"].value <= quality["rmse"].high < 0.01
        True

    Source:
        The metrics are those of scikit-learn; `Estimate` and `kan_widget.report.metrics` name the others.
    """
    check_resampling(draws, confidence)
    seed = settled(seed)
    port = adapt(model, data)
    found = labelled(port, rows)
    measured = resample(port, port.take(lambda: port.predict(found.inputs)), found, draws, seed)
    return Quality(
        metrics={name: estimate(v, confidence, biased=name in BIASED) for name, v in measured.whole.items()},
        parts={
            part: {name: estimate(v, confidence) for name, v in values.items()}
            for part, values in measured.parts.items()
        },
        rows=rows,
        count=len(found.inputs),
        draws=draws,
        confidence=confidence,
    )


def labelled(port: Adapter, rows: str) -> Rows:
    """The rows to measure on, with labels; `ValueError` if that cannot be, or would not be honest."""
    if rows not in ("test", "train"):
        raise ValueError(f"rows must be 'test' or 'train'; got {rows!r}")
    found, train = port.rows(rows), port.rows("train")
    if found is None or found.labels is None:
        missing = "held-out rows with labels are" if rows == "test" else "labels are"
        raise ValueError(
            f"{missing} needed here and the data have none; give (x, y, x_test, y_test) or a dict with test_input and "
            "test_label" + (", or ask for rows='train' to measure on the training rows" if rows == "test" else "")
        )
    if rows == "test" and train is not None and np.array_equal(found.inputs, train.inputs):
        raise ValueError(
            "the held-out rows are the training rows; give others, or ask for rows='train' to measure on these"
        )
    return found


def by_unit(series: Mapping[str, Mapping[str, T]]) -> dict[str, dict[str, dict[str, T]]]:
    """Series of metrics, those of each unit apart and by the names that people call them."""
    known = next(iter(series.values()))
    units = {unit: [name for name in names if name in known] for unit, names in UNITS}
    return {
        unit: {label: {in_words(name): values[name] for name in names} for label, values in series.items()}
        for unit, names in units.items()
        if names
    }


def resample(port: Adapter, outputs: Array, rows: Rows, draws: int, seed: int) -> Metrics:
    """Metrics on the rows, and on resamples of them: arrays ``(1 + draws,)``."""
    assert rows.labels is not None
    count, names = len(rows.inputs), port.topology.names[-1]
    if port.is_classification:
        return classification(resampled_sums(classification_terms(outputs, rows.labels), draws, seed), count, names)
    targets = rows.labels.astype(np.float64)
    return regression(resampled_sums(regression_terms(outputs, targets), draws, seed), count, names)
