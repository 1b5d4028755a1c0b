"""Pruning in rounds within a limit: a loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tqdm.auto import tqdm

from ..adapters import Evaluation
from ..core.select import Target
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
    with tqdm(disable=not progress) as bar:
        while (count := run.proposal(share)) > 0:
            step = run.cut(Target(amount=count))
            fine = allowed(Evaluation(step.loss, step.accuracy))
            run.keep(step, fine)
            bar.set_postfix_str(f"{run.session.metrics.cost.edges} edges, loss {run.loss:.3g}", refresh=False)
            bar.update()
            if run.stops(callback) or (not fine and count == 1):
                break
            share = share if fine else share / 2
    return run.result


def _allowed(budget: float | Callable[[Evaluation], bool], dense: Evaluation) -> Callable[[Evaluation], bool]:
    if not callable(budget):
        if not budget >= 0:
            raise ValueError(f"budget as a fraction must be 0 or more; got {budget}")
        most = dense.loss * (1 + budget)
        return lambda found: found.loss <= most
    if not budget(dense):
        raise ValueError(f"the dense model breaks the budget already: {dense}; widen it or train the model further")
    return budget
