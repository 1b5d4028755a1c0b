"""Scores of a network's edges before and after, as matrices on one colour scale, and their difference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.colors import CenteredNorm, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure, FigureBase
from matplotlib.patches import Patch
from numpy.typing import NDArray

from .panels import CUT, SMALL, NotebookFigure, dress, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

Array = NDArray[np.float64]

# The palest score is darker than what is pruned, in print too. In the difference, what an edge has lost is orange.
SCORES = LinearSegmentedColormap.from_list("scores", ["#c3d7ee", "#5e93d1", "#0b4da0", "#061f47"])
CHANGES = LinearSegmentedColormap.from_list("changes", ["#7d2504", "#e08a5f", "#f6f6f4", "#6f9fd8", "#083a7c"])
PRUNED = "#fdf1ea"

_WIDTH = 7.2  # inches
_SIDE_BY_SIDE = 80  # sources; with more, the three matrices stand below each other, as wide as the page
_HATCHED = 7.0  # points: in smaller cells a hatch would be a smear
_LABEL = 0.11  # inches between the lines of names
_STEPS = (1, 2, 4, 5, 8, 10, 16, 20, 28, 50, 56, 100, 112)  # rows of an image of 8, 16 or 28 too


class Matrix(NamedTuple):
    """A layer's scores, targets by sources, ``(out, in)``, NaN where pruned; `change` has a number for every edge."""

    title: str
    before: Array
    after: Array
    change: Array
    sources: Sequence[str]
    targets: Sequence[str]


@look()
def draw_connections(layers: Sequence[Matrix], *, titles: tuple[str, str], label: str) -> Figure:
    """Draw for each layer before, after and difference.

    Args:
        layers: From the inputs up.
        titles: Above before and after, in three lines each.
        label: What a score is.

    Returns:
        The figure. Pruned cells are pale and, where there is room, hatched.
    """
    heights = [_height(layer) for layer in layers]
    figure: Figure = plt.figure(FigureClass=NotebookFigure, figsize=(_WIDTH, sum(heights) + 0.7), layout="constrained")
    hatched = [
        _draw_layer(*place, layer, height, label)
        for place, layer, height in zip(_places(figure, layers, heights, titles), layers, heights, strict=True)
    ]
    if any(np.isnan(values).any() for layer in layers for values in (layer.before, layer.after)):
        hatch = "//////" if any(hatched) else None
        mark = Patch(facecolor=PRUNED, edgecolor=CUT, hatch=hatch, linewidth=0.4, label="pruned")
        figure.legend(handles=[mark], loc="outside lower left", handleheight=1.2)
    return figure


def _places(
    figure: Figure, layers: Sequence[Matrix], heights: Sequence[float], titles: tuple[str, str]
) -> list[tuple[FigureBase, list[Axes]]]:
    """Where the three panels of each layer go, and what their colour bars belong to."""
    places: list[tuple[FigureBase, list[Axes]]] = []
    if not any(map(_stacked, layers)):  # on one grid, so that columns stand in line
        grid = figure.subplots(
            len(layers), 3, sharex="row", sharey="row", squeeze=False, gridspec_kw={"height_ratios": heights}
        )
        places = [(figure, list(row)) for row in grid]
    else:
        parts = figure.subfigures(len(layers), 1, height_ratios=heights, squeeze=False)[:, 0]
        for part, layer in zip(parts, layers, strict=True):
            rows, columns = (3, 1) if _stacked(layer) else (1, 3)
            places.append((part, list(part.subplots(rows, columns, sharex=True, sharey=True))))
    for index, ((_, axes), layer) in enumerate(zip(places, layers, strict=True)):
        if index == 0 or _stacked(layer):
            for panel, title in zip(axes, (*titles, "difference\n\n"), strict=True):
                panel.set_title(title.strip().replace("\n", ", ") if _stacked(layer) else title)
    return places


def _stacked(layer: Matrix) -> bool:
    return len(layer.sources) > _SIDE_BY_SIDE


