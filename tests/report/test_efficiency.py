"""Counts by brute force, bytes of real files, and latencies that can be read."""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from kan_widget import KAN, prune
from kan_widget.report import efficiency
from kan_widget.report.timing import _latency

X = torch.rand(200, 6, generator=torch.Generator().manual_seed(0)) * 2 - 1
Y = torch.sin(3 * X[:, :1]) + X[:, 1:2] ** 2


@pytest.fixture(scope="module")
def model() -> KAN:
    model = KAN([6, 8, 1], grid=3, seed=0)
    model.fit((X, Y), opt="Adam", lr=0.02, steps=20, progress=False)
    return model


@pytest.fixture(scope="module")
def pruned(model: KAN) -> KAN:
    return prune(model, (X, Y), sparsity=0.7)


@torch.no_grad()
def numbers_on(model: KAN) -> int:
    """Non-zero numbers under the masks, one edge and one number at a time."""
    count = 0
    for layer in model.layers:
        for j in range(layer.out_features):
            constant = float(layer.bias[j])
            for i in range(layer.in_features):
                if not layer.mask[j, i]:
                    constant += float(layer.fill[j, i])
                    continue
                numbers = [*layer.coef[j, i].tolist(), float(layer.scale_base[j, i]), float(layer.scale_spline[j, i])]
                count += sum(n != 0 for n in numbers)
            count += constant != 0
    return count


def test_counts_see_masks(model: KAN, pruned: KAN) -> None:
    dense, found = efficiency(model, seconds=0), efficiency(pruned, seconds=0)
    assert found.masked.footprint.parameters == dense.masked.footprint.parameters == 56 * 8 + 9
    assert dense.masked.footprint.nonzero == numbers_on(model) == 56 * 8  # biases start at zero
    assert found.masked.footprint.nonzero == numbers_on(pruned) < 0.4 * 56 * 8
    assert (found.whole.edges, found.active.edges) == (56, int(sum(m.sum() for m in masks_that_act(pruned))))
    assert found.parameter_ratio > 3
    assert dense.parameter_ratio == dense.theoretical_speedup == 1


def masks_that_act(model: KAN) -> list[torch.Tensor]:
    """Masks of a network with one hidden layer, less the edges that end nowhere."""
    first, second = (layer.mask for layer in model.layers)
    fed, read = first.any(dim=1), second.any(dim=0)
    return [first & read[:, None], second & fed]


def test_half_of_the_edges_are_half_of_the_numbers(model: KAN) -> None:
    twin = model.copy()
    twin.set_masks([torch.arange(48).view(8, 6) % 2 == 0, torch.ones(1, 8, dtype=torch.bool)])
    found = efficiency(twin, seconds=0)
    assert found.masked.footprint.nonzero == (24 + 8) * 8
    assert found.active.edges == 32
    assert found.masked.footprint.parameters == efficiency(model, seconds=0).masked.footprint.parameters


def test_counts_see_masks_of_single_coefficients(model: KAN) -> None:
    sparse = prune(model, (X, Y), structure="coefficient", sparsity=0.5)
    assert sum(int(layer.coef_mask.sum()) for layer in sparse.layers if layer.coef_mask is not None) == 56 * 6 // 2
    found = efficiency(sparse, seconds=0)
    assert found.whole.parameters == 56 * 8 + 9
    assert found.active.parameters < found.whole.parameters
    assert found.masked.footprint.nonzero <= 56 * 8 // 2 + 56 + 9


