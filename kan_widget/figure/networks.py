"""Networks side by side: each node and edge in the same place, and what is gone as a ghost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from ..core.reach import active_edges, live_nodes
from ..core.topology import EdgeArrays, Masks
from ..core.trace import Trace
from .network import DASHES, MARGIN, Array, Flags, Frame, draw_layer, draw_names, draw_nodes, frame_of, half_width
from .panels import CUT, INK, MUTE, SMALL, NotebookFigure, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# In inches: all together, a layer, titles and legend.
_WIDTH, _LAYER, _ABOVE, _BELOW = 7.2, 1.35, 0.55, 0.3
_LEGIBLE = 9.0  # points a thumbnail must be wide
_NAMED = 12  # hidden nodes of a layer that are still named


class Picture(NamedTuple):
    """One of several networks of the same sizes.

    Attributes:
        title: Above it.
        trace: Its curves.
        ghosts: Curves of what is pruned: those that it had.
        masks: Which edges are on.
        strength: Per edge layer ``(out, in)``, 0 to 1, of pruned edges too.
    """

    title: str
    trace: Trace
    ghosts: Trace
    masks: Masks
    strength: EdgeArrays


@look()
def draw_networks(pictures: Sequence[Picture], names: Sequence[Sequence[str]], *, most: int = 200) -> Figure:
    """Draw networks of the same sizes side by side, each node and edge in the same place.

    Args:
        pictures: The networks. Edges that are pruned or dead are dashed, nodes that are dead hollow.
        names: Node names, a list per node layer.
        most: Edges of a layer that are drawn at most: those that are strongest in any of the pictures.

    Returns:
        The figure.
    """
    depth, count = len(names) - 1, len(pictures)
    width, height = 0.98 * _WIDTH / count, _LAYER * (depth + 2 * MARGIN)
    figure: Figure = plt.figure(FigureClass=NotebookFigure, figsize=(_WIDTH, height + _ABOVE + _BELOW))
    whole = height + _ABOVE + _BELOW
    shown = [_strongest([picture.strength[layer] for picture in pictures], most) for layer in range(depth)]
    for place, picture in enumerate(pictures):
        axes = figure.add_axes(((place + 0.01) / count, _BELOW / whole, 0.98 / count, height / whole))
        axes.set_title(picture.title, x=0.03)
        frame = frame_of(axes, names, np.array([width, height]))
        _draw_picture(axes, picture, frame, shown, width)
        for level, layer in enumerate(names):
            if level in (0, depth):
                draw_names(axes, level, layer, frame.nodes[level], SMALL, width)
            elif len(layer) <= _NAMED:
                _draw_hidden_names(axes, level, layer, frame.nodes[level])
    few = [(layer, int(s.sum()), s.size) for layer, s in enumerate(shown) if s.sum() < s.size]
    notes = [f"the {drawn} strongest of {size:,} edges of layer {layer} are drawn" for layer, drawn, size in few]
    _draw_key(figure, "; ".join(notes))
    return figure


def _strongest(strengths: Sequence[Array], most: int) -> Flags:
    best = np.stack(strengths).max(axis=0)
    shown = np.zeros_like(best, dtype=np.bool_)
    shown.flat[np.argsort(-best, axis=None, kind="stable")[:most]] = True
    return shown


def _draw_picture(axes: Axes, picture: Picture, frame: Frame, shown: Sequence[Flags], width: float) -> None:
    for layer, (active, strength) in enumerate(zip(active_edges(picture.masks), picture.strength, strict=True)):
        share = np.clip(strength, 0, 1)
        legible = 2 * half_width(strength.size) * width / 1.04 * 72 >= _LEGIBLE
        opacity = np.tanh(3 * share) if legible else share**1.5  # where lines are many, the weak ones would be a fog
        gone = _ink(CUT, np.clip(0.7 * opacity, 0.3, 0.7))
        kept = _ink(INK, np.clip(opacity, 0.1, 1.0))
        draw_layer(axes, picture.ghosts, layer, shown[layer] & ~active, gone, frame, thumbnails=legible, ghost=True)
        draw_layer(axes, picture.trace, layer, shown[layer] & active, kept, frame, thumbnails=legible)
    apart = 72 * width / max(len(nodes) for nodes in frame.nodes)  # points from node to node where they are many
    draw_nodes(axes, frame.nodes, live_nodes(picture.masks), min(16.0, max(1.0, 0.6 * apart) ** 2))


def _ink(colour: str, opacity: Array) -> Array:
    ink = np.empty((*opacity.shape, 4))
    ink[:, :, :3], ink[:, :, 3] = to_rgb(colour), opacity
    return ink


def _draw_hidden_names(axes: Axes, level: int, names: Sequence[str], x: Array) -> None:
    halo = [withStroke(linewidth=2, foreground="white")]
    for place, name in zip(x, names, strict=True):
        axes.annotate(
            name,
            (place, level),
            xytext=(4, 2),
            textcoords="offset points",
            fontsize=SMALL,
            color=MUTE,
            path_effects=halo,
            zorder=5,
        )


def _draw_key(figure: Figure, note: str) -> None:
    gone = Line2D([], [], color=CUT, linewidth=0.8, alpha=0.6, linestyle=DASHES, label="pruned or dead edge")
    dead = Line2D(
        [], [], marker="o", markersize=4, markerfacecolor="white", color=MUTE, linestyle="", label="dead node"
    )
    figure.legend(handles=[gone, dead], loc="lower left", ncols=2)
    figure.text(0.99, 0.012, note, ha="right", va="bottom", fontsize=SMALL, color=MUTE)
