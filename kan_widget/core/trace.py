"""What one pass over data showed on every edge."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .topology import EdgeArrays, Masks

Array = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Trace:
    """Measurements of a network on data. Tuples run over edge layers; edges are ``(out, in)``, pruned ones included.

    Attributes:
        masks: Which edges were on when the data passed.
        mean: Mean output of each edge.
        mean_abs: Mean absolute output, the L1 norm of the KAN paper.
        std: Standard deviation (unbiased) of the output.
        input_low: Smallest value at each source node, ``(in,)``.
        input_high: Largest value, ``(in,)``.
        input_std: Standard deviation at each source node, ``(in,)``.
        output_std: Standard deviation at each target node, ``(out,)``.
        density: Rows in even intervals from low to high at each source node, ``(in, bins)``.
        curves: Each edge's function at even points from low to high, ``(out, in, points)``, in the model's precision.
    """

    masks: Masks
    mean: EdgeArrays
    mean_abs: EdgeArrays
    std: EdgeArrays
    input_low: tuple[Array, ...]
    input_high: tuple[Array, ...]
    input_std: tuple[Array, ...]
    output_std: tuple[Array, ...]
    density: tuple[NDArray[np.int64], ...]
    curves: tuple[Floats, ...]

    def __post_init__(self) -> None:
        for field in fields(self):
            for array in getattr(self, field.name):
                array.flags.writeable = False

    @property
    def trace(self) -> Trace:
        """Itself: a trace is evidence enough for criteria that need nothing else."""
        return self

    def curve_ranges(self) -> list[tuple[Floats, Floats]]:
        """Per layer, the lowest and highest value of each curve, ``(out, in)`` each, to draw it between.

        Both are the same where a curve varies by no more than rounding does, beside the largest value of its layer:
        what such an edge has learnt is a constant, and its noise, blown up to fill a picture, would look like a shape.
        """
        ranges = []
        for curves in self.curves:
            low, high = curves.min(axis=-1), curves.max(axis=-1)
            noise = 1e-5 * max(float(np.abs(curves).max()), 1e-30)
            ranges.append((low, np.where(high - low > noise, high, low)))
        return ranges

    def without_pruned(self) -> Trace:
        """The same with zeros for edges that are off, as rules over what is left need it."""
        kept = {
            name: tuple(np.where(mask, a, 0.0) for mask, a in zip(self.masks, getattr(self, name), strict=True))
            for name in ("mean", "mean_abs", "std")
        }
        return replace(self, **kept)
