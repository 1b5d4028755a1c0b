"""Pruning for each input anew: what a network loses, and saves, where edges near their means are skipped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from ..adapters import Gated, adapt
from ..core.reach import active_edges
from ..core.topology import EdgeArrays

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Gate:
    """What one tolerance does, over the rows it was measured on.

    Attributes:
        tolerance: In standard deviations of an edge's target.
        edges: Active edges that are computed for a row, on average.
        layers: The same for each layer.
        loss: Root mean squared error or cross-entropy; None without labels.
        accuracy: Fraction of right classes; None for regression.
        agreement: Fraction of rows with the class that is said without a gate; None for regression.
        distance: Root mean square of the change of the outputs, over their standard deviation.
    """

    tolerance: float
    edges: float
    layers: tuple[float, ...]
    loss: float | None
    accuracy: float | None
    agreement: float | None
    distance: float


@dataclass
class Gating:
    """What input-dependent gating does at some tolerances.

    Attributes:
        rows: Which rows it was measured on: ``"test"`` or, where there are none, ``"train"``.
        active: Active edges without a gate.
        gates: A record a tolerance.
        outputs: What the network says, ``(rows, outputs)`` a tolerance.
        usage: Per tolerance and layer ``(out, in)``: the share of the rows in which an edge is computed.
        stopped: Why it ended before the last tolerance: ``""``, ``"callback"`` or ``"interrupted"``.
    """

    rows: str
    active: int
    gates: list[Gate] = field(default_factory=list)
    outputs: list[Array] = field(default_factory=list)
    usage: list[EdgeArrays] = field(default_factory=list)
    stopped: str = ""

    def to_frame(self) -> Any:
        """A pandas data frame, one row a tolerance."""
        import pandas as pd

        return pd.DataFrame([vars(gate) for gate in self.gates])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the loss, or without labels the distance, against the share of the edges that is computed."""
        from ..figure import draw_lines

        labelled = all(gate.loss is not None for gate in self.gates)
        values = [gate.loss if labelled else gate.distance for gate in self.gates]
        return draw_lines(
            np.array([gate.edges / max(1, self.active) for gate in self.gates]),
            {"gated": np.array(values)},
            xlabel="edges computed",
            ylabel=f"loss on {self.rows} rows" if labelled else "distance from the outputs without a gate",
            percent=True,
            ax=ax,
        )

    def __repr__(self) -> str:
        lines = [f"Gating({self.active} active edges, {self.rows} rows)"]
        for gate in self.gates:
            said = [f"{gate.edges:.1f} edges a row", f"distance {gate.distance:.2g}"]
            said += [
                f"{name} {value:.3g}"
                for name, value in vars(gate).items()
                if name in ("loss", "accuracy", "agreement") and value is not None
            ]
            lines.append(f"  tolerance {gate.tolerance:g}: {', '.join(said)}")
        return "\n".join(lines)


def gate(
    model: Any,
    data: Any,
    tolerances: Sequence[float] = (0.0, 0.01, 0.03, 0.1, 0.3),
    *,
    progress: bool = True,
    callback: Callable[[Gate], Any] | None = None,
) -> Gating:
    """Run a model with edges skipped wherever they lie near their means, for each row anew. The model is left alone.

    For a row, an edge into node j is skipped, and leaves its mean, where ``|phi(x) - mean| < tolerance * sd(y_j)``.
    Means and the standard deviations of the targets' pre-activations are those on the training rows. Since an edge is a
    function of one number, a few intervals are all that a machine needs to know where to skip it; here edges are
    computed to find out, so that this says what could be saved and saves nothing itself.

    Args:
        model: A KAN.
        data: In any form that `Session` takes; measured on the held-out rows if there are any.
        tolerances: In standard deviations of the target; 0 skips nothing.
        progress: Whether to show a progress bar.
        callback: Called after each tolerance; stops if it gives False.

    Returns:
        A record a tolerance, and the outputs.

    Raises:
        ValueError: If a tolerance is not a finite number of 0 or more, there is none, or the data do not fit the model.

    Example:
        >>> import torch
        >>> from kan_widget import KAN
        >>> found = gate(KAN([2, 3, 1], seed=0), torch.rand(100, 2), [0.0, 0.5], progress=False)
        >>> found.gates[0].edges, found.gates[1].edges < 9
        (9.0, True)
    """
    levels = _checked(tolerances)
    adapter = adapt(model, data)
    adapter = adapter.take(adapter.twin)
    trace, active = adapter.trace(), active_edges(adapter.masks()[0])
    plain = adapter.gated(trace.mean, tuple(np.zeros_like(spread) for spread in trace.output_std))
    result = Gating(plain.rows, sum(int(mask.sum()) for mask in active))
    with tqdm(levels, disable=not progress) as bar:
        try:
            for level in bar:
                found = adapter.gated(trace.mean, tuple(level * spread for spread in trace.output_std))
                usage = tuple(np.where(mask, share, 0.0) for mask, share in zip(active, found.usage, strict=True))
                result.gates.append(_record(level, found, usage, plain))
                result.outputs.append(found.outputs)
                result.usage.append(usage)
                if callback is not None and callback(result.gates[-1]) is False:
                    result.stopped = "callback"
                    break
        except KeyboardInterrupt:
            result.stopped = "interrupted"
    return result


def _checked(tolerances: Sequence[float]) -> list[float]:
    levels = [float(tolerance) for tolerance in tolerances]
    if not levels or not all(0 <= level < np.inf for level in levels):
        raise ValueError(f"tolerances must be one or more finite numbers of 0 or more; got {levels}")
    return levels


def _record(tolerance: float, found: Gated, usage: EdgeArrays, plain: Gated) -> Gate:
    layers = tuple(float(share.sum()) for share in usage)
    classes = found.quality is not None and found.quality.accuracy is not None
    same = found.outputs.argmax(axis=1) == plain.outputs.argmax(axis=1)
    return Gate(
        tolerance=tolerance,
        edges=sum(layers),
        layers=layers,
        loss=None if found.quality is None else found.quality.loss,
        accuracy=None if found.quality is None else found.quality.accuracy,
        agreement=float(same.mean()) if classes else None,
        distance=_distance(found.outputs, plain.outputs),
    )


def _distance(outputs: Array, plain: Array) -> float:
    """Root mean square of the difference over the standard deviation; 0 where there is none, of constants too."""
    difference = float(np.sqrt(np.mean((outputs - plain) ** 2)))
    spread = float(np.sqrt(np.mean((plain - plain.mean(axis=0)) ** 2)))
    return difference / spread if difference and spread else difference
