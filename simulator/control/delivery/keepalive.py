"""A session's keep-alives: when they reach the hub, and when the hub has waited too long. None of them is an event."""

from __future__ import annotations

from typing import Final

from simulator.streams import Rng, key
from simulator.units import MS
from simulator.world.message import Retransmission

_LOOK_AHEAD: Final = 1000  # keep-alives: hours


class KeepAlives:
    """Of one session: sent each `period_ns` (from a random phase before time, later from the connection's beginning).

    `heard` is when the last one that is known to have arrived did, or what counts as one (ns).
    """

    __slots__ = ("_identity", "_late", "_period_ns", "_phase", "_rng", "_tcp", "_timeout_ns", "heard")

    def __init__(self, rng: Rng, name: str, *, period_ns: int, timeout_ns: int, tcp: Retransmission) -> None:
        self._rng = rng
        self._identity = key(name)
        self._period_ns = period_ns
        self._timeout_ns = timeout_ns
        self._tcp = tcp
        self._phase = self.heard = round(period_ns * (rng.draw("keepalive-phase", self._identity) - 1))
        self._late: list[int] = []  # where packets are lost: when those to come arrive

    def begin(self, now: int) -> None:
        """The connection stands: the first is sent now."""
        self._phase = now

    def following(self, now: int) -> int:
        """When the first one after `now` is sent."""
        return self._phase + (now - self._phase) // self._period_ns * self._period_ns + self._period_ns

    def settle(self, now: int, delay_ns: int) -> None:
        """The path has been as it was up to now: see which was the last to arrive."""
        if self._late:
            self.heard = max([self.heard, *(arrival for arrival in self._late if arrival <= now)])
        else:
            self.heard = max(self.heard, self.following(now - delay_ns) - self._period_ns + delay_ns)
        self._late = []

    def overdue(self, now: int) -> int:
        """When the hub closes if none arrives any more."""
        return max(self.heard + self._timeout_ns, now)

    def plan(self, now: int, delay_ns: int, loss: float) -> tuple[int, bool] | None:
        """Where packets are lost: the next moment that matters, and whether the hub closes then, because the first one
        comes too late, or only should be asked again. None where none is lost."""
        self._late = []
        if not loss:
            return None
        heard, beat = self.heard, self.following(now)
        for _ in range(_LOOK_AHEAD):
            arrival = max(heard, beat + delay_ns + self._tcp_waits(beat, delay_ns, loss))
            if arrival > heard + self._timeout_ns:
                return max(heard + self._timeout_ns, now), True
            heard, beat = arrival, beat + self._period_ns
            self._late.append(arrival)
        return heard, False

    def _tcp_waits(self, beat: int, delay_ns: int, loss: float) -> int:
        """How long TCP needs to get this one through: one draw for all its repetitions."""
        u, waited = 1.0 - self._rng.draw("keepalive-loss", self._identity, max(0, beat) // MS), 0
        for wait in self._tcp.waits(2 * delay_ns):
            if u > loss:
                break
            u, waited = u / loss, waited + wait
        return waited
