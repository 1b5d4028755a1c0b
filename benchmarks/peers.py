"""kan_widget beside other networks of splines, an MLP, and the matrix products that a dense evaluation pays.

Run as ``python -m benchmarks.peers``; ``--compiled`` adds the peers as torch compiles them, half a minute a network.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from kan_widget import KAN, backend, scores
from kan_widget.nn.native import building
from kan_widget.nn.spline import moments_natively

from . import field, forward, memory, peer, train
from .__main__ import machine
from .clock import interleaved
from .forward import on, with_gradients
from .table import shown

PASSES = ("forward", "forward and backward")
Shape = tuple[tuple[int, ...], int, int]
"""Widths, rows, intervals."""
SMALL: Shape = ((2, 5, 1), 1000, 5)
MEDIUM: list[Shape] = [((64, 64, 10), 256, 5), ((784, 64, 10), 128, 5)]
DEEP: Shape = ((784, 128, 64, 10), 1024, 5)
SQUARE: Shape = ((256, 256), 4096, 5)
FINE: list[Shape] = [((256, 64), 1024, 20), ((256, 64), 1024, 100)]
OURS, TORCH, FLOOR = "kan_widget", "kan_widget on torch", "matrix products"
EAGER = ("inkan", "flashkan")
WITHOUT_PYKAN = {SQUARE, *FINE}  # it takes seconds and gigabytes there

CHECKOUT = Path(__file__).parents[1]
FIRST_USE = """
import os, time, torch
from kan_widget import backend
start, before = time.perf_counter(), os.times()
found = backend()
elapsed, used = time.perf_counter() - start, os.times()
print(elapsed, sum(used[:4]) - sum(before[:4]) if found.name == "native" else "nan")
"""


def label(shape: Shape) -> str:
    """A shape in words."""
    width, rows, intervals = shape
    return f"{list(width)}, {rows} rows" + (f", {intervals} intervals" if intervals != 5 else "")


@dataclass(frozen=True)
class Seconds:
    """Processor time of each pass through each network: by shape, pass and name."""

    table: dict[tuple[Shape, str, str], float]

    def ratios(self, over: str, under: str, shapes: Iterable[Shape], which: str) -> dict[str, float]:
        """How many times longer one takes than another, by shape."""
        return {
            label(shape): self.table[shape, which, over] / self.table[shape, which, under]
            for shape in shapes
            if (shape, which, over) in self.table
        }


@dataclass(frozen=True)
class Aim:
    """Something measured, beside what it has to be and what it is meant to be.

    Attributes:
        what: In words.
        found: Numbers, by where they come from.
        gate: What each has to reach.
        goal: What each is meant to reach.
        most: Whether they have to stay below instead.
        unit: "x", or "s" for a time, or "" .
    """

    what: str
    found: dict[str, float]
    gate: float | None = None
    goal: float | None = None
    most: bool = False
    unit: str = "x"

    @property
    def worst(self) -> float:
        """The number that decides."""
        return (max if self.most else min)(self.found.values())

    def verdict(self) -> str:
        """Gate and goal, met or missed."""
        words = []
        for name, limit in (("gate", self.gate), ("goal", self.goal)):
            if limit is not None:
                met = self.worst <= limit if self.most else self.worst >= limit
                words.append(f"{name} {'met' if met else '**missed**'}")
        return ", ".join(words)

    def line(self) -> str:
        """As a row of the table."""
        sign = "at most " if self.most else ""
        limits = ["" if limit is None else sign + self.shown(limit) for limit in (self.gate, self.goal)]
        found = "; ".join(f"{self.shown(value)}{where and ': ' + where}" for where, value in self.found.items())
        return f"| {self.what} | {found} | {' | '.join(limits)} | {self.verdict()} |"

    def shown(self, value: float) -> str:
        """A number with its unit."""
        return shown(value, "s") if self.unit == "s" else f"{value:.3g}{self.unit}"


def timed(shape: Shape, makers: dict[str, field.Maker], repeats: int) -> dict[tuple[Shape, str, str], float]:
    """Both passes of every network, in turns."""
    width, rows, intervals = shape
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(rows, width[0], generator=generator) * 2 - 1
    y = torch.rand(rows, width[-1], generator=generator)
    calls: dict[tuple[Shape, str, str], Callable[[], Any]] = {}

    def add(name: str, ahead: Callable[[], Any], both: Callable[[], Any]) -> None:
        calls.update({(shape, PASSES[0], name): ahead, (shape, PASSES[1], name): both})

    ours = field.ours(width, intervals)
    for name, evaluated in ((OURS, "native"), (TORCH, "torch")):
        add(name, *(on(evaluated, call) for call in (forward.forward(ours, x), with_gradients(ours, x, y))))
    for name, maker in makers.items():
        if name != "pykan" or shape not in WITHOUT_PYKAN:
            model = maker(width, intervals)
            add(name, forward.forward(model, x), with_gradients(model, x, y))
    floor = field.Products(width, intervals, rows)
    add(FLOOR, floor.ahead, floor.both)
    return interleaved(calls, repeats)


def uneven(repeats: int) -> Aim:
    """A network whose knots lie where they like, and the same on even ones."""
    calls = {}
    for width, rows, _ in (*MEDIUM, DEEP):
        x, y = torch.rand(rows, width[0]) * 2 - 1, torch.rand(rows, width[-1])
        for even in (True, False):
            model = KAN(width=list(width), seed=0)
            if not even:
                for layer in model.layers:
                    steps = torch.rand(layer.grid.shape, generator=torch.Generator().manual_seed(0)) + 0.5
                    places = steps.cumsum(1) - steps
                    first, last = layer.grid[:, :1], layer.grid[:, -1:]
                    layer.grid.copy_(first + (last - first) * places / places[:, -1:])
            calls[label((width, rows, 5)), even] = on("native", with_gradients(model, x, y))
    seconds = interleaved(calls, repeats)
    found = {where: seconds[where, False] / seconds[where, True] for where, even in calls if even}
    return Aim("uneven over even knots, forward and backward", found, 1.15, 1.0, most=True)


def pruned(repeats: int) -> Iterator[Aim]:
    """Networks that have lost most of their edges, with the inputs and nodes at them or at random, and compacted."""
    width, rows = (784, 64, 10), 1000
    x = torch.rand(rows, width[0]) * 2 - 1
    calls = {"dense": on("native", forward.forward(KAN(width=list(width), seed=0), x))}
    for share, by_node in itertools.product((0.9, 0.99), (True, False)):
        model = KAN(width=list(width), seed=0)
        model.set_masks(_masks(width, 1 - share, by_node))
        calls[f"{share:.0%}, {by_node}"] = on("native", forward.forward(model.compact(), x))
    seconds = interleaved(calls, repeats)
    for share, gate, goal in ((0.9, 3.5, 5.0), (0.99, 12.0, 19.0)):
        faster = {by_node: seconds["dense"] / seconds[f"{share:.0%}, {by_node}"] for by_node in (True, False)}
        what = f"dense over {share:.0%} pruned and compacted, forward, {list(width)}, {rows} rows"
        yield Aim(f"{what}: whole inputs and nodes", {"": faster[True]}, gate, goal)
        yield Aim(f"{what}: edges at random", {"": faster[False]})


def _masks(width: Sequence[int], keep: float, by_node: bool) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    pairs = list(itertools.pairwise(width))
    if not by_node:
        return [torch.rand(n_out, n_in, generator=generator) < keep for n_in, n_out in pairs]
    left = [max(1, round(n * keep**0.5)) for n in width[:-1]] + [width[-1]]
    masks = [torch.zeros(n_out, n_in, dtype=torch.bool) for n_in, n_out in pairs]
    for mask, (n_in, n_out) in zip(masks, itertools.pairwise(left), strict=True):
        mask[:n_out, :n_in] = True
    return masks


def edge_scores(repeats: int) -> Iterator[Aim]:
    """Mean, mean absolute value and spread of every edge."""
    width, rows = (784, 64, 10), 1000
    x, y = torch.rand(rows, width[0]) * 2 - 1, torch.rand(rows, width[-1])
    ours, theirs = KAN(width=list(width), seed=0), peer.pykan(width).speed()
    theirs.save_act = True

    @torch.no_grad()
    def moments() -> None:
        values = ours.input_nodes(x)
        for layer in ours.layers:
            measured = moments_natively(values, layer.edges(), layer.knots, layer.base)
            assert measured is not None
            values = measured[1]

    calls = {
        "plain": on("native", forward.forward(ours, x)),
        "moments": on("native", moments),
        "scores": on("native", lambda: scores(ours, (x, y), "std")),
        "pykan": forward.forward(theirs, x),
    }
    seconds = interleaved(calls, repeats)
    what = f"mean, size and spread of all edges, {list(width)}, {rows} rows"
    yield Aim(f"{what}, over a plain forward pass", {"": seconds["moments"] / seconds["plain"]}, 2, 1.3, most=True)
    yield Aim(f"pykan over ours, {what}", {"": seconds["pykan"] / seconds["moments"]}, 100, 150)
    yield Aim('the same of `scores(model, data, "std")`', {"": seconds["pykan"] / seconds["scores"]})


def memories() -> Iterator[Aim]:
    """What a pass takes of memory, in processes of their own."""
    if not sys.platform.startswith("linux"):
        return
    found = {}
    for width, rows, _ in (DEEP, SQUARE):
        taken = {name: memory.extra_bytes(name, width, rows) for name in (OURS, "efficient-kan", "inkan", "MLP")}
        where = ", ".join(f"{name} {taken[name] / 2**20:.3g} MiB" for name in taken)
        found[f"{label((width, rows, 5))} ({where})"] = taken[OURS] / taken["efficient-kan"]
    yield Aim("our peak of extra memory over efficient-kan's, forward and backward", found, 1 / 6, 1 / 25, most=True)


def first_uses() -> Iterator[Aim]:
    """Processor time until the kernel is there, in processes that find nothing compiled before."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kinds = ("nothing compiled", "in the next process")
        yield Aim("first use with a compiler", dict(_first_use(k, folder, CHECKOUT) for k in kinds), 5, 2, True, "s")
        copy = folder / "installed" / "kan_widget"
        shutil.copytree(CHECKOUT / "kan_widget", copy)
        shipped = copy / building.SHIPPED.relative_to(CHECKOUT / "kan_widget")
        shipped.mkdir()
        building.compile_for_others(shipped)
        found = dict([_first_use("test at the start included", folder / "unused", copy.parent)])
        yield Aim("first use of a wheel with the kernel", found, unit="s")


