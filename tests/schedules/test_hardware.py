"""Pruning to a cost: limits kept on the model that comes back, ratios rather than losses, refusals in time."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from kan_widget import KAN, Session
from kan_widget.adapters import adapt_alone
from kan_widget.core.cost import cost
from kan_widget.core.reach import active_edges, cut_outputs
from kan_widget.schedules import PricedRound, hardware_prune

X = torch.rand(300, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1
Y = torch.cat([torch.sin(3 * X[:, [0]]) + X[:, [1]] ** 2, X[:, [2]] ** 3], dim=1)
DATA = (X[:200], Y[:200], X[200:], Y[200:])


@pytest.fixture(scope="module")
def model() -> KAN:
    model = KAN([4, 5, 3, 2], grid=3, seed=0)
    model.fit(DATA, steps=8, lamb=1e-3, progress=False)
    return model


def bits(model: KAN) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def masks_of(model: KAN) -> tuple[np.ndarray, ...]:
    return tuple(layer.mask.numpy() for layer in model.layers)


def spent(model: KAN, name: str) -> float:
    found = cost(masks_of(model), adapt_alone(model).shape)
    return found.lut_bytes(6) if name == "lut_bytes" else float(getattr(found, name))


@pytest.mark.parametrize("structure", ["edge", "node", "input"])
@pytest.mark.parametrize("name", ["edges", "parameters", "macs", "bytes", "lut_bytes"])
def test_cost_of_the_model_that_comes_back_is_within_its_limit(model: KAN, name: str, structure: str) -> None:
    before = bits(model)
    limit = (0.77 if structure == "input" else 0.62) * spent(model, name)
    found = hardware_prune(
        model, DATA, cost=name, limit=limit, structure=structure, bits=6, criterion="taylor2", tune={}, progress=False
    )
    assert spent(found.model, name) <= limit < spent(model, name)
    assert cut_outputs(masks_of(found.model)) == []
    last = found.rounds[-1]
    assert isinstance(last, PricedRound)
    assert last.cost == spent(found.model, name)
    session = Session(found.model, DATA)
    assert last.edges == session.metrics.cost.edges
    assert last.loss == pytest.approx(session.metrics.quality["test"].loss, rel=1e-4)
    assert [step.cost for step in found.rounds[:-1]] == sorted((s.cost for s in found.rounds[:-1]), reverse=True)
    assert all(step.cost > limit for step in found.rounds[:-1])
    assert len(found.to_frame()["cost"]) == len(found.rounds)
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())
    small = found.model.compact()
    torch.testing.assert_close(small(X), found.model(X), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("limit", [6, 9, 17])
def test_limit_is_reached_in_whatever_steps(model: KAN, limit: int) -> None:
    for share in (0.05, 0.5, 1.0):
        found = hardware_prune(
            model, DATA, cost="edges", limit=limit, share=share, criterion="random", tune={}, progress=False
        )
        assert spent(found.model, "edges") <= limit
        assert cut_outputs(masks_of(found.model)) == []
        if share == 1:
            assert len(found.rounds) == 1


def test_first_to_go_is_what_is_worth_least_for_its_cost() -> None:
    weights = np.array([[1.0, 1.0, 10.0, 1.0]])

    def price(masks: Any) -> float:
        return float((masks[0] * weights).sum())

    model = KAN([4, 1], grid=3, seed=0)
    y = 0.3 * X[:, [0]] + 0.5 * X[:, [1]] + 0.6 * X[:, [2]] + 0.9 * X[:, [3]]
    data = (X[:200], y[:200], X[200:], y[200:])
    model.fit(data, steps=10, progress=False)
    dear = hardware_prune(model, data, cost=price, limit=3.5, tune={}, progress=False)
    assert dear.model.layers[0].mask.tolist() == [[True, True, False, True]]  # the third adds 4 times as much, at 10
    even = hardware_prune(model, data, cost="edges", limit=3, tune={}, progress=False)
    assert even.model.layers[0].mask.tolist() == [[False, True, True, True]]


def test_node_that_would_die_counts_with_what_it_frees(model: KAN) -> None:
    # As the price is one of nodes alone, edges cost nothing: only the last edge of a node saves anything.
    def nodes(masks: Any) -> float:
        return float(sum(mask.any(axis=1).sum() for mask in masks))

    thin = model.copy()
    for source in (1, 2, 3):
        thin.remove_edge(0, source, 4, data=X)
    for target in (1, 2):
        thin.remove_edge(1, 4, target, data=X)
    found = hardware_prune(thin, DATA, cost=nodes, limit=9, tune={}, progress=False)
    alive = active_edges(masks_of(found.model))
    assert not alive[0][4].any()
    assert sum(int(mask.sum()) for mask in alive) == spent(thin, "edges") - 2


def test_nothing_is_done_within_the_limit(model: KAN) -> None:
    found = hardware_prune(model, DATA, cost="edges", limit=41, progress=False)
    assert found.rounds == []
    assert all(torch.equal(bits(model)[key], tensor) for key, tensor in found.model.state_dict().items())


def test_tuning_pays(model: KAN) -> None:
    options: dict[str, Any] = {"cost": "parameters", "limit": 150, "progress": False}
    bare = hardware_prune(model, DATA, tune={}, **options)
    tuned = hardware_prune(model, DATA, tune={"steps": 5}, **options)
    assert tuned.rounds[-1].loss < bare.rounds[-1].loss
    assert spent(tuned.model, "parameters") <= 150


def test_latency_is_of_the_compacted_model(model: KAN, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[list[int], int]] = []

    def seconds(adapter: Any, rows: int) -> float:
        width = adapter.take(adapter.compact).width
        seen.append((width, rows))
        return 1e-3 * sum(width)

    monkeypatch.setitem(hardware_prune.__globals__, "_seconds", seconds)
    found = hardware_prune(
        model, DATA, cost="latency", limit=11e-3, structure="node", batch=7, share=0.2, tune={}, progress=False
    )
    assert sum(found.model.compact().width) <= 11
    assert [step.cost for step in found.rounds] == pytest.approx([1e-3 * sum(width) for width, _ in seen[2:]])
    assert seen[0] == ([4, 5, 3, 2], 7)
    assert all(rows == 7 for _, rows in seen)


def test_latency_is_measured_on_the_clock(model: KAN) -> None:
    found = hardware_prune(model, DATA, cost="latency", limit=60.0, progress=False)
    assert found.rounds == []
    with pytest.raises(ValueError, match=r"limit 1e-09 cannot be met by removing nodes: .* it costs \d.* goes further"):
        hardware_prune(model, DATA, cost="latency", limit=1e-9, structure="node", progress=False)


@pytest.mark.parametrize(("name", "structure"), [("edges", "edge"), ("parameters", "node"), ("lut_bytes", "input")])
def test_limit_that_cuts_outputs_off_is_refused_before_anything(model: KAN, name: str, structure: str) -> None:
    before = bits(model)
    steps: list[Any] = []
    with pytest.raises(ValueError, match=f"cannot be met by removing {structure}s: with no more"):
        hardware_prune(model, DATA, cost=name, limit=1.5, structure=structure, callback=steps.append, progress=False)
    assert not steps
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())


def test_least_that_is_named_can_be_had(model: KAN) -> None:
    with pytest.raises(ValueError, match=r"it costs \d+") as refusal:
        hardware_prune(model, DATA, cost="edges", limit=1, criterion="std", progress=False)
    least = int(str(refusal.value).partition("it costs ")[2].partition(",")[0])
    assert 4 <= least <= 6
    # Tuning in between changes which paths are the strongest; those that were cheap enough are held.
    for share in (0.2, 0.6):
        found = hardware_prune(
            model, DATA, cost="edges", limit=least, share=share, criterion="std", tune={"steps": 1}, progress=False
        )
        assert spent(found.model, "edges") <= least


def test_callback_stops_above_the_limit(model: KAN) -> None:
    seen: list[Any] = []

    def stop(step: Any) -> bool:
        seen.append(step)
        return False

    found = hardware_prune(model, DATA, cost="edges", limit=8, tune={}, callback=stop, progress=False)
    assert found.stopped == "callback"
    assert found.rounds == seen
    assert spent(found.model, "edges") == seen[0].cost > 8


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"cost": "watts", "limit": 1}, ValueError, "edges, parameters, macs, bytes, lut_bytes, latency"),
        ({"limit": 0}, ValueError, "above 0"),
        ({"limit": -5.0}, ValueError, "above 0"),
        ({"limit": float("nan")}, ValueError, "above 0"),
        ({"limit": float("inf")}, ValueError, "finite"),
        ({"limit": "2 kB"}, TypeError, "limit must be a number"),
        ({"limit": 9, "share": 0.0}, ValueError, "share of the cost"),
        ({"limit": 9, "share": 1.2}, ValueError, "share of the cost"),
        ({"limit": 9, "bits": 0}, ValueError, "bits of a lookup table"),
        ({"limit": 9, "batch": 0}, ValueError, "batch, the rows"),
        ({"limit": 9, "structure": "layer"}, ValueError, "structure must be one of edge, node, input"),
        ({"limit": 9, "criterion": "magic"}, ValueError, "criterion must be one of"),
        ({"limit": 9, "cost": lambda masks: float("nan")}, ValueError, "cost must give a finite number"),
        ({"limit": 9, "cost": lambda masks: None}, ValueError, "cost must give a finite number"),
    ],
)
def test_bad_option_is_refused(model: KAN, options: dict[str, Any], error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        hardware_prune(model, DATA, progress=False, **options)


def test_held_out_rows_are_needed(model: KAN) -> None:
    with pytest.raises(ValueError, match="held-out rows"):
        hardware_prune(model, DATA[:2], limit=9)
