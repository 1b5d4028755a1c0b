"""An output of a network, read off as a formula of its inputs."""

from __future__ import annotations

from typing import Any

from ..core.reading import OutputFormula
from ..session import Session


def formula(model: Any, data: Any, output: int | str = 0, *, least: float = 0.99) -> OutputFormula:
    """An output as a formula of the inputs; see `Session.formula`. The model is left alone.

    Args:
        model: A KAN, or a `Session`.
        data: Where its functions are matched: training rows, with or without labels, and held-out rows that the whole
            is judged on, if there are any. None for a `Session`.
        output: Its number or its name.
        least: R² that an edge needs to be named.

    Returns:
        The formula, as text and LaTeX, with its R² against the network; it can be called with inputs.

    Raises:
        ValueError: If there is no such output, it depends on more than 100 edges, or the data cannot be used.

    Example:
        >>> import torch
        >>> from kan_widget import KAN
        >>> x = torch.rand(200, 1, generator=torch.Generator().manual_seed(0)) * 2 - 1
        >>> model = KAN([1, 1], grid=5, seed=0)
        >>> _ = model.fit((x, torch.sin(3 * x)), steps=20, progress=False)
        >>> print(formula(model, x))
        y = sin(3 x1)

    Source:
        As `Session.formula`.
    """
    session = model if isinstance(model, Session) else Session(model, data)
    return session.formula(output, least=least)
