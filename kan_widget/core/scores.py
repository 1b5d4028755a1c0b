"""Importance of edges, nodes and inputs. Larger is more needed; prune where ``score < threshold``.

Scores of ``gradient``, ``taylor2``, ``leave_one_out`` and, for nodes, ``shapley`` are signed: they predict, or are, the
change of the loss when the part is replaced by its mean, and below zero it would fall. The others are never negative.

In the formulas, ``phi`` is an edge's output, ``g`` the derivative of a row's loss by what the edge adds to, E the mean
over rows. A *pass* takes all rows once through the network.
"""

from __future__ import annotations

import re
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
        edge_errors: Standard errors of `edges`, where the criterion has them: `leave_one_out` and `shapley`.
        node_errors: Standard errors of `nodes`.
    """

    edges: EdgeArrays
    nodes: tuple[Array, ...]
    edge_errors: EdgeArrays | None = None
    node_errors: tuple[Array, ...] | None = None


Criterion = Callable[[Any], Scores]


def l1(evidence: HasTrace) -> Scores:
    """Mean absolute output, ``E|phi|``; a node by the weaker of its strongest edge in and its strongest edge out.

    One forward pass, no labels. The KAN paper's choice, to compare with it: since it is not centred it sees constants,
    which cost nothing to remove.

    Source:
        Liu et al. (2024), arXiv:2404.19756, equation 2.17 and section 2.5.1 ("incoming and outgoing score").
    """
    return Scores(evidence.trace.mean_abs, _weaker_side(evidence.trace.mean_abs))


def std(evidence: HasTrace) -> Scores:
    """Standard deviation of the output, ``sqrt(E[(phi - E phi)^2])``; nodes as for `l1`.

    One forward pass, no labels. Blind to constants, which pruning keeps. A safe choice without labels where all outputs
    are of one scale.

    Source:
        Liu et al. (2024), arXiv:2408.10205, section 4.1, where it is E.
    """
    return Scores(evidence.trace.std, _weaker_side(evidence.trace.std))


def attribution(evidence: HasTrace) -> Scores:
    """Share of the outputs' variation that flows through the edge, traced back from the outputs.

    ``E_ji = std_ji * S_j / (std(y_j) + 1e-4)`` and ``S_i = sum_j E_ji`` over unpruned edges, from ``S = 1 / n``
    at each of n outputs. An edge that was pruned gets what it would have were it there.

    One forward pass, no labels. Best of the cheap ones on small networks.

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
    """Sum of absolute coefficients, ``sum_m |scale_spline c_m| + |scale_base|``; nodes as for `l1`.

    No pass. What "L1 pruning of weights" can mean for whole edges, and the weakest choice for a KAN: basis functions
    sum to one, so a constant added to all coefficients raises it without adding anything to what the edge knows. Here
    as a baseline. Its other meaning, that single coefficients are set to zero, is ``structure="coefficient"``, which
    flattens a function near one knot and removes no edge.

    Source:
        Li et al. (2017), arXiv:1608.08710, whose L1 norm of a filter it is for an edge.
    """
    return Scores(evidence.coefficients, _weaker_side(evidence.coefficients))


def gradient(evidence: Evidence) -> Scores:
    """First-order change of the loss on removal, signed: ``-E[g (phi - E phi)]``.

    One forward and one backward pass, made with those of `taylor2`. Near an optimum it is close to zero for vital edges
    too: a part of `taylor2`, not a criterion to rely on alone.

    Source:
        Molchanov et al. (2017), arXiv:1611.06440 (with the sign kept).
    """
    c = evidence.curvature
    return _by_moments(evidence, [-f for f in c.first], [-f for f in c.node_first])


def fisher(evidence: Evidence) -> Scores:
    """Half the expected squared gradient, ``E[(g (phi - E phi))^2] / 2``: the empirical Fisher diagonal.

    One forward and one backward pass, made with those of `taylor2`. It needs labels: without them all slopes are zero.
    For outputs so many that `gauss_newton` is too slow; else that is better.

    Source:
        Theis et al. (2018), arXiv:1801.05787.
    """
    c = evidence.curvature
    return _by_moments(evidence, [f / 2 for f in c.fisher], [f / 2 for f in c.node_fisher])


