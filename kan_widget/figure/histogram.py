"""Scores of each layer as a histogram, and what lies left of a cut."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, floor, log10
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatterMathtext, MaxNLocator
from numpy.typing import NDArray

from .panels import CUT, CUT_FILL, look, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

_BINS = 36
_TICKS = 4  # on either side of zero, at most
_STAYS = "#8d99a6"


@look()
def draw_histogram(layers: Mapping[str, Array], *, threshold: float | None, xlabel: str, what: str) -> Figure:
    """Draw a histogram for each layer, on one axis; what is below the threshold is hatched.

    Args:
        layers: Scores by the title of their panel.
        threshold: Where the cut is; None for no cut.
        xlabel: Under the axis, which is logarithmic if all scores are positive, and else so at either side of zero.
        what: Plural of what is counted.

    Returns:
        The figure.
    """
    every = np.concatenate(list(layers.values()))
    figure, axes = panels(len(layers), 1, size=(5.2, 0.6 + 1.05 * len(layers)), sharex=True)
    cut = threshold if threshold is not None and np.isfinite(threshold) else None
    for panel, (title, scores) in zip(axes, layers.items(), strict=True):
        _scale(panel, every)
        forward = panel.xaxis.get_transform()
        bins = forward.inverted().transform(_bins(forward.transform(every), cut and float(forward.transform([cut])[0])))
        if cut is not None and every.min() <= cut <= every.max():  # to the axis and back it may have lost its last bit
            bins[np.abs(bins - cut).argmin()] = cut
        counts, edges = np.histogram(scores, bins)
        goes = np.zeros(len(counts), dtype=bool) if cut is None else edges[:-1] + edges[1:] < 2 * cut
        panel.stairs(np.where(goes, 0, counts), edges, fill=True, color=_STAYS)
        panel.stairs(np.where(goes, counts, 0), edges, fill=True, facecolor=CUT_FILL, edgecolor=CUT, hatch="/////")
        if cut is not None:
            panel.axvline(cut, color=CUT, linewidth=1.2)
        panel.set_title(title)
        panel.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    if cut is not None:
        axes[0].set_title(f"cut at {cut:.3g}", loc="right", color=CUT)
    figure.supylabel(what)
    axes[-1].set_xlabel(xlabel)
    return figure


def _scale(axes: Axes, scores: Array) -> None:
    if scores.min() > 0:
        axes.set_xscale("log")
        return
    sizes = np.abs(scores[scores != 0])
    width = float(np.quantile(sizes, 0.1)) if len(sizes) else 1.0
    axes.set_xscale("asinh", linear_width=width)
    axes.set_xticks([-t for t in _decades(width, -scores.min())] + [0.0] + _decades(width, scores.max()))
    axes.set_xticks([], minor=True)
    axes.xaxis.set_major_formatter(LogFormatterMathtext(labelOnlyBase=False))


def _decades(width: float, reach: float) -> list[float]:
    """Powers of ten from where the axis is logarithmic up to `reach`, or every second or third of them."""
    if reach < 10 * width:
        return []
    powers = range(floor(log10(reach)), ceil(log10(5 * width)) - 1, -1)
    return [10.0**power for power in powers[:: -(-len(powers) // _TICKS)]]


def _bins(scores: Array, cut: float | None) -> Array:
    """Even bins, one of which ends at the cut, so that no bar stands on both sides of it."""
    low, high = float(scores.min()), float(scores.max())
    step = max(high - low, 1e-9) / _BINS
    if cut is None or not low <= cut <= high:
        return np.linspace(low - 0.5 * step, high + 0.5 * step, _BINS + 2)
    before, after = (np.ceil(apart / step + 1e-9) for apart in (cut - low, high - cut))
    return cut + step * np.arange(-before, after + 1)
