"""Counts and prices of masked networks, against counting by hand and taking one part after the other away."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kan_widget.core.cost import Price, Shape, cost, edge_savings, node_savings
from kan_widget.core.reach import active_edges
from kan_widget.core.topology import Masks

SHAPE = Shape(intervals=(5, 3, 4), k=2)


@st.composite
def masks_of_networks(draw: st.DrawFn) -> Masks:
    widths = draw(st.lists(st.integers(1, 4), min_size=4, max_size=4))
    generator = np.random.default_rng(draw(st.integers(0, 2**31)))
    on = draw(st.floats(0.3, 1))
    return tuple(generator.random((b, a)) < on for a, b in itertools.pairwise(widths))


def prices() -> dict[str, Price]:
    named: dict[str, Price] = {
        name: lambda masks, name=name: float(getattr(cost(masks, SHAPE), name))  # type: ignore[misc]
        for name in ("edges", "parameters", "macs", "bytes")
    }
    return {**named, "lut_bytes": lambda masks: cost(masks, SHAPE).lut_bytes(6)}


def test_cost_is_what_counting_by_hand_gives() -> None:
    masks = (np.array([[True, True], [True, False]]), np.array([[True, True]]))
    found = cost(masks, Shape(intervals=(5, 4), k=3, itemsize=8))
    assert (found.edges, found.nodes, found.inputs) == (5, 2, 2)
    assert found.parameters == 3 * (5 + 3 + 2) + 2 * (4 + 3 + 2) + 2 + 1
    assert found.macs == 5 * 5 + 4 * 12
    assert found.bytes == 8 * (found.parameters + 2 * 12 + 2 * 11)
    assert found.lut_bytes(8) == 5 * 256
    assert found.lut_bytes(4) == 5 * 16 / 2


@given(masks_of_networks())
@pytest.mark.parametrize("name", ["edges", "parameters", "macs", "bytes", "lut_bytes"])
def test_savings_are_the_true_difference(name: str, masks: Masks) -> None:
    price = prices()[name]
    active = active_edges(masks)
    for alike in (False, True):
        for layer, saved in enumerate(edge_savings(masks, price, alike=alike)):
            for place in np.ndindex(saved.shape):
                without = [mask.copy() for mask in masks]
                without[layer][place] = False
                expected = price(active) - price(active_edges(tuple(without)))
                assert saved[place] == pytest.approx(expected if active[layer][place] else 0)
    for layer, saved_at in enumerate(node_savings(masks, price)):
        for node, saved_by in enumerate(saved_at):
            without = [mask.copy() for mask in masks]
            if layer < len(masks):
                without[layer][:, node] = False
                assert saved_by == pytest.approx(price(active) - price(active_edges(tuple(without))))
            else:
                assert saved_by == 0


def test_price_is_asked_about_what_is_active_alone() -> None:
    masks = (np.array([[True, False], [True, True]]), np.array([[False, True]]))
    seen: list[Masks] = []

    def price(asked: Masks) -> float:
        seen.append(asked)
        return float(sum(mask.sum() for mask in asked))

    assert [saved.tolist() for saved in edge_savings(masks, price)] == [[[0, 0], [1, 1]], [[0, 3]]]
    assert all(np.array_equal(a, b) for asked in seen for a, b in zip(asked, active_edges(asked), strict=True))
