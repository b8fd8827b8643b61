"""First in, first out, one server: d[i] = max(d[i-1], a[i]) + s[i], in one pass over arrays.

With S the running sum of the services, d = S + running maximum of (a - S + s). All in integers, so it gives the
very departures of a loop (Lindley's recursion), where floats would differ in the last bit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64]


def fifo(arrive: Times, service: Times, free: int = 0) -> Times:
    """Departures of one server that is free from `free` on. `arrive` must not decrease. Shapes (n,), ns."""
    done = np.cumsum(service)
    start = arrive - done + service
    if start.size:
        start[0] = max(start[0], free)
    np.maximum.accumulate(start, out=start)
    return start + done


def fifo_each(arrive: Times, service: Times, first: Times, free: Times) -> Times:
    """Departures of many servers at once.

    `arrive`, `service`: shape (n,), server after server, each server's arrivals not decreasing. `first`: shape
    (servers,), where each server's part begins (none is empty); `free`: shape (servers,), from when it is free.
    """
    if not arrive.size:
        return arrive.copy()
    done = np.cumsum(service)
    start = arrive - done
    start += service
    start[first] = np.maximum(arrive[first], free) - done[first] + service[first]
    # One running maximum serves all: each server's values are lifted above all values of the servers before it.
    lift = int(start.max()) - int(start.min()) + 1
    if lift * len(first) < 1 << 61:
        lifts = np.repeat(np.arange(len(first)) * lift, np.diff(first, append=arrive.size))
        start += lifts
        np.maximum.accumulate(start, out=start)
        start -= lifts
    else:
        for low, high in zip(first.tolist(), [*first[1:].tolist(), arrive.size], strict=True):
            np.maximum.accumulate(start[low:high], out=start[low:high])
    start += done
    return start
