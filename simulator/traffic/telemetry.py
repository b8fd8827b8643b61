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
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from simulator.errors import Problem, UserError
from simulator.record.buffer import Recorder
from simulator.traffic.buffers.channel import HubChannel
from simulator.traffic.buffers.gateway import Gateway
from simulator.traffic.buffers.relay import Relay
from simulator.traffic.buffers.spool import SpoolLaw
from simulator.traffic.flows import TelemetryFlow
from simulator.traffic.legs import Legs
from simulator.traffic.radios import Radios
from simulator.traffic.readings import CREATED, DELIVERED, LATE, LOST, Readings
from simulator.traffic.sent import Sent
from simulator.traffic.sessions import Sessions
from simulator.traffic.sources import CREATED as MADE
from simulator.traffic.sources import END, LOSER, Flying, Sensor, Source
from simulator.traffic.tries import NEVER
from simulator.traffic.ways import identity
from simulator.units import SECOND
from simulator.world.dependents import Dependents
from simulator.world.node import NodeTable

if TYPE_CHECKING:
    from simulator.traffic.plane import RequestPlane

Ints = NDArray[np.int64]

NOTICEABLE: Final = 0.05  # share of a link's rate that telemetry takes before a warning says so


class Telemetry:
    """All telemetry of a plane: `settle` before a change of state, one of the `…changed` methods after it."""

    __slots__ = ("_again", "_again_at", "_asking", "_at", "_dependents", "_flows", "_flying", "_gateways", "_legs",
                 "_load", "_nodes", "_plane", "_radios", "_readings", "_recorder", "_relays", "_sensors", "_sources",
                 "_touched", "_up", "_where", "visits", "warnings")  # fmt: skip

    _nodes: NodeTable

    def __init__(self, plane: RequestPlane, recorder: Recorder, interval_ns: int) -> None:
        self._plane, self._recorder = plane, recorder
        self._readings = Readings(interval_ns, plane.network.clocks)
        self._legs = Legs(plane.ways, plane.rng)
        self._flows: list[TelemetryFlow] = []
        self._sensors: list[Sensor] = []
        self._at: dict[int, list[Sensor]] = {}  # by node
        self._sources: list[Source] = []
        # Who asks for endpoints, by proxy, or machine in the cloud, and target.
        self._asking: dict[tuple[int, str | int], dict[Source | Gateway, None]] = {}
        self._dependents: Dependents[Source | Gateway] = Dependents(plane.network)
        self._touched = plane.network.watch()
        self._touched.clear()  # nobody has looked at any of them
        self._up = plane.up.copy()  # as it was last seen
        self._relays: dict[int, Relay] = {}  # by proxy
        self._gateways: dict[tuple[int, str], Gateway] = {}  # by node and spool
        self._where = Sessions(plane)
        self._radios = Radios(plane.network)
        self._flying: list[Flying] = []
        self._again: list[Flying] = []  # sent again while others are looked at
        self._again_at = -1  # when the last were
        self._load: Counter[int] = Counter()  # by directed link: share of its rate, in millionths
        self.visits = 0  # how often somebody's way has been looked at
        self.warnings: list[str] = []

    def attach(self, channel: HubChannel) -> None:
        """Readings that enter at the channel's node leave for the cloud through it. Before the first flow."""
        relay = self._relays[channel.node] = Relay(channel, self._readings, self._legs)

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
        for source in self._sources:
            if hops is None or source.passes(hops):
                self._advance(source, now)

    def add(self, flow: TelemetryFlow, nodes: NodeTable, now: int) -> None:
        """A flow of readings that begins now. Each of its copies has a phase of its own."""
        number, seen, ages = len(self._flows), Counter[int](), self._readings.ages
        self._flows.append(flow)
        self._nodes = nodes
        self._where.zones = nodes.zone
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
                self._at.setdefault(device, []).append(sensor)
                self._enter(sensor, (node, proxy), now + phase, now)
            seen[device] += 1

    def _enter(self, sensor: Sensor, where: tuple[int, int], base: int, now: int) -> None:
        """A sensor enters the cluster here from now on, for the first time."""
        flow, (node, proxy) = self._flows[sensor.flow], where
        source = sensor.here = sensor.places[proxy] = Source(sensor, len(self._sources), where, base=base)
        source.repeats = flow.repeats if flow.datagram else self._plane.ways.retransmission
        self._sources.append(source)
        if flow.spool is not None:
            at = proxy if flow.kept_at == "gateway" else node
            source.resent = flow.resent and node != at
            source.door = self._gateway(flow, flow.spool, (at, proxy), sensor.target)
            source.door.join(source, flow)
            self._connect(source.door, now)
        else:
            self._ask(source)
            if proxy in self._relays and sensor.target is None:
                relay = self._relays[proxy]
                source.number, source.twin, source.door = len(relay.sources), flow.twin, relay
                source.resent = flow.resent and node != proxy
                relay.sources.append(source)
                self._asking.setdefault((relay.channel.cloud, flow.target), {})[source] = None
        if flow.sender is not None and flow.spool is not None:
            self._ask(source)
        self._renew(source, now)

    def _asked(self, source: Source) -> tuple[int, str | int]:
        """Whose endpoints decide where a source's readings go, or its commands come from, beside its gateway's."""
        flow = self._flows[source.flow]
        return source.proxy, flow.target if flow.sender is None else flow.sender

    def _ask(self, source: Source) -> None:
        self._asking.setdefault(self._asked(source), {})[source] = None

    def _gateway(
        self, flow: TelemetryFlow, law: SpoolLaw, where: tuple[int, int], target: int | None = None
    ) -> Gateway:
        """The spool of a flow at a node, which others may share. Raises ValueError where they want another one."""
        node, proxy = where
        service = flow.target if target is None else target
        if target is not None:
            law = replace(law, name=f"{law.name}/{self._nodes.names[target]}")
        known = self._gateways.get((node, law.name))
        if known is None:
            own = identity(self._nodes.names[node], 0)
            known = Gateway(where, own, law, service, readings=self._readings, legs=self._legs)
            self._gateways[node, law.name] = known
            self._asking.setdefault((proxy, service), {})[known] = None
        if (known.spool.law, known.service) != (law, service):
            raise ValueError(f"two flows describe spool {law.name} differently, or send to different targets")
        return known

    def _connect(self, gateway: Gateway, now: int) -> None:
        self.visits += 1
        connection = self._where.connection(gateway)
        self._dependents.looked(gateway, self._where.asked, (gateway.node,), gateway.uid)
        gateway.connect(connection, bool(self._plane.up[gateway.node]), now)
        if self._radios.any:
            for source in gateway.sources:
                self._radios.follow(source, self._flows[source.flow], now)

    # When something changes. Everything up to now has been settled.

    def network_changed(self, now: int) -> None:
        """Links or nodes have changed."""
        flipped = np.flatnonzero(self._plane.up != self._up).tolist()
        self._up = self._plane.up.copy()
        found = dict.fromkeys(self._dependents.of_change(self._touched, flipped))
        self._touched.clear()
        flying, self._flying = self._flying, []
        for reading in flying:
            if not self._struck(reading, now):
                self._flying.append(reading)
            else:
                found[reading.source.sensor.here] = None  # which may have kept it
        self._look_again(found, now)
        for node in flipped:
            if node in self._relays and not self._plane.up[node]:
                self._relays[node].channel.restarted(now)

    def programmed(self, proxy: int, service: str, now: int) -> None:
        """A proxy's endpoints of a service have changed."""
        self._look_again(self._asking.get((proxy, service), ()), now)

    def pod_changed(self, uid: int, now: int) -> None:
        """A pod has come up or gone down."""
        self._look_again(self._dependents.of_endpoint(uid), now)

    def _look_again(self, things: Iterable[Source | Gateway], now: int) -> None:
        """Gateways first: what leads to them depends on nothing else, and where it goes on from there is theirs."""
        sources = []
        for thing in things:
            if isinstance(thing, Gateway):
                self._connect(thing, now)
            else:
                sources.append(thing)
        for source in sorted(sources, key=lambda source: source.order):
            self._renew(source, now)
            if source.sensor.held.size and source.sensor.here is source:
                self._send_again(source.sensor, now)

    def recall(self, node: int, now: int) -> None:
        """What a node has begun to send again at this very instant waits for where it enters now: `moved` follows."""
        mine = [reading for reading in self._again if self._again_at == now and reading.source.node == node]
        for reading in mine:
            self._again.remove(reading)
            sensor = reading.source.sensor
            sensor.held = np.append(sensor.held, reading.created)

    def moved(self, node: int, proxy: int, now: int) -> None:
        """A node's readings enter the cluster elsewhere: through what waits there, if anything does. What they have
        left in a spool or a channel is sent on from there."""
        gateways = dict[Gateway, None]()
        for sensor in self._at.get(node, ()):
            source = sensor.here
            if source.proxy == proxy:
                continue
            if isinstance(source.door, Gateway) and source.door.node == node:  # it carries its spool with it
                source.proxy = proxy
                gateways[source.door] = None
            elif source.door is None and (proxy not in self._relays or sensor.target is not None):
                del self._asking[self._asked(source)][source]
                del sensor.places[source.proxy]
                source.proxy, sensor.places[proxy] = proxy, source
                self._ask(source)
                self._renew(source, now)
            else:
                self._hand_over(sensor, proxy, now)
        for gateway in gateways:
            del self._asking[gateway.proxy, gateway.service][gateway]
            gateway.proxy = proxy
            self._asking.setdefault((proxy, gateway.service), {})[gateway] = None
            self._connect(gateway, now)
        for sensor in self._at.get(node, ()):
            if sensor.held.size:
                self._send_again(sensor, now)

    def _hand_over(self, sensor: Sensor, proxy: int, now: int) -> None:
        """A sensor leaves what waits where it enters the cluster, or comes to a place where something does."""
        old = sensor.here
        self._advance(old, now)
        if proxy in sensor.places:
            sensor.here = sensor.places[proxy]
            self._renew(sensor.here, now)
        else:
            self._enter(sensor, (old.node, proxy), old.base, now)
        self._renew(old, now)
        sensor.behind = [place for place in dict.fromkeys((*sensor.behind, old)) if place is not sensor.here]
        sensor.gather(now)

    def settle(self, now: int) -> None:
        """Let those arrive that outlived their session; all others can wait until theirs ends."""
        flying, self._flying, self._again = [*self._flying, *self._again], [], []
        while flying:
            self._flying += [reading for reading in flying if not self._landed(reading, now)]
            flying, self._again = self._again, []

    def _settle_all(self, now: int) -> None:
        """Settle requests, too, where both may keep a radio awake."""
        if self._radios.any:
            self._plane.settle(now)
        else:
            self.settle(now)

    def has_twins(self, node: int) -> bool:
        """Whether device twins are kept at that node."""
        return node in self._relays and self._relays[node].channel.settings.twins

    def next_message(self, node: int, now: int) -> int:
        """When the next reading leaves that node's channel, as far as can be told now (ns); NEVER without one."""
        self._settle_all(now)
        return self._relays[node].next_message(now) if node in self._relays else NEVER

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
                self._advance(sensor.here, now)
                if sensor.first_at >= 0:
                    ages.append(sensor.mean_age_ns(now) / SECOND)
        return sum(ages) / len(ages) if ages else float("nan")

    # Sessions.

    def _renew(self, source: Source, now: int) -> None:
        """Look where readings go now."""
        self._look(source, now)
        if self._radios.any:
            self._radios.follow(source, self._flows[source.flow], now)

    def _look(self, source: Source, now: int) -> None:
        """Where readings go elsewhere now, settle the old session and take care of what is under way."""
        self.visits += 1
        session, onward = self._where.of(source, self._flows[source.flow])
        nodes = (source.node, source.door.node) if source.door is not None else (source.node,)
        self._dependents.looked(source, self._where.asked, nodes, source.uid)
        old, beyond = source.session, source.onward
        same, same_beyond = session.like(old), onward is beyond or onward.like(beyond)
        if same and same_beyond:
            return
        self._advance(source, now)
        left: list[Flying] = []
        if not same:
            left += self._legs.left_behind(source, old, self._under_way(source), now)
        if not same_beyond:
            left += self._legs.left_behind(source, beyond, source.sent, now)
            source.sent = source.nothing
        self._flying += [reading for reading in left if not self._struck(reading, now)]
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

    # Readings.

    def _advance(self, source: Source, now: int) -> None:
        """Count what has become of a source's readings by now, under its present session."""
        session, every, sensor = source.session, source.every, source.sensor
        first = source.base + source.made * every
        new = max(0, (now - first) // every + 1)
        source.made += new
        if session.dark:
            source.done = source.made
        else:
            if new:
                self._readings.run(source.group, CREATED, first, every, new)
            if session.steps is None:
                if source.resent and session.hub is not None:
                    sensor.held = np.append(sensor.held, first + np.arange(new) * every)
                elif new:
                    self._readings.run(source.group, LOST, first, every, new)
                source.done = source.made
            elif session.hub is None and session.odd:
                source.done = source.made
                self._advance_odd(source, first + np.arange(new) * every, now)
            elif session.hub is None:
                self._advance_plain(source, now)
        if source.door is not None:
            source.door.advance(now)
        if sensor.behind and sensor.here is source:
            for place in sensor.behind:
                if place.door is not None:
                    place.door.advance(now)
            sensor.gather(now)
        sensor.catch_up(now + 1)

    def _advance_plain(self, source: Source, now: int) -> None:
        session, every = source.session, source.every
        first = source.base + source.done * every + session.delay_ns
        number = max(0, (now - first) // every + 1)
        if not number:
            return
        source.done += number
        self._legs.run(session, first, every, number)
        if session.listens:
            age = session.delay_ns
            self._readings.run(source.group, DELIVERED, first, every, number, age=age)
            self._readings.stamped_run(source, session.end, first, number, age=age)
            source.sensor.catch_up(first)
            source.sensor.heard_run(first, number, age)
        else:
            self._readings.run(source.group, LOST, first, every, number)

    def _advance_odd(self, source: Source, created: Ints, now: int) -> None:
        session = source.session
        new = self._legs.set_out(source, session, created, created, now)
        rows = np.concatenate([self._legs.under_way(source, now), new], axis=1)
        over = rows[END] <= now
        rows, source.pending = rows[:, over], rows[:, ~over]
        came = (rows[LOSER] < 0) & session.listens
        self._readings.some(source.group, LOST, rows[END, ~came])
        self._delivered(source, session.end, rows[MADE, came], rows[END, came], source.unloaded_ns)
        if came.any():
            source.sensor.catch_up(int(rows[END, came].min()))
            source.sensor.heard(rows[MADE, came], rows[END, came])

    def _delivered(self, source: Source, end: int, created: Ints, at: Ints, unloaded_ns: int) -> None:
        self._readings.some(source.group, DELIVERED, at, at - created)
        self._readings.stamped(source, end, created, at)
        self._readings.some(source.group, LATE, at[at - created - unloaded_ns > source.every])

    def _under_way(self, source: Source) -> Ints:
        """The readings that the first session leaves behind when it ends: rows (4, n)."""
        if source.session.odd:
            rows, source.pending = source.pending, source.nothing
            return rows
        made = source.base + np.arange(source.done, source.made) * source.every
        source.done = source.made
        return np.stack([made, made, made, np.full(len(made), -1)])

    def _struck(self, reading: Flying, now: int) -> bool:
        """Whether the hop that a reading is on is blocked now; then it is lost, or kept to be sent again."""
        if not self._plane.ways.blocked(reading.hops[reading.at]):
            return False
        source = reading.source
        if source.resent and reading.session.hub is not None:
            source.sensor.held = np.append(source.sensor.held, reading.created)
        else:
            self._readings.some(source.group, LOST, np.array([now]))
        return True

    def _landed(self, reading: Flying, now: int) -> bool:
        """Whether a reading that outlived its session has met its fate by now."""
        plane, source, session = self._plane, reading.source, reading.session
        while reading.leaves[reading.at] <= now:
            at = reading.leaves[reading.at]
            reading.at += 1
            if reading.at < len(reading.hops):
                if reading.at != reading.lost and not plane.ways.blocked(reading.hops[reading.at]):
                    continue
            elif session.hub is not None:
                session.hub.inbox.append((source.number, reading.created, at))
                if source.sensor.here is not source and source not in source.sensor.behind:
                    source.sensor.behind.append(source)
                return True
            elif session.uid < 0 or plane.stations[session.uid].running:
                self._delivered(source, session.end, np.array([reading.created]), np.array([at]), reading.unloaded_ns)
                source.sensor.stragglers.append((np.array([at]), np.array([reading.created])))
                return True
            if source.resent and session.hub is not None:
                source.sensor.held = np.append(source.sensor.held, reading.created)
                self._send_again(source.sensor, at)
            else:
                self._readings.some(source.group, LOST, np.array([at]))
            return True
        return False

    def _send_again(self, sensor: Sensor, now: int) -> None:
        """What a sensor has kept sets out once more, if there is a way; without power it is gone."""
        source, held = sensor.here, np.sort(sensor.held)
        session = source.session
        if session.steps is None and not session.dark:
            return
        sensor.held = source.nothing[0]
        if session.dark:
            self._readings.some(source.group, LOST, np.full(len(held), now))
        else:
            start = np.full(len(held), now)
            rows = np.stack([held, start, start, np.full(len(held), -1)])
            self._again_at = now
            self._again += self._legs.left_behind(source, session, rows, now)
