"""First in, first out, one server whose speed changes: in work units d = C⁻¹(max(W, C(a)) + w), W given before.

`simulator.physics.capacity` says what C is, and that nothing is rounded but d: the queue is kept in work, so that no
two ways to evaluate it differ, however they cut it into pieces.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.physics.capacity import NEVER, Capacity
from simulator.traffic.kernels.fifo import fifo

Ints = NDArray[np.int64]

_FEW: Final = 32  # quicker one by one


class Line:
    """A queue before a capacity. `given`: the work by which all that has come is done."""

    __slots__ = ("capacity", "given")

    def __init__(self, capacity: Capacity) -> None:
        self.capacity = capacity
        self.given = 0

    def serve(self, t: int, bits: int) -> int:
        """When so many bits that come at `t`, no earlier than those before, are sent (ns)."""
        capacity = self.capacity
        come = capacity.by(t)
        self.given = (come if come > self.given else self.given) + bits * capacity.bit
        return capacity.when(self.given)

    def serve_all(self, arrive: Ints, bits: Ints) -> Ints:
        """`serve` for many, one after the other; shapes (n,). In int64 from the first arrival on; where that does not
        hold it all, half as many at once."""
        capacity, n, start = self.capacity, len(arrive), int(arrive[0])
        if n < _FEW:
            return np.array([self.serve(t, n) for t, n in zip(arrive.tolist(), bits.tolist(), strict=True)], np.int64)
        base = capacity.by(start)
        most = max(self.given, capacity.by(int(arrive[-1]))) + int(bits.sum()) * capacity.bit
        if max(most - base, capacity.fastest) >= NEVER:
            return np.concatenate([self.serve_all(arrive[: n // 2], bits[: n // 2]),
                                   self.serve_all(arrive[n // 2 :], bits[n // 2 :])])  # fmt: skip
        pieces = [(time, done - base, rate) for time, done, rate in capacity.pieces(start, most)]
        times, done, rates = np.array(pieces, np.int64).T
        at = np.searchsorted(times, arrive, side="right") - 1
        given = fifo(done[at] + (arrive - times[at]) * rates[at], bits * capacity.bit, max(self.given - base, 0))
        self.given = base + int(given[-1])
        at = np.searchsorted(done, given) - 1  # no flat piece is where a value is reached, but the last of all
        ends = times[at] - (done[at] - given) // np.maximum(rates[at], 1)
        return np.where(rates[at] > 0, np.minimum(ends, NEVER), NEVER)
