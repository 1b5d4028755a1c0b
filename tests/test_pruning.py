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


def off_alone(model: KAN) -> list[int]:
    """How many coefficients of each layer are pruned alone."""
    return [0 if layer.coef_mask is None else int((~layer.coef_mask).sum()) for layer in model.layers]


def acting(model: KAN) -> list[Tensor]:
    return [(layer.scale_spline.unsqueeze(-1) * layer.coef).detach() for layer in model.layers]


def test_coefficients_go_as_weights_do_in_torch(model: KAN) -> None:
    """Exactly the smallest by ``|w|``, as torch's own functions find them on the same tensors."""
    from torch.nn.utils import prune as torch_prune

    modules = []
    for weight in acting(model):
        module = torch.nn.Module()
        module.weight = torch.nn.Parameter(weight.clone())
        modules.append(module)
    torch_prune.global_unstructured([(m, "weight") for m in modules], torch_prune.L1Unstructured, amount=0.2)
    pruned = prune(model, (X, Y), structure="coefficient", criterion="coefficient", amount=0.2)
    assert sum(off_alone(pruned)) == 19  # of 96
    for layer, module in zip(pruned.layers, modules, strict=True):
        assert torch.equal(layer.coef_mask, module.weight_mask.bool())
    local = torch.nn.Module()
    local.weight = torch.nn.Parameter(acting(model)[0].clone())
    torch_prune.l1_unstructured(local, "weight", amount=7)
    by_layer = prune(model, (X, Y), structure="coefficient", criterion="coefficient", amount=7, scope="layer")
    assert torch.equal(by_layer.layers[0].coef_mask, local.weight_mask.bool())


@pytest.mark.parametrize("compensate", ["mean", "none", "gain_bias", "least_squares"])
def test_coefficients_of_a_copy_are_pruned_for_good(model: KAN, compensate: str) -> None:
    before, outputs = bits(model), model(X)
    pruned = prune(model, (X, Y), structure="coefficient", amount=0.2, compensate=compensate)
    assert pruned is not model
    assert bits(model).keys() == before.keys()
    assert all(torch.equal(before[name], tensor) for name, tensor in bits(model).items())
    assert torch.equal(model(X), outputs)
    assert (is_pruned(pruned), is_pruned(model)) == (True, False)
    assert off(pruned) == 0
    gone = [~layer.coef_mask for layer in pruned.layers]
    assert sum(int(g.sum()) for g in gone) == 19
    pruned.fit((X, Y), steps=2, progress=False)
    again = [layer.coef.detach()[g] for layer, g in zip(pruned.layers, gone, strict=True)]
    assert not any(bool(c.any()) for c in again)
    small = remove(pruned)
    torch.testing.assert_close(small(X), pruned(X), rtol=0, atol=1e-12)
    assert is_pruned(small)


def test_amount_of_coefficients_is_of_what_is_left_and_sparsity_of_all(model: KAN) -> None:
    options: dict[str, Any] = {"structure": "coefficient", "criterion": "std"}
    once = prune(model, (X, Y), amount=0.2, **options)
    assert sum(off_alone(prune(once, (X, Y), amount=0.2, **options))) == 19 + 15  # 0.2 of the 77 that were left
    assert sum(off_alone(prune(once, (X, Y), sparsity=0.3, **options))) == 29
    assert sum(off_alone(prune(once, (X, Y), sparsity=0.1, **options))) == 19
    assert off_alone(prune(model, (X, Y), amount=0, **options)) == [0, 0]
    assert not is_pruned(prune(model, (X, Y), amount=0, **options))
    lighter = prune(model, (X, Y), criterion="std", amount=4)  # 24 coefficients went with their edges
    assert sum(off_alone(prune(lighter, (X, Y), sparsity=0.2, **options))) == 0
    assert sum(off_alone(prune(lighter, (X, Y), sparsity=0.3, **options))) == 29 - 24
    everything = prune(lighter, (X, Y), sparsity=1.0, **options)
    assert sum(off_alone(everything)) == 96 - 24
    assert float(everything(X).detach().std()) > 0.01  # base functions are left


