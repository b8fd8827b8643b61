"""Leader election among the copies of a component (client-go's): one leads, the others wait for its lease to end.

A leader renews its record every retry period. A candidate looks at the record a little less often, measures the
lease from the moment at which it saw the record change, by its own clock, and takes over at its first look after
that. Neither costs an event while all is well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulator.control.api.server import ApiServer
from simulator.control.liveness.passes import Passes
from simulator.engine.clock import Clock, Timer
from simulator.record.buffer import Recorder
from simulator.streams import Rng, key


@dataclass(frozen=True, slots=True)
class LeaderSettings:
    """Times in ns. `copies` run in all, one of them leads; a candidate's gap is retry × U(1, 1 + jitter).

    Without election (`elect` false) the one copy works whenever its process runs.
    """

    lease_ns: int
    renew_deadline_ns: int
    retry_ns: int
    jitter: float
    copies: int = 1
    elect: bool = True


class _Candidate:
    """A copy that waits: on which machine, when it looks, and when it saw the record change last."""

    __slots__ = ("host", "looks", "saw")

    def __init__(self, host: int, looks: Passes) -> None:
        self.host = host
        self.looks = looks
        self.saw: int | None = None  # None: it is renewed still, or no server was there to look at


class Leadership:
    """Who leads one component. `begin` is called when a copy becomes leader, `end` when it is leader no longer.

    Each copy has a machine of its own, by number from 0; the first leads at the beginning.
    """

    __slots__ = (
        "_absent",
        "_begin",
        "_candidates",
        "_clock",
        "_deadline",
        "_deposed",
        "_end",
        "_name",
        "_recorder",
        "_renewed",
        "_rng",
        "_server",
        "_settings",
        "_started",
        "_stopped",
        "_takeover",
        "host",
        "leading",
    )

    def __init__(
        self,
        clock: Clock,
        rng: Rng,
        recorder: Recorder,
        server: ApiServer,
        name: str,
        *,
        settings: LeaderSettings,
        begin: Callable[[], None],
        end: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._recorder = recorder
        self._server = server
        self._name = name
        self._settings = settings
        self._begin = begin
        self._end = end
        self.leading = False
        self.host = 0  # of the leader, or of the last one
        self._absent: set[int] = set()  # machines that are lost
        self._deposed: set[int] = set()  # machines whose copy was stopped while it led
        self._stopped = False  # every copy is
        self._started = 0  # processes so far: each has an identity of its own
        self._candidates: list[_Candidate] = []
        self._renewed = -round(settings.retry_ns * rng.draw("leader-phase", key(name)))  # a renewal; all are in step
        self._deadline: Timer | None = None  # the leader gives up here unless the server comes back
        self._takeover: Timer | None = None
        server.up_hooks.append(self._server_changed)

    def start(self) -> None:
        """At the beginning of time one copy leads already."""
        for host in range(1, self._settings.copies):
            self._new_candidate(host)
        self._lead()

    def set_up(self, up: bool, leader: bool = False) -> None:
        """Stop or start all copies of the component; `leader`: only the one that leads, or its machine's copy again."""
        if not leader:
            self._stopped = not up
        elif up:
            self._deposed.clear()
        elif self.leading:
            self._deposed.add(self.host)
        self._settle()

    def set_machine(self, host: int, up: bool) -> None:
        """A machine is lost with its copy, or is back: its copy is a candidate again."""
        (self._absent.discard if up else self._absent.add)(host)
        self._settle()

    def _settle(self) -> None:
        """Copies run where their machine does and nobody has stopped them."""
        runs = set() if self._stopped else set(range(self._settings.copies)) - self._absent - self._deposed
        self._candidates = [candidate for candidate in self._candidates if candidate.host in runs]
        if self.leading and self.host not in runs:
            self._lose()
        if not self._settings.elect:
            if runs:
                self._lead()
        else:
            known = {candidate.host for candidate in self._candidates} | ({self.host} if self.leading else set())
            for host in sorted(runs - known):
                self._new_candidate(host)
        self._plan()

    def _new_candidate(self, host: int) -> None:
        s, now = self._settings, self._clock.now
        identity = f"{self._name}-{self._started}"
        self._started += 1
        # Those that have waited since before the beginning are in the middle of a gap.
        start = now - round(s.retry_ns * self._rng.draw("leader-look", key(identity))) if now == 0 else now
        extra_ns = (0, round(s.jitter * s.retry_ns))
        looks = Passes(self._rng, "leader-looks", identity, start=start, period_ns=s.retry_ns, extra_ns=extra_ns)
        self._candidates.append(_Candidate(host, looks))

    def _lead(self) -> None:
        if not self.leading:
            self.leading = True
            self._recorder.events.add(self._clock.now, "LeaderElection", self._name, "", "became leader")
            self._begin()

    def _lose(self) -> None:
        """The process that leads ends. Nobody releases its lease: its last renewal is what candidates see."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if not self.leading:
            return
        self.leading = False
        if self._server.up:
            self._renewed = self._renewal_before(self._clock.now)
            for candidate in self._candidates:
                candidate.saw = candidate.looks.at_or_after(self._renewed)
        self._recorder.events.add(self._clock.now, "LeaderElection", self._name, "", "stopped leading")
        self._end()

    def _renewal_before(self, time: int) -> int:
        return self._renewed + (time - self._renewed) // self._settings.retry_ns * self._settings.retry_ns

    def _plan(self) -> None:
        """Find who takes over, and when."""
        if self._takeover is not None:
            self._takeover.cancel()
            self._takeover = None
        if self.leading or not self._server.up or not self._settings.elect:
            return
        now, found = self._clock.now, []
        for candidate in self._candidates:
            if candidate.saw is None:
                candidate.saw = candidate.looks.at_or_after(now)
            found.append((candidate.looks.at_or_after(max(now, candidate.saw + self._settings.lease_ns)), candidate))
        if found:
            time, first = min(found, key=lambda each: each[0])
            self._takeover = self._clock.at(time, self._take, first)

    def _take(self, candidate: _Candidate) -> None:
        self._candidates.remove(candidate)
        self.host = candidate.host
        self._renewed = self._clock.now
        for other in self._candidates:
            other.saw = None
        self._lead()

    def _server_changed(self, up: bool) -> None:
        if not self._settings.elect:
            return
        if up:
            self._server_back()
        else:
            self._server_gone()
        self._plan()

    def _server_gone(self) -> None:
        now, s = self._clock.now, self._settings
        if self.leading:
            self._renewed = self._renewal_before(now)
            self._deadline = self._clock.at(self._renewed + s.retry_ns + s.renew_deadline_ns, self._give_up)
            for candidate in self._candidates:
                candidate.saw = candidate.looks.at_or_after(self._renewed)
        for candidate in self._candidates:
            if candidate.saw is not None and candidate.saw > now:
                candidate.saw = None  # it finds no server to look at

    def _server_back(self) -> None:
        if not self.leading or self._deadline is None:
            return
        retry_ns = self._settings.retry_ns
        again = self._renewed - (self._renewed - self._clock.now) // retry_ns * retry_ns  # the next attempt
        if again < self._deadline.time:
            self._deadline.cancel()
            self._deadline = None
            self._renewed = again
            for candidate in self._candidates:
                candidate.saw = None

    def _give_up(self) -> None:
        """The renew deadline has passed: the process ends, and starts again as one more candidate."""
        self._deadline = None
        self._lose()
        self._new_candidate(self.host)
        self._plan()
