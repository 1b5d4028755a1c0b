"""Trains a session's model beside the kernel's own thread, where it can be watched, paused and stopped."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from concurrent.futures import Future
from math import inf
from typing import Any, TypeVar

from ..capture import Metrics
from ..core.log import Command
from ..session import Session
from . import threads, wire
from .outcome import Outcome
from .progress import Progress
from .rounds import prune_in_rounds
from .tuning import Reins, Work

log = logging.getLogger(__name__)

T = TypeVar("T")

MOST_STEPS = 1_000_000


class Trainer:
    """One training at a time, each a step of the session's history or, for pruning in rounds, two a round.

    Args:
        session: What is trained.
        tell: Is given what the trait ``training`` is to hold.
        show: Shows the model as it is while it learns, and gives the losses of that.
        ended: Is called when it does no longer, with what is to be said in words, or with the error that ended it.

    All three are called while nobody else changes the model.
    """

    def __init__(
        self,
        session: Session,
        tell: Callable[[dict[str, Any]], None],
        show: Callable[[], Metrics],
        ended: Callable[[str | Exception], None],
    ) -> None:
        self._session = session
        self._tell, self._show, self._ended = tell, show, ended
        self._reins = Reins()
        self._progress: Progress | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def busy(self) -> bool:
        """Whether a training is under way."""
        return self._progress is not None and self._progress.state != "idle"

    # Commands, from any thread

    def fine_tune(
        self,
        *,
        steps: int | None = None,
        seconds: float | None = None,
        patience: int | None = 5,
        options: dict[str, Any] | None = None,
        kind: str = "fine-tune",
    ) -> Future[Outcome]:
        """Train for so many steps or seconds, 20 steps if neither is given; see `KANWidget.fine_tune`."""
        if steps is None and seconds is None:
            steps = 20
        _check(steps=steps, seconds=seconds, patience=patience)
        chosen = {} if options is None else options
        return self._start(
            lambda: self._first(kind, steps=steps, budget=seconds),
            lambda work: work.tune(steps or MOST_STEPS, chosen, kind),
            patience,
        )

    def auto_prune(
        self,
        *,
        budget: float = 0.02,
        seconds: float | None = None,
        share: float = 0.3,
        steps: int = 10,
        options: dict[str, Any] | None = None,
    ) -> Future[Outcome]:
        """Prune in rounds until the held-out loss would be worse by more than `budget`; see `KANWidget.auto_prune`."""
        _check(steps=steps, seconds=seconds)
        if isinstance(budget, bool) or not isinstance(budget, (int, float)):
            raise TypeError(f"budget must be a number; got {type(budget).__name__}")
        if not 0 <= budget < inf:
            raise ValueError(f"budget, how much worse the held-out loss may be, must be 0 or more; got {budget}")
        if not 0 < share <= 1:
            raise ValueError(f"share of the parts to cut at first must lie above 0 and up to 1; got {share}")
        if "test" not in self._session.before.quality:
            raise ValueError("auto-prune is judged on held-out rows; give the data as (x, y, x_test, y_test)")

        def work(work: Work) -> int:
            limit = work.before.quality["test"].loss * (1 + budget)
            work.progress.limit = limit
            prune_in_rounds(work, limit, share, steps, options or {})
            return work.progress.step if any(mark["kept"] for mark in work.progress.marks) else 0

        return self._start(lambda: self._first("auto-prune", budget=seconds), work, steps)

    def stop(self) -> None:
        """End after the step that is being done; what is worth keeping is kept."""
        self._rein(self._reins.stop, "stopping", ("training", "pausing", "paused"))

    def pause(self) -> None:
        """Rest after the step that is being done; edits are made at once meanwhile."""
        self._rein(self._reins.pause, "pausing", ("training",))

    def resume(self) -> None:
        """Rest no longer."""
        self._rein(self._reins.go_on, "training", ("pausing", "paused"))

    def close(self) -> None:
        """Stop, and say nothing more."""
        self._closed = True
        self._reins.stop()

    def _rein(self, ask: Callable[[], None], state: str, states: Sequence[str]) -> None:
        """Ask for another state, unless it is there already."""
        with self._session.adapter.turns.lock:
            if self._progress is None or not self.busy:
                raise ValueError("nothing is being trained from here")
            if self._progress.state in states:
                ask()
                self._progress.state = state
                self._publish()

    # The user's own loop

    def track(self, steps: Iterable[T]) -> Iterator[T]:
        """Between the steps of a loop, make way for others and show the model; see `KANWidget.track`."""
        self._check_free()
        return self._tracked(steps)

    def _tracked(self, steps: Iterable[T]) -> Iterator[T]:
        adapter = self._session.adapter
        with adapter.turns.training():
            self._reins = Reins()
            self._progress = self._first("loop", steps=len(steps) if isinstance(steps, Sized) else None)
            work, good = self._work(None), adapter.weights()
            self._publish()
            with self._session.training() as settle:
                try:
                    for step in steps:
                        yield step
                        work.progress.step += 1
                        found = work.between()
                        if found is not None:
                            work.point(found)
                            good = adapter.weights() if adapter.is_finite() else good
                        if self._reins.stopping:
                            work.stopped = "stop"
                            break
                finally:
                    if not adapter.is_finite():
                        adapter.restore_weights(good)
                        work.stopped = "diverged"
                    if not adapter.same_weights(self._session.history.present.weights):
                        settle(f"own loop, {work.progress.step} steps", Command("refresh"))
                    self._end(work, work.progress.step)

    # On the thread

    def _start(self, first: Callable[[], Progress], do: Callable[[Work], int], patience: int | None) -> Future[Outcome]:
        future: Future[Outcome] = Future()

        def begin() -> None:
            self._check_free()
            self._reins, self._progress = Reins(), first()
            self._publish()
            self._thread = threads.start(self._run, do, patience, future, name="trainer", close=self.close)

        self._session.adapter.take(begin)
        return future

    def _check_free(self) -> None:
        if not self._session.before.quality:
            raise ValueError("training needs labels; give the data as (x, y) or (x, y, x_test, y_test)")
        # A thread that has just ended its training makes the changes that waited for that.
        others = self._session.adapter.turns.busy and threading.current_thread() is not self._thread
        if self.busy or others:
            raise ValueError("the network is being trained; stop that first, or wait for its end")

    def _first(self, kind: str, *, steps: int | None = None, budget: float | None = None) -> Progress:
        session = self._session
        return Progress(kind, session.history.position, wire.measured(session.metrics), steps=steps, budget=budget)

    def _work(self, patience: int | None) -> Work:
        assert self._progress is not None
        work = Work(self._session, self._progress, self._reins, self._publish, self._look, patience)
        self._progress.before = wire.measured(work.before)
        return work

    def _run(self, do: Callable[[Work], int], patience: int | None, future: Future[Outcome]) -> None:
        future.set_running_or_notify_cancel()
        try:
            with self._session.adapter.turns.training():
                work = self._work(patience)
                outcome = self._end(work, do(work))
        except BaseException as error:  # whoever waits for the outcome is told, and so are all views
            self._fail(error)
            future.set_exception(error)
        else:
            future.set_result(outcome)

    def _end(self, work: Work, kept: int) -> Outcome:
        progress, session = work.progress, self._session
        outcome = Outcome(
            progress.kind,
            progress.step,
            kept,
            work.stopped,
            work.before,
            session.measure(),
            progress.start,
            progress.limit,
        )
        progress.after, progress.kept = wire.measured(outcome.after), kept
        message = outcome.message(wire.loss_name(session))
        self._rest(message, message if kept == 0 or work.stopped in ("diverged", "moved") else "")
        return outcome

    def _fail(self, error: BaseException) -> None:
        log.error("a training failed", exc_info=error)
        if self._progress is not None:
            self._progress.failed = True
        text = str(error) or type(error).__name__
        self._session.adapter.take(lambda: self._rest(text, error if isinstance(error, Exception) else text))

    def _rest(self, message: str, said: str | Exception) -> None:
        """Be idle; what is `said` is shown wherever the network is."""
        if self._progress is None:
            return
        self._progress.message, self._progress.state = message, "idle"
        self._progress.revision = self._session.revision
        self._publish()
        if not self._closed:
            self._ended(said)

    def _publish(self) -> None:
        with self._session.adapter.turns.lock:
            if self._progress is not None and not self._closed:
                self._tell(self._progress.sent())

    def _look(self) -> Metrics:
        with self._session.adapter.turns.lock:
            return self._session.measure() if self._closed else self._show()


def _check(**numbers: float | None) -> None:
    for name, value in numbers.items():
        whole = name != "seconds"
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            raise TypeError(f"{name} must be a {'whole ' if whole else ''}number; got {type(value).__name__}")
        if not (1 if whole else 0) <= value <= MOST_STEPS or value == 0:
            raise ValueError(f"{name} must lie above 0 and up to {MOST_STEPS}; got {value}")
