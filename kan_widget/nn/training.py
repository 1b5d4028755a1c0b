"""Training: LBFGS or Adam on a loss plus what makes networks sparse, with progress and a clean way to stop."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING, Any

import torch
from tqdm.auto import tqdm

from .penalties import METRICS, Penalty
from .run import Loss, Objective, Run

if TYPE_CHECKING:
    from .datasets import Data
    from .network import Network


@dataclass
class FitResult(Mapping[str, list[float]]):
    """History of a training, a number per step; also behaves as the dict of lists that pykan's ``fit`` returns.

    Attributes:
        train_loss: Root mean squared error on the training rows; the plain value of any other loss. Without the chances
            of dropout and gates.
        test_loss: The same on the test rows; empty if there are none.
        reg: The regulariser, before its factor ``lamb``; zeros if ``lamb`` is 0.
        seconds: Wall time since the start.
        stopped: Why training ended before its last step: ``""``, ``"interrupted"``, ``"callback"`` or ``"diverged"``.
    """

    train_loss: list[float] = field(default_factory=list)
    test_loss: list[float] = field(default_factory=list)
    reg: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    stopped: str = ""

    def __getitem__(self, key: str) -> list[float]:
        if key not in ("train_loss", "test_loss", "reg", "seconds"):
            raise KeyError(key)
        values: list[float] = getattr(self, key)
        return values

    def __iter__(self) -> Iterator[str]:
        return iter(("train_loss", "test_loss", "reg", "seconds"))

    def __len__(self) -> int:
        return 4

    def __repr__(self) -> str:
        if not self.train_loss:
            return "FitResult(no step done)"
        test = f", test loss {self.test_loss[-1]:.3g}" if self.test_loss else ""
        why = f", {self.stopped}" if self.stopped else ""
        steps = f"{len(self.train_loss)} step" + ("s" if len(self.train_loss) > 1 else "")
        return f"FitResult({steps}, train loss {self.train_loss[-1]:.3g}{test}, {self.seconds[-1]:.2g} s{why})"


def fit(
    network: Network,
    dataset: Any,
    *,
    opt: str = "LBFGS",
    steps: int = 100,
    lr: float = 1.0,
    lamb: float = 0.0,
    lamb_l1: float = 1.0,
    lamb_entropy: float = 2.0,
    lamb_coef: float = 0.0,
    lamb_coefdiff: float = 0.0,
    reg_metric: str = METRICS[0],
    edge_dropout: float = 0.0,
    batch: int = -1,
    update_grid: bool = True,
    grid_update_num: int = 10,
    start_grid_update_step: int = -1,
    stop_grid_update_step: int = 50,
    loss: Loss | None = None,
    progress: bool = True,
    callback: Callable[[int, FitResult], Any] | None = None,
) -> FitResult:
    """Train `network` in place on ``loss + lamb * reg``.

    Args:
        network: What to train. Masked edges do not move. Masks may be changed between two steps, from `callback` or
            from another thread; the optimiser then starts afresh, and the best step is one after the change.
        dataset: Data with labels, in any form that `as_data` takes.
        opt: ``"LBFGS"`` (20 iterations with a strong Wolfe line search a step) or ``"Adam"``.
        steps: Optimiser steps.
        lr: Learning rate. LBFGS wants 1; Adam wants less, such as 1e-2.
        lamb: Factor of the regulariser.
        lamb_l1: Weight in it of the size of edges, nodes or gates.
        lamb_entropy: Weight of the entropy over edges; without effect on nodes and gates.
        lamb_coef: Weight of the absolute coefficients.
        lamb_coefdiff: Weight of their absolute differences.
        reg_metric: ``"edge_forward_spline_n"`` (pykan 0.2.8's objective), ``"edge_forward_spline_u"``, ``"paper"``
            (Liu et al. 2024, mean absolute activations), ``"group_lasso"`` (all edges out of a node as one, so that
            nodes and inputs go as a whole) or ``"l0"``; see `Penalty`. ``"l0"`` trains a gate on each edge beside it
            (see `Gates`), and `lamb` is what an edge must be worth, in units of the loss. Train without it first: edges
            that have learnt nothing are worth nothing, and a closed gate rarely opens again. In the end edges with a
            closed gate are pruned, their mean left behind, and the others are what their gate made of them: biases and
            scales are written to, whether or not they are trained. Until then the network itself, also as `callback`
            sees it, is without its gates.
        edge_dropout: Probability with which an edge sits a step out: it gives its mean, and the others depart from
            theirs by ``1 / (1 - edge_dropout)`` as much. It keeps networks from learning few rows by heart, and makes
            none sparser. All rows of a step share their chances, so Adam, with its short steps, suits it better.
        batch: Rows drawn for each step; -1 for all.
        update_grid: Whether to move the knots to the data at times.
        grid_update_num: How often, at even distances before step `stop_grid_update_step`.
        start_grid_update_step: First step at which it may happen.
        stop_grid_update_step: Step from which it does not happen any more.
        loss: Takes outputs and labels, gives a scalar. When left out: mean squared error, or cross-entropy if the
            labels are integers.
        progress: Whether to show a progress bar with loss, penalty and time.
        callback: Called after each step with the step number and the result so far; training stops if it gives False.

    Returns:
        The history. After Ctrl-C, or when the loss is no longer finite, the network has the parameters of the best
        step so far (lowest loss plus penalty) and `FitResult.stopped` says so. However training ends, an exception in
        `callback` included, the network is an ordinary one.

    Raises:
        ValueError: If an option or the data cannot be used; then nothing has changed.

    Source:
        pykan 0.2.8, ``MultKAN.fit`` (objective and defaults). Dropout: Altarabichi (2024), "DropKAN",
        arXiv:2407.13044, where an edge that sits out gives 0.
    """
    _check_options(opt, steps, lr, batch, edge_dropout)
    factors = {"lamb": lamb, "lamb_l1": lamb_l1, "lamb_entropy": lamb_entropy}
    _check_factors({**factors, "lamb_coef": lamb_coef, "lamb_coefdiff": lamb_coefdiff})
    penalty = Penalty(reg_metric, lamb_l1, lamb_entropy, lamb_coef, lamb_coefdiff)
    data = network.coerce(dataset, need_labels=True, check_labels=loss is None)
    network.data = data
    objective = Objective(
        loss=loss or default_loss(data),
        rooted=loss is None and not data.is_classification,
        lamb=float(lamb),
        penalty=penalty,
        edge_dropout=float(edge_dropout),
    )
    every = max(1, stop_grid_update_step // max(1, grid_update_num))
    result = FitResult()
    with network.turns.training(), tqdm(total=steps, disable=not progress, leave=True) as bar:
        run = Run(network, data, objective, opt, lr, batch)
        try:
            for step in range(steps):
                due = step % every == 0 and start_grid_update_step <= step < stop_grid_update_step
                run.step(result, move_grid=update_grid and due)
                _show(bar, result)
                if result.stopped or (callback is not None and callback(step, result) is False):
                    result.stopped = result.stopped or "callback"
                    break
                network.turns.give_way()
                run.notice_changes()
        except KeyboardInterrupt:
            result.stopped = "interrupted"
        finally:
            run.finish(best=result.stopped in ("interrupted", "diverged"))
        _tell(bar, result)
    return result


def _check_options(opt: str, steps: int, lr: float, batch: int, edge_dropout: Any) -> None:
    if opt not in ("LBFGS", "Adam"):
        raise ValueError(f"opt must be 'LBFGS' or 'Adam'; got {opt!r}")
    if steps < 1:
        raise ValueError(f"steps must be at least 1; got {steps}")
    if not lr > 0:
        raise ValueError(f"lr must be positive; got {lr}")
    if batch == 0 or batch < -1:
        raise ValueError(f"batch must be a number of rows, or -1 for all; got {batch}")
    if not isinstance(edge_dropout, Real) or not 0 <= float(edge_dropout) < 1:
        raise ValueError(f"edge_dropout must be a probability, 0 or more and below 1; got {edge_dropout!r}")


def _check_factors(factors: Mapping[str, Any]) -> None:
    for name, value in factors.items():
        if not isinstance(value, Real) or not 0 <= float(value) < float("inf"):
            raise ValueError(f"{name} must be a finite number, 0 or more; got {value!r}")


def _show(bar: Any, result: FitResult) -> None:
    test = f", test loss {result.test_loss[-1]:.3g}" if result.test_loss else ""
    bar.set_postfix_str(f"train loss {result.train_loss[-1]:.3g}{test}, reg {result.reg[-1]:.3g}", refresh=False)
    bar.update()


def _tell(bar: Any, result: FitResult) -> None:
    done = len(result.train_loss)
    if result.stopped == "diverged":
        warnings.warn(
            f"the loss was no longer finite after {done} steps; the best parameters so far are kept. "
            "A smaller lr or update_grid=False may help",
            RuntimeWarning,
            stacklevel=4,
        )
    elif result.stopped == "interrupted" and not bar.disable:
        bar.write(f"stopped after {done} steps; the best parameters so far are kept")


def default_loss(data: Data) -> Loss:
    """Cross-entropy for classes, mean squared error for numbers."""
    if data.is_classification:
        return torch.nn.functional.cross_entropy
    return torch.nn.functional.mse_loss
