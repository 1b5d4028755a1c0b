"""Who may change a model now: its trainer between two steps, anybody while it is idle.

Notebook front ends call back on another thread while a cell runs. A change that came in the middle of an optimiser step
would give the line search a function that moves under its feet, so while a model is trained, changes wait for the
trainer to take them between two steps; the thread that asked waits for the result.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


class Turns:
    """Orders the changes to one model.

    Example:
        >>> turns = Turns()
        >>> turns.take(lambda: "changed")
        'changed'
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._trainer: int | None = None
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()

    @property
    def busy(self) -> bool:
        """Whether the model is being trained."""
        return self._trainer is not None

    def take(self, change: Callable[[], T]) -> T:
        """Run `change` as soon as nobody else is changing the model, and give back its result."""
        with self.lock:
            if self._trainer in (None, threading.get_ident()):
                return change()
            future: Future[T] = Future()
            self._waiting.append((future, change))
        return future.result()

    @contextmanager
    def training(self) -> Iterator[None]:
        """Hold the model for training; waiting changes run at `give_way` and at the end.

        Raises:
            RuntimeError: If another thread is training this model.
        """
        me = threading.get_ident()
        with self.lock:
            outer = self._trainer
            if outer not in (None, me):
                raise RuntimeError("this model is being trained by another thread; wait for it or train a copy")
            self._trainer = me
        try:
            yield
        finally:
            with self.lock:
                self.give_way()
                self._trainer = outer

    def give_way(self) -> int:
        """Run the changes that wait, in order; called by the trainer between two steps. Returns how many there were."""
        done = 0
        while self._waiting:
            future, change = self._waiting.popleft()
            done += 1
            try:
                with self.lock:
                    result = change()
            except BaseException as error:
                future.set_exception(error)
                if not isinstance(error, Exception):
                    raise
            else:
                future.set_result(result)
        return done
