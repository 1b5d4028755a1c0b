"""What crosses between Python and the browser: a session's state out, checked commands in. See ``js/README.md``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..adapters import Evaluation
from ..capture import Metrics
from ..core.formula import resemble
from ..core.plan import COMPENSATIONS, STRUCTURES
from ..core.rules import gaps
from ..core.scores import CRITERIA
from ..core.topology import Edge
from ..core.trace import Trace
from ..report import Curves
from ..session import Session

if TYPE_CHECKING:
    from .trainer import Trainer

# Criteria whose scores are always sent; those of another are when it is the one in force.
CHEAP = ("l1", "std", "attribution")
# Offered before all others.
USUAL = (*CHEAP, "taylor2", "leave_one_out", "auto")
MAX_OPS = 1000
MAX_NOTE = 1000
FURTHEST = 1e300
DETAIL_POINTS = 200
# Networks with more edges have thumbnails of fewer points: a browser is to hold and load a few megabytes at most.
MANY_EDGES = 5000
FEW_POINTS = 24


# Out: state


def network(session: Session, trace: Trace, input_shape: tuple[int, int] | None = None) -> dict[str, Any]:
    """Trait ``network``: what changes only with a new trace. `input_shape` are the rows and columns of an image."""
    topology = session.topology
    curves = np.concatenate([c.reshape(-1, c.shape[-1]) for c in trace.curves])
    if len(curves) > MANY_EDGES:
        curves = _thinned(curves, FEW_POINTS)
    low, high = (np.concatenate([ends[side].ravel() for ends in trace.curve_ranges()]) for side in (0, 1))
    span = np.where(high > low, high - low, np.inf)
    return {
        "widths": list(topology.widths),
        "names": [list(layer) for layer in topology.names],
        "input_shape": None if input_shape is None else list(input_shape),
        "points": curves.shape[1],
        "bins": trace.density[0].shape[1],
        # What is no number has none here either; that its range is none says so.
        "curves": np.nan_to_num(np.round((curves - low[:, None]) / span[:, None] * 255)).astype(np.uint8).tobytes(),
        "curve_low": _f32(low),
        "curve_high": _f32(high),
        "low": _f32(*trace.input_low),
        "high": _f32(*trace.input_high),
        "density": b"".join(_shares(counts) for counts in trace.density),
    }


def scores(session: Session) -> dict[str, Any]:
    """Trait ``scores``: importance of edges and nodes, by the cheap criteria and by the one in force.

    The front end's axis is logarithmic: what would better be gone, by a signed criterion, counts as 0 there.
    """
    by = {name: session.scores_by(name) for name in dict.fromkeys((*CHEAP, session.plan.criterion))}
    return {
        "criteria": list(by),
        "edge": {name: _f32(*(np.maximum(e, 0).ravel() for e in s.edges)) for name, s in by.items()},
        "node": {name: _f32(*(np.maximum(n, 0) for n in s.nodes)) for name, s in by.items()},
    }


def pruning(session: Session) -> dict[str, Any]:
    """Trait ``pruning``: what is on, off, dead, kept, and what can be done next."""
    plan, topology = session.plan, session.topology
    bits = [session.masks, session.active, topology.masks_of(plan.kept), topology.masks_of(plan.pruned)]
    edges = sum(np.concatenate([m.ravel() for m in masks]).astype(np.uint8) << bit for bit, masks in enumerate(bits))
    history, limit = session.history, session.threshold_limit
    return {
        "revision": session.revision,
        "edges": np.asarray(edges, dtype=np.uint8).tobytes(),
        "nodes": np.concatenate(session.live).astype(np.uint8).tobytes(),
        "threshold": shown(plan.threshold),
        "limit": None if limit is None else shown(limit),
        "thresholds": None if plan.thresholds is None else list(map(shown, plan.thresholds)),
        "min_per_layer": plan.min_per_layer,
        "gaps": _gaps(session, limit),
        "layers": _layers(session),
        "criterion": plan.criterion,
        "criteria": list(dict.fromkeys((*USUAL, *CRITERIA, plan.criterion))),
        "structure": plan.structure,
        "compensate": plan.compensate,
        "structures": list(STRUCTURES),
        "compensations": list(COMPENSATIONS),
        "undo": history.undo_label,
        "redo": history.redo_label,
        "edited": session.edited,
    }


def _layers(session: Session) -> list[dict[str, Any]]:
    """Of each layer that the rule looks at: its number, its limit, its gaps."""
    return [
        {"layer": layer, "limit": None if limit is None else shown(limit), "gaps": _gaps(session, limit, layer)}
        for layer, limit in session.threshold_limits.items()
    ]


def _gaps(session: Session, limit: float | None, layer: int | None = None) -> list[float]:
    """Thresholds within the widest gaps of the scores in play, of a layer or of all, as far as they are allowed."""
    found = gaps(np.maximum(_in_play(session, layer), 0))
    return [threshold for threshold in found if limit is None or threshold <= limit]


def _in_play(session: Session, layer: int | None) -> NDArray[np.float64]:
    """The scores that the rule may take: not of what was pruned or kept by hand."""
    plan, scores = session.plan, session.scores
    if plan.structure == "edge":
        off = session.topology.masks_of(plan.pruned | plan.kept)
        scores = replace(scores, edges=tuple(np.where(o, np.nan, e) for e, o in zip(scores.edges, off, strict=True)))
    values = plan.candidates(scores, layer)
    return values[np.isfinite(values)]


def shown(threshold: float) -> float:
    """A threshold on the front end's axis, where 0 takes nothing."""
    return max(threshold, 0.0)


