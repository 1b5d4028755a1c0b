"""Pruning in rounds within a limit: a loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..adapters import Evaluation
from ..core.select import Part, Target
from .rounds import Pruned, Round, Run


def adaptive_prune(
    model: Any,
    data: Any,
    *,
    budget: float | Callable[[Evaluation], bool] = 0.02,
    share: float = 0.3,
    criterion: str = "auto",
    compensate: str = "mean",
    tune: Mapping[str, Any] | None = None,
    progress: bool = True,
    callback: Callable[[Round], Any] | None = None,
) -> Pruned:
    """Prune as many edges as a budget allows: propose a cut, tune, accept it or roll back and halve it.

    The result always satisfies the budget on the held-out rows, and the loop always ends: each round either removes an
    edge for good or halves the cut, and a refused cut of one edge is the last. The model is left alone.

    Args:
        model: A KAN.
        data: Training and held-out rows, ``(x, y, x_test, y_test)`` or pykan's dict.
        budget: How much worse the held-out loss may be than the dense model's, as a fraction of it, or a function that
            says of an `Evaluation` whether it will do.
        share: Size of the first cut, as a fraction of the edges that are left.
        criterion: What importance is.
        compensate: As in `prune`.
        tune: Options of the model's ``fit`` after each cut; ``{}`` for none. When left out, 10 LBFGS steps.
        progress: Whether to show a progress bar.
        callback: Called after each round; stops if it gives False.

    Returns:
        The pruned model and the record of its rounds.

    Raises:
        ValueError: If the dense model breaks the budget already, an option cannot be used, or there are no held-out
            rows.

    Example:
        >>> import torch
        >>> from kan_widget import KAN
        >>> x = torch.rand(200, 2)
        >>> data = (x[:150], x[:150, :1], x[150:], x[150:, :1])
        >>> found = adaptive_prune(KAN([2, 2, 1], seed=0), data, budget=0.1, progress=False)
        >>> found.rounds[-1].loss <= 1.1 * found.dense.loss or not found.rounds[-1].accepted
        True
    """
    if not 0 < share <= 1:
        raise ValueError(f"share of the edges to cut at first must lie above 0 and up to 1; got {share}")
    run = Run(model, data, criterion, compensate, tune)
    allowed = _allowed(budget, run.result.dense)
    return run.go(
        _cuts(run, share),
        fine=lambda step: allowed(Evaluation(step.loss, step.accuracy)),
        progress=progress,
        callback=callback,
    )


def _cuts(run: Run, share: float) -> Iterator[Sequence[Part]]:
    """Cuts of a share of what is left; after one that was taken back, of half of it."""
    while (count := run.proposal(share)) > 0:
        yield run.weakest(Target(amount=count))
        if not run.result.rounds[-1].accepted:
            if count == 1:
                return
            share /= 2


def _allowed(budget: float | Callable[[Evaluation], bool], dense: Evaluation) -> Callable[[Evaluation], bool]:
    if not callable(budget):
        if isinstance(budget, bool) or not isinstance(budget, (int, float)):
            raise TypeError(f"budget must be a fraction such as 0.02, or a function of an Evaluation; got {budget!r}")
        if not budget >= 0:
            raise ValueError(f"budget as a fraction must be 0 or more; got {budget}")
        most = dense.loss * (1 + budget)
        return lambda found: found.loss <= most
    if not budget(dense):
        raise ValueError(f"the dense model breaks the budget already: {dense}; widen it or train the model further")
    return budget
