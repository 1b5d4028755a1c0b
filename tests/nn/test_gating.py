"""Skipped edges, against going through rows and edges one by one."""

import pytest
import torch
from torch import Tensor

from kan_widget.nn.gating import gated
from kan_widget.nn.network import Network
from kan_widget.nn.statistics import edge_statistics

X = torch.rand(40, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1


@pytest.fixture
def network() -> Network:
    network = Network([3, 4, 2], grid=3, seed=0, noise_scale=2.0, dtype=torch.float64)
    masks = [torch.ones(4, 3, dtype=torch.bool), torch.ones(2, 4, dtype=torch.bool)]
    masks[0][1, 2] = masks[1][0, 3] = False
    network.set_masks(masks, [torch.full((4, 3), 0.3), torch.full((2, 4), -0.2)])
    return network


def measured(network: Network) -> tuple[list[Tensor], list[Tensor]]:
    found = edge_statistics(network, X)
    return [layer.mean for layer in found], [layer.output_std for layer in found]


def one_by_one(
    network: Network, x: Tensor, means: list[Tensor], limits: list[Tensor]
) -> tuple[Tensor, list[list[tuple[int, int]]]]:
    """Outputs for one row, and the edges that were computed."""
    values, computed = x, []
    for layer, mean, limit in zip(network.layers, means, limits, strict=True):
        curves = layer.edge_values(values.unsqueeze(1)).squeeze(-1)
        used, sums = [], layer.bias.clone()
        for j in range(layer.out_features):
            for i in range(layer.in_features):
                if not layer.mask[j, i]:
                    sums[j] += layer.fill[j, i]
                elif (curves[j, i] - mean[j, i]).abs() < limit[j]:
                    sums[j] += mean[j, i]
                else:
                    sums[j] += curves[j, i]
                    used.append((j, i))
        values = sums
        computed.append(used)
    return values, computed


@pytest.mark.parametrize("elements", [1, 200, 1 << 20])
@pytest.mark.parametrize("tolerance", [0.05, 0.4])
def test_gated_skips_row_by_row(
    network: Network, monkeypatch: pytest.MonkeyPatch, tolerance: float, elements: int
) -> None:
    monkeypatch.setitem(gated.__globals__, "_ELEMENTS", elements)
    means, spreads = measured(network)
    limits = [tolerance * spread for spread in spreads]
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    found = gated(network, X, means, limits)
    counts = [torch.zeros(layer.mask.shape) for layer in network.layers]
    with torch.no_grad():
        for row, outputs in zip(X, found.outputs, strict=True):
            expected, computed = one_by_one(network, row, means, limits)
            torch.testing.assert_close(outputs, expected)
            for count, used in zip(counts, computed, strict=True):
                for place in used:
                    count[place] += 1
    for usage, count in zip(found.usage, counts, strict=True):
        torch.testing.assert_close(usage, count.double() / len(X))
    assert 0 < found.usage[0].mean() < 1
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_without_tolerance_nothing_is_skipped(network: Network) -> None:
    means, spreads = measured(network)
    found = gated(network, X, means, [torch.zeros_like(spread) for spread in spreads])
    with torch.no_grad():
        torch.testing.assert_close(found.outputs, network(X))
    assert all(torch.equal(u, layer.mask.double()) for u, layer in zip(found.usage, network.layers, strict=True))


def test_wide_tolerance_leaves_means_alone(network: Network) -> None:
    means, spreads = measured(network)
    found = gated(network, X, means, [torch.full_like(spread, 1e9) for spread in spreads])
    last = network.layers[-1]
    constant = torch.where(last.mask, means[-1], last.fill).sum(1) + last.bias
    torch.testing.assert_close(found.outputs, constant.expand(len(X), -1))
    assert not any(bool(usage.any()) for usage in found.usage)
