"""Pull mode: the agent in a member, which watches its works at the hub and writes them where it lives."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from simulator.control.api.queue import RetrySettings
from simulator.control.api.server import ApiServer
from simulator.control.clusters.applier import Applier
from simulator.control.clusters.copies import Copies
from simulator.control.clusters.objects import Order, Report
from simulator.control.clusters.remote import Remote
from simulator.control.clusters.wire import Ends, PullWire, WireSettings


class Agent:
    """One member's. What it was told stays with it: while it is cut off it goes on with the last orders it has."""

    __slots__ = ("_applier", "_orders", "wire")

    def __init__(
        self,
        ends: Ends,
        hub: ApiServer,
        copies: Copies,
        own: Remote,
        *,
        workers: int,
        retry: RetrySettings,
        settings: WireSettings,
        orders: Callable[[], Mapping[str, Order]],
        take: Callable[[str, Report], None],
        done: Callable[[Order], None],
    ) -> None:
        self._orders: dict[str, Order] = {}
        self.wire = PullWire(
            ends, hub, settings, copies, orders=orders, receive=self._receive, take=take, done=done
        )  # fmt: skip
        way = (own, copies)
        self._applier = Applier(
            ends.clock,
            workers=workers,
            retry=retry,
            find=self._orders.get,
            way=lambda _order: way,
            done=self.wire.confirm,
        )

    def _receive(self, order: Order) -> None:
        if self._orders.get(order.work) != order:
            self._orders[order.work] = order
            self._applier.queue.add(order.work)
