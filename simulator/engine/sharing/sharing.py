"""The flows over a set of links at max–min fair rates.

Flows over one path with one cap are a bundle. A link that only one bundle crosses is a cap of its flows, capacity /
number. Bundles over the same other links with the same cap are a class, with one virtual clock: behind one core link,
access links of the same capacity with the same number of flows are one class, and no event costs more for there being
more of them. What a change touches is solved anew by progressive filling (`filling`, `rates`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from heapq import heappush
from math import inf

from simulator.engine.clock import Clock
from simulator.engine.sharing.flow_class import Link
from simulator.engine.sharing.rates import Rates
from simulator.engine.sharing.transfer import Bundle, Transfer


class Sharing:
    """The flows over a set of links, known by number, each with a capacity in bit/s."""

    __slots__ = ("_bundles", "_carried", "_clock", "_flows", "_links", "_opened", "_rates", "capacity_bps")

    def __init__(self, clock: Clock, capacity_bps: Sequence[float]) -> None:
        self._clock = clock
        self.capacity_bps = list(capacity_bps)
        self._bundles: dict[tuple[tuple[int, ...], float, float], Bundle] = {}  # by path, cap and limit
        self._links: dict[int, Link] = {}  # those with flows
        self._flows = [0] * len(self.capacity_bps)  # on each link
        self._carried = [0.0] * len(self.capacity_bps)  # by flows that have ended
        self._opened = 0
        self._rates = Rates(clock, self._links, self._done)

    @property
    def now(self) -> int:
        """The present, in ns."""
        return self._clock.now

    def open(self, path: Sequence[int], size: int, cap_bps: float = inf, limit_bps: float = inf) -> Transfer:
        """Start a flow of `size` bytes over these links, each named once, never faster than its cap, which follows its
        path (`set_caps`), nor than its own limit; where nothing limits it, it is done at once."""
        if size < 0:
            raise ValueError("a transfer's size must not be negative")
        if not min(cap_bps, limit_bps) > 0:
            raise ValueError("a transfer's cap must be positive")
        transfer = Transfer(self._clock, size)
        if not path or size == 0:
            for link in path:
                self._carried[link] += size
            transfer._leave(0.0)
            transfer._end(True)
            return transfer
        key = tuple(path), min(cap_bps, limit_bps), limit_bps
        bundle = self._bundles.get(key)
        if bundle is None:
            bundle = self._new_bundle(*key)
        self._opened += 1
        transfer._bundle, transfer._start = bundle, bundle.served_at(self.now)
        heappush(bundle.flows, (transfer._start + size, self._opened, transfer))
        self._count(bundle, 1)
        return transfer

    def stop(self, transfer: Transfer) -> None:
        """Cut one flow off: its `done` succeeds with False. Harmless when it has ended."""
        bundle = transfer._bundle
        if bundle is not None:
            self._leave(bundle, transfer, transfer.remaining())
            transfer._end(False)

    def stop_on(self, links: Iterable[int]) -> None:
        """Cut off every flow that crosses one of these links."""
        for link in links:
            for bundle in self._on(link):
                for _target, _order, transfer in sorted(bundle.flows, key=lambda flow: flow[1]):
                    self.stop(transfer)

    def set_capacity(self, link: int, bps: float) -> None:
        """A link has another capacity (bit/s) from now on. At 0 its flows stand still, and wait for the next change."""
        if not bps >= 0:
            raise ValueError("a capacity must not be negative")
        before, self.capacity_bps[link] = self.capacity_bps[link], bps
        used = self._links.get(link)
        if used is not None and bps != before:
            used.capacity_bps = bps
            if len(used.bundles) == 1 or inf in (bps, before):
                for bundle in used.bundles:
                    self._rates.changed(bundle)
            else:
                self._rates.resized(used)

    def set_caps(self, link: int, cap_bps: Callable[[Sequence[int]], float]) -> None:
        """What crosses this link has another cap from now on, which follows from its path."""
        for bundle in self._on(link):
            cap = min(cap_bps(bundle.path), bundle.limit_bps)
            if cap != bundle.cap_bps:
                self._forget(bundle)
                bundle.cap_bps = cap
                self._bundles.setdefault((bundle.path, cap, bundle.limit_bps), bundle)
                self._rates.changed(bundle)

    def rate(self, bundle: Bundle) -> float:
        """The rate of a bundle's flows at this instant, in bit/s."""
        self._rates.solve()
        assert bundle.flow_class is not None
        return bundle.flow_class.clock.rate_bps

    @property
    def visited(self) -> int:
        """How many bundles, classes and links were looked at so far to find rates: the count that tests read."""
        return self._rates.visited

    def flows_on(self, link: int) -> int:
        """How many flows share a link now."""
        return self._flows[link]

    def carried(self, link: int) -> float:
        """Bytes that have crossed a link up to now."""
        now, total = self.now, self._carried[link]
        for bundle in self._on(link):
            served = bundle.served_at(now)
            total += sum(min(served, end) - (end - t.size) for end, _, t in bundle.flows if t._bundle is bundle)
        return total

    def _on(self, link: int) -> tuple[Bundle, ...]:
        used = self._links.get(link)
        return tuple(used.bundles) if used is not None else ()

    def _new_bundle(self, path: tuple[int, ...], cap_bps: float, limit_bps: float) -> Bundle:
        bundle = self._bundles[path, cap_bps, limit_bps] = Bundle(self, path, cap_bps, limit_bps)
        for i in path:
            link = self._links.get(i)
            if link is None:
                link = self._links[i] = Link(self.capacity_bps[i])
            elif len(link.bundles) == 1:
                self._rates.share(link)
            link.bundles[bundle] = None
        return bundle

    def _forget(self, bundle: Bundle) -> None:
        key = bundle.path, bundle.cap_bps, bundle.limit_bps
        if self._bundles.get(key) is bundle:  # not another with what has become the same cap
            del self._bundles[key]

    def _drop_bundle(self, bundle: Bundle) -> None:
        self._forget(bundle)
        self._rates.drop(bundle)
        for i in bundle.path:
            link = self._links[i]
            del link.bundles[bundle]
            if not link.bundles:
                del self._links[i]
            elif len(link.bundles) == 1:
                (alone,) = link.bundles
                self._rates.changed(alone)

    def _count(self, bundle: Bundle, more: int) -> None:
        bundle.count += more
        for link in bundle.path:
            self._flows[link] += more
        if bundle.count:
            self._rates.changed(bundle)
        else:
            self._drop_bundle(bundle)

    def _leave(self, bundle: Bundle, transfer: Transfer, left: float) -> None:
        for link in bundle.path:
            self._carried[link] += transfer.size - left
        transfer._leave(left)
        self._count(bundle, -1)

    def _done(self, bundle: Bundle, transfer: Transfer) -> None:
        self._leave(bundle, transfer, 0.0)
        transfer._end(True)
