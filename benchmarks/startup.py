"""What ``import kan_widget`` costs a script that has torch already."""

from __future__ import annotations

import subprocess
import sys
from argparse import Namespace
from statistics import median

from .table import Row

PROBE = """
import time
import torch, numpy
start = time.process_time()
import {module}
print(time.process_time() - start)
"""


def seconds(module: str) -> float:
    """Processor time of the import in a new process, median of 5 after one that warms the disk."""
    command = [sys.executable, "-c", PROBE.format(module=module)]
    times = [float(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(6)]
    return median(times[1:])


def rows(_: Namespace) -> list[Row]:
    """One row."""
    return [Row("import, beyond torch and numpy", seconds("kan_widget"), theirs=seconds("kan"), most=0.3)]
