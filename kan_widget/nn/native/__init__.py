"""An optional C kernel for layers: the same numbers, faster. Without a compiler everything runs on torch alone.

``KAN_WIDGET_BACKEND=torch`` switches it off; ``KAN_WIDGET_BACKEND=native`` warns where it cannot be had. Layers of all
sizes go the same way, so that none becomes slower by being compacted, and the same program gives the same bits again.
"""

from __future__ import annotations

import os
import threading
import warnings
from dataclasses import dataclass

import torch

from .building import Unavailable, open_library
from .kernel import Kernel
from .network import Networks
from .selftest import check, check_networks

__all__ = ["VARIABLE", "Backend", "backend", "layers", "networks", "wanted"]

VARIABLE = "KAN_WIDGET_BACKEND"


@dataclass(frozen=True)
class Backend:
    """What evaluates layers.

    Attributes:
        name: ``"native"`` or ``"torch"``.
        reason: Why, in words.
    """

    name: str
    reason: str


def backend() -> Backend:
    """What evaluates layers on the CPU, and why; compiles the kernel if that has not been done yet."""
    return Backend("torch", f"{VARIABLE} is torch") if wanted() == "torch" else _choice.made()[0]


def layers() -> Kernel | None:
    """What evaluates layers, unless torch does."""
    return None if wanted() == "torch" else _choice.made()[1]


def networks() -> Networks | None:
    """What evaluates small networks whole, unless torch does."""
    return None if wanted() == "torch" else _choice.made()[2]


def wanted() -> str:
    """What ``KAN_WIDGET_BACKEND`` asks for."""
    asked = os.environ.get(VARIABLE, "")
    if asked not in ("", "torch", "native"):
        raise ValueError(f"{VARIABLE} must be 'torch', 'native' or not set; got {asked!r}")
    return asked


Made = tuple[Backend, Kernel | None, Networks | None]


class _Choice:
    """Made once in a process, at the first layer of some size."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: Made | None = None

    def made(self) -> Made:
        if self._made is None:
            with self._lock:
                if self._made is None:
                    self._made = _choose()
        return self._made

    def renew_lock(self) -> None:
        self._lock = threading.Lock()


def _choose() -> Made:
    try:
        library, origin = open_library()
        kernel, networks = Kernel(library), Networks(library)
    except (Unavailable, OSError) as error:
        if wanted() == "native":
            warnings.warn(f"{VARIABLE} is native, but {error}; torch is used", RuntimeWarning, stacklevel=2)
        return Backend("torch", str(error)), None, None
    with torch.device("cpu"):
        wrong = check(kernel) or check_networks(networks)
    if wrong:
        reason = f"the native kernel gave wrong numbers in its test at the start ({wrong})"
        warnings.warn(f"{reason}; torch is used", RuntimeWarning, stacklevel=2)
        return Backend("torch", reason), None, None
    return Backend("native", origin), kernel, networks


_choice = _Choice()
if hasattr(os, "register_at_fork"):  # a thread that does not exist in the child may have held the lock
    os.register_at_fork(after_in_child=_choice.renew_lock)
