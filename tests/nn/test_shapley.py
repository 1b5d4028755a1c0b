"""Shapley values against the average over all orders, and against the axioms that define them."""

import itertools
from math import factorial

import pytest
import torch
from torch import Tensor

from kan_widget.nn import shapley as module
from kan_widget.nn.network import Network
from kan_widget.nn.removal import RowLoss, cross_entropy, squared_error
from kan_widget.nn.shapley import shapley
from kan_widget.nn.statistics import edge_statistics


def task(width: list[int], classes: bool = False) -> tuple[Network, Tensor, RowLoss, list[Tensor]]:
    model = Network(width, grid=3, k=3, seed=0, noise_scale=2.0, dtype=torch.float64)
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(60, width[0], generator=generator, dtype=torch.float64) * 2 - 1
    model.layers[-1].mask[0, 1] = False
    model.layers[-1].fill[0, 1] = 0.3
    means = [layer.mean for layer in edge_statistics(model, x)]
    if classes:
        return model, x, cross_entropy(torch.randint(width[-1], (60,), generator=generator)), means
    return model, x, squared_error(torch.rand(60, width[-1], generator=generator, dtype=torch.float64)), means


@torch.no_grad()
def losses(model: Network, x: Tensor, loss: RowLoss, means: list[Tensor], layer: int, absent: list[int]) -> Tensor:
    """The loss of each row on a copy without these nodes."""
    twin = model.copy()
    for node in absent:
        index = min(layer, model.depth - 1)
        where = (slice(None), node) if layer < model.depth else (node, slice(None))
        part = twin.layers[index]
        part.fill[where] = torch.where(part.mask[where], means[index][where], part.fill[where])
        part.mask[where] = False
    return loss(twin(x))


@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("width", [[3, 4, 2], [2, 3, 4, 2]])
def test_value_is_what_a_node_adds_on_average_over_all_orders(width: list[int], classes: bool) -> None:
    model, x, loss, means = task(width, classes)
    found = shapley(model, x, loss, means)
    for layer, n in enumerate(width):
        total = torch.zeros(n, len(x), dtype=torch.float64)
        for order in itertools.permutations(range(n)):
            for turn, node in enumerate(order):
                without = losses(model, x, loss, means, layer, list(order[turn:]))
                total[node] += without - losses(model, x, loss, means, layer, list(order[turn + 1 :]))
        rows = total / factorial(n)
        assert torch.allclose(found.nodes[layer], rows.mean(1), atol=1e-12)
        assert torch.allclose(found.row_errors[layer], rows.std(1) / len(x) ** 0.5, atol=1e-12)
        assert not found.order_errors[layer].any()


@pytest.mark.parametrize("exact", [0, 12])
def test_values_of_a_layer_sum_to_what_the_loss_grows_by_without_it(exact: int) -> None:
    model, x, loss, means = task([9, 7, 3], classes=True)
    found = shapley(model, x, loss, means, exact=exact, pairs=3)
    for layer, n in enumerate(model.width):
        rise = losses(model, x, loss, means, layer, list(range(n))) - losses(model, x, loss, means, layer, [])
        assert found.nodes[layer].sum().item() == pytest.approx(rise.mean().item(), abs=1e-12)


def test_nodes_that_do_the_same_are_worth_the_same() -> None:
    model, x, loss, _ = task([3, 5, 2])
    with torch.no_grad():
        for parameter in (model.layers[0].coef, model.layers[0].scale_base):
            parameter[4] = parameter[3]
        for parameter in (model.layers[1].coef, model.layers[1].scale_base, model.layers[1].grid):
            side = parameter if parameter is model.layers[1].grid else parameter.transpose(0, 1)
            side[4] = side[3]
    means = [layer.mean for layer in edge_statistics(model, x)]
    values = shapley(model, x, loss, means).nodes[1]
    assert values[3].item() == pytest.approx(values[4].item(), abs=1e-12)
    assert abs(values[3] - values[0]) > 1e-6


@pytest.mark.parametrize("exact", [0, 12])
def test_node_that_adds_nothing_is_worth_nothing(exact: int) -> None:
    model, x, loss, _ = task([3, 5, 2])
    with torch.no_grad():
        model.layers[1].coef[:, 2] = 0.7  # a constant
        model.layers[1].scale_base[:, 2] = 0
        model.layers[1].mask[:, 4] = False
    model.update_grid(x)
    means = [layer.mean for layer in edge_statistics(model, x)]
    found = shapley(model, x, loss, means, exact=exact, pairs=3)
    assert found.nodes[1][4] == found.row_errors[1][4] == 0
    assert abs(found.nodes[1][2]) < 1e-9
    assert (found.nodes[1][[0, 1, 3]].abs() > 1e-6).all()


def test_sampled_values_lie_within_their_errors_of_the_exact_ones() -> None:
    model, x, loss, means = task([10, 10, 2], classes=True)
    exact, drawn = shapley(model, x, loss, means), shapley(model, x, loss, means, exact=5)
    for layer in (0, 1):
        error = drawn.order_errors[layer]
        apart = (drawn.nodes[layer] - exact.nodes[layer]).abs() / error
        assert (apart < 4).all()
        assert apart.mean() > 0.3  # and the errors are none too large
        assert torch.allclose(drawn.row_errors[layer], exact.row_errors[layer], rtol=0.3)
    assert torch.equal(drawn.nodes[2], exact.nodes[2])


def test_order_and_its_reverse_are_enough_where_nodes_interact_in_pairs() -> None:
    """As they do in the squared error of one layer."""
    model, x, loss, means = task([6, 2])
    exact, drawn = shapley(model, x, loss, means), shapley(model, x, loss, means, exact=5, pairs=2)
    assert torch.allclose(exact.nodes[0], drawn.nodes[0], atol=1e-12)
    assert (drawn.order_errors[0] < 1e-12).all()


def test_orders_are_those_of_the_seed_and_touch_no_other_randomness() -> None:
    model, x, loss, means = task([6, 3, 1])
    state = torch.get_rng_state()
    first, again, other = (shapley(model, x, loss, means, exact=2, pairs=4, seed=seed).nodes[0] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(state, torch.get_rng_state())


def test_blocks_of_coalitions_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x, loss, means = task([5, 4, 2])
    whole = shapley(model, x, loss, means)
    monkeypatch.setattr(module, "_ELEMENTS", 700)
    monkeypatch.setattr(module, "_BLOCK", 5)
    for a, b in zip(whole.nodes, shapley(model, x, loss, means).nodes, strict=True):
        assert torch.allclose(a, b, atol=1e-14)
