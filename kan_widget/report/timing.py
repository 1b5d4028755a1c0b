"""How long a call takes, measured so that what slows the machine for a while slows all calls alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

K = TypeVar("K", bound=Hashable)

# How long one call has its turn, in seconds. The first call of a turn finds the caches full of what the others left.
_TURN = 0.02


@dataclass(frozen=True)
class Latency:
    """Wall time of one call.

    Attributes:
        p50: Median, in seconds.
        p95: What 95 % of the calls did not exceed.
        calls: How many were measured.
        low: Lower end of a 95 % interval of the median.
        high: Upper end.
    """

    p50: float
    p95: float
    calls: int
    low: float
    high: float

    def differs(self, other: Latency) -> bool:
        """Whether the intervals of both medians lie apart."""
        return self.high < other.low or other.high < self.low


def latencies(calls: Mapping[K, Callable[[], Any]], seconds: float) -> dict[K, Latency]:
    """Time calls in turns.

    Args:
        calls: What to time; each is called a few times first, to warm up.
        seconds: For all of them together; each has at least one turn.

    Returns:
        Their latencies.
    """
    for call in calls.values():
        for _ in range(3):
            call()
    found: dict[K, list[float]] = {name: [] for name in calls}
    end = time.perf_counter() + seconds
    while True:
        for name, call in calls.items():
            found[name] += _turn(call)
        if time.perf_counter() >= end:
            break
    return {name: _latency(times) for name, times in found.items()}


def _turn(call: Callable[[], Any]) -> list[float]:
    call()
    times: list[float] = []
    while sum(times) < _TURN:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times


def _latency(times: list[float]) -> Latency:
    """Quantiles, and the interval of the median from order statistics: it lies between ranks n/2 -+ 0.98 sqrt(n)."""
    half = 0.98 / len(times) ** 0.5
    p50, p95, low, high = np.quantile(times, [0.5, 0.95, max(0.0, 0.5 - half), min(1.0, 0.5 + half)])
    return Latency(float(p50), float(p95), len(times), float(low), float(high))
