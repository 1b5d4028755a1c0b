"""Input-dependent gating: nothing lost at tolerance 0, fewer edges above it, and honest numbers."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss

from kan_widget import KAN
from kan_widget.adapters.native import NativeAdapter
from kan_widget.schedules import Gate, gate

X = torch.rand(300, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1
Y = torch.sin(3 * X[:, [0]]) + X[:, [1]] ** 2
CLASSES = (Y[:, 0] > 0.3).long() + (Y[:, 0] > 0.9).long()
DATA = (X[:200], Y[:200], X[200:], Y[200:])
LABELLED = (X[:200], CLASSES[:200], X[200:], CLASSES[200:])


def trained(data: Any, outputs: int) -> KAN:
    model = KAN([3, 4, outputs], grid=3, seed=0, dtype=torch.float64)
    model.fit(data, opt="Adam", lr=0.02, steps=60, progress=False)
    model.remove_edge(0, 2, 1, data=X)
    model.remove_node(1, 3, "up", data=X)  # its edges in are on, and dead
    return model


@pytest.fixture(scope="module")
def model() -> KAN:
    return trained(DATA, 1)


def test_without_tolerance_it_is_the_network(model: KAN) -> None:
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found = gate(model, DATA, [0.0], progress=False)
    with torch.no_grad():
        plain = model(X[200:]).numpy()
    np.testing.assert_allclose(found.outputs[0], plain, atol=1e-12)
    only = found.gates[0]
    assert only.edges == found.active == 11  # of 12 + 4 edges 1 is pruned, 1 more is, and 3 are dead
    assert only.layers == (8.0, 3.0)
    assert only.distance == 0
    assert only.loss == pytest.approx(np.sqrt(np.mean((plain - Y[200:].numpy()) ** 2)))
    assert only.accuracy is only.agreement is None
    assert found.rows == "test"
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_wider_tolerance_computes_less_and_errs_more(model: KAN) -> None:
    found = gate(model, DATA, [0.0, 0.02, 0.1, 0.5, 1e6], progress=False)
    edges = [one.edges for one in found.gates]
    assert edges == sorted(edges, reverse=True)
    assert edges[-1] == 0
    assert 0 < edges[2] < 11
    distances = [one.distance for one in found.gates]
    assert distances == sorted(distances)
    assert np.ptp(found.outputs[-1], axis=0) == pytest.approx(0)
    for one, outputs, usage in zip(found.gates, found.outputs, found.usage, strict=True):
        plain = found.outputs[0]
        assert one.distance == pytest.approx(np.sqrt(((outputs - plain) ** 2).mean() / plain.var()))
        assert one.loss == pytest.approx(np.sqrt(np.mean((outputs - Y[200:].numpy()) ** 2)))
        assert one.layers == pytest.approx([share.sum() for share in usage])
        assert usage[0][1, 2] == 0  # pruned
        assert not usage[0][3].any()  # dead
    assert len(found.to_frame()) == 5
    assert "tolerance 0.1" in repr(found)
    axes = found.plot()
    assert axes.get_ylabel() == "loss on test rows"
    plt.close("all")


def test_limit_is_relative_to_the_spread_of_the_target(model: KAN) -> None:
    found = gate(model, X[:200], [0.1], progress=False)
    values = X[:200].T
    with torch.no_grad():
        layer = model.layers[0]
        edges = layer.edge_values(values)
        spread = layer.transform(values).std(dim=1)
        near = (edges - edges.mean(-1, keepdim=True)).abs() < 0.1 * spread.view(-1, 1, 1)
    expected = (~near & layer.mask.unsqueeze(-1)).double().mean(-1)
    expected[3] = 0
    np.testing.assert_allclose(found.usage[0][0], expected.numpy())
    assert found.rows == "train"


def test_classes_have_accuracy_and_agreement() -> None:
    model = trained(LABELLED, 3)
    found = gate(model, LABELLED, [0.0, 0.3], progress=False)
    truth = CLASSES[200:].numpy()
    for one, outputs in zip(found.gates, found.outputs, strict=True):
        likely = torch.softmax(torch.tensor(outputs), dim=1).numpy()
        assert one.accuracy == pytest.approx(accuracy_score(truth, outputs.argmax(1)))
        assert one.loss == pytest.approx(log_loss(truth, likely, labels=[0, 1, 2]))
        assert one.agreement == pytest.approx(accuracy_score(found.outputs[0].argmax(1), outputs.argmax(1)))
    assert found.gates[0].agreement == 1
    assert found.gates[1].agreement is not None
    assert found.gates[1].agreement < 1


def test_without_labels_there_is_a_distance_only(model: KAN) -> None:
    found = gate(model, X, progress=False)
    assert all(one.loss is one.accuracy is one.agreement is None for one in found.gates)
    assert found.gates[-1].distance > 0
    assert "distance" in found.plot().get_ylabel()
    plt.close("all")


def test_it_stops_when_told_to(model: KAN, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Gate] = []

    def stop(one: Gate) -> bool:
        seen.append(one)
        return len(seen) < 2

    found = gate(model, DATA, [0.0, 0.1, 0.2], callback=stop, progress=False)
    assert found.stopped == "callback"
    assert found.gates == seen
    assert len(seen) == 2
    calls = 0
    original = NativeAdapter.gated

    def interrupted(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return original(*args)

    monkeypatch.setattr(NativeAdapter, "gated", interrupted)
    found = gate(model, DATA, [0.0, 0.1, 0.2], progress=False)
    assert found.stopped == "interrupted"
    assert len(found.gates) == len(found.outputs) == len(found.usage) == 1


@pytest.mark.parametrize("tolerances", [[], [-0.1], [float("nan")], [0.1, float("inf")]])
def test_bad_tolerance_is_refused(model: KAN, tolerances: list[float]) -> None:
    with pytest.raises(ValueError, match="tolerances must be one or more finite numbers"):
        gate(model, DATA, tolerances)


def test_data_must_fit(model: KAN) -> None:
    with pytest.raises(ValueError, match="train_input"):
        gate(model, X[:, :2])
