"""One server, several classes: when it becomes free it takes the oldest request of the most urgent class."""

from __future__ import annotations

from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64]


def priority(arrive: Times, service: Times, urgency: NDArray[np.integer], free: int = 0) -> Times:
    """Departures, shape (n,), ns, non-preemptive. A smaller `urgency` goes first; `arrive` must not decrease."""
    left = np.zeros(len(arrive), np.int64)
    waiting: list[tuple[int, int]] = []
    arrivals, services, classes = arrive.tolist(), service.tolist(), urgency.tolist()
    i, n = 0, len(arrivals)
    while i < n or waiting:
        if not waiting:
            free = max(free, arrivals[i])
        while i < n and arrivals[i] <= free:
            heappush(waiting, (classes[i], i))
            i += 1
        _, served = heappop(waiting)
        free += services[served]
        left[served] = free
    return left