def _height(layer: Matrix) -> float:
    """Inches for a layer, names of its sources included."""
    one = float(np.clip(0.16 * len(layer.targets), 0.4, 2.2))
    return 3 * (one + 0.45) if _stacked(layer) else one + 0.6


def _draw_layer(figure: FigureBase, axes: list[Axes], layer: Matrix, height: float, label: str) -> bool:
    """Draw the panels of a layer; gives whether its cells are hatched."""
    stacked, scores = _stacked(layer), [layer.before, layer.after]
    norm = Normalize(min(0.0, *(float(np.nanmin(s, initial=0.0)) for s in scores)), _top(scores))
    reach = float(np.abs(layer.change).max(initial=0.0)) or 1.0
    images = [_draw_matrix(panel, s, SCORES, norm) for panel, s in zip(axes, scores, strict=False)]
    images.append(_draw_matrix(axes[2], layer.change, CHANGES, CenteredNorm(0.0, reach)))
    width = _WIDTH * (0.85 if stacked else 0.25)
    room = (height / 3 - 0.45) if stacked else height - 0.6
    hatched = 72 * min(width / len(layer.sources), room / len(layer.targets)) >= _HATCHED
    if hatched:
        for panel, gone in zip(axes, [np.isnan(layer.before), *[np.isnan(layer.after)] * 2], strict=True):
            _hatch(panel, gone)
    _name(axes, layer, width, room)
    for image, beside, words in ((images[0], axes[:2], label), (images[2], axes[2:], f"change of {label}")):
        bar = figure.colorbar(image, ax=beside, label=words, aspect=14 * (len(beside) if stacked else 1), pad=0.02)
        bar.ax.tick_params(labelsize=SMALL, width=0.6, length=2.5)
        bar.outline.set_linewidth(0.4)
    return hatched


def _top(scores: Sequence[Array]) -> float:
    top = max(float(np.nanmax(s, initial=0.0)) for s in scores)
    return top or 1.0


def _draw_matrix(axes: Axes, values: Array, colours: LinearSegmentedColormap, norm: Normalize) -> AxesImage:
    image = axes.imshow(
        np.ma.masked_invalid(values),
        cmap=colours.with_extremes(bad=PRUNED),
        norm=norm,
        aspect="auto",
        interpolation_stage="rgba",  # so that a page with fewer dots than cells shows a blend of their colours
    )
    dress(axes)
    axes.spines[:].set_visible(True)
    axes.spines[:].set_linewidth(0.4)
    return image


def _hatch(axes: Axes, gone: NDArray[np.bool_]) -> None:
    cells = [
        np.array([[x - 0.5, y - 0.5], [x + 0.5, y - 0.5], [x + 0.5, y + 0.5], [x - 0.5, y + 0.5]])
        for y, x in np.argwhere(gone)
    ]
    axes.add_collection(PolyCollection(cells, facecolors="none", edgecolors=CUT, hatch="//////", linewidths=0.3))


def _name(axes: Sequence[Axes], layer: Matrix, width: float, height: float) -> None:
    """Names of nodes: of all if they fit, upright if need be, else of every second, fifth and so on."""
    each = max(map(len, layer.sources)) * 0.065 + 0.06
    upright = len(layer.sources) * each > width >= len(layer.sources) * _LABEL
    x = _ticks(len(layer.sources), width, _LABEL if upright else each)
    first = axes[0]
    first.set_xticks(x, [layer.sources[i] for i in x])
    for panel in axes:
        panel.tick_params(axis="x", labelrotation=90 if upright else 0)
    y = _ticks(len(layer.targets), height, _LABEL)
    first.set_yticks(y, [layer.targets[i] for i in y])
    first.set_ylabel(layer.title)


def _ticks(count: int, room: float, each: float) -> range:
    fit = max(1, int(room / each))
    step = next(step for step in (*_STEPS, count) if count <= fit * step)
    return range(0, count, step)
