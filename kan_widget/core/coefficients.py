"""Importance of single spline coefficients. Larger is more needed; prune where ``score < threshold``.

With ``w = scale_spline * c_m``, as a coefficient acts, an edge is a sum of terms ``w B_m(x)``. Criteria are those of
edges in `scores` with one such term in an edge's place: removal leaves ``w E[B_m]`` behind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .scores import seed_in
from .topology import Masks

Array = NDArray[np.float64]
Arrays = tuple[Array, ...]


@dataclass(frozen=True, eq=False)
class Bases:
    """Coefficients and what their basis functions do on the data. Tuples run over layers.

    Attributes:
        masks: Edges that are on, ``(out, in)``.
        on: Coefficients that are, alone and with their edge, ``(out, in, G + k)``.
        weight: Coefficients as they act, ``(out, in, G + k)``.
        mean: Mean of each basis function over the rows, ``(in, G + k)``.
        std: Its standard deviation (unbiased), ``(in, G + k)``.
        bare: Edges ``(out, in)`` that are nothing but a spline: without coefficients they are constant.
    """

    masks: Masks
    on: tuple[NDArray[np.bool_], ...]
    weight: Arrays
    mean: Arrays
    std: Arrays
    bare: Masks


@dataclass(frozen=True, eq=False)
class BasisCurvature:
    """Moments as in `evidence.Curvature` of one term instead of an edge, ``(out, in, G + k)`` per layer."""

    first: Arrays
    fisher: Arrays
    gauss_newton: Arrays


class BasisEvidence(Protocol):
    """Measurements of one network on data, made when they are asked for."""

    def bases(self) -> Bases:
        """Coefficients, and two passes over the data."""

    def basis_curvature(self) -> BasisCurvature:
        """Slopes and curvatures of the loss: one forward and ``outputs + 1`` backward passes."""


def coefficient(evidence: BasisEvidence) -> Arrays:
    """``|w|``. No data: what pruning of single weights does elsewhere (``l1_unstructured``)."""
    return tuple(np.abs(w) for w in evidence.bases().weight)


def l1(evidence: BasisEvidence) -> Arrays:
    """``|w| E|B_m|``: what the term adds on average, constant or not; 0 where there are no data."""
    found = evidence.bases()
    return tuple(np.abs(w) * mean for w, mean in zip(found.weight, found.mean, strict=True))


def std(evidence: BasisEvidence) -> Arrays:
    """``|w| sd(B_m)``: how much of the variation goes. Blind to the constant, which pruning keeps."""
    found = evidence.bases()
    return tuple(np.abs(w) * spread for w, spread in zip(found.weight, found.std, strict=True))


def gradient(evidence: BasisEvidence) -> Arrays:
    """First-order change of the loss, signed: ``-E[g w (B_m - E B_m)]``."""
    return tuple(-first for first in evidence.basis_curvature().first)


def fisher(evidence: BasisEvidence) -> Arrays:
    """``E[(g w (B_m - E B_m))^2] / 2``, the empirical Fisher diagonal. Labels needed."""
    return tuple(square / 2 for square in evidence.basis_curvature().fisher)


def gauss_newton(evidence: BasisEvidence) -> Arrays:
    """Second-order change of the loss, ``w^2 E[(B_m - E B_m)^2 J' H J] / 2``, never negative."""
    return tuple(newton / 2 for newton in evidence.basis_curvature().gauss_newton)


def taylor2(evidence: BasisEvidence) -> Arrays:
    """`gradient` plus `gauss_newton`, signed: exact for the squared loss of a single layer."""
    found = evidence.basis_curvature()
    return tuple(newton / 2 - first for first, newton in zip(found.first, found.gauss_newton, strict=True))


def random(evidence: BasisEvidence) -> Arrays:
    """Uniform random numbers, always the same: the control that every criterion must beat.

    ``"random:7"`` names the draw of seed 7, and so on.
    """
    return random_coefficients(evidence, seed=0)


def random_coefficients(evidence: BasisEvidence, seed: int) -> Arrays:
    """Scores of nothing but chance, for a control over several seeds."""
    generator = np.random.default_rng(seed)
    return tuple(generator.random(w.shape) for w in evidence.bases().weight)


CRITERIA: dict[str, Callable[[BasisEvidence], Arrays]] = {
    "coefficient": coefficient,
    "l1": l1,
    "std": std,
    "gradient": gradient,
    "fisher": fisher,
    "gauss_newton": gauss_newton,
    "taylor2": taylor2,
    "auto": taylor2,
    "random": random,
}


def check_coefficient_criterion(criterion: str) -> str:
    """`criterion`; `ValueError` with the known names if coefficients cannot be scored by it."""
    if criterion not in CRITERIA and seed_in(criterion) is None:
        raise ValueError(
            f"criterion must be one of {', '.join(CRITERIA)} where structure='coefficient'; got {criterion!r}"
        )
    return criterion


def score_coefficients(evidence: BasisEvidence, criterion: str) -> Arrays:
    """Importance of every coefficient by the criterion of that name, ``(out, in, G + k)`` per layer.

    Raises:
        ValueError: If coefficients cannot be scored by it.
    """
    if check_coefficient_criterion(criterion) in CRITERIA:
        return CRITERIA[criterion](evidence)
    return random_coefficients(evidence, seed_in(criterion) or 0)