def _first_use(name: str, cache: Path, package: Path) -> tuple[str, float]:
    environment = {name: value for name, value in os.environ.items() if name != "KAN_WIDGET_BACKEND"}
    environment["XDG_CACHE_HOME"] = str(cache)
    command = [sys.executable, "-c", FIRST_USE]  # which imports from where it runs
    done = subprocess.run(command, cwd=package, env=environment, capture_output=True, text=True, check=True)
    elapsed, used = map(float, done.stdout.split())
    return f"{name} ({shown(elapsed, 's')} elapsed)", used


def aims(seconds: Seconds, compiled: bool) -> Iterator[Aim]:
    """What the times are held against."""
    wide = [*MEDIUM, DEEP]

    def against(
        name: str, shapes: Sequence[Shape], limits: Sequence[tuple[float | None, float | None]]
    ) -> Iterator[Aim]:
        for which, (gate, goal) in zip(PASSES, limits, strict=True):
            yield Aim(f"{name} over ours, {which}", seconds.ratios(name, OURS, shapes, which), gate, goal)

    yield from against("pykan", [SMALL, *MEDIUM], [(25, 33), (20, 25)])
    yield from against("pykan", [DEEP], [(70, 100), (50, 80)])
    yield from against("efficient-kan", wide, [(10, 13), (5, 7)])
    yield from against("efficient-kan", [SMALL, SQUARE], [(None, None)] * 2)
    for name in EAGER:
        yield from against(name, [SMALL, *wide, SQUARE], [(3, 3.5)] * 2)
    for name in field.COMPILED if compiled else ():
        yield from against(name, [*MEDIUM, DEEP], [(1.3, 1.6)] * 2)
    limits = [([DEEP, SQUARE], 1.3, 1.1), (FINE[:1], 0.8, 0.55), (FINE[1:], 0.45, 0.3)]
    for shapes, gate, goal in limits:
        for which in PASSES:
            held = shapes != FINE[1:] or which == PASSES[1]
            found = seconds.ratios(OURS, FLOOR, shapes, which)
            yield Aim(f"ours over the {FLOOR}, {which}", found, *((gate, goal) if held else (None, None)), most=True)
    for which, gate, goal in zip(PASSES, (2.5, 1.8), (3.0, 2.5), strict=True):
        found = seconds.ratios("efficient-kan", TORCH, wide, which)
        yield Aim(f"efficient-kan over {TORCH}, {which}", found, gate, goal)
    for which in PASSES:
        yield Aim(f"ours over an MLP, {which}", seconds.ratios(OURS, "MLP", [SMALL], which), 1.3, 1.0, most=True)


