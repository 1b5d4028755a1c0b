"""How well pruning prunes: structure found, quality kept, ranks right, size and speed won; beside chance and pykan."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kan_widget import KAN, Session, adaptive_prune, create_dataset, curve, iterative_prune, prune, scores
from kan_widget.report import Curve
from kan_widget.schedules import Pruned

from . import peer
from .clock import cpu_seconds, interleaved
from .forward import forward
from .train import OPTIONS, target

Split = tuple[Tensor, Tensor, Tensor, Tensor]
CHEAP = ("taylor2", "auto", "attribution", "std", "l1", "coefficient")
NODE_TH, EDGE_TH = 1e-2, 3e-2  # pykan's defaults
ADAM: dict[str, Any] = {"opt": "Adam", "batch": 128, "progress": False}
DENSE = ADAM | {"steps": 300, "lr": 1e-2}
LAMB = 1e-3
# Knots that move with a batch of 128 rows, between cuts, cost up to seven points at 90 %.
TUNE = ADAM | {"steps": 88, "lr": 3e-3, "update_grid": False}


@dataclass(frozen=True)
class Line:
    """One line of the table.

    Attributes:
        row: Number of the quantity.
        what: The quantity.
        measured: Our number, in words.
        random: What chance gives under the same protocol.
        pykan: What pykan 0.2.8 gives, where it can do the same.
        gate: What has to hold, in words.
        goal: What is aimed at, in words.
        met: Whether the gate and the goal are reached; None where there is none.
    """

    row: str
    what: str
    measured: str
    random: str = "none"
    pykan: str = ""
    gate: str = ""
    goal: str = ""
    met: tuple[bool | None, bool | None] = (None, None)

    @property
    def verdict(self) -> str:
        """Both verdicts in words."""
        pairs = zip(("gate", "goal"), self.met, strict=True)
        return ", ".join(f"{name} {'met' if met else '**missed**'}" for name, met in pairs if met is not None)


def table(lines: Iterable[Line]) -> Iterator[str]:
    """The lines as markdown, each as soon as it is there: the last ones take minutes to come."""
    yield "| row | quantity | measured | random control | pykan 0.2.8 | gate | goal | |"
    yield "|---|---|---|---|---|---|---|---|"
    for x in lines:
        cells = (x.row, x.what, x.measured, x.random, x.pykan, x.gate, x.goal, x.verdict)
        yield f"| {' | '.join(cells)} |"


def report(options: Namespace) -> Iterator[Line]:
    """All lines, as they are measured."""
    seeds = range(10)
    yield from formula(seeds)
    yield from ranks(range(5))
    yield from ceiling(range(5 if options.slow else 3))
    yield exact_cost(options.repeats)
    yield from one_shot(range(5 if options.slow else 3))
    yield from in_rounds(range(5 if options.slow else 3), wide=options.slow)
    yield from inputs(seeds)
    yield from smaller(options.repeats)
    yield curve_cost(options.repeats)
    yield replay()
    yield offset()


def chance(seed: int) -> str:
    """The name of the random criterion of a seed."""
    return f"random:{seed}"


# What they are measured on


def root_mean_square(model: Any, x: Tensor, y: Tensor) -> float:
    """Root mean squared error."""
    with torch.no_grad():
        return float((model(x) - y).square().mean().sqrt())


def accuracy(model: Any, x: Tensor, y: Tensor) -> float:
    """Fraction of right classes."""
    with torch.no_grad():
        return float((model(x).argmax(1) == y).double().mean())


def edges(model: Any) -> int:
    """Unpruned edges."""
    return sum(int(layer.mask.sum()) for layer in model.layers)


def demo7(seed: int, data: dict[str, Tensor], **options: Any) -> KAN:
    """pykan's Demo 7 before pruning."""
    model = KAN([2, 5, 1], grid=5, k=3, seed=seed)
    model.fit(data, **OPTIONS | options, progress=False)
    return model


def digits(seed: int, *, shares: Sequence[float] = (0.75, 0.25)) -> list[tuple[Tensor, Tensor]]:
    """The 1797 digits of scikit-learn, pixels in -1..1, shuffled and cut into parts."""
    from sklearn.datasets import load_digits

    found = load_digits()
    x, y = torch.tensor(found.data, dtype=torch.float32) / 8 - 1, torch.tensor(found.target)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    ends = (np.cumsum([0, *shares]) * len(x)).astype(int)
    return [(x[order[a:b]], y[order[a:b]]) for a, b in itertools.pairwise(ends)]


