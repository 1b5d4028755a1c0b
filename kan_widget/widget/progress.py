"""What a training tells of itself while it runs: its losses, what happened meanwhile, and how long it will take."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# More points than this make no finer picture, and more marks no clearer one.
MOST_POINTS = 400
MOST_MARKS = 60


class Losses:
    """Points ``(step, train, test)``; old ones are thinned out, so that there are never many.

    Example:
        >>> losses = Losses()
        >>> for step in range(1000):
        ...     losses.add(step, 1.0, 2.0)
        >>> len(losses.points()) <= MOST_POINTS + 1, losses.points()[-1]
        (True, (999, 1.0, 2.0))
    """

    def __init__(self) -> None:
        self._kept: list[tuple[int, float, float]] = []
        self._last: tuple[int, float, float] | None = None
        self._every, self._seen = 1, 0

    def add(self, step: int, train: float, test: float) -> None:
        """Add a point after all others."""
        self._last = (step, train, test)
        if self._seen % self._every == 0:
            self._kept.append(self._last)
        self._seen += 1
        if len(self._kept) > MOST_POINTS:
            self._kept = self._kept[::2]
            self._every *= 2

    def points(self) -> list[tuple[int, float, float]]:
        """The points that are left, the last one among them."""
        missing = self._last is not None and self._kept[-1] is not self._last
        return [*self._kept, self._last] if missing and self._last else list(self._kept)


class Clock:
    """Seconds since the start, without those of pauses."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._stood = 0.0
        self._since: float | None = None

    def stand(self) -> None:
        """A pause begins."""
        self._since = time.monotonic()

    def go_on(self) -> None:
        """It ends."""
        if self._since is not None:
            self._stood += time.monotonic() - self._since
            self._since = None

    @property
    def seconds(self) -> float:
        """Time that was worked."""
        return (self._since or time.monotonic()) - self._start - self._stood


@dataclass
class Progress:
    """One training as a front end sees it.

    Attributes:
        kind: ``"fine-tune"``, ``"train"``, ``"auto-prune"`` or ``"track"``.
        start: Position in the session's history before it.
        before: Size and quality before it, as the trait ``metrics`` has them.
        steps: How many steps there will be at most, if that is known.
        budget: How many seconds there are, if they are limited.
        limit: The held-out loss that a cut must stay below.
        state: ``"training"``, ``"pausing"``, ``"paused"``, ``"stopping"`` or ``"idle"``.
        step: Steps done.
        message: What is being done, or what came of it, in words.
        after: As `before`, once it is over.
        kept: Steps, or in pruning cuts, that were worth keeping.
        revision: Of the session at its end: what was done later is not its work.
        failed: Whether an error ended it.
    """

    kind: str
    start: int
    before: dict[str, Any]
    steps: int | None = None
    budget: float | None = None
    limit: float | None = None
    state: str = "training"
    step: int = 0
    message: str = ""
    after: dict[str, Any] | None = None
    kept: int = 0
    revision: int | None = None
    failed: bool = False
    losses: Losses = field(default_factory=Losses)
    marks: list[dict[str, Any]] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)

    def mark(self, label: str) -> dict[str, Any]:
        """Note what happened between two steps; whoever marked a trial writes into ``kept`` how it ended."""
        mark = {"step": self.step, "label": label, "kept": None}
        self.marks = [*self.marks[-MOST_MARKS + 1 :], mark]
        return mark

    @property
    def left(self) -> float | None:
        """Seconds that it will still take at most, as far as one can tell."""
        spent = self.clock.seconds
        known = [] if self.budget is None else [self.budget - spent]
        if self.steps is not None and self.step > 0:
            known.append(spent / self.step * (self.steps - self.step))
        return max(0.0, min(known)) if known else None

    def sent(self) -> dict[str, Any]:
        """The trait ``training``."""
        columns = np.array(self.losses.points(), dtype="<f4").reshape(-1, 3)
        return {
            "kind": self.kind,
            "state": self.state,
            "step": self.step,
            "steps": self.steps,
            "seconds": self.clock.seconds,
            "budget": self.budget,
            "left": None if self.state == "idle" else self.left,
            "limit": self.limit,
            "at": columns[:, 0].tobytes(),
            "train": columns[:, 1].tobytes(),
            "test": columns[:, 2].tobytes(),
            "marks": [dict(mark) for mark in self.marks],
            "message": self.message,
            "failed": self.failed,
            "kept": self.kept,
            "revision": self.revision,
            "start": self.start,
            "before": self.before,
            "after": self.after,
        }
