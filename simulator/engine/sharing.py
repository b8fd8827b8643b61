"""Bulk transfers that share links: fluid flows, each at the smallest of its links' equal shares.

A flow's rate is the minimum over its links of capacity / number of flows on that link. What a flow that is slow
elsewhere leaves unused is not handed to others (max–min sharing does that, behind this same interface), so the
rates are a lower bound of max–min's and equal to them wherever all flows meet at one bottleneck.

Flows over one path always have the same rate: they form a bundle, whose flows finish in the order of the bundle's
service at which each will have got its size. A flow that comes or goes re-computes the bundles that share a link
with it, and all that come or go at one instant do so once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush
from math import ceil

from simulator.engine.activity import Activity
from simulator.engine.clock import Clock, Timer
from simulator.units import SECOND

_BIT_NS = 8.0 * SECOND  # bytes · _BIT_NS / (bit/s) is a time in ns


class Transfer(Activity):
    """One flow of bytes over a path of links. `remaining` is in bytes."""

    __slots__ = ("_bundle", "_left", "_start", "size")

    def __init__(self, clock: Clock, size: int) -> None:
        super().__init__(clock)
        self.size = size
        self._left: float = size  # once it has ended
        self._bundle: _Bundle | None = None
        self._start = 0.0  # the bundle's service when this flow joined

    @property
    def rate_bps(self) -> float:
        """Its rate now, in bit/s; 0 once it has ended."""
        return self._bundle.sharing.rate(self._bundle) if self._bundle is not None else 0.0

    def remaining(self) -> float:
        """Bytes still to come."""
        if self._bundle is None:
            return self._left
        return max(0.0, self._start + self.size - self._bundle.served_at(self._bundle.sharing.now))

    def cancel(self) -> None:
        """Give up; what has crossed the links stays counted."""
        if self._bundle is not None:
            self._bundle.sharing.stop(self)
        else:
            self._end(False)

    def _leave(self, left: float) -> None:
        self._bundle, self._left = None, left


class _Bundle:
    """All flows over one path. `served` is what each flow present all along has got, in bytes."""

    __slots__ = ("_since", "count", "flows", "path", "planned", "rate_bps", "served", "sharing", "version")

    def __init__(self, sharing: Sharing, path: tuple[int, ...]) -> None:
        self.sharing = sharing
        self.path = path
        self.count = 0
        self.flows: list[tuple[float, int, Transfer]] = []  # heap by the service at which each is done
        self.served = 0.0
        self.rate_bps = 0.0
        self.version = 0  # counts re-plannings, so that the plans before can be told
        self.planned = 0  # the flow whose end the last planning foresaw
        self._since = 0

    def served_at(self, now: int) -> float:
        if now == self._since:  # an infinite rate for no time is nothing
            return self.served
        return self.served + self.rate_bps * (now - self._since) / _BIT_NS

    def settle(self, now: int) -> None:
        self.served, self._since = self.served_at(now), now

    def head(self) -> tuple[float, int, Transfer] | None:
        """The next flow to finish; those that were stopped are dropped on the way."""
        while self.flows and self.flows[0][2]._bundle is None:
            heappop(self.flows)
        return self.flows[0] if self.flows else None


class Sharing:
    """The flows over a set of links, known by number, each with a capacity in bit/s."""

    __slots__ = (
        "_bundles",
        "_carried",
        "_clock",
        "_dirty",
        "_flows",
        "_flush",
        "_links",
        "_opened",
        "_plan",
        "_timer",
        "capacity_bps",
    )

    def __init__(self, clock: Clock, capacity_bps: Sequence[float]) -> None:
        self._clock = clock
        self.capacity_bps = list(capacity_bps)
        self._bundles: dict[tuple[int, ...], _Bundle] = {}
        self._links: list[dict[_Bundle, None]] = [{} for _ in capacity_bps]  # bundles on each link, in order
        self._flows = [0] * len(capacity_bps)  # flows on each link
        self._carried = [0.0] * len(capacity_bps)  # by flows that have ended
        self._opened = 0
        self._dirty: dict[int, None] = {}  # links whose share has changed at this instant
        self._flush: Timer | None = None
        self._plan: list[tuple[int, int, int, _Bundle]] = []  # heap: time, order, the bundle's version, bundle
        self._timer: Timer | None = None

    @property
    def now(self) -> int:
        """The present, in ns."""
        return self._clock.now

    def open(self, path: Sequence[int], size: int) -> Transfer:
        """Start a flow of `size` bytes over these links, each named once; without links it is done at once."""
        if size < 0:
            raise ValueError("a transfer's size must not be negative")
        transfer = Transfer(self._clock, size)
        if not path or size == 0:
            for link in path:
                self._carried[link] += size
            transfer._leave(0.0)
            transfer._end(True)
            return transfer
        key = tuple(path)
        bundle = self._bundles.get(key)
        if bundle is None:
            bundle = self._bundles[key] = _Bundle(self, key)
            for link in key:
                self._links[link][bundle] = None
        bundle.settle(self.now)
        self._opened += 1
        transfer._bundle, transfer._start = bundle, bundle.served
        heappush(bundle.flows, (bundle.served + size, self._opened, transfer))
        self._count(bundle, 1)
        return transfer

    def stop(self, transfer: Transfer) -> None:
        """Cut one flow off: its `done` succeeds with False. Harmless when it has ended."""
        bundle = transfer._bundle
        if bundle is not None:
            self._ended(bundle, transfer, transfer.remaining())
            transfer._end(False)

    def stop_on(self, links: Iterable[int]) -> None:
        """Cut off every flow that crosses one of these links."""
        for link in links:
            for bundle in tuple(self._links[link]):
                for _target, _order, transfer in sorted(bundle.flows, key=lambda flow: flow[1]):
                    self.stop(transfer)

    def set_capacity(self, link: int, bps: float) -> None:
        """A link has another capacity (bit/s, above zero) from now on."""
        if not bps > 0:
            raise ValueError("a capacity must be positive; cut flows off with stop_on")
        if bps != self.capacity_bps[link]:
            self.capacity_bps[link] = bps
            self._touch((link,))

    def rate(self, bundle: _Bundle) -> float:
        """The rate of a bundle's flows at this instant, in bit/s."""
        self._solve()
        return bundle.rate_bps

    def flows_on(self, link: int) -> int:
        """How many flows share a link now."""
        return self._flows[link]

    def carried(self, link: int) -> float:
        """Bytes that have crossed a link up to now."""
        now, total = self.now, self._carried[link]
        for bundle in self._links[link]:
            served = bundle.served_at(now)
            total += sum(min(served, target) - (target - t.size) for target, _, t in bundle.flows if t._bundle)
        return total

    def _ended(self, bundle: _Bundle, transfer: Transfer, left: float) -> None:
        for link in bundle.path:
            self._carried[link] += transfer.size - left
        transfer._leave(left)
        bundle.settle(self.now)
        self._count(bundle, -1)

    def _count(self, bundle: _Bundle, more: int) -> None:
        bundle.count += more
        for link in bundle.path:
            self._flows[link] += more
        if bundle.count == 0:
            del self._bundles[bundle.path]
            bundle.version += 1
            bundle.flows.clear()
            for link in bundle.path:
                del self._links[link][bundle]
        self._touch(bundle.path)

    def _touch(self, links: Iterable[int]) -> None:
        """Shares change, but no time passes before the solution: all changes of one instant are solved together."""
        self._dirty.update(dict.fromkeys(links))
        if self._flush is None:
            self._flush = self._clock.after(0, self._solve)

    def _solve(self) -> None:
        if self._flush is None:
            return
        self._flush.cancel()
        self._flush = None
        touched = {bundle: None for link in self._dirty for bundle in self._links[link]}
        self._dirty.clear()
        now, capacity, flows = self.now, self.capacity_bps, self._flows
        for bundle in touched:
            rate = min([capacity[link] / flows[link] for link in bundle.path])
            head = bundle.head()
            if head is not None and (rate != bundle.rate_bps or head[1] != bundle.planned):
                bundle.settle(now)
                bundle.rate_bps = rate
                self._plan_bundle(bundle, head, now)
        if len(self._plan) > 64 + 4 * len(self._bundles):
            self._plan = [entry for entry in self._plan if entry[2] == entry[3].version]
            heapify(self._plan)
        self._set_timer()

    def _plan_bundle(self, bundle: _Bundle, head: tuple[float, int, Transfer], now: int) -> None:
        """Say when the bundle's next flow will be done."""
        bundle.version += 1
        bundle.planned = head[1]
        left = max(0.0, head[0] - bundle.served)
        due = now + ceil(left * _BIT_NS / bundle.rate_bps)
        heappush(self._plan, (due, head[1], bundle.version, bundle))

    def _set_timer(self) -> None:
        plan = self._plan
        while plan and plan[0][2] != plan[0][3].version:
            heappop(plan)
        due = plan[0][0] if plan else None
        if self._timer is not None and self._timer.pending:
            if self._timer.time == due:
                return
            self._timer.cancel()
        self._timer = self._clock.at(due, self._finish) if due is not None else None

    def _finish(self) -> None:
        """Flows are done: the one that was planned for now, and any other of its bundle that got as much."""
        now = self.now
        while self._plan and self._plan[0][0] <= now:
            _due, _order, version, bundle = heappop(self._plan)
            if version != bundle.version:
                continue
            bundle.settle(now)
            reached = max(bundle.served, bundle.flows[0][0]) if bundle.head() else bundle.served
            while (head := bundle.head()) is not None and head[0] <= reached:
                heappop(bundle.flows)
                self._ended(bundle, head[2], 0.0)
                head[2]._end(True)
        self._solve()
        self._set_timer()
