"""What training for sparsity is worth: how far each way of training lets a network be pruned, at one budget of passes.

Run as ``python -m benchmarks.sparsity``: Demo 7, [2, 5, 1], about a thousand passes over all rows each.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import torch

from kan_widget import KAN, adaptive_prune, create_dataset

from .__main__ import machine
from .pruning import edges, root_mean_square
from .train import target

# Root mean squared error up to which edges are pruned; the labels have a standard deviation of 1.4.
LIMIT = 0.1
ADAM: dict[str, Any] = {"opt": "Adam", "lr": 1e-2}
Phases = list[dict[str, Any]]


def dropped(rate: float) -> dict[str, Phases]:
    """Trainings without a penalty. A step of LBFGS looks some 25 times, and four times as often under chances."""
    chances = {"edge_dropout": rate}
    return {
        f"edge_dropout={rate:g}": [{"steps": 10 if rate else 40} | chances],
        f"edge_dropout={rate:g}, Adam": [ADAM | {"steps": 1000} | chances],
    }


def penalised(name: str, metric: str, **options: Any) -> dict[str, Phases]:
    """Trainings under a penalty of three strengths."""
    found = {}
    for lamb in (1e-3, 1e-2, 3e-2):
        found[f"{name}, lamb={lamb:g}"] = [{"steps": 40, "reg_metric": metric, "lamb": lamb} | options]
    return found


def gated() -> dict[str, Phases]:
    """Gates, at three prices, on networks that have learnt something."""
    found = {}
    for lamb in (1e-2, 3e-2, 1e-1):
        gates = {"reg_metric": "l0", "lamb": lamb}
        found[f"15 steps, then l0, lamb={lamb:g}"] = [{"steps": 15}, {"steps": 6} | gates]
        found[f"300 steps, then l0, Adam, lamb={lamb:g}"] = [ADAM | {"steps": 300}, ADAM | {"steps": 700} | gates]
    return found


TRAININGS = {
    **dropped(0.0),
    **dropped(0.1),
    **penalised("pykan's L1 and entropy", "edge_forward_spline_n"),
    **penalised("the paper's", "paper", lamb_entropy=1.0),
    **penalised("group_lasso", "group_lasso"),
    **gated(),
}


@dataclass
class Found:
    """What a training led to, a number a seed.

    Attributes:
        seconds: Processor time of the training.
        dense: Error after training.
        left: Edges that are needed for an error below the limit; all that training left where it is not met at all.
        refit: Error of these after ten steps of LBFGS without penalty.
    """

    seconds: list[float] = field(default_factory=list)
    dense: list[float] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    refit: list[float] = field(default_factory=list)


def found(phases: Phases, seeds: Sequence[int]) -> Found:
    """Train, prune without training in between, train what is left."""
    data, fresh = create_dataset(target, n_var=2), create_dataset(target, n_var=2, seed=1)
    rows = fresh["test_input"], fresh["test_label"]
    result = Found()
    for seed in seeds:
        model = KAN([2, 5, 1], grid=5, k=3, seed=seed)
        start = time.process_time()
        for options in phases:
            model.fit(data, **options, progress=False)
        result.seconds.append(time.process_time() - start)
        result.dense.append(root_mean_square(model, *rows))
        if root_mean_square(model, data["test_input"], data["test_label"]) <= LIMIT:
            within = adaptive_prune(model, data, budget=lambda e: e.loss <= LIMIT, tune={}, progress=False)
            model = within.model
        model = model.compact()
        result.left.append(edges(model))
        model.fit(data, steps=10, progress=False)
        result.refit.append(root_mean_square(model, *rows))
    return result


def lines(seeds: Sequence[int]) -> Iterator[str]:
    """The table as markdown, each line as soon as it is there."""
    yield f"| training | processor time | error | edges for an error of {LIMIT:g}: median, each | their error, refit |"
    yield "|---|---|---|---|---|"
    for name, phases in TRAININGS.items():
        x = found(phases, seeds)
        each = ", ".join(map(str, sorted(x.left)))
        yield (
            f"| {name} | {median(x.seconds):.2g} s | {median(x.dense):.2g} (most {max(x.dense):.2g}) | "
            f"{median(x.left):g}: {each} | {median(x.refit):.2g} (most {max(x.refit):.2g}) |"
        )


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sparsity", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="trainings of each kind")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for line in lines(range(options.seeds)):
        print(line, flush=True)
    print(f"\nMedian (most) of {options.seeds} seeds, measured on {machine()}.")


if __name__ == "__main__":
    main()
