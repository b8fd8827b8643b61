"""Quiet polls before a loaded Exchange: those that would have to wait are made, one by one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.control.agreements.poller import Poller


class QuietPolls:
    """The polls of these pollers, by row, as a `HubStream` wants them: they find nothing, and are computed as long as
    they need not wait. One that has to wait is a request under way, with its time-out, like those that find something.
    """

    __slots__ = ("_pollers", "_requests")

    def __init__(self, pollers: Sequence[Poller]) -> None:
        self._pollers = pollers
        self._requests: dict[int, int] = {}  # rows whose poll is at the Exchange -> which request that is

    def advance_all(self, now: int) -> None:
        """Nothing is kept of polls that need not wait."""

    def due(self) -> NDArray[np.int64]:
        """When each one's next quiet poll comes (ns)."""
        return np.array([poller.due() for poller in self._pollers], np.int64)

    def due_of(self, row: int) -> int:
        """The same for one."""
        return self._pollers[row].due()

    def take(self, row: int) -> None:
        """It has come, and waits."""
        self._requests[row] = self._pollers[row].made()

    def through(self, row: int, _now: int) -> None:
        """The Exchange answers it."""
        self._pollers[row].taken(self._requests.pop(row))

    def forget(self, _now: int) -> None:
        """The Exchange has stopped, and hangs up."""
        requests, self._requests = self._requests, {}
        for row, request in requests.items():
            self._pollers[row].lost(request)
