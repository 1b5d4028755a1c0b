"""The functions of edges over the values that the data have there: one panel each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from .panels import ACCENT, HAIR, MUTE, SMALL, look, panels

Array = NDArray[np.float64]

_COLUMNS = 4
_DENSITY = 0.16  # of the height of a panel


class ShapePanel(NamedTuple):
    """One function: `y` over `x`, both ``(points,)``; `density` ``(bins,)`` counts rows in even intervals of x."""

    x: Array
    y: Array
    density: NDArray[np.int64]
    xlabel: str
    ylabel: str
    note: str


@look()
def draw_shapes(shapes: Sequence[ShapePanel]) -> Figure:
    """Draw a grid of functions, in the order given; on one vertical scale if all add to the same node.

    Args:
        shapes: What to draw.

    Returns:
        The figure.
    """
    columns = min(_COLUMNS, len(shapes))
    rows = -(-len(shapes) // columns)
    together = len({shape.ylabel for shape in shapes}) == 1
    figure, axes = panels(rows, columns, size=(0.4 + 1.75 * columns, 0.4 + 1.5 * rows), sharey=together)
    for panel, shape in zip(axes, shapes, strict=False):
        panel.axhline(0, color=MUTE, linewidth=0.5, linestyle=(0, (4, 3)), zorder=1)
        panel.plot(shape.x, shape.y, color=ACCENT, zorder=3)
        edges = np.linspace(shape.x[0], shape.x[-1], len(shape.density) + 1)
        heights = _DENSITY * shape.density / max(1, shape.density.max())
        panel.stairs(heights, edges, fill=True, color=HAIR, transform=panel.get_xaxis_transform(), zorder=0)
        panel.set_xlabel(shape.xlabel)
        if not together or panel in axes[::columns]:
            panel.set_ylabel(shape.ylabel)
        panel.set_title(shape.note, loc="right", fontsize=SMALL, color=MUTE)
        panel.margins(x=0.03)
        low, high = panel.get_ylim()
        panel.set_ylim(low - _DENSITY * (high - low) * (1 if not together else 0), high)
    if together:
        low, high = axes[0].get_ylim()
        axes[0].set_ylim(low - 1.2 * _DENSITY * (high - low), high)
    for panel in axes[len(shapes) :]:
        panel.set_visible(False)
    figure.legend(handles=[Patch(color=HAIR, label="where the data are")], loc="outside lower left")
    return figure
