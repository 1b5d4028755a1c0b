"""What a part is worth, against models that lost it by hand."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from kan_widget import KAN, Session
from kan_widget.report import worth

X = torch.rand(400, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1
Y = torch.sin(2 * X[:, [0]]) + X[:, [1]] ** 2
CLASSES = (X[:, 0] > 0).long() + (X[:, 1] > 0.5).long()
DATA = (X[:300], Y[:300], X[300:], Y[300:])
LABELLED = (X[:300], CLASSES[:300], X[300:], CLASSES[300:])


@pytest.fixture(scope="module")
def fitted() -> KAN:
    model = KAN([3, 3, 1], seed=0)
    model.fit(DATA, steps=15, progress=False)
    return model


@torch.no_grad()
def rmse(model: KAN) -> float:
    return float((model(X[300:]) - Y[300:]).square().mean().sqrt())


@pytest.mark.parametrize("node", [(0, 0), (0, 2), (1, 1)])
def test_worth_of_a_node_is_the_loss_with_its_mean_in_its_place(fitted: KAN, node: tuple[int, int]) -> None:
    session = Session(fitted.copy(), DATA)
    session.prune([(0, 1, 0)])
    found = worth(session, node)
    without = session.model.copy()
    with torch.no_grad():
        values = (
            without.input_nodes(X[:300]) if node[0] == 0 else without.layers[0].transform(without.input_nodes(X[:300]))
        )
        layer = without.layers[node[0]]
        for j in range(layer.out_features):
            if layer.mask[j, node[1]]:
                layer.fill[j, node[1]] = layer.edge_values(values)[j, node[1]].mean()
                layer.mask[j, node[1]] = False
    assert found.before == pytest.approx(rmse(session.model), rel=1e-5)
    assert found.after == pytest.approx(rmse(without), rel=1e-5)
    assert (found.rows, found.count, found.loss, found.accuracy) == ("test", 100, "RMSE", None)


def test_worth_of_an_edge_is_that_of_pruning_it(fitted: KAN) -> None:
    session = Session(fitted.copy(), DATA)
    found = worth(session, (0, 0, 1))
    session.prune([(0, 0, 1)])
    assert found.after == pytest.approx(session.metrics.quality["test"].loss, rel=1e-4)
    assert found.name == "edge x1 to h2"
    gone = worth(session, (0, 0, 1))
    assert (gone.change, gone.is_clear) == (0, False)
    assert "not distinguishable from zero" in repr(gone)


def test_error_is_that_of_many_samples_of_rows(fitted: KAN) -> None:
    found = worth(Session(fitted.copy(), DATA), (0, 1))
    without = fitted.copy()
    with torch.no_grad():
        for j in range(3):
            without.layers[0].fill[j, 1] = without.layers[0].edge_values(X[:300].T)[j, 1].mean()
            without.layers[0].mask[j, 1] = False
        one, two = (((model(X[300:]) - Y[300:]) ** 2)[:, 0].double().numpy() for model in (fitted, without))
    picked = np.random.default_rng(0).integers(0, 100, (4000, 100))
    changes = np.sqrt(two[picked].mean(1)) - np.sqrt(one[picked].mean(1))
    assert found.error == pytest.approx(changes.std(), rel=0.1)
    assert found.is_clear == (abs(found.change) > 2 * found.error)


def test_worth_to_a_classifier_is_cross_entropy_and_accuracy() -> None:
    model = KAN([3, 3], seed=0)
    model.fit(LABELLED, opt="Adam", lr=0.05, steps=40, progress=False)
    session = Session(model, LABELLED)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = worth(session, (0, 0))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    session.prune(nodes=[(0, 0)])
    with torch.no_grad():
        said = model(X[300:])
    assert found.after == pytest.approx(float(F.cross_entropy(said, CLASSES[300:])), rel=1e-4)
    assert found.accuracy is not None
    assert found.accuracy[1] == float((said.argmax(1) == CLASSES[300:]).double().mean())


@pytest.mark.parametrize(
    ("part", "error", "said"),
    [
        ((2, 0), ValueError, "y is an output, which cannot be removed"),
        ((3, 0), ValueError, "not in this network"),
        ((0, 0, 9), ValueError, "not in this network"),
        ((0,), TypeError, "a part is a node"),
        (("a", 0), TypeError, "a node is"),
        ((0, 1, 2, 3), TypeError, "a part is a node"),
        (None, TypeError, "a part is a node"),
        ("h1", TypeError, "a part is a node"),
    ],
)
def test_worth_refuses_what_cannot_be_removed(fitted: KAN, part: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        worth(Session(fitted.copy(), DATA), part)


def test_worth_needs_labels(fitted: KAN) -> None:
    with pytest.raises(ValueError, match="needs labels"):
        worth(Session(fitted.copy(), X), (0, 0))
