"""What each input is worth: bars, or the pixels of an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.colors import CenteredNorm, Normalize
from matplotlib.patches import Patch
from numpy.typing import NDArray

from .connections import CHANGES, PRUNED, SCORES
from .panels import ACCENT_FILL, CUT, CUT_FILL, INK, MUTE, SMALL, dress, look, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]


class Ranked(NamedTuple):
    """One bar: a name, its value, its standard error (NaN if there is none), and whether nothing reads it any more."""

    name: str
    value: float
    error: float
    gone: bool


@look()
def draw_importance(bars: Sequence[Ranked], *, xlabel: str, note: str = "", ax: Axes | None = None) -> Axes:
    """Draw horizontal bars, the first on top.

    Args:
        bars: What to draw; those below zero are hatched, those gone are names alone.
        xlabel: Under the axis.
        note: In the lower right corner.
        ax: Where to draw; a new figure when left out.

    Returns:
        The axes.
    """
    axes = panels(1, 1, size=(4.2, 0.6 + 0.19 * len(bars)))[1][0] if ax is None else ax
    at = np.arange(len(bars))
    values = np.array([0.0 if bar.gone else bar.value for bar in bars])
    good, bad = values >= 0, values < 0
    axes.barh(at[good], values[good], height=0.7, color=ACCENT_FILL)
    axes.barh(at[bad], values[bad], height=0.7, facecolor=CUT_FILL, edgecolor=CUT, hatch="/////", linewidth=0.5)
    errors = np.array([np.nan if bar.gone else bar.error for bar in bars])
    if np.isfinite(errors).any():
        axes.errorbar(values, at, xerr=errors, fmt="none", ecolor=INK, elinewidth=0.9, capsize=1.8, capthick=0.9)
    axes.axvline(0, color=MUTE, linewidth=0.6)
    axes.set_yticks(at, [f"{bar.name} (pruned)" if bar.gone else bar.name for bar in bars])
    for label, bar in zip(axes.get_yticklabels(), bars, strict=True):
        label.set_color(MUTE if bar.gone else INK)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(len(bars) - 0.4, -0.6)
    axes.set_xlabel(xlabel)
    axes.text(1, 0.02, note, transform=axes.transAxes, ha="right", va="bottom", fontsize=SMALL, color=MUTE)
    return axes


@look()
def draw_importance_image(values: Array, *, label: str, ax: Axes | None = None) -> Axes:
    """Draw what the pixels of an image are worth.

    Args:
        values: ``(height, width)``, NaN where nothing reads the pixel any more.
        label: What a value is.
        ax: Where to draw; a new figure when left out.

    Returns:
        The axes.
    """
    height, width = values.shape
    if ax is None:
        tall = 3.0 * height / max(height, width)
        ax = panels(1, 1, size=(4.0 * width / max(height, width) + 0.4, tall + 0.5))[1][0]
    reach = float(np.nanmax(np.abs(values), initial=0.0)) or 1.0
    signed = bool(np.nanmin(values, initial=0.0) < 0)
    image = ax.imshow(
        np.ma.masked_invalid(values),
        cmap=(CHANGES if signed else SCORES).with_extremes(bad=PRUNED),
        norm=CenteredNorm(0.0, reach) if signed else Normalize(0.0, reach),
    )
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(True)
    ax.spines[:].set_linewidth(0.4)
    figure = ax.get_figure(root=True)
    assert figure is not None
    bar = figure.colorbar(image, ax=ax, label=label, aspect=16, pad=0.03)
    dress(bar.ax)
    bar.outline.set_linewidth(0.4)
    if np.isnan(values).any():
        mark = Patch(facecolor=PRUNED, edgecolor=CUT, linewidth=0.5, label="no longer read")
        ax.legend(handles=[mark], loc="upper left", bbox_to_anchor=(0, -0.02), borderaxespad=0.2)
    return ax
