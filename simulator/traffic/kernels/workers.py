"""Several workers, one queue: the Kiefer–Wolfowitz recursion (Trans. Amer. Math. Soc. 78, 1955) on a heap."""

from __future__ import annotations

from heapq import heapreplace

import numpy as np
from numpy.typing import NDArray


def workers(arrive: NDArray[np.int64], service: NDArray[np.int64], free: list[int]) -> NDArray[np.int64]:
    """Departures of requests that arrive in this order, each served by the worker that is free first.

    `arrive` (not decreasing) and `service`: shape (n,), ns. `free` is the heap of the times from which each worker
    is free, one entry a worker; it is brought up to date.
    """
    departures = []
    for a, s in zip(arrive.tolist(), service.tolist(), strict=True):
        first = free[0]
        end = (a if a > first else first) + s
        heapreplace(free, end)
        departures.append(end)
    return np.array(departures, np.int64)
