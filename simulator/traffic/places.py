"""Where readings enter the cluster: what waits there, whose endpoints are asked for, and what a handover changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from simulator.traffic.buffers.channel import HubChannel
from simulator.traffic.buffers.gateway import Gateway
from simulator.traffic.buffers.relay import Relay
from simulator.traffic.buffers.spool import SpoolLaw
from simulator.traffic.courses import Courses
from simulator.traffic.fates import Fates
from simulator.traffic.flights import Flights
from simulator.traffic.flows import TelemetryFlow
from simulator.traffic.legs import Legs
from simulator.traffic.readings import Readings
from simulator.traffic.sources import Sensor, Source
from simulator.traffic.ways import identity
from simulator.world.node import NodeTable

if TYPE_CHECKING:
    from simulator.traffic.plane import RequestPlane


class Places:
    """All `sources`, the `relays` of channels by proxy, and the `gateways` of spools by node and spool."""

    __slots__ = ("_asking", "_at", "_courses", "_fates", "_flights", "_flows", "_legs", "_plane", "_readings",
                 "gateways", "nodes", "relays", "sources")  # fmt: skip

    nodes: NodeTable

    def __init__(
        self, plane: RequestPlane, flows: list[TelemetryFlow], legs: Legs, readings: Readings,
        *, courses: Courses, fates: Fates, flights: Flights,
    ) -> None:  # fmt: skip
        self._plane, self._flows, self._legs, self._readings = plane, flows, legs, readings
        self._courses, self._fates, self._flights = courses, fates, flights
        self._at: dict[int, list[Sensor]] = {}  # by node
        self.sources: list[Source] = []
        # Who asks for endpoints, by proxy, or machine in the cloud, and target.
        self._asking: dict[tuple[int, str | int], dict[Source | Gateway, None]] = {}
        self.relays: dict[int, Relay] = {}
        self.gateways: dict[tuple[int, str], Gateway] = {}

    def attach(self, channel: HubChannel) -> Relay:
        """Readings that enter at the channel's node leave for the cloud through it."""
        relay = self.relays[channel.node] = Relay(channel, self._readings, self._legs)
        return relay

    def add(self, sensor: Sensor, device: int, where: tuple[int, int], *, base: int, now: int) -> None:
        """A sensor of a device enters the cluster for the first time: at a node, and its proxy."""
        self._at.setdefault(device, []).append(sensor)
        self._enter(sensor, where, base, now)

    def asking(self, proxy: int, service: str) -> Iterable[Source | Gateway]:
        """Who asks a proxy for endpoints of a service."""
        return self._asking.get((proxy, service), ())

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
            elif source.door is None and (proxy not in self.relays or sensor.target is not None):
                del self._asking[self._asked(source)][source]
                del sensor.places[source.proxy]
                source.proxy, sensor.places[proxy] = proxy, source
                self._ask(source)
                self._courses.renew(source, now)
            else:
                self._hand_over(sensor, proxy, now)
        for gateway in gateways:
            del self._asking[gateway.proxy, gateway.service][gateway]
            gateway.proxy = proxy
            self._asking.setdefault((proxy, gateway.service), {})[gateway] = None
            self._courses.connect(gateway, now)
        for sensor in self._at.get(node, ()):
            if sensor.held.size:
                self._flights.send_again(sensor, now)

    def _hand_over(self, sensor: Sensor, proxy: int, now: int) -> None:
        """A sensor leaves what waits where it enters the cluster, or comes to a place where something does."""
        old = sensor.here
        self._fates.advance(old, now)
        if proxy in sensor.places:
            sensor.here = sensor.places[proxy]
            self._courses.renew(sensor.here, now)
        else:
            self._enter(sensor, (old.node, proxy), old.base, now)
        self._courses.renew(old, now)
        sensor.behind = [place for place in dict.fromkeys((*sensor.behind, old)) if place is not sensor.here]
        sensor.gather(now)

    def _enter(self, sensor: Sensor, where: tuple[int, int], base: int, now: int) -> None:
        """A sensor enters the cluster here from now on, for the first time."""
        flow, (node, proxy) = self._flows[sensor.flow], where
        source = sensor.here = sensor.places[proxy] = Source(sensor, len(self.sources), where, base=base)
        source.repeats = flow.repeats if flow.datagram else self._plane.ways.retransmission
        self.sources.append(source)
        if flow.spool is not None:
            at = proxy if flow.kept_at == "gateway" else node
            source.resent = flow.resent and node != at
            source.door = self._gateway(flow, flow.spool, (at, proxy), sensor.target)
            source.door.join(source, flow)
            self._courses.connect(source.door, now)
        else:
            self._ask(source)
            if proxy in self.relays and sensor.target is None:
                relay = self.relays[proxy]
                source.number, source.twin, source.door = len(relay.sources), flow.twin, relay
                source.resent = flow.resent and node != proxy
                relay.sources.append(source)
                self._asking.setdefault((relay.channel.cloud, flow.target), {})[source] = None
        if flow.sender is not None and flow.spool is not None:
            self._ask(source)
        self._courses.renew(source, now)

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
            law = replace(law, name=f"{law.name}/{self.nodes.names[target]}")
        known = self.gateways.get((node, law.name))
        if known is None:
            own = identity(self.nodes.names[node], 0)
            known = Gateway(where, own, law, service, readings=self._readings, legs=self._legs)
            self.gateways[node, law.name] = known
            self._asking.setdefault((proxy, service), {})[known] = None
        if (known.spool.law, known.service) != (law, service):
            raise ValueError(f"two flows describe spool {law.name} differently, or send to different targets")
        return known