def meant(session: Session, threshold: float) -> float:
    """The threshold that one from the front end stands for."""
    return session.nothing if threshold == 0 else threshold


def metrics(session: Session, now: Metrics) -> dict[str, Any]:
    """Trait ``metrics``: size and quality at the start and now."""
    return {
        "task": "classification" if session.adapter.is_classification else "regression",
        "loss": loss_name(session),
        "before": measured(session.before),
        "now": measured(now),
    }


def loss_name(session: Session) -> str:
    """What its losses are."""
    return "cross-entropy" if session.adapter.is_classification else "RMSE"


def measured(found: Metrics) -> dict[str, Any]:
    """Size and quality, as they stand in the traits."""
    missing = Evaluation(float("nan"))
    train, test = (found.quality.get(split, missing) for split in ("train", "test"))
    return {
        "edges": found.cost.edges,
        "nodes": found.cost.nodes,
        "parameters": found.cost.parameters,
        "train_loss": _json(train.loss),
        "test_loss": _json(test.loss),
        "train_accuracy": _json(train.accuracy),
        "test_accuracy": _json(test.accuracy),
    }


def curve(found: Curves) -> dict[str, Any]:
    """Trait ``curve``: the loss at every threshold of the rule, and what chance does; see `kan_widget.curve`."""
    (line,) = found.values()
    control = np.stack([draw.loss if draw.accuracy is None else draw.accuracy for draw in found.control or [line]])
    return {
        "criterion": line.criterion,
        "structure": found.structure,
        "compensate": found.compensate,
        "rows": found.rows,
        "threshold": _f32(np.maximum(line.threshold, 0)),
        "edges": np.asarray(line.edges, dtype="<u4").tobytes(),
        "loss": _f32(line.loss),
        "accuracy": None if line.accuracy is None else _f32(line.accuracy),
        "control_low": _f32(control.min(0)) if found.control else None,
        "control_high": _f32(control.max(0)) if found.control else None,
    }


def detail(session: Session, edge: Edge) -> tuple[dict[str, Any], list[bytes]]:
    """A finer look at one edge: what the loss would be without it, what it resembles; x, y and knots as buffers."""
    trace = session.trace
    low, high = trace.input_low[edge.layer][edge.source], trace.input_high[edge.layer][edge.source]
    x = np.linspace(low, high, DETAIL_POINTS)
    y = session.adapter.curve(edge, x)
    source = session.topology.names[edge.layer][edge.source]
    found = {
        "points": DETAIL_POINTS,
        "removal": _removal(session, edge),
        "formulas": [{"text": f.text(source), "r2": f.r2} for f in resemble(x, y)],
    }
    past = _past(session, edge, x)
    buffers = [_f32(x), _f32(y), _f32(session.adapter.knots(edge.layer, edge.source))]
    return found, buffers if past is None else [*buffers, _f32(past)]


