"""Threads that end before the interpreter does: torch aborts the process where its code is cut off in the middle."""

from __future__ import annotations

import atexit
import threading
import weakref
from collections.abc import Callable
from typing import Any

_PATIENCE = 5.0
_running: weakref.WeakKeyDictionary[threading.Thread, weakref.WeakMethod[Callable[[], None]]] = (
    weakref.WeakKeyDictionary()
)


def start(work: Callable[..., None], *args: Any, name: str, close: Callable[[], None]) -> threading.Thread:
    """Begin a thread that nothing waits for but the end of the process.

    Args:
        work: What it does.
        *args: For it.
        name: Of the thread.
        close: A method that asks it to end soon.
    """
    thread = threading.Thread(target=work, args=args, name=f"kan_widget {name}", daemon=True)
    _running[thread] = weakref.WeakMethod(close)
    thread.start()
    return thread


@atexit.register
def _end() -> None:
    there = [(thread, close()) for thread, close in list(_running.items()) if thread.is_alive()]
    for _, close in there:
        if close is not None:
            close()
    for thread, _ in there:
        thread.join(_PATIENCE)
