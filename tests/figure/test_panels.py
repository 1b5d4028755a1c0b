"""The look that figures share, and drawings from arrays alone."""

import itertools
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import LineCollection

from kan_widget.core.topology import Masks
from kan_widget.core.trace import Trace
from kan_widget.figure import (
    Bearing,
    EffectBar,
    Matrix,
    NotebookFigure,
    Picture,
    ShapePanel,
    draw_connections,
    draw_effects,
    draw_histogram,
    draw_importance_image,
    draw_network,
    draw_networks,
    draw_sensitivity,
    draw_shapes,
)

RANDOM = np.random.default_rng(0)


def trace_of(*widths: int) -> Trace:
    shapes = [(n_out, n_in) for n_in, n_out in itertools.pairwise(widths)]
    edges = tuple(RANDOM.random(shape) for shape in shapes)
    nodes = tuple(np.ones(n_in) for _, n_in in shapes)
    return Trace(
        masks=tuple(np.ones(shape, dtype=bool) for shape in shapes),
        mean=edges,
        mean_abs=edges,
        std=edges,
        input_low=tuple(-n for n in nodes),
        input_high=nodes,
        input_std=nodes,
        output_std=tuple(np.ones(n_out) for n_out, _ in shapes),
        density=tuple(np.ones((n_in, 4), dtype=np.int64) for _, n_in in shapes),
        curves=tuple(RANDOM.random((*shape, 8)) for shape in shapes),
    )


def names_of(*widths: int) -> list[list[str]]:
    return [[f"n{layer}.{i}" for i in range(width)] for layer, width in enumerate(widths)]


def test_drawing_leaves_the_settings_of_pyplot_alone() -> None:
    before = dict(mpl.rcParams)
    with mpl.rc_context({"font.size": 20.0, "axes.spines.top": True}):
        axes = draw_effects([EffectBar("lamb", False, 1.0, np.array([0.5, 1.5]), "0 to 1")], xlabel="change")
        axes.figure.draw_without_rendering()  # type: ignore[union-attr]
        assert axes.xaxis.get_ticklabels()[0].get_fontsize() == 7
        assert axes.xaxis.label.get_fontsize() == 8
        assert mpl.rcParams["font.size"] == 20
    assert dict(mpl.rcParams) == before
    plt.close("all")


def test_a_notebook_shows_a_figure_once(monkeypatch: pytest.MonkeyPatch) -> None:
    display = pytest.importorskip("IPython.display")
    shown: list[Any] = []
    monkeypatch.setattr(display, "display", shown.append)
    figure = draw_histogram({"layer 0": np.array([1.0, 2.0])}, threshold=None, xlabel="", what="edges")
    assert isinstance(figure, NotebookFigure)
    figure._ipython_display_()
    assert [one.format for one in shown] == ["png"]
    assert not plt.fignum_exists(figure.number)  # type: ignore[attr-defined]


def test_sensitivity_turns_to_a_log_axis_only_where_losses_lie_far_apart() -> None:
    x = np.array([0.0, 0.5, 1.0])
    for top, scale in ((2.0, "linear"), (200.0, "log")):
        bearing = Bearing("layer 0", x, np.array([1.0, 1.1, top]), np.array([[1.0, 1.5, top]]))
        figure = draw_sensitivity([bearing] * 5, label="std", xlabel="removed", ylabel="loss")
        assert {axes.get_yscale() for axes in figure.axes} == {scale}
        assert [axes.get_visible() for axes in figure.axes] == [True] * 5 + [False] * 3
        plt.close(figure)


@pytest.mark.parametrize("shape", [(1, 1), (5, 2), (1, 40), (10, 64), (12, 784)])
def test_names_of_a_matrix_do_not_overlap(shape: tuple[int, int]) -> None:
    values = RANDOM.random(shape)
    sources, targets = ([f"feature {i}" for i in range(n)] for n in reversed(shape))
    figure = draw_connections(
        [Matrix("layer 0", values, values, values * 0, sources, targets)], titles=("before", "after"), label="std"
    )
    figure.draw_without_rendering()
    panels = [axes for axes in figure.axes if axes.images]
    for axes in panels:
        boxes = [label.get_window_extent() for label in axes.get_xticklabels() if label.get_visible()]
        assert all(a.x1 <= b.x0 + 1 for a, b in itertools.pairwise(boxes))
        boxes = [label.get_window_extent() for label in axes.get_yticklabels() if label.get_visible()]
        assert all(a.y0 >= b.y1 - 1 for a, b in itertools.pairwise(boxes))
    plt.close(figure)


def test_network_of_many_edges_is_drawn_as_links_alone() -> None:
    for widths, thumbnails in (((4, 5, 1), True), ((30, 10, 1), False)):
        trace = trace_of(*widths)
        figure = draw_network(trace, trace.std, names_of(*widths))
        first = next(c for c in figure.axes[0].collections if isinstance(c, LineCollection))
        edges = widths[0] * widths[1]
        assert len(first.get_segments()) == (2 * edges if thumbnails else edges)
        plt.close(figure)


def test_networks_draw_rings_for_dead_nodes_and_dashes_for_their_edges() -> None:
    trace, widths = trace_of(2, 3, 1), (2, 3, 1)
    masks: Masks = (np.array([[True, True], [False, False], [True, False]]), np.array([[True, True, True]]))
    pictures = [
        Picture("before", trace, trace, trace.masks, trace.std),
        Picture("after", trace, trace, masks, trace.std),
    ]
    figure = draw_networks(pictures, names_of(*widths))
    rings = [c for c in figure.axes[1].collections if len(c.get_offsets()) == 1 and len(c.get_facecolor()) == 1]
    assert np.asarray(rings[-1].get_offsets()).tolist() == [[0.5, 1.0]]  # the middle one of three
    assert np.allclose(rings[-1].get_facecolor(), 1.0)
    plt.close(figure)


def test_image_of_signed_scores_is_centred_at_zero() -> None:
    values = np.array([[1.0, -0.5], [np.nan, 0.0]])
    image = draw_importance_image(values, label="rise").images[0]
    assert (image.norm.vmin, image.norm.vmax) == (-1.0, 1.0)
    image = draw_importance_image(np.abs(values), label="rise").images[0]
    assert (image.norm.vmin, image.norm.vmax) == (0.0, 1.0)
    plt.close("all")


def test_density_stands_at_the_foot_of_a_shape_and_clear_of_it() -> None:
    x = np.linspace(-1, 1, 16)
    panel = ShapePanel(x, x**2 - 0.3, np.array([1, 4, 2]), "x1", "adds to y", "")
    for shapes in ([panel], [panel, panel._replace(ylabel="adds to z")]):
        axes = draw_shapes(shapes).axes[0]
        low, high = axes.get_ylim()
        data = axes.patches[0].get_data()  # type: ignore[attr-defined]
        assert np.allclose(data.edges, np.linspace(-1, 1, 4))
        assert np.allclose(data.values / data.values.max(), [0.25, 1.0, 0.5])
        assert low + data.values.max() * (high - low) <= panel.y.min()
    plt.close("all")
