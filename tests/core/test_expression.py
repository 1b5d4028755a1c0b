"""Expressions against SymPy, which reads the same text."""

import re

import numpy as np
import pytest
from matplotlib.mathtext import MathTextParser
from sympy import lambdify, symbols
from sympy.parsing.sympy_parser import (
    convert_xor,
    implicit_multiplication,
    parse_expr,
    standard_transformations,
)

from kan_widget.core.expression import Call, Meaning, Sum, Term, Unnamed, Variable, collected, latex, latex_name, text
from kan_widget.core.formula import FUNCTIONS
from kan_widget.core.topology import Edge, Node

X1, X2 = Variable(Node(0, 0), "x1"), Variable(Node(0, 1), "x2")
POINTS = np.random.default_rng(0).uniform(0.1, 2, (50, 2))


def meant(of: Sum) -> np.ndarray:
    meaning = Meaning({Node(0, 0): POINTS[:, 0], Node(0, 1): POINTS[:, 1]}, lambda _, x: np.tanh(x))
    return meaning.value(of)


def read(said: str, points: np.ndarray = POINTS) -> np.ndarray:
    """What SymPy makes of a text."""
    said = re.sub(r"phi_\{[0-9,]+\}", "tanh", said)
    said = re.sub(r"\|([^|]*)\|", r"Abs(\1)", said)
    transformations = (*standard_transformations, convert_xor, implicit_multiplication)
    names = symbols("x1 x2")
    known = {name.name: name for name in names}
    found = lambdify(names, parse_expr(said, known, transformations=transformations), "numpy")
    return np.broadcast_to(found(*points.T), len(points))


def around(term: Term) -> Sum:
    return Sum(-0.25, ((1.0, X2), (-2.5, term)))


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "x"])
@pytest.mark.parametrize("inner", [Sum(0.0, ((1.0, X1),)), Sum(0.5, ((3.0, X1),)), Sum(1.0, ((1.0, X1), (1.5, X2)))])
def test_text_is_read_as_it_is_meant(name: str, inner: Sum) -> None:
    of = around(Call(name, inner))
    assert read(text(of)) == pytest.approx(meant(of))


def test_text_nests_and_signs() -> None:
    deep = Call(
        "exp",
        Sum(0.0, ((-1.0, Call("x^2", Sum(-1.0, ((1.0, X1),)))), (1.0, Unnamed(Edge(0, 1, 2), Sum(0, ((2.0, X2),)))))),
    )
    of = Sum(0.0, ((-1.0, deep), (1e-7, X2)))
    assert text(of) == "-exp(-(x1 - 1)^2 + phi_{0,1,2}(2 x2)) + 1e-07 x2"
    assert read(text(of)) == pytest.approx(meant(of))
    assert latex(of) == (
        r"-\exp\left(-\left(x_{1} - 1\right)^{2} + \phi_{0,1,2}\left(2 x_{2}\right)\right) + 1 \cdot 10^{-7} x_{2}"
    )


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "x"])
@pytest.mark.parametrize("inner", [Sum(0.0, ((1.0, X1),)), Sum(-2.0, ((3e-8, Variable(Node(0, 1), "a_b c")),))])
def test_latex_is_mathematics(name: str, inner: Sum) -> None:
    said = latex(around(Call(name, inner)))
    MathTextParser("path").parse(f"${said}$")
    assert said.count("{") == said.count("}")


@pytest.mark.parametrize(("of", "said"), [(Sum(0.0, ()), "0"), (Sum(-2.5, ()), "-2.5"), (Sum(1e-9, ()), "1e-09")])
def test_constant_is_written_as_it_is(of: Sum, said: str) -> None:
    assert text(of) == said


def test_like_terms_are_collected() -> None:
    found = collected(1.0, [(0.5, X1), (2.0, X2), (0.25, X1)])
    assert found.terms == ((0.75, X1), (2.0, X2))


@pytest.mark.parametrize(
    ("constant", "spread", "rounded"),
    [(1234.5678, 0.04, 1234.5678), (1234.5678, 300.0, 1235.0), (0.0004, 2.0, 0.0), (0.0004, 0.0, 0.0004)],
)
def test_constant_is_rounded_by_what_varies_beside_it(constant: float, spread: float, rounded: float) -> None:
    assert Sum(constant, ((1.0, X1),)).rounded(spread).constant == rounded


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("x12", "x_{12}"),
        ("y", "y"),
        ("age", r"\mathrm{age}"),
        ("a_b", r"\mathrm{a\_b}"),
        (r"\input{x}", r"\mathrm{\ input\{x\}}"),
    ],
)
def test_latex_names_are_letters_or_words(name: str, said: str) -> None:
    assert latex_name(name) == said
