"""How good and how large the network is, what a part is worth, what an output computes: for JSON, as sheets ask it."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import report
from ..report import Efficiency, Estimate, Latency, OnRows, Standing
from ..report.standing import PART_METRIC, SHOWN
from ..session import Session

# Resamples for the interval of a change, classes that are listed, rows of a timed call, and seconds for all of them.
DRAWS = 200
MOST_PARTS = 100
MOST_ROWS = 4096
SECONDS = 2.0


def metrics(session: Session, _content: dict[str, Any]) -> dict[str, Any]:
    """Quality dense, before the last step and now: see `kan_widget.report.standing`."""
    found = report.standing(session, draws=DRAWS)
    return {
        "revision": found.revision,
        "task": found.task,
        "states": list(found.states),
        "step": found.step,
        "metrics": list(SHOWN[found.task]),
        "part_metric": PART_METRIC[found.task],
        "rows": [{"name": name, **_rows(found, rows)} for name, rows in found.items()],
    }


def _rows(found: Standing, rows: OnRows) -> dict[str, Any]:
    shown = SHOWN[found.task]
    return {
        "kind": rows.kind,
        "count": rows.count,
        "values": {name: [_number(rows.metrics[state][name]) for state in found.states] for name in shown},
        "change": {name: _change(rows.change[name]) for name in shown},
        "parts": [
            {
                "name": name,
                "count": rows.parts[name].count,
                "values": [_number(rows.parts[name].values[state]) for state in found.states],
                "change": _change(rows.parts[name].change),
            }
            for name in rows.by_damage()[:MOST_PARTS]
        ],
        "more_parts": max(0, len(rows.by_damage()) - MOST_PARTS),
    }


def efficiency(session: Session, content: dict[str, Any]) -> dict[str, Any]:
    """What the network costs dense and, compacted, now; `measure` times it too, for 1 row and for `batch` rows."""
    measure, batch = content.get("measure", False), content.get("batch", 256)
    if not isinstance(measure, bool):
        raise TypeError("measure must be true or false")
    if isinstance(batch, bool) or not isinstance(batch, int) or not 1 <= batch <= MOST_ROWS:
        raise ValueError(f"batch must be a whole number from 1 to {MOST_ROWS}")
    ports = session.adapter.take(lambda: (session.copy_at(0), session.adapter.twin()))
    dense, now = report.measure_together([port.model for port in ports], batch, SECONDS if measure else 0.0)
    return {
        "dense": {"edges": dense.active.edges, **_form(dense, "masked")},
        "now": {"edges": now.active.edges, **_form(now, "compacted")},
        "latency": [
            {"rows": rows, "dense": _latency(was), "now": _latency(found), "differs": was.differs(found)}
            for rows, was in dense.masked.latency.items()
            for found in (now.compacted.latency[rows],)
        ],
        "threads": now.threads,
    }


def _form(found: Efficiency, form: str) -> dict[str, int]:
    its = getattr(found, form)
    return {
        "parameters": its.footprint.parameters,
        "nonzero": its.footprint.nonzero,
        "memory": its.footprint.memory,
        "macs": its.macs,
    }


def worth(session: Session, content: dict[str, Any]) -> dict[str, Any]:
    """What a node or an edge is worth now: see `kan_widget.report.worth`."""
    part = content.get("part")
    if not isinstance(part, (list, tuple)):
        raise TypeError("part must be a node (layer, index) or an edge (layer, source, target)")
    found = report.worth(session, part)
    return {
        "loss": found.loss,
        "rows": found.rows,
        "count": found.count,
        "before": _number(found.before),
        "after": _number(found.after),
        "change": _number(found.change),
        "error": _number(found.error),
        "clear": found.is_clear,
        "accuracy": None if found.accuracy is None else list(found.accuracy),
    }


def formula(session: Session, content: dict[str, Any]) -> dict[str, Any]:
    """An output as a formula of the inputs: see `Session.formula`."""
    output = content.get("output")
    if isinstance(output, bool) or not isinstance(output, int):
        raise TypeError("output must be the number of an output")
    found = session.formula(output)
    return {
        "output": found.output,
        "text": found.text,
        "where": [[name, said] for name, said, _ in found.where],
        "copy": str(found),
        "latex": found.to_latex(),
        "r2": _number(found.r2),
        "rows": found.rows,
        "count": found.count,
        "links": [
            {
                "edge": list(link.edge),
                "named": link.named,
                "closest": None if link.closest is None else link.closest.name,
                "r2": None if link.closest is None else _number(link.closest.r2),
            }
            for link in found.links
        ],
    }


def _change(change: Estimate) -> list[float | None]:
    return [_number(change.value), _number(change.low), _number(change.high)]


def _latency(found: Latency) -> dict[str, float]:
    return {"p50": found.p50, "low": found.low, "high": found.high}


def _number(value: float) -> float | None:
    """The value, or None where JSON has no word for it."""
    return float(value) if np.isfinite(value) else None
