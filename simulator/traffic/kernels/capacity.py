"""A server whose speed changes: a bandwidth trace, an outage with the queue kept, a node slowed by its neighbours.

Let C(t) be the work that a busy server does by time t: piecewise linear, flat in an outage. In units of work the
server is an ordinary first-in-first-out queue: arrivals C(a), services w. Departures come back through the
inverse of C, at the earliest nanosecond by which that much work is done.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.traffic.kernels.fifo import fifo

Times = NDArray[np.int64]


class Capacity:
    """Cumulative capacity: from `times[i]` on, `rates[i]` units of work are done per ns; the last rate stays.

    `times` rise strictly from times[0], before which nothing is done; rates are integers ≥ 0, the last above 0
    (else a request might never leave). Choose the unit fine enough: bit/s, or a millionth of a core.
    """

    __slots__ = ("_done", "_rates", "_times")

    def __init__(self, times: Sequence[int], rates: Sequence[int]) -> None:
        self._times: Times = np.asarray(times, np.int64)
        self._rates: Times = np.asarray(rates, np.int64)
        if len(self._times) != len(self._rates) or not len(self._times) or np.any(np.diff(self._times) <= 0):
            raise ValueError("times must rise strictly, with one rate each")
        if np.any(self._rates < 0) or self._rates[-1] == 0:
            raise ValueError("rates must not be negative, and the last must be positive")
        steps = np.diff(self._times) * self._rates[:-1]
        self._done: Times = np.concatenate([[0], np.cumsum(steps)]).astype(np.int64)

    def by(self, t: Times) -> Times:
        """The work that can be done by each of the times `t`."""
        i = np.searchsorted(self._times, t, side="right") - 1
        known = np.maximum(i, 0)
        return np.where(i < 0, 0, self._done[known] + (t - self._times[known]) * self._rates[known])

    def when(self, work: Times) -> Times:
        """The earliest ns by which that much work can be done; flat pieces are left at their beginning."""
        # The last piece that starts with less than `work` done: it is where the value is reached.
        i = np.maximum(np.searchsorted(self._done, work, side="left") - 1, 0)
        missing = work - self._done[i]
        rate = np.maximum(self._rates[i], 1)  # a flat piece is never the one that reaches more than it starts with
        return np.where(missing <= 0, self._times[i], self._times[i] - (-missing // rate))


def fifo_with_capacity(arrive: Times, work: Times, capacity: Capacity) -> Times:
    """Departures of one first-in-first-out server of this capacity. `arrive` must not decrease; shapes (n,)."""
    return np.maximum(capacity.when(fifo(capacity.by(arrive), work)), arrive)
