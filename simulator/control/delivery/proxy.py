"""Endpoints on their way to the nodes' service proxies (kube-proxy), and the rules that each has programmed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from simulator.control.api.client import TokenBucket
from simulator.control.api.objects import ApiObject, Endpoints, Node, Service
from simulator.control.api.server import ApiServer
from simulator.control.delivery.channel import Channel, ChannelSettings
from simulator.control.delivery.reach import OK, Reach
from simulator.engine.clock import Clock, Timer
from simulator.streams import Rng
from simulator.units import SECOND
from simulator.world.network import Network


class Plane(Protocol):
    """Who forwards by what was programmed: the request plane."""

    def program(self, proxy_node: int, service: str, pods: tuple[int, ...]) -> None:
        """From now on this node sends requests for the service to these pods (uids)."""


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """Rules are written at most once in `min_sync_ns`, with a burst of `burst`. Sizes in bytes: of a slice object
    without, and for each of, its endpoints."""

    channel: ChannelSettings
    min_sync_ns: int
    burst: int
    slice_bytes: int
    endpoint_bytes: int


@dataclass(frozen=True, slots=True)
class Backends:
    """What a service's slices say at one instant: its pods, also by node and by zone, and who may use which."""

    pods: tuple[int, ...]
    by_node: dict[str, tuple[int, ...]]
    by_zone: dict[str, tuple[int, ...]]
    close: bool  # trafficDistribution PreferClose
    local: bool  # internalTrafficPolicy Local

    def seen_from(self, node: str, zone: str) -> tuple[int, ...]:
        """The pods that a proxy on this node sends to: Local its own only; PreferClose its zone's, if there are any."""
        if self.local:
            return self.by_node.get(node, ())
        return self.by_zone.get(zone, self.pods) if self.close else self.pods


class ProxyChannel(Channel):
    """One node's service proxy: it keeps what it has programmed while it hears nothing new."""

    __slots__ = ("_bucket", "_hub", "_name", "_pending", "_plane", "_programmed", "_sync", "_zone")

    lists = "services"

    def __init__(self, hub: Proxies, node: int, node_object: Node) -> None:
        s = hub.settings
        super().__init__(
            hub.clock, hub.rng, hub.network, hub.server,
            api_node=hub.api_node, node=node, client="kube-proxy", node_name=node_object.name, settings=s.channel,
        )  # fmt: skip
        self._hub = hub
        self._plane = hub.plane
        self._name = node_object.name
        self._zone = node_object.zone
        self._bucket = TokenBucket(SECOND / s.min_sync_ns, s.burst)
        self._pending: dict[str, tuple[int, ...]] = {}
        self._programmed: dict[str, tuple[int, ...]] = {}
        self._sync: Timer | None = None

    def snapshot(self) -> tuple[dict[str, Backends], int]:
        """Every service's slices."""
        return dict(self._hub.backends), self._hub.settings.channel.request_bytes + self._hub.size(self._hub.backends)

    def listed(self, snapshot: dict[str, Backends]) -> None:
        """The full list: a service that is not in it is gone."""
        self._take({**dict.fromkeys(self._programmed.keys() - snapshot.keys()), **snapshot})

    def forgotten(self) -> None:
        """Power is gone: so are the rules in the kernel."""
        if self._sync is not None:
            self._sync.cancel()
            self._sync = None
        self._pending.clear()
        for service in tuple(self._programmed):
            self._write(service, ())

    def tell(self, changes: dict[str, Backends | None], size_bytes: int, about: str) -> None:
        """At the server: these services have changed (None: gone)."""
        self.push(frozenset(changes), size_bytes, self._take, changes, kind="endpoints", about=about)

    def _take(self, changes: dict[str, Backends | None]) -> None:
        for service, backends in changes.items():
            self._pending[service] = () if backends is None else backends.seen_from(self._name, self._zone)
        if self._pending and self._sync is None:
            self._sync = self.clock.at(self._bucket.take(self.clock.now), self._write_all)

    def _write_all(self) -> None:
        self._sync = None
        pending, self._pending = self._pending, {}
        for service, pods in pending.items():
            self._write(service, pods)

    def _write(self, service: str, pods: tuple[int, ...]) -> None:
        if self._programmed.get(service, ()) != pods:
            self._plane.program(self._node, service, pods)
        if pods:
            self._programmed[service] = pods
        else:
            self._programmed.pop(service, None)


