"""One training, step by step: the optimiser, the rows and the chances of each step, the best parameters so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from . import grids
from .gates import Gates
from .penalties import Penalty, forward_with_penalty
from .whole import is_watched, quick_minimiser, stack_of, weights_of

if TYPE_CHECKING:
    from .datasets import Data
    from .network import Network
    from .training import FitResult

Loss = Callable[[Tensor, Tensor], Tensor]

# Chances of a step: numbers drawn evenly between 0 and 1, per layer ``(out, in)``, for gates and for dropout.
Chances = tuple[list[Tensor], list[Tensor]]
# LBFGS goes so far in a step that it would learn the chances by heart: an edge that happens to be shut costs and does
# nothing. It looks at the mean over so many draws, and over their mirror images, where shut edges are open.
_DRAWS = 2


@dataclass(frozen=True)
class Objective:
    """What is minimised, ``loss + lamb * reg``.

    Attributes:
        loss: Takes outputs and labels, gives a scalar.
        rooted: Whether its square root is what people read.
        lamb: Factor of the regulariser.
        penalty: The regulariser.
        edge_dropout: Probability with which an edge sits a step out.
    """

    loss: Loss
    rooted: bool
    lamb: float
    penalty: Penalty
    edge_dropout: float

    @property
    def gated(self) -> bool:
        """Whether edges have gates."""
        return self.lamb > 0 and self.penalty.metric == "l0"

    def of(
        self, network: Network, x: Tensor, y: Tensor, gates: Gates | None, factors: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Loss and regulariser, scalars, with each edge's departure from its mean times a factor ``(out, in)``."""
        if self.lamb == 0 and factors is None:
            return self.loss(network(x), y), x.new_zeros(())
        outputs, reg = forward_with_penalty(network, x, self.penalty if self.lamb else None, factors)
        if gates is not None:
            reg = reg + self.penalty.lamb_l1 * gates.expected()
        return self.loss(outputs, y), reg