def digit_model(seed: int, split: Split, *, hidden: int = 16, lamb: float = LAMB) -> KAN:
    """A classifier of digits."""
    model = KAN([64, hidden, 10], grid=5, k=3, seed=seed)
    model.fit(split, **DENSE, lamb=lamb)
    return model


def digit_task(seed: int, **options: Any) -> tuple[KAN, Split]:
    """A classifier and its rows."""
    (x, y), (x_test, y_test) = digits(seed)
    split = (x, y, x_test, y_test)
    return digit_model(seed, split, **options), split


def diabetes_task(seed: int) -> tuple[KAN, tuple[Tensor, Tensor]]:
    """The 442 diabetics of scikit-learn, columns and label standardised."""
    from sklearn.datasets import load_diabetes

    found = load_diabetes()
    x, y = torch.tensor(found.data, dtype=torch.float32), torch.tensor(found.target, dtype=torch.float32).unsqueeze(1)
    data = (x - x.mean(0)) / x.std(0), (y - y.mean()) / y.std()
    model = KAN([10, 8, 1], grid=3, k=3, seed=seed)
    model.fit(data, steps=5, lamb=LAMB, progress=False)
    return model, data


# Rows 1, 2, 3, 22: pykan's Demo 7


def pykan_rule(model: KAN, data: Any) -> list[tuple[int, int, int]]:
    """The edges that pykan's rule removes, in the indices of the model as it was."""
    pruned = model.prune(node_th=NODE_TH, edge_th=EDGE_TH, data=data)
    where = [[model.names[n].index(name) for name in names] for n, names in enumerate(pruned.names)]
    on = {
        (n, where[n][source], where[n + 1][target])
        for n, layer in enumerate(pruned.layers)
        for target, source in layer.mask.nonzero().tolist()
    }
    everything = [
        (n, source, target) for n, layer in enumerate(model.layers) for target, source in layer.mask.nonzero().tolist()
    ]
    return [edge for edge in everything if edge not in on]


def without(model: KAN, data: Any, off: Sequence[tuple[int, int, int]], compensate: str) -> KAN:
    """A copy without these edges."""
    session = Session(model.copy(), data, compensate=compensate)
    if off:
        session.prune(off)
    return session.model


def is_formula(model: KAN) -> bool:
    """Whether it is two inputs, one hidden node and one output, and nothing else."""
    small = model.compact()
    return small.width == [2, 1, 1] and edges(small) == 3


@dataclass
class Theirs:
    """What pykan's own prune does, a number a seed."""

    found: list[bool] = field(default_factory=list)
    ratio: list[float] = field(default_factory=list)
    refit: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def measure(self, seed: int, data: dict[str, Tensor], fresh: tuple[Tensor, Tensor]) -> None:
        """Train, prune and refit with pykan alone."""
        with peer.elsewhere():
            model = peer.pykan([2, 5, 1], seed)
        with peer.elsewhere():
            # Its prune writes a line of history, whether or not it was told to save.
            model.ckpt_path = "history"
            Path("history").mkdir()
            model.fit(data, **OPTIONS)
            before = root_mean_square(model, *fresh)
            start = time.process_time()
            pruned = model.prune()
            self.seconds.append(time.process_time() - start)
            self.ratio.append(root_mean_square(pruned, *fresh) / before)
            on = [int(layer.mask.sum()) for layer in pruned.act_fun]
            self.found.append([w[0] for w in pruned.width] == [2, 1, 1] and on == [2, 1])
            pruned.fit(data, opt="LBFGS", steps=20)
            self.refit.append(root_mean_square(pruned, *fresh))


