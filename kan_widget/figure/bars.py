"""Bars from zero with intervals, shares of a whole, and dumbbells: before and after, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from .panels import ACCENT, HAIR, INK, MUTE, SMALL, NotebookFigure, dress, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

# What was, what is, what chance does: apart in grey and by hatching too, for print.
_WAS: dict[str, Any] = {"facecolor": HAIR, "edgecolor": MUTE}
_IS: dict[str, Any] = {"facecolor": ACCENT, "edgecolor": ACCENT}
_CHANCE: dict[str, Any] = {"facecolor": "white", "edgecolor": MUTE, "hatch": "/////"}
_STYLES = {1: [_IS], 2: [_WAS, _IS], 3: [_WAS, _IS, _CHANCE]}

# Behind a number, where a line may pass.
_PAPER: dict[str, Any] = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}

# Of the room of a group of bars.
_FILLED = 0.8
# A bar's number is written above it as long as that leaves room between them, in inches a bar.
_ROOM = 0.3


class Bar(NamedTuple):
    """A value and the ends of its whisker; without one where they are NaN."""

    value: float
    low: float = float("nan")
    high: float = float("nan")


class Dumbbell(NamedTuple):
    """A value before and after, and the ends of the whisker of the latter."""

    before: float
    after: float
    low: float = float("nan")
    high: float = float("nan")


Series = Mapping[str, Mapping[str, Bar]]


@look()
def draw_bars(series: Series, *, ylabel: str = "", legend: bool = True, ax: Axes | None = None) -> Axes:
    """Draw groups of up to three bars side by side, from zero.

    Args:
        series: Bars by the name of their group, by the name of the series: one, or before and after, or these and
            chance.
        ylabel: Beside the axis.
        legend: Whether the series are named.
        ax: Where to draw; a new figure when left out.

    Returns:
        The axes. Bars that fall further below zero than others rise are cut off, and their numbers say how far.
    """
    groups = list(next(iter(series.values())))
    axes = _axes(ax, (1.2 + 0.45 * len(groups) * len(series), 2.4))
    width = _FILLED / len(series)
    for index, ((name, bars), style) in enumerate(zip(series.items(), _STYLES[len(series)], strict=True)):
        at = np.arange(len(groups)) + (index - (len(series) - 1) / 2) * width
        value, low, high = np.array([bars[group] for group in groups], dtype=float).reshape(-1, 3).T
        axes.bar(at, value, width * 0.92, label=name, linewidth=0.6, **style, zorder=2)
        axes.vlines(at, low, high, color=INK, linewidth=0.9, zorder=3)
    axes.set_xticks(np.arange(len(groups)), groups)
    axes.tick_params(axis="x", length=0)
    axes.set(ylabel=ylabel, xlim=(-0.6, len(groups) - 0.4))
    _from_zero(axes, series)
    _write_values(axes, series, groups, width)
    if legend and len(series) > 1:
        _legend_above(axes, len(series))
    return axes


def _from_zero(axes: Axes, series: Series) -> None:
    """Limits that hold zero, all bars and whiskers, and above them room for numbers."""
    ends = np.array([tuple(bar) for bars in series.values() for bar in bars.values()], dtype=float)
    ends = ends[np.isfinite(ends)]
    top = max(0.0, ends.max(initial=0.0)) or 1.0
    bottom = max(min(0.0, ends.min(initial=0.0)), -top)
    axes.set_ylim(1.12 * bottom, 1.12 * top)
    axes.axhline(0, color=MUTE, linewidth=0.6, zorder=4)
    if bottom < 0:
        axes.spines["bottom"].set_visible(False)


def _write_values(axes: Axes, series: Series, groups: Sequence[str], width: float) -> None:
    figure = axes.get_figure(root=True)
    assert figure is not None
    inches = axes.get_position().width * figure.get_size_inches()[0] / len(groups)
    if inches * width < _ROOM:
        return
    low, top = axes.get_ylim()
    for index, bars in enumerate(series.values()):
        for group, name in enumerate(groups):
            value, _, high = bars[name]
            if np.isfinite(value):
                at = group + (index - (len(series) - 1) / 2) * width
                above = max(0.0, value, high if np.isfinite(high) else value)
                words = _three_digits(value) + (" ↓" if value < low else "")
                axes.text(at, above + 0.015 * (top - low), words, ha="center", va="bottom", fontsize=SMALL - 1)


def _three_digits(value: float) -> str:
    """``0.964``, ``12.3``, ``1,830``."""
    words = f"{value:.3f}" if 0.1 <= abs(value) < 1 else f"{value:.3g}" if abs(value) < 999.5 else f"{value:,.0f}"
    return words.replace("-", "−")  # noqa: RUF001  # a minus as long as the axis has it


@look()
def draw_shares(
    whole: Mapping[str, float],
    series: Mapping[str, Mapping[str, float]],
    *,
    xlabel: str = "",
    legend: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw quantities of different units as per cent of a whole, as bars that lie side by side.

    Args:
        whole: What 100 % are, by name, from the top down.
        series: The quantities by name, by the name of the series; one or two of them.
        xlabel: What the per cent are of.
        legend: Whether the series are named.
        ax: Where to draw; a new figure when left out.

    Returns:
        The axes.
    """
    axes = _axes(ax, (4.2, 0.7 + 0.17 * len(whole) * (len(series) + 0.5)))
    width = _FILLED / len(series)
    most = 1.0
    for index, ((name, amounts), style) in enumerate(zip(series.items(), _STYLES[len(series)], strict=True)):
        share = np.array([amounts[key] / whole[key] for key in whole])
        at = np.arange(len(whole)) + (index - (len(series) - 1) / 2) * width
        axes.barh(at, share, width * 0.92, label=name, linewidth=0.6, **style, zorder=2)
        for y, value in zip(at, share, strict=True):
            axes.text(value + 0.012, y, _per_cent(value), va="center", fontsize=SMALL - 1, zorder=4, bbox=_PAPER)
        most = max(most, float(share.max()))
    axes.axvline(1, color=MUTE, linewidth=0.7, linestyle=(0, (4, 3)), zorder=1)
    axes.set_yticks(np.arange(len(whole)), list(whole))
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(0, 1.14 * most), ylim=(len(whole) - 0.4, -0.6), xlabel=xlabel)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    if legend and len(series) > 1:
        _legend_above(axes, len(series))
    return axes


