"""Bars of measured effects, with a dot for each seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .panels import ACCENT_FILL, HAIR, INK, MUTE, SMALL, look, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_FACTOR: dict[str, Any] = {"facecolor": ACCENT_FILL}
_CHANCE: dict[str, Any] = {"facecolor": "white", "edgecolor": MUTE, "hatch": "////"}


class EffectBar(NamedTuple):
    """One bar: its name, whether it is the control and set apart, its length, that of each seed, words at its end."""

    name: str
    control: bool
    size: float
    by_seed: NDArray[np.float64]
    note: str


@look()
def draw_effects(bars: Sequence[EffectBar], *, xlabel: str, ax: Axes | None = None) -> Axes:
    """Draw horizontal bars, the first on top.

    Args:
        bars: What to draw.
        xlabel: Under the axis.
        ax: Where to draw; a new figure when left out.

    Returns:
        The axes.
    """
    axes = panels(1, 1, size=(6.3, 0.7 + 0.27 * len(bars)))[1][0] if ax is None else ax
    places = np.arange(len(bars), dtype=float)
    for place, bar in zip(places, bars, strict=True):
        axes.barh(place, bar.size, height=0.62, linewidth=0.6, **(_CHANCE if bar.control else _FACTOR))
        axes.scatter(
            bar.by_seed, np.full(len(bar.by_seed), place), s=10, color=INK, linewidths=0.4, edgecolors="white", zorder=3
        )
        axes.annotate(
            bar.note,
            (max(bar.size, *bar.by_seed, 0.0), place),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL,
            color=MUTE,
        )
    axes.axvline(0, color=MUTE, linewidth=0.6)
    axes.set_yticks(places, [bar.name.replace("_", " ") for bar in bars])
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=HAIR, linewidth=0.4)
    axes.set_axisbelow(True)
    axes.margins(x=0.12)  # room for the words at the ends
    axes.set_xlabel(xlabel)
    return axes
