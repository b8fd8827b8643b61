"""Loops that sleep after their work: the instants at which something looks, without an event for each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.streams import Rng, key

_CHUNK = 64


class Passes:
    """A loop's passes: the first at `start`, each later one after `period_ns` and a uniform extra of `extra_ns`.

    The extra is the work of a pass, or a client's jitter. Which instants they are depends on the name and identity
    alone; they are drawn in arrays, no further than somebody has asked.
    """

    __slots__ = ("_extra_ns", "_identity", "_name", "_period_ns", "_rng", "_times")

    def __init__(
        self, rng: Rng, name: str, identity: str, *, start: int, period_ns: int, extra_ns: tuple[int, int]
    ) -> None:
        if period_ns <= 0 or not 0 <= extra_ns[0] <= extra_ns[1]:
            raise ValueError("a loop needs a positive period and an ordered, non-negative extra")
        self._rng = rng
        self._name = name
        self._identity = key(identity)
        self._period_ns = period_ns
        self._extra_ns = extra_ns
        self._times: NDArray[np.int64] = np.array([start], np.int64)

    def at_or_after(self, time: int) -> int:
        """The first pass that is not before `time`."""
        self._extend(time)
        return int(self._times[np.searchsorted(self._times, time, "left")])

    def after(self, time: int) -> int:
        """The first pass later than `time`."""
        return self.at_or_after(time + 1)

    def _extend(self, time: int) -> None:
        while self._times[-1] < time:
            known = len(self._times)
            more = max(_CHUNK, int((time - self._times[-1]) // self._period_ns) + 1)
            low, high = self._extra_ns
            draws = self._rng.draws(self._name, self._identity, np.arange(known, known + more))
            gaps = self._period_ns + np.rint(low + (high - low) * draws).astype(np.int64)
            self._times = np.concatenate((self._times, self._times[-1] + np.cumsum(gaps)))
