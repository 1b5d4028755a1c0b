"""Training: LBFGS or Adam on a loss plus sparsity penalties, with moving grids, progress and a clean way to stop."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from tqdm.auto import tqdm

from . import grids
from .penalties import METRICS, Penalty, forward_with_penalty

if TYPE_CHECKING:
    from .datasets import Data
    from .network import Network

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass
class FitResult(Mapping[str, list[float]]):
    """History of a training, a number per step; also behaves as the dict of lists that pykan's ``fit`` returns.

    Attributes:
        train_loss: Root mean squared error on the training rows; the plain value of any other loss.
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
        network: What to train. Masked edges do not move; masks may be changed between steps from another thread.
        dataset: Data with labels, in any form that `as_data` takes.
        opt: ``"LBFGS"`` (20 iterations with a strong Wolfe line search a step) or ``"Adam"``.
        steps: Optimiser steps.
        lr: Learning rate. LBFGS wants 1; Adam wants less, such as 1e-2.
        lamb: Factor of the regulariser.
        lamb_l1: Weight of the size of edges in it.
        lamb_entropy: Weight of their entropy.
        lamb_coef: Weight of the absolute coefficients.
        lamb_coefdiff: Weight of their absolute differences.
        reg_metric: ``"edge_forward_spline_n"`` (pykan 0.2.8's objective), ``"edge_forward_spline_u"`` or ``"paper"``
            (Liu et al. 2024, mean absolute activations); see `Penalty`.
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
        step so far (lowest loss plus penalty) and `FitResult.stopped` says so.

    Raises:
        ValueError: If an option or the data cannot be used; then nothing has changed.

    Source:
        pykan 0.2.8, ``MultKAN.fit`` (objective and defaults).
    """
    _check_options(opt, steps, lr, batch)
    factors = {"lamb": lamb, "lamb_l1": lamb_l1, "lamb_entropy": lamb_entropy}
    _check_factors({**factors, "lamb_coef": lamb_coef, "lamb_coefdiff": lamb_coefdiff})
    penalty = Penalty(reg_metric, lamb_l1, lamb_entropy, lamb_coef, lamb_coefdiff)
    data = network.coerce(dataset, need_labels=True, check_labels=loss is None)
    network.data = data
    every = max(1, stop_grid_update_step // max(1, grid_update_num))
    run = _Run(network, data, opt, lr, lamb, penalty, loss, batch)
    result = FitResult()
    with network.turns.training(), tqdm(total=steps, disable=not progress, leave=True) as bar:
        try:
            for step in range(steps):
                due = step % every == 0 and start_grid_update_step <= step < stop_grid_update_step
                run.step(result, move_grid=update_grid and due)
                _show(bar, result)
                if result.stopped or (callback is not None and callback(step, result) is False):
                    result.stopped = result.stopped or "callback"
                    break
                if network.turns.give_way():
                    run.restart()
        except KeyboardInterrupt:
            result.stopped = "interrupted"
        if result.stopped in ("interrupted", "diverged"):
            run.restore_best()
            _tell(bar, result)
    return result


def _check_options(opt: str, steps: int, lr: float, batch: int) -> None:
    if opt not in ("LBFGS", "Adam"):
        raise ValueError(f"opt must be 'LBFGS' or 'Adam'; got {opt!r}")
    if steps < 1:
        raise ValueError(f"steps must be at least 1; got {steps}")
    if not lr > 0:
        raise ValueError(f"lr must be positive; got {lr}")
    if batch == 0 or batch < -1:
        raise ValueError(f"batch must be a number of rows, or -1 for all; got {batch}")


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
    elif not bar.disable:
        bar.write(f"stopped after {done} steps; the best parameters so far are kept")


def default_loss(data: Data) -> Loss:
    """Cross-entropy for classes, mean squared error for numbers."""
    if data.is_classification:
        return torch.nn.functional.cross_entropy
    return torch.nn.functional.mse_loss


class _Run:
    """One training: the optimiser, the batches and the best parameters so far."""

    def __init__(
        self,
        network: Network,
        data: Data,
        opt: str,
        lr: float,
        lamb: float,
        penalty: Penalty,
        loss: Loss | None,
        batch: int,
    ) -> None:
        self.network, self.data, self.penalty, self.lamb = network, data, penalty, lamb
        self.loss = loss or default_loss(data)
        self.rooted = loss is None and not data.is_classification
        self.opt, self.lr = opt, lr
        rows = len(data.train_input)
        self.batch = rows if batch == -1 else min(batch, rows)
        seed = network.seed if network.seed is not None else int(torch.randint(2**31, ()).item())
        self.generator = torch.Generator().manual_seed(seed)
        self.parameters = [p for p in network.parameters() if p.requires_grad]
        self.started = time.perf_counter()
        self.lowest = float("inf")
        self.best = self._snapshot()
        self.restart()

    def restart(self) -> None:
        """Forget the optimiser's state: what it had learnt was about another function."""
        self.optimizer: torch.optim.Optimizer
        if self.opt == "Adam":
            self.optimizer = torch.optim.Adam(self.parameters, lr=self.lr)
        else:
            self.optimizer = torch.optim.LBFGS(
                self.parameters,
                lr=self.lr,
                history_size=10,
                line_search_fn="strong_wolfe",
                tolerance_grad=1e-32,
                tolerance_change=1e-32,
            )

    def step(self, result: FitResult, *, move_grid: bool) -> None:
        """One optimiser step and its line in the history."""
        x, y = self._draw()
        if move_grid:
            grids.update_grid(self.network, x)

        def closure() -> Tensor:
            self.optimizer.zero_grad()
            loss, reg = self._objective(x, y)
            total = loss + self.lamb * reg
            total.backward()  # type: ignore[no-untyped-call]
            return total

        self.optimizer.step(closure)  # type: ignore[arg-type]
        self._record(result, x, y)

    def _draw(self) -> tuple[Tensor, Tensor]:
        x, y = self.data.train_input, self.data.train_label
        assert y is not None
        if self.batch == len(x):
            return x, y
        rows = torch.randperm(len(x), generator=self.generator)[: self.batch].to(x.device)
        return x[rows], y[rows]

    def _objective(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        if self.lamb == 0:
            return self.loss(self.network(x), y), x.new_zeros(())
        outputs, reg = forward_with_penalty(self.network, x, self.penalty)
        return self.loss(outputs, y), reg

    @torch.no_grad()
    def _record(self, result: FitResult, x: Tensor, y: Tensor) -> None:
        loss, reg = self._objective(x, y)
        result.train_loss.append(self._shown(loss))
        result.reg.append(reg.item())
        if self.data.test_input is not None and self.data.test_label is not None:
            result.test_loss.append(self._shown(self.loss(self.network(self.data.test_input), self.data.test_label)))
        result.seconds.append(time.perf_counter() - self.started)
        total = loss.item() + self.lamb * reg.item()
        if total < self.lowest:
            self.lowest, self.best = total, self._snapshot()
        elif total != total or total == float("inf"):
            result.stopped = "diverged"

    def _shown(self, loss: Tensor) -> float:
        return float(loss.item() ** 0.5 if self.rooted else loss.item())

    def _snapshot(self) -> list[Tensor]:
        tensors = [*self.parameters, *(layer.grid for layer in self.network.layers)]
        return [t.detach().clone() for t in tensors]

    @torch.no_grad()
    def restore_best(self) -> None:
        """Put back the parameters and grids of the step with the lowest objective."""
        tensors = [*self.parameters, *(layer.grid for layer in self.network.layers)]
        for tensor, value in zip(tensors, self.best, strict=True):
            tensor.copy_(value)
