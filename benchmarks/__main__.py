"""Run the sections that are named, or all, and print one table."""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Callable
from pathlib import Path

import torch

from . import forward, limits, plot, pruning, startup, train, widget
from .table import Row, table

RESULTS = Path(__file__).with_name("results.md")
Section = Callable[[argparse.Namespace], list[Row]]
SECTIONS: dict[str, Section] = {
    "forward": forward.rows,
    "limits": limits.rows,
    "train": train.rows,
    "plot": plot.rows,
    "widget": widget.rows,
    "import": startup.rows,
}
# It has a table of its own, and takes minutes: only where it is asked for.
PRUNING = "pruning"
SECTION_HELP = f"any of: {', '.join([*SECTIONS, PRUNING])}; all but {PRUNING} if none"


def machine() -> str:
    """What ran this, in words."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"
    return (
        f"{os.cpu_count()} shared cores ({torch.backends.cpu.get_cpu_capability()}), load {load}, one thread, "
        f"Python {platform.python_version()}, torch {torch.__version__}"
    )


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="section", help=SECTION_HELP)
    parser.add_argument("--repeats", type=int, default=15, help="interleaved repeats of each short measurement")
    parser.add_argument("--seeds", type=int, default=5, help="trainings of each library")
    parser.add_argument("--slow", action="store_true", help="also let pykan plot 544 edges, once; more seeds of digits")
    parser.add_argument("--write", action="store_true", help=f"write the table to {RESULTS.name} as well")
    options = parser.parse_args()
    unknown = sorted(set(options.sections) - {*SECTIONS, PRUNING})
    if unknown:
        parser.error(f"there is no section {', '.join(unknown)}; there are {', '.join([*SECTIONS, PRUNING])}")
    torch.set_num_threads(1)
    rows: list[Row] = []
    for name in options.sections or SECTIONS:
        if name == PRUNING:
            for line in pruning.table(pruning.report(options)):
                print(line, flush=True)
            continue
        found = SECTIONS[name](options)
        print(table(found), flush=True)
        rows += found
    if options.write and rows:
        text = f"Measured on {machine()}.\n\n{table(rows)}"
        RESULTS.write_text(text, encoding="utf-8")
    print(f"\nMeasured on {machine()}.")
    missed = [row.what for row in rows if row.verdict == "missed"]
    if missed:
        print("Missed: " + "; ".join(missed))


if __name__ == "__main__":
    main()
