"""Edges and nodes by name and by number, and what of a masked network is alive."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kan_widget.core.cost import Shape, cost
from kan_widget.core.reach import active_edges, cut_outputs, live_nodes
from kan_widget.core.topology import Edge, Node, Topology

WIDTHS = st.lists(st.integers(1, 4), min_size=2, max_size=5)


def topology(widths: list[int]) -> Topology:
    return Topology(tuple(widths), tuple(tuple(f"{i}.{j}" for j in range(n)) for i, n in enumerate(widths)))


@st.composite
def masks(draw: st.DrawFn) -> tuple[np.ndarray, ...]:
    widths = draw(WIDTHS)
    return tuple(draw(hnp.arrays(bool, (b, a))) for a, b in itertools.pairwise(widths))


def paths_through(masks: tuple[np.ndarray, ...]) -> tuple[set[tuple[int, int]], set[Edge]]:
    """Nodes and edges on some path from an input to an output, by walking every path."""
    nodes: set[tuple[int, int]] = set()
    edges: set[Edge] = set()

    def walk(layer: int, node: int, trail: list[Edge]) -> None:
        if layer == len(masks):
            edges.update(trail)
            nodes.update((e.layer, e.source) for e in trail)
            nodes.add((layer, node))
            return
        for target in np.flatnonzero(masks[layer][:, node]).tolist():
            walk(layer + 1, target, [*trail, Edge(layer, node, target)])

    for start in range(masks[0].shape[1]):
        walk(0, start, [])
    return nodes, edges


@given(masks())
def test_active_parts_are_those_on_some_path(m: tuple[np.ndarray, ...]) -> None:
    nodes, edges = paths_through(m)
    live, active = live_nodes(m), active_edges(m)
    assert {(i, j) for i, layer in enumerate(live) for j in np.flatnonzero(layer).tolist()} == nodes
    found = {Edge(i, s, t) for i, layer in enumerate(active) for t, s in np.argwhere(layer).tolist()}
    assert found == edges
    reached = {j for i, j in nodes if i == len(m)}
    assert set(cut_outputs(m)) == set(range(m[-1].shape[0])) - reached


@given(masks())
def test_cost_of_what_is_left_never_grows_by_pruning(m: tuple[np.ndarray, ...]) -> None:
    shape = Shape(intervals=(5,) * len(m), k=3)
    whole = cost(tuple(np.ones_like(x) for x in m), shape)
    left = cost(m, shape)
    for name in ("edges", "nodes", "inputs", "parameters", "macs", "bytes"):
        assert 0 <= getattr(left, name) <= getattr(whole, name)


def test_edges_come_in_the_order_of_flat_arrays() -> None:
    top = topology([2, 3, 1])
    flat = [e for layer, (n_out, n_in) in enumerate(top.shapes) for e in np.ndindex(n_out, n_in) if layer >= 0]
    assert [(e.target, e.source) for e in top.edges()] == flat
    assert len(flat) == top.n_edges == 9


def test_edges_at_a_node_are_all_that_touch_it() -> None:
    top = topology([2, 3, 2])
    for layer, width in enumerate(top.widths):
        for index in range(width):
            touching = {
                e
                for e in top.edges()
                if (e.layer, e.source) == (layer, index) or (e.layer + 1, e.target) == (layer, index)
            }
            assert set(top.edges_at(Node(layer, index))) == touching


@pytest.mark.parametrize(
    ("edge", "words"),
    [((2, 0, 0), "layers are 0..1"), ((0, 2, 0), "sources 0..1 and targets 0..2"), ((0, 0, -1), "targets 0..2")],
)
def test_edge_outside_is_refused_with_the_range(edge: tuple[int, int, int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        topology([2, 3, 1]).edge(edge)


@pytest.mark.parametrize("edge", [(0, 1), (0, 1, 2.5), (0, True, 1), "012", None, (0, 0, 0, 0)])
def test_edge_of_another_form_is_refused(edge: object) -> None:
    with pytest.raises(TypeError, match=r"an edge is \(layer, source, target\)"):
        topology([2, 3, 1]).edge(edge)  # type: ignore[arg-type]


def test_node_outside_is_refused_with_the_range() -> None:
    with pytest.raises(ValueError, match=r"nodes 0\.\.2"):
        topology([2, 3, 1]).node((1, 3))
    with pytest.raises(ValueError, match=r"node layers are 0\.\.2"):
        topology([2, 3, 1]).node((3, 0))


def test_names_must_fit_the_widths() -> None:
    with pytest.raises(ValueError, match="names"):
        Topology((2, 1), (("x1",), ("y",)))
