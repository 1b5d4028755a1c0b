"""Brain surgery against least squares: what really is lost when an edge goes and the others are fitted again."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from kan_widget.nn import surgeon
from kan_widget.nn.network import Network
from kan_widget.nn.removal import cross_entropy, squared_error
from kan_widget.nn.spline import base_function, basis
from kan_widget.nn.surgeon import surgery

Array = NDArray[np.float64]

RIDGE = 1e-11  # so little that the fits below, which have none, agree


def network(width: list[int], seed: int = 0) -> Network:
    return Network(width, grid=3, k=2, seed=seed, noise_scale=2.0, dtype=torch.float64)


def points(columns: int, rows: int = 200, seed: int = 1) -> Tensor:
    return torch.rand(rows, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2 - 1


def designs(model: Network, x: Tensor) -> list[Array]:
    """Per layer ``(in, rows, K)``: what each edge is a linear combination of."""
    values, found = x, []
    with torch.no_grad():
        for layer in model.layers:
            spline = basis(values, layer.grid, layer.k)
            found.append(torch.cat([spline, base_function(values, layer.base)[..., None]], -1).transpose(0, 1).numpy())
            values = layer(values)
    return found


def coefficients(model: Network, layer: int, target: int) -> Array:
    """``(in, K)``."""
    parts = model.layers[layer]
    spline = parts.masked_coef()[target] * parts.scale_spline[target, :, None]
    return torch.cat([spline, parts.scale_base[target, :, None]], 1).detach().numpy()


def bends(model: Network, x: Tensor, layer: int, target: int, classes: bool) -> Array:
    """``J' H J`` of each row by finite differences of the outputs."""

    def outputs(shift: float) -> Tensor:
        values = x
        for index, part in enumerate(model.layers):
            values = part(values)
            if index == layer:
                values = values + shift * torch.nn.functional.one_hot(torch.tensor(target), values.shape[1])
        return values

    with torch.no_grad():
        jacobian = ((outputs(1e-6) - outputs(-1e-6)) / 2e-6).numpy()
        if not classes:
            return np.square(jacobian).sum(1) * 2 / jacobian.shape[1]
        p = outputs(0.0).softmax(1).numpy()
    return np.array([j @ (np.diag(q) - np.outer(q, q)) @ j for j, q in zip(jacobian, p, strict=True)])


def lost(design: Array, coef: Array, weight: Array, others: Sequence[int], gone: Sequence[int]) -> float:
    """Half the weighted mean square that `others` and a bias leave of what `gone` and they add up to."""
    together = sum(design[e] @ coef[e] for e in (*others, *gone))
    free = np.column_stack([np.ones(len(weight)), *(design[e] for e in others)]) * np.sqrt(weight)[:, None]
    wanted = together * np.sqrt(weight)
    rest = wanted - free @ np.linalg.lstsq(free, wanted, rcond=1e-12)[0]
    return float(np.square(rest).mean()) / 2


def loss_of(model: Network, x: Tensor, classes: bool):  # type: ignore[no-untyped-def]
    generator = torch.Generator().manual_seed(3)
    if classes:
        return cross_entropy(torch.randint(model.width[-1], (len(x),), generator=generator))
    return squared_error(torch.rand(len(x), model.width[-1], generator=generator, dtype=torch.float64))


def dull(model: Network) -> None:
    """Prune some edges, and what an input gives some target as a single coefficient."""
    model.layers[0].mask[0, 1] = model.layers[0].mask[2, 0] = model.layers[-1].mask[1, 2] = False


@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("pruned", [False, True])
def test_score_is_what_least_squares_cannot_make_up_for(classes: bool, pruned: bool) -> None:
    model, x = network([3, 4, 2]), points(3)
    if pruned:
        dull(model)
    found = surgery(model, x, loss_of(model, x, classes), classes=classes, ridge=RIDGE)
    for layer, (design, part) in enumerate(zip(designs(model, x), model.layers, strict=True)):
        for target, on in enumerate(part.mask):
            weight, coef = bends(model, x, layer, target, classes), coefficients(model, layer, target)
            for source in range(part.in_features):
                others = [e for e in range(part.in_features) if on[e] and e != source]
                expected = lost(design, coef, weight, others, [source])
                assert found[layer][target, source].item() == pytest.approx(expected, rel=1e-4, abs=1e-10)