def formula(seeds: Sequence[int]) -> Iterator[Line]:
    """Structure, error before and after, refit and budget, all on the networks of Demo 7."""
    data, fresh = create_dataset(target, n_var=2), create_dataset(target, n_var=2, seed=1)
    rows = fresh["test_input"], fresh["test_label"]
    theirs = Theirs()
    loops: dict[str, list[Pruned]] = {"auto": [], "random": []}
    seconds: dict[str, list[float]] = {"auto": [], "random": []}
    ratios: dict[str, list[float]] = {}
    refits: dict[str, list[float]] = {}
    for seed in seeds:
        model = demo7(seed, data)
        for criterion in loops:
            start = time.process_time()
            score = chance(seed) if criterion == "random" else criterion
            found = adaptive_prune(model, data, criterion=score, tune={"steps": 8}, progress=False)
            seconds[criterion].append(time.process_time() - start)
            loops[criterion].append(found)
            for name, error in refitted(found.model.compact(), data, rows).items():
                refits.setdefault(f"{criterion} {name}", []).append(error)
        before, off = root_mean_square(model, *rows), pykan_rule(model, data)
        for how in ("none", "mean", "least_squares"):
            after = root_mean_square(without(model, data, off, how), *rows)
            ratios.setdefault(how, []).append(after / before)
            other = prune(model, data, criterion=chance(seed), amount=len(off), compensate=how)
            ratios.setdefault(f"random {how}", []).append(root_mean_square(other, *rows) / before)
        theirs.measure(seed, data, rows)

    hits = {name: sum(is_formula(found.model) for found in runs) for name, runs in loops.items()}
    took = {name: median(values) for name, values in seconds.items()}
    count = len(seeds)
    yield Line(
        "1",
        f"[2, 5, 1] comes down to the 3 edges of the formula, {count} seeds; median processor time a seed",
        f"{hits['auto']}/{count}, {took['auto']:.2g} s (most {max(seconds['auto']):.2g} s)",
        f"{hits['random']}/{count}, {took['random']:.2g} s",
        f"{sum(theirs.found)}/{count}, {median(theirs.seconds):.2g} s (one shot)",
        "8/10",
        "10/10, 5 s",
        (hits["auto"] >= 0.8 * count, hits["auto"] == count and took["auto"] <= 5),
    )
    demands = {
        "none": ("", "", lambda m, _: (None, None)),
        "mean": ("median 1.3", "", lambda m, _: (m <= 1.3, None)),
        "least_squares": ("median 1.1", "median 1.02, max 1.2", lambda m, x: (m <= 1.1, m <= 1.02 and x <= 1.2)),
    }
    for how, (gate, goal, met) in demands.items():
        yield Line(
            "2",
            f"error after pykan's rule over error before, compensate {how}: median (max)",
            spread(ratios[how]),
            spread(ratios[f"random {how}"]),
            spread(theirs.ratio) if how == "none" else "",
            gate,
            goal,
            met(median(ratios[how]), max(ratios[how])),
        )
    goals = {
        "grid 5": ("0.01", "0.003", 0.01, 0.003),
        "grid 10": ("", "", None, None),
        "grid 20": ("", "1e-4", None, 1e-4),
        "grid 50": ("", "1e-4", None, 1e-4),
    }
    for name, (gate, goal, must, should) in goals.items():
        reached = median(refits[f"auto {name}"])
        yield Line(
            "3",
            f"error of what row 1 found after 20 LBFGS steps, {name}: median (max)",
            spread(refits[f"auto {name}"]),
            spread(refits[f"random {name}"]),
            spread(theirs.refit) if name == "grid 5" else "",
            gate,
            goal,
            (None if must is None else reached <= must, None if should is None else reached <= should),
        )
    kept = {
        name: sum(
            root_mean_square(found.model, data["test_input"], data["test_label"])
            <= found.dense.loss * 1.02 * (1 + 1e-5)
            for found in runs
        )
        for name, runs in loops.items()
    }
    left = {name: median(edges(found.model.compact()) for found in runs) for name, runs in loops.items()}
    yield Line(
        "22",
        f"held-out loss within 2 % of the dense network's, {count} seeds; edges left",
        f"{kept['auto']}/{count}, {left['auto']:g} of 15",
        f"{kept['random']}/{count}, {left['random']:g} of 15",
        "",
        "10/10",
        "edges 1.2x of the fewest (3)",
        (kept["auto"] == count, left["auto"] <= 1.2 * 3),
    )


def refitted(model: KAN, data: dict[str, Tensor], rows: tuple[Tensor, Tensor]) -> dict[str, float]:
    """Error after training on without a penalty, on finer and finer grids."""
    result = {}
    for grid in (5, 10, 20, 50):
        model = model if grid == 5 else model.refine(grid)
        # A fine grid that moves loses some of what the last steps have won.
        model.fit(data, steps=20, update_grid=grid == 5, progress=False)
        result[f"grid {grid}"] = root_mean_square(model, *rows)
    return result


def spread(values: Sequence[float]) -> str:
    """Median and largest in words."""
    return f"{median(values):.3g} ({max(values):.3g})"


# Rows 5 to 8: ranks


