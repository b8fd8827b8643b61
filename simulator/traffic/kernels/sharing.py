"""Processor sharing: n requests in service each get 1/n of the server.

In virtual time, which advances at 1/n of real time, a request that needs w leaves w after its arrival: a heap of
virtual departures (the idea of fair queueing; Parekh, Gallager, IEEE/ACM ToN 1, 1993) gives the real ones.
"""

from __future__ import annotations

from heapq import heappop, heappush
from math import ceil

import numpy as np
from numpy.typing import NDArray


def processor_sharing(arrive: NDArray[np.int64], work: NDArray[np.int64]) -> NDArray[np.int64]:
    """Departures, shape (n,), ns. `arrive` must not decrease; `work` is time on the unshared server.

    Virtual time is a float, so a departure is rounded up from within that precision: one that falls on a whole
    nanosecond may come out as the next.
    """
    left = np.zeros(len(arrive), np.int64)
    inside: list[tuple[float, int]] = []  # (virtual departure, request)
    now, virtual = 0.0, 0.0

    def serve(until: float) -> None:
        nonlocal now, virtual
        while inside:
            departs = now + (inside[0][0] - virtual) * len(inside)
            if departs > until:
                virtual += (until - now) / len(inside)
                break
            now, virtual = departs, inside[0][0]
            left[heappop(inside)[1]] = ceil(departs)
        now = until

    for i, (a, w) in enumerate(zip(arrive.tolist(), work.tolist(), strict=True)):
        serve(a)
        if not inside:
            virtual = 0.0  # a new busy period: keep the numbers small, and so exact
        heappush(inside, (virtual + w, i))
    serve(float("inf"))
    return left
