"""Push mode: the hub polls a member's API server, and believes a change only when it has lasted.

Polls cost no event: those that a steady path makes equal are counted when somebody asks, and a timer is set only for
the poll that will turn the belief.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from simulator.control.delivery.reach import DOWN, OK, REFUSED, SILENT, Reach
from simulator.engine.clock import Clock, Timer
from simulator.streams import Rng, key
from simulator.world.message import Retransmission

_ALWAYS: Final = -(1 << 62)  # a run of equal polls that began before time did
_LOOK_AHEAD: Final = 100  # polls, where packets are lost and each is a matter of luck


@dataclass(frozen=True, slots=True)
class ProbeSettings:
    """Times in ns. The next poll starts `period_ns` after the end of the one before. A poll that nobody answers ends
    after `timeout_ns`; its SYN is repeated after 1, 2, 4 … `syn_ns`. Ready turns after `failure_ns` of failed polls,
    and back after `success_ns` of good ones, counted from the end of the first of them."""

    period_ns: int
    timeout_ns: int
    failure_ns: int
    success_ns: int
    syn_ns: int
    tcp: Retransmission


class Probe:
    """The polls of one member. `turned(ready)` is called when the belief turns; it works between `start` and `stop`.

    `heard_ns` is the end of the last good poll as of the last `advance`, `latency_ns` half its round trip.
    """

    __slots__ = ("_believed", "_clock", "_flight", "_good", "_identity", "_next", "_number", "_path", "_rng",
                 "_running", "_settings", "_since", "_timer", "_turned", "_way", "heard_ns", "latency_ns")  # fmt: skip

    def __init__(
        self,
        clock: Clock,
        rng: Rng,
        name: str,
        way: Reach,
        *,
        settings: ProbeSettings,
        turned: Callable[[bool], None],
    ) -> None:
        self._clock, self._rng, self._way = clock, rng, way
        self._settings = settings
        self._turned = turned
        self._identity = key(name)
        self._next = round(settings.period_ns * rng.draw("cluster-poll-phase", self._identity))  # the poll that comes
        self._number = 0
        self._good: bool | None = True  # how the present run of equal polls ends; None: nothing is remembered
        self._since = _ALWAYS  # the end of the first poll of that run
        self._believed = True
        self._flight: tuple[int, bool] | None = None  # how the poll that was under way at a change ends
        self._timer: Timer | None = None
        self._running = False
        self._path = self._look()
        self.heard_ns = 0
        self.latency_ns = self._path[1]
        way.tell(lambda _rows, _booted: self._path_changed())

    def start(self) -> None:
        """Begin, or go on, to poll."""
        self._running = True
        self._next = max(self._next, self._clock.now)
        self._plan()

    def stop(self) -> None:
        """Poll no more."""
        self.advance(self._clock.now)
        self._running, self._flight = False, None
        self._drop()

    def forget(self) -> None:
        """The process has ended: the first poll of the next one is believed at once."""
        self._good = None

    def advance(self, now: int) -> None:
        """Make every poll that has ended by now."""
        while self._polls():
            end, good = self._poll(self._next, self._number)
            if end > now:
                return
            if good == self._good and self._steady() and self._flight is None:
                step = end - self._next + self._settings.period_ns
                more = (now - end) // step
                end, self._number = end + more * step, self._number + more
            self._good, self._since = self._run(self._good, self._since, good, end)
            if good:
                self.heard_ns, self.latency_ns = end, self._path[1]
            self._next, self._number, self._flight = end + self._settings.period_ns, self._number + 1, None

    def _plan(self) -> None:
        """Find the poll that will turn the belief, if nothing changes."""
        self._drop()
        self.advance(self._clock.now - 1)  # one that ends now may be the one
        start, number, flight = self._next, self._number, self._flight
        good, since = self._good, self._since
        if not self._polls():
            return
        for _ in range(_LOOK_AHEAD):
            end, ok = self._poll(start, number) if flight is None else flight
            good, since = self._run(good, since, ok, end)
            if ok != self._believed and end >= since + self._threshold(ok):
                self._timer = self._clock.at(end, self._turn, ok)
                return
            if ok == self._believed and self._steady() and flight is None:
                return
            start, number, flight = end + self._settings.period_ns, number + 1, None
        self._timer = self._clock.at(start, self._plan)

    def _turn(self, ready: bool) -> None:
        self._believed = ready
        self._turned(ready)
        self._plan()

    @staticmethod
    def _run(good: bool | None, since: int, outcome: bool, end: int) -> tuple[bool, int]:
        """The run of equal polls after one more."""
        if good is None:
            return outcome, _ALWAYS
        return (good, since) if outcome == good else (outcome, end)

    def _threshold(self, good: bool) -> int:
        return self._settings.success_ns if good else self._settings.failure_ns

    def _poll(self, start: int, number: int) -> tuple[int, bool]:
        """When a poll that starts then ends, and how."""
        if self._flight is not None and number == self._number:
            return self._flight
        state, delay, loss = self._path
        if state == REFUSED:
            return start, False
        took = 2 * delay + self._repeats(number, delay, loss)
        if state == SILENT or took > self._settings.timeout_ns:
            return start + self._settings.timeout_ns, False
        return start + took, True

    def _repeats(self, number: int, delay: int, loss: float) -> int:
        """How long TCP waits before its packets get through: one draw for all repetitions."""
        if not loss:
            return 0
        u = 1.0 - self._rng.draw("cluster-poll-loss", self._identity, number)
        tcp, waited = self._settings.tcp, 0
        gap = 2 * delay + tcp.least_ns
        while u <= loss and waited <= self._settings.timeout_ns:
            u, waited, gap = u / loss, waited + min(gap, tcp.most_ns), 2 * gap
        return waited

    # The path.
    def _polls(self) -> bool:
        return self._running and self._path[0] != DOWN

    def _steady(self) -> bool:
        """Whether all polls end as one does."""
        return self._path[0] != OK or not self._path[2]

    def _look(self) -> tuple[int, int, float]:
        return int(self._way.state[0]), int(self._way.delay_ns[0]), float(self._way.loss[0])

    def _path_changed(self) -> None:
        now = self._clock.now
        self.advance(now - 1)
        under_way = self._polls() and self._next < now
        self._path, self._flight = self._look(), None
        self._next = max(self._next, now) if not under_way else self._next
        if under_way and self._path[0] == OK:
            self._flight = self._answered(now)
        elif under_way and self._path[0] == REFUSED:
            self._flight = (now, False)
        elif self._path[0] == DOWN:
            self._next = now
        self._plan()

    def _answered(self, now: int) -> tuple[int, bool]:
        """The end of a poll whose way has become free: its next SYN is answered, if it still comes."""
        sent, gap = self._next, self._settings.syn_ns
        while sent < now:
            sent, gap = sent + gap, 2 * gap
        end, last = sent + 2 * self._path[1], self._next + self._settings.timeout_ns
        return (end, True) if end <= last else (last, False)

    def _drop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
