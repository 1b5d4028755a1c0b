"""A training step by step: it makes way for the edits of others, rests, keeps what was best, and tells of itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from ..capture import Metrics
from ..core.log import Command
from ..session import Session
from .progress import Progress

# Seconds between two messages: of losses; of curves, which cost more and so never take more than a tenth of all time.
LOSSES, CURVES, CURVES_SHARE = 0.1, 0.5, 0.1
# Seconds between two looks for edits while a training rests.
NAP = 0.02
NAN = float("nan")


class Reins:
    """What other threads ask of a training."""

    def __init__(self) -> None:
        self.stopping = False
        self._paused = False
        self._news = threading.Event()

    def stop(self) -> None:
        """End after this step."""
        self.stopping = True
        self._news.set()

    def pause(self) -> None:
        """Rest after this step."""
        self._news.clear()
        self._paused = True

    def go_on(self) -> None:
        """Rest no longer."""
        self._paused = False
        self._news.set()

    @property
    def resting(self) -> bool:
        """Whether there is nothing to do but to wait."""
        return self._paused and not self.stopping

    def nap(self) -> None:
        """Wait a moment, or until there is news."""
        self._news.wait(NAP)


class Best:
    """The weights that did best on the held-out rows since a training began, or since somebody changed the weights.

    Args:
        session: What is trained.
        step: The step that has just been done.
    """

    def __init__(self, session: Session, step: int) -> None:
        self._session, self._adapter = session, session.adapter
        self._begin(step)

    def _begin(self, step: int) -> None:
        self._of = self._session.history.present.weights
        self.loss = self._held_out()
        self._take(step)

    def _take(self, step: int) -> None:
        self.step, self.weights = step, self._adapter.weights()

    def _held_out(self) -> float:
        return self._adapter.evaluate()["test"].loss

    def see(self, step: int, loss: float) -> None:
        """Compare the weights as they are now."""
        if loss < self.loss:
            self.loss = loss
            self._take(step)

    def edited(self, step: int) -> None:
        """Somebody has edited the model: what was best before may not be now, and other weights are a new start."""
        if self._session.history.present.weights is not self._of:
            self._begin(step)
            return
        now, loss = self._adapter.weights(), self._held_out()
        self._adapter.restore_weights(self.weights)
        self.loss = self._held_out()
        self._adapter.restore_weights(now)
        self.see(step, loss)

    def put_back(self) -> None:
        """Make them the model's."""
        if not self._adapter.same_weights(self.weights):
            self._adapter.restore_weights(self.weights)


