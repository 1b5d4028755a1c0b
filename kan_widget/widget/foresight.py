"""The cost of every threshold, worked out beside the kernel's own thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace

from ..core.plan import REFITS, PruningPlan
from ..report import Curves, curve
from ..session import Session
from . import threads

log = logging.getLogger(__name__)


def foresee(session: Session, *, draws: int = 5) -> Curves:
    """The loss at every threshold of the session's rule as it is now; the control too unless `draws` is 0.

    A compensation that refits depends on each cut, so means stand in for it here.
    """
    plan = session.plan
    compensate = "mean" if plan.compensate in REFITS else plan.compensate
    return curve(session, None, [plan.criterion], structure=plan.structure, compensate=compensate, draws=draws)


Question = tuple[PruningPlan, int, int]


class Foresight:
    """Answers the latest question, in a thread of its own: first the curve, then the control as well.

    Args:
        session: What is asked about.
        answer: Is given each answer while nobody else changes the model.
    """

    def __init__(self, session: Session, answer: Callable[[Curves], None]) -> None:
        self._session, self._answer = session, answer
        self._asked: Question | None = None
        self._answered: Question | None = None
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = False

    def ask(self) -> None:
        """Work out the curve, unless it is known or there is nothing to measure a loss on."""
        question = self._question()
        if question == self._asked or not self._session.before.quality or self._closed:
            return
        self._asked = question
        self._wanted.set()
        if self._thread is None:
            self._thread = threads.start(self._work, name="foresight", close=self.close)

    @property
    def known(self) -> bool:
        """Whether the last answer is to the question as it would be asked now."""
        return self._answered == self._question()

    def close(self) -> None:
        """Answer no more."""
        self._closed = True
        self._wanted.set()

    def _question(self) -> Question:
        state = self._session.history.present
        return (replace(state.plan, threshold=0.0, thresholds=None), id(state.capture), id(state.base))

    def _work(self) -> None:
        while self._wanted.wait() and not self._closed:
            self._wanted.clear()
            try:
                if self._tell(foresee(self._session, draws=0)):
                    self._tell(foresee(self._session))
            except Exception:  # the next question may do better, and nobody waits for this answer
                log.exception("the cost of thresholds could not be worked out")

    def _tell(self, found: Curves) -> bool:
        """Give an answer, unless another question has been asked meanwhile. Returns whether it was given."""

        def tell() -> bool:
            wanted = not (self._wanted.is_set() or self._closed)
            if wanted:
                self._answer(found)
                self._answered = self._asked
            return wanted

        return self._session.adapter.take(tell)
