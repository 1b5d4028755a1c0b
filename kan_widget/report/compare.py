"""Two models on the same held-out rows: what changed, how surely, and whether chance would have done as well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..adapters import Adapter, Rows, adapt
from .bootstrap import check_resampling, estimate, resampled_sums, settled
from .comparison import Change, Comparison
from .control import Control, count_active, given_models, random_models
from .efficiency import measure_together
from .metrics import BIASED, Metrics, agreement, agreement_terms
from .quality import labelled, resample

Array = NDArray[np.float64]


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
    seed: int | None = 0,
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
        seed: Of the resamples and of the first random pruning; drawn when None.

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
    seed = settled(seed)
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
