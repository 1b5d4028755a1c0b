"""What a network bears of each layer's loss: one panel a layer, on the same axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from .panels import ACCENT, HAIR, MUTE, look, panels

Array = NDArray[np.float64]

_COLUMNS = 4
# From this ratio on, an even axis would show only the far end of a loss.
_WIDE = 25.0


class Bearing(NamedTuple):
    """One panel: quality ``(levels,)`` as parts go, and ``(draws, levels)`` as they go by chance."""

    title: str
    sparsity: Array
    quality: Array
    chance: Array


@look()
def draw_sensitivity(bearings: Sequence[Bearing], *, label: str, xlabel: str, ylabel: str) -> Figure:
    """Draw a panel for each layer; chance is a band from its best to its worst draw.

    Args:
        bearings: What to draw, from the inputs up.
        label: Name of the criterion.
        xlabel: Under the axes; fractions are shown as per cent.
        ylabel: Beside them.

    Returns:
        The figure.
    """
    columns = min(_COLUMNS, len(bearings))
    rows = -(-len(bearings) // columns)
    figure, axes = panels(rows, columns, size=(1.1 + 2.1 * columns, 0.5 + 1.8 * rows), sharex=True, sharey=True)
    for panel, bearing in zip(axes, bearings, strict=False):
        panel.axhline(bearing.quality[0], color=MUTE, linewidth=0.7, linestyle=(0, (4, 3)), label="whole", zorder=1)
        if len(bearing.chance):
            low, high = bearing.chance.min(axis=0), bearing.chance.max(axis=0)
            panel.fill_between(bearing.sparsity, low, high, color=HAIR, linewidth=0, label="random", zorder=0)
        panel.plot(bearing.sparsity, bearing.quality, color=ACCENT, label=label, zorder=2)
        panel.set_title(bearing.title)
    for panel in axes[len(bearings) :]:
        panel.set_visible(False)
    every = np.concatenate([np.append(b.chance, b.quality) for b in bearings])
    if every.min() > 0 and every.max() > _WIDE * every.min():
        axes[0].set_yscale("log")
        axes[0].yaxis.set_major_formatter("{x:g}")
    axes[0].set_xlim(0, 1)
    axes[0].xaxis.set_major_formatter(PercentFormatter(1))
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=3)
    figure.supxlabel(xlabel)
    figure.supylabel(ylabel)
    return figure
