"""Telemetry: readings at a fixed period, counted in closed form from one change of their way to the next.

A source keeps a session with one endpoint of its target, picked by a named draw, and again when that endpoint is no
longer programmed. As long as its way stays the same a million readings are three numbers and a remainder; only
those that are under way when it changes are looked at one by one.

Where the node at which a source enters the cluster has a channel to the cloud (`simulator.traffic.buffers`), readings
for pods of that site go there; all others pass the channel, then the orchestrator's machine in the cloud, and there
a pod is picked, among those that are programmed there. What is beyond the channel is settled by its `Relay`.

A device that moves enters the cluster elsewhere, with another `Source`; what the place that it has left holds is sent
on from there. Commands are the same in the other direction: each device has a sensor, which is who commands it.

The rule for the links: a reading takes its serialisation and the latency of each hop (where they jitter or lose
packets, with its own draws, by the state of the links when it was made), as on an unloaded path, and waits for a radio
that sleeps (`simulator.traffic.radios`) and while a trace has a rate of 0. Readings do not
queue behind requests or each other, nor requests behind them; where they take a noticeable share of a link's rate,
`warnings` says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from simulator.record.buffer import Recorder
from simulator.traffic.buffers.channel import HubChannel
from simulator.traffic.buffers.gateway import Gateway
from simulator.traffic.courses import Courses
from simulator.traffic.fates import Fates
from simulator.traffic.flights import Flights
from simulator.traffic.flows import TelemetryFlow
from simulator.traffic.legs import Legs
from simulator.traffic.places import Places
from simulator.traffic.readings import Readings
from simulator.traffic.sent import Sent
from simulator.traffic.sources import Sensor, Source
from simulator.traffic.tries import NEVER
from simulator.traffic.ways import identity
from simulator.units import SECOND
from simulator.world.node import NodeTable

if TYPE_CHECKING:
    from simulator.traffic.plane import RequestPlane


class Telemetry:
    """All telemetry of a plane: `settle` before a change of state, one of the `…changed` methods after it."""

    __slots__ = ("_courses", "_fates", "_flights", "_flows", "_legs", "_places", "_plane", "_readings", "_recorder",
                 "_sensors")  # fmt: skip

    def __init__(self, plane: RequestPlane, recorder: Recorder, interval_ns: int) -> None:
        self._plane, self._recorder = plane, recorder
        self._readings = Readings(interval_ns, plane.network.clocks)
        self._legs = Legs(plane.ways, plane.rng)
        self._flows: list[TelemetryFlow] = []
        self._sensors: list[Sensor] = []
        self._fates = Fates(self._legs, self._readings)
        self._flights = Flights(plane, self._legs, self._readings, self._fates)
        self._courses = Courses(plane, self._flows, self._legs, self._fates, self._flights)
        self._places = Places(
            plane, self._flows, self._legs, self._readings,
            courses=self._courses, fates=self._fates, flights=self._flights,
        )  # fmt: skip

    @property
    def warnings(self) -> list[str]:
        """What of it is to be said."""
        return self._courses.warnings

    @property
    def visits(self) -> int:
        """How often somebody's way has been looked at."""
        return self._courses.visits

    def attach(self, channel: HubChannel) -> None:
        """Readings that enter at the channel's node leave for the cloud through it. Before the first flow."""
        relay = self._places.attach(channel)

        def before(now: int) -> None:
            self._settle_all(now)
            relay.advance(now)

        channel.before_change.append(before)
        channel.after_change.append(lambda _now: relay.collect())

    def measure(self, interval_ns: int) -> None:
        """Keep from now on what readings give links to send, by interval."""
        self._legs.sent = Sent(interval_ns)

    @property
    def sent(self) -> Sent:
        """That, of all that is counted. It is what was sent by now once everybody who sends is told to `advance`."""
        assert self._legs.sent is not None
        return self._legs.sent

    def advance(self, now: int, hops: Collection[int] | None = None) -> None:
        """Count what has become of readings by now, to the last one: of all, or of those that pass one of `hops`."""
        self.settle(now)
        for source in self._places.sources:
            if hops is None or source.passes(hops):
                self._fates.advance(source, now)

    def add(self, flow: TelemetryFlow, nodes: NodeTable, now: int) -> None:
        """A flow of readings that begins now. Each of its copies has a phase of its own."""
        number, seen, ages = len(self._flows), Counter[int](), self._readings.ages
        self._flows.append(flow)
        self._places.nodes = nodes
        self._courses.sessions.zones = nodes.zone
        targets = flow.targets or (None,) * len(flow.sources)
        for node, proxy, target in zip(flow.sources, flow.proxies, targets, strict=True):
            device = node if target is None else target
            for copy in range(flow.copies):
                name = f"{nodes.names[device]}/{copy}" if copy else nodes.names[device]
                key = identity(name, seen[device])
                phase = int(self._plane.rng.draw(f"phase/{flow.name}", key) * flow.every_ns)
                group = self._readings.group(flow.name, nodes.zone[device], commands=target is not None)
                sensor = Sensor(number, group, key, ages, every=flow.every_ns, target=target)
                self._sensors.append(sensor)
                self._places.add(sensor, device, (node, proxy), base=now + phase, now=now)
            seen[device] += 1

    # When something changes. Everything up to now has been settled.

    def network_changed(self, now: int) -> None:
        """Links or nodes have changed."""
        things, flipped = self._courses.of_change()
        self._look_again(dict.fromkeys((*things, *self._flights.network_changed(now))), now)
        for node in flipped:
            if node in self._places.relays and not self._plane.up[node]:
                self._places.relays[node].channel.restarted(now)

    def programmed(self, proxy: int, service: str, now: int) -> None:
        """A proxy's endpoints of a service have changed."""
        self._look_again(self._places.asking(proxy, service), now)

    def pod_changed(self, uid: int, now: int) -> None:
        """A pod has come up or gone down."""
        self._look_again(self._courses.of_endpoint(uid), now)

    def _look_again(self, things: Iterable[Source | Gateway], now: int) -> None:
        """Gateways first: what leads to them depends on nothing else, and where it goes on from there is theirs."""
        sources = []
        for thing in things:
            if isinstance(thing, Gateway):
                self._courses.connect(thing, now)
            else:
                sources.append(thing)
        for source in sorted(sources, key=lambda source: source.order):
            self._courses.renew(source, now)
            if source.sensor.held.size and source.sensor.here is source:
                self._flights.send_again(source.sensor, now)

    def recall(self, node: int, now: int) -> None:
        """What a node has begun to send again at this very instant waits for where it enters now: `moved` follows."""
        self._flights.recall(node, now)

    def moved(self, node: int, proxy: int, now: int) -> None:
        """A node's readings enter the cluster elsewhere: through what waits there, if anything does. What they have
        left in a spool or a channel is sent on from there."""
        self._places.moved(node, proxy, now)

    def settle(self, now: int) -> None:
        """Let those arrive that outlived their session; all others can wait until theirs ends."""
        self._flights.settle(now)

    def _settle_all(self, now: int) -> None:
        """Settle requests, too, where both may keep a radio awake."""
        if self._courses.radios.any:
            self._plane.settle(now)
        else:
            self.settle(now)

    def has_twins(self, node: int) -> bool:
        """Whether device twins are kept at that node."""
        return node in self._places.relays and self._places.relays[node].channel.settings.twins

    def next_message(self, node: int, now: int) -> int:
        """When the next reading leaves that node's channel, as far as can be told now (ns); NEVER without one."""
        self._settle_all(now)
        return self._places.relays[node].next_message(now) if node in self._places.relays else NEVER

    def finish(self, now: int) -> None:
        """Settle every source and write the table."""
        self.advance(now)
        for sensor in self._sensors:
            sensor.finish(now)
        self._readings.write(self._recorder)

    def age_of_information(self, flow: str, now: int) -> float:
        """Age of the newest reading that has arrived, averaged over time from the first arrival to now and over the
        sources that were heard, in seconds; NaN if none was."""
        self.settle(now)
        ages = []
        for sensor in self._sensors:
            if self._flows[sensor.flow].name == flow:
                self._fates.advance(sensor.here, now)
                if sensor.first_at >= 0:
                    ages.append(sensor.mean_age_ns(now) / SECOND)
        return sum(ages) / len(ages) if ages else float("nan")