def test_coefficients_are_ranked_within_layers_and_nodes(model: KAN) -> None:
    options: dict[str, Any] = {"structure": "coefficient", "criterion": "l1", "amount": 0.25}
    assert off_alone(prune(model, (X, Y), scope="layer", **options)) == [18, 6]
    by_node = prune(model, (X, Y), scope="node", **options)
    assert [(~layer.coef_mask).sum((1, 2)).tolist() for layer in by_node.layers] == [[4, 4, 4, 4], [6]]
    values = scores(model, (X, Y), "l1", "coefficient")[0]
    gone = ~by_node.layers[0].coef_mask.numpy()
    assert all(values[j][gone[j]].max() <= values[j][~gone[j]].min() for j in range(4))


def test_coefficients_below_a_threshold_go(model: KAN) -> None:
    values = scores(model, (X, Y), "taylor2", "coefficient")
    assert [v.shape for v in values] == [(4, 3, 6), (1, 4, 6)]
    pruned = prune(model, (X, Y), structure="coefficient", criterion="taylor2", threshold=0.0)
    assert off_alone(pruned) == [int((v < 0).sum()) for v in values]


def test_protected_coefficients_stay(model: KAN) -> None:
    options: dict[str, Any] = {"structure": "coefficient", "criterion": "std"}
    pruned = prune(model, (X, Y), amount=40, protect=[(0, 2, 1), (1, 3)], **options)
    assert bool(pruned.layers[0].coef_mask[1, 2].all())
    assert bool(pruned.layers[0].coef_mask[3].all())
    assert bool(pruned.layers[1].coef_mask[:, 3].all())
    assert sum(off_alone(pruned)) == 40
    with pytest.raises(ValueError, match="96 of 96 coefficients are to go, and only 66 may"):
        prune(model, (X, Y), sparsity=1.0, protect=[(0, 2, 1), (1, 3)], **options)
    kept = prune(model, (X, Y), amount=70, min_per_layer=13, **options)
    assert off_alone(kept)[1] <= 24 - 13
    with pytest.raises(ValueError, match="80 of 96 coefficients are to go, and only 70 may"):
        prune(model, (X, Y), amount=80, min_per_layer=13, **options)


def test_an_output_of_splines_alone_keeps_its_strongest_path() -> None:
    model = KAN([3, 4, 2], grid=3, seed=0, base="zero", noise_scale=1.0, dtype=torch.float64)
    y = torch.cat([Y, -Y], dim=1)
    options: dict[str, Any] = {"structure": "coefficient", "criterion": "std"}
    with pytest.raises(ValueError, match=r"and only 11[67] may: .* the last way to an output"):
        prune(model, (X, y), sparsity=1.0, **options)
    nearly = prune(model, (X, y), amount=116, **options)
    assert bool((nearly(X).detach().std(0) > 0).all())
    nothing = prune(model, (X, y), sparsity=1.0, keep_outputs=False, **options)
    assert bool((nothing(X).detach().std(0) == 0).all())
    torch.testing.assert_close(nothing(X).mean(0), nothing(X)[0])


def test_one_coefficient_costs_what_its_score_says() -> None:
    """One layer and a squared loss: the second order is all there is, and `auto` takes it."""
    single = KAN([3, 1], grid=4, seed=1, noise_scale=2.0, dtype=torch.float64)
    values = scores(single, (X, Y), "auto", "coefficient")[0]
    pruned = prune(single, (X, Y), structure="coefficient", amount=1)
    gone = np.argwhere(~pruned.layers[0].coef_mask.numpy())
    assert [tuple(place) for place in gone] == [np.unravel_index(values.argmin(), values.shape)]
    before, after = (float((m(X) - Y).detach().square().mean()) for m in (single, pruned))
    assert after - before == pytest.approx(values.min(), abs=1e-12)


