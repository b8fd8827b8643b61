"""The tree of calls of a flow: who is asked at each place in it, by which tries, and over which ways.

A `Site` is one place in the tree and one try there ("the second call of api, tried again"); its name names its
draws. A `Visit` is a site answered by a pod of one workload, which decides the work and the further calls. A
`Choice` is one endpoint as one asker meets it now: the ways there and back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from simulator.errors import Problem, UserError
from simulator.physics.distributions import Distribution
from simulator.traffic.flows import Behaviour, Call

if TYPE_CHECKING:
    from simulator.traffic.stations import Station
    from simulator.traffic.tries import Try

# One step of a way: directed link, ns to send (at the largest rate, if it follows a trace), ns to travel, what the try
# meets next, name of its draws, bits.
Step = tuple[int, int, int, int, str, int]
Steps = tuple[Step, ...]


class Visit:
    """A site answered by a pod of one workload."""

    __slots__ = ("batched", "calls", "name", "work")

    def __init__(self, site: Site, behaviour: Behaviour) -> None:
        self.work: Distribution = behaviour.work
        self.name = f"work/{site.name}"
        self.batched = site.batched
        self.calls = tuple(site.below(f"{site.name}>{i}", call) for i, call in enumerate(behaviour.calls))


class Site:
    """One place in the tree of calls, for one try."""

    __slots__ = (
        "_again",
        "_late",
        "_visits",
        "above",
        "batched",
        "choices",
        "late",
        "name",
        "pick",
        "request_bytes",
        "response_bytes",
        "retries",
        "service",
        "timeout_ns",
        "tried",
    )

    def __init__(
        self,
        name: str,
        call: Call,
        late: dict[int, deque[Try]],
        *,
        above: tuple[str, ...] = (),
        tried: int = 0,
        batched: bool = True,
    ) -> None:
        self.name = name
        self.pick = f"pick/{name}"
        self.service = call.target
        self.request_bytes, self.response_bytes = call.request_bytes, call.response_bytes
        self.timeout_ns, self.retries = call.timeout_ns, call.retries
        self.above, self.tried, self.batched = above, tried, batched  # services whose calls lead here; tries before
        self.choices: dict[int, Choices] = {}  # by place of the asker: the endpoints as they are now
        # Tries that may still run into their time-out, oldest first; all sites of a flow with one patience share it.
        self._late = late
        self.late: deque[Try] | None = None if call.timeout_ns is None else late.setdefault(call.timeout_ns, deque())
        self._visits: dict[str, Visit] = {}
        self._again: Site | None = None

    def visit(self, workload: str, behaviour: Behaviour) -> Visit:
        """This site as pods of a workload answer it."""
        found = self._visits.get(workload)
        if found is None:
            found = self._visits[workload] = Visit(self, behaviour)
        return found

    def forget(self, places: Iterable[int]) -> None:
        """Askers at these places have to look for their endpoints again."""
        for place in places:
            for choice in self.choices.pop(place):
                choice.current = False

    def below(self, name: str, call: Call) -> Site:
        """A call made from here. Raises UserError where it asks for a service that waits for it."""
        above = (*self.above, self.service)
        if call.target in above:
            circle = " → ".join([*above[above.index(call.target) :], call.target])
            hint = "a request that comes back to a service which waits for it never ends: take one of the calls out"
            raise UserError(Problem(f"calls go round in a circle: {circle}", hint=hint))
        return Site(name, call, self._late, above=above, batched=self.batched)

    def again(self) -> Site:
        """The next try at this place. Its draws are made one by one: few tries get here."""
        if self._again is None:
            call = Call(self.service, self.request_bytes, self.response_bytes, self.timeout_ns, self.retries)
            first = self.name.rpartition("~")[0] if self.tried else self.name
            tried = self.tried + 1
            self._again = Site(f"{first}~{tried}", call, self._late, above=self.above, tried=tried, batched=False)
        return self._again


class Choice:
    """One endpoint as one asker meets it: the way there, and the way back as of network change number `seen`."""

    __slots__ = ("asker", "back", "blocked", "current", "known", "notice_ns", "out", "seen", "site", "station",
                 "visit")  # fmt: skip

    def __init__(self, site: Site, asker: int, station: Station, visit: Visit) -> None:
        self.site, self.asker, self.station, self.visit = site, asker, station, visit
        self.current = True  # until the endpoints, or the network, change
        self.out: Steps = ()
        self.back: Steps | None = None  # None: no way back
        self.seen = -1
        self.blocked = ""  # "silent" or "refused": there is no way there
        self.notice_ns = 0  # refused: until the asker knows
        self.known: Any = None  # of the router: what its proxy has seen of the endpoint


class Choices(list[Choice]):
    """The endpoints that an asker has at a site now; `lot` is the router's, and says how one is picked."""

    __slots__ = ("lot",)

    def __init__(self, choices: Iterable[Choice] = (), lot: Any = None) -> None:
        super().__init__(choices)
        self.lot = lot
