"""Special functions of SciPy, pruned to the smallest networks: ``python -m benchmarks.special``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import pi
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .pruning import Line, table
from .shapes import ENOUGH, Formula, Published, Row, run


def scipy_special(name: str, *first: Any, of: Callable[[Any], Any] = np.asarray) -> Callable[[Tensor, Tensor], Tensor]:
    """A function of `scipy.special` on tensors: its leading arguments, and what is taken of its result."""

    def call(x: Tensor, y: Tensor) -> Tensor:
        from scipy import special

        return torch.from_numpy(np.array(of(getattr(special, name)(*first, x.numpy(), y.numpy()))))

    return call


def harmonic(m: int, n: int) -> Callable[[Tensor, Tensor], Tensor]:
    """Real part of a spherical harmonic of azimuth x and polar angle y, as ``sph_harm(m, n, x, y)`` gave it."""
    polar_first = scipy_special("sph_harm_y", n, m, of=np.real)
    return lambda azimuth, polar: polar_first(polar, azimuth)


ORDER, AMPLITUDE, MODULUS = (0.0, 2.0), (0.0, pi / 2), (0.0, 0.99)
SPHERE = ((0.0, 2 * pi), (0.0, pi))
DEGREE, COSINE = (0.0, 5.0), (0.0, 1.0)

# Table 1 of Liu et al. 2024 (arXiv:2404.19756), all rows. It does not say where the arguments are sampled. Here: angles
# over all of their range, orders from 0 to 2, degrees from 0 to 5, and the rest away from where a function is infinite.
FORMULAS = [
    Formula(
        "ellipj",
        "sn(x, y)",
        scipy_special("ellipj", of=lambda found: found[0]),
        ((0.0, 2 * pi), MODULUS),
        Published((2, 2, 1), (2, 3, 2, 1, 1), 1.33e-4, 7.29e-3),
    ),
    Formula(
        "ellipkinc",
        "F(x, y)",
        scipy_special("ellipkinc"),
        (AMPLITUDE, MODULUS),
        Published((2, 2, 1, 1), (2, 2, 1, 1, 1), 1.24e-4, 1.00e-3),
    ),
    Formula(
        "ellipeinc",
        "E(x, y)",
        scipy_special("ellipeinc"),
        (AMPLITUDE, MODULUS),
        Published((2, 2, 1, 1), (2, 2, 1, 1), 8.26e-5, 8.36e-5),
    ),
    Formula(
        "jv",
        "J_x(y)",
        scipy_special("jv"),
        (ORDER, (0.0, 10.0)),
        Published((2, 2, 1), (2, 3, 1, 1, 1), 1.64e-3, 4.93e-3),
    ),
    Formula(
        "yv",
        "Y_x(y)",
        scipy_special("yv"),
        (ORDER, (1.0, 10.0)),
        Published((2, 3, 1), (2, 2, 2, 1), 1.49e-5, 1.89e-3),
    ),
    Formula(
        "kv",
        "K_x(y)",
        scipy_special("kv"),
        (ORDER, (1.0, 10.0)),
        Published((2, 1, 1), (2, 2, 1), 2.52e-5, 4.89e-3),
    ),
    Formula(
        "iv",
        "I_x(y)",
        scipy_special("iv"),
        (ORDER, (0.0, 5.0)),
        Published((2, 4, 3, 2, 1, 1), (2, 4, 3, 2, 1, 1), 9.28e-3, 9.28e-3),
    ),
    Formula(
        "lpmv0",
        "P_x^0(y)",
        scipy_special("lpmv", 0),
        (DEGREE, COSINE),
        Published((2, 2, 1), (2, 2, 1), 5.25e-5, 5.25e-5),
    ),
    Formula(
        "lpmv1",
        "P_x^1(y)",
        scipy_special("lpmv", 1),
        (DEGREE, COSINE),
        Published((2, 4, 1), (2, 4, 1), 6.90e-4, 6.90e-4),
    ),
    Formula(
        "lpmv2",
        "P_x^2(y)",
        scipy_special("lpmv", 2),
        (DEGREE, COSINE),
        Published((2, 2, 1), (2, 3, 2, 1), 2.26e-4, 4.88e-3),
    ),
    Formula(
        "sph_harm01",
        "Re Y_1^0(x, y)",
        harmonic(0, 1),
        SPHERE,
        Published((2, 1, 1), (2, 1, 1), 2.21e-7, 2.21e-7),
    ),
    Formula(
        "sph_harm11",
        "Re Y_1^1(x, y)",
        harmonic(1, 1),
        SPHERE,
        Published((2, 2, 1), (2, 3, 2, 1), 1.22e-4, 7.86e-4),
    ),
    Formula(
        "sph_harm02",
        "Re Y_2^0(x, y)",
        harmonic(0, 2),
        SPHERE,
        Published((2, 1, 1), (2, 1, 1), 1.95e-7, 1.95e-7),
    ),
    Formula(
        "sph_harm12",
        "Re Y_2^1(x, y)",
        harmonic(1, 2),
        SPHERE,
        Published((2, 2, 1), (2, 2, 1, 1), 1.50e-5, 4.70e-4),
    ),
    Formula(
        "sph_harm22",
        "Re Y_2^2(x, y)",
        harmonic(2, 2),
        SPHERE,
        Published((2, 2, 1), (2, 2, 3, 2, 1), 9.45e-5, 1.12e-3),
    ),
]


def verdicts(rows: Sequence[Row]) -> Iterator[Line]:
    """Gate and goal; asked of all 15, and in proportion of fewer."""
    count, part = len(rows), len(rows) / 15
    below = sum(row.works for row in rows)
    chance = sum(min(row.random) < ENOUGH for row in rows)
    peers = sum(row.peer is not None and row.peer.error <= wanted(row) for row in rows)
    any_size = sum(row.best.error <= wanted(row) for row in rows)
    yield Line(
        "27",
        f"of {count} special functions: test error of a pruned network below 1e-2, best of the seeds and widths",
        f"{below}/{count}",
        f"{chance}/{count} with as many edges",
        gate="5/15",
        met=(below >= 5 * part, None),
    )
    yield Line(
        "27",
        "test error of a network no larger than the smallest published at most that one's; in brackets of any size",
        f"{peers}/{count} ({any_size})",
        goal="12/15",
        met=(None, peers >= 12 * part),
    )


def wanted(row: Row) -> float:
    """Test error of the smallest network published."""
    return row.formula.published.smallest_error or 0.0


if __name__ == "__main__":
    found = run(FORMULAS, __doc__, "python -m benchmarks.special")
    print("\n" + "\n".join(table(verdicts(found))))
