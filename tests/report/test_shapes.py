"""Functions of edges, importance of inputs and histograms of scores, against the network itself."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from kan_widget import KAN, Session, prune, scores
from kan_widget.report import Histogram, histogram, importance, shapes

X = torch.rand(120, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1
X[:, 3] *= 0.5
Y = torch.sin(3 * X[:, [0]]) + X[:, [1]] ** 2 + 0.3 * X[:, [3]]
DATA = (X[:80], Y[:80], X[80:], Y[80:])


@pytest.fixture(scope="module")
def model() -> KAN:
    model = KAN([4, 3, 1], grid=3, seed=0)
    model.in_vars = ["age", "bmi", "bp", "sex"]
    model.fit(DATA, opt="Adam", lr=0.05, steps=60, progress=False)
    return model


# Shapes


def test_shapes_of_one_layer_add_up_to_the_network() -> None:
    model = KAN([4, 1], grid=3, seed=0, dtype=torch.float64)
    x, y = X[:80].double(), Y[:80].double()
    model.fit((x, y), opt="Adam", lr=0.05, steps=20, progress=False)
    found = shapes(model, (x, y))
    rows = x.numpy()
    total = np.zeros(len(rows))
    for f in found.functions:
        column = rows[:, f.edge.source]
        assert (f.x[0], f.x[-1]) == (column.min(), column.max())
        total += np.interp(column, f.x, f.y)
    with torch.no_grad():
        outputs = model(x)[:, 0].numpy()
    assert np.allclose(total, outputs - outputs.mean(), atol=5e-3)


def test_shapes_are_the_strongest_edges_that_are_left_in_order(model: KAN) -> None:
    pruned = prune(model, DATA, criterion="std", sparsity=0.4)
    found = shapes(pruned, DATA, criterion="std", top=4)
    values = scores(pruned, DATA, "std")
    active = Session(pruned, DATA).active
    expected = np.sort(np.concatenate([v[a] for v, a in zip(values, active, strict=True)]))[::-1]
    assert [f.score for f in found.functions] == expected[:4].tolist()
    assert found.total == len(expected)
    for f in found.functions:
        assert active[f.edge.layer][f.edge.target, f.edge.source]
        assert f.score == values[f.edge.layer][f.edge.target, f.edge.source]
        assert f.density.sum() == 80
    assert all(f.edge.layer == 1 for f in shapes(pruned, DATA, layer=1).functions)


def test_shapes_name_their_axes_with_units_and_share_a_scale_where_they_add_up(model: KAN) -> None:
    found = shapes(model, DATA, layer=1, top=3)
    figure = found.plot(units={"y": "mm"})
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_xlabel() for axes in panels] == [f.source for f in found.functions]
    assert panels[0].get_ylabel() == "adds to y (mm)"
    assert len({axes.get_ylim() for axes in panels}) == 1
    for axes, f in zip(panels, found.functions, strict=True):
        assert np.array_equal(axes.lines[1].get_xydata(), np.column_stack([f.x, f.y]))
    plt.close(figure)
    figure = shapes(model, DATA, top=6).plot()
    assert len({axes.get_ylim() for axes in figure.axes if axes.get_visible()}) > 1
    plt.close(figure)
    assert len(found.to_frame()) == sum(len(f.x) for f in found.functions)
    assert found.functions[0].source in repr(found).splitlines()[1]


def test_shapes_refuse_what_is_not_there(model: KAN) -> None:
    with pytest.raises(ValueError, match="top must be"):
        shapes(model, DATA, top=0)
    with pytest.raises(ValueError, match=r"layer must be 0\.\.1"):
        shapes(model, DATA, layer=2)
    with pytest.raises(ValueError, match="units are by node"):
        shapes(model, DATA).plot({"size": "m"})
    bare = model.copy()
    bare.set_masks([torch.zeros_like(layer.mask) for layer in bare.layers])
    with pytest.raises(ValueError, match="no edge is left"):
        shapes(bare, DATA)


# Importance


def test_importance_without_one_is_what_the_loss_rises_by_with_an_error_over_rows(model: KAN) -> None:
    found = importance(model, DATA, criterion="leave_one_out")
    assert found.errors is not None
    x, y = DATA[0], DATA[1]
    whole = model.copy()
    for i in range(4):
        twin = model.copy()
        Session(twin, DATA).prune(nodes=[(0, i)])
        with torch.no_grad():
            rise = (twin(x) - y).square()[:, 0] - (whole(x) - y).square()[:, 0]
        assert found.scores[i] == pytest.approx(float(rise.mean()), rel=1e-4, abs=1e-7)
        assert found.errors[i] == pytest.approx(float(rise.std()) / 80**0.5, rel=0.02)


def test_importance_ranks_inputs_and_puts_those_that_are_gone_last(model: KAN) -> None:
    found = importance(model, DATA)
    attribution = model.attribute(data=DATA).numpy()
    assert found.ranking == [model.in_vars[i] for i in np.argsort(-attribution)]
    assert found.ranking[-1] == "bp"  # which the labels do not depend on
    pruned = model.copy()
    Session(pruned, DATA).prune(nodes=[(0, 0)])
    after = importance(pruned, DATA, criterion="coefficient")
    assert after.ranking[-1] == "age"  # whose coefficients are still the largest
    assert after.to_frame().live.tolist() == [True, True, True, False]
    assert "age pruned" in " ".join(repr(after).split())


def test_importance_draws_sorted_bars_with_whiskers(model: KAN) -> None:
    found = importance(model, DATA, criterion="leave_one_out")
    assert found.errors is not None
    axes = found.plot(top=3)
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == found.ranking[:3]
    assert axes.yaxis_inverted()
    order = [found.names.index(name) for name in names]
    assert sorted(patch.get_width() for patch in axes.patches) == pytest.approx(sorted(found.scores[order]))
    whiskers = axes.collections[0].get_segments()  # type: ignore[attr-defined]
    assert [np.ptp(w[:, 0]) / 2 for w in whiskers] == pytest.approx(found.errors[order].tolist())
    assert [text.get_text() for text in axes.texts] == ["and 1 more inputs"]
    plt.close("all")


def test_importance_of_pixels_stands_where_the_pixels_are(model: KAN) -> None:
    pruned = model.copy()
    Session(pruned, DATA).prune(nodes=[(0, 2)])
    for net in (pruned, pruned.compact()):
        found = importance(net, DATA)
        image = np.ma.asarray(found.plot(input_shape=(2, 2)).images[0].get_array())
        assert np.array_equal(np.ma.getmaskarray(image), [[False, False], [True, False]])
        expected = importance(pruned, DATA).scores.reshape(2, 2)
        assert np.allclose(image.compressed(), expected[[0, 0, 1], [0, 1, 1]], rtol=1e-5)
    with pytest.raises(ValueError, match="of 4 pixels, one a column of the data; got 3 x 2"):
        importance(pruned, DATA).plot(input_shape=(3, 2))
    with pytest.raises(ValueError, match="top must be"):
        importance(pruned, DATA).plot(top=0)
    plt.close("all")


# Histograms


@pytest.mark.parametrize("criterion", ["std", "taylor2"])
@pytest.mark.parametrize("structure", ["edge", "node", "input"])
def test_histogram_counts_what_a_cut_takes(model: KAN, criterion: str, structure: str) -> None:
    found = histogram(model, DATA, criterion=criterion, structure=structure, sparsity=0.4)
    every = np.concatenate(list(found.scores.values()))
    assert np.array_equal(every, np.concatenate([s.ravel() for s in _scores(model, criterion, structure)]))
    assert sum(found.removed().values()) == round(0.4 * len(every)) == found.to_frame().goes.sum()
    assert found.threshold is not None
    figure = found.plot()
    for axes, (name, values) in zip(figure.axes, found.scores.items(), strict=True):
        stay, go = (sum(patch.get_data().values) for patch in axes.patches)  # type: ignore[attr-defined]
        assert (stay, go) == (len(values) - found.removed()[name], found.removed()[name])
        assert axes.patches[1].get_hatch()
        assert list(axes.lines[0].get_xdata()) == [found.threshold] * 2
    plt.close(figure)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("signed", [False, True])
def test_no_bar_stands_on_both_sides_of_a_cut_at_a_score(seed: int, signed: bool) -> None:
    values = np.random.default_rng(seed).lognormal(sigma=3, size=9) * (-1) ** (np.arange(9) * signed)
    for cut in np.sort(values):
        found = Histogram({"layer 0": values}, float(cut), "std", "edge")
        (axes,) = (figure := found.plot()).axes
        stay, go = (sum(patch.get_data().values) for patch in axes.patches)  # type: ignore[attr-defined]
        assert (stay, go) == ((values >= cut).sum(), (values < cut).sum())
        plt.close(figure)


def _scores(model: KAN, criterion: str, structure: str) -> list[Any]:
    found = scores(model, DATA, criterion, structure)
    return list(found)


def test_histogram_counts_every_part_whatever_the_scale_and_the_cut(model: KAN) -> None:
    session = Session(model.copy(), DATA)
    session.prune([(0, 0, 0), (0, 1, 1)])
    for threshold in (None, -1e9, 0.0, 1e9):
        for criterion in ("taylor2", "l1"):
            found = histogram(session, None, criterion=criterion, threshold=threshold)
            assert [len(values) for values in found.scores.values()] == [10, 3]
            figure = found.plot()
            for axes, values in zip(figure.axes, found.scores.values(), strict=True):
                assert sum(sum(patch.get_data().values) for patch in axes.patches) == len(values)  # type: ignore[attr-defined]
            plt.close(figure)


def test_histogram_of_equal_scores_and_of_zeros_draws(model: KAN) -> None:
    flat = model.copy()
    with torch.no_grad():
        for layer in flat.layers:
            layer.coef.zero_()
            layer.scale_base.zero_()
    figure = histogram(flat, DATA, criterion="std", threshold=0.1).plot()
    assert [sum(p.get_data().values) for p in figure.axes[0].patches] == [0, 12]  # type: ignore[attr-defined]
    figure.draw_without_rendering()
    plt.close(figure)


def test_histogram_refuses_two_cuts_and_nothing(model: KAN) -> None:
    with pytest.raises(ValueError, match="not both"):
        histogram(model, DATA, threshold=0.1, sparsity=0.2)
    with pytest.raises(ValueError, match="structure must be"):
        histogram(model, DATA, structure="row")
    with pytest.raises(ValueError, match="no nodes left"):
        histogram(KAN([4, 1], seed=0), DATA, structure="node")
    assert "half below" in repr(histogram(model, DATA, criterion="std"))