def gauss_newton(evidence: Evidence) -> Scores:
    """Second-order change of the loss on removal, ``E[(phi - E phi)^2 J' H J] / 2``, never negative.

    J is the derivative of the outputs by the target, H the curvature of the loss by the outputs. One forward and
    ``outputs + 1`` backward passes. It is `taylor2` for a network at its optimum, and without labels.

    Source:
        LeCun, Denker & Solla (1989), "Optimal Brain Damage", for whole edges instead of weights, with the Gauss-Newton
        matrix and means that stay.
    """
    c = evidence.curvature
    return _by_moments(evidence, [g / 2 for g in c.gauss_newton], [g / 2 for g in c.node_gauss_newton])


def taylor2(evidence: Evidence) -> Scores:
    """Second-order prediction of `leave_one_out`, signed: `gradient` plus `gauss_newton`.

    ``-E[g (phi - E phi)] + E[(phi - E phi)^2 J' H J] / 2``. One forward and ``outputs + 1`` backward passes. The best
    choice where leaving one out exactly is too slow: on networks of hundreds of edges it ranks nearly as the exact
    change does.

    Source:
        As `gradient` and `gauss_newton`.
    """
    c = evidence.curvature
    edges = [g / 2 - f for f, g in zip(c.first, c.gauss_newton, strict=True)]
    nodes = [g / 2 - f for f, g in zip(c.node_first, c.node_gauss_newton, strict=True)]
    return _by_moments(evidence, edges, nodes)


def leave_one_out(evidence: Evidence) -> Scores:
    """The exact change of the mean loss when the part is replaced by its mean, signed, with its error over rows.

    ``E[loss without] - E[loss]``. A forward pass from there on for every part: about a second for a thousand edges and
    500 rows. The yardstick of all others, and the choice for small networks. It looks at parts one by one: of two that
    do the same, either seems free.

    Source:
        Mozer & Smolensky (1989), "Skeletonization", as relevance of a unit.
    """
    found = evidence.removal
    return Scores(found.edges, found.nodes, found.edge_errors, found.node_errors)


def obs(evidence: Evidence) -> Scores:
    """Optimal brain surgeon: the second-order rise of the loss without an edge, others into its target being refitted.

    ``c' ([A^-1]_ee)^-1 c / 2``, with c the coefficients of the edge, base scale included, and ``A = Z' D Z / N`` over
    the centred features Z of all edges into the target that are on, D being ``J' H J`` of each row. An edge that is off
    is scored as if it were there. A node has the sum over its edges out: each lies in the separate problem of its
    target, and the problems add up as far as targets do not make up for each other.

    The passes of `gauss_newton`, and for each target a Gram matrix and its inverse: ``N p^2 + p^3`` multiply-adds for
    ``p = (G + k + 1) * edges`` unknowns, at most 8192. A second for digits of 64 pixels, minutes for 784. Meant for
    ``compensate="least_squares"``, a light cut and more rows than unknowns. For a deep one see `obs_greedy`: edges that
    could stand in for each other all score low here.

    Raises:
        ValueError: If there are too many unknowns.

    Source:
        Hassibi & Stork (1992), "Second order derivatives for network pruning: Optimal Brain Surgeon"; for blocks Kurtic
        et al. (2022), arXiv:2203.07259.
    """
    return _refitted(evidence, evidence.surgery)


def obs_greedy(evidence: Evidence) -> Scores:
    """`obs` again after each removal: the cost of an edge once all cheaper ones into its target have gone.

    The cheapest edge goes, the others are refitted, and so on until none is left; an edge that seems free since another
    does the same is dear once that one has gone. An edge that is off, and a node, as for `obs`.

    The cost of `obs` and ``p^2`` multiply-adds more for each unknown: a few times as long. For deep cuts in one go with
    ``compensate="least_squares"``.

    Raises:
        ValueError: As `obs`.

    Source:
        Frantar & Alistarh (2022), arXiv:2208.11580, by blocks.
    """
    return _refitted(evidence, evidence.surgery_in_turn)


