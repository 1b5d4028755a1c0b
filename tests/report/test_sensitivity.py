"""Sensitivity of layers against one cut at a time, made by hand."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch import Tensor

from kan_widget import KAN, Session
from kan_widget.report import sensitivity

X = torch.rand(120, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1
Y = torch.sin(3 * X[:, [0]]) + X[:, [1]] ** 2
CLASSES = (Y[:, 0] > 0.3).long()
DATA = (X[:80], Y[:80], X[80:], Y[80:])


def trained(width: list[int], y: Tensor = Y) -> KAN:
    model = KAN(width, grid=3, seed=0, dtype=torch.float64)
    model.fit((X, y), opt="Adam", lr=0.02, steps=40, progress=False)
    return model


@pytest.mark.parametrize("compensate", ["mean", "none"])
def test_sensitivity_is_the_loss_with_the_weakest_edges_of_one_layer_gone(compensate: str) -> None:
    model = trained([3, 4, 2, 1])
    found = sensitivity(model, DATA, criterion="taylor2", levels=4, compensate=compensate, draws=0)
    scores = Session(model, DATA).scores_by("taylor2")
    assert found.rows == "test"
    assert [layer.layer for layer in found.layers] == [0, 1, 2]
    for layer in found.layers:
        mask = model.layers[layer.layer].mask
        weakest = np.argsort(scores.edges[layer.layer].ravel())
        for removed, loss in zip(layer.removed, layer.loss, strict=True):
            twin = model.copy()
            edges = [divmod(int(place), mask.shape[1]) for place in weakest[:removed]]
            if edges:
                session = Session(twin, DATA, compensate=compensate)
                session.prune([(layer.layer, source, target) for target, source in edges], cut=True)
            with torch.no_grad():
                expected = float((twin(X[80:]) - Y[80:]).square().mean().sqrt())
            assert loss == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("structure", "layer", "width"), [("node", 1, 4), ("node", 2, 3), ("input", 0, 3)])
def test_sensitivity_of_nodes_takes_them_with_all_their_edges(structure: str, layer: int, width: int) -> None:
    model = trained([3, 4, 3, 1])
    found = sensitivity(model, DATA, criterion="std", levels=99, structure=structure, draws=0)
    chosen = next(one for one in found.layers if one.layer == layer)
    assert chosen.removed.tolist() == list(range(width + 1))
    weakest = np.argsort(Session(model, DATA).scores_by("std").nodes[layer])
    for removed, loss in zip(chosen.removed[1:], chosen.loss[1:], strict=True):
        twin = model.copy()
        session = Session(twin, DATA)
        session.prune(nodes=[(layer, int(node)) for node in weakest[:removed]], cut=True)
        assert loss == pytest.approx(session.metrics.quality["test"].loss, rel=1e-9)


def test_sensitivity_of_classes_has_accuracy_and_chance_beside_it() -> None:
    model = trained([3, 4, 2], CLASSES)
    found = sensitivity(model, (X, CLASSES), criterion="leave_one_out", levels=9, draws=3)
    assert found.rows == "train"
    with torch.no_grad():
        right = float((model(X).argmax(1) == CLASSES).double().mean())
    for layer in found.layers:
        assert layer.accuracy is not None
        assert layer.chance_accuracy is not None
        assert layer.chance_loss.shape == (3, len(layer.removed))
        assert np.allclose(layer.accuracy[0], right)
        assert np.allclose(layer.chance_accuracy[:, 0], right)
        assert np.allclose(layer.chance_loss[:, -1], layer.loss[-1])  # all gone is all gone, whoever chose
    assert np.ptp(found.layers[0].chance_loss[:, 4]) > 0
    assert found.layers[0].loss[:5].mean() < found.layers[0].chance_loss[:, :5].mean()


def test_sensitivity_starts_from_what_is_left_and_leaves_the_model_alone() -> None:
    model = trained([3, 4, 1])
    session = Session(model, DATA)
    session.prune([(0, 0, 0), (0, 1, 1)])
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found = sensitivity(session, None, criterion="std", draws=1)
    assert [layer.parts for layer in found.layers] == [10, 4]
    assert found.layers[0].loss[0] == pytest.approx(session.metrics.quality["test"].loss)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_sensitivity_ranks_prints_tabulates_and_draws() -> None:
    found = sensitivity(trained([3, 4, 1]), DATA, criterion="std", levels=5, draws=2)
    again = sensitivity(trained([3, 4, 1]), DATA, criterion="std", levels=5, draws=2)
    frame = found.to_frame()
    assert frame.equals(again.to_frame())
    assert set(frame.criterion) == {"std", "random 0", "random 1"}
    assert len(frame) == 2 * 3 * 5
    worst = max(found.layers, key=lambda layer: layer.loss.mean())
    assert found.ranking[0] is worst
    assert worst.name in repr(found).splitlines()[2]
    figure = found.plot()
    panels = figure.axes
    assert len(panels) == 2
    assert panels[0].get_ylim() == panels[1].get_ylim()
    for panel, layer in zip(panels, found.layers, strict=True):
        drawn = next(line for line in panel.lines if line.get_label() == "std")
        assert np.array_equal(drawn.get_xydata(), np.column_stack([layer.sparsity, layer.loss]))
    plt.close("all")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"levels": 1}, "at least 2"),
        ({"draws": -1}, "draws"),
        ({"structure": "row"}, "structure"),
        ({"structure": "node"}, "no hidden nodes"),
        ({"compensate": "least_squares"}, "mean"),
        ({"criterion": "size"}, "criterion"),
    ],
)
def test_sensitivity_refuses_what_it_cannot_measure(options: dict[str, Any], words: str) -> None:
    model = KAN([3, 1], seed=0, dtype=torch.float64)
    with pytest.raises(ValueError, match=words):
        sensitivity(model, DATA, **options)
    with pytest.raises(ValueError, match="needs labels"):
        sensitivity(model, X)
    with pytest.raises(ValueError, match="metric must be loss here"):
        sensitivity(model, DATA, criterion="std", draws=0).plot("accuracy")


def test_repr_says_what_chance_does_to_each_layer() -> None:
    x = torch.rand(60, 2)
    found = sensitivity(KAN([2, 3, 1], seed=0), (x, x[:, :1] ** 2), criterion="std", draws=3)
    lines = repr(found).splitlines()
    chance = [line for line in lines if "random" in line]
    assert len(chance) == len(found.layers) == 2
    layer = found.ranking[0]
    level = int(np.abs(layer.sparsity - 0.2).argmin())
    assert chance[0].split()[2] == f"{np.mean([loss[level] for loss in layer.chance_loss]):.3g}"
    assert "random" not in repr(sensitivity(KAN([2, 3, 1], seed=0), (x, x[:, :1]), criterion="std", draws=0))
