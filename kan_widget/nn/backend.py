"""What evaluates layers, and why."""

from __future__ import annotations

import torch

from . import gpu, native
from .native import Backend


def backend(device: str | torch.device = "cpu") -> Backend:
    """What evaluates layers on a device, and why; compiles the kernel if that has not been done yet.

    Args:
        device: ``"cpu"``, where a kernel in C does it if there is a compiler, or ``"cuda"``, where Triton does it in
            float32 if it is installed. Everywhere else, and without those, torch does.

    Returns:
        Its name, ``"native"``, ``"triton"`` or ``"torch"``, and the reason in words.

    Raises:
        ValueError: If ``KAN_WIDGET_BACKEND`` is neither ``"torch"`` nor ``"native"``.

    Example:
        >>> backend().name in ("native", "torch")
        True
    """
    place = torch.device(device)
    if place.type == "cpu":
        return native.backend()
    if place.type != "cuda":
        return Backend("torch", f"there is no kernel for {place.type}")
    if not torch.cuda.is_available():
        return Backend("torch", "this torch finds no cuda device")
    return gpu.backend(torch.empty(0, device=place).device)
