"""Which way each source's readings take now, and what depends on that: who looks again, load, warnings."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np

from simulator.errors import Problem, UserError
from simulator.traffic.buffers.gateway import Gateway
from simulator.traffic.fates import Fates
from simulator.traffic.flights import Flights
from simulator.traffic.flows import TelemetryFlow
from simulator.traffic.legs import Legs
from simulator.traffic.radios import Radios
from simulator.traffic.sessions import Sessions
from simulator.traffic.sources import Flying, Source
from simulator.world.dependents import Dependents

if TYPE_CHECKING:
    from simulator.traffic.plane import RequestPlane

NOTICEABLE: Final = 0.05  # share of a link's rate that telemetry takes before a warning says so


class Courses:
    """Of the sources and gateways of these flows. `sessions` looks where readings go, `radios` whom they keep awake;
    `visits` is how often somebody's way has been looked at."""

    __slots__ = ("_dependents", "_fates", "_flights", "_flows", "_legs", "_load", "_plane", "_touched", "_up", "radios",
                 "sessions", "visits", "warnings")  # fmt: skip

    def __init__(
        self, plane: RequestPlane, flows: list[TelemetryFlow], legs: Legs, fates: Fates, flights: Flights
    ) -> None:
        self._plane, self._flows, self._legs, self._fates, self._flights = plane, flows, legs, fates, flights
        self.sessions, self.radios = Sessions(plane), Radios(plane.network)
        self._dependents: Dependents[Source | Gateway] = Dependents(plane.network)
        self._touched = plane.network.watch()
        self._touched.clear()  # nobody has looked at any of them
        self._up = plane.up.copy()  # as it was last seen
        self._load: Counter[int] = Counter()  # by directed link: share of its rate, in millionths
        self.visits = 0
        self.warnings: list[str] = []

    def of_change(self) -> tuple[list[Source | Gateway], list[int]]:
        """Whose ways have changed since this was last asked, and the nodes that have lost power or have it back."""
        flipped = np.flatnonzero(self._plane.up != self._up).tolist()
        self._up = self._plane.up.copy()
        found = self._dependents.of_change(self._touched, flipped)
        self._touched.clear()
        return found, flipped

    def of_endpoint(self, uid: int) -> list[Source | Gateway]:
        """Who has picked a pod."""
        return self._dependents.of_endpoint(uid)

    def connect(self, gateway: Gateway, now: int) -> None:
        """Look where what waits at a gateway goes now."""
        self.visits += 1
        connection = self.sessions.connection(gateway)
        self._dependents.looked(gateway, self.sessions.asked, (gateway.node,), gateway.uid)
        gateway.connect(connection, bool(self._plane.up[gateway.node]), now)
        if self.radios.any:
            for source in gateway.sources:
                self.radios.follow(source, self._flows[source.flow], now)

    def renew(self, source: Source, now: int) -> None:
        """Look where readings go now."""
        self._look(source, now)
        if self.radios.any:
            self.radios.follow(source, self._flows[source.flow], now)

    def _look(self, source: Source, now: int) -> None:
        """Where readings go elsewhere now, settle the old session and take care of what is under way."""
        self.visits += 1
        session, onward = self.sessions.of(source, self._flows[source.flow])
        nodes = (source.node, source.door.node) if source.door is not None else (source.node,)
        self._dependents.looked(source, self.sessions.asked, nodes, source.uid)
        old, beyond = source.session, source.onward
        same, same_beyond = session.like(old), onward is beyond or onward.like(beyond)
        if same and same_beyond:
            return
        self._fates.advance(source, now)
        left: list[Flying] = []
        if not same:
            left += self._legs.left_behind(source, old, self._fates.under_way(source), now)
        if not same_beyond:
            left += self._legs.left_behind(source, beyond, source.sent, now)
            source.sent = source.nothing
        self._flights.add(left, now)
        source.session, source.onward = session, onward
        for sign, sessions in ((-1, (old, beyond)), (1, (session, onward))):
            for step in (step for each in sessions for step in each.steps or ()):
                hop, takes = step[0], self._plane.ways.airtime(step)
                self._load[hop] += sign * (10**6 * takes // source.every)
                limited = bool(self._plane.ways.limited((hop,)))
                if sign > 0 and self._load[hop] > (10**6 if limited else NOTICEABLE * 10**6):
                    if limited:
                        raise self._too_much(source, hop)
                    self._warn(source, hop)
        whole = session.hub is None or onward.steps is not None or isinstance(session.hub, Gateway)
        if session.steps is not None and whole:  # to a gateway's spool: up to there
            source.unloaded_ns = session.delay_ns + onward.delay_ns

    def _too_much(self, source: Source, hop: int) -> UserError:
        name = self._plane.network.links[hop >> 1].name
        said = f"telemetry {self._flows[source.flow].name} sends more over link {name} than its duty cycle allows"
        return UserError(Problem(said, hint="send less often, or give it a spool: {at: device, …}"))

    def _warn(self, source: Source, hop: int) -> None:
        text = (
            f"telemetry {self._flows[source.flow].name}: readings take more than {NOTICEABLE:.0%} of link "
            f"{self._plane.network.links[hop >> 1].name}, and are evaluated as if it were unloaded"
        )
        if text not in self.warnings:
            self.warnings.append(text)