class Work:
    """A training under way, on the thread that does it and that holds the model.

    Args:
        session: What is trained, as steps of its history.
        progress: What is told of it.
        reins: What others ask of it.
        tell: Publishes `progress`.
        show: Publishes the curves and losses of the model as it is now, and gives the losses.
        patience: Steps without a better held-out loss after which it ends; None trains on whatever happens.

    Attributes:
        before: Size and quality before it.
        stopped: Why it ended early, as in `Outcome`.
        settled: Position in the history of the last step that was trained.
    """

    def __init__(
        self,
        session: Session,
        progress: Progress,
        reins: Reins,
        tell: Callable[[], None],
        show: Callable[[], Metrics],
        patience: int | None,
    ) -> None:
        self.session, self.progress, self.reins = session, progress, reins
        self._tell, self._show, self._patience = tell, show, patience
        self.before = session.measure()
        self.stopped = ""
        self.settled = -1
        self._catch_up()
        self._told = self._shown = time.monotonic()
        self._cost = 0.0
        self._best: Best | None = None
        self._own: Callable[[int, Any], Any] | None = None
        self._own_loss = False
        self.point(self.before)

    def point(self, found: Metrics) -> None:
        """Note losses that were measured after the last step."""
        train, test = (found.quality[rows].loss if rows in found.quality else NAN for rows in ("train", "test"))
        self.progress.losses.add(self.progress.step, train, test)

    def edit(self, change: Callable[[], None]) -> None:
        """Edit the model oneself."""
        change()
        self._catch_up()
        self.point(self.session.metrics)

    def _catch_up(self) -> None:
        history = self.session.history
        self._revision, self._position, self._steps = self.session.revision, history.position, len(history.steps)

    def tune(self, steps: int, options: dict[str, Any], label: str = "fine-tune") -> int:
        """Train, as one step of the history; keep the best step where there are rows to judge by.

        Returns:
            How many steps were worth keeping.
        """
        first, adapter, options = self.progress.step, self.session.adapter, dict(options)
        self._own, self._own_loss = options.pop("callback", None), options.get("loss") is not None
        # Gates stand between weights and function until training ends, so no step before can be told apart.
        judged = self._patience is not None and "test" in self.before.quality and options.get("reg_metric") != "l0"
        self._best = Best(self.session, first) if judged else None
        with self.session.training() as settle:
            try:
                result = adapter.fit({"progress": False, **options, "steps": steps, "callback": self._after_step})
                self.stopped = self.stopped or result.stopped.replace("callback", "")
            finally:
                kept = self._keep(first)
                if not adapter.same_weights(self.session.history.present.weights):
                    settle(
                        f"{label}, {kept} step{'' if kept == 1 else 's'}",
                        Command("fit", {"progress": False, **options, "steps": max(kept, 1)}),
                    )
                    self.settled = self.session.history.position
                    self._catch_up()
        return kept

    def _keep(self, first: int) -> int:
        """Go back to the best step, if any is known to be; gives its number since the first."""
        self._notice_edits()
        if self._best is None:
            return self.progress.step - first
        self._best.put_back()
        return self._best.step - first

    def _after_step(self, number: int, result: Any) -> bool:
        progress = self.progress
        progress.step += 1
        train, test = self._losses(result)
        progress.losses.add(progress.step, train, test)
        if self._best is not None:
            self._best.see(progress.step, test)
        if self._own is not None and self._own(number, result) is False:
            self.stopped = "callback"
        self.between()
        self.stopped = self.stopped or self._reason()
        return not self.stopped

    def _losses(self, result: Any) -> tuple[float, float]:
        """Of this step, as `Evaluation` counts them."""
        if self._own_loss:
            found = self.session.adapter.evaluate()
            return found["train"].loss, found["test"].loss if "test" in found else NAN
        return result.train_loss[-1], result.test_loss[-1] if result.test_loss else NAN

    def _reason(self) -> str:
        """Why to stop now; empty to go on."""
        if self.reins.stopping:
            return "stop"
        if self.progress.budget is not None and self.progress.clock.seconds >= self.progress.budget:
            return "time"
        if self._best is not None and self._patience is not None:
            return "worse" if self.progress.step - self._best.step >= self._patience else ""
        return ""

    def between(self) -> Metrics | None:
        """What others do between two steps, and what they see; gives what was measured for that."""
        self._give_way()
        if self.reins.resting:
            self._rest()
        now = time.monotonic()
        if now - self._told >= LOSSES:
            self._told = now
            self._tell()
        if now - self._shown < max(CURVES, self._cost / CURVES_SHARE):
            return None
        found = self._show()
        self._shown = time.monotonic()
        self._cost = self._shown - now
        return found

    def _give_way(self) -> None:
        self.session.adapter.turns.give_way()
        self._notice_edits()

    def _rest(self) -> None:
        progress = self.progress
        progress.clock.stand()
        progress.state = "paused"
        self._show()
        self._tell()
        while self.reins.resting:
            self._give_way()
            self.reins.nap()
        progress.clock.go_on()
        progress.state = "stopping" if self.reins.stopping else "training"
        self._tell()

    def _notice_edits(self) -> None:
        """Mark what others have done, and judge by the network as it is since."""
        history = self.session.history
        if self.session.revision == self._revision:
            return
        for step in history.steps[self._steps :]:
            self.progress.mark(step.label)
        if len(history.steps) == self._steps and history.position != self._position:
            self.progress.mark(f"back to {history.undo_label or 'the start'}")
        self._catch_up()
        self.point(self.session.metrics)
        if self._best is not None:
            self._best.edited(self.progress.step)
