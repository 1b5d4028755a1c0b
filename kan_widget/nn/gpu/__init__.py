"""Optional Triton kernels for layers on a cuda device, in float32. Where Triton is missing torch does it.

Triton comes with torch's own builds for cuda. The first layer on a device is checked against the definition of splines;
if anything is wrong there, or does not compile, torch is used from then on, with a warning.
"""

from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..native import VARIABLE, Backend, wanted

if TYPE_CHECKING:
    from ..spline import Knots
    from .launch import Kernel

__all__ = ["backend", "kernel_for"]


def backend(device: torch.device) -> Backend:
    """What evaluates layers on a device, and why; compiles the kernels if that has not been done yet."""
    if wanted() == "torch":
        return Backend("torch", f"{VARIABLE} is torch")
    return _choice.made(device)[0]


def kernel_for(x: Tensor, weight: Tensor, knots: Knots) -> Kernel | None:
    """The kernel, if it can evaluate such a layer."""
    if not x.is_cuda or x.dtype != torch.float32 or weight.dtype != x.dtype or wanted() == "torch":
        return None
    kernel = _choice.made(x.device)[1]
    return kernel if kernel is not None and kernel.takes(x, weight, knots) else None


class _Choice:
    """Made once for each device, at its first layer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[torch.device, tuple[Backend, Kernel | None]] = {}

    def made(self, device: torch.device) -> tuple[Backend, Kernel | None]:
        if device not in self._made:
            with self._lock:
                if device not in self._made:
                    self._made[device] = _choose(device)
        return self._made[device]


def _choose(device: torch.device) -> tuple[Backend, Kernel | None]:
    try:
        from .launch import Kernel
    except ImportError as error:
        return Backend("torch", f"Triton cannot be imported ({error})"), None
    from .selftest import check

    kernel = Kernel()
    try:
        wrong = check(kernel, device)
    except Exception as error:  # whatever a compiler or a driver may raise: there is torch
        wrong = f"{type(error).__name__}: {error}"
    if wrong:
        reason = f"the Triton kernels failed in their test at the start ({wrong})"
        warnings.warn(f"{reason}; torch is used", RuntimeWarning, stacklevel=2)
        return Backend("torch", reason), None
    return Backend("triton", f"Triton {_version()}"), kernel


def _version() -> Any:
    import triton

    return triton.__version__


_choice = _Choice()