@pytest.mark.parametrize("classes", [False, True])
def test_score_in_turn_is_what_each_costs_when_the_cheaper_ones_have_gone(classes: bool) -> None:
    model, x = network([4, 3, 2]), points(4)
    found = surgery(model, x, loss_of(model, x, classes), classes=classes, in_turn=True, ridge=RIDGE)
    for layer, design in enumerate(designs(model, x)):
        for target, edges in enumerate(found[layer]):
            weight, coef = bends(model, x, layer, target, classes), coefficients(model, layer, target)
            left, gone, before, highest = list(range(len(edges))), list[int](), 0.0, 0.0
            while left:
                cost = {e: lost(design, coef, weight, [o for o in left if o != e], [*gone, e]) for e in left}
                cheapest = min(cost, key=cost.__getitem__)
                highest = max(highest, cost[cheapest] - before)
                assert edges[cheapest].item() == pytest.approx(highest, rel=1e-4, abs=1e-10)
                before = cost[cheapest]
                left.remove(cheapest)
                gone.append(cheapest)


def test_score_is_the_rise_of_the_loss_of_one_layer_after_the_best_refit() -> None:
    """Mean squared error of a network without a hidden layer, fitted to its labels as well as can be."""
    model, x = network([3, 1]), points(3)
    y = torch.sin(3 * x[:, :1]) + x[:, 1:2] * x[:, 2:]
    layer, design = model.layers[0], designs(model, x)[0]

    def fit(edges: list[int]) -> tuple[float, Array]:
        free = np.column_stack([np.ones(len(x)), *(design[e] for e in edges)])
        solution = np.linalg.lstsq(free, y[:, 0].numpy(), rcond=1e-12)[0]
        return float(np.square(y[:, 0].numpy() - free @ solution).mean()), solution

    best, solution = fit([0, 1, 2])
    with torch.no_grad():
        blocks = torch.as_tensor(solution[1:]).view(3, -1)
        layer.coef[0], layer.scale_spline[0], layer.scale_base[0] = blocks[:, :-1], 1, blocks[:, -1]
        layer.bias[0] = solution[0]
        assert (model(x) - y).square().mean().item() == pytest.approx(best)
    found = surgery(model, x, squared_error(y), classes=False, ridge=RIDGE)[0][0]
    for edge in range(3):
        assert found[edge].item() == pytest.approx(fit([e for e in range(3) if e != edge])[0] - best, rel=1e-5)


def test_coefficient_that_is_pruned_alone_makes_up_for_nothing() -> None:
    model, x = network([3, 1]), points(3)
    layer = model.layers[0]
    layer.coef_mask = torch.ones_like(layer.coef, dtype=torch.bool)
    layer.coef_mask[0, 1, :3] = False
    found = surgery(model, x, loss_of(model, x, False), classes=False, ridge=RIDGE)[0][0]
    design, coef = designs(model, x)[0], coefficients(model, 0, 0)
    design[1, :, :3] = 0
    for edge in range(3):
        expected = lost(design, coef, np.full(len(x), 2.0), [e for e in range(3) if e != edge], [edge])
        assert found[edge].item() == pytest.approx(expected, rel=1e-4)


def test_of_two_copies_both_are_free_but_only_one_in_turn() -> None:
    model, x = network([3, 2, 1]), points(3)
    x[:, 2] = x[:, 1]
    row_loss = loss_of(model, x, False)
    alone = surgery(model, x, row_loss, classes=False)[0]
    in_turn = surgery(model, x, row_loss, classes=False, in_turn=True)[0]
    assert (alone[:, 1:] < 1e-3 * alone[:, :1]).all()
    assert (in_turn[:, 1:].amin(1) < 1e-3 * alone[:, 0]).all()
    assert (in_turn[:, 1:].amax(1) > 0.1 * alone[:, 0]).all()


