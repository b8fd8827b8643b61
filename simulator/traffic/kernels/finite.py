"""A station with room for so many: who finds it full is turned away (Erlang's loss system, M/M/1/K and between)."""

from __future__ import annotations

from heapq import heappop, heappush, heapreplace

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64]


def finite(arrive: Times, service: Times, workers: int, room: int) -> Times:
    """Departures, shape (n,), ns; -1 for those turned away. `arrive` must not decrease.

    `room` counts those in service too: room == workers is the pure loss system. A departure at the instant of an
    arrival has made room.
    """
    if not 1 <= workers <= room:
        raise ValueError("room includes the workers' places")
    departures = []
    free = [0] * workers
    inside: list[int] = []  # heap of departures
    for a, s in zip(arrive.tolist(), service.tolist(), strict=True):
        while inside and inside[0] <= a:
            heappop(inside)
        if len(inside) == room:
            departures.append(-1)
            continue
        end = max(a, free[0]) + s
        heapreplace(free, end)
        heappush(inside, end)
        departures.append(end)
    return np.array(departures, np.int64)
