"""What a model costs to keep and to run: counted under its masks, and measured on real files and real calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from ..adapters import Adapter, Footprint, adapt_alone
from ..core.cost import Cost, cost
from .text import aligned, times
from .timing import Latency, latencies

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Form:
    """A model in one form: with its masks, or made smaller by ``compact()``.

    Attributes:
        footprint: Parameters held, those that are not zero under the masks, bytes in memory and in a file.
        macs: Multiply-adds a row that it does, those for pruned edges within included; as `Cost.macs` counts them.
        latency: By the rows of a call; empty if it was not measured.
    """

    footprint: Footprint
    macs: int
    latency: Mapping[int, Latency]


@dataclass(frozen=True)
class Efficiency:
    """What a model costs. `Cost` says how parameters and multiply-adds are counted.

    Masks alone save nothing: the masked form holds and computes what is pruned as well. What pruning saves is what
    ``compact()`` leaves out.

    Attributes:
        whole: Of the network with every edge on.
        active: Of the part that is neither pruned nor dead.
        masked: The model as it is.
        compacted: What ``model.compact()`` gives: the same function.
        threads: Threads that torch had when it was timed.
    """

    whole: Cost
    active: Cost
    masked: Form
    compacted: Form
    threads: int

    @property
    def compression(self) -> float:
        """Bytes of the file of the whole network over those of the compacted one."""
        return self.masked.footprint.disk / self.compacted.footprint.disk

    @property
    def parameter_ratio(self) -> float:
        """Parameters of the whole network over those of the active part."""
        return self.whole.parameters / self.active.parameters

    @property
    def theoretical_speedup(self) -> float:
        """Multiply-adds of the whole network over those of the active part. What it gains in time is measured."""
        return self.whole.macs / self.active.macs

    def measured_speedup(self, rows: int) -> float:
        """Median latency of the masked model over that of the compacted one, for calls of that many rows.

        Raises:
            ValueError: If calls of that many rows were not timed.
        """
        if rows not in self.masked.latency:
            known = ", ".join(map(str, self.masked.latency)) or "none"
            raise ValueError(f"no call of {rows} rows was timed; there are calls of {known} rows")
        return self.masked.latency[rows].p50 / self.compacted.latency[rows].p50

    def to_frame(self) -> Any:
        """A pandas data frame of all numbers: quantity, of what (``"whole"``, ``"active"``, ...), value and unit."""
        import pandas as pd

        return pd.DataFrame(list(self._numbers()), columns=["quantity", "of", "value", "unit"])

    def _numbers(self) -> Iterator[tuple[str, str, float, str]]:
        for of, count in (("whole", self.whole), ("active", self.active)):
            for quantity, value in vars(count).items():
                yield quantity, of, value, "bytes" if quantity == "bytes" else ""
        for of, form in (("masked", self.masked), ("compacted", self.compacted)):
            for quantity, value in vars(form.footprint).items():
                yield quantity, of, value, "bytes" if quantity in ("memory", "disk") else ""
            yield "macs", of, form.macs, ""
            for rows, found in form.latency.items():
                for quantile in ("p50", "p95"):
                    yield f"latency of {rows} rows, {quantile}", of, getattr(found, quantile), "s"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw what the masked and the compacted model cost, as per cent of the whole network."""
        from ..figure import draw_shares

        whole = {**profile(self.whole, self.masked), "not zero": self.masked.footprint.parameters}
        forms = {"masked": profile(self.active, self.masked), "compacted": profile(self.active, self.compacted)}
        return draw_shares(whole, forms, xlabel="of the whole network", ax=ax)

    def __repr__(self) -> str:
        notes = ["active: neither pruned nor dead", timing_note(self.threads, self.masked, self.compacted)]
        return "\n".join(["Efficiency", *aligned([*self._counted(), ("",), *self._measured()]), "; ".join(notes)])

    def _counted(self) -> Iterator[tuple[str, ...]]:
        yield "", "whole", "active", ""
        for name, quantity in _COUNTED.items():
            whole, active = getattr(self.whole, quantity), getattr(self.active, quantity)
            yield name, f"{whole:,}", f"{active:,}", times(whole, active)

    def _measured(self) -> Iterator[tuple[str, ...]]:
        yield "", "masked", "compacted", ""
        masked, compacted = held(self.masked), held(self.compacted)
        for name, value in masked.items():
            yield name, f"{value:,}", f"{compacted[name]:,}", times(value, compacted[name])
        yield from latency_lines(self.masked, self.compacted)


