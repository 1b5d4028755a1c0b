"""The network as a matplotlib figure: one axes, three collections, no files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..core.topology import EdgeArrays
from ..core.trace import Trace
from .panels import NotebookFigure

Array = NDArray[np.float64]

# Room for names below the inputs and above the outputs, in heights of a layer.
_MARGIN = 0.24


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
    busiest = max(5, *(edges.size for edges in strength))
    inches = np.array([1.0, 0.42 * depth]) * 10 * scale * max(1.0, (busiest / 30) ** 0.5)
    figure: Figure = plt.figure(FigureClass=NotebookFigure, figsize=tuple(inches), dpi=100)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set(xlim=(-0.02, 1.02), ylim=(-_MARGIN, depth + _MARGIN))
    axes.axis("off")
    nodes = [(np.arange(len(layer)) + 0.5) / len(layer) for layer in names]
    square = np.array([1.0, inches[0] / inches[1] * (depth + 2 * _MARGIN) / 1.04])
    for layer, edges in enumerate(strength):
        _draw_layer(axes, trace, layer, edges, nodes, square, beta)
    _draw_nodes(axes, nodes, names, scale * varscale)
    if title:
        axes.set_title(title, fontsize=24 * scale * varscale, y=1.0)
    return figure


def _draw_layer(
    axes: Any, trace: Trace, layer: int, strength: Array, nodes: Sequence[Array], square: Array, beta: float
) -> None:
    targets, sources = np.nonzero(trace.masks[layer])
    n_out, n_in = strength.shape
    # Thumbnails stand in the order of the wider side's nodes, so that links on that side stay short.
    slots = sources * n_out + targets if n_in <= n_out else targets * n_in + sources
    rows = max(1, round((strength.size / 16) ** 0.5))  # in one row, those of a wide layer would be too small to read
    x = (slots + 0.5) / strength.size
    y = layer + 0.5 + 0.5 * ((slots % rows + 0.5) / rows - 0.5)
    half = square * min(0.4 * rows / strength.size, 0.08)
    ink = np.zeros((len(x), 4))
    ink[:, 3] = np.clip(np.tanh(beta * strength[targets, sources]), 0, 1)
    below = _segments(nodes[layer][sources], np.full_like(x, layer), x, y - half[1])
    above = _segments(x, y + half[1], nodes[layer + 1][targets], np.full_like(x, layer + 1))
    axes.add_collection(LineCollection([*below, *above], colors=np.concatenate([ink, ink]), linewidths=1.2, zorder=1))
    corners = np.stack(
        [_corner(x, y, half, sx, sy) for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))], axis=1
    )
    axes.add_collection(PolyCollection(list(corners), facecolors="white", edgecolors=ink, linewidths=1, zorder=2))
    low, high = (ends[targets, sources] for ends in trace.curve_ranges()[layer])
    curves = _thumbnails(trace.curves[layer][targets, sources], low, high, x, y, half)
    axes.add_collection(LineCollection(curves, colors=ink, linewidths=1.2, zorder=3))


def _corner(x: Array, y: Array, half: Array, sx: int, sy: int) -> Array:
    return np.stack([x + sx * half[0], y + sy * half[1]], axis=1)


def _segments(x0: Array, y0: Array, x1: Array, y1: Array) -> list[Array]:
    return list(np.stack([np.stack([x0, y0], axis=1), np.stack([x1, y1], axis=1)], axis=1))


def _thumbnails(curves: Array, low: Array, high: Array, x: Array, y: Array, half: Array) -> list[Array]:
    """Each curve scaled into its box with a margin; a constant one as a line through the middle."""
    flat = (high <= low)[:, None]
    unit = np.where(flat, 0.0, 2 * (curves - low[:, None]) / np.where(flat, 1.0, (high - low)[:, None]) - 1)
    across = np.linspace(-0.8, 0.8, curves.shape[1])
    px = x[:, None] + half[0] * across
    py = y[:, None] + half[1] * 0.8 * unit
    return list(np.stack([px, py], axis=2))


def _draw_nodes(axes: Any, nodes: Sequence[Array], names: Sequence[Sequence[str]], size: float) -> None:
    x = np.concatenate(nodes)
    y = np.concatenate([np.full(len(n), float(level)) for level, n in enumerate(nodes)])
    axes.scatter(x, y, s=60 * size, c="black", zorder=4)
    for level, vertical, nudge in ((0, "top", -0.07), (len(nodes) - 1, "bottom", 0.07)):
        for position, name in zip(nodes[level], names[level], strict=True):
            axes.text(position, level + nudge, name, ha="center", va=vertical, fontsize=22 * size)
