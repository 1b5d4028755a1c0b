"""Which simple function a curve resembles: ``c f(a x + b) + d`` with its R2."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Shape:
    """A simple function of one variable.

    Attributes:
        name: As in ``"sin"``.
        of: The function; NaN or infinite where it is not defined.
        template: How it is written, with ``{}`` for its argument.
        complexity: 1 for a line; of two functions that fit alike, the simpler one is named first.
        scales: Whether a factor inside does more than one outside, as for sin and not for x^2.
        parity: 1 for an even function, -1 for an odd one, 0 for neither.
        pole: Whether it has a pole at 0, which then must lie clear of the data.
        power: Where ``f(a u) = a^power f(u)`` for positive a; else None.
    """

    name: str
    of: Callable[[Array], Array]
    template: str
    complexity: int
    scales: bool = True
    parity: int = 0
    pole: bool = False
    power: float | None = None


# The functions of pykan's symbolic library that are not each other's shifts and scalings.
SHAPES: tuple[Shape, ...] = (
    Shape("x", lambda u: u, "{}", 1, scales=False, parity=-1),
    Shape("x^2", lambda u: u**2, "({})^2", 2, scales=False, parity=1, power=2),
    Shape("x^3", lambda u: u**3, "({})^3", 3, scales=False, parity=-1, power=3),
    Shape("x^4", lambda u: u**4, "({})^4", 3, scales=False, parity=1, power=4),
    Shape("abs", np.abs, "|{}|", 3, scales=False, parity=1, power=1),
    Shape("sin", np.sin, "sin({})", 2, parity=-1),
    Shape("exp", np.exp, "exp({})", 2),
    Shape("sqrt", np.sqrt, "sqrt({})", 2, scales=False, power=0.5),
    Shape("log", np.log, "log({})", 2, scales=False, pole=True),
    Shape("1/x", lambda u: 1 / u, "1/({})", 2, scales=False, parity=-1, pole=True, power=-1),
    Shape("1/x^2", lambda u: 1 / u**2, "1/({})^2", 2, scales=False, parity=1, pole=True, power=-2),
    Shape("tanh", np.tanh, "tanh({})", 3, parity=-1),
    Shape("gaussian", lambda u: np.exp(-(u**2)), "exp(-({})^2)", 3, parity=1),
)


@dataclass(frozen=True)
class Formula:
    """``c f(a x + b) + d``.

    Attributes:
        name: Of f.
        a: Factor inside.
        b: Shift inside.
        c: Factor outside.
        d: Shift outside.
        r2: Share of the curve's variance that it explains, at most 1.
    """

    name: str
    a: float
    b: float
    c: float
    d: float
    r2: float

    def __call__(self, x: Array) -> Array:
        """The values at `x`."""
        return self.c * FUNCTIONS[self.name].of(self.a * x + self.b) + self.d

    def text(self, variable: str = "x") -> str:
        """As a formula, with three figures: ``1.02 sin(3.14 x) + 0.01``."""
        inner = _linear(self.a, variable, self.b)
        outer = FUNCTIONS[self.name].template.format(inner).replace(f"({variable})^", f"{variable}^")
        return _linear(self.c, outer, self.d)


# A shift that e can be raised to and still be a factor.
FURTHEST = 100.0
FUNCTIONS = {shape.name: shape for shape in SHAPES}


def resemble(x: Array, y: Array, *, most: int = 3) -> list[Formula]:
    """The simple functions closest to a curve, best first.

    Factors and shifts inside are found on a grid that is drawn ever closer around its best point, those outside by
    linear regression. A function must explain 0.1 % more of what is left than a simpler one to be named before it.

    Args:
        x: Points, ``(n,)``, where the curve is to be matched: where there are data.
        y: Its values, ``(n,)``.
        most: How many to give.

    Returns:
        Up to `most` formulas; none for a curve that is constant or not finite.

    Raises:
        ValueError: If `x` and `y` are not two vectors of one length of 4 or more.

    Example:
        >>> import numpy as np
        >>> x = np.linspace(-1, 1, 100)
        >>> resemble(x, 2 * np.sin(3 * x) + 1)[0].text()
        '2 sin(3 x) + 1'

    Source:
        pykan 0.2.8, ``fit_params`` and ``SYMBOLIC_LIB`` (the idea; here for all factors of a shape at once).
    """
    if x.ndim != 1 or x.shape != y.shape or len(x) < 4:
        raise ValueError(f"x and y must be vectors of one length, 4 or more; got {x.shape} and {y.shape}")
    spread = float(np.std(y))
    if not np.isfinite(spread) or spread <= 1e-9 * max(1.0, float(np.abs(y).max())) or not np.ptp(x) > 0:
        return []
    middle, half = (x.max() + x.min()) / 2, np.ptp(x) / 2
    found = [_fit(shape, (x - middle) / half, y, middle, half) for shape in SHAPES]
    good = [formula for formula in found if formula is not None]
    return sorted(good, key=_rank)[:most]


def _rank(formula: Formula) -> float:
    """Lower is better: what is left unexplained, on a scale on which a step of complexity is 0.1 %."""
    return 1 - formula.r2 + 1e-3 * FUNCTIONS[formula.name].complexity


_ROUNDS = 9
_POINTS = 25


def _fit(shape: Shape, u: Array, y: Array, middle: float, half: float) -> Formula | None:
    """The best ``c f(p u + q) + d`` for points `u` on [-1, 1], in terms of x."""
    if shape.name == "x":
        p, q = 1.0, 0.0
    else:
        p, q = _search(shape, u, y)
    values = shape.of(p * u + q)
    if not np.isfinite(values).all() or np.ptp(values) == 0:
        return None
    centred = values - values.mean()
    c = float(centred @ (y - y.mean()) / (centred @ centred))
    d = float(y.mean() - c * values.mean())
    r2 = 1 - float(np.mean((c * values + d - y) ** 2) / np.var(y))
    a, b = p / half, q - p * middle / half
    if shape.name == "x":  # a line needs no shift inside
        return Formula("x", 1.0, 0.0, c * a, d + c * b, r2)
    if a < 0 and shape.parity:
        a, b, c = -a, -b, shape.parity * c
    if shape.name == "sin":
        turns = round(b / np.pi)
        b, c = b - turns * np.pi, c * (-1) ** turns
    if shape.name == "exp" and abs(b) < FURTHEST:
        b, c = 0.0, c * np.exp(b)
    if shape.power is not None:
        a, b, c = a / abs(a), b / abs(a), c * abs(a) ** shape.power
    return Formula(shape.name, float(a), float(b), float(c), d, r2)


def _search(shape: Shape, u: Array, y: Array) -> tuple[float, float]:
    """Factor and shift with the highest correlation, on a grid drawn closer around the best point."""
    p, q = 0.0, 0.0
    reach_p, reach_q = (10.0 if shape.scales else 0.0), 10.0
    if not shape.scales:
        p = 1.0
    best = -1.0
    for round_ in range(_ROUNDS):
        ps = p + np.linspace(-reach_p, reach_p, _POINTS if reach_p else 1)
        qs = q + np.linspace(-reach_q, reach_q, 2 * _POINTS + 1)
        grid_p, grid_q = (g.ravel() for g in np.meshgrid(ps, qs))
        if not shape.scales and round_ == 0:  # the other side of a pole or of a root
            grid_p, grid_q = np.concatenate([grid_p, -grid_p]), np.concatenate([grid_q, grid_q])
        scores = _correlations(shape, u, y, grid_p, grid_q)
        i = int(np.argmax(scores))
        if scores[i] > best:
            best, p, q = float(scores[i]), float(grid_p[i]), float(grid_q[i])
        reach_p, reach_q = reach_p / 4, reach_q / 4
    return p, q


def _correlations(shape: Shape, u: Array, y: Array, p: Array, q: Array) -> Array:
    """Squared correlation of ``f(p u + q)`` with `y` for many p and q; -1 where f is not defined on all of `u`."""
    inner = p[:, None] * u + q[:, None]
    clear = np.abs(inner).min(axis=1) > 1e-3 * np.abs(inner).max(axis=1)
    clear &= inner.min(axis=1) * inner.max(axis=1) > 0
    with np.errstate(all="ignore"):
        values = shape.of(inner)
        values -= values.mean(axis=1, keepdims=True)
        norm = np.sqrt((values**2).mean(axis=1))
        share = (values @ (y - y.mean())) / (len(u) * norm * np.std(y))
    usable = np.isfinite(share) & (norm > 1e-9) & (norm < 1e9) & (clear | (not shape.pole))
    squared: Array = np.where(usable, share**2, -1.0)
    return squared


def _linear(factor: float, of: str, shift: float) -> str:
    """``factor of + shift`` without factors of 1 and shifts of 0, to three figures."""
    scale = abs(factor) + abs(shift)
    number, constant = _number(factor), _number(shift)
    head = of if number == "1" else f"-{of}" if number == "-1" else f"{number} {of}"
    if constant == "0" or abs(shift) < 1e-3 * scale:
        return head
    return f"{head} + {constant}" if shift > 0 else f"{head} - {constant.removeprefix('-')}"


def _number(value: float) -> str:
    return f"{float(f'{value:.3g}'):g}"