def times(seconds: Seconds) -> Iterator[str]:
    """The times themselves, a row for each shape and pass."""
    names = list(dict.fromkeys(name for _, _, name in seconds.table))
    yield f"| | {' | '.join(names)} |"
    yield "|---|" + "---|" * len(names)
    for shape, which in dict.fromkeys((shape, which) for shape, which, _ in seconds.table):
        cells = [seconds.table.get((shape, which, name)) for name in names]
        row = " | ".join("" if cell is None else shown(cell, "s") for cell in cells)
        yield f"| {which}, {label(shape)} | {row} |"


def report(repeats: int, seeds: int, compiled: bool) -> Iterator[str]:
    """Both tables as markdown, each line as soon as it is there."""
    shapes = [SMALL, *MEDIUM, DEEP, SQUARE, *FINE]
    table: dict[tuple[Shape, str, str], float] = {}
    for shape in shapes:
        more = field.COMPILED if compiled and shape in (*MEDIUM, DEEP) else {}
        table |= timed(shape, field.OTHERS | more, repeats)
    seconds = Seconds(table)
    yield from times(seconds)
    yield "\n| quantity | measured | gate | goal | |\n|---|---|---|---|---|"
    for aim in aims(seconds, compiled):
        yield aim.line()
    yield uneven(repeats).line()
    for row in train.rows(argparse.Namespace(seeds=seeds))[:1]:
        yield Aim(f"pykan over ours, {row.what}", {"": row.ratio or 0.0}, 25, 40).line()
    for aim in itertools.chain(pruned(repeats), edge_scores(repeats), memories(), first_uses()):
        yield aim.line()


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--compiled", action="store_true", help="also the peers as torch compiles them")
    parser.add_argument("--repeats", type=int, default=9, help="turns of each measurement")
    parser.add_argument("--seeds", type=int, default=5, help="trainings of each library")
    options = parser.parse_args()
    torch.set_num_threads(1)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    print(f"backend: {backend().reason}\n")
    for line in report(options.repeats, options.seeds, options.compiled):
        print(line, flush=True)
    print(f"\nMeasured on {machine()}.")


if __name__ == "__main__":
    main()
