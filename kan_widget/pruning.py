"""Pruning from a script: scores, one cut, and torch.nn.utils.prune's verbs. What goes in stays as it is."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .adapters import adapt
from .core.coefficients import check_coefficient_criterion, score_coefficients
from .core.plan import STRUCTURES
from .core.select import Target, choose, choose_coefficients
from .core.topology import Edge, Node, edges_off
from .session import STARVED, Session

M = TypeVar("M")


def scores(model: Any, data: Any, criterion: str = "auto", structure: str = "edge") -> list[NDArray[np.float64]]:
    """Importance of the parts of a model; larger is more needed. The model is left alone.

    Args:
        model: A KAN.
        data: What it is measured on; see `Session`.
        criterion: A name in `kan_widget.core.scores.CRITERIA`, whose functions say what each means and costs.
        structure: ``"edge"``, ``"node"`` (hidden), ``"input"`` or ``"coefficient"``. Single coefficients have criteria
            of their own, in `kan_widget.core.coefficients.CRITERIA`; ``"auto"`` is ``"taylor2"`` there.

    Returns:
        For edges one ``(out, in)`` array a layer, for hidden nodes one ``(n,)`` array a layer, for inputs one array,
        for coefficients one ``(out, in, G + k)`` array a layer.

    Raises:
        ValueError: If an option or the data cannot be used.

    Example:
        >>> import torch
        >>> from kan_widget import KAN
        >>> x = torch.rand(50, 2)
        >>> [s.shape for s in scores(KAN([2, 3, 1], seed=0), (x, x[:, :1]), "taylor2")]
        [(3, 2), (1, 3)]
    """
    _check_structure(structure)
    if structure == "coefficient":
        check_coefficient_criterion(criterion)
        adapter = Session(model, data).adapter
        return list(adapter.take(lambda: score_coefficients(adapter, criterion)))
    found = Session(model, data).scores_by(criterion)
    if structure == "edge":
        return [edges.copy() for edges in found.edges]
    chosen = found.nodes[:1] if structure == "input" else found.nodes[1:-1]
    return [nodes.copy() for nodes in chosen]


def prune(
    model: M,
    data: Any,
    *,
    criterion: str = "auto",
    amount: int | float | None = None,
    sparsity: float | None = None,
    threshold: float | None = None,
    scope: str = "global",
    structure: str = "edge",
    compensate: str = "mean",
    protect: Iterable[Sequence[int]] = (),
    min_per_layer: int = 0,
    keep_outputs: bool = True,
) -> M:
    """A pruned copy of a model: the weakest parts go, and what they did on average stays. The model is left alone.

    The copy is masked; its `compact` is smaller and computes the same.

    Args:
        model: A KAN.
        data: What it is measured on; see `Session`.
        criterion: What importance is.
        amount: A count (int), or a fraction (float) of what is still there, as in ``torch.nn.utils.prune``; in each
            group where `scope` is not global.
        sparsity: Fraction of all parts, those pruned before included, that are pruned in the end.
        threshold: Prune what scores below it.
        scope: Rank ``"global"`` ly, within a ``"layer"``, or among the edges or coefficients into one ``"node"`` (as
            Wanda does).
        structure: ``"edge"``, ``"node"`` (hidden) or ``"input"``; a node goes with all its edges. ``"coefficient"``:
            single spline coefficients, which flattens functions near one knot and leaves every edge where it is. They
            stay zero for good: in training, in files, in `remove`, when knots move; `KAN.refine` ends it.
        compensate: ``"mean"``, ``"none"``, ``"gain_bias"`` or ``"least_squares"``.
        protect: Edges ``(layer, source, target)`` and nodes ``(layer, index)`` that stay, with all their coefficients.
        min_per_layer: How many parts of a layer stay.
        keep_outputs: Whether each output keeps its strongest path to an input, whatever the target.

    Returns:
        A model of the same class.

    Raises:
        ValueError: If not exactly one of `amount`, `sparsity` and `threshold` is given, it lies outside its range,
            more is to go than may, or an option or the data cannot be used.

    Example:
        >>> import torch
        >>> from kan_widget import KAN
        >>> x = torch.rand(100, 2)
        >>> model = KAN([2, 5, 1], seed=0)
        >>> pruned = prune(model, (x, x[:, :1] ** 2), sparsity=0.2)
        >>> sum(int(layer.mask.sum()) for layer in pruned.layers), sum(int(l.mask.sum()) for l in model.layers)
        (12, 15)
    """
    target = Target(amount, sparsity, threshold)
    _check_structure(structure)
    topology = adapt(model, data).topology
    protected: list[Edge | Node] = [topology.edge(part) if len(part) == 3 else topology.node(part) for part in protect]
    twin = model.copy()  # type: ignore[attr-defined]
    if structure == "coefficient":
        check_coefficient_criterion(criterion)
        adapter = Session(twin, data, compensate=compensate).adapter
        chosen = choose_coefficients(
            score_coefficients(adapter, criterion),
            adapter.bases(),
            target,
            scope=scope,
            protect=protected,
            min_per_layer=min_per_layer,
            keep_outputs=keep_outputs,
        )
        starved = adapter.prune_coefficients(chosen, compensate)
        if starved:
            warnings.warn(STARVED.format(starved), RuntimeWarning, stacklevel=2)
        return twin  # type: ignore[no-any-return]
    session = Session(twin, data, criterion=criterion, compensate=compensate)
    parts = choose(
        session.scores,
        session.masks,
        target,
        structure=structure,
        scope=scope,
        protect=protected,
        min_per_layer=min_per_layer,
        keep_outputs=keep_outputs,
    )
    if parts:
        edges = [part for part in parts if isinstance(part, Edge)]
        session.prune(edges, nodes=[part for part in parts if isinstance(part, Node)], cut=not keep_outputs)
    if session.remark:
        warnings.warn(session.remark, RuntimeWarning, stacklevel=2)
    return twin  # type: ignore[no-any-return]


def _check_structure(structure: str) -> None:
    known = (*STRUCTURES, "coefficient")
    if structure not in known:
        raise ValueError(f"structure must be one of {', '.join(known)}; got {structure!r}")


def custom_from_mask(model: M, data: Any, masks: Sequence[Any], *, compensate: str = "mean") -> M:
    """A copy of a model with masks of your own, as ``torch.nn.utils.prune.custom_from_mask``; earlier ones stand too.

    Args:
        model: A KAN.
        data: What means are taken over.
        masks: Per layer ``(out, in)`` bool; False prunes.
        compensate: As in `prune`.

    Raises:
        ValueError: If a mask does not fit.
    """
    twin = model.copy()  # type: ignore[attr-defined]
    session = Session(twin, data, compensate=compensate)
    shapes = session.topology.shapes
    arrays = [np.asarray(mask) for mask in masks]
    if [a.shape for a in arrays] != shapes or any(a.dtype != bool for a in arrays):
        raise ValueError(
            f"masks must be bool arrays of shapes {shapes}; got {[(a.shape, str(a.dtype)) for a in arrays]}"
        )
    off = edges_off(tuple(arrays))
    if off:
        session.prune(sorted(off))
    return twin  # type: ignore[no-any-return]


def is_pruned(model: Any) -> bool:
    """Whether any edge of the model, or any single coefficient, is masked."""
    masks = [mask for layer in model.layers for mask in (layer.mask, layer.coef_mask) if mask is not None]
    return not all(bool(mask.all()) for mask in masks)


def remove(model: M) -> M:
    """Make pruning permanent: the smaller model with the same function, as ``model.compact()``."""
    return model.compact()  # type: ignore[attr-defined, no-any-return]
