"""pykan's Demo 7, trained by both: the same data, objective, optimiser and number of steps."""

from __future__ import annotations

from argparse import Namespace
from statistics import median
from typing import Any

import torch
from torch import Tensor

from kan_widget import KAN, create_dataset
from kan_widget.nn.penalties import Penalty, forward_with_penalty

from . import peer
from .clock import cpu_seconds
from .table import Row

LAMB, ENTROPY = 0.01, 10.0
OPTIONS: dict[str, Any] = {"opt": "LBFGS", "steps": 20, "lamb": LAMB, "lamb_entropy": ENTROPY}


def target(x: Tensor) -> Tensor:
    """The function that Demo 7 learns."""
    return torch.exp(torch.sin(torch.pi * x[:, [0]]) + x[:, [1]] ** 2)


def our_objective(model: KAN, data: dict[str, Tensor]) -> float:
    """Loss plus penalty of the trained network; in pykan's formula, which is ours too."""
    with torch.no_grad():
        outputs, reg = forward_with_penalty(model, data["train_input"], Penalty(lamb_entropy=ENTROPY))
    return ((outputs - data["train_label"]) ** 2).mean().item() + LAMB * reg.item()


def their_objective(model: Any, data: dict[str, Tensor]) -> float:
    """The same of pykan's network. What its history holds last is a trial step of the line search."""
    with torch.no_grad():
        loss = ((model(data["train_input"]) - data["train_label"]) ** 2).mean().item()
        return loss + LAMB * float(model.get_reg("edge_forward_spline_n", 1.0, ENTROPY, 0.0, 0.0))


def rows(options: Namespace) -> list[Row]:
    """Median time and median objective over the seeds."""
    data = create_dataset(target, n_var=2)
    seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
    objectives: dict[str, list[float]] = {"ours": [], "theirs": []}
    KAN([2, 5, 1], seed=0).fit(data, **OPTIONS | {"steps": 1}, progress=False)
    for seed in range(options.seeds):
        ours, theirs = KAN([2, 5, 1], grid=5, k=3, seed=seed), peer.pykan([2, 5, 1], seed)
        seconds["ours"].append(cpu_seconds(lambda model=ours: model.fit(data, **OPTIONS, progress=False)))
        objectives["ours"].append(our_objective(ours, data))
        with peer.elsewhere():
            seconds["theirs"].append(cpu_seconds(lambda model=theirs: model.fit(data, **OPTIONS)))
        objectives["theirs"].append(their_objective(theirs, data))
    seeds = f"median of {options.seeds} seeds"
    time, reached = ({who: median(values) for who, values in table.items()} for table in (seconds, objectives))
    return [
        Row(f"Demo 7, 20 LBFGS steps, {seeds}", time["ours"], theirs=time["theirs"], least=25.0),
        Row(f"Demo 7, loss + lamb * reg reached, {seeds}", reached["ours"], "", theirs=reached["theirs"]),
    ]
