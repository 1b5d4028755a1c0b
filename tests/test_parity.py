"""The mathematics is pykan 0.2.8's, number for number, in float64."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from kan_widget import create_dataset
from kan_widget.nn import grids, spline
from kan_widget.nn.penalties import Penalty, forward_with_penalty
from kan_widget.nn.statistics import edge_statistics
from tests.nn import oracle

WIDTHS = [[2, 5, 1], [3, 4, 4, 2], [1, 1]]


@pytest.fixture(autouse=True)
def _double(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    with oracle.float64():
        yield


def points(rows: int, columns: int, spread: float = 1.0) -> torch.Tensor:
    return (torch.rand(rows, columns, generator=torch.Generator().manual_seed(7)) * 2 - 1) * spread


def close(ours: torch.Tensor, theirs: torch.Tensor, tolerance: float = 1e-12) -> None:
    torch.testing.assert_close(ours.detach(), theirs.detach(), rtol=tolerance, atol=tolerance)


@pytest.fixture(params=WIDTHS, ids=str)
def pair(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    theirs = oracle.pykan(request.param)
    return theirs, oracle.mirrored(theirs)


@pytest.fixture(params=WIDTHS, ids=str)
def masked_pair(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    theirs = oracle.pykan(request.param, seed=3)
    oracle.mask_some(theirs, seed=1)
    return theirs, oracle.mirrored(theirs)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
@pytest.mark.parametrize("intervals", [1, 2, 7])
def test_basis_is_pykans_inside_outside_and_on_knots(k: int, intervals: int) -> None:
    from kan.spline import B_batch

    generator = torch.Generator().manual_seed(10 * k + intervals)
    grid = oracle.uneven_grid(3, intervals, k, generator)
    x = torch.cat([points(200, 3, 5.0), grid.T, torch.tensor([[1e30], [-1e30]]).expand(2, 3)])
    theirs = B_batch(x, grid, k=k)
    close(spline.basis(x, grid, k), theirs)
    fast = spline.features(x.T.contiguous(), spline.Knots.of(grid, k), "silu")
    close(fast[:-1].permute(2, 1, 0), theirs)
    close(fast[-1].T, torch.nn.functional.silu(x))


def test_layer_is_pykans(masked_pair: tuple[Any, Any]) -> None:
    theirs, ours = masked_pair
    for layer, own, bias in zip(theirs.act_fun, ours.layers, theirs.node_bias, strict=True):
        x = points(100, own.in_features, 3.0)
        y, _, postacts, postspline = layer(x)
        close(own(x), y + bias)
        values = own.edge_values(x.T.contiguous())
        close(torch.where(own.mask.unsqueeze(-1), values, 0.0).permute(2, 0, 1), postacts)
        assert postspline.shape == postacts.shape


@pytest.mark.parametrize("spread", [1.0, 4.0])
def test_network_is_pykans(pair: tuple[Any, Any], spread: float) -> None:
    theirs, ours = pair
    x = points(300, ours.width[0], spread)
    close(ours(x), theirs(x))


def test_network_with_masks_and_no_fill_is_pykans(masked_pair: tuple[Any, Any]) -> None:
    theirs, ours = masked_pair
    assert not all(bool(layer.mask.all()) for layer in ours.layers) or ours.width == [1, 1]
    x = points(300, ours.width[0], 2.0)
    close(ours(x), theirs(x))


def test_l1_and_std_are_the_mean_and_spread_of_pykans_activations(masked_pair: tuple[Any, Any]) -> None:
    theirs, ours = masked_pair
    x = points(3000, ours.width[0])
    theirs(x)
    for own, postacts, layer in zip(edge_statistics(ours, x), theirs.spline_postacts, ours.layers, strict=True):
        close(own.mean_abs[layer.mask], postacts.abs().mean(0)[layer.mask])
        close(own.mean[layer.mask], postacts.mean(0)[layer.mask])
        close(own.std[layer.mask], postacts.std(0)[layer.mask], 1e-9)
    for own, total in zip(edge_statistics(ours, x), theirs.subnode_actscale, strict=True):
        close(own.output_std, total, 1e-9)


def test_attribution_of_edges_and_nodes_is_pykans(masked_pair: tuple[Any, Any]) -> None:
    theirs, ours = masked_pair
    x = points(500, ours.width[0])
    theirs(x)
    theirs.attribute()
    ours.data = ours.coerce(x)
    for mine, his in zip(ours.node_scores, theirs.node_scores, strict=True):
        close(mine, his, 1e-9)
    for mine, his, layer in zip(ours.edge_scores, theirs.edge_scores, ours.layers, strict=True):
        close(mine[layer.mask], his[layer.mask], 1e-9)


def test_attribute_and_feature_score_are_pykans(masked_pair: tuple[Any, Any]) -> None:
    theirs, ours = masked_pair
    x = points(500, ours.width[0])
    theirs(x)
    close(ours.attribute(data=x), theirs.feature_score, 1e-9)
    ours.data = ours.coerce(x)
    close(ours.feature_score, theirs.feature_score, 1e-9)
    weights = torch.arange(1.0, ours.width[-1] + 1)
    theirs.attribute(out_score=weights)
    close(ours.attribute(out_score=weights, data=x), theirs.node_scores[0], 1e-9)


def test_attribute_of_a_layer_and_of_a_node_is_pykans(masked_pair: tuple[Any, Any]) -> None:
    theirs, ours = masked_pair
    x = points(500, ours.width[0])
    theirs(x)
    for layer in range(1, ours.depth + 1):
        his = theirs.attribute(layer, plot=False)
        close(ours.attribute(layer, data=x), his, 1e-9)
        last = ours.width[layer] - 1
        close(ours.attribute(layer, last, data=x), theirs.attribute(layer, last, plot=False), 1e-9)


TERMS = [
    ("edge_forward_spline_n", 1.0, 2.0, 0.0, 0.0),
    ("edge_forward_spline_n", 1.0, 10.0, 0.5, 0.25),
    ("edge_forward_spline_u", 0.7, 2.0, 0.0, 0.3),
]


@pytest.mark.parametrize("terms", TERMS, ids=lambda t: f"{t[0][-1]}-{t[2]:g}-{t[3]:g}")
def test_objective_and_its_gradient_are_pykans(masked_pair: tuple[Any, Any], terms: tuple[Any, ...]) -> None:
    theirs, ours = masked_pair
    x = points(400, ours.width[0], 1.5)
    y = points(400, ours.width[-1])
    lamb = 0.3
    for bias in (*theirs.node_bias, *(layer.bias for layer in ours.layers)):
        bias.requires_grad_()
    theirs.symbolic_enabled = False
    his = torch.mean((theirs(x) - y) ** 2) + lamb * theirs.get_reg(*terms)
    his.backward()
    outputs, reg = forward_with_penalty(ours, x, Penalty(*terms))
    own = torch.mean((outputs - y) ** 2) + lamb * reg
    own.backward()
    close(own, his)
    for layer, mine, bias in zip(theirs.act_fun, ours.layers, theirs.node_bias, strict=True):
        close(mine.coef.grad, layer.coef.grad.transpose(0, 1), 1e-9)
        close(mine.scale_base.grad, layer.scale_base.grad.T, 1e-9)
        close(mine.scale_spline.grad, layer.scale_sp.grad.T, 1e-9)
        close(mine.bias.grad, bias.grad, 1e-9)


@pytest.mark.parametrize("metric", ["edge_forward_spline_n", "edge_forward_spline_u", "paper"])
def test_penalised_forward_gives_the_same_outputs(pair: tuple[Any, Any], metric: str) -> None:
    _, ours = pair
    x = points(50, ours.width[0])
    close(forward_with_penalty(ours, x, Penalty(metric))[0], ours(x), 1e-14)


def test_paper_penalty_is_equations_2_17_to_2_20(pair: tuple[Any, Any]) -> None:
    theirs, ours = pair
    x = points(200, ours.width[0])
    theirs(x)
    expected = 0.0
    for postacts in theirs.spline_postacts:
        size = postacts.abs().mean(0)
        share = size / size.sum()
        expected = expected + 0.5 * size.sum() - 3.0 * (share * share.log()).sum()
    close(forward_with_penalty(ours, x, Penalty("paper", 0.5, 3.0))[1], expected, 1e-10)


def test_adaptive_knots_are_pykans(pair: tuple[Any, Any]) -> None:
    theirs, ours = pair
    theirs.grid_eps = 0.02
    for layer, own in zip(theirs.act_fun, ours.layers, strict=True):
        x = points(321, own.in_features, 2.0) ** 3
        moved = grids.adaptive_grid(x.T.contiguous(), own.grid, own.k, 0.02)
        layer.update_grid_from_samples(x)
        close(moved, layer.grid)


def test_network_after_a_grid_update_is_pykans(pair: tuple[Any, Any]) -> None:
    theirs, ours = pair
    x = points(400, ours.width[0])
    ours.update_grid(x)
    with contextlib.redirect_stdout(io.StringIO()):
        theirs.update_grid(x)
    # Both least-squares fits are good to about the square root of what float64 can hold.
    close(ours(x), theirs(x), 1e-6)
    for layer, own in zip(theirs.act_fun, ours.layers, strict=True):
        close(own.grid, layer.grid, 1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"n_var": 2},
        {"n_var": 3, "ranges": [[-1, 1], [0, 2], [3, 3.5]], "seed": 5, "train_num": 7, "test_num": 9},
        {"n_var": 2, "f_mode": "row", "ranges": [0, 1]},
        {"n_var": 2, "normalize_input": True, "normalize_label": True},
    ],
    ids=["plain", "ranges", "row", "normalised"],
)
def test_create_dataset_draws_pykans_bits(options: dict[str, Any]) -> None:
    from kan.utils import create_dataset as theirs

    torch.set_default_dtype(torch.float32)

    def f(x: torch.Tensor) -> torch.Tensor:
        return torch.sin(x[0]) + x[1] if options.get("f_mode") == "row" else torch.sin(x[:, [0]]) + x[:, [1]]

    with oracle.own_seed():
        expected = theirs(f, **options)
    own = create_dataset(f, **options)
    assert sorted(own) == sorted(expected)
    for name, tensor in expected.items():
        if "row" in options.values() and name.endswith("label"):
            tensor = tensor.reshape(len(tensor), -1)
        assert torch.equal(own[name], tensor), name
