"""Where readings go now: the endpoint that a source, or the gateway before it, keeps to, and the way there."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from simulator.physics.capacity import Traced
from simulator.traffic.buffers.channel import HubChannel
from simulator.traffic.buffers.connection import Connection
from simulator.traffic.buffers.gateway import Gateway
from simulator.traffic.buffers.relay import Relay
from simulator.traffic.flows import TelemetryFlow
from simulator.traffic.sources import Session, Source
from simulator.traffic.tries import ARRIVE, BACK
from simulator.traffic.ways import OUT
from simulator.world.route import Route

if TYPE_CHECKING:
    from simulator.traffic.plane import RequestPlane

_UP: Final = "up"


class Sessions:
    """Looks at the plane as it is now; `zones` are those of the nodes."""

    __slots__ = ("_plane", "asked", "zones")

    def __init__(self, plane: RequestPlane) -> None:
        self._plane = plane
        self.asked: list[tuple[int, int]] = []  # between which nodes the last answer needed a way
        self.zones: Sequence[str] = ()

    def of(self, source: Source, flow: TelemetryFlow) -> tuple[Session, Session]:
        """Where a source's readings go now, and behind a channel where they go from there."""
        plane, relay = self._plane, source.door
        self.asked = []
        if flow.sender is not None:
            if not self._place(source.uid)[1]:  # the proxy says whom to pick, and no more
                source.uid = self._endpoint(source, flow, flow.sender, None)
            node, runs = self._place(source.uid)
            if node is None or not runs:
                return Session(dark=True, uid=source.uid), Source.nowhere
            source.node = node
        dark = not plane.up[source.node] or source.sensor.here is not source
        if isinstance(relay, Gateway):
            way = Session(dark=True) if dark else self._way(flow, (source.node, relay.node), OUT, hub=relay)
            return way, Source.nowhere
        if dark and relay is None:
            return Session(dark=True, uid=source.uid), Source.nowhere
        if source.sensor.target is not None:
            return self._way(flow, (source.node, source.sensor.target), OUT, listens=True), Source.nowhere
        node, listens = self._target(source, flow, relay)
        direct = {"uid": source.uid, "listens": listens}
        if relay is None:
            return self._way(flow, (source.node, node), OUT, **direct), Source.nowhere
        edge, cloud = relay.channel.node, relay.channel.cloud
        onward = self._way(flow, (edge, cloud, node), _UP, **direct)
        if dark:
            return Session(dark=True), onward
        if node is not None and self._near(relay.channel, node):
            return self._way(flow, (source.node, node), OUT, **direct), onward
        return self._way(flow, (source.node, edge), OUT, hub=relay), onward

    def connection(self, gateway: Gateway) -> Connection:
        """A gateway's connection as the network lets it be now."""
        plane, node, service = self._plane, gateway.node, gateway.service
        target, listens = (service, True) if isinstance(service, int) else self._endpoint_of(gateway, service)
        out = back = None
        self.asked = []
        if target is not None and listens and plane.up[node]:
            out, back = self._route(node, target), self._route(target, node)
        if out is None or back is None:
            return Connection(uid=gateway.uid)
        ways = {f.name: self._way(f, (node, target), _UP, listens=True) for f in gateway.flows}
        acks = {flow.name: (self._ack(back, flow), self._ack(out, flow)) for flow in gateway.flows if flow.qos}
        odd = next((way.odd for way in ways.values()), ())
        sends, traced = dict[str, int](), dict[str, tuple[Traced, ...]]()
        for name, way in ways.items():
            lines = [(plane.ways.lines[step[0]], step) for step in way.steps or ()]
            sends[name] = max((plane.ways.airtime(step) for line, step in lines if line is None), default=0)
            traced[name] = tuple((line.capacity, step[5]) for line, step in lines if line is not None)
        return Connection(True, gateway.uid, out.hops, back.hops, odd, ways, sends, acks, traced)

    def _route(self, a: int, b: int) -> Route | None:
        self.asked.append((a, b))
        return self._plane.network.route(a, b)

    def _ack(self, route: Route, flow: TelemetryFlow) -> int:
        steps = self._plane.ways.steps(route.hops, flow.ack_bytes, BACK, "ack")
        return sum(step[1] + step[2] for step in steps)

    def _endpoint_of(self, gateway: Gateway, service: str) -> tuple[int | None, bool]:
        plane = self._plane
        pods = plane.endpoints(gateway.proxy, service)
        if gateway.uid not in pods:
            gateway.uid = -1
            if pods:
                u = plane.rng.draw(f"session/{gateway.spool.law.name}", gateway.identity, gateway.picks)
                gateway.picks += 1
                gateway.uid = pods[int(u * len(pods))]
        return self._place(gateway.uid)

    def _way(self, flow: TelemetryFlow, stops: tuple[int | None, ...], name: str, **more: Any) -> Session:
        """A session over these nodes; None: nobody knows where that is."""
        plane = self._plane
        hops: tuple[int, ...] = ()
        for a, b in pairwise(stops):
            route = None if a is None or b is None else self._route(a, b)
            if route is None:
                return Session(uid=more.get("uid", -1), hub=more.get("hub"))
            hops += route.hops
        if flow.targets:
            plane.network.must_be_free(hops, f"commands of {flow.name}")
        steps = plane.ways.steps(hops, flow.size_bytes, ARRIVE, f"{flow.name}/{name}")
        odds = [plane.ways.odd[hop] for hop in hops]
        odd = tuple((0, 0.0) if o is None else (o.jitter_ns, o.loss) for o in odds) if any(odds) else ()
        radios = tuple(plane.ways.radio(hop) for hop in hops)
        end = -1 if stops[-1] is None else stops[-1]
        return Session(steps=steps, odd=odd, radios=radios if any(radios) else (), end=end, **more)

    def _target(self, source: Source, flow: TelemetryFlow, relay: Relay | None) -> tuple[int | None, bool]:
        """The node that a source's readings are for, if there is one, and whether somebody listens there."""
        if isinstance(flow.target, int):
            return flow.target, True
        source.uid = self._endpoint(source, flow, flow.target, relay)
        return self._place(source.uid)

    def _place(self, uid: int) -> tuple[int | None, bool]:
        station = self._plane.stations.get(uid)
        if station is None or station.node < 0:
            return None, False
        return station.node, station.running

    def _near(self, channel: HubChannel, node: int) -> bool:
        """Whether a node is on the channel's side of the cloud: on its site, if that is not the cloud's."""
        site = self.zones[channel.node]
        return node == channel.node or (self.zones[node] == site != self.zones[channel.cloud])

    def _endpoint(self, source: Source, flow: TelemetryFlow, service: str, relay: Relay | None) -> int:
        plane = self._plane
        pods = plane.endpoints(source.proxy, service)
        if relay is not None:
            at = {uid: plane.stations[uid].node for uid in pods if uid in plane.stations}
            near = tuple(uid for uid in pods if at.get(uid, -1) >= 0 and self._near(relay.channel, at[uid]))
            pods = near or plane.endpoints(relay.channel.cloud, service)
        if not pods:
            return -1
        if source.uid in pods:
            return source.uid
        u = plane.rng.draw(f"session/{flow.name}", source.identity, source.picks)
        source.picks += 1
        return pods[int(u * len(pods))]
