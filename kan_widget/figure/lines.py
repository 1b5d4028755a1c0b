"""Lines over a common axis, with bands for what varies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from .canvas import axes_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]


def draw_lines(
    x: Array,
    lines: Mapping[str, Array],
    *,
    band: tuple[str, Array, Array] | None = None,
    xlabel: str = "",
    ylabel: str = "",
    percent: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw named lines, and one band behind them.

    Args:
        x: Where, ``(n,)``.
        lines: What, ``(n,)`` each; underscores in a name become spaces.
        band: Name, lower and upper edge of a band, as of a control.
        xlabel: Under the axis.
        ylabel: Beside the axis.
        percent: Whether `x` are fractions, 0 to 1, to be shown as per cent.
        ax: Where to draw; a new figure when left out.

    Returns:
        The axes.
    """
    axes = axes_for(ax)
    if band is not None:
        axes.fill_between(x, band[1], band[2], color="0.85", linewidth=0, label=band[0])
    for name, values in lines.items():
        axes.plot(x, values, label=name.replace("_", " "))
    axes.set(xlabel=xlabel, ylabel=ylabel)
    if percent:
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.legend(frameon=False)
    return axes
