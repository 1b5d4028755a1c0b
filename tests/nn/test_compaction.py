"""A compact network computes what the masked one does."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from kan_widget import KAN
from kan_widget.nn.compaction import extract
from kan_widget.nn.network import Network
from tests.nn import oracle

YES, NO = True, False


def points(rows: int, columns: int) -> Tensor:
    return torch.rand(rows, columns, generator=torch.Generator().manual_seed(4), dtype=torch.float64) * 3 - 1.5


def network(width: list[int], seed: int = 0, dtype: torch.dtype = torch.float64) -> Network:
    model = Network(width, grid=3, seed=seed, dtype=dtype, noise_scale=1.0)
    with torch.no_grad():
        for layer in model.layers:
            layer.bias.copy_(torch.randn(layer.out_features, generator=torch.Generator().manual_seed(seed)))
    return model


def masked(model: Network, masks: list[list[list[bool]]], seed: int = 0) -> Network:
    generator = torch.Generator().manual_seed(seed)
    tensors = [torch.tensor(mask) for mask in masks]
    model.set_masks(tensors, [torch.randn(mask.shape, generator=generator).double() for mask in tensors])
    return model


@given(
    width=st.lists(st.integers(1, 5), min_size=2, max_size=5),
    share=st.floats(0, 0.9),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=60)
def test_compact_is_the_masked_network(width: list[int], share: float, seed: int) -> None:
    model = network(width, seed)
    model.set_masks(*oracle.random_masks(model, share, seed))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    x = points(50, width[0])
    expected = model(x).detach()
    try:
        smaller = model.compact()
    except ValueError as error:
        assert "the network is a constant and nothing is left to keep" in str(error)  # noqa: PT017
        torch.testing.assert_close(expected, expected[:1].expand_as(expected), rtol=0, atol=1e-12)
        return
    torch.testing.assert_close(smaller(x).detach(), expected, rtol=1e-10, atol=1e-10)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert smaller.width[-1] == width[-1]
    assert all(new <= old for new, old in zip(smaller.width, width, strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_compact_is_the_masked_network_in_float32(seed: int) -> None:
    model = network([6, 8, 8, 3], seed, torch.float32)
    model.set_masks(*oracle.random_masks(model, 0.4, seed))
    x = points(100, 6).float()
    torch.testing.assert_close(model.compact()(x), model(x), rtol=1e-5, atol=1e-5)


def test_nothing_pruned_is_an_equal_network() -> None:
    model = network([3, 4, 2])
    smaller = model.compact()
    assert smaller.width == model.width
    x = points(20, 3)
    assert torch.equal(smaller(x), model(x))
    with torch.no_grad():
        smaller.layers[0].coef.zero_()
    assert not torch.equal(smaller(x), model(x))


def test_dead_ends_go_and_what_they_cut_off_goes_too() -> None:
    # h2 has no output; h3 has no input and sends a constant to y; x2 then reaches nothing.
    model = masked(network([2, 3, 1]), [[[YES, NO], [YES, YES], [NO, NO]], [[YES, NO, YES]]])
    smaller = model.compact()
    assert smaller.width == [1, 1, 1]
    assert smaller.names == [["x1"], ["h1"], ["y"]]
    assert smaller.in_features == 2
    assert sum(int(layer.mask.sum()) for layer in smaller.layers) == 2
    x = points(20, 2)
    torch.testing.assert_close(smaller(x), model(x), rtol=1e-12, atol=1e-12)


def test_constants_are_folded_through_several_layers() -> None:
    # The second node of the first hidden layer is constant, so the second of the next is, and so on to the output.
    cut = [[[YES], [NO]], [[YES, NO], [NO, YES]], [[YES, NO], [NO, YES]], [[YES, YES]]]
    model = masked(network([1, 2, 2, 2, 1]), cut)
    smaller = model.compact()
    assert smaller.width == [1, 1, 1, 1, 1]
    x = points(20, 1)
    torch.testing.assert_close(smaller(x), model(x), rtol=1e-12, atol=1e-12)


def test_an_output_may_be_a_constant() -> None:
    model = masked(network([2, 2, 2]), [[[YES, YES], [YES, YES]], [[NO, NO], [YES, YES]]])
    smaller = model.compact()
    assert smaller.width == [2, 2, 2]
    x = points(20, 2)
    torch.testing.assert_close(smaller(x), model(x), rtol=1e-12, atol=1e-12)
    assert torch.equal(smaller(x)[:, 0], smaller(x)[:1, 0].expand(20))


def test_a_network_of_nothing_but_constants_is_refused() -> None:
    model = masked(network([2, 2, 1]), [[[NO, NO], [NO, NO]], [[YES, YES]]])
    with pytest.raises(ValueError, match=r"every path through node layer .* is pruned.*restore an edge first"):
        model.compact()


def test_data_keep_their_columns_and_columns_compose() -> None:
    model = masked(network([4, 2, 1]), [[[NO, YES, NO, YES], [NO, YES, NO, YES]], [[YES, YES]]])
    model.names[0] = ["a", "b", "c", "d"]
    once = model.compact()
    assert (once.width, once.names[0], once.columns.tolist(), once.in_features) == ([2, 2, 1], ["b", "d"], [1, 3], 4)
    once.layers[0].mask[:, 0] = False
    twice = once.compact()
    assert (twice.width, twice.names[0], twice.columns.tolist()) == ([1, 2, 1], ["d"], [3])
    x = points(20, 4)
    torch.testing.assert_close(twice(x), once(x), rtol=1e-12, atol=1e-12)


def test_what_belongs_to_the_model_carries_over() -> None:
    model = KAN([3, 4, 1], seed=5)
    model.fit((points(30, 3), points(30, 1)), steps=1, progress=False)
    model.layers[0].bias.requires_grad_()
    model.layers[1].coef.requires_grad_(False)
    model.eval()
    model.layers[0].mask[1] = False
    smaller = model.compact()
    assert isinstance(smaller, KAN)
    assert (smaller.seed, smaller.data, smaller.grid_eps) == (5, model.data, model.grid_eps)
    assert not smaller.training
    assert [p.requires_grad for p in smaller.parameters()] == [p.requires_grad for p in model.parameters()]
    assert smaller.fit(model.data, steps=2, progress=False).train_loss


def test_extract_keeps_the_nodes_that_are_named() -> None:
    model = masked(network([2, 3, 1]), [[[YES, YES], [YES, YES], [YES, YES]], [[YES, NO, YES]]])
    keep = [torch.tensor([0, 1]), torch.tensor([2, 0]), torch.tensor([0])]
    smaller = extract(model, keep)
    assert smaller.names[1] == ["h3", "h1"]
    x = points(20, 2)
    torch.testing.assert_close(smaller(x), model(x), rtol=1e-12, atol=1e-12)
