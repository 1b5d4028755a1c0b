"""The smallest network that still computes a formula: train, prune, refine, the same way for every formula."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor

from kan_widget import KAN, adaptive_prune, iterative_prune, prune

from .pruning import chance, edges, root_mean_square

Split = tuple[Tensor, Tensor, Tensor, Tensor]
Shape = tuple[int, ...]
WIDTHS = ([2, 5, 1], [2, 5, 5, 1])
ROWS = 1000
ENOUGH = 1e-2
# The loss that pruning may go to, one after the other: what comes of the first is accurate, of the second small.
LIMITS = (1e-3, ENOUGH)
GRIDS = (5, 10, 20)
LAMB = 1e-4
TUNE = {"steps": 10}


@dataclass(frozen=True)
class Published:
    """What Liu et al. 2024 (arXiv:2404.19756) report for a formula, over depths 2 to 6, 3 seeds and grids up to 200.

    Attributes:
        smallest: Shape of the smallest pruned network with a test error below 1e-2.
        best: Shape of the most accurate pruned network.
        best_error: Its test error.
        smallest_error: Test error of the smallest, where it is given.
    """

    smallest: Shape
    best: Shape
    best_error: float
    smallest_error: float | None = None


@dataclass(frozen=True)
class Formula:
    """A function of two variables, where it is sampled, and what was published about it."""

    name: str
    text: str
    function: Callable[[Tensor, Tensor], Tensor]
    ranges: tuple[tuple[float, float], tuple[float, float]]
    published: Published


@dataclass(frozen=True)
class Found:
    """A network after pruning and refining.

    Attributes:
        model: The network, compacted.
        dense: What it was pruned from.
        held_out: Its error on the rows that decided what to prune and which network to report.
        error: Its error on rows that decided nothing.
    """

    model: KAN
    dense: KAN
    held_out: float
    error: float

    @property
    def size(self) -> tuple[int, int, int]:
        """Hidden nodes, layers, edges: what makes one network smaller than another, in this order."""
        return (*shape_size(self.model.width), edges(self.model))

    def __str__(self) -> str:
        return f"{self.model.width}, {edges(self.model)} edges, {self.error:.2e}"


def shape_size(shape: Sequence[int]) -> tuple[int, int]:
    """Hidden nodes and layers."""
    return sum(shape[1:-1]), len(shape)


def no_larger(shape: Sequence[int], than: Sequence[int]) -> bool:
    """Whether a shape has neither more hidden nodes nor more layers than another."""
    return all(one <= other for one, other in zip(shape_size(shape), shape_size(than), strict=True))


def sampled(formula: Formula, seed: int = 0) -> tuple[Split, tuple[Tensor, Tensor]]:
    """Rows to train on, rows that decide, and rows to report; float64, evenly over the ranges."""
    generator = torch.Generator().manual_seed(seed)
    low, high = torch.tensor(formula.ranges, dtype=torch.float64).T
    x = low + (high - low) * torch.rand(3 * ROWS, 2, generator=generator, dtype=torch.float64)
    y = formula.function(x[:, :1], x[:, 1:])
    (x1, x2, x3), (y1, y2, y3) = x.split(ROWS), y.split(ROWS)
    return (x1, y1, x2, y2), (x3, y3)


def trained(width: Sequence[int], seed: int, data: Split) -> KAN:
    """The dense network: first without a penalty, which would hold a fresh network near zero, then with a weak one."""
    model = KAN(list(width), grid=GRIDS[0], seed=seed, dtype=torch.float64)
    model.fit(data, steps=20, progress=False)
    model = model.refine(GRIDS[1])
    model.fit(data, steps=10, lamb=LAMB, progress=False)
    model.fit(data, steps=10, progress=False)
    return model


def fewer_nodes(model: KAN, data: Split, limit: float) -> KAN:
    """Without hidden nodes, the weakest first, as long as the held-out error stays within the limit."""
    while sum(model.width[1:-1]) > model.depth - 1:
        less = prune(model, data, structure="node", amount=1).compact()
        less.fit(data, **TUNE, progress=False)
        if root_mean_square(less, *data[2:]) > limit:
            break
        model = less
    return model


def pruned(model: KAN, data: Split, limit: float) -> KAN:
    """Without hidden nodes, then without edges, within a limit; one tenth more where the dense network is above it."""
    limit = max(limit, 1.1 * root_mean_square(model, *data[2:]))
    model = fewer_nodes(model, data, limit)
    return adaptive_prune(model, data, budget=lambda now: now.loss <= limit, tune=TUNE, progress=False).model.compact()


def refined(model: KAN, data: Split, steps: int = 50) -> KAN:
    """On the finest grid, trained on."""
    model = model.refine(GRIDS[-1])
    model.fit(data, steps=steps, update_grid=False, progress=False)
    return model


def runs(width: Sequence[int], seed: int, data: Split, test: tuple[Tensor, Tensor]) -> Iterator[Found]:
    """The whole way from a seed to one network a limit."""
    model = dense = trained(width, seed, data)
    for limit in LIMITS:
        model = pruned(model, data, limit)
        fine = refined(model, data)
        yield Found(fine, dense, root_mean_square(fine, *data[2:]), root_mean_square(fine, *test))


def drawn(found: Found, data: Split, test: tuple[Tensor, Tensor], seeds: Sequence[int]) -> list[float]:
    """Errors of networks with as many edges, each left by chance, and otherwise treated the same."""
    sparsity = 1 - edges(found.model) / edges(found.dense)
    errors = []
    for seed in seeds:
        run = iterative_prune(found.dense, data, sparsity=sparsity, criterion=chance(seed), tune=TUNE, progress=False)
        errors.append(root_mean_square(refined(run.model.compact(), data), *test))
    return errors


@dataclass(frozen=True)
class Row:
    """What was found for one formula. Networks are chosen by their error on held-out rows, and reported with another.

    Attributes:
        formula: Which.
        smallest: The smallest network with a held-out error below 1e-2; the most accurate where there is none.
        peer: The most accurate among those no larger than the smallest published; None where there is none.
        best: The most accurate.
        typical: Median error of the small networks, one a seed and width.
        random: Errors of networks as small as the smallest that chance left.
        unpruned: Error of the network that the smallest was pruned from, refined the same way.
        seconds: Processor time of all runs, without the controls.
    """

    formula: Formula
    smallest: Found
    peer: Found | None
    best: Found
    typical: float
    random: list[float]
    unpruned: float
    seconds: float

    @property
    def works(self) -> bool:
        """Whether the smallest is accurate on rows that it was not chosen by."""
        return self.smallest.error < ENOUGH

    @property
    def as_small(self) -> bool:
        """Whether it works and is no larger than the one published."""
        return self.works and no_larger(self.smallest.model.width, self.formula.published.smallest)


def measured(formula: Formula, seeds: Sequence[int]) -> Row:
    """All runs of one formula, and its controls."""
    data, test = sampled(formula)
    start = time.process_time()
    found = [list(runs(width, seed, data, test)) for width in WIDTHS for seed in seeds]
    seconds = time.process_time() - start
    accurate = sorted((network for run in found for network in run), key=lambda network: network.held_out)
    fine = [network for network in accurate if network.held_out < ENOUGH]
    smallest = min(fine, key=lambda network: network.size) if fine else accurate[0]
    return Row(
        formula,
        smallest,
        next((one for one in accurate if no_larger(one.model.width, formula.published.smallest)), None),
        accurate[0],
        median(run[-1].error for run in found),
        drawn(smallest, data, test, seeds),
        root_mean_square(refined(smallest.dense, data), *test),
        seconds,
    )


HEAD = (
    "formula",
    "published: smallest; best",
    "smallest below 1e-2",
    "most accurate, no larger than the smallest published",
    "most accurate",
    "median of the small",
    "random: median (least)",
    "unpruned",
    "processor time",
)


def line(row: Row) -> str:
    """A row of the table."""
    there = row.formula.published
    known = "" if there.smallest_error is None else f", {there.smallest_error:.2e}"
    remark = "" if row.as_small else " (larger)" if row.works else " (**missed**)"
    cells = (
        f"{row.formula.name}: {row.formula.text}",
        f"{list(there.smallest)}{known}; {list(there.best)}, {there.best_error:.2e}",
        f"{row.smallest}{remark}",
        str(row.peer or "none"),
        str(row.best),
        f"{row.typical:.2e}",
        f"{median(row.random):.2e} ({min(row.random):.2e})",
        f"{row.unpruned:.2e}",
        f"{row.seconds:.0f} s",
    )
    return f"| {' | '.join(cells)} |"


def run(formulas: Sequence[Formula], doc: str | None, program: str) -> list[Row]:
    """Measure the formulas that the command line names, or all, and print each as soon as it is there."""
    parser = argparse.ArgumentParser(prog=program, description=doc)
    parser.add_argument("names", nargs="*", metavar="formula", help=", ".join(one.name for one in formulas))
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each width")
    parser.add_argument("--quick", action="store_true", help="the first two formulas, one seed")
    options = parser.parse_args()
    known = {one.name: one for one in formulas}
    unknown = sorted(set(options.names) - set(known))
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(known)}")
    chosen = [known[name] for name in options.names] or list(formulas)
    torch.set_num_threads(1)
    rows = []
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}", flush=True)
    for one in chosen[:2] if options.quick else chosen:
        rows.append(measured(one, range(1 if options.quick else options.seeds)))
        print(line(rows[-1]), flush=True)
    return rows