def _past(session: Session, edge: Edge, x: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The edge's function before the last step, where that step changed weights."""
    history = session.history
    if history.before is None:
        return None
    weights = history.steps[history.before].state.weights
    if weights is history.present.weights:
        return None
    twin = session.adapter.twin()
    twin.restore_weights(weights)
    return twin.curve(edge, x)


def _removal(session: Session, edge: Edge) -> dict[str, float | None] | None:
    """The change of the training loss, as `metrics` counts it, were the edge replaced by its mean; and its error."""
    evidence = session.evidence
    if "train" not in evidence.quality or not evidence.removal_is_cheap:
        return None
    removal, loss = evidence.removal, evidence.quality["train"].loss
    at = (edge.target, edge.source)
    change, error = removal.edges[edge.layer][at], removal.edge_errors[edge.layer][at]
    if not session.adapter.is_classification:  # from mean squares to their roots
        after = max(loss**2 + change, 0.0) ** 0.5
        change, error = after - loss, error / max(2 * after, 1e-12)
    return {"change": _json(change), "error": _json(error)}


def _f32(*arrays: NDArray[np.float64]) -> bytes:
    flat: bytes = np.concatenate([np.ravel(a) for a in arrays]).astype("<f4").tobytes()
    return flat


def _thinned(curves: NDArray[np.float64], points: int) -> NDArray[np.float64]:
    """Curves ``(edges, many)`` at so many even points, straight in between."""
    last = curves.shape[1] - 1
    at = np.linspace(0, last, points)
    left = np.minimum(at.astype(int), last - 1)
    part = at - left
    thinned: NDArray[np.float64] = curves[:, left] * (1 - part) + curves[:, left + 1] * part
    return thinned


def check_input_shape(session: Session, shape: Any) -> tuple[int, int] | None:
    """The rows and columns of the image that the inputs are, or None.

    Raises:
        ValueError: If the inputs are no such image.
        TypeError: If it is not a pair of whole numbers.
    """
    if shape is None:
        return None
    if (
        not isinstance(shape, (tuple, list))
        or len(shape) != 2
        or not all(isinstance(n, (int, np.integer)) for n in shape)
    ):
        raise TypeError(f"input_shape must be (rows, columns), two whole numbers; got {shape!r}")
    rows, columns = map(int, shape)
    inputs = session.topology.widths[0]
    if min(rows, columns) < 1 or rows * columns != inputs:
        raise ValueError(
            f"input_shape {rows} x {columns} does not hold the model's {inputs} inputs; give rows and columns whose "
            f"product is {inputs}, or leave input_shape out"
        )
    return rows, columns


def _shares(counts: NDArray[np.int64]) -> bytes:
    """Counts ``(in, bins)`` as bytes, 255 for the fullest bin of each row."""
    fullest = np.maximum(counts.max(axis=1, keepdims=True), 1)
    shares: bytes = np.round(counts / fullest * 255).astype(np.uint8).tobytes()
    return shares


def _json(value: float | None) -> float | None:
    """The value, or None where JSON has no word for it."""
    return None if value is None or not np.isfinite(value) else float(value)


# In: commands, as if hostile


def parse_ops(session: Session, trainer: Trainer, content: dict[str, Any]) -> list[Callable[[], Any]]:
    """Check a message of ops before any of them runs.

    Args:
        session: What the commands will run on.
        trainer: What those of training will run on.
        content: The message, of any form whatever.

    Returns:
        Commands, in order.

    Raises:
        ValueError: If the message is not one of the contract.
        TypeError: If a value in it is of the wrong type.
    """
    ops = content.get("ops")
    if not isinstance(ops, list) or not 1 <= len(ops) <= MAX_OPS:
        raise ValueError(f"a message must have 1 to {MAX_OPS} ops")
    stale = content.get("revision") != session.revision
    return [_parse_training(trainer, op) or _parse_op(session, op, stale and i == 0) for i, op in enumerate(ops)]


def _parse_training(trainer: Trainer, op: Any) -> Callable[[], Any] | None:
    kind = op.get("type") if isinstance(op, dict) else None
    if kind == "fine_tune":
        budget = {name: op[name] for name in ("steps", "seconds") if op.get(name) is not None}
        return lambda: trainer.fine_tune(**budget)
    if kind == "auto_prune":
        budget = {name: op[name] for name in ("budget", "seconds") if op.get(name) is not None}
        return lambda: trainer.auto_prune(**budget)
    return getattr(trainer, kind) if kind in ("pause", "resume", "stop") else None


def _parse_op(session: Session, op: Any, stale: bool) -> Callable[[], Any]:
    kind = op.get("type") if isinstance(op, dict) else None
    if kind in ("prune", "restore", "keep"):
        edges = _items(op, "edges", session.topology.edge, session.topology.n_edges)
        nodes = _items(op, "nodes", session.topology.node, sum(session.topology.widths))
        command = getattr(session, kind)
        return lambda: command(edges, nodes=nodes)
    if kind == "set_threshold":
        threshold = _number(op.get("threshold"))
        layer = None if op.get("layer") is None else _whole(op["layer"], "layer")
        return lambda: session.set_threshold(meant(session, threshold), layer)
    if kind == "set_min_per_layer":
        count = _whole(op.get("min_per_layer"), "min_per_layer")
        return lambda: session.set_min_per_layer(count)
    if kind in ("set_criterion", "set_structure", "set_compensate"):
        word = _word(op.get(kind.removeprefix("set_")))
        command = getattr(session, kind)
        return lambda: command(word)
    if kind in ("jump", "annotate"):
        position = _whole(op.get("position"))
        note = _word(op.get("note", ""))[:MAX_NOTE]
        return lambda: session.jump(position) if kind == "jump" else session.annotate(position, note)
    if kind == "refresh":
        return session.refresh
    if kind in ("undo", "redo", "reset"):
        if stale:
            raise ValueError(f"the network has changed since this view was drawn; look again, then {kind}")
        command, label = getattr(session, kind), f"{kind}_label"
        # A key held down asks once too often; that there is nothing left to undo is no news then.
        return lambda: command() if kind == "reset" or getattr(session.history, label) else None
    raise ValueError("unknown op")


def name_of(content: dict[str, Any]) -> str | None:
    """The name by which the answer to a message is known."""
    name = content.get("id")
    return _word(name) if isinstance(name, str) else None


def parse_edge(session: Session, content: dict[str, Any]) -> Edge:
    """The edge that a ``detail`` message asks for."""
    return session.topology.edge(content.get("edge") or ())


def parse_selection(session: Session, items: Any) -> list[tuple[int, ...]]:
    """Edges and nodes, checked, each once."""
    if not isinstance(items, (list, tuple)) or len(items) > session.topology.n_edges + sum(session.topology.widths):
        raise TypeError("selection must be a list of edges (layer, source, target) and nodes (layer, index)")
    checked = [
        tuple(session.topology.edge(item) if len(_sized(item)) == 3 else session.topology.node(item)) for item in items
    ]
    return list(dict.fromkeys(checked))


def _sized(item: Any) -> Sequence[Any]:
    return item if isinstance(item, (list, tuple)) else ()


def _items(op: dict[str, Any], key: str, check: Callable[[Any], Any], most: int) -> Iterable[Any]:
    items = op.get(key, [])
    if not isinstance(items, list) or len(items) > most:
        raise ValueError(f"{key} must be a list of at most {most}")
    return [check(item) for item in items]


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"threshold must be a number; got {type(value).__name__}")
    if abs(value) > FURTHEST:
        raise ValueError(f"threshold must lie within {FURTHEST}")
    return float(value)


def _whole(value: Any, name: str = "position") -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number; got {type(value).__name__}")
    return value


def _word(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a word; got {type(value).__name__}")
    # Half an emoji, which a page may well send, is a text that no message could carry back.
    return value.encode("utf-8", "replace").decode("utf-8")
