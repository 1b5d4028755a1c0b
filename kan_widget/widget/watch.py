"""Notices what was done to a model behind a session's back."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
from IPython import get_ipython

from ..session import Session


def changed(session: Session) -> str:
    """What has changed in the model since its curves and scores were measured, in words; empty if nothing has.

    Call it while nobody else changes the model.

    Example:
        >>> import torch
        >>> from kan_widget import KAN, Session
        >>> x = torch.rand(100, 2)
        >>> session = Session(KAN([2, 3, 1], seed=0), (x, x[:, :1] ** 2))
        >>> session.model.layers[0].mask[1, 0] = False
        >>> changed(session)
        '1 edge switched off'
    """
    present, adapter = session.history.present, session.adapter
    found = []
    if present.base is not present.capture.weights or not adapter.same_weights(present.weights):
        found.append(_trained(session))
    now, known = adapter.masks()[0], session.masks
    for word, new, old in (("off", known, now), ("on", now, known)):
        count = sum(int(np.sum(a & ~b)) for a, b in zip(new, old, strict=True))
        if count:
            found.append(f"{count} edge{'' if count == 1 else 's'} switched {word}")
    return ", ".join(found)


def _trained(session: Session) -> str:
    """That weights have changed, and what that did to the loss."""
    then, now = session.evidence.quality, session.adapter.evaluate()
    rows = "test" if "test" in now else "train"
    if rows not in now:
        return "other weights"
    return f"other weights ({rows} loss {then[rows].loss:.3g} → {now[rows].loss:.3g})"


def after_cells(method: Callable[[], Any]) -> Callable[[], None]:
    """Call a method after each cell of a notebook, as long as its object lives; gives what ends that."""
    shell = get_ipython()
    if shell is None:
        return lambda: None
    alive = weakref.WeakMethod(method)

    def call(_result: Any = None) -> None:
        found = alive()
        if found is not None:
            found()

    def end() -> None:
        if call in shell.events.callbacks["post_run_cell"]:
            shell.events.unregister("post_run_cell", call)

    shell.events.register("post_run_cell", call)
    return end
