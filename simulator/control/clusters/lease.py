"""Pull mode: an agent in the member renews a lease and says how its own API server is; the hub waits for a grace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulator.control.delivery.reach import Reach
from simulator.control.liveness.lease import LeaseSettings, Renewals
from simulator.control.liveness.passes import Passes
from simulator.engine.clock import Clock, Timer
from simulator.streams import Rng


@dataclass(frozen=True, slots=True)
class GraceSettings:
    """Times in ns: how often the hub looks, plus the work of one look (uniform), how long it waits, and how late it
    sees what was written."""

    monitor_ns: int
    work_ns: tuple[int, int]
    grace_ns: int
    watch_ns: int


class Lease:
    """The lease of one member. `turned(condition)` is called when the hub's belief turns: True, False or Unknown.

    The agent's statuses are posted with its renewals (in Karmada in a second loop of the same period). A steady path
    costs no event. `heard_ns` is when the last one arrived, as of the last `advance`; `latency_ns` its way.
    """

    __slots__ = ("_believed", "_clock", "_floor", "_passes", "_renewals", "_running", "_said", "_settings", "_timer",
                 "_turned", "_way", "heard_ns", "latency_ns")  # fmt: skip

    def __init__(
        self,
        clock: Clock,
        rng: Rng,
        name: str,
        way: Reach,
        *,
        passes: Passes,
        renew: LeaseSettings,
        settings: GraceSettings,
        turned: Callable[[str], None],
    ) -> None:
        self._clock, self._way = clock, way
        self._passes = passes
        self._settings = settings
        self._turned = turned
        self._renewals = Renewals(rng, [f"cluster/{name}"], renew)
        self._believed = "True"
        self._said = "True"  # what the agent says of its API server
        self._floor = 0  # no probe is older than this
        self._running = False
        self._timer: Timer | None = None
        self.heard_ns, self.latency_ns = 0, int(way.delay_ns[0])
        self._path_changed([], [])
        way.tell(self._path_changed)

    def own_api_server(self, ready: bool) -> None:
        """The agent has found that its own API server answers, or that it does not."""
        self._said = str(ready)
        self._plan()

    def start(self) -> None:
        """The hub begins, or goes on, to look: everybody's grace starts anew."""
        self._running = True
        self._floor = self._clock.now
        self._plan()

    def stop(self) -> None:
        """The hub looks no more."""
        self._running = False
        self._plan()

    def advance(self, now: int) -> None:
        """Make every renewal that has ended by now."""
        self._renewals.advance(0, now)
        if self._renewals.arrived[0] > self.heard_ns:
            self.heard_ns, self.latency_ns = int(self._renewals.arrived[0]), int(self._way.delay_ns[0])

    def _plan(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._running:
            return
        now, watch = self._clock.now, self._settings.watch_ns
        self.advance(now)
        arrival = self._renewals.arrival(0)
        probe = max(self._floor, self._passes.at_or_after(self.heard_ns + watch))
        late = max(self._passes.after(probe + self._settings.grace_ns), self._passes.at_or_after(now))
        if arrival is not None and self._believed != self._said and (self._believed == "Unknown" or arrival < late):
            self._timer = self._clock.at(max(arrival, now), self._posted)
        elif self._believed != "Unknown":
            noticed = None if arrival is None else self._passes.at_or_after(arrival + watch)
            if noticed is None or noticed > late:
                self._timer = self._clock.at(late, self._turn, "Unknown")
            elif self._renewals.unsteady(0):  # only here does every renewal cost an event
                self._timer = self._clock.at(max(noticed, now + 1), self._plan)

    def _posted(self) -> None:
        self._turn(self._said)

    def _turn(self, condition: str) -> None:
        self._believed = condition
        self._turned(condition)
        self._plan()

    def _path_changed(self, _rows: list[int], booted: list[int]) -> None:
        way, now = self._way, self._clock.now
        self.advance(now)
        state, delay, loss = int(way.state[0]), int(way.delay_ns[0]), float(way.loss[0])
        self._renewals.change(0, now, state=state, delay_ns=delay, loss=loss, booted=bool(booted))
        self._plan()