_COUNTED = {
    "edges": "edges",
    "hidden nodes": "nodes",
    "inputs": "inputs",
    "parameters": "parameters",
    "multiply-adds a row": "macs",
}


def efficiency(model: Any, *, batch: int = 256, seconds: float = 1.0) -> Efficiency:
    """Count and measure what a model costs, with its masks and compacted. The model is left alone.

    Files are written to a temporary folder by the model's own ``save``. Calls are timed on the clock of the wall after
    warming up, in turns, for 1 row and for `batch` rows.

    Args:
        model: A KAN.
        batch: Rows of the larger calls that are timed.
        seconds: How long to time, over all calls; 0 leaves the latencies out.

    Returns:
        The counts and measurements.

    Raises:
        ValueError: If an option is out of range, or the model is a constant, of which nothing can be compacted.

    Example:
        >>> from kan_widget import KAN
        >>> model = KAN([4, 5, 1], seed=0)
        >>> for node in (1, 2, 3):
        ...     model.remove_node(1, node, compensate="none")
        >>> found = efficiency(model, seconds=0)
        >>> found.whole.edges, found.active.edges, found.parameter_ratio
        (25, 10, 2.4854368932038833)

    Source:
        What is reported follows Blalock et al., "What is the state of neural network pruning?", 2020.
    """
    return measure_together([model], batch, seconds)[0]


def measure_together(models: Sequence[Any], batch: int, seconds: float) -> list[Efficiency]:
    """`efficiency` of several models, all timed in turns."""
    if batch < 1:
        raise ValueError(f"batch, the rows of the larger calls, must be at least 1; got {batch}")
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"seconds must be 0 or more; got {seconds}")
    masked = [adapt_alone(model) for model in models]
    compacted = [adapt_alone(port.take(port.compact)) for port in masked]
    calls = {
        (form, index, rows): port.caller(rows)
        for rows in dict.fromkeys((1, batch))
        for form, ports in (("masked", masked), ("compacted", compacted))
        for index, port in enumerate(ports)
    }
    timed = latencies(calls, seconds) if seconds else {}

    def form(name: str, index: int, port: Adapter) -> Form:
        own = {rows: found for (kind, i, rows), found in timed.items() if (kind, i) == (name, index)}
        return Form(port.take(port.footprint), _whole(port).macs, own)

    return [
        Efficiency(
            whole=_whole(port),
            active=cost(port.masks()[0], port.shape),
            masked=form("masked", index, port),
            compacted=form("compacted", index, compacted[index]),
            threads=torch.get_num_threads(),
        )
        for index, port in enumerate(masked)
    ]


def _whole(port: Adapter) -> Cost:
    return cost(port.topology.full(True), replace(port.shape, coefficients=None))


def held(form: Form) -> dict[str, int]:
    """What a model holds and does, by name."""
    return {
        "parameters held": form.footprint.parameters,
        "not zero": form.footprint.nonzero,
        "multiply-adds done": form.macs,
        "bytes in memory": form.footprint.memory,
        "bytes on disk": form.footprint.disk,
    }


def profile(count: Cost, form: Form) -> dict[str, float]:
    """What a model costs, by name: edges, what it holds and does, and seconds."""
    seconds = {f"time for {_rows(rows)}": found.p50 for rows, found in form.latency.items()}
    return {"active edges": count.edges, **held(form), **seconds}


def latency_lines(before: Form, now: Form) -> Iterator[tuple[str, ...]]:
    """Latencies of two models as cells, in milliseconds."""
    for rows, was in before.latency.items():
        found = now.latency[rows]
        cells = [f"{1e3 * latency.p50:.3g} ({1e3 * latency.p95:.3g})" for latency in (was, found)]
        verdict = times(was.p50, found.p50, "slower", "faster") if was.differs(found) else "no clear difference"
        yield f"ms for {_rows(rows)} (p95)", *cells, verdict


def timing_note(threads: int, *forms: Form) -> str:
    """How it was timed, if it was."""
    counts = [found.calls for form in forms for found in form.latency.values()]
    if not counts:
        return "not timed"
    return f"medians of {min(counts):,} calls or more, in turns, on {threads} torch thread{'s' if threads > 1 else ''}"


def _rows(count: int) -> str:
    return f"{count:,} row{'s' if count > 1 else ''}"