class Run:
    """A training of one network.

    Args:
        network: What is trained, in place.
        data: With labels.
        objective: What is minimised.
        opt: ``"LBFGS"`` or ``"Adam"``.
        lr: Learning rate.
        batch: Rows drawn for each step; -1 for all.
    """

    def __init__(self, network: Network, data: Data, objective: Objective, opt: str, lr: float, batch: int) -> None:
        self.network, self.data, self.objective = network, data, objective
        self.opt, self.lr = opt, lr
        rows = len(data.train_input)
        self.batch = rows if batch == -1 else min(batch, rows)
        seed = network.seed if network.seed is not None else int(torch.randint(2**31, ()).item())
        self.generator = torch.Generator().manual_seed(seed)
        self.gates = Gates(network) if objective.gated else None
        own = (p for p in network.parameters() if p.requires_grad)
        self.parameters: list[Tensor] = [*own, *(self.gates.learnt if self.gates else [])]
        self.started = time.perf_counter()
        self.left = self._everything()
        self._forget()

    def _forget(self) -> None:
        """Start from here: what was best so far was another network."""
        self.lowest = float("inf")
        self.best = _copies(self._trained())
        self._restart()

    def _restart(self) -> None:
        self.optimizer: torch.optim.Optimizer
        self.known = stack_of(self.network)
        self.minimiser = None
        labels = self.data.train_label
        if self.opt == "LBFGS" and self.gates is None and labels is not None:
            self.minimiser = quick_minimiser(self.network, self.parameters, self.objective, labels, self.lr, self.batch)
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

    def notice_changes(self) -> None:
        """Drop what the optimiser knows if anybody has changed the network since the last step.

        Momentum and curvature are about the function that it was: they would move edges that have been pruned. Where
        edges were switched, the best step so far is forgotten too.
        """
        (weights, switches), (old_weights, old_switches) = self._everything(), self.left
        if not _equal(switches, old_switches):
            self._forget()
        elif not _equal(weights, old_weights):
            self._restart()

    def step(self, result: FitResult, *, move_grid: bool) -> None:
        """One optimiser step and its line in the history."""
        x, y = self._draw()
        if move_grid:
            grids.update_grid(self.network, x)
        if self.minimiser is not None and (
            stack_of(self.network) is not self.known or is_watched(self.network, self.parameters)
        ):
            self._restart()  # it would not see what somebody has put in the place of a tensor, or wants to see
        if self.minimiser is not None:
            found = self.minimiser.step(self.network.read(x), y, weights_of(self.objective))
            self._record(result, x, y, found)
            self.left = self._everything()
            return
        draws = self._draw_chances()
        if draws and self.opt == "LBFGS":
            self._restart()  # slopes under other chances say nothing of curvature

        def closure() -> Tensor:
            self.optimizer.zero_grad()
            totals = [self._total(x, y, self._factors(chances)) for chances in draws] or [self._total(x, y, None)]
            total = torch.stack(totals).mean()
            total.backward()  # type: ignore[no-untyped-call]
            self._hold_pruned()
            return total

        self.optimizer.step(closure)  # type: ignore[arg-type]
        self._record(result, x, y)
        self.left = self._everything()

    def _total(self, x: Tensor, y: Tensor, factors: list[Tensor] | None) -> Tensor:
        loss, reg = self.objective.of(self.network, x, y, self.gates, factors)
        return loss + self.objective.lamb * reg

    def _hold_pruned(self) -> None:
        """Keep what is pruned from moving: penalties on coefficients are pykan's, and know no masks."""
        if not (self.objective.penalty.lamb_coef or self.objective.penalty.lamb_coefdiff):
            return
        for layer in self.network.layers:
            if layer.coef.grad is not None:
                on = layer.mask.unsqueeze(-1)
                layer.coef.grad.mul_(on if layer.coef_mask is None else on & layer.coef_mask)

    def _draw(self) -> tuple[Tensor, Tensor]:
        x, y = self.data.train_input, self.data.train_label
        assert y is not None
        if self.batch == len(x):
            return x, y
        rows = torch.randperm(len(x), generator=self.generator)[: self.batch].to(x.device)
        return x[rows], y[rows]

    def _draw_chances(self) -> list[Chances]:
        """The chances of a step, which stay the same however often it looks; empty if nothing is left to chance."""
        if not self.gates and not self.objective.edge_dropout:
            return []
        if self.opt == "Adam":
            return [(self._uniform(), self._uniform())]
        found = [(self._uniform(), self._uniform()) for _ in range(_DRAWS)]
        return found + [([1 - u for u in gates], [1 - u for u in dropout]) for gates, dropout in found]

    def _uniform(self) -> list[Tensor]:
        """Drawn on the CPU, and so the same on every device."""
        shapes = [layer.mask.shape for layer in self.network.layers]
        drawn = [torch.rand(shape, generator=self.generator, dtype=torch.float64) for shape in shapes]
        return [u.to(self.network.device) for u in drawn]

    def _factors(self, chances: Chances) -> list[Tensor]:
        """What these chances make of each edge's departure from its mean, per layer ``(out, in)``."""
        for_gates, for_dropout = chances
        rate = self.objective.edge_dropout
        kept = [(u >= rate).to(self.network.dtype) / (1 - rate) for u in for_dropout]
        if self.gates is None:
            return kept
        return [gate * factor for gate, factor in zip(self.gates.drawn(for_gates), kept, strict=True)]

    @torch.no_grad()
    def _record(self, result: FitResult, x: Tensor, y: Tensor, found: tuple[float, float] | None = None) -> None:
        data, objective = self.data, self.objective
        network = self.gates.folded(x) if self.gates else self.network
        loss, reg = found or (value.item() for value in objective.of(network, x, y, self.gates))
        result.train_loss.append(self._shown(loss))
        result.reg.append(reg)
        if data.test_input is not None and data.test_label is not None:
            result.test_loss.append(self._shown(objective.loss(network(data.test_input), data.test_label).item()))
        result.seconds.append(time.perf_counter() - self.started)
        total = loss + objective.lamb * reg
        if total < self.lowest:
            self.lowest, self.best = total, _copies(self._trained())
        elif total != total or total == float("inf"):
            result.stopped = "diverged"

    def _shown(self, loss: float) -> float:
        return float(loss**0.5 if self.objective.rooted else loss)

    def finish(self, *, best: bool) -> None:
        """Leave an ordinary network behind, at choice that of the step with the lowest objective."""
        self.notice_changes()
        if best:
            with torch.no_grad():
                for tensor, value in zip(self._trained(), self.best, strict=True):
                    tensor.copy_(value)
        if self.gates:
            self.gates.adopt(self.gates.folded(self.data.train_input))

    def _trained(self) -> list[Tensor]:
        return [*self.parameters, *(layer.grid for layer in self.network.layers)]

    def _everything(self) -> tuple[list[Tensor], list[Tensor]]:
        """Copies of all weights, and of masks with what pruned edges leave."""
        layers = self.network.layers
        weights = [*self.network.parameters(), *(layer.grid for layer in layers)]
        single = (layer.mask.new_empty(0) if layer.coef_mask is None else layer.coef_mask for layer in layers)
        switches = [*(layer.mask for layer in layers), *(layer.fill for layer in layers), *single]
        return _copies(weights), _copies(switches)


def _copies(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [tensor.detach().clone() for tensor in tensors]


def _equal(some: Sequence[Tensor], others: Sequence[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(some, others, strict=True))