def test_scores_of_coefficients_say_what_their_names_say(model: KAN) -> None:
    found = {
        name: np.concatenate([s.ravel() for s in scores(model, (X, Y), name, "coefficient")])
        for name in ("coefficient", "l1", "std", "gradient", "fisher", "gauss_newton", "taylor2", "auto")
    }
    weights = np.concatenate([w.numpy().ravel() for w in acting(model)])
    np.testing.assert_allclose(found["coefficient"], np.abs(weights))
    np.testing.assert_allclose(found["taylor2"], found["gradient"] + found["gauss_newton"])
    np.testing.assert_array_equal(found["auto"], found["taylor2"])
    assert (found["gradient"] < 0).any()
    assert all((found[name] >= 0).all() for name in ("l1", "std", "fisher", "gauss_newton"))
    draws = [scores(model, (X, Y), name, "coefficient")[0] for name in ("random", "random", "random:0", "random:1")]
    assert np.array_equal(draws[0], draws[1])
    assert np.array_equal(draws[0], draws[2])
    assert not np.array_equal(draws[0], draws[3])


@pytest.mark.parametrize("criterion", ["leave_one_out", "attribution", "obs", "shapley", "magic", "random:x"])
def test_coefficients_have_criteria_of_their_own(model: KAN, criterion: str) -> None:
    words = "criterion must be one of coefficient, l1, std, .*taylor2, auto, random where structure='coefficient'"
    with pytest.raises(ValueError, match=words):
        scores(model, (X, Y), criterion, "coefficient")
    with pytest.raises(ValueError, match=words):
        prune(model, (X, Y), structure="coefficient", criterion=criterion, amount=1)


def test_a_session_sees_what_is_off_and_does_not_offer_it(model: KAN) -> None:
    pruned = prune(model, (X, Y), structure="coefficient", amount=0.2)
    before, after = (Session(m, (X, Y)).metrics.cost for m in (model, pruned))
    assert (after.parameters, after.edges) == (before.parameters - 19, before.edges)
    assert after.bytes == before.bytes  # they keep their place
    with pytest.raises(ValueError, match="structure must be one of edge, node, input; got 'coefficient'"):
        Session(model, (X, Y), structure="coefficient")
    session = Session(pruned, (X, Y), compensate="least_squares")
    coefficients = pruned.layers[0].coef.detach().clone()
    mask = pruned.layers[0].coef_mask.clone()
    session.set_sparsity(0.2)
    assert not bool(pruned.layers[0].coef.detach()[~mask].any())
    gone = int((~pruned.layers[0].mask).sum() + (~pruned.layers[1].mask).sum())
    assert gone == 3
    on = [layer.coef_mask & layer.mask.unsqueeze(-1) for layer in pruned.layers]
    assert session.metrics.cost.parameters == sum(int(o.sum()) for o in on) + 2 * (16 - gone) + 5
    session.undo()
    assert torch.equal(pruned.layers[0].coef, coefficients)


def test_names_of_pykan_leave_coefficients_off(model: KAN) -> None:
    pruned = prune(model, (X, Y), structure="coefficient", amount=0.5)
    mask = pruned.layers[1].coef_mask
    pruned.remove_edge(0, 0, 1)
    pruned.prune_edge(1e-3)
    smaller = pruned.prune(mode="manual", active_neurons_id=[[0, 2]])
    assert smaller.width == [3, 2, 1]
    kept = mask[:, [0, 2]] | ~smaller.layers[1].mask.unsqueeze(-1)
    assert torch.equal(smaller.layers[1].coef_mask, kept)


def test_too_few_rows_for_coefficients_warn(model: KAN) -> None:
    with pytest.warns(RuntimeWarning, match="at least as many unknowns"):
        prune(model, (X[:8], Y[:8]), structure="coefficient", amount=2, compensate="least_squares")
