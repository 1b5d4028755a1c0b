"""Several axes in one picture, and the look that they share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The widget's three voices: ink for what the network is, one colour for a cut and one for what it costs. Apart in grey
# and to the colour-blind, and never alone: a cut is also hatched or dashed.
INK, MUTE, HAIR = "#1d232b", "#56616d", "#c9cfd6"
CUT, CUT_FILL = "#b93a08", "#f3cdb9"
ACCENT, ACCENT_FILL = "#0b62c9", "#8fb3e0"

SMALL = 7.0
_LOOK: dict[Any, Any] = {
    "font.size": 8.0,
    "axes.titlesize": 8.0,
    "axes.labelsize": 8.0,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTE,
    "axes.linewidth": 0.6,
    "axes.titlelocation": "left",
    "figure.titlesize": 8.0,
    "figure.labelsize": 8.0,
    "text.color": INK,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "hatch.linewidth": 0.5,
}


@contextmanager
def look() -> Iterator[None]:
    """The type sizes and lines of these figures, for what is drawn within; also a decorator."""
    with plt.rc_context(_LOOK):
        yield


class NotebookFigure(Figure):
    """A pyplot figure that a notebook shows once: as a cell's value or, if it is not that, at the end of the cell."""

    def _ipython_display_(self) -> None:
        from io import BytesIO

        from IPython.display import Image, display

        buffer = BytesIO()
        self.savefig(buffer, format="png", bbox_inches="tight")
        display(Image(data=buffer.getvalue()))  # type: ignore[no-untyped-call]
        plt.close(self)  # or pyplot would show it again when the cell ends


def panels(rows: int, columns: int, *, size: tuple[float, float], **options: Any) -> tuple[Figure, list[Axes]]:
    """A new figure of rows and columns of axes.

    Args:
        rows: How many.
        columns: How many.
        size: Of the whole, in inches.
        **options: For ``Figure.subplots``, such as ``sharex``.

    Returns:
        The figure, pyplot's current one, and its axes row by row.
    """
    figure: Figure = plt.figure(FigureClass=NotebookFigure, figsize=size, layout="constrained")
    axes: list[Axes] = list(figure.subplots(rows, columns, squeeze=False, **options).flat)
    for one in axes:
        dress(one)
    return figure, axes


def dress(axes: Axes) -> None:
    """Two spines and small ticks, whatever pyplot's style is when the figure is drawn at last."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(which="both", labelsize=SMALL, width=0.6, length=2.5, color=MUTE, labelcolor=INK)
    for axis in (axes.xaxis, axes.yaxis):
        axis.offsetText.set_fontsize(SMALL)
