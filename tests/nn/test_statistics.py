"""What one pass shows is the same in blocks of rows as in one piece."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from kan_widget.nn import statistics
from kan_widget.nn.network import Network
from tests.nn import oracle


def points(rows: int) -> Tensor:
    return torch.randn(rows, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 0.4 + 5.0


def network() -> Network:
    model = Network([3, 4, 2], seed=0, dtype=torch.float64, noise_scale=1.0, grid_range=(4.0, 6.0))
    model.set_masks(*oracle.random_masks(model, 0.3, 2))
    return model


def test_blocks_of_rows_give_the_moments_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = network(), points(101)
    whole = statistics.edge_statistics(model, x)
    monkeypatch.setattr(statistics, "_ELEMENTS", 90)
    for one, two in zip(whole, statistics.edge_statistics(model, x), strict=True):
        for name in one._fields:
            torch.testing.assert_close(getattr(two, name), getattr(one, name), rtol=1e-10, atol=1e-12, msg=name)


def test_moments_are_those_of_the_edges_and_nodes() -> None:
    model, x = network(), points(60)
    values = x.T.contiguous()
    for layer, found in zip(model.layers, statistics.edge_statistics(model, x), strict=True):
        edges = layer.edge_values(values)
        torch.testing.assert_close(found.mean, edges.mean(-1))
        torch.testing.assert_close(found.mean_abs, edges.abs().mean(-1))
        torch.testing.assert_close(found.std, edges.std(-1))
        torch.testing.assert_close(found.input_std, values.std(1))
        assert torch.equal(found.input_low, values.amin(1))
        assert torch.equal(found.input_high, values.amax(1))
        values = layer.transform(values).detach()
        torch.testing.assert_close(found.output_std, values.std(1))


def test_density_counts_every_row_and_curves_run_from_low_to_high() -> None:
    model, x = network(), points(60)
    found = statistics.edge_statistics(model, x, points=5, bins=4)[0]
    assert found.density.shape == (3, 4)
    assert found.density.sum(1).tolist() == [60, 60, 60]
    assert (found.density[:, 0] > 0).all()
    assert (found.density[:, -1] > 0).all()
    ends = torch.stack([x.amin(0), x.amax(0)], dim=1)
    assert found.curves.shape == (4, 3, 5)
    torch.testing.assert_close(found.curves[:, :, [0, -1]], model.layers[0].edge_values(ends))


def test_one_row_has_no_spread_rather_than_nan() -> None:
    for found in statistics.edge_statistics(network(), points(1)):
        assert torch.equal(found.std, torch.zeros_like(found.std))
        assert torch.equal(found.output_std, torch.zeros_like(found.output_std))
        assert torch.isfinite(found.curves).all()


def test_c_and_torch_measure_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = network(), points(700)
    found = []
    for name in ("torch", "native"):
        monkeypatch.setenv("KAN_WIDGET_BACKEND", name)
        found.append(statistics.edge_statistics(model, x))
    for one, two in zip(*found, strict=True):
        for name in one._fields:
            torch.testing.assert_close(getattr(two, name), getattr(one, name), rtol=1e-12, atol=1e-14, msg=name)


def test_nodes_that_never_change_have_no_spread() -> None:
    x = torch.cat([points(30)[:, :2], torch.full((30, 1), 0.1, dtype=torch.float64)], dim=1)
    found = statistics.edge_statistics(network(), x)[0]
    assert found.input_std[2] == 0
    assert (found.input_std[:2] > 0).all()
