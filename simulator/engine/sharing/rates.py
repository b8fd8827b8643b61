"""The rates of all flows, kept up to date event by event, and when each flow will be done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from heapq import heapify, heappop, heappush
from itertools import count
from math import inf

from simulator.engine.clock import Clock, Timer
from simulator.engine.sharing.filling import fill_link, resolve
from simulator.engine.sharing.flow_class import FlowClass, Link
from simulator.engine.sharing.transfer import Bundle, Transfer
from simulator.engine.sharing.virtual_clock import VirtualClock


class Rates:
    """Classes of the bundles over these links (by number, those with flows), and what they are served.

    `ended` is called with each flow that has got its size. `visited` counts the bundles, classes and links that
    solutions have looked at.
    """

    __slots__ = ("_changed", "_classes", "_clock", "_ended", "_ending", "_flush", "_links", "_numbers", "_plan",
                 "_stale", "_timer", "_touched", "visited")  # fmt: skip

    def __init__(self, clock: Clock, links: Mapping[int, Link], ended: Callable[[Bundle, Transfer], object]) -> None:
        self._clock = clock
        self._links = links
        self._ended = ended
        self._classes: dict[tuple[tuple[int, ...], float], FlowClass] = {}  # by shared links and cap
        self._stale: dict[Bundle, None] = {}  # may be of another class now
        self._changed: dict[FlowClass, None] = {}  # has more or fewer flows now
        self._touched: dict[Link, None] = {}  # has another capacity now, or was full and lost a class
        self._flush: Timer | None = None
        self._ending = False
        self._plan: list[tuple[int, int, int, VirtualClock]] = []  # heap: time, flow, number, clock
        self._timer: Timer | None = None
        self._numbers = count(1)  # of plans and announcements
        self.visited = 0

    def changed(self, bundle: Bundle) -> None:
        """A bundle has other flows, another cap, or more or fewer links to itself."""
        self._stale[bundle] = None
        self._soon()

    def drop(self, bundle: Bundle) -> None:
        """A bundle has no flow any more."""
        self._stale.pop(bundle, None)
        self._leave_class(bundle)
        bundle.flows.clear()
        self._soon()

    def share(self, link: Link) -> None:
        """The bundle that had a link to itself will share it."""
        (alone,) = link.bundles
        link.share(self._numbers, self._clock.now)
        self.changed(alone)

    def resized(self, link: Link) -> None:
        """A link that bundles share has another capacity."""
        self._touched[link] = None
        self._soon()

    def _soon(self) -> None:
        """No time passes before the solution: all changes of one instant are solved together."""
        if self._flush is None and not self._ending:
            self._flush = self._clock.after(0, self.solve)

    def solve(self) -> None:
        """Bring all rates up to date with what changed at this instant."""
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        if not (self._stale or self._changed or self._touched):
            return
        self.visited += len(self._stale)
        for bundle in self._stale:
            self._classify(bundle)
        self._stale.clear()
        now = self._clock.now
        link = self._only_link()
        clocks = self._solve_link(link, now) if link is not None else self._solve_component(now)
        self._changed.clear()
        self._touched.clear()
        for clock, rate in clocks.items():
            head = clock.head()
            if rate != clock.rate_bps or head[1] != clock.planned or not clock.version:
                clock.run(rate, now)
                clock.planned, clock.version = head[1], next(self._numbers)
                if rate:  # else they wait for another change
                    heappush(self._plan, (clock.due(head[0]), head[1], clock.version, clock))
        if len(self._plan) > 64 + 4 * len(self._classes):
            self._plan = [entry for entry in self._plan if entry[2] == entry[3].version]
            heapify(self._plan)
        self._set_timer()

    def _only_link(self) -> Link | None:
        """The one full link that all has to do with that changed, if there is only one."""
        only = next(iter(self._touched), None)
        for each in self._changed:
            if len(each.links) != 1 or only not in (None, each.links[0]):
                return None
            only = each.links[0]
        if only is None or not only.full or only.winding or len(self._touched) > 1:
            return None
        return only

    def _solve_link(self, link: Link, now: int) -> dict[VirtualClock, float]:
        """Rates where one link's classes cross no other: the clocks whose rate or next end may be another."""
        capped, held, level = fill_link(link)
        self.visited += len(link.classes) + 1
        clocks = {}
        for each in capped:
            if each.clock is not each.own or each in self._changed:
                each.ride(each.own, now)
                clocks[each.own] = each.cap_bps
        for each in held:
            if each.clock is not link.clock or each in self._changed:
                each.ride(link.clock, now)
        if held:
            clocks[link.clock] = level
        else:
            self._empty(link)
            for each in capped:
                each.loaded_bps = each.cap_bps * each.count
            link.load_bps = sum([each.loaded_bps for each in capped])
        return clocks

    def _solve_component(self, now: int) -> dict[VirtualClock, float]:
        """Rates of all that full links join to a change: the clocks whose rate or next end may be another."""
        holder, level, crossing = resolve(self._changed, self._touched)
        self.visited += len(holder) + len(crossing)
        clocks = {link.clock: rate for link, rate in level.items()}
        for each, by in holder.items():
            clock, rate = (each.own, each.cap_bps) if by is None else (by.clock, level[by])
            if each.clock is not clock or each in self._changed:
                each.ride(clock, now)
                clocks[clock] = rate
            more = rate * each.count - each.loaded_bps
            each.loaded_bps += more
            for link in each.links:
                link.load_bps += more
        for link, those in crossing.items():
            if link in level:
                link.full = True
            else:
                self._empty(link)
            if len(those) == len(link.classes):  # let no rounding add up
                link.load_bps = sum([each.loaded_bps for each in those])
        return clocks

    def _classify(self, bundle: Bundle) -> None:
        """Bring a bundle into the class that its shared links, its cap and its number of flows make it one of."""
        cap, shared = bundle.cap_bps, []
        for i in bundle.path:
            link = self._links[i]
            if len(link.bundles) == 1:
                cap = min(cap, link.capacity_bps / bundle.count)
            elif link.capacity_bps < inf:
                shared.append(i)
        key = tuple(shared), cap
        old = bundle.flow_class
        if old is not None and old.key == key:
            if bundle.count != bundle.counted:
                old.count += bundle.count - bundle.counted
                bundle.counted = bundle.count
            self._changed[old] = None
            if bundle.head()[1] != bundle.planned:
                old.expect(bundle)
            return
        self._leave_class(bundle)
        new = self._classes.get(key)
        if new is None:
            links = tuple([self._links[i] for i in shared])
            new = self._classes[key] = FlowClass(key, links, self._numbers, self._clock.now)
            for link in links:
                link.classes[new] = None
                link.winding += len(links) > 1
        bundle.flow_class = new
        bundle.ahead -= new.served_at(self._clock.now)
        bundle.counted = bundle.count
        new.count += bundle.count
        new.bundles += 1
        new.expect(bundle)
        self._changed[new] = None

    def _leave_class(self, bundle: Bundle) -> None:
        old = bundle.flow_class
        if old is None:
            return
        bundle.ahead += old.served_at(self._clock.now)
        bundle.flow_class = None
        bundle.version = 0
        old.count -= bundle.counted
        old.bundles -= 1
        if old.bundles:
            self._changed[old] = None
            return
        self._changed.pop(old, None)
        del self._classes[old.key]
        old.version = 0
        for link in old.links:
            del link.classes[old]
            link.winding -= len(old.links) > 1
            link.load_bps -= old.loaded_bps
            if not link.classes:
                link.load_bps, link.full = 0.0, False
            elif link.full:
                self._touched[link] = None

    @staticmethod
    def _empty(link: Link) -> None:
        """It holds nobody down."""
        link.full = False
        link.clock.version = 0

    def _set_timer(self) -> None:
        """Be called when the next flow is done, or sooner."""
        plan = self._plan
        while plan and plan[0][2] != plan[0][3].version:
            heappop(plan)
        if plan:
            due, timer = plan[0][0], self._timer
            if timer is not None and timer.pending:
                if timer.time <= due:
                    return
                timer.cancel()
            self._timer = self._clock.at(due, self._finish)

    def _finish(self) -> None:
        """Flows are done: those whose end was planned for now, and any other of their clocks that got as much."""
        now, self._ending = self._clock.now, True
        while self._plan and self._plan[0][0] <= now:
            _due, _order, version, clock = heappop(self._plan)
            if version == clock.version:
                self._finish_of(clock, now)
        self._ending = False
        self.solve()
        self._set_timer()

    def _finish_of(self, clock: VirtualClock, now: int) -> None:
        clock.run(clock.rate_bps, now)
        clock.version = 0
        reached, head = clock.served, clock.head()
        if head is not None and head[1] == clock.planned:  # and not stopped at this very instant
            reached = max(reached, head[0])
        while head is not None and head[0] <= reached:
            each = head[3]
            bundle = each.head()[3]
            self._ended(bundle, heappop(bundle.flows)[2])
            if bundle.count:
                each.expect(bundle)
            if each.bundles:
                each.announce()
            head = clock.head()
