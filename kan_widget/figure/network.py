"""The network as a matplotlib figure, alone or beside others: a few collections a layer, no files."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..core.topology import EdgeArrays
from ..core.trace import Trace
from .panels import MUTE, NotebookFigure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]
Flags = NDArray[np.bool_]

# Room for names below the inputs and above the outputs, in heights of a layer.
MARGIN = 0.24
DASHES = (0, (3, 2))
# Layers of more edges are drawn without thumbnails, which would be specks.
_THUMBNAILS = 200


class Frame(NamedTuple):
    """Where nodes lie across, per node layer, and half of a box as wide as the axes in the units of each axis."""

    nodes: list[Array]
    square: Array


def draw_network(
    trace: Trace,
    strength: EdgeArrays,
    names: Sequence[Sequence[str]],
    *,
    beta: float = 3.0,
    scale: float = 0.5,
    title: str | None = None,
    varscale: float = 1.0,
) -> Figure:
    """Draw a network from what data showed on it.

    Args:
        trace: Curves and masks; pruned edges are left out.
        strength: Per edge layer ``(out, in)``; opacity is ``tanh(beta * strength)``.
        names: Node names, a list per node layer.
        beta: See `strength`.
        scale: Size of the figure: 0.5 is 4 inches a layer of edges high at 5 wide.
        title: Above the picture.
        varscale: Size of the names.

    Returns:
        The figure, 1 unit of the axes a layer of edges high.
    """
    depth = len(strength)
    busiest = max([5, *(edges.size for edges in strength if edges.size <= _THUMBNAILS)])
    inches = np.array([1.0, 0.42 * depth]) * 10 * scale * max(1.0, (busiest / 30) ** 0.5)
    figure: Figure = plt.figure(FigureClass=NotebookFigure, figsize=tuple(inches), dpi=100)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    frame = frame_of(axes, names, inches)
    for layer, edges in enumerate(strength):
        ink = np.zeros((*edges.shape, 4))
        ink[:, :, 3] = np.clip(np.tanh(beta * edges), 0, 1)
        draw_layer(axes, trace, layer, trace.masks[layer], ink, frame, thumbnails=edges.size <= _THUMBNAILS)
    draw_nodes(axes, frame.nodes, [np.ones(len(layer), dtype=bool) for layer in names], 60 * scale * varscale)
    for level in (0, depth):
        draw_names(axes, level, names[level], frame.nodes[level], 22 * scale * varscale, inches[0])
    if title:
        axes.set_title(title, fontsize=24 * scale * varscale, y=1.0)
    return figure


def frame_of(axes: Axes, names: Sequence[Sequence[str]], inches: Array) -> Frame:
    """Set up axes of that size for a network: 1 across, and 1 up for each layer of edges."""
    depth = len(names) - 1
    axes.set(xlim=(-0.02, 1.02), ylim=(-MARGIN, depth + MARGIN))
    axes.axis("off")
    nodes = [(np.arange(len(layer)) + 0.5) / len(layer) for layer in names]
    return Frame(nodes, np.array([1.0, inches[0] / inches[1] * (depth + 2 * MARGIN) / 1.04]))


def half_width(size: int) -> float:
    """Half the width of a thumbnail in a layer of that many edges, as a share of the width of the axes."""
    return min(0.4 * _rows(size) / size, 0.08)


def _rows(size: int) -> int:
    return max(1, round(sqrt(size / 16)))  # in one row, those of a wide layer would be too small to read


def draw_layer(
    axes: Axes,
    trace: Trace,
    layer: int,
    chosen: Flags,
    ink: Array,
    frame: Frame,
    *,
    thumbnails: bool,
    ghost: bool = False,
) -> None:
    """Draw chosen edges of a layer, each in its place among all, in its ``(out, in, 4)`` ink; ghosts are dashed."""
    targets, sources = np.nonzero(chosen)
    n_out, n_in = chosen.shape
    colours = ink[targets, sources]
    dashes = DASHES if ghost else "solid"
    width = (0.8 if ghost else 1.2) * (1.0 if thumbnails else 0.6)
    nodes = frame.nodes[layer][sources], frame.nodes[layer + 1][targets]
    bottom, top = np.full(len(targets), float(layer)), np.full(len(targets), layer + 1.0)
    if not thumbnails:
        links = _segments(nodes[0], bottom, nodes[1], top)
        axes.add_collection(LineCollection(links, colors=colours, linewidths=width, linestyles=dashes, zorder=1))
        return
    # Thumbnails stand in the order of the wider side's nodes, so that links on that side stay short.
    slots = sources * n_out + targets if n_in <= n_out else targets * n_in + sources
    rows = _rows(chosen.size)
    x = (slots + 0.5) / chosen.size
    y = layer + 0.5 + 0.5 * ((slots % rows + 0.5) / rows - 0.5)
    half = frame.square * half_width(chosen.size)
    links = [*_segments(nodes[0], bottom, x, y - half[1]), *_segments(x, y + half[1], nodes[1], top)]
    twice = np.concatenate([colours, colours])
    axes.add_collection(LineCollection(links, colors=twice, linewidths=width, linestyles=dashes, zorder=1))
    corners = np.stack(
        [_corner(x, y, half, sx, sy) for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))], axis=1
    )
    boxes: dict[str, Any] = {"facecolors": "white", "edgecolors": colours, "linestyles": dashes}
    axes.add_collection(PolyCollection(list(corners), linewidths=width, zorder=2, **boxes))
    low, high = (ends[targets, sources] for ends in trace.curve_ranges()[layer])
    curves = _thumbnails(trace.curves[layer][targets, sources], low, high, x, y, half)
    axes.add_collection(LineCollection(curves, colors=colours, linewidths=width, zorder=3))


def _corner(x: Array, y: Array, half: Array, sx: int, sy: int) -> Array:
    return np.stack([x + sx * half[0], y + sy * half[1]], axis=1)


def _segments(x0: Array, y0: Array, x1: Array, y1: Array) -> list[Array]:
    return list(np.stack([np.stack([x0, y0], axis=1), np.stack([x1, y1], axis=1)], axis=1))


def _thumbnails(curves: Floats, low: Floats, high: Floats, x: Array, y: Array, half: Array) -> list[Array]:
    """Each curve scaled into its box with a margin; a constant one as a line through the middle."""
    flat = (high <= low)[:, None]
    unit = np.where(flat, 0.0, 2 * (curves - low[:, None]) / np.where(flat, 1.0, (high - low)[:, None]) - 1)
    across = np.linspace(-0.8, 0.8, curves.shape[1])
    px = x[:, None] + half[0] * across
    py = y[:, None] + half[1] * 0.8 * unit
    return list(np.stack([px, py], axis=2))


def draw_nodes(axes: Axes, nodes: Sequence[Array], live: Sequence[Flags], size: float) -> None:
    """Draw nodes, those that are dead as rings."""
    x, lives = np.concatenate(nodes), np.concatenate(live)
    y = np.concatenate([np.full(len(n), float(level)) for level, n in enumerate(nodes)])
    axes.scatter(x[lives], y[lives], s=size, c="black", zorder=4)
    if not lives.all():
        axes.scatter(x[~lives], y[~lives], s=size, facecolors="white", edgecolors=MUTE, linewidths=0.8, zorder=4)


def draw_names(axes: Axes, level: int, names: Sequence[str], x: Array, size: float, width: float) -> None:
    """Names of inputs or outputs, of every second or third and so on where all would not fit."""
    each = (0.62 * max(map(len, names)) + 0.8) * size / 72
    step = max(1, ceil(len(names) * each / width))
    below = level == 0
    for place, name in list(zip(x, names, strict=True))[::step]:
        axes.annotate(
            name,
            (place, level),
            xytext=(0, (-0.65 if below else 0.65) * size),
            textcoords="offset points",
            ha="center",
            va="top" if below else "bottom",
            fontsize=size,
        )
