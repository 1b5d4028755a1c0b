"""Importance of edges, nodes and inputs. Larger is more needed; prune where ``score < threshold``.

Scores of ``gradient``, ``taylor2`` and ``leave_one_out`` are signed: they predict, or are, the change of the loss when
the part is replaced by its mean, and below zero it would fall.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .evidence import Evidence, HasTrace
from .topology import EdgeArrays
from .trace import Trace

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scores:
    """Importance by one criterion.

    Attributes:
        edges: Per edge layer, ``(out, in)``.
        nodes: Per node layer, ``(n,)``, inputs and outputs included.
    """

    edges: EdgeArrays
    nodes: tuple[Array, ...]


Criterion = Callable[[Any], Scores]


def l1(evidence: HasTrace) -> Scores:
    """Mean absolute output over the data; a node by the weaker of its strongest edge in and its strongest edge out.

    ``E|phi|``. It sees constants, since it is not centred. One forward pass. The KAN paper's choice.

    Source:
        Liu et al. (2024), arXiv:2404.19756, equation 2.17 and section 2.5.1 ("incoming and outgoing score").
    """
    return Scores(evidence.trace.mean_abs, _weaker_side(evidence.trace.mean_abs))


def std(evidence: HasTrace) -> Scores:
    """Standard deviation of the output; nodes as for `l1`. Blind to constants, which pruning keeps.

    ``sqrt(E[(phi - E phi)^2])``. One forward pass. A safe default without labels where all outputs are of one scale.
    """
    return Scores(evidence.trace.std, _weaker_side(evidence.trace.std))


def attribution(evidence: HasTrace) -> Scores:
    """Share of the outputs' variation that flows through the edge, traced back from the outputs.

    ``E_ji = std_ji * S_j / (std(y_j) + 1e-4)`` and ``S_i = sum_j E_ji`` over unpruned edges, from ``S = 1 / n``
    at each of n outputs. An edge that was pruned gets what it would have were it there. One forward pass, no labels.
    Best of the cheap ones on small networks.

    Source:
        Liu et al. (2024), arXiv:2408.10205, section 4.1; pykan 0.2.8, ``MultKAN.attribute``.
    """
    n_out = evidence.trace.masks[-1].shape[0]
    edges, nodes = trace_back(evidence.trace, np.full((1, n_out), 1 / n_out))
    return Scores(tuple(e[0] for e in edges), tuple(n[0] for n in nodes))


def trace_back(trace: Trace, shares: Array, layer: int | None = None) -> tuple[list[Array], list[Array]]:
    """Follow shares of variation from a node layer back to the inputs; see `attribution`.

    Args:
        trace: The measurements.
        shares: What each row shares out over the nodes of that layer, ``(rows, n)``.
        layer: The node layer; the outputs when left out.

    Returns:
        Per edge layer ``(rows, out, in)`` and per node layer ``(rows, n)``, both from the inputs up.
    """
    edges: list[Array] = []
    nodes = [shares]
    layers = list(zip(trace.masks, trace.std, trace.output_std, strict=True))[:layer]
    for mask, std_, output_std in reversed(layers):
        edge = std_ * (nodes[0] / (output_std + 1e-4))[:, :, None]
        edges.insert(0, edge)
        nodes.insert(0, np.where(mask, edge, 0).sum(axis=1))
    return edges, nodes


def coefficient(evidence: Evidence) -> Scores:
    """Sum of absolute coefficients, ``sum_m |scale_spline c_m| + |scale_base|``; nodes as for `l1`. No data.

    What pruning of weights does elsewhere, and the weakest choice for a KAN: basis functions sum to one, so adding a
    constant to all coefficients raises it without adding anything to the edge's information. Here as a baseline.
    """
    return Scores(evidence.coefficients, _weaker_side(evidence.coefficients))


def gradient(evidence: Evidence) -> Scores:
    """First-order change of the loss on removal, signed: ``-E[g (phi - E phi)]``.

    One forward and one backward pass. Near an optimum it is close to zero for vital edges too: a part of `taylor2`, not
    a criterion to rely on alone.

    Source:
        Molchanov et al. (2017), arXiv:1611.06440 (with the sign kept).
    """
    c = evidence.curvature
    return _by_moments(evidence, [-f for f in c.first], [-f for f in c.node_first])


def fisher(evidence: Evidence) -> Scores:
    """Half the expected squared gradient, ``E[(g (phi - E phi))^2] / 2``: the empirical Fisher diagonal. Labels needed.

    Source:
        Theis et al. (2018), arXiv:1801.05787.
    """
    c = evidence.curvature
    return _by_moments(evidence, [f / 2 for f in c.fisher], [f / 2 for f in c.node_fisher])


def gauss_newton(evidence: Evidence) -> Scores:
    """Second-order change of the loss on removal, ``E[(phi - E phi)^2 J' H J] / 2``, never negative.

    One forward and ``outputs + 1`` backward passes. As `taylor2` for a network at its optimum, and without labels.
    """
    c = evidence.curvature
    return _by_moments(evidence, [g / 2 for g in c.gauss_newton], [g / 2 for g in c.node_gauss_newton])


def taylor2(evidence: Evidence) -> Scores:
    """Second-order prediction of `leave_one_out`, signed: `gradient` plus `gauss_newton`.

    The cost of `gauss_newton`. The best choice where leaving one out exactly is too slow: on networks of hundreds of
    edges it ranks nearly as the exact change does.
    """
    c = evidence.curvature
    edges = [g / 2 - f for f, g in zip(c.first, c.gauss_newton, strict=True)]
    nodes = [g / 2 - f for f, g in zip(c.node_first, c.node_gauss_newton, strict=True)]
    return _by_moments(evidence, edges, nodes)


def leave_one_out(evidence: Evidence) -> Scores:
    """The exact change of the mean loss when the part is replaced by its mean, signed.

    A forward pass from there on for every part: about a second for a thousand edges and 500 rows.
    """
    return Scores(evidence.removal.edges, evidence.removal.nodes)


def auto(evidence: Evidence) -> Scores:
    """`leave_one_out` where that takes about a second, else `taylor2`."""
    return leave_one_out(evidence) if evidence.removal_is_cheap else taylor2(evidence)


def random(evidence: HasTrace) -> Scores:
    """Uniform random numbers, always the same: the control that every criterion must beat. See `random_scores`."""
    return random_scores(evidence.trace, seed=0)


def random_scores(trace: Trace, seed: int) -> Scores:
    """Scores of nothing but chance, for a control over several seeds."""
    generator = np.random.default_rng(seed)
    edges = tuple(generator.random(mask.shape) for mask in trace.masks)
    nodes = tuple(generator.random(n) for n in [trace.masks[0].shape[1], *(m.shape[0] for m in trace.masks)])
    return Scores(edges, nodes)


CRITERIA: dict[str, Criterion] = {
    "l1": l1,
    "std": std,
    "attribution": attribution,
    "coefficient": coefficient,
    "gradient": gradient,
    "fisher": fisher,
    "gauss_newton": gauss_newton,
    "taylor2": taylor2,
    "leave_one_out": leave_one_out,
    "auto": auto,
    "random": random,
}


def check_criterion(criterion: str) -> str:
    """`criterion`; `ValueError` with the known names if it is none of them."""
    if criterion not in CRITERIA:
        raise ValueError(f"criterion must be one of {', '.join(CRITERIA)}; got {criterion!r}")
    return criterion


def score(evidence: HasTrace, criterion: str) -> Scores:
    """The scores by the criterion of that name.

    Args:
        evidence: `Evidence`; a `Trace` is enough for criteria that need nothing else.
        criterion: A name in `CRITERIA`.

    Raises:
        ValueError: If there is none of that name.
    """
    return CRITERIA[check_criterion(criterion)](evidence)


def register_criterion(name: str, criterion: Criterion) -> None:
    """Make a function usable by name wherever a criterion is asked for.

    Args:
        name: New or taken; a taken name is replaced.
        criterion: Takes `Evidence`, gives `Scores`.

    Raises:
        TypeError: If `criterion` cannot be called.
    """
    if not callable(criterion):
        raise TypeError(f"a criterion is a function from Evidence to Scores; got {type(criterion).__name__}")
    CRITERIA[name] = criterion


def _weaker_side(edges: EdgeArrays) -> tuple[Array, ...]:
    """Per node: the smaller of its largest incoming and largest outgoing edge; inputs and outputs have one side."""
    into = [np.full(edges[0].shape[1], np.inf), *(e.max(axis=1) for e in edges)]
    out = [*(e.max(axis=0) for e in edges), np.full(edges[-1].shape[0], np.inf)]
    return tuple(np.minimum(a, b) for a, b in zip(into, out, strict=True))


def _by_moments(evidence: Evidence, edges: list[Array], nodes: list[Array]) -> Scores:
    """Scores from moments, which know no outputs: an output's score is the sum of what comes in."""
    incoming = np.where(evidence.trace.masks[-1], edges[-1], 0).sum(axis=1)
    return Scores(tuple(edges), (*nodes, incoming))
