"""Bars, shares and dumbbells: what is drawn is what was given, from zero, and can be told apart."""

import itertools
from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from kan_widget.figure import (
    Bar,
    Dumbbell,
    draw_bar_panels,
    draw_bars,
    draw_before_after,
    draw_dumbbells,
    draw_shares,
)

SERIES = {
    "before": {"accuracy": Bar(0.96, 0.94, 0.98), "macro F1": Bar(0.9, 0.85, 0.92)},
    "after": {"accuracy": Bar(0.94, 0.92, 0.96), "macro F1": Bar(0.5, 0.45, 0.55)},
    "chance": {"accuracy": Bar(0.4, 0.3, 0.5), "macro F1": Bar(0.3)},
}


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_bars_stand_on_zero_with_their_whiskers_and_numbers() -> None:
    axes = draw_bars(SERIES, ylabel="score")
    assert [p.get_height() for p in axes.patches] == [0.96, 0.9, 0.94, 0.5, 0.4, 0.3]
    assert {p.get_y() for p in axes.patches} == {0}
    assert axes.get_ylim()[0] == 0
    segments = [segment for lines in axes.collections for segment in lines.get_segments() if len(segment)]
    whiskers = [segment[:, 1].tolist() for segment in segments]
    assert [0.94, 0.98] in whiskers
    assert [0.45, 0.55] in whiskers
    assert texts(axes) == ["0.960", "0.900", "0.940", "0.500", "0.400", "0.300"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list(SERIES)
    assert not axes.spines["top"].get_visible()
    assert not axes.spines["right"].get_visible()


def test_bars_of_a_group_lie_side_by_side() -> None:
    bars = sorted(draw_bars(SERIES).patches, key=lambda p: p.get_x())
    assert [p.get_height() for p in bars] == [0.96, 0.94, 0.4, 0.9, 0.5, 0.3]
    ends = [(p.get_x(), p.get_x() + p.get_width()) for p in bars]
    assert all(end < start for (_, end), (start, _) in itertools.pairwise(ends))


def test_series_can_be_told_apart_in_grey() -> None:
    first, _, second, _, third, _ = draw_bars(SERIES).patches
    grey = [np.dot(to_rgb(p.get_facecolor()), (0.299, 0.587, 0.114)) for p in (first, second, third)]
    assert min(abs(np.subtract.outer(grey, grey))[np.triu_indices(3, 1)]) > 0.15
    assert third.get_hatch()


def test_a_bar_far_below_zero_is_cut_off_and_says_how_far() -> None:
    axes = draw_bars({"before": {"R²": Bar(0.9)}, "after": {"R²": Bar(0.8)}, "chance": {"R²": Bar(-47.0, -90, -2)}})
    low, high = axes.get_ylim()
    assert low == -high
    assert texts(axes)[-1] == "−47 ↓"  # noqa: RUF001
    mild = draw_bars({"before": {"R²": Bar(0.9)}, "after": {"R²": Bar(-0.3)}})
    assert mild.get_ylim()[0] < -0.3
    assert texts(mild)[-1] == "−0.300"  # noqa: RUF001


def test_numbers_are_left_out_where_they_would_overlap() -> None:
    many = {f"class {i}": Bar(0.9, 0.8, 1.0) for i in range(26)}
    axes = draw_bars({"before": many, "after": many, "chance": many}, ax=plt.figure(figsize=(5, 2)).add_subplot())
    assert texts(axes) == []


def test_missing_values_are_not_drawn() -> None:
    axes = draw_bars({"rows": {"rmse": Bar(0.2, 0.1, 0.3), "r2": Bar(float("nan"))}})
    assert texts(axes) == ["0.200"]
    assert axes.get_ylim()[1] == pytest.approx(1.12 * 0.3)


def test_units_have_panels_of_their_own() -> None:
    figure = draw_bar_panels(
        {"score": {"held out": {"accuracy": Bar(0.9), "F1": Bar(0.8)}}, "nats": {"held out": {"log loss": Bar(31.0)}}}
    )
    assert [axes.get_ylabel() for axes in figure.axes] == ["score", "nats"]
    assert [axes.get_ylim()[1] < 2 for axes in figure.axes] == [True, False]
    assert figure.axes[0].get_title(loc="left") == "held out"


def test_shares_are_of_their_own_whole() -> None:
    whole = {"edges": 1000.0, "bytes": 4000.0, "time": 0.002}
    axes = draw_shares(whole, {"masked": whole, "compacted": {"edges": 200.0, "bytes": 20.0, "time": 0.003}})
    assert [p.get_width() for p in axes.patches] == pytest.approx([1, 1, 1, 0.2, 0.005, 1.5])
    assert texts(axes) == ["100 %", "100 %", "100 %", "20 %", "0.5 %", "150 %"]
    assert axes.get_xlim()[0] == 0
    assert axes.get_xlim()[1] > 1.5
    assert axes.yaxis_inverted()
    assert [label.get_text() for label in axes.get_yticklabels()] == list(whole)


def test_dumbbells_join_both_values_in_the_order_given() -> None:
    axes = draw_dumbbells({"3": Dumbbell(0.9, 0.6, 0.5, 0.7), "8": Dumbbell(0.8, 0.85)}, xlabel="recall")
    before, after = (points.get_offsets() for points in axes.collections[2:])
    assert before.tolist() == [[0.9, 0], [0.8, 1]]
    assert after.tolist() == [[0.6, 0], [0.85, 1]]
    whisker, joint = (lines.get_segments() for lines in axes.collections[:2])
    assert whisker[0][:, 0].tolist() == [0.5, 0.7]
    assert [line[:, 0].tolist() for line in joint] == [[0.6, 0.9], [0.8, 0.85]]
    assert axes.yaxis_inverted()


@pytest.mark.parametrize("classes", [0, 10])
def test_a_figure_of_all_three_holds_its_panels(classes: int) -> None:
    dumbbells = {str(i): Dumbbell(0.9, 0.8, 0.7, 0.9) for i in range(classes)}
    whole = {"edges": 10.0, "bytes": 20.0}
    figure = draw_before_after({"score": SERIES}, whole, {"after": {"edges": 5.0, "bytes": 10.0}}, dumbbells)
    assert isinstance(figure, Figure)
    assert len(figure.axes) == (3 if classes else 2)
    assert [axes.texts[-1].get_text() for axes in figure.axes] == list("abc")[: len(figure.axes)]
    figure.canvas.draw()
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_bars_are_drawn_where_asked() -> None:
    ax = plt.figure().add_subplot()
    assert draw_bars(SERIES, ax=ax) is ax
    assert draw_shares({"edges": 2.0}, {"after": {"edges": 1.0}}, ax=plt.figure().add_subplot()).get_legend() is None