class Proxies:
    """The API server's side of all service proxies. Changes of one instant travel to each node together."""

    __slots__ = ("_changed", "_channels", "_flush", "_reach", "api_node", "backends", "clock", "hooks", "network",
                 "plane", "rng", "server", "settings")  # fmt: skip

    def __init__(
        self,
        clock: Clock,
        rng: Rng,
        network: Network,
        server: ApiServer,
        reach: Reach,
        *,
        api_node: int,
        plane: Plane,
        settings: ProxySettings,
    ) -> None:
        self.clock = clock
        self.rng = rng
        self.network = network
        self.server = server
        self.api_node = api_node
        self.plane = plane
        self.settings = settings
        self._reach = reach
        self._channels: dict[int, ProxyChannel] = {}
        self.backends: dict[str, Backends] = {}  # the server's watch cache
        self._changed: dict[str, None] = {}
        self._flush: Timer | None = None
        self.hooks: list[Callable[[dict[str, Backends | None]], None]] = []  # told of the same changes as the proxies
        server.watch(Endpoints, self._object_changed)
        server.watch(Service, self._object_changed)
        reach.tell(self._paths_changed)

    def attach(self, node_object: Node, row: int) -> ProxyChannel:
        """The proxy on this node, whose row in `reach` this is."""
        channel = self._channels[row] = ProxyChannel(self, self._reach.rows[row], node_object)
        if self._reach.state[row] != OK or self._reach.loss[row]:
            self._paths_changed([row], [row] if self._reach.state[row] != OK else [])
        return channel

    def size(self, services: Sequence[str] | dict[str, Backends]) -> int:
        """Bytes of the slices of these services."""
        s = self.settings
        known = [self.backends[name] for name in services if name in self.backends]
        return s.slice_bytes * len(services) + s.endpoint_bytes * sum(len(each.pods) for each in known)

    def _object_changed(self, _event: str, obj: ApiObject) -> None:
        self._changed[obj.name] = None
        if self._flush is None:
            self._flush = self.clock.after(0, self._tell_all)

    def _tell_all(self) -> None:
        self._flush = None
        names, self._changed = tuple(self._changed), {}
        changes: dict[str, Backends | None] = {}
        for name in names:
            backends = self._look(name)
            if backends != self.backends.get(name):
                changes[name] = backends
            if backends is None:
                self.backends.pop(name, None)
            else:
                self.backends[name] = backends
        if changes:
            size = self.size(tuple(changes))
            about = next(iter(changes)) if len(changes) == 1 else f"{len(changes)} services"
            for channel in self._channels.values():
                channel.tell(changes, size, about)
            for hook in self.hooks:
                hook(changes)

    def _look(self, name: str) -> Backends | None:
        service, endpoints = self.server.get(Service, name), self.server.get(Endpoints, name)
        if service is None or endpoints is None:
            return None
        by_node: dict[str, tuple[int, ...]] = {}
        by_zone: dict[str, tuple[int, ...]] = {}
        for pod in endpoints.pods:
            node = self.server.get(Node, pod.node)
            zone = node.zone if node is not None else ""
            by_node[pod.node] = (*by_node.get(pod.node, ()), pod.uid)
            by_zone[zone] = (*by_zone.get(zone, ()), pod.uid)
        pods = tuple(pod.uid for pod in endpoints.pods)
        close, local = service.distribution == "PreferClose", service.internal_policy == "Local"
        return Backends(pods, by_node, by_zone, close, local)

    def _paths_changed(self, rows: list[int], booted: list[int]) -> None:
        for row in rows:
            channel = self._channels.get(row)
            if channel is not None:
                path, lossy = int(self._reach.state[row]), bool(self._reach.loss[row])
                channel.path_changed(path, lossy, row in booted, self._reach.api_node)
