"""Telemetry: readings at a fixed period, counted in closed form from one change of their way to the next.

A source keeps a session with one endpoint of its target, picked by a named draw, and again when that endpoint is no
longer programmed. As long as its way stays the same a million readings are three numbers and a remainder; only
those that are under way when it changes are looked at one by one.

The rule for the links: a reading takes its serialisation and the latency of each hop (where they jitter or lose
packets, with its own draws, by the state of the links when it was made), as on an unloaded path. Readings do not
queue behind requests or each other, nor requests behind them; where they take a noticeable share of a link's rate,
`warnings` says so.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from simulator.record.buffer import Recorder
from simulator.traffic.flows import TelemetryFlow
from simulator.traffic.readings import CREATED, DELIVERED, LOST, Readings
from simulator.traffic.sources import Flying, Session, Source
from simulator.traffic.tries import ARRIVE
from simulator.traffic.ways import OUT, identity, round_trip
from simulator.units import SECOND
from simulator.world.node import NodeTable

if TYPE_CHECKING:
    from simulator.traffic.plane import RequestPlane

Ints = NDArray[np.int64]

NOTICEABLE: Final = 0.05  # share of a link's rate that telemetry takes before a warning says so


class Telemetry:
    """All telemetry of a plane: `settle` before a change of state, one of the `…changed` methods after it."""

    __slots__ = ("_asking", "_flows", "_flying", "_load", "_plane", "_readings", "_recorder", "_sources", "warnings")

    def __init__(self, plane: RequestPlane, recorder: Recorder, interval_ns: int) -> None:
        self._plane, self._recorder = plane, recorder
        self._readings = Readings(interval_ns)
        self._flows: list[TelemetryFlow] = []
        self._sources: list[Source] = []
        self._asking: dict[tuple[int, str | int], list[Source]] = {}  # by proxy and target
        self._flying: list[Flying] = []
        self._load: Counter[int] = Counter()  # by directed link: share of its rate, in millionths
        self.warnings: list[str] = []

    def add(self, flow: TelemetryFlow, nodes: NodeTable, now: int) -> None:
        """A flow of readings that begins now."""
        number, seen = len(self._flows), Counter[int]()
        self._flows.append(flow)
        for node, proxy in zip(flow.sources, flow.proxies, strict=True):
            key = identity(nodes.names[node], seen[node])
            seen[node] += 1
            phase = int(self._plane.rng.draw(f"phase/{flow.name}", key) * flow.every_ns)
            group = self._readings.group(flow.name, nodes.zone[node])
            source = Source(number, group, (node, proxy), key, base=now + phase, every=flow.every_ns)
            self._sources.append(source)
            self._asking.setdefault((proxy, flow.target), []).append(source)
            self._renew(source, now)

    # When something changes. Everything up to now has been settled.

    def network_changed(self, now: int) -> None:
        """Links or nodes have changed."""
        self._flying = [reading for reading in self._flying if not self._struck(reading, now)]
        for source in self._sources:
            self._renew(source, now)

    def programmed(self, proxy: int, service: str, now: int) -> None:
        """A proxy's endpoints of a service have changed."""
        for source in self._asking.get((proxy, service), ()):
            self._renew(source, now)

    def pod_changed(self, uid: int, now: int) -> None:
        """A pod has come up or gone down."""
        for source in self._sources:
            if source.session.uid == uid:
                self._renew(source, now)

    def settle(self, now: int) -> None:
        """Let those arrive that outlived their session; all others can wait until theirs ends."""
        if self._flying:
            self._flying = [reading for reading in self._flying if not self._landed(reading, now)]

    def finish(self, now: int) -> None:
        """Settle every source and write the table."""
        self.settle(now)
        for source in self._sources:
            self._advance(source, now)
        self._readings.write(self._recorder)

    def age_of_information(self, flow: str, now: int) -> float:
        """Age of the newest reading that has arrived, averaged over time from the first arrival to now and over the
        sources that were heard, in seconds; NaN if none was."""
        self.settle(now)
        ages = []
        for source in self._sources:
            if self._flows[source.flow].name == flow:
                self._advance(source, now)
                if source.first_at >= 0:
                    ages.append(source.mean_age_ns(now) / SECOND)
        return sum(ages) / len(ages) if ages else float("nan")

    # Sessions.

    def _renew(self, source: Source, now: int) -> None:
        """Look where readings go now; if elsewhere, settle the old session and take care of what is under way."""
        session, old = self._session(source), source.session
        if session.like(old):
            return
        self._advance(source, now)
        self._flying += [reading for reading in self._under_way(source, now) if not self._struck(reading, now)]
        source.session = session
        for sign, steps in ((-1, old.steps), (1, session.steps)):
            for hop, sends, *_ in steps or ():
                self._load[hop] += sign * (10**6 * sends // source.every)
                if sign > 0 and self._load[hop] > NOTICEABLE * 10**6:
                    self._warn(source, hop)

    def _session(self, source: Source) -> Session:
        plane, flow = self._plane, self._flows[source.flow]
        if not plane.up[source.node]:
            return Session(dark=True, uid=source.session.uid)
        uid, node, listens = -1, flow.target, True
        if isinstance(node, str):
            uid = self._endpoint(source, node)
            station = plane.stations.get(uid)
            if station is None or station.node < 0:
                return Session(uid=uid)
            node, listens = station.node, station.running
        route = plane.network.route(source.node, node)
        if route is None:
            return Session(uid=uid)
        steps = plane.ways.steps(route.hops, flow.size_bytes, ARRIVE, f"{flow.name}/{OUT}")
        odds = [plane.ways.odd[hop] for hop in route.hops]
        odd = tuple((0, 0.0) if o is None else (o.jitter_ns, o.loss) for o in odds) if any(odds) else ()
        return Session(uid=uid, steps=steps, listens=listens, odd=odd)

    def _endpoint(self, source: Source, service: str) -> int:
        pods = self._plane.endpoints(source.proxy, service)
        if not pods:
            return -1
        if source.session.uid in pods:
            return source.session.uid
        u = self._plane.rng.draw(f"session/{self._flows[source.flow].name}", source.identity, source.picks)
        source.picks += 1
        return pods[int(u * len(pods))]

    def _warn(self, source: Source, hop: int) -> None:
        text = (
            f"telemetry {self._flows[source.flow].name}: readings take more than {NOTICEABLE:.0%} of link "
            f"{self._plane.network.links[hop >> 1].name}, and are evaluated as if it were unloaded"
        )
        if text not in self.warnings:
            self.warnings.append(text)

    # Readings.

    def _advance(self, source: Source, now: int) -> None:
        """Count what has become of a source's readings by now, under its present session."""
        session, every = source.session, source.every
        first = source.base + source.made * every
        new = max(0, (now - first) // every + 1)
        source.made += new
        if session.dark:
            source.done = source.made
        else:
            if new:
                self._readings.run(source.group, CREATED, first, every, new)
            if session.steps is None:
                if new:
                    self._readings.run(source.group, LOST, first, every, new)
                source.done = source.made
            elif session.odd:
                source.done = source.made
                self._advance_odd(source, first + np.arange(new) * every, now)
            else:
                self._advance_plain(source, now)
        source.catch_up(now + 1)

    def _advance_plain(self, source: Source, now: int) -> None:
        session, every = source.session, source.every
        first = source.base + source.done * every + session.delay_ns
        number = max(0, (now - first) // every + 1)
        if not number:
            return
        source.done += number
        if session.listens:
            self._readings.run(source.group, DELIVERED, first, every, number, age=session.delay_ns)
            source.catch_up(first)
            source.heard_run(first, number, session.delay_ns)
        else:
            self._readings.run(source.group, LOST, first, every, number)

    def _advance_odd(self, source: Source, created: Ints, now: int) -> None:
        leaves, lost = self._leaves(source, created)
        rows = zip(source.pending, (created, leaves[-1], lost), strict=True)
        created, ends, lost = (np.concatenate(pair) for pair in rows)
        over = ends <= now
        source.pending = (created[~over], ends[~over], lost[~over])
        came = over & (lost < 0) & source.session.listens
        gone = over & ~came
        self._readings.some(source.group, LOST, ends[gone])
        self._readings.some(source.group, DELIVERED, ends[came], (ends - created)[came])
        if came.any():
            source.catch_up(int(ends[came].min()))
            source.heard(created[came], ends[came])

    def _leaves(self, source: Source, created: Ints) -> tuple[Ints, Ints]:
        """For readings on an odd way: when each leaves each hop (hops, n), and the hop that loses it (-1: none).
        A reading is lost where it enters a link; it leaves no hop after that."""
        plane, session = self._plane, source.session
        assert session.steps is not None
        ks = (created - source.base) // source.every
        time, lost, leaves = created, np.full(len(created), -1), []
        trip = np.full(len(created), round_trip(session.steps))
        for i, (step, (spread, chance)) in enumerate(zip(session.steps, session.odd, strict=True)):
            draws = {
                "jitter": plane.rng.draws(step[4], source.identity, ks),
                "loss": plane.rng.draws(f"loss/{step[4]}", source.identity, ks),
            }
            plain = np.full(len(created), step[2])
            spreads, chances = np.full_like(plain, spread), np.full(len(plain), chance)
            travels = plane.ways.travel_all(plain, spreads, chances, trip, **draws)
            lost = np.where((travels < 0) & (lost < 0), i, lost)
            time = np.where(lost < 0, time + step[1] + travels, time)
            leaves.append(time)
        return np.array(leaves, np.int64).reshape(len(session.steps), len(created)), lost

    def _under_way(self, source: Source, now: int) -> list[Flying]:
        """The readings that a session leaves behind when it ends."""
        session = source.session
        if not session.steps:
            return []
        if session.odd:
            created, _, lost = source.pending
            source.pending = source.nothing
            leaves = self._leaves(source, created)[0].T.tolist()
            return [
                Flying(source, *reading, now) for reading in zip(created.tolist(), leaves, lost.tolist(), strict=True)
            ]
        made = [source.base + k * source.every for k in range(source.done, source.made)]
        source.done = source.made
        offsets = np.cumsum([step[1] + step[2] for step in session.steps]).tolist()
        return [Flying(source, created, [created + offset for offset in offsets], -1, now) for created in made]

    def _struck(self, reading: Flying, now: int) -> bool:
        """Whether the hop that a reading is on is blocked now; then it is lost."""
        if not self._plane.ways.blocked(reading.hops[reading.at]):
            return False
        self._readings.some(reading.source.group, LOST, np.array([now]))
        return True

    def _landed(self, reading: Flying, now: int) -> bool:
        """Whether a reading that outlived its session has met its fate by now."""
        plane, source = self._plane, reading.source
        while reading.leaves[reading.at] <= now:
            at = reading.leaves[reading.at]
            reading.at += 1
            if reading.at < len(reading.hops):
                if reading.at != reading.lost and not plane.ways.blocked(reading.hops[reading.at]):
                    continue
            elif reading.uid < 0 or plane.stations[reading.uid].running:
                self._readings.some(source.group, DELIVERED, np.array([at]), np.array([at - reading.created]))
                source.stragglers.append((at, reading.created))
                return True
            self._readings.some(source.group, LOST, np.array([at]))
            return True
        return False