def shapley(evidence: Evidence) -> Scores:
    """Mean change of the loss when a node is replaced by its mean, over every order in which those of its layer may go.

    ``sum_S |S|! (n - |S| - 1)! / n! (loss(S) - loss(S + i))`` over all subsets S of the other nodes of the layer, those
    not in S leaving just their means. Signed; the nodes of a layer sum to what the loss grows by without all of them,
    so that two nodes that do the same share what `leave_one_out` gives to neither. Errors are over rows, and over the
    orders drawn. The criterion is one of nodes: edges share out the value of their source by `attribution`, so that
    those of a node sum to it, and none of Shapley's axioms is promised for them.

    Exact up to 12 nodes: ``2^n`` passes from that layer on; else 64 orders, 32 drawn and the same backwards:
    ``64 (n + 1)`` passes. Some seconds for 64 inputs and 500 rows. For ``structure="node"`` and ``"input"`` where nodes
    stand in for each other.

    Source:
        Shapley (1953), "A value for n-person games"; for nodes of KANs "ShapKAN" (2025), arXiv:2510.01663.
    """
    found = evidence.shapley
    errors = tuple(np.hypot(a, b) for a, b in zip(found.row_errors, found.order_errors, strict=True))
    shares = _shares_of_sources(evidence)
    return Scores(
        tuple(share * value for share, value in zip(shares, found.nodes, strict=False)),
        found.nodes,
        tuple(share * error for share, error in zip(shares, errors, strict=False)),
        errors,
    )


def _shares_of_sources(evidence: HasTrace) -> list[Array]:
    """Per edge layer ``(out, in)``: an edge's part of the attribution of all edges out of its source that are on."""
    shares = []
    for edges, mask in zip(attribution(evidence).edges, evidence.trace.masks, strict=True):
        total = np.where(mask, edges, 0).sum(axis=0)
        shares.append(np.divide(edges, total, out=np.zeros_like(edges), where=total > 0))
    return shares


def auto(evidence: Evidence) -> Scores:
    """`leave_one_out` where that takes about a second, else `taylor2`. The choice where nothing speaks for another."""
    return leave_one_out(evidence) if evidence.removal_is_cheap else taylor2(evidence)


def random(evidence: HasTrace) -> Scores:
    """Uniform random numbers: the control that every criterion must beat.

    No pass. Always the same draw, that of seed 0; ``"random:7"`` names the draw of seed 7, and so on for any whole
    number, for a control with a spread. See `random_scores`.
    """
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
    "obs": obs,
    "obs_greedy": obs_greedy,
    "shapley": shapley,
    "auto": auto,
    "random": random,
}


def seed_in(criterion: str) -> int | None:
    """The seed in a name like ``"random:7"``; None in any other."""
    draw = re.fullmatch("random:([0-9]+)", str(criterion))
    return None if draw is None else int(draw[1])


def check_criterion(criterion: str) -> str:
    """`criterion`; `ValueError` with the known names if it is none of them."""
    if _named(criterion) is None:
        raise ValueError(
            f"criterion must be one of {', '.join(CRITERIA)}, or random:1 and so on for other draws; got {criterion!r}"
        )
    return criterion


def _named(criterion: str) -> Criterion | None:
    seed = seed_in(criterion)
    if criterion in CRITERIA or seed is None:
        return CRITERIA.get(criterion)
    return lambda evidence: random_scores(evidence.trace, seed)


def score(evidence: HasTrace, criterion: str) -> Scores:
    """The scores by the criterion of that name.

    Args:
        evidence: `Evidence`; a `Trace` is enough for criteria that need nothing else.
        criterion: A name in `CRITERIA`, or ``"random:1"`` and so on.

    Raises:
        ValueError: If there is none of that name.
    """
    named = _named(check_criterion(criterion))
    assert named is not None
    return named(evidence)


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


def _refitted(evidence: Evidence, edges: EdgeArrays) -> Scores:
    """Scores from costs of edges in separate problems: a node's is the sum over its edges out."""
    masks = evidence.trace.masks
    return _by_moments(
        evidence, list(edges), [np.where(m, e, 0).sum(axis=0) for m, e in zip(masks, edges, strict=True)]
    )
