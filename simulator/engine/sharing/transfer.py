"""One flow of bytes, and all flows that are served alike."""

from __future__ import annotations

from heapq import heappop
from typing import TYPE_CHECKING

from simulator.engine.activity import Activity
from simulator.engine.clock import Clock

if TYPE_CHECKING:
    from simulator.engine.sharing.flow_class import FlowClass
    from simulator.engine.sharing.sharing import Sharing


class Transfer(Activity):
    """One flow of bytes over a path of links. `remaining` is in bytes."""

    __slots__ = ("_bundle", "_left", "_start", "size")

    def __init__(self, clock: Clock, size: int) -> None:
        super().__init__(clock)
        self.size = size
        self._left: float = size  # once it has ended
        self._bundle: Bundle | None = None
        self._start = 0.0  # the bundle's service when this flow joined

    @property
    def rate_bps(self) -> float:
        """Its rate now, in bit/s; 0 once it has ended."""
        return self._bundle.sharing.rate(self._bundle) if self._bundle is not None else 0.0

    def remaining(self) -> float:
        """Bytes still to come."""
        if self._bundle is None:
            return self._left
        return max(0.0, self._start + self.size - self._bundle.served_at(self._bundle.sharing.now))

    def cancel(self) -> None:
        """Give up; what has crossed the links stays counted."""
        if self._bundle is not None:
            self._bundle.sharing.stop(self)
        else:
            self._end(False)

    def _leave(self, left: float) -> None:
        self._bundle, self._left = None, left


class Bundle:
    """All flows over one path with one cap: they have one rate, and end in the order of the service at which each will
    have got its size. Service is what a flow present all along has got, in bytes: its class's, and `ahead`."""

    __slots__ = ("ahead", "cap_bps", "count", "counted", "flow_class", "flows", "limit_bps", "path", "planned",
                 "sharing", "version")  # fmt: skip

    def __init__(self, sharing: Sharing, path: tuple[int, ...], cap_bps: float, limit_bps: float) -> None:
        self.sharing = sharing
        self.path = path
        self.cap_bps = cap_bps
        self.limit_bps = limit_bps  # the cap is never above it
        self.count = 0
        self.flows: list[tuple[float, int, Transfer]] = []  # heap by the service at which each is done
        self.flow_class: FlowClass | None = None
        self.counted = 0  # of its flows, by its class
        self.ahead = 0.0
        self.planned = 0  # the flow whose end its class foresees
        self.version = 0  # the number of what its class was told

    def served_at(self, now: int) -> float:
        return self.ahead if self.flow_class is None else self.flow_class.served_at(now) + self.ahead

    def head(self) -> tuple[float, int, Transfer]:
        """The next flow to finish; those that were stopped are dropped on the way."""
        flows = self.flows
        while flows[0][2]._bundle is not self:
            heappop(flows)
        return flows[0]
