"""Pruning in rounds within a loss, as steps of a session that others may edit meanwhile.

`kan_widget.adaptive_prune` does the same to a copy. Here each cut follows the rule that is in force (criterion,
structure, compensation), leaves alone what was kept by hand, and edits that others make during a round outlast it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from ..core.select import Part, Target, choose
from ..core.topology import Edge, Node
from .tuning import Work

log = logging.getLogger(__name__)


def prune_in_rounds(work: Work, limit: float, share: float, steps: int, options: dict[str, Any]) -> None:
    """Cut a share of what is left, tune, keep it or go back and halve the share; until one part is too many.

    Args:
        work: What is trained, and who is told.
        limit: The held-out loss that a round must not exceed.
        share: Of what may be cut, at first.
        steps: Of tuning, at most, after each cut.
        options: For the model's ``fit``.
    """
    while not work.stopped and (parts := _weakest(work, share)):
        if not _round(work, parts, limit, steps, options):
            if len(parts) == 1:
                return
            share /= 2


def _weakest(work: Work, share: float) -> Sequence[Part]:
    """The next cut, as the rule in force ranks: nothing that was kept by hand, and no output's last path."""
    session, plan = work.session, work.session.plan
    kept: set[Part] = set(plan.kept)
    if plan.structure != "edge":  # a node goes with all its edges
        kept = {end for e in plan.kept for end in (Node(e.layer, e.source), Node(e.layer + 1, e.target))}
    every = Target(threshold=float("inf"))
    free = choose(
        session.scores,
        session.active,
        every,
        structure=plan.structure,
        protect=kept,
        min_per_layer=plan.min_per_layer,
    )
    return free[: max(1, round(share * len(free)))]


def _round(work: Work, parts: Sequence[Part], limit: float, steps: int, options: dict[str, Any]) -> bool:
    """Prune and tune; take it back if that breaks the limit. Returns whether it was kept."""
    session, home = work.session, work.session.history.position
    edges = [part for part in parts if isinstance(part, Edge)]
    work.edit(lambda: session.prune(edges, nodes=[part for part in parts if isinstance(part, Node)]))
    cut, mark = session.history.position, work.progress.mark(session.history.undo_label or "")
    work.tune(steps, options)
    if work.stopped == "worse":  # that ends the tuning, not the rounds
        work.stopped = ""
    path = session.history.path(session.history.position)
    if cut not in path:
        work.stopped = "moved"
        return True
    mark["kept"] = session.metrics.quality["test"].loss <= limit
    if not mark["kept"]:
        edits = [at for at in path[path.index(cut) + 1 :] if at != work.settled]
        work.edit(lambda: _go_back(work, home, edits))
    return bool(mark["kept"])


def _go_back(work: Work, home: int, edits: Sequence[int]) -> None:
    """Take a round back, and do again what others did meanwhile."""
    session = work.session
    commands = [command for at in edits for command in session.history.steps[at].state.commands]
    session.jump(home)
    for command in commands:
        try:
            getattr(session, command.name)(**command.arguments)
        except ValueError:  # it was about the cut that has just been taken back
            log.info("an edit could not be made again: %s", command)
