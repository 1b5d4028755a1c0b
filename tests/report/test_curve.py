"""Curves against one cut at a time."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch import Tensor

from kan_widget import KAN, Session
from kan_widget.report import curve

X = torch.rand(120, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1
Y = torch.sin(3 * X[:, [0]]) + X[:, [1]] ** 2
CLASSES = (Y[:, 0] > 0.3).long()


def trained(width: list[int], y: Tensor) -> KAN:
    model = KAN(width, grid=3, seed=0, dtype=torch.float64)
    model.fit((X, y), opt="Adam", lr=0.02, steps=40, progress=False)
    return model


@pytest.mark.parametrize("width", [[3, 4, 1], [3, 3, 2, 1], [3, 1]])
@pytest.mark.parametrize("compensate", ["mean", "none"])
def test_curve_is_the_loss_after_each_cut(width: list[int], compensate: str) -> None:
    model = trained(width, Y)
    data = (X[:80], Y[:80], X[80:], Y[80:])
    found = curve(model, data, ["taylor2"], levels=7, compensate=compensate, draws=1)
    assert found.rows == "test"
    line = found["taylor2"]
    assert line.sparsity[0] == 0
    assert line.sparsity[-1] == 1
    for level, threshold in enumerate(line.threshold):
        twin = model.copy()
        session = Session(twin, data, criterion="taylor2", compensate=compensate)
        masks = [e >= threshold for e in session.scores.edges]
        fills = [m if compensate == "mean" else np.zeros_like(m) for m in session.trace.mean]
        twin.set_masks(masks, fills)
        with torch.no_grad():
            expected = float((twin(X[80:]) - Y[80:]).square().mean().sqrt())
        assert line.loss[level] == pytest.approx(expected, rel=1e-9)
        assert line.edges[level] == sum(int(a.sum()) for a in Session(twin, data).active)


def test_curve_of_classes_has_accuracy() -> None:
    model = trained([3, 4, 2], CLASSES)
    found = curve(model, (X, CLASSES), ["std", "auto"], levels=5, draws=2)
    assert found.rows == "train"
    with torch.no_grad():
        right = float((model(X).argmax(1) == CLASSES).double().mean())
    accuracy = found["std"].accuracy
    assert accuracy is not None
    assert accuracy[0] == pytest.approx(right)
    assert list(found) == ["std", "auto"]
    assert len(found.control) == 2


@pytest.mark.parametrize(("structure", "parts"), [("node", 4), ("input", 3)])
def test_curve_of_nodes_and_inputs_removes_them_whole(structure: str, parts: int) -> None:
    found = curve(trained([3, 4, 1], Y), (X, Y), ["std"], levels=parts + 1, structure=structure, draws=0)
    assert np.allclose(found["std"].sparsity, np.arange(parts + 1) / parts)
    assert found["std"].edges[-1] == 0
    assert (np.diff(found["std"].edges) < 0).all()


def test_curve_starts_from_what_is_left_and_leaves_the_model_alone() -> None:
    model = trained([3, 4, 1], Y)
    session = Session(model, (X, Y))
    session.prune([(0, 0, 0), (0, 1, 1)])
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found = curve(session, None, ["std"], levels=15, draws=0)
    assert found["std"].edges[0] == 14
    assert found["std"].loss[0] == pytest.approx(session.metrics.quality["train"].loss)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_good_criterion_beats_the_control() -> None:
    found = curve(trained([3, 6, 1], Y), (X, Y), ["leave_one_out"], levels=24, draws=5)
    chance = np.mean([line.loss[:12].mean() for line in found.control])
    assert found["leave_one_out"].loss[:12].mean() < 0.6 * chance


def test_curves_print_tabulate_and_draw() -> None:
    found = curve(trained([3, 4, 1], Y), (X, Y), ["std", "l1"], levels=9, draws=2)
    assert "random" in repr(found)
    frame = found.to_frame()
    assert len(frame) == 9 * 4
    assert set(frame.criterion) == {"std", "l1", "random 0", "random 1"}
    axes = found.plot()
    assert [line.get_label() for line in axes.lines] == ["std", "l1"]
    plt.close("all")


@pytest.mark.parametrize(
    ("options", "words"),
    [({"levels": 1}, "at least 2"), ({"structure": "row"}, "structure"), ({"compensate": "least_squares"}, "mean")],
)
def test_curve_refuses_what_it_cannot_draw(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        curve(KAN([3, 1], seed=0), (X.float(), Y.float()), ["std"], **options)
    with pytest.raises(ValueError, match="needs labels"):
        curve(KAN([3, 1], seed=0), X.float(), ["std"])