def test_constant_moved_from_an_edge_to_the_bias_changes_nothing() -> None:
    model, x = network([3, 2]), points(3)
    moved = model.copy()
    with torch.no_grad():
        moved.layers[0].coef[1, 0] += 30 / moved.layers[0].scale_spline[1, 0]
        moved.layers[0].bias[1] -= 30
    a, b = (surgery(one, x, loss_of(one, x, False), classes=False)[0] for one in (model, moved))
    assert torch.allclose(a, b, rtol=1e-6)


def test_pieces_of_the_rows_and_of_memory_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = network([3, 4, 2]), points(3)
    dull(model)
    whole = surgery(model, x, loss_of(model, x, True), classes=True)
    monkeypatch.setattr(surgeon, "_ELEMENTS", 100)
    for a, b in zip(whole, surgery(model, x, loss_of(model, x, True), classes=True), strict=True):
        assert torch.allclose(a, b, rtol=1e-8)


@pytest.mark.parametrize("in_turn", [False, True])
def test_fewer_rows_than_unknowns_nothing_on_and_no_slope_give_finite_scores_always_the_same(in_turn: bool) -> None:
    model, x = network([5, 4, 2]), points(5, rows=12)
    model.layers[0].mask[0] = False
    with torch.no_grad():
        for part in (model.layers[1].coef, model.layers[1].scale_base):
            part[:, 2] = 0  # nothing comes of the third hidden node
    row_loss = loss_of(model, x, False)
    first, second = (surgery(model, x, row_loss, classes=False, in_turn=in_turn) for _ in range(2))
    assert all(torch.isfinite(edges).all() and (edges >= 0).all() for edges in first)
    assert all(map(torch.equal, first, second))
    assert (first[0][0] > 0).all()  # nothing is on that could make up for these
    assert not first[0][2].any()


def test_too_many_unknowns_are_refused_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = network([3, 4, 2]), points(3)
    monkeypatch.setattr(surgeon, "UNKNOWNS", 17)
    with pytest.raises(ValueError, match=r"at most 17; .* layer 1 has 3 edges of 6 coefficients\. Prune .*refine"):
        surgery(model, x, loss_of(model, x, False), classes=False)
    model.layers[0].mask[:, 0] = False
    model.layers[1].mask[:, :2] = False
    assert len(surgery(model, x, loss_of(model, x, False), classes=False)) == 2


@pytest.mark.parametrize("scale", [1e4, 1e6, 1e12])
@pytest.mark.parametrize("in_turn", [False, True])
def test_inputs_far_off_the_grid_have_scores_all_the_same(scale: float, in_turn: bool) -> None:
    for seed in range(3):
        model, x = Network([3, 4, 1], seed=seed, dtype=torch.float64), points(3, 300) * scale
        for found in surgery(model, x, squared_error(torch.sin(x[:, :1] / scale)), classes=False, in_turn=in_turn):
            assert bool(((found >= 0) & found.isfinite()).all())


def test_rows_that_the_loss_does_not_feel_count_for_nothing() -> None:
    model, x = network([2, 3, 1]), points(2, 60)
    values = torch.cat([x, x * 1e6]).T
    on = torch.ones(2, dtype=torch.bool)
    free = torch.ones(2, model.layers[0].coef.shape[-1] + 1, dtype=torch.bool)
    left = torch.zeros(1, 0, free.shape[1], dtype=torch.float64)
    bend = torch.cat([torch.ones(60), torch.zeros(60)]).double()
    both = surgeon._moments(model.layers[0], values, bend, on, free, left)[0] * 2
    felt = surgeon._moments(model.layers[0], x.T, bend[:60], on, free, left)[0]
    torch.testing.assert_close(both, felt, rtol=1e-9, atol=1e-15)
