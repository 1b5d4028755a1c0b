"""What all figures share: where to draw, and how axes look."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def axes_for(ax: Axes | None, *, size: tuple[float, float] = (6.0, 3.6)) -> Axes:
    """`ax`, or the axes of a new figure of that size in inches, with two spines only."""
    axes: Axes = plt.figure(figsize=size, layout="constrained").add_subplot() if ax is None else ax
    axes.spines[["top", "right"]].set_visible(False)
    return axes
