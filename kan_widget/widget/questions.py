"""What a sheet of the front end may ask, and the answers: plain values that JSON can hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ..adapters import Evaluation
from ..core.plan import COMPENSATIONS
from ..session import Session
from .criteria import criteria
from .insight import efficiency, formula, metrics, worth

Question = Callable[[Session, dict[str, Any]], dict[str, Any]]


def history(session: Session, _content: dict[str, Any]) -> dict[str, Any]:
    """Every state so far: where it came from, what led to it, what it was worth."""
    tree, measured = session.history, session.measured
    steps = []
    for position, (step, parent) in enumerate(zip(tree.steps, tree.parents, strict=True)):
        found = measured.get(position)
        quality = found.quality.get("test", found.quality.get("train")) if found else None
        steps.append(
            {
                "label": step.label,
                "note": step.note,
                "parent": parent,
                "edges": found.cost.edges if found else None,
                "nodes": found.cost.nodes if found else None,
                "parameters": found.cost.parameters if found else None,
                **_quality(quality),
            }
        )
    return {"position": tree.position, "path": tree.path(tree.position), "steps": steps}


def script(session: Session, _content: dict[str, Any]) -> dict[str, Any]:
    """What led to the present state, as Python and as JSON."""
    log = session.log()
    return {"python": log.to_script(), "json": log.to_json()}


def compensations(session: Session, _content: dict[str, Any]) -> dict[str, Any]:
    """What each compensation would make of the present cut."""
    found = {name: session.foretell(name) for name in COMPENSATIONS}
    return {name: _quality(quality.get("test", quality.get("train"))) for name, quality in found.items()}


def _quality(quality: Evaluation | None) -> dict[str, float | None]:
    if quality is None:
        return {"loss": None, "accuracy": None}
    return {"loss": quality.loss, "accuracy": quality.accuracy}


QUESTIONS: dict[str, Question] = {"history": history, "script": script}

# Those that take long, and work on a copy of the model.
LONG: dict[str, Question] = {
    "compensations": compensations,
    "criteria": criteria,
    "efficiency": efficiency,
    "formula": formula,
    "metrics": metrics,
    "worth": worth,
}


# What such an answer depends on besides the session, and how many are kept.
MATTERS = ("criteria", "draws", "part", "output", "batch")
MOST = 50


def takes_long(content: dict[str, Any]) -> bool:
    """Whether a message asks for what nobody should have to wait for."""
    about = content.get("about")
    return isinstance(about, str) and (about in LONG or about == "page")


class Answers:
    """Answers to messages of type ``ask``; those that took long are known until the session changes.

    Args:
        session: What is asked about.
        page: Writes the widget as a page, which is more than the session knows of.
    """

    def __init__(self, session: Session, page: Callable[[], str]) -> None:
        self._session, self._page = session, page
        self._known: dict[str, dict[str, Any]] = {}
        self._revision = session.revision

    def to(self, content: dict[str, Any]) -> dict[str, Any]:
        """The answer to a message.

        Raises:
            ValueError: If nobody knows what it is about.
        """
        about = content.get("about")
        if about == "page":
            return {"html": self._page()}
        if takes_long(content):
            return self._long(str(about), content)
        question = QUESTIONS.get(about) if isinstance(about, str) else None
        if question is None:
            raise ValueError("unknown question")
        return self._session.adapter.take(lambda: question(self._session, content))

    def _long(self, about: str, content: dict[str, Any]) -> dict[str, Any]:
        """Worked out, unless it was for the network as it is now."""
        session, revision = self._session, self._session.revision
        if revision != self._revision:
            self._known, self._revision = {}, revision
        asked = json.dumps([about, *(content.get(name) for name in MATTERS)])
        # While it learns, a network changes without a step; and who measures again wants to see other times.
        passing = session.adapter.turns.busy or bool(content.get("measure"))
        if not passing and asked in self._known:
            return self._known[asked]
        found = LONG[about](session, content)
        if not passing and session.revision == revision and not session.adapter.turns.busy:
            if len(self._known) == MOST:
                self._known.clear()
            self._known[asked] = found
        return found
