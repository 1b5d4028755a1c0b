"""One cut from a script: targets, scopes, protection, and what must never happen."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from kan_widget import KAN, Session, prune, scores
from kan_widget.core.reach import cut_outputs
from kan_widget.core.scores import random_scores
from kan_widget.core.select import Target, choose
from kan_widget.pruning import custom_from_mask, is_pruned, remove

X = torch.rand(200, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1
Y = torch.sin(3 * X[:, [0]]) + X[:, [1]] ** 2


@pytest.fixture(scope="module")
def model() -> KAN:
    model = KAN([3, 4, 1], grid=3, seed=0, dtype=torch.float64)
    model.fit((X, Y), steps=8, progress=False)
    return model


def off(model: KAN) -> int:
    return sum(int((~layer.mask).sum()) for layer in model.layers)


def bits(model: KAN) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize(
    ("target", "removed"),
    [({"amount": 3}, 3), ({"amount": 0.2}, 3), ({"sparsity": 0.2}, 3), ({"amount": 0}, 0), ({"sparsity": 0.5}, 8)],
)
def test_target_is_met_and_the_original_untouched(model: KAN, target: dict[str, Any], removed: int) -> None:
    before = bits(model)
    pruned = prune(model, (X, Y), criterion="std", **target)
    assert off(pruned) == removed
    assert pruned is not model
    after = bits(model)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_amount_is_of_what_is_left_and_sparsity_of_all(model: KAN) -> None:
    once = prune(model, (X, Y), criterion="std", amount=0.4)  # 6 of 16
    assert off(once) == 6
    assert off(prune(once, (X, Y), criterion="std", amount=0.4)) == 6 + 4
    assert off(prune(once, (X, Y), criterion="std", sparsity=0.5)) == 8
    assert off(prune(once, (X, Y), criterion="std", sparsity=0.2)) == 6


def test_weakest_go_first(model: KAN) -> None:
    values = np.concatenate([s.ravel() for s in scores(model, (X, Y), "leave_one_out")])
    pruned = prune(model, (X, Y), criterion="leave_one_out", amount=4)
    masks = np.concatenate([layer.mask.numpy().ravel() for layer in pruned.layers])
    assert values[~masks].max() <= values[masks].min()


def test_threshold_takes_what_scores_below_it(model: KAN) -> None:
    values = np.concatenate([s.ravel() for s in scores(model, (X, Y), "taylor2")])
    pruned = prune(model, (X, Y), criterion="taylor2", threshold=0.0)
    assert off(pruned) == int((values < 0).sum())


def test_scope_ranks_within_layers_and_nodes(model: KAN) -> None:
    by_layer = prune(model, (X, Y), criterion="std", amount=0.25, scope="layer")
    assert [int((~layer.mask).sum()) for layer in by_layer.layers] == [3, 1]
    by_node = prune(model, (X, Y), criterion="std", amount=1, scope="node")
    assert [(~layer.mask).sum(1).tolist() for layer in by_node.layers] == [[1, 1, 1, 1], [1]]


def test_nodes_and_inputs_go_with_all_their_edges(model: KAN) -> None:
    nodes = prune(model, (X, Y), structure="node", amount=1, criterion="leave_one_out")
    gone = int(np.argmin(scores(model, (X, Y), "leave_one_out", "node")[0]))
    assert not nodes.layers[0].mask[gone].any()
    assert not nodes.layers[1].mask[0, gone]
    assert off(nodes) == 4
    inputs = prune(model, (X, Y), structure="input", amount=1)
    assert not inputs.layers[0].mask[:, 2].any()  # the third input does not matter
    assert remove(inputs).names[0] == ["x1", "x2"]


def test_protected_parts_stay_and_say_so_when_too_many(model: KAN) -> None:
    weakest = min(
        Session(model, (X, Y)).topology.edges(), key=lambda e: scores(model, (X, Y), "std")[e.layer][e.target, e.source]
    )
    pruned = prune(model, (X, Y), criterion="std", amount=3, protect=[weakest, (1, 2)])
    assert bool(pruned.layers[weakest.layer].mask[weakest.target, weakest.source])
    assert bool(pruned.layers[0].mask[2].all())
    with pytest.raises(ValueError, match="16 of 16 edges are to go, and only 14 may"):
        prune(model, (X, Y), criterion="std", sparsity=1.0)
    with pytest.raises(ValueError, match="only 0 may"):
        prune(model, (X, Y), amount=1, protect=[(1, n) for n in range(4)])
    with pytest.raises(ValueError, match="not in this network"):
        prune(model, (X, Y), amount=1, protect=[(0, 9, 9)])
    kept = prune(model, (X, Y), criterion="std", amount=9, min_per_layer=3)
    assert min(int(layer.mask.sum()) for layer in kept.layers) >= 3


def test_output_is_cut_only_when_told_to(model: KAN) -> None:
    nearly = prune(model, (X, Y), criterion="std", amount=14)
    assert not cut_outputs(Session(nearly, (X, Y)).masks)
    assert remove(nearly).width == [1, 1, 1]
    cut = prune(model, (X, Y), criterion="std", sparsity=1.0, keep_outputs=False)
    assert off(cut) == 16
    with torch.no_grad():
        assert float(cut(X).std()) < 1e-12
        assert torch.allclose(cut(X).mean(), model(X).mean())


@given(st.integers(0, 10**6), st.sampled_from(["edge", "node", "input"]), st.floats(0, 1))
@settings(max_examples=60)
def test_choice_never_cuts_an_output(seed: int, structure: str, share: float) -> None:
    generator = np.random.default_rng(seed)
    widths = generator.integers(1, 5, size=generator.integers(2, 5))
    masks = tuple(generator.random((b, a)) < 0.8 for a, b in itertools.pairwise(widths))
    session_like = type("T", (), {"masks": masks})()
    found = random_scores(session_like, seed)
    cut_before = cut_outputs(masks)
    try:
        parts = choose(found, masks, Target(amount=float(share)), structure=structure)
    except ValueError:
        return
    after = [mask.copy() for mask in masks]
    for part in parts:
        if len(part) == 3:
            after[part[0]][part[2], part[1]] = False
        else:
            layer, index = part
            after[layer][:, index] = False
            if layer:
                after[layer - 1][index] = False
    assert cut_outputs(tuple(after)) == cut_before


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({}, ValueError, "give one of amount, sparsity and threshold; got none"),
        ({"amount": 1, "sparsity": 0.5}, ValueError, "got amount and sparsity"),
        ({"amount": -1}, ValueError, "0 or more"),
        ({"amount": 1.5}, ValueError, "between 0 and 1"),
        ({"amount": 17}, ValueError, "17 of 16 edges"),
        ({"sparsity": 20}, ValueError, "between 0 and 1"),
        ({"amount": "many"}, TypeError, "amount must be a number"),
        ({"amount": True}, TypeError, "amount must be a number"),
        ({"threshold": float("nan")}, TypeError, "threshold must be a number"),
        ({"amount": 1, "scope": "row"}, ValueError, "scope must be one of global, layer, node"),
        ({"amount": 1, "structure": "row"}, ValueError, "structure must be one of edge, node, input"),
        ({"amount": 1, "scope": "node", "structure": "node"}, ValueError, "needs structure='edge'"),
        ({"amount": 1, "criterion": "magic"}, ValueError, "criterion must be one of"),
        ({"amount": 1, "compensate": "magic"}, ValueError, "compensate must be one of"),
    ],
)
def test_bad_option_is_refused(model: KAN, options: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        prune(model, (X, Y), **options)


def test_too_few_rows_for_a_refit_warn(model: KAN) -> None:
    with pytest.warns(RuntimeWarning, match="at least as many unknowns"):
        prune(model, (X[:8], Y[:8]), criterion="std", amount=2, compensate="least_squares")


def test_verbs_of_torch_prune(model: KAN) -> None:
    assert not is_pruned(model)
    masks = [layer.mask.clone() for layer in model.layers]
    masks[0][1, 2] = False
    pruned = custom_from_mask(model, (X, Y), [m.numpy() for m in masks])
    assert is_pruned(pruned)
    assert not is_pruned(model)
    assert off(pruned) == 1
    small = remove(prune(model, (X, Y), structure="node", amount=2))
    with torch.no_grad():
        assert small.width == [3, 2, 1]
    with pytest.raises(ValueError, match="masks must be bool arrays"):
        custom_from_mask(model, (X, Y), [np.ones((2, 2), bool)])
