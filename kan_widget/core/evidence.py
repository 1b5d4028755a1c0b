"""What scores are made from: measurements of a network on data, some cheap, some not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .topology import EdgeArrays
from .trace import Trace

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Removal:
    """Exact change of the mean loss when a part is replaced by its mean, with its standard error over rows.

    Attributes:
        edges: Per edge layer, ``(out, in)``.
        edge_errors: Their standard errors.
        nodes: Per node layer, ``(n,)``.
        node_errors: Their standard errors.
    """

    edges: EdgeArrays
    edge_errors: EdgeArrays
    nodes: tuple[Array, ...]
    node_errors: tuple[Array, ...]


@dataclass(frozen=True, eq=False)
class Curvature:
    """Moments of the loss's slope times centred activation; edges ``(out, in)``, source nodes ``(in,)`` per layer.

    Attributes:
        first: ``E[g phi]``, g being the derivative of a row's loss by what the edge adds to.
        fisher: ``E[(g phi)^2]``.
        gauss_newton: ``E[phi^2 J' H J]``, J being the derivative of the outputs and H the loss's own curvature.
        node_first: The same for all edges out of a node together.
        node_fisher: The same for all edges out of a node together.
        node_gauss_newton: The same for all edges out of a node together.
    """

    first: EdgeArrays
    fisher: EdgeArrays
    gauss_newton: EdgeArrays
    node_first: tuple[Array, ...]
    node_fisher: tuple[Array, ...]
    node_gauss_newton: tuple[Array, ...]


@dataclass(frozen=True, eq=False)
class Shapley:
    """Shapley values of nodes in minus the mean loss, absent ones replaced by their means; ``(n,)`` per node layer.

    Attributes:
        nodes: The values.
        row_errors: Their standard errors over rows.
        order_errors: Their standard errors over the orders that were drawn; zero where all were taken.
    """

    nodes: tuple[Array, ...]
    row_errors: tuple[Array, ...]
    order_errors: tuple[Array, ...]


class HasTrace(Protocol):
    """What criteria without labels need."""

    @property
    def trace(self) -> Trace:
        """One pass over the data."""


class Evidence(HasTrace, Protocol):
    """Measurements of one network on data, made when they are asked for."""

    @property
    def coefficients(self) -> EdgeArrays:
        """Sum of absolute coefficients of each edge, base function included, ``(out, in)``."""

    @property
    def curvature(self) -> Curvature:
        """Slopes and curvatures of the loss: one forward and ``outputs + 1`` backward passes."""

    @property
    def removal(self) -> Removal:
        """The loss without each part: a forward pass from there on for each."""

    @property
    def surgery(self) -> EdgeArrays:
        """Second-order rise of the loss without each edge, the others into its target refitted, ``(out, in)``."""

    @property
    def surgery_in_turn(self) -> EdgeArrays:
        """The same for each edge once all cheaper ones into its target have gone."""

    @property
    def shapley(self) -> Shapley:
        """Shapley values of the nodes of each layer."""

    @property
    def removal_is_cheap(self) -> bool:
        """Whether `removal` takes about a second rather than minutes."""
