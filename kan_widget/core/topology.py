"""What a KAN is made of: node layers, edges between neighbours, names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Masks = tuple[NDArray[np.bool_], ...]
EdgeArrays = tuple[NDArray[np.float64], ...]


class Edge(NamedTuple):
    """One learnable function: from node `source` of node layer `layer` to node `target` of the next."""

    layer: int
    source: int
    target: int


class Node(NamedTuple):
    """Node `index` of node layer `layer`; layer 0 holds the inputs."""

    layer: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody asks of a node


@dataclass(frozen=True)
class Topology:
    """Sizes and names of a network.

    Attributes:
        widths: Nodes in each node layer, inputs first.
        names: Their names, a tuple per node layer.

    Example:
        >>> topology = Topology((2, 3, 1), (("x1", "x2"), ("h1", "h2", "h3"), ("y",)))
        >>> topology.edge_name(Edge(0, 1, 2))
        'x2 to h3'
    """

    widths: tuple[int, ...]
    names: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        if tuple(len(layer) for layer in self.names) != self.widths:
            raise ValueError(f"names must be {self.widths} names; got {tuple(len(n) for n in self.names)}")

    @property
    def depth(self) -> int:
        """Number of edge layers."""
        return len(self.widths) - 1

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Shape ``(out, in)`` of each edge layer."""
        return [(n_out, n_in) for n_in, n_out in zip(self.widths, self.widths[1:], strict=False)]

    @property
    def n_edges(self) -> int:
        """Number of edges, pruned or not."""
        return sum(n_out * n_in for n_out, n_in in self.shapes)

    def edge(self, item: Sequence[Any]) -> Edge:
        """The edge ``(layer, source, target)``, checked.

        Raises:
            ValueError: If there is no such edge.
            TypeError: If `item` is not three whole numbers.
        """
        layer, source, target = _whole_numbers(item, 3, "an edge is (layer, source, target)")
        if not 0 <= layer < self.depth:
            raise ValueError(
                f"edge {(layer, source, target)} is not in this network: its layers are 0..{self.depth - 1}"
            )
        n_out, n_in = self.shapes[layer]
        if not (0 <= source < n_in and 0 <= target < n_out):
            raise ValueError(
                f"edge {(layer, source, target)} is not in this network: layer {layer} has sources 0..{n_in - 1} "
                f"and targets 0..{n_out - 1}"
            )
        return Edge(layer, source, target)

    def node(self, item: Sequence[Any]) -> Node:
        """The node ``(layer, index)``, checked.

        Raises:
            ValueError: If there is no such node.
            TypeError: If `item` is not two whole numbers.
        """
        layer, index = _whole_numbers(item, 2, "a node is (layer, index)")
        if not 0 <= layer <= self.depth:
            raise ValueError(f"node {(layer, index)} is not in this network: its node layers are 0..{self.depth}")
        if not 0 <= index < self.widths[layer]:
            raise ValueError(
                f"node {(layer, index)} is not in this network: "
                f"node layer {layer} has nodes 0..{self.widths[layer] - 1}"
            )
        return Node(layer, index)

    def edges(self) -> Iterator[Edge]:
        """All edges, layer by layer and in each by target, then source: the order of flat arrays."""
        return iter(edges_on(self.full(True)))

    def edges_at(self, node: Node) -> list[Edge]:
        """All edges into and out of `node`."""
        into = [Edge(node.layer - 1, i, node.index) for i in range(self.widths[node.layer - 1])] if node.layer else []
        if node.layer == self.depth:
            return into
        return into + [Edge(node.layer, node.index, j) for j in range(self.widths[node.layer + 1])]

    def node_name(self, node: Node) -> str:
        """The name of `node`."""
        return self.names[node.layer][node.index]

    def edge_name(self, edge: Edge) -> str:
        """``x1 to h3``."""
        return f"{self.names[edge.layer][edge.source]} to {self.names[edge.layer + 1][edge.target]}"

    def full(self, value: bool) -> Masks:
        """Masks that are `value` everywhere."""
        return tuple(np.full(shape, value) for shape in self.shapes)

    def masks_of(self, edges: Iterable[Edge]) -> Masks:
        """Masks that are True at `edges` alone."""
        return masks_at(self.full(False), edges)


def edges_on(masks: Masks) -> list[Edge]:
    """The edges at which masks are True, in the order of flat arrays."""
    places = [(layer, np.argwhere(mask).tolist()) for layer, mask in enumerate(masks)]
    return [Edge(layer, source, target) for layer, pairs in places for target, source in pairs]


def edges_off(masks: Masks) -> frozenset[Edge]:
    """The edges at which masks are False."""
    return frozenset(edges_on(tuple(~mask for mask in masks)))


def masks_at(like: Masks, edges: Iterable[Edge]) -> Masks:
    """Masks of the shapes of others that are True at `edges` alone."""
    masks = tuple(np.zeros_like(mask) for mask in like)
    for layer, source, target in edges:
        masks[layer][target, source] = True
    return masks


def _whole_numbers(item: Sequence[Any], count: int, meaning: str) -> list[int]:
    numbers = list(item) if isinstance(item, (tuple, list)) else []
    if len(numbers) != count or any(isinstance(n, bool) or not hasattr(n, "__index__") for n in numbers):
        raise TypeError(f"{meaning}, {count} whole numbers; got {item!r}")
    return [n.__index__() for n in numbers]
