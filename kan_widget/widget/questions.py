"""What a sheet of the front end may ask, and the answers: plain values that JSON can hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..adapters import Evaluation
from ..core.plan import COMPENSATIONS
from ..session import Session
from .criteria import criteria

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


QUESTIONS: dict[str, Question] = {"history": history, "script": script, "compensations": compensations}

# Those that take long, and work on a copy of the model.
LONG: dict[str, Question] = {"criteria": criteria}


def takes_long(content: dict[str, Any]) -> bool:
    """Whether a message asks for what nobody should have to wait for."""
    about = content.get("about")
    return isinstance(about, str) and about in LONG


def answer(session: Session, content: dict[str, Any], page: Callable[[], str]) -> dict[str, Any]:
    """The answer to a message of type ``ask``.

    Args:
        session: What is asked about.
        content: The message.
        page: Writes the widget as a page, which is more than the session knows of.

    Raises:
        ValueError: If nobody knows what it is about.
    """
    about = content.get("about")
    if about == "page":
        return {"html": page()}
    if takes_long(content):
        return LONG[content["about"]](session, content)
    question = QUESTIONS.get(about) if isinstance(about, str) else None
    if question is None:
        raise ValueError("unknown question")
    return session.adapter.take(lambda: question(session, content))
