"""Formulas of the Feynman lectures, pruned to the smallest networks: ``python -m benchmarks.feynman``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import pi

import torch

from .pruning import Line, table
from .shapes import ENOUGH, Formula, Published, Row, run

SIGNED, SPEED, SHARE, RATIO, TURN = (-1.0, 1.0), (-0.9, 0.9), (0.0, 1.0), (0.5, 2.0), (0.0, 2 * pi)

# Table 2 of Liu et al. 2024 (arXiv:2404.19756): its dimensionless formulas of two variables, in its order. The numbers
# are its columns "pruned KAN shape (smallest shape that achieves RMSE < 1e-2)", "(lowest loss)" and "pruned KAN loss".
# It does not say where the variables are sampled, except for I.16.6. Here: the ranges of pykan's `kan/feynman.py` where
# it has the variable, 0.5 to 2 for ratios of positive quantities, and no negative values where the network that the
# paper builds by hand multiplies by adding logarithms (I.30.5).
FORMULAS = [
    Formula(
        "I.6.2",
        "exp(-t^2 / 2s^2) / sqrt(2 pi s^2)",
        lambda t, s: torch.exp(-(t**2) / (2 * s**2)) / torch.sqrt(2 * pi * s**2),
        (SIGNED, RATIO),
        Published((2, 2, 1), (2, 2, 1, 1), 2.86e-5),
    ),
    Formula(
        "I.12.11",
        "1 + a sin t",
        lambda a, t: 1 + a * torch.sin(t),
        (SIGNED, TURN),
        Published((2, 2, 1), (2, 2, 1), 1.39e-3),
    ),
    Formula(
        "I.13.12",
        "a (1/b - 1)",
        lambda a, b: a * (1 / b - 1),
        (SHARE, RATIO),
        Published((2, 2, 1), (2, 2, 1), 4.81e-3),
    ),
    Formula(
        "I.15.3x",
        "(1 - a) / sqrt(1 - b^2)",
        lambda a, b: (1 - a) / torch.sqrt(1 - b**2),
        (SIGNED, SPEED),
        Published((2, 1, 1), (2, 2, 1, 1, 1), 1.58e-3),
    ),
    Formula(
        "I.16.6",
        "(a + b) / (1 + ab)",
        lambda a, b: (a + b) / (1 + a * b),
        (SIGNED, SIGNED),
        Published((2, 2, 1), (2, 2, 1), 1.19e-3),
    ),
    Formula(
        "I.18.4",
        "(1 + ab) / (1 + a)",
        lambda a, b: (1 + a * b) / (1 + a),
        (RATIO, SIGNED),
        Published((2, 2, 1), (2, 2, 1), 1.50e-4),
    ),
    Formula(
        "I.26.2",
        "arcsin(n sin t)",
        lambda n, t: torch.arcsin(n * torch.sin(t)),
        ((0.0, 0.99), TURN),
        Published((2, 2, 1), (2, 2, 2, 1, 1), 7.90e-4),
    ),
    Formula(
        "I.27.6",
        "1 / (1 + ab)",
        lambda a, b: 1 / (1 + a * b),
        (RATIO, RATIO),
        Published((2, 1, 1), (2, 1, 1), 1.94e-4),
    ),
    Formula(
        "I.30.3",
        "sin^2(nt/2) / sin^2(t/2)",
        lambda n, t: torch.sin(n * t / 2) ** 2 / torch.sin(t / 2) ** 2,
        ((0.0, 4.0), (0.4 * pi, 1.6 * pi)),
        Published((2, 4, 3, 1), (2, 3, 2, 3, 1, 1), 1.03e-3),
    ),
    Formula(
        "I.30.5",
        "arcsin(a/n)",
        lambda a, n: torch.arcsin(a / n),
        (SHARE, (1.0, 1.5)),
        Published((2, 1, 1), (2, 1, 1, 1, 1, 1), 3.49e-5),
    ),
    Formula(
        "I.37.4",
        "1 + a + 2 sqrt(a) cos d",
        lambda a, d: 1 + a + 2 * torch.sqrt(a) * torch.cos(d),
        ((0.1, 1.0), TURN),
        Published((2, 2, 1), (2, 2, 1), 4.91e-6),
    ),
    Formula(
        "I.40.1",
        "n exp(-a)",
        lambda n, a: n * torch.exp(-a),
        (SHARE, SIGNED),
        Published((2, 2, 1), (2, 2, 1, 1, 1, 2, 1), 5.01e-4),
    ),
    Formula(
        "I.44.4",
        "n ln a",
        lambda n, a: n * torch.log(a),
        (SHARE, RATIO),
        Published((2, 2, 1), (2, 2, 1), 2.43e-5),
    ),
    Formula(
        "I.50.26",
        "cos a + b cos^2 a",
        lambda a, b: torch.cos(a) + b * torch.cos(a) ** 2,
        (TURN, SHARE),
        Published((2, 3, 1), (2, 3, 2, 1), 5.82e-4),
    ),
    Formula(
        "II.2.42",
        "(a - 1) b",
        lambda a, b: (a - 1) * b,
        (RATIO, SHARE),
        Published((2, 2, 1), (2, 2, 2, 1), 7.22e-4),
    ),
    Formula(
        "II.11.27",
        "na / (1 - na/3)",
        lambda n, a: n * a / (1 - n * a / 3),
        (SHARE, (0.0, 2.0)),
        Published((2, 1, 1), (2, 2, 1), 4.40e-5),
    ),
    Formula(
        "II.35.18",
        "n / (exp a + exp -a)",
        lambda n, a: n / (torch.exp(a) + torch.exp(-a)),
        (SHARE, RATIO),
        Published((2, 1, 1), (2, 1, 1, 1), 1.58e-4),
    ),
    Formula(
        "II.38.3",
        "a/b",
        lambda a, b: a / b,
        (SHARE, RATIO),
        Published((2, 1, 1), (2, 2, 1, 1, 1), 8.78e-5),
    ),
    Formula(
        "III.10.19",
        "sqrt(1 + a^2 + b^2)",
        lambda a, b: torch.sqrt(1 + a**2 + b**2),
        (SIGNED, SIGNED),
        Published((2, 1, 1), (2, 1, 2, 1), 1.18e-3),
    ),
]


def verdicts(rows: Sequence[Row]) -> Iterator[Line]:
    """Gate and goals; asked of 12 formulas, and in proportion of more or fewer."""
    count, part = len(rows), len(rows) / 12
    below = sum(row.works for row in rows)
    small = sum(row.as_small for row in rows)
    close = sum(row.best.error <= 3 * row.formula.published.best_error for row in rows)
    chance = sum(min(row.random) < ENOUGH for row in rows)
    yield Line(
        "26",
        f"of {count} formulas: test error of a pruned network below 1e-2, grid 20, best of the seeds and widths",
        f"{below}/{count}",
        f"{chance}/{count} with as many edges",
        gate="10/12",
        met=(below >= 10 * part, None),
    )
    yield Line(
        "26",
        "as few hidden nodes and layers as published",
        f"{small}/{count}",
        goal="8/12",
        met=(None, small >= 8 * part),
    )
    yield Line(
        "26", "error at most 3x the published best", f"{close}/{count}", goal="6/12", met=(None, close >= 6 * part)
    )


if __name__ == "__main__":
    found = run(FORMULAS, __doc__, "python -m benchmarks.feynman")
    print("\n" + "\n".join(table(verdicts(found))))
