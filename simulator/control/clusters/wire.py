"""The lasting connection between a hub and a member: orders one way, reports the other, all of them after a break.

Who opens it depends on the mode; what breaks it, when it comes back and what is recorded is that of any watch
(`delivery.channel`). In push mode the member is the server and the hub its client; in pull mode the other way round.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from simulator.control.api.server import ApiServer
from simulator.control.clusters.copies import Copies
from simulator.control.clusters.objects import Order, Report
from simulator.control.clusters.site import Site
from simulator.control.delivery.channel import Channel, ChannelSettings
from simulator.control.delivery.reach import OK, Reach
from simulator.engine.clock import Clock
from simulator.streams import Rng
from simulator.world.network import Network


@dataclass(frozen=True, slots=True)
class WireSettings:
    """Sizes in bytes: of one order (an object), and of one report."""

    channel: ChannelSettings
    object_bytes: int
    report_bytes: int


@dataclass(frozen=True, slots=True)
class Ends:
    """What both modes need to know: the hub's machine, the member, and the way of the client to the server."""

    clock: Clock
    rng: Rng
    network: Network
    hub: int
    hub_machine: str
    site: Site
    way: Reach

    def follow(self, wire: Channel) -> None:
        """Tell a wire of its path, now and whenever it changes."""
        way = self.way

        def changed(_rows: list[int], booted: list[int]) -> None:
            wire.path_changed(int(way.state[0]), bool(way.loss[0]), bool(booted), way.api_node)

        way.tell(changed)
        if way.state[0] != OK or way.loss[0]:
            changed([0], [])


class PushWire(Channel):
    """The hub watches the copies in a member. Reports come as changes, and all together after a break."""

    __slots__ = ("_bytes", "_copies", "_take")

    lists = "statuses"

    def __init__(self, ends: Ends, settings: WireSettings, copies: Copies, take: Callable[[str, Report], None]) -> None:
        site = ends.site
        super().__init__(
            ends.clock, ends.rng, ends.network, site.server, api_node=site.node, node=ends.hub,
            client=f"hub/{site.name}", node_name=ends.hub_machine, settings=settings.channel,
        )  # fmt: skip
        self._bytes, self._copies, self._take = settings.report_bytes, copies, take
        ends.follow(self)

    def report(self, work: str) -> None:
        """The report about a copy has changed."""
        self.push(work, self._bytes, self._take, work, self._copies.report(work), kind="status", about=work)

    def snapshot(self) -> tuple[Mapping[str, Report], int]:
        """At the member's server: what there is to say about every copy."""
        found = {work: self._copies.report(work) for work in self._copies.works()}
        return found, self._bytes * max(1, len(found))

    def listed(self, snapshot: Mapping[str, Report]) -> None:
        """At the hub."""
        for work, report in snapshot.items():
            self._take(work, report)

    def forgotten(self) -> None:
        """At the hub: what was in memory is listed again."""


class PullWire(Channel):
    """A member's agent watches its works at the hub, and posts reports."""

    __slots__ = ("_amnesia", "_bytes", "_copies", "_done", "_orders", "_receive", "_take")

    lists = "works"

    def __init__(
        self,
        ends: Ends,
        hub: ApiServer,
        settings: WireSettings,
        copies: Copies,
        *,
        orders: Callable[[], Mapping[str, Order]],
        receive: Callable[[Order], None],
        take: Callable[[str, Report], None],
        done: Callable[[Order], None],
    ) -> None:
        site = ends.site
        super().__init__(
            ends.clock, ends.rng, ends.network, hub, api_node=ends.hub, node=site.node, client=f"agent/{site.name}",
            node_name=site.machine, settings=settings.channel,
        )  # fmt: skip
        self._bytes, self._copies = settings, copies
        self._orders, self._receive, self._take, self._done = orders, receive, take, done
        self._amnesia = False
        ends.follow(self)

    def order(self, order: Order) -> None:
        """A work of this member has changed at the hub."""
        self.push(order.work, self._bytes.object_bytes, self._receive, order, kind="object", about=order.work)

    def snapshot(self) -> tuple[Mapping[str, Order], int]:
        """At the hub: every work of this member."""
        found = self._orders()
        return found, self._bytes.object_bytes * max(1, len(found))

    def listed(self, snapshot: Mapping[str, Order]) -> None:
        """At the agent, which has something to say of everything if its machine was off."""
        for order in snapshot.values():
            self._receive(order)
        if self._amnesia:
            self._amnesia = False
            for work in self._copies.works():
                self.report(work)

    def forgotten(self) -> None:
        """The agent's machine has lost power."""
        self._amnesia = True

    def report(self, work: str) -> None:
        """The report about a copy has changed."""
        size, report = self._bytes.report_bytes, self._copies.report(work)
        self.post(("report", work), size, self._take, work, report, kind="status", about=work)

    def confirm(self, order: Order) -> None:
        """An order has been carried out: tell the hub."""
        size = self._bytes.report_bytes
        self.post(("done", order.work), size, self._done, order, kind="done", about=order.work)