def _per_cent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.0995 else f"{100 * share:.2g} %"


@look()
def draw_dumbbells(
    dumbbells: Mapping[str, Dumbbell],
    *,
    xlabel: str = "",
    names: tuple[str, str] = ("before", "after"),
    legend: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw pairs of values on lines below each other, joined; the later one with a whisker.

    Args:
        dumbbells: By name, from the top down.
        xlabel: Under the axis.
        names: Of the two values.
        legend: Whether they are named.
        ax: Where to draw; a new figure when left out.

    Returns:
        The axes.
    """
    axes = _axes(ax, (3.4, 0.8 + 0.2 * len(dumbbells)))
    before, after, low, high = np.array(list(dumbbells.values()), dtype=float).reshape(-1, 4).T
    at = np.arange(len(dumbbells))
    axes.hlines(at, low, high, color=ACCENT, linewidth=0.9, alpha=0.75, zorder=2)
    axes.hlines(at, np.minimum(before, after), np.maximum(before, after), color=HAIR, linewidth=3.2, zorder=1)
    axes.scatter(before, at, s=22, facecolor="white", edgecolor=MUTE, linewidth=1.1, label=names[0], zorder=3)
    axes.scatter(after, at, s=24, color=ACCENT, linewidth=0, label=names[1], zorder=4)
    axes.set_yticks(at, list(dumbbells))
    axes.tick_params(axis="y", length=0)
    axes.set(ylim=(len(dumbbells) - 0.4, -0.6), xlabel=xlabel)
    axes.grid(axis="x", color=HAIR, linewidth=0.4, zorder=0)
    axes.set_axisbelow(True)
    if legend:
        _legend_above(axes, 2)
    return axes


def _legend_above(axes: Axes, columns: int) -> None:
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=columns,
        borderaxespad=0.2,
        borderpad=0.2,
        handlelength=1.2,
        columnspacing=1.4,
    )


@look()
def draw_bar_panels(panels: Mapping[str, Series], *, figure: Figure | None = None, rows: Any = None) -> Figure:
    """Draw bars of several units, a panel for each.

    Args:
        panels: Series by the unit that stands beside their axis.
        figure: Where to draw; a new one when left out.
        rows: The cell of a grid of that figure to draw in.

    Returns:
        The figure.
    """
    counts = [len(next(iter(series.values()))) for series in panels.values()]
    bars = sum(count * len(series) for count, series in zip(counts, panels.values(), strict=True))
    if figure is None:
        figure = plt.figure(FigureClass=NotebookFigure, figsize=(0.6 + 0.7 * len(panels) + 0.36 * bars, 2.4))
        figure.set_layout_engine("constrained")
    shape = {"width_ratios": [count + 0.35 for count in counts]}
    grid = figure.add_gridspec(1, len(panels), **shape) if rows is None else rows.subgridspec(1, len(panels), **shape)
    for index, (unit, series) in enumerate(panels.items()):
        draw_bars(series, ylabel=unit, legend=index == 0, ax=figure.add_subplot(grid[index]))
    (name, *others) = next(iter(panels.values()))
    if not others and rows is None:
        figure.axes[0].set_title(name)
    return figure


@look()
def draw_before_after(
    panels: Mapping[str, Series],
    whole: Mapping[str, float],
    shares: Mapping[str, Mapping[str, float]],
    dumbbells: Mapping[str, Dumbbell],
    *,
    share_label: str = "",
    dumbbell_label: str = "",
) -> Figure:
    """Draw what a change did: quality above, cost and parts below.

    Args:
        panels: As in `draw_bar_panels`.
        whole: As in `draw_shares`.
        shares: The same.
        dumbbells: As in `draw_dumbbells`; may be empty.
        share_label: Under the shares.
        dumbbell_label: Under the dumbbells.

    Returns:
        The figure, two columns of a journal wide.
    """
    below = 0.75 + max(0.19 * len(whole), 0.19 * len(dumbbells))
    figure: Figure = plt.figure(FigureClass=NotebookFigure, figsize=(7.2, 2.3 + below))
    figure.set_layout_engine("constrained", h_pad=0.06)
    rows = figure.add_gridspec(2, 1, height_ratios=[2.3, below])
    draw_bar_panels(panels, figure=figure, rows=rows[0])
    columns = rows[1].subgridspec(1, 2 if dumbbells else 1, width_ratios=[1.25, 1] if dumbbells else None)
    starts = [figure.axes[0], figure.add_subplot(columns[0])]
    draw_shares(whole, shares, xlabel=share_label, legend=False, ax=starts[1])
    if dumbbells:
        starts.append(figure.add_subplot(columns[1]))
        draw_dumbbells(dumbbells, xlabel=dumbbell_label, ax=starts[2])
    for letter, axes in zip("abc", starts, strict=False):
        axes.annotate(letter, (0, 1), (-30, 5), "axes fraction", "offset points", fontweight="bold", fontsize=9)
    return figure


def _axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    if ax is None:
        figure = plt.figure(FigureClass=NotebookFigure, figsize=size, layout="constrained")
        ax = figure.add_subplot()
    dress(ax)
    return ax
