"""Which parts to prune for a target: the weakest, within groups, without cutting an output off."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .coefficients import Bases
from .scores import Scores
from .topology import Edge, Masks, Node

SCOPES = ("global", "layer", "node")
Part = Edge | Node


@dataclass(frozen=True)
class Target:
    """How much to prune: exactly one of the three.

    Attributes:
        amount: A count (int), or a fraction (float) of what is still there, as in ``torch.nn.utils.prune``. In each
            group where the scope is not global.
        sparsity: Fraction of all parts, those pruned before included, that are to be pruned in the end.
        threshold: Prune what scores below it.
    """

    amount: int | float | None = None
    sparsity: float | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        given = [name for name in ("amount", "sparsity", "threshold") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of amount, sparsity and threshold; got {' and '.join(given) or 'none'}")
        value = getattr(self, given[0])
        if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)) or value != value:
            raise TypeError(f"{given[0]} must be a number; got {value!r}")
        if given == ["amount"] and isinstance(value, (int, np.integer)) and value < 0:
            raise ValueError(f"amount as a count must be 0 or more; got {value}")
        if given != ["threshold"] and isinstance(value, (float, np.floating)) and not 0 <= value <= 1:
            raise ValueError(f"{given[0]} as a fraction must lie between 0 and 1; got {value}")
        if given == ["sparsity"] and not 0 <= value <= 1:
            raise ValueError(f"sparsity is a fraction between 0 and 1; got {value}")

    def count(self, scores: NDArray[np.float64], total: int) -> int:
        """How many of a group to take: of parts still there with these scores, out of `total` that there ever were."""
        if self.threshold is not None:
            return int((scores < self.threshold).sum())
        if self.sparsity is not None:
            return max(0, round(self.sparsity * total) - (total - len(scores)))
        assert self.amount is not None
        return int(self.amount) if isinstance(self.amount, (int, np.integer)) else round(self.amount * len(scores))


def choose(
    scores: Scores,
    masks: Masks,
    target: Target,
    *,
    structure: str = "edge",
    scope: str = "global",
    protect: Iterable[Part] = (),
    min_per_layer: int = 0,
    keep_outputs: bool = True,
) -> list[Part]:
    """The parts to prune, weakest first.

    Args:
        scores: Importance of edges and nodes.
        masks: What is still on.
        target: How much to take.
        structure: ``"edge"``, ``"node"`` (hidden) or ``"input"``.
        scope: Rank all together (``"global"``), a layer's (``"layer"``), or the edges into one node (``"node"``).
        protect: Edges and nodes not to take; a protected node protects its edges.
        min_per_layer: How many of a layer are to be left.
        keep_outputs: Whether to leave each output its strongest path to an input, whatever the target.

    Returns:
        Edges or nodes.

    Raises:
        ValueError: If an option is unknown, or more is asked for than may go; the message says what stands in the way.
    """
    if scope not in SCOPES:
        raise ValueError(f"scope must be one of {', '.join(SCOPES)}; got {scope!r}")
    if scope == "node" and structure != "edge":
        raise ValueError("scope='node' ranks the edges into one node; it needs structure='edge'")
    parts = _parts(masks, structure)
    value = {part: float(_score(scores, part)) for part, on in parts.items() if on}
    fixed = set(protect)
    held = {part for part in value if part in fixed or _ends(part) & fixed}
    if keep_outputs:
        held |= _strongest_paths(scores, masks, structure) & value.keys()
    held |= _strongest_of_layers(value, min_per_layer)
    chosen: list[Part] = []
    for name, group in _groups(parts, scope).items():
        there = [part for part in group if part in value]
        count = target.count(np.array([value[part] for part in there]), len(group))
        free = sorted((part for part in there if part not in held), key=value.__getitem__)
        _check_enough(target, count, len(free), f"{len(there)} {structure}s{name}")
        chosen += [part for part in free[:count] if target.threshold is None or value[part] < target.threshold]
    return sorted(chosen, key=value.__getitem__)


def choose_coefficients(
    scores: Sequence[NDArray[np.float64]],
    bases: Bases,
    target: Target,
    *,
    scope: str = "global",
    protect: Iterable[Part] = (),
    min_per_layer: int = 0,
    keep_outputs: bool = True,
) -> tuple[NDArray[np.bool_], ...]:
    """The single coefficients to prune, the weakest.

    Args:
        scores: Importance, ``(out, in, G + k)`` per layer.
        bases: What is still on.
        target: How much to take.
        scope: Rank all together (``"global"``), a layer's (``"layer"``), or those into one node (``"node"``).
        protect: Edges and nodes whose coefficients stay.
        min_per_layer: How many of a layer are to be left.
        keep_outputs: Whether to leave each output its strongest path to an input, whatever the target. It matters for
            edges without a base function alone: the others are never constant.

    Returns:
        Bool arrays in these shapes, True at those to prune.

    Raises:
        ValueError: If an option is unknown, or more is asked for than may go.
    """
    if scope not in SCOPES:
        raise ValueError(f"scope must be one of {', '.join(SCOPES)}; got {scope!r}")
    held = _protected(bases.on, set(protect))
    for layer, score, on in zip(held, scores, bases.on, strict=True):
        _hold_strongest(layer, score, on, min_per_layer)
    for edge in _bare_paths(scores, bases) if keep_outputs else ():
        layer, score, on = held[edge.layer], scores[edge.layer], bases.on[edge.layer]
        place = edge.target, edge.source
        _hold_strongest(layer[place], score[place], on[place], 1)
    value, there = _joined(scores), _joined(bases.on)
    free = there & ~_joined(held)
    chosen = np.zeros_like(there)
    for name, part in _coefficient_groups(bases.on, scope).items():
        count = target.count(value[part][there[part]], part.stop - part.start)
        candidates = part.start + np.flatnonzero(free[part])
        _check_enough(target, count, len(candidates), f"{int(there[part].sum())} coefficients{name}")
        ranked = candidates[np.argsort(value[candidates], kind="stable")][:count]
        chosen[ranked if target.threshold is None else ranked[value[ranked] < target.threshold]] = True
    ends = np.cumsum([score.size for score in scores])[:-1]
    return tuple(part.reshape(score.shape) for part, score in zip(np.split(chosen, ends), scores, strict=True))


def _check_enough(target: Target, count: int, free: int, of: str) -> None:
    if count > free and target.threshold is None:
        raise ValueError(
            f"{count} of {of} are to go, and only {free} may: the others are protected, the last of their layer or "
            "the last way to an output"
        )


def _joined(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate([array.ravel() for array in arrays])


def _coefficient_groups(on: Sequence[NDArray[np.bool_]], scope: str) -> dict[str, slice]:
    """The place of each group in the joined arrays, and its name for a message."""
    groups, start = {}, 0
    for layer, coefficients in enumerate(on):
        parts = len(coefficients) if scope == "node" else 1
        size = coefficients.size // parts
        for part in range(parts):
            name = f" into node ({layer + 1}, {part})" if scope == "node" else f" of layer {layer}"
            groups[name] = slice(start, start + size)
            start += size
    return {"": slice(0, start)} if scope == "global" else groups


def _protected(on: Sequence[NDArray[np.bool_]], fixed: set[Part]) -> list[NDArray[np.bool_]]:
    """True at the coefficients of protected edges and of edges at protected nodes."""
    held = [np.zeros(layer.shape, dtype=bool) for layer in on]
    for part in fixed:
        if isinstance(part, Edge):
            held[part.layer][part.target, part.source] = True
        elif part.layer < len(held):
            held[part.layer][:, part.index] = True
        if isinstance(part, Node) and part.layer > 0:
            held[part.layer - 1][part.index] = True
    return held


def _hold_strongest(held: NDArray[np.bool_], scores: NDArray[np.float64], on: NDArray[np.bool_], count: int) -> None:
    there = np.flatnonzero(on)
    strongest = there[np.argsort(scores.flat[there], kind="stable")][max(0, len(there) - count) :]
    held.flat[strongest] = True


def _bare_paths(scores: Sequence[NDArray[np.float64]], bases: Bases) -> list[Edge]:
    """Bare edges on the strongest path to each output; an edge with a base function is as strong as can be."""
    best = [np.where(on, score, -np.inf).max(axis=-1) for score, on in zip(scores, bases.on, strict=True)]
    edges = tuple(np.where(bare, value, np.inf) for bare, value in zip(bases.bare, best, strict=True))
    nodes = tuple(np.zeros(n) for n in (edges[0].shape[1], *map(len, edges)))
    path = _strongest_paths(Scores(edges, nodes), bases.masks, "edge")
    return [edge for edge in path if isinstance(edge, Edge) and bases.bare[edge.layer][edge.target, edge.source]]


def _parts(masks: Masks, structure: str) -> dict[Part, bool]:
    """Every part of that structure, and whether it is still there."""
    if structure == "edge":
        return {
            Edge(layer, source, target): bool(mask[target, source])
            for layer, mask in enumerate(masks)
            for target, source in np.ndindex(mask.shape)
        }
    if structure == "input":
        return {Node(0, i): bool(on) for i, on in enumerate(np.any(masks[0], axis=0))}
    if structure == "node":
        return {
            Node(layer, i): bool(on)
            for layer in range(1, len(masks))
            for i, on in enumerate(np.any(masks[layer - 1], axis=1) & np.any(masks[layer], axis=0))
        }
    raise ValueError(f"structure must be one of edge, node, input; got {structure!r}")


def _score(scores: Scores, part: Part) -> float:
    if isinstance(part, Edge):
        return float(scores.edges[part.layer][part.target, part.source])
    return float(scores.nodes[part.layer][part.index])


def _ends(part: Part) -> set[Part]:
    if isinstance(part, Edge):
        return {Node(part.layer, part.source), Node(part.layer + 1, part.target)}
    return set()


def _groups(parts: Iterable[Part], scope: str) -> dict[str, list[Part]]:
    groups: dict[str, list[Part]] = {}
    for part in parts:
        name = "" if scope == "global" else f" of layer {part.layer}"
        if scope == "node" and isinstance(part, Edge):
            name = f" into node ({part.layer + 1}, {part.target})"
        groups.setdefault(name, []).append(part)
    return groups


def _strongest_of_layers(value: dict[Part, float], count: int) -> set[Part]:
    layers: dict[int, list[Part]] = {}
    for part in value:
        layers.setdefault(part.layer, []).append(part)
    strongest = (sorted(layer, key=value.__getitem__)[max(0, len(layer) - count) :] for layer in layers.values())
    return {part for layer in strongest for part in layer} if count else set()


def _strongest_paths(scores: Scores, masks: Masks, structure: str) -> set[Part]:
    """For each output the path from an input whose weakest part is the strongest."""
    best: list[NDArray[np.float64]] = [_entry(scores, masks, 0, structure)]
    came: list[NDArray[np.intp]] = []
    for layer, mask in enumerate(masks):
        along = scores.edges[layer] if structure == "edge" else np.full(mask.shape, np.inf)
        reach = np.where(mask, np.minimum(along, best[-1]), -np.inf)
        came.append(reach.argmax(axis=1))
        best.append(np.minimum(reach.max(axis=1), _entry(scores, masks, layer + 1, structure)))
    held: set[Part] = set()
    for output in np.flatnonzero(best[-1] > -np.inf).tolist():
        held |= _path(came, output, structure)
    return held


def _entry(scores: Scores, masks: Masks, layer: int, structure: str) -> NDArray[np.float64]:
    """What a node lets through: its own score where nodes of its layer are what is pruned."""
    ruled = structure == ("input" if layer == 0 else "node") and layer < len(masks)
    return scores.nodes[layer] if ruled else np.full(len(scores.nodes[layer]), np.inf)


def _path(came: Sequence[NDArray[np.intp]], output: int, structure: str) -> set[Part]:
    path: set[Part] = set()
    target = output
    for layer in reversed(range(len(came))):
        source = int(came[layer][target])
        path.add(Edge(layer, source, target) if structure == "edge" else Node(layer, source))
        target = source
    return path