@pytest.mark.parametrize("name", ["model", "pruned"])
def test_bytes_on_disk_are_those_of_the_files(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    model = request.getfixturevalue(name)
    found = efficiency(model, seconds=0)
    model.save(tmp_path / "masked")
    model.compact().save(tmp_path / "compacted")
    assert found.masked.footprint.disk == (tmp_path / "masked").stat().st_size
    assert found.compacted.footprint.disk == (tmp_path / "compacted").stat().st_size
    assert found.compression == found.masked.footprint.disk / found.compacted.footprint.disk


def test_bytes_in_memory_are_those_of_the_tensors(pruned: KAN) -> None:
    found = efficiency(pruned, seconds=0)
    for form, model in ((found.masked, pruned), (found.compacted, pruned.compact())):
        assert form.footprint.memory == sum(t.numel() * t.element_size() for t in model.state_dict().values())
    assert found.compacted.footprint.memory < found.masked.footprint.memory


def test_masks_alone_save_no_work_and_compaction_only_what_it_leaves_out(model: KAN, pruned: KAN) -> None:
    found, smaller = efficiency(pruned, seconds=0), pruned.compact()
    edges = sum(layer.mask.numel() for layer in smaller.layers)
    sources = sum(layer.in_features for layer in smaller.layers)
    assert found.masked.macs == efficiency(model, seconds=0).masked.macs == found.whole.macs
    assert found.compacted.macs == edges * 5 + sources * 12
    assert found.active.macs <= found.compacted.macs < found.masked.macs
    assert found.theoretical_speedup == found.whole.macs / found.active.macs > 1


def test_latencies_are_positive_and_ordered(pruned: KAN) -> None:
    found = efficiency(pruned, batch=32, seconds=0.05)
    assert found.threads == torch.get_num_threads()
    for form in (found.masked, found.compacted):
        assert list(form.latency) == [1, 32]
        for latency in form.latency.values():
            assert 0 < latency.low <= latency.p50 <= min(latency.high, latency.p95)
            assert latency.calls >= 1
    assert found.measured_speedup(32) == found.masked.latency[32].p50 / found.compacted.latency[32].p50
    with pytest.raises(ValueError, match="calls of 1, 32 rows"):
        found.measured_speedup(256)
    with pytest.raises(ValueError, match="calls of none rows"):
        efficiency(pruned, seconds=0).measured_speedup(1)


def test_a_latency_differs_where_the_intervals_of_the_medians_lie_apart() -> None:
    generator = np.random.default_rng(0)
    drawn = (generator.exponential(size=(300, 60)) + 1).tolist()
    hits = [found.low <= 1 + np.log(2) <= found.high for found in map(_latency, drawn)]
    assert 0.9 <= np.mean(hits) <= 0.99
    one, slower = _latency([1.0, 1.1, 1.2] * 20), _latency([1.3, 1.4, 1.5] * 20)
    assert one.differs(slower)
    assert slower.differs(one)
    assert not one.differs(_latency([1.0, 1.15, 1.2] * 3))


def test_efficiency_leaves_the_model_alone(pruned: KAN) -> None:
    before = {name: tensor.clone() for name, tensor in pruned.state_dict().items()}
    generator = torch.get_rng_state()
    efficiency(pruned, seconds=0.01)
    assert all(torch.equal(before[name], tensor) for name, tensor in pruned.state_dict().items())
    assert torch.equal(torch.get_rng_state(), generator)
    assert pruned.training


@pytest.mark.parametrize(("options", "words"), [({"batch": 0}, "batch"), ({"seconds": -1}, "seconds")])
def test_efficiency_refuses_options_out_of_range(model: KAN, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        efficiency(model, **options)


def test_efficiency_of_a_constant_is_refused(model: KAN) -> None:
    twin = model.copy()
    twin.set_masks([torch.zeros(8, 6, dtype=torch.bool), torch.zeros(1, 8, dtype=torch.bool)])
    with pytest.raises(ValueError, match="constant"):
        efficiency(twin, seconds=0)


def test_efficiency_prints_tabulates_and_draws(pruned: KAN) -> None:
    found = efficiency(pruned, batch=16, seconds=0.02)
    words = repr(found)
    assert f"{found.whole.parameters:,}" in words
    assert f"{found.compacted.footprint.disk:,}" in words
    assert "torch thread" in words
    assert "not timed" in repr(efficiency(pruned, seconds=0))
    assert len({len(line) for line in words.splitlines()[4:6]}) <= 2
    frame = found.to_frame().set_index(["quantity", "of"]).value
    assert frame["edges", "active"] == found.active.edges
    assert frame["disk", "compacted"] == found.compacted.footprint.disk
    assert frame["latency of 16 rows, p50", "masked"] == found.masked.latency[16].p50
    axes = found.plot()
    assert [text.get_text() for text in axes.get_yticklabels()][:2] == ["active edges", "parameters held"]
    widths = [patch.get_width() for patch in axes.patches]
    assert widths[0] == found.active.edges / found.whole.edges
    assert widths[8 + 5] == 1 / found.compression
    plt.close("all")