def ranked(model: KAN, data: Any, criterion: str) -> np.ndarray:
    """Scores of all edges in a row."""
    return np.concatenate([layer.ravel() for layer in scores(model, data, criterion)])


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's rank correlation."""
    from scipy.stats import spearmanr

    return float(spearmanr(one, other).statistic)


def agreements(model: KAN, data: Any, criteria: Sequence[str]) -> dict[str, float]:
    """Rank correlation of each criterion with the exact change of the loss, all on the same rows."""
    exact = ranked(model, data, "leave_one_out")
    return {name: agreement(ranked(model, data, name), exact) for name in criteria}


def medians(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Median over seeds by name."""
    return {name: median(one[name] for one in found) for name in found[0]}


def in_words(values: Mapping[str, float], names: Iterable[str] = CHEAP) -> str:
    """Numbers by name, in a cell."""
    return ", ".join(f"{name} {values[name]:.3f}" for name in names)


def ranks(seeds: Sequence[int]) -> Iterator[Line]:
    """Do cheap criteria rank as the exact change of the loss does?"""
    names = (*CHEAP, "random")
    for lamb, gated in ((LAMB, True), (0.0, False)):
        found = []
        for seed in seeds:
            model, (x, y, *_) = digit_task(seed, lamb=lamb)
            found.append(agreements(model, (x[:500], y[:500]), names))
        values = medians(found)
        least = min(one["taylor2"] for one in found)
        fine = values["taylor2"] >= 0.95 and values["taylor2"] > values["attribution"] + 0.1
        yield Line(
            "5",
            f"rank correlation with leave_one_out, same rows: digits, 1184 edges, 500 rows, {len(seeds)} seeds, "
            f"{f'lamb={lamb:g}' if lamb else 'no penalty'}",
            f"{in_words(values)}; taylor2 at least {least:.3f}",
            f"{values['random']:.3f}",
            "",
            "taylor2 0.95 and attribution + 0.1" if gated else "",
            "taylor2 0.98" if gated else "",
            (fine, values["taylor2"] >= 0.98) if gated else (None, None),
        )
    values = medians([agreements(*diabetes_task(seed), names) for seed in seeds])
    yield Line(
        "6",
        f"the same: diabetes [10, 8, 1], 88 edges, {len(seeds)} seeds",
        in_words(values),
        f"{values['random']:.3f}",
        "",
        "taylor2 0.93",
        "taylor2 0.97",
        (values["taylor2"] >= 0.93, values["taylor2"] >= 0.97),
    )
    data = create_dataset(target, n_var=2)
    rows = data["train_input"], data["train_label"]
    for lamb in (OPTIONS["lamb"], 0.0):
        values = medians([agreements(demo7(seed, data, lamb=lamb), rows, names) for seed in seeds])
        yield Line(
            "7",
            f"the same: Demo 7, 15 edges, {len(seeds)} seeds, {f'lamb={lamb:g}' if lamb else 'no penalty'}",
            in_words(values),
            f"{values['random']:.3f}",
            "",
            "auto 0.99",
            "auto 1",
            (values["auto"] >= 0.99, values["auto"] >= 1 - 1e-12),
        )


def ceiling(seeds: Sequence[int]) -> Iterator[Line]:
    """How well scores on some rows foretell the exact change on others; not even the exact change there does well."""
    names = (*CHEAP, "random")
    for decay in (0.3, 0.0):
        found, highest = [], []
        for seed in seeds:
            train, validation, test = digits(seed, shares=(0.6, 0.2, 0.2))
            model = decayed(seed, train, decay) if decay else digit_model(seed, (*train, *validation))
            exact = ranked(model, test, "leave_one_out")
            highest.append(agreement(ranked(model, validation, "leave_one_out"), exact))
            found.append({name: agreement(ranked(model, validation, name), exact) / highest[-1] for name in names})
        values = medians(found)
        yield Line(
            "5b",
            "scores on 359 validation rows against leave_one_out on 360 test rows, as a share of what leave_one_out "
            f"on the validation rows reaches (median {median(highest):.2f}); digits, "
            f"{f'weight decay {decay:g}' if decay else f'lamb={LAMB:g}'}, {len(seeds)} seeds",
            in_words(values),
            f"{values['random']:.3f}",
            "",
            "taylor2 0.9" if decay else "",
            "taylor2 1" if decay else "",
            (values["taylor2"] >= 0.9, values["taylor2"] >= 1) if decay else (None, None),
        )


def decayed(seed: int, data: tuple[Tensor, Tensor], decay: float) -> KAN:
    """A classifier of digits trained with decay of its weights, which `KAN.fit` does not have."""
    x, y = data
    model = KAN([64, 16, 10], grid=5, k=3, seed=seed)
    steps, generator = 30 * -(-len(x) // 128), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=steps)
    for _ in range(30):
        for batch in torch.randperm(len(x), generator=generator).split(128):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
            schedule.step()
    return model


def exact_cost(repeats: int) -> Line:
    """What the exact change of the loss without each edge costs."""
    model, (x, y, *_) = digit_task(0)
    data = x[:500], y[:500]
    took = {
        name: median(cpu_seconds(lambda name=name: scores(model, data, name)) for _ in range(repeats))
        for name in ("leave_one_out", "taylor2", "random")
    }
    return Line(
        "8",
        "leave_one_out of 1184 edges on 500 rows, model to scores, one thread",
        f"{took['leave_one_out']:.2f} s (taylor2 {took['taylor2']:.2f} s)",
        f"{took['random']:.2f} s (what every criterion pays)",
        "",
        "5 s",
        "1 s",
        (took["leave_one_out"] <= 5, took["leave_one_out"] <= 1),
    )


# Rows 9, 10, 11: digits


def area_under(one: Curve) -> float:
    """Accuracy integrated over sparsity, by trapezoids."""
    heights = (one.accuracy[1:] + one.accuracy[:-1]) / 2
    return float((heights * np.diff(one.sparsity)).sum())


def one_shot(seeds: Sequence[int]) -> Iterator[Line]:
    """Accuracy after one cut and no training, and the area between the curves of taylor2 and chance."""
    how = ("none", "mean", "gain_bias", "least_squares")
    levels = (0.5, 0.8, 0.9)
    others = ("leave_one_out", "attribution", "std", "l1", "coefficient")
    area: dict[str, list[float]] = {"taylor2": [], "random": []}
    for lamb, gated in ((LAMB, True), (0.0, False)):
        dense, found = [], {}
        for seed in seeds:
            model, (x, y, *test) = digit_task(seed, lamb=lamb)
            dense.append(accuracy(model, *test))
            for level in levels:
                for name in ("taylor2", "random"):
                    for compensate in how:
                        score = chance(seed) if name == "random" else name
                        cut = prune(model, (x, y), criterion=score, sparsity=level, compensate=compensate)
                        found.setdefault((name, level, compensate), []).append(accuracy(cut, *test))
                for name in others:
                    cut = prune(model, (x, y), criterion=name, sparsity=level, compensate="least_squares")
                    found.setdefault((name, level, "least_squares"), []).append(accuracy(cut, *test))
            if gated:
                curves = curve(model, (x, y, *test), ["taylor2"], draws=5)
                pairs = [("taylor2", curves["taylor2"]), *(("random", drawn) for drawn in curves.control)]
                for name, one in pairs:
                    area[name].append(area_under(one))
        whole = mean(dense)
        best = {level: mean(found["taylor2", level, "least_squares"]) for level in levels}
        demands: dict[float, tuple[str, str, tuple[bool | None, bool | None]]] = {
            0.5: ("1 point", "", (best[0.5] >= whole - 0.01, None)),
            0.8: ("0.90", "0.93", (best[0.8] >= 0.90, best[0.8] >= 0.93)),
            0.9: ("", "0.85", (None, best[0.9] >= 0.85)),
        }
        for level, (gate, goal, met) in demands.items():
            yield Line(
                "9",
                f"digits, {level:.0%} of the edges in one cut by taylor2, no training, "
                f"{f'lamb={lamb:g}' if lamb else 'no penalty'}: mean accuracy of {len(seeds)} seeds "
                f"(dense {whole:.3f})",
                ", ".join(f"{name} {mean(found['taylor2', level, name]):.3f}" for name in how),
                ", ".join(f"{name} {mean(found['random', level, name]):.3f}" for name in how),
                "",
                gate if gated else "",
                goal if gated else "",
                met if gated else (None, None),
            )
            if level > 0.5:
                yield Line(
                    "9",
                    f"the same by other criteria, least_squares, {level:.0%}, "
                    f"{f'lamb={lamb:g}' if lamb else 'no penalty'}",
                    ", ".join(f"{name} {mean(found[name, level, 'least_squares']):.3f}" for name in others),
                    f"{mean(found['random', level, 'least_squares']):.3f}",
                )
        if gated:
            gap = best[0.8] - mean(found["random", 0.8, "least_squares"])
            ours, control = mean(area["taylor2"]), mean(area["random"])
            yield Line(
                "11",
                "area under accuracy over sparsity, one cut, compensate mean; in brackets accuracy at 80 %, "
                "least_squares",
                f"{ours:.3f} ({best[0.8]:.3f}), {ours - control:+.3f} ({gap:+.3f})",
                f"{control:.3f} ({mean(found['random', 0.8, 'least_squares']):.3f})",
                "",
                "+0.20",
                "",
                (ours - control >= 0.2, None),
            )


def in_rounds(seeds: Sequence[int], *, wide: bool) -> Iterator[Line]:
    """Accuracy after pruning in five rounds with some epochs of training after each."""
    cases = [(16, 0.8, "1 point", 0.01, "", None), (16, 0.9, "5 points, random + 0.25", 0.05, "", None)]
    if wide:
        cases += [(32, 0.9, "", None, "1 point", 0.01), (32, 0.95, "", None, "3 points", 0.03)]
    for hidden, level, gate, must, goal, should in cases:
        dense, found = [], {}
        for seed in seeds:
            model, split = digit_task(seed, hidden=hidden)
            dense.append(accuracy(model, *split[2:]))
            for name, compensate in itertools.product(("taylor2", "random"), ("least_squares", "mean")):
                run = iterative_prune(
                    model,
                    split,
                    sparsity=level,
                    criterion=chance(seed) if name == "random" else name,
                    compensate=compensate,
                    tune=TUNE,
                    progress=False,
                )
                found.setdefault((name, compensate), []).append(accuracy(run.model, *split[2:]))
        means = {case: mean(values) for case, values in found.items()}
        reached, control = (
            means["taylor2", "least_squares"],
            max(means["random", how] for how in ("least_squares", "mean")),
        )
        apart = reached >= control + 0.25 or "random" not in gate
        yield Line(
            "10",
            f"digits [64, {hidden}, 10], {level:.0%} of the edges in 5 rounds of taylor2, least_squares and 8 epochs: "
            f"mean accuracy of {len(seeds)} seeds (dense {mean(dense):.3f})",
            f"{reached:.3f} (least {min(found['taylor2', 'least_squares']):.3f}); "
            f"with compensate mean {means['taylor2', 'mean']:.3f}",
            f"{means['random', 'least_squares']:.3f}; with compensate mean {means['random', 'mean']:.3f}",
            "",
            gate,
            goal,
            (
                None if must is None else reached >= mean(dense) - must and apart,
                None if should is None else reached >= mean(dense) - should,
            ),
        )


# Rows 14, 15: inputs


def irrelevant(seed: int) -> tuple[KAN, Split]:
    """Four inputs, the last of which does not matter."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(1500, 4, generator=generator) * 2 - 1
    y = x[:, [0]] ** 2 + 0.3 * x[:, [1]] + 0.1 * x[:, [2]] ** 3
    split = (x[:1000], y[:1000], x[1000:], y[1000:])
    model = KAN([4, 5, 1], grid=3, seed=seed)
    model.fit(split, steps=10, lamb=LAMB, progress=False)
    return model, split


def twins(seed: int) -> tuple[KAN, Split]:
    """Three inputs, the last of which is a copy of the second."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(1500, 2, generator=generator)[:, [0, 1, 1]] * 2 - 1
    y = torch.sin(3 * x[:, [0]]) + x[:, [1]] ** 2
    split = (x[:1000], y[:1000], x[1000:], y[1000:])
    model = KAN([3, 5, 1], grid=5, seed=seed)
    model.fit(split, steps=20, lamb=LAMB, progress=False)
    return model, split


def drops_the_irrelevant(model: KAN, split: Split, criterion: str) -> bool:
    """Whether the one input that goes is the one that does not matter."""
    pruned = prune(model, split, structure="input", amount=1, criterion=criterion)
    return pruned.layers[0].mask.any(0).tolist() == [True, True, True, False]


def inputs(seeds: Sequence[int]) -> Iterator[Line]:
    """An input too many, and one twice."""
    tasks = [irrelevant(seed) for seed in seeds]
    names = ("auto", "taylor2", "attribution", "l1")
    dropped = {name: sum(drops_the_irrelevant(*task, name) for task in tasks) for name in names}
    dropped["random"] = sum(drops_the_irrelevant(*task, chance(seed)) for seed, task in zip(seeds, tasks, strict=True))
    count = len(seeds)
    yield Line(
        "14",
        f"of x0^2 + 0.3 x1 + 0.1 x2^3 + 0 x3 just x3 is dropped (structure input, amount 1), {count} seeds",
        ", ".join(f"{name} {dropped[name]}/{count}" for name in names),
        f"{dropped['random']}/{count}",
        "",
        "10/10",
        "8 of 100 in order: see shapes.md",
        (dropped["auto"] == count, None),
    )
    found: dict[str, list[tuple[bool, float]]] = {"auto": [], "random": []}
    for seed in seeds:
        model, split = twins(seed)
        for criterion, results in found.items():
            score = chance(seed) if criterion == "random" else criterion
            run = adaptive_prune(model, split, criterion=score, tune={"steps": 8}, progress=False)
            reads = run.model.compact().names[0]
            ratio = root_mean_square(run.model, *split[2:]) / run.dense.loss
            results.append(("x1" in reads and len(reads) == 2, ratio))
    single = {name: sum(one for one, _ in results) for name, results in found.items()}
    worst = {name: max(ratio for _, ratio in results) for name, results in found.items()}
    yield Line(
        "15",
        f"of an input and its copy just one is still read after adaptive_prune, {count} seeds; "
        "largest error over before",
        f"{single['auto']}/{count}, {worst['auto']:.3g}",
        f"{single['random']}/{count}, {worst['random']:.3g}",
        "",
        "10/10, 1.02",
        "",
        (single["auto"] == count and worst["auto"] <= 1.02 + 1e-4, None),
    )


# Rows 20, 21, 23: size and speed


def smaller(repeats: int) -> Iterator[Line]:
    """What compaction saves."""
    model, split = digit_task(0, hidden=64)
    ways: dict[str, dict[str, Any]] = {
        "edges": {"criterion": "taylor2"},
        "nodes": {"criterion": "taylor2", "structure": "node"},
        "random": {"criterion": "random"},
    }
    masked = {
        name: prune(model, split[:2], sparsity=0.9, compensate="least_squares", **way) for name, way in ways.items()
    }
    compact = {name: pruned.compact() for name, pruned in masked.items()}
    shapes = {
        name: f"{small.width}, {edges(small)} edges, accuracy {accuracy(small, *split[2:]):.3f}"
        for name, small in compact.items()
    }
    dense_accuracy = accuracy(model, *split[2:])
    for batch in (256, 1):
        x = split[0][:batch]
        calls: dict[str, Callable[[], Any]] = {"dense": forward(model, x)}
        calls |= {f"masked {name}": forward(pruned, x) for name, pruned in masked.items()}
        calls |= {name: forward(small, x) for name, small in compact.items()}
        took = interleaved(calls, repeats)
        for way in ("edges", "nodes"):
            ratio = took["dense"] / took[way]
            gated = way == "edges"
            yield Line(
                "20",
                f"processor time of a forward pass, [64, 64, 10] (dense accuracy {dense_accuracy:.3f}) without 90 % of "
                f"its {way}, {batch} row{'s' if batch > 1 else ''}, dense over compacted",
                f"{ratio:.2f}x, {took['dense'] * 1e6:.0f} to {took[way] * 1e6:.0f} µs (masked "
                f"{took[f'masked {way}'] * 1e6:.0f} µs); {shapes[way]}",
                f"{took['dense'] / took['random']:.2f}x; {shapes['random']}",
                "",
                "1.5x" if gated and batch > 1 else "",
                ("3x" if batch > 1 else "0.9x") if gated else "",
                (
                    ratio >= 1.5 if gated and batch > 1 else None,
                    ratio >= (3 if batch > 1 else 0.9) if gated else None,
                ),
            )
    with tempfile.TemporaryDirectory() as folder:
        size = {}
        for name, one in {"dense": model, "masked": masked["edges"], **compact}.items():
            path = Path(folder) / f"{name}.safetensors"
            one.save(path)
            size[name] = path.stat().st_size
    ratio = size["dense"] / size["edges"]
    yield Line(
        "21",
        "size on disk of the same, dense over compacted",
        f"edges {ratio:.2f}x, {size['dense'] / 1e3:.0f} to {size['edges'] / 1e3:.0f} kB "
        f"(masked {size['masked'] / 1e3:.0f} kB); nodes {size['dense'] / size['nodes']:.2f}x",
        f"{size['dense'] / size['random']:.2f}x",
        "",
        "6x",
        "8x",
        (ratio >= 6, ratio >= 8),
    )


def curve_cost(repeats: int) -> Line:
    """What the loss at 101 levels costs."""
    model, (x, y, *_) = digit_task(0)
    data = x[:512], y[:512]
    took = {
        draws: median(
            cpu_seconds(lambda draws=draws: curve(model, data, ["taylor2"], draws=draws)) for _ in range(repeats)
        )
        for draws in (0, 1)
    }
    return Line(
        "23",
        "a curve of 101 levels, [64, 16, 10], 512 rows, taylor2, model to curve, one thread",
        f"{took[0]:.2f} s",
        f"{took[1] - took[0]:.2f} s more a draw of chance",
        "",
        "1.5 s",
        "0.3 s",
        (took[0] <= 1.5, took[0] <= 0.3),
    )


# Rows 24, 30

# Runs what a session wrote, on the model and data that were saved beside it.
REPLAY = """
import json, torch
from kan_widget import KAN
torch.set_num_threads(1)
space = {}
exec(open("script.py").read(), space)
session = space["replay"](KAN.load("model.safetensors"), torch.load("data.pt"))
masks = [layer.mask.tolist() for layer in session.model.layers]
print(json.dumps([masks, session.metrics.quality["test"].loss]))
"""


def replay() -> Line:
    """Whether the log of a session leads a new process to the same network."""
    data = create_dataset(target, n_var=2)
    model = demo7(0, data)
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model.safetensors")
        torch.save(data, Path(folder) / "data.pt")
        session = Session(model, data, compensate="least_squares")
        session.set_criterion("taylor2")
        session.set_sparsity(0.4)
        session.fit(steps=3, progress=False)
        session.prune([next(e for e in session.topology.edges() if session.active[e.layer][e.target, e.source])])
        session.refresh()
        (Path(folder) / "script.py").write_text(session.log().to_script(), encoding="utf-8")
        done = subprocess.run([sys.executable, "-c", REPLAY], cwd=folder, capture_output=True, text=True, check=True)
    masks, loss = json.loads(done.stdout)
    same = masks == [layer.mask.tolist() for layer in session.model.layers]
    change = abs(loss / session.metrics.quality["test"].loss - 1)
    return Line(
        "24",
        "a session's script (threshold, least_squares, fit, a click) in a new process, float32: masks, "
        "change of the loss",
        f"masks {'equal' if same else 'differ'}, {change:.1g}",
        "",
        "",
        "equal, 1e-6",
        "",
        (same and change <= 1e-6, None),
    )


def with_offsets(model: KAN, seed: int) -> KAN:
    """The same function, with a constant added to every edge and taken from its target's bias."""
    twin = model.copy()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in twin.layers:
            constant = torch.rand(layer.mask.shape, generator=generator, dtype=layer.coef.dtype) + 0.5
            # B-splines sum to one on their grid.
            layer.coef += (constant / layer.scale_spline).unsqueeze(-1)
            layer.bias -= constant.sum(1)
    return twin


def offset_changes(seed: int, names: Sequence[str]) -> dict[str, float]:
    """Largest relative change of any edge's score by offsets that leave the function as it is."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(500, 2, generator=generator, dtype=torch.float64) * 2 - 1
    y = target(x)
    model = KAN([2, 5, 1], grid=5, seed=seed, dtype=torch.float64)
    model.fit((x, y), steps=5, progress=False)
    model.update_grid(x)  # every row on the grid of every layer, where a constant is a constant
    twin = with_offsets(model, seed)
    result = {}
    for name in names:
        before, after = ranked(model, (x, y), name), ranked(twin, (x, y), name)
        result[name] = float(np.max(np.abs(after - before) / np.abs(before)))
    return result


def offset() -> Line:
    """Scores should not see constants, since pruning keeps them."""
    names = ("std", "taylor2", "attribution", "leave_one_out", "l1", "coefficient", "random")
    found = [offset_changes(seed, names) for seed in range(3)]
    worst = {name: max(one[name] for one in found) for name in names}
    return Line(
        "30",
        "largest relative change of a score when a constant between 0.5 and 1.5 moves from the bias into each edge, "
        "3 seeds",
        ", ".join(f"{name} {worst[name]:.1g}" for name in names[:-1]),
        f"{worst['random']:.1g} (sees no edge)",
        "",
        "std and taylor2 1e-5",
        "",
        (max(worst["std"], worst["taylor2"]) <= 1e-5, None),
    )
