"""Sums of simple functions of sums: what a network computes, in a form that can be read and evaluated.

Numbers are rounded when an expression is made, so that what is read is what was evaluated.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .formula import FUNCTIONS
from .topology import Edge, Node

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Variable:
    """An input, or a node that stands for an expression of its own."""

    node: Node
    name: str


@dataclass(frozen=True)
class Call:
    """A simple function of a sum; `name` is that of a `Shape`."""

    name: str
    of: Sum


@dataclass(frozen=True)
class Unnamed:
    """An edge whose function resembles no simple one: it is called by its edge."""

    edge: Edge
    of: Sum


Term: TypeAlias = Variable | Call | Unnamed


@dataclass(frozen=True)
class Sum:
    """``constant + sum of factor * term``."""

    constant: float
    terms: tuple[tuple[float, Term], ...]

    def scaled(self, factor: float, shift: float) -> Sum:
        """``factor * self + shift``, unrounded."""
        return Sum(factor * self.constant + shift, tuple((factor * of, term) for of, term in self.terms))

    def rounded(self, spread: float) -> Sum:
        """Factors to three figures; the constant to as many as tell something beside what varies by `spread`."""
        return Sum(_beside(self.constant, spread), tuple((three_figures(of), term) for of, term in self.terms))

    @property
    def bare(self) -> Variable | None:
        """The variable, if it is nothing else."""
        if self.constant == 0 and len(self.terms) == 1 and self.terms[0][0] == 1:
            (_, term) = self.terms[0]
            return term if isinstance(term, Variable) else None
        return None


def collected(constant: float, terms: list[tuple[float, Term]]) -> Sum:
    """A sum in which each term stands once."""
    factors: dict[Term, float] = {}
    for factor, term in terms:
        factors[term] = factors.get(term, 0.0) + factor
    return Sum(constant, tuple((factor, term) for term, factor in factors.items()))


@dataclass(frozen=True, eq=False)
class Meaning:
    """What stands for the names in an expression.

    Attributes:
        variables: Values ``(rows,)`` of inputs and other nodes.
        curve: The function of an edge.
    """

    variables: Mapping[Node, Array]
    curve: Callable[[Edge, Array], Array]

    def value(self, of: Sum) -> Array:
        """The values of a sum, ``(rows,)``."""
        rows = len(next(iter(self.variables.values())))
        return of.constant + sum((factor * self.term(term) for factor, term in of.terms), np.zeros(rows))

    def term(self, term: Term) -> Array:
        """The values of a term, ``(rows,)``; NaN where it is not defined."""
        if isinstance(term, Variable):
            return self.variables[term.node]
        if isinstance(term, Unnamed):
            return self.curve(term.edge, self.value(term.of))
        with np.errstate(all="ignore"):
            return FUNCTIONS[term.name].of(self.value(term.of))


# As text


def text(of: Sum) -> str:
    """``1.02 exp(sin(3.14 x1) + x2^2) - 0.01``."""
    return _joined(of, _term_text, str)


def _term_text(factor: str, term: Term) -> str:
    head = f"{factor} " if factor else ""
    if isinstance(term, Variable):
        return head + term.name
    if isinstance(term, Unnamed):
        return f"{head}phi_{{{','.join(map(str, term.edge))}}}({text(term.of)})"
    template = FUNCTIONS[term.name].template
    if template.startswith("1/"):
        template, head = (factor or "1") + template[1:], ""
    bare = term.of.bare
    if bare is not None and "({})^" in template:
        template = template.replace("({})", "{}")
    return head + template.format(text(term.of))


# As LaTeX

_LATEX = {
    "x^2": r"\left({}\right)^{{2}}",
    "x^3": r"\left({}\right)^{{3}}",
    "x^4": r"\left({}\right)^{{4}}",
    "abs": r"\left|{}\right|",
    "sqrt": r"\sqrt{{{}}}",
    "1/x": r"\frac{{1}}{{{}}}",
    "1/x^2": r"\frac{{1}}{{\left({}\right)^{{2}}}}",
    "gaussian": r"\exp\left(-\left({}\right)^{{2}}\right)",
    **{name: rf"\{name}\left({{}}\right)" for name in ("sin", "exp", "log", "tanh")},
}


def latex(of: Sum) -> str:
    r"""``1.02 \exp\left(\sin\left(3.14 x_{1}\right) + x_{2}^{2}\right) - 0.01``."""
    return _joined(of, _term_latex, _ten)


def _term_latex(factor: str, term: Term) -> str:
    head = f"{_ten(factor)} " if factor else ""
    if isinstance(term, Variable):
        return head + latex_name(term.name)
    if isinstance(term, Unnamed):
        return rf"{head}\phi_{{{','.join(map(str, term.edge))}}}\left({latex(term.of)}\right)"
    template = _LATEX[term.name]
    if term.of.bare is not None:
        template = template.replace(r"\left({}\right)^", "{}^")
    return head + template.format(latex(term.of))


def latex_name(name: str) -> str:
    r"""A name in mathematics: ``x_{1}``, ``y``, ``\mathrm{age}``."""
    numbered = re.fullmatch(r"([A-Za-z])([0-9]+)", name)
    if numbered:
        return f"{numbered[1]}_{{{numbered[2]}}}"
    if re.fullmatch(r"[A-Za-z]", name):
        return name
    escaped = re.sub(r"([&%$#_{}])", r"\\\1", re.sub(r"[\\^~]", " ", name)).replace(" ", r"\ ")
    return rf"\mathrm{{{escaped}}}"


def _ten(number: str) -> str:
    mantissa, exponent, power = number.partition("e")
    return rf"{mantissa} \cdot 10^{{{int(power)}}}" if exponent else number


# Numbers


def three_figures(value: float) -> float:
    """The number that three figures can write."""
    return float(f"{value:.3g}")


def _beside(constant: float, spread: float) -> float:
    """A constant, to a two-hundredth of what varies beside it or closer."""
    if not math.isfinite(spread) or spread <= 0:
        return three_figures(constant)
    return round(constant, 2 - math.floor(math.log10(spread))) + 0.0


def _joined(of: Sum, write: Callable[[str, Term], str], number: Callable[[str], str]) -> str:
    shown = [(factor, term) for factor, term in of.terms if factor != 0]
    parts = [("-" if factor < 0 else "+", write(_factor(factor), term)) for factor, term in shown]
    if of.constant != 0 or not parts:
        parts.append(("-" if of.constant < 0 else "+", number(f"{abs(of.constant):.12g}")))
    (sign, first), *rest = parts
    return ("-" if sign == "-" else "") + first + "".join(f" {sign} {part}" for sign, part in rest)


def _factor(value: float) -> str:
    size = f"{abs(value):.3g}"
    return "" if size == "1" else size
