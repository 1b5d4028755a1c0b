"""Timing that a busy machine disturbs little."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

# A call is repeated for so long within one turn: the clock's own step does not show, and neither does the first call of
# a turn, which finds the caches full of what the others left there.
SLICE_S = 0.1


def cpu_seconds(call: Callable[[], Any]) -> float:
    """Processor time of one call: waiting for a core does not count."""
    start = time.process_time()
    call()
    return time.process_time() - start


def interleaved(calls: Mapping[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Median processor time of each call.

    The calls take turns, so that whatever slows the machine for a while slows all of them.

    Args:
        calls: What to measure, by name.
        repeats: How often each of them has its turn.

    Returns:
        Seconds a call, by name.
    """
    loops = {}
    for name, call in calls.items():
        for _ in range(3):
            call()
        loops[name] = max(1, round(SLICE_S / max(cpu_seconds(call), 1e-6)))
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            start = time.process_time()
            for _ in range(loops[name]):
                call()
            seconds[name].append((time.process_time() - start) / loops[name])
    return {name: median(values) for name, values in seconds.items()}
