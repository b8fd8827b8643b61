"""Classes of flows that no solution can tell apart, and the links that several bundles share."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.engine.sharing.transfer import Bundle
from simulator.engine.sharing.virtual_clock import Ends, VirtualClock


class Link:
    """A link that flows cross. While one bundle has it to itself it is a cap of that bundle, and in no class.

    `clock`, there from `share` on, serves the classes that it holds down when it is `full`. `load_bps` is of all its
    classes, as of the last solution, and kept only while it is not full.
    """

    __slots__ = ("bundles", "capacity_bps", "classes", "clock", "full", "load_bps", "winding")

    clock: VirtualClock

    def __init__(self, capacity_bps: float) -> None:
        self.capacity_bps = capacity_bps
        self.bundles: dict[Bundle, None] = {}  # in order of arrival
        self.classes: dict[FlowClass, None] = {}
        self.load_bps = 0.0
        self.full = False
        self.winding = 0  # classes that cross other links too

    def share(self, numbers: Iterator[int], now: int) -> None:
        """Another bundle crosses it."""
        if not self.classes:
            self.clock = VirtualClock(numbers, now)


class FlowClass(Ends):
    """Bundles over the same shared links whose flows have the same cap; `count` is of flows.

    Its clock is its own while it is at its cap, and that of the link that holds it down while one does.
    """

    __slots__ = ("ahead", "bundles", "cap_bps", "clock", "count", "key", "links", "loaded_bps", "own", "planned",
                 "version")  # fmt: skip

    def __init__(
        self, key: tuple[tuple[int, ...], float], links: tuple[Link, ...], numbers: Iterator[int], now: int
    ) -> None:
        super().__init__(numbers)
        self.key = key
        self.links = links
        self.cap_bps = key[1]
        self.count = 0
        self.bundles = 0
        self.loaded_bps = 0.0  # what it adds to the load of links that are not full
        self.clock = self.own = VirtualClock(numbers, now)
        self.ahead = 0.0  # of its clock
        self.planned = -1  # the flow whose end its clock expects
        self.version = 0  # the number of what its clock was told

    def served_at(self, now: int) -> float:
        """What each flow present all along has got, in bytes."""
        return self.clock.served_at(now) + self.ahead

    def ride(self, clock: VirtualClock, now: int) -> None:
        """Be served by this clock from now on."""
        if clock is not self.clock:
            self.ahead += self.clock.served_at(now) - clock.served_at(now)
            self.own.version = 0  # whatever it plans, this class does not
            self.clock = clock
            self.planned = -1
        self.announce()

    def announce(self) -> None:
        """Let its clock know what ends next here, if that has changed."""
        if self.head()[1] != self.planned:
            self.clock.expect(self)
