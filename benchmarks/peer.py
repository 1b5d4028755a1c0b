"""pykan 0.2.8, made quietly and where it does no harm."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any


@contextlib.contextmanager
def elsewhere() -> Iterator[None]:
    """A folder to write into, and nobody listening to what is printed: pykan does both."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                yield
        finally:
            os.chdir(before)


def pykan(width: Sequence[int], seed: int = 0) -> Any:
    """A pykan network as its Demo 7 has it: 5 intervals, cubic splines, nothing written to disk."""
    from kan import KAN

    with elsewhere():
        return KAN(width=list(width), grid=5, k=3, seed=seed, auto_save=False)
