"""Two networks edge by edge, against their masks and scores."""

import itertools
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.collections import PolyCollection

from kan_widget import KAN, Session, prune, scores
from kan_widget.report import Connections, connections

X = torch.rand(120, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1
Y = torch.sin(3 * X[:, [0]]) + X[:, [1]] ** 2
DATA = (X[:80], Y[:80], X[80:], Y[80:])


@pytest.fixture(scope="module")
def models() -> tuple[KAN, KAN]:
    model = KAN([3, 4, 1], grid=3, seed=0)
    model.fit(DATA, opt="Adam", lr=0.02, steps=40, progress=False)
    return model, prune(model, DATA, sparsity=0.4)


@pytest.fixture(scope="module")
def found(models: tuple[KAN, KAN]) -> Connections:
    return connections(*models, DATA)


def test_connections_are_the_scores_of_each_network_as_it_is(models: tuple[KAN, KAN], found: Connections) -> None:
    before, after = models
    for layer, (was, now) in enumerate(zip(found.before.scores, found.after.scores, strict=True)):
        mask = after.layers[layer].mask.numpy()
        assert np.array_equal(np.isnan(now), ~mask)
        assert not np.isnan(was).any()
        assert np.array_equal(was, scores(before, DATA, "std")[layer])
        assert np.array_equal(now[mask], scores(after, DATA, "std")[layer][mask])
        assert np.allclose(found.difference[layer][mask], (now - was)[mask])
        assert np.array_equal(found.difference[layer][~mask], -was[~mask])
    assert found.after.metrics.quality == Session(after, DATA).metrics.quality


def test_connections_leave_both_networks_alone(models: tuple[KAN, KAN]) -> None:
    states = [{name: tensor.clone() for name, tensor in model.state_dict().items()} for model in models]
    connections(*models, DATA, criterion="taylor2").plot()
    plt.close("all")
    for model, state in zip(models, states, strict=True):
        assert all(torch.equal(state[name], tensor) for name, tensor in model.state_dict().items())


def test_both_panels_of_a_layer_share_one_scale_and_show_the_scores(found: Connections) -> None:
    figure = found.plot()
    images = [axes.images[0] for axes in figure.axes if axes.images]
    assert len(images) == 6
    for layer in range(2):
        before, after, change = images[3 * layer : 3 * layer + 3]
        assert before.norm is after.norm
        assert before.cmap == after.cmap
        assert before.norm.vmax == np.nanmax([found.before.scores[layer], found.after.scores[layer]])
        assert np.allclose(np.ma.filled(before.get_array(), np.nan), found.before.scores[layer])
        assert np.allclose(np.ma.filled(after.get_array(), np.nan), found.after.scores[layer], equal_nan=True)
        assert np.allclose(np.asarray(change.get_array()), found.difference[layer])
        assert change.norm.vmin == -change.norm.vmax  # no change is the middle of the scale
    plt.close(figure)


def hatched(axes: Any) -> set[tuple[int, int]]:
    cells = [c for c in axes.collections if isinstance(c, PolyCollection) and c.get_hatch()]
    centres = [path.vertices[:4].mean(axis=0) for c in cells for path in c.get_paths()]
    return {(round(float(y)), round(float(x))) for x, y in centres}


def test_hatched_cells_are_exactly_the_pruned_ones(models: tuple[KAN, KAN], found: Connections) -> None:
    figure = found.plot()
    panels = [axes for axes in figure.axes if axes.images]
    for layer, kan_layer in enumerate(models[1].layers):
        pruned = {(int(j), int(i)) for j, i in (~kan_layer.mask).nonzero()}
        before, after, change = panels[3 * layer : 3 * layer + 3]
        assert hatched(before) == set()
        assert hatched(after) == hatched(change) == pruned
    assert sum(len(hatched(panel)) for panel in panels) == 2 * 6
    plt.close(figure)


def test_figure_names_nodes_and_says_what_both_are_worth(models: tuple[KAN, KAN]) -> None:
    before, after = (model.copy() for model in models)
    before.in_vars = ["age", "bmi", "bp"]
    figure = connections(before, after, DATA, layer=0).plot()
    panel = figure.axes[0]
    assert [label.get_text() for label in panel.get_xticklabels()] == ["age", "bmi", "bp"]
    assert [label.get_text() for label in panel.get_yticklabels()] == ["h1", "h2", "h3", "h4"]
    loss = Session(after, DATA).metrics.quality["test"].loss
    words = figure.axes[1].get_title(loc="left")
    assert words.startswith("after: ")
    assert f"test loss {loss:.3g}" in words
    plt.close(figure)


def test_order_by_score_moves_names_and_cells_together(found: Connections) -> None:
    figure = found.plot("score")
    panel, after = figure.axes[:2]
    sources = [label.get_text() for label in panel.get_xticklabels()]
    targets = [label.get_text() for label in panel.get_yticklabels()]
    totals = found.before.scores[0].sum(axis=0)
    assert sources == [f"x{i + 1}" for i in np.argsort(-totals)]
    drawn = np.ma.filled(np.ma.asarray(after.images[0].get_array()), np.nan)
    for row, target in enumerate(targets):
        for column, source in enumerate(sources):
            value = found.after.scores[0][int(target[1:]) - 1, int(source[1:]) - 1]
            assert np.array_equal(drawn[row, column], value, equal_nan=True)
    plt.close(figure)


def test_wide_layers_are_marked_by_colour_alone_and_their_names_thinned() -> None:
    x = torch.rand(40, 200, generator=torch.Generator().manual_seed(0))
    model = KAN([200, 3, 2], grid=2, seed=0)
    found = connections(model, prune(model, x, criterion="std", sparsity=0.6), x)
    figure = found.plot()
    figure.draw_without_rendering()
    wide = [axes for axes in figure.axes if axes.images and axes.images[0].get_array().shape == (3, 200)]  # type: ignore[union-attr]
    assert len(wide) == 3
    assert all(hatched(panel) == set() for panel in wide)
    array = np.ma.asarray(wide[1].images[0].get_array())
    assert np.array_equal(np.ma.getmaskarray(array), ~found.after.masks[0])
    assert 5 < len(wide[0].get_xticks()) < 60
    boxes = [label.get_window_extent() for label in wide[2].get_xticklabels() if label.get_visible()]
    assert all(a.x1 <= b.x0 for a, b in itertools.pairwise(boxes))
    plt.close(figure)


def test_connections_tabulate_and_print(models: tuple[KAN, KAN], found: Connections) -> None:
    frame = found.to_frame()
    assert len(frame) == 16
    assert frame.after.isna().sum() == 6
    row = frame[(frame.layer == 0) & (frame.source == "x3") & (frame.target == "h2")].iloc[0]
    assert row.before == found.before.scores[0][1, 2]
    assert len(connections(*models, DATA, layer=1).to_frame()) == 4
    assert "16 edges, 4 hidden nodes" in repr(found)


def test_networks_stand_side_by_side_in_the_same_places_with_ghosts(found: Connections) -> None:
    figure = found.plot_networks()
    left, right = figure.axes
    assert (left.get_xlim(), left.get_ylim()) == (right.get_xlim(), right.get_ylim())

    def dashed(axes: Any) -> int:
        return sum(len(c.get_paths()) for c in axes.collections if c.get_linestyle()[0][1] is not None)

    active = sum(int(a.sum()) for a in found.before.masks), found.after.metrics.cost.edges
    assert dashed(left) == 0
    assert dashed(right) == 3 * (active[0] - active[1])  # a box and a link on either side of it
    dots = [np.asarray(c.get_offsets()) for axes in (left, right) for c in axes.collections if len(c.get_offsets()) > 1]
    where = [{tuple(np.round(dot, 6)) for dot in points} for points in dots]
    assert set().union(*where[1:]) <= where[0]
    plt.close(figure)


def test_networks_too_large_show_the_strongest_and_say_so(found: Connections) -> None:
    figure = found.plot_networks(most=5)
    words = [text.get_text() for text in figure.texts]
    assert "the 5 strongest of 12 edges of layer 0 are drawn" in words[0]
    plt.close(figure)


def test_connections_refuse_what_cannot_be_compared(models: tuple[KAN, KAN]) -> None:
    before, after = models
    with pytest.raises(ValueError, match="same object"):
        connections(before, before, DATA)
    with pytest.raises(ValueError, match=r"widths \[3, 4, 1\] and after \[3, 3, 1\]"):
        connections(before, KAN([3, 3, 1], seed=0), DATA)
    with pytest.raises(ValueError, match=r"layer must be 0\.\.1; got 2"):
        connections(before, after, DATA, layer=2)
    with pytest.raises(ValueError, match="criterion must be one of"):
        connections(before, after, DATA, criterion="size")
    with pytest.raises(ValueError, match="order must be"):
        connections(before, after, DATA).plot("name")  # type: ignore[arg-type]
