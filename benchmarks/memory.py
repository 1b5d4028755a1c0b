"""How much memory a forward and a backward pass take beyond the network and its data. Linux with glibc only.

`python -m benchmarks.memory NAME 784,128,64,10 1024` prints the bytes for one network in this process.
"""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from kan_widget import backend

from .field import OTHERS, ours


def extra_bytes(name: str, width: Sequence[int], batch: int) -> int:
    """The same in a process of its own: an allocator that has been used before has memory in stock."""
    command = [sys.executable, "-m", "benchmarks.memory", name, ",".join(map(str, width)), str(batch)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1])


def measured(name: str, width: Sequence[int], batch: int) -> int:
    """The highest that this process's memory rises above where it stood before the pass, gradients included."""
    torch.set_num_threads(1)
    model = ({"kan_widget": ours} | OTHERS)[name](width, 5)
    backend()  # loads the kernel before it is looked for
    model(torch.rand(4, width[0])).sum().backward()
    model.zero_grad(set_to_none=True)
    x, y = torch.rand(batch, width[0]) * 2 - 1, torch.rand(batch, width[-1])
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what the warm-up freed must not be there to be taken again
    before = _resident()
    Path("/proc/self/clear_refs").write_text("5")  # the mark of the highest falls to where memory stands
    torch.nn.functional.mse_loss(model(x), y).backward()
    return _highest() - before


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _highest() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    print(measured(sys.argv[1], [int(part) for part in sys.argv[2].split(",")], int(sys.argv[3])))
