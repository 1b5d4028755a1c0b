"""What came of a training, in numbers and in words."""

from __future__ import annotations

from dataclasses import dataclass

from ..capture import Metrics

_WHY = {
    "stop": "Stopped by hand. ",
    "time": "Time is up. ",
    "interrupted": "Interrupted. ",
    "diverged": "The loss was no longer finite. ",
    "moved": "Somebody went back in the history, so this ended. ",
}


@dataclass(frozen=True)
class Outcome:
    """What came of a training.

    Attributes:
        kind: ``"fine-tune"``, ``"train"``, ``"auto-prune"`` or ``"loop"``.
        steps: Optimiser steps that were done.
        kept: Steps that the weights now in force have seen: fewer where later ones did worse, none where all did.
        stopped: Why it ended early: ``""``, ``"worse"``, ``"time"``, ``"stop"``, ``"callback"``, ``"interrupted"``,
            ``"diverged"``, or ``"moved"`` where somebody went back in the history.
        before: Size and quality before.
        after: The same after.
        start: Position in the session's history before; ``session.jump(start)`` takes all of it back.
        limit: The held-out loss that was allowed.
    """

    kind: str
    steps: int
    kept: int
    stopped: str
    before: Metrics
    after: Metrics
    start: int
    limit: float | None = None

    def message(self, loss: str) -> str:
        """All this in words; `loss` is the loss's name."""
        said = self._pruned(loss) if self.kind == "auto-prune" else self._trained(loss)
        return _WHY.get(self.stopped, "") + said

    def _trained(self, loss: str) -> str:
        judged = "test" in self.after.quality
        rows = "test" if judged else "train"
        before, after = self.before.quality[rows].loss, self.after.quality[rows].loss
        name = f"{'Test' if judged else 'Training'} {loss}"
        if self.kept == 0:
            return f"{name} got no better than {before:.3g} in {_steps(self.steps)}, so the network is as it was."
        words = f"{name} {before:.3g} → {after:.3g} after {_steps(self.kept)}."
        undone = self.steps - self.kept
        if undone:
            words += f" The {_steps(undone)} after that did worse and {'was' if undone == 1 else 'were'} taken back."
        return words if judged else f"{words} No rows are held out, so nothing says how it does on others."

    def _pruned(self, loss: str) -> str:
        before, after = self.before.quality["test"].loss, self.after.quality["test"].loss
        gone, had = self.before.cost.edges - self.after.cost.edges, self.before.cost.edges
        most = "" if self.limit is None else f", where {self.limit:.3g} was allowed"
        if gone == 0:
            return f"No cut kept test {loss} low enough: it is {before:.3g}{most}. The network is as it was."
        return f"{gone} of {had} edges went; test {loss} {before:.3g} → {after:.3g}{most}."


def _steps(count: int) -> str:
    return f"{count} step{'' if count == 1 else 's'}"
