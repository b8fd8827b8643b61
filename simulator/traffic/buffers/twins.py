"""Device twins: of each property an edge node keeps the last value, and that is what the cloud gets afterwards.

KubeEdge's DeviceTwin writes to its database what comes while the node is cut off, and synchronises when the session
is back: the cloud never sees the values between. They are on disk and outlive a restart.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class Twins:
    """The last value of each source, by the source's number."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[int, int] = {}  # when it was made

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, source: int) -> bool:
        return source in self._kept

    def keep(self, came: Ints) -> Ints:
        """Values (3, n: source, creation, arrival) in order of their arrival. Those that one of them replaces, as
        (2, m): the source, and when that happened."""
        source, created, arrived = came
        order = np.argsort(source, kind="stable")
        source, created, arrived = source[order], created[order], arrived[order]
        replaces = np.zeros(len(source), np.bool_)
        replaces[1:] = source[1:] == source[:-1]
        first = np.flatnonzero(~replaces)
        replaces[first] = [number in self._kept for number in source[first].tolist()]
        self._kept.update(zip(source.tolist(), created.tolist(), strict=True))
        return np.stack([source[replaces], arrived[replaces]])

    def take(self, now: int) -> Ints:
        """All values kept, as messages (3, n) that arrive now, the oldest first."""
        rows = sorted((created, number) for number, created in self._kept.items())
        self._kept.clear()
        created, number = np.array(rows, np.int64).reshape(len(rows), 2).T
        return np.stack([number, created, np.full(len(rows), now)])
