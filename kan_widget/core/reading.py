"""An output read off the network as a formula of its inputs: what is close to a simple function, by its name."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .expression import Call, Meaning, Sum, Term, Unnamed, Variable, collected, latex, latex_name, text
from .formula import Formula, resemble
from .topology import Edge, Masks, Node, Topology

Array = NDArray[np.float64]
Curve = Callable[[Edge, Array], Array]

# More edges than this make no formula that anybody reads.
MOST = 100
# Points that an edge's function is matched at, spread as the data are.
_POINTS = 100
# Beyond this a constant in an exponent stays there: as a factor it would be no number to read.
_EXPONENT = 30.0


@dataclass(frozen=True)
class Link:
    """How one edge was read.

    Attributes:
        edge: The edge.
        closest: The simple function that it resembles most, in terms of its source; None for a constant.
        named: Whether the formula has that function; else it has ``phi_{layer,source,target}``.
    """

    edge: Edge
    closest: Formula | None
    named: bool


@dataclass(frozen=True, eq=False)
class OutputFormula:
    """An output as a formula of the inputs.

    Call it with inputs ``(rows, inputs)``, in the order of the network's, and it gives ``(rows,)``: with the numbers as
    they are written, and with the network's own function for each ``phi``.

    Attributes:
        output: The output's name.
        text: The right-hand side, as ``1.02 exp(sin(3.14 x1) + x2^2) - 0.01``.
        latex: The same as LaTeX.
        where: Nodes that the formula names since they are used more than once: name, text and LaTeX.
        links: How each edge was read that the output depends on, from the inputs up.
        r2: Share of the output's variance that the formula explains on the rows; NaN where it does not vary.
        rows: ``"test"`` or ``"train"``.
        count: How many rows.
    """

    output: str
    text: str
    latex: str
    where: tuple[tuple[str, str, str], ...]
    links: tuple[Link, ...]
    r2: float
    rows: str
    count: int
    _topology: Topology = field(repr=False)
    _parts: dict[Node, Sum] = field(repr=False)
    _curve: Curve = field(repr=False)

    @property
    def unnamed(self) -> list[Link]:
        """The edges that resemble no simple function."""
        return [link for link in self.links if not link.named]

    def __call__(self, x: Array) -> Array:
        """The formula's values at inputs ``(rows, inputs)``.

        Raises:
            ValueError: If `x` has other columns.
        """
        x, inputs = np.asarray(x, dtype=np.float64), self._topology.widths[0]
        if x.ndim != 2 or x.shape[1] != inputs:
            raise ValueError(f"x must be (rows, {inputs}); got {x.shape}")
        return _evaluated(self._parts, self._curve, x)

    def to_latex(self) -> str:
        """All of it, with what it names, as lines of LaTeX that a formula environment takes."""
        lines = [(self.output, self.latex), *((name, said) for name, _, said in self.where)]
        return r" \\ ".join(f"{latex_name(name)} = {said}" for name, said in lines)

    def __str__(self) -> str:
        return f"{self.output} = {self.text}" + "".join(f"\n{name} = {said}" for name, said, _ in self.where)

    def __repr__(self) -> str:
        named = len(self.links) - len(self.unnamed)
        rows = f"{self.count:,} {'held-out' if self.rows == 'test' else 'training'} rows"
        lines = [str(self), f"R² {self.r2:.4f} on {rows}; {named} of {len(self.links)} edges named"]
        return "\n".join([*lines, *(self._say(link) for link in self.unnamed)])

    def _say(self, link: Link) -> str:
        said = f"phi_{{{','.join(map(str, link.edge))}}}: {self._topology.edge_name(link.edge)}"
        return said if link.closest is None else f"{said}, closest {link.closest.name} with R² {link.closest.r2:.3f}"


@dataclass(frozen=True, eq=False)
class Judged:
    """The rows that a formula is judged on.

    Attributes:
        rows: Their name.
        inputs: ``(rows, inputs)``.
        outputs: What the network gives, ``(rows, outputs)``.
    """

    rows: str
    inputs: Array
    outputs: Array


def read_formula(
    topology: Topology,
    active: Masks,
    values: tuple[Array, ...],
    curve: Curve,
    output: int,
    *,
    judged: Judged,
    least: float = 0.99,
) -> OutputFormula:
    """Read an output off a network.

    Each active edge stands for the simple function that its own is closest to over the data, if that explains `least`
    of its variance there. Functions are matched to what the network computes; constants then take up what rounding and
    the layers below leave on average.

    Args:
        topology: Of the network.
        active: Edges that are on and not dead.
        values: What each node has for rows of data, ``(rows, n)`` per node layer.
        curve: An edge's own function.
        output: Which output.
        judged: The rows that the whole is judged on.
        least: R² that an edge needs to be named.

    Returns:
        The formula.

    Raises:
        ValueError: If there is no such output, or it depends on too many edges.

    Source:
        Liu et al. (2024), arXiv:2404.19756, section 2.5.1 ("symbolification"), without fixing what is not close.
    """
    reader = _Reader(topology, _leading_to(topology, active, output), values, curve, least)
    body = reader.read(Node(topology.depth, output))
    parts = {**reader.defined, Node(topology.depth, output): body}
    where = [(topology.node_name(node), part) for node, part in reader.defined.items()]
    return OutputFormula(
        output=topology.names[-1][output],
        text=text(body),
        latex=latex(body),
        where=tuple((name, text(part), latex(part)) for name, part in where),
        links=tuple(sorted(reader.links, key=lambda link: link.edge)),
        r2=_share(_evaluated(parts, curve, judged.inputs), judged.outputs[:, output]),
        rows=judged.rows,
        count=len(judged.inputs),
        _topology=topology,
        _parts=parts,
        _curve=curve,
    )


class _Reader:
    """Reads nodes as sums, those that they depend on first."""

    def __init__(
        self, topology: Topology, edges: list[Edge], values: tuple[Array, ...], curve: Curve, least: float
    ) -> None:
        self._topology, self._edges, self._curve, self._least = topology, edges, curve, least
        self._truth = values
        self._known = {Node(0, i): values[0][:, i] for i in range(topology.widths[0])}
        self.links: list[Link] = []
        self.defined: dict[Node, Sum] = {}

    def read(self, node: Node) -> Sum:
        """What `node` computes, rounded."""
        if node.layer == 0:
            return Sum(0.0, ((1.0, Variable(node, self._topology.node_name(node))),))
        if node in self.defined:
            return Sum(0.0, ((1.0, Variable(node, self._topology.node_name(node))),))
        terms = [
            term for edge in self._edges if edge[::2] == (node.layer - 1, node.index) for term in self._terms(edge)
        ]
        truth = self._truth[node.layer][:, node.index]
        bare = collected(0.0, terms).rounded(0.0)
        varying = self._meaning.value(bare)
        found = Sum(float(np.mean(truth - varying)), bare.terms).rounded(float(np.std(truth)))
        self._known[node] = varying + found.constant
        if node.layer < self._topology.depth and self._uses(node) > 1:
            self.defined[node] = found
            return Sum(0.0, ((1.0, Variable(node, self._topology.node_name(node))),))
        return found

    def _terms(self, edge: Edge) -> list[tuple[float, Term]]:
        """What an edge adds, but for a constant."""
        source = Node(edge.layer, edge.source)
        inner = self.read(source)
        x = np.quantile(self._truth[edge.layer][:, edge.source], np.linspace(0, 1, _POINTS))
        y = self._curve(edge, x)
        found = resemble(x, y) if np.ptp(x) > 0 else []
        if not found and np.isfinite(y).all():
            self.links.append(Link(edge, None, named=True))
            return []
        for formula in found:
            terms = self._named(formula, inner, self._known[source]) if formula.r2 >= self._least else None
            if terms is not None:
                self.links.append(Link(edge, formula, named=True))
                return terms
        self.links.append(Link(edge, max(found, key=lambda f: f.r2, default=None), named=False))
        return [(1.0, Unnamed(edge, inner))]

    def _named(self, formula: Formula, inner: Sum, values: Array) -> list[tuple[float, Term]] | None:
        """``c f(a inner + b)``; None where that is not defined on all rows."""
        of, factor = inner.scaled(formula.a, formula.b), formula.c
        if formula.name == "x":
            return [(factor * share, term) for share, term in of.terms]
        if formula.name == "exp" and abs(of.constant) < _EXPONENT:
            factor, of = factor * math.exp(of.constant), Sum(0.0, of.terms)
        call = Call(formula.name, of.rounded(abs(formula.a) * float(np.std(values))))
        return [(factor, call)] if np.isfinite(self._meaning.term(call)).all() else None

    @property
    def _meaning(self) -> Meaning:
        return Meaning(self._known, self._curve)

    def _uses(self, node: Node) -> int:
        return sum(edge[:2] == node for edge in self._edges)


def _leading_to(topology: Topology, active: Masks, output: int) -> list[Edge]:
    """The active edges on a path to an output."""
    topology.node((topology.depth, output))
    needed, found = {output}, []
    for layer in range(topology.depth - 1, -1, -1):
        into = [Edge(layer, int(i), int(j)) for j in sorted(needed) for i in np.flatnonzero(active[layer][j])]
        needed = {edge.source for edge in into}
        found += into
        if len(found) > MOST:
            name = topology.names[-1][output]
            raise ValueError(
                f"{name} depends on more than {MOST} edges, too many for a formula to be read; prune first"
            )
    return found


def _evaluated(parts: dict[Node, Sum], curve: Curve, x: Array) -> Array:
    """The last of the parts, each of which may use those before it."""
    known = {Node(0, i): column for i, column in enumerate(x.T)}
    for node, part in parts.items():
        known[node] = Meaning(known, curve).value(part)
    last: Array = known[next(reversed(parts))]
    return last


def _share(found: Array, truth: Array) -> float:
    """R² of what was found; NaN for a truth that does not vary."""
    spread = float(np.var(truth))
    return 1 - float(np.mean((found - truth) ** 2)) / spread if spread > 0 else float("nan")
