"""Long work that somebody asked for, beside the thread that listens."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

from . import threads

log = logging.getLogger(__name__)

# More than anybody waits for.
MOST = 8


class Errands:
    """Runs errands one after another in a thread of its own, which begins with the first."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[Callable[[], None] | None] = queue.Queue(MOST)
        self._thread: threading.Thread | None = None
        self.closed = False

    def send(self, errand: Callable[[], None]) -> None:
        """Run `errand` after those that wait.

        Raises:
            ValueError: If too many wait already.
        """
        if self.closed:
            return
        try:
            self._waiting.put_nowait(errand)
        except queue.Full:
            raise ValueError(
                f"{MOST} questions wait for their answers already; ask again when they have come"
            ) from None
        if self._thread is None:
            self._thread = threads.start(self._work, name="errands", close=self.close)

    def close(self) -> None:
        """Begin no other errand."""
        self.closed = True
        if not self._waiting.full():  # else the thread wakes up anyway
            self._waiting.put_nowait(None)

    def _work(self) -> None:
        while not self.closed:
            errand = self._waiting.get()
            if errand is None or self.closed:
                return
            try:
                errand()
            except Exception:  # its own words have failed; the next may do better
                log.exception("an errand failed")
