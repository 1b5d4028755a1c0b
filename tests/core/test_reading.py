"""Formulas of outputs against the networks that they were read off."""

from collections.abc import Callable

import numpy as np
import pytest

from kan_widget.core.reading import Judged, OutputFormula, read_formula
from kan_widget.core.topology import Edge, Masks, Node, Topology
from tests.core.test_expression import read

Array = np.ndarray
X = np.random.default_rng(0).uniform(-1, 1, (500, 2))


class Made:
    """A network of given functions, evaluated edge by edge; edges without one are off."""

    def __init__(
        self,
        widths: tuple[int, ...],
        functions: dict[tuple[int, int, int], Callable[[Array], Array]],
        bias: float = 0.0,
    ) -> None:
        names = [
            tuple(f"{'xhgy'[0 if at == 0 else 3 if at == len(widths) - 1 else at]}{i + 1}" for i in range(n))
            for at, n in enumerate(widths)
        ]
        self.topology = Topology(widths, tuple(names))
        self.functions, self.bias = functions, bias

    @property
    def masks(self) -> Masks:
        return self.topology.masks_of(Edge(*edge) for edge in self.functions)

    def nodes(self, x: Array) -> tuple[Array, ...]:
        values = [x]
        for layer, width in enumerate(self.topology.widths[1:]):
            values.append(np.full((len(x), width), self.bias))
            for (of, source, target), function in self.functions.items():
                if of == layer:
                    values[-1][:, target] += function(values[layer][:, source])
        return tuple(values)

    def read(self, output: int = 0, least: float = 0.99) -> OutputFormula:
        values = self.nodes(X[:400])
        judged = Judged("test", X[400:], self.nodes(X[400:])[-1])
        return read_formula(
            self.topology,
            self.masks,
            values,
            lambda edge, x: self.functions[tuple(edge)](x),
            output,
            judged=judged,
            least=least,
        )


def test_formula_is_the_one_that_the_network_was_made_of() -> None:
    made = Made((2, 1, 1), {(0, 0, 0): lambda x: np.sin(np.pi * x), (0, 1, 0): lambda x: x**2, (1, 0, 0): np.exp})
    found = made.read()
    assert found.text == "exp(sin(3.14 x1) + x2^2)"
    assert found.latex == r"\exp\left(\sin\left(3.14 x_{1}\right) + x_{2}^{2}\right)"
    assert found.r2 > 0.9999
    assert [link.closest.name for link in found.links if link.closest] == ["sin", "x^2", "exp"]


def test_text_and_call_are_the_same_numbers() -> None:
    made = Made(
        (2, 2, 1),
        {
            (0, 0, 0): lambda x: 0.3 * np.tanh(4 * x - 1),
            (0, 1, 0): lambda x: 2 * x - 1,
            (0, 1, 1): lambda x: 3 * np.abs(x - 0.25),
            (1, 0, 0): lambda x: 1.7 * np.sin(x + 0.3) + 40,
            (1, 1, 0): lambda x: np.sqrt(x + 1.1),
        },
        bias=0.7,
    )
    found = made.read()
    assert not found.unnamed
    assert read(found.text, X) == pytest.approx(found(X))
    truth = made.nodes(X[400:])[-1][:, 0]
    residual = found(X[400:]) - truth
    assert found.r2 == pytest.approx(1 - (residual**2).mean() / truth.var())
    assert found.r2 > 0.999


def test_function_like_none_keeps_its_own_name() -> None:
    saw = lambda x: 4 * np.abs((3 * x) % 1 - 0.5)  # noqa: E731
    made = Made((2, 1, 1), {(0, 0, 0): saw, (0, 1, 0): lambda x: x, (1, 0, 0): lambda x: x**2})
    found = made.read()
    assert found.text.count("phi_{0,0,0}(x1)") == 1
    assert [link.edge for link in found.unnamed] == [(0, 0, 0)]
    assert found.r2 > 0.999  # it stands for the network's own function
    assert "phi_{0,0,0}: x1 to h1, closest" in repr(found)


def test_least_decides_what_is_named() -> None:
    made = Made((2, 1, 1), {(0, 0, 0): lambda x: np.sin(3 * x) + 0.15 * np.sin(9 * x), (1, 0, 0): lambda x: x})
    assert len(made.read(least=0.999).unnamed) == 1
    assert len(made.read(least=0.9).unnamed) == 0


def test_constants_and_offsets_are_in_the_constant() -> None:
    made = Made((2, 1, 1), {(0, 0, 0): lambda x: x, (0, 1, 0): lambda x: 0 * x + 2.5, (1, 0, 0): lambda x: x}, bias=0.5)
    found = made.read()
    assert found.text == "x1 + 3.5"
    assert found.links[1].closest is None
    assert found.links[1].named


def test_node_that_is_used_twice_is_named_once() -> None:
    made = Made(
        (2, 1, 2, 1),
        {
            (0, 0, 0): np.sin,
            (0, 1, 0): lambda x: x**2,
            (1, 0, 0): np.exp,
            (1, 0, 1): lambda x: x,
            (2, 0, 0): lambda x: x,
            (2, 1, 0): lambda x: x**2,
        },
    )
    found = made.read()
    ((name, said, _),) = found.where
    assert (name, said) == ("h1", "sin(x1) + x2^2")
    assert "h1^2" in found.text
    truth = made.nodes(X)[-1][:, 0]
    assert np.abs(found(X) - truth).max() < 0.02 * np.ptp(truth)


def test_output_without_edges_is_its_constant() -> None:
    found = Made((2, 1, 2), {(0, 0, 0): np.sin, (1, 0, 0): np.sin}, bias=-1.25).read(1)
    assert found.text == "-1.25"
    assert found.links == ()
    assert np.isnan(found.r2)
    assert found(X).tolist() == [-1.25] * len(X)


def test_poles_off_the_data_stay_the_networks_own() -> None:
    """What is close to a logarithm of the true node may not be defined at the node as it was read."""
    made = Made((2, 1, 1), {(0, 0, 0): lambda x: np.abs(x) + 1e-3, (1, 0, 0): np.log})
    found = made.read()
    assert np.isfinite(found(X[:400])).all()


def test_too_many_edges_are_refused_with_a_way_out() -> None:
    many = {(0, i, j): np.sin for i in range(2) for j in range(51)} | {(1, j, 0): np.sin for j in range(51)}
    with pytest.raises(ValueError, match=r"more than 100 edges.*prune first"):
        Made((2, 51, 1), many).read()


def test_call_refuses_other_columns() -> None:
    found = Made((2, 1, 1), {(0, 0, 0): np.sin, (1, 0, 0): np.sin}).read()
    with pytest.raises(ValueError, match=r"\(rows, 2\)"):
        found(X[:, :1])


def test_names_are_of_the_topology() -> None:
    made = Made((2, 1, 1), {(0, 0, 0): lambda x: x, (1, 0, 0): lambda x: x})
    made.topology = Topology((2, 1, 1), (("age", "x 2"), ("h1",), ("risk",)))
    assert str(made.read()) == "risk = age"
    assert made.topology.node_name(Node(0, 0)) == "age"
