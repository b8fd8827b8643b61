"""A source of telemetry: its sessions, its readings under way, and how old the newest known one is.

A `Sensor` makes readings, and sends them through one `Source` at a time: one for each place at which it has entered the
cluster, so what waits at a place that it has left is sent on from there.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from simulator.traffic.ages import Ages
    from simulator.traffic.buffers.gateway import Gateway
    from simulator.traffic.buffers.relay import Relay
    from simulator.traffic.calls import Steps
    from simulator.world.message import Retransmission
    from simulator.world.promotion import Promotion

Ints = NDArray[np.int64]
CREATED, START, END, LOSER = range(4)  # rows of readings under way, shape (4, n): when it was made, when it set out,
# when its fate is decided (ns), and the hop that loses it (-1: none)


class Session:
    """Where readings go now: nowhere while their source is dark, else over `steps` (None: no way) to the endpoint `uid`
    (-1: a node), on node `end`, which `listens` or not, or into what waits at the edge node, `hub`. `odd`: jitter (ns)
    and loss of each hop; empty where all are plain. `radios`: those that sleep, by hop; empty where there are none."""

    __slots__ = ("dark", "delay_ns", "end", "hub", "listens", "odd", "radios", "steps", "uid")

    def __init__(
        self, *, dark: bool = False, uid: int = -1, steps: Steps | None = None, listens: bool = False,
        odd: tuple[tuple[int, float], ...] = (), hub: Relay | Gateway | None = None,
        radios: tuple[Promotion | None, ...] = (), end: int = -1,
    ) -> None:  # fmt: skip
        self.radios, self.end = radios, end
        self.dark, self.uid, self.steps, self.listens, self.odd, self.hub = dark, uid, steps, listens, odd, hub
        self.delay_ns = sum(step[1] + step[2] for step in steps or ())

    def like(self, other: Session) -> bool:
        """Whether readings fare the same in both."""
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)


class Source:
    """One sensor's readings where they enter the cluster. Reading k is made at base + k · every."""

    __slots__ = ("base", "done", "door", "every", "flow", "group", "identity", "made", "node", "number", "onward",
                 "order", "pending", "picks", "proxy", "repeats", "resent", "sensor", "sent", "session", "twin", "uid",
                 "unloaded_ns")  # fmt: skip

    nothing: ClassVar[Ints] = np.zeros((4, 0), np.int64)
    nowhere: ClassVar[Session] = Session()

    def __init__(self, sensor: Sensor, order: int, where: tuple[int, int], *, base: int) -> None:
        self.sensor, self.order, self.base = sensor, order, base
        self.flow, self.group, self.identity, self.every = sensor.flow, sensor.group, sensor.identity, sensor.every
        self.node, self.proxy = where
        self.made = 0  # readings whose creation is counted, or that were not made while it was dark
        self.done = 0  # on a plain way: readings whose fate is counted, or that have come to the hub
        self.pending = self.nothing  # on an odd way: readings under way
        self.uid = -1  # the endpoint picked last
        self.picks = 0  # endpoints picked
        self.session = Session(dark=True)
        self.door: Relay | Gateway | None = None  # what waits where it enters the cluster
        self.number = -1  # among those behind that
        self.onward = self.nowhere  # behind a hub: where its readings go from there
        self.sent = self.nothing  # readings that have left the hub and are under way
        self.resent = False  # it keeps what does not get to its hub, and sends it again
        self.repeats: Retransmission | None = None  # how packets that a link loses are repeated
        self.twin = False  # its readings are values of a device twin
        self.unloaded_ns = 0  # how long a reading takes where nothing holds it up

    def passes(self, hops: Collection[int]) -> bool:
        """Whether readings pass one of these directed links now, on their way or from where they wait."""
        onward = self.nowhere if self.door is None else self.door.onward(self)
        return any(step[0] in hops for session in (self.session, onward) for step in session.steps or ())


class Sensor:
    """Who makes readings: one device, or one property of it that is reported by itself; or who commands one device."""

    __slots__ = ("_ages", "_area2", "_newest", "_newest_at", "behind", "every", "first_at", "flow", "group", "held",
                 "here", "identity", "places", "stragglers", "target")  # fmt: skip

    here: Source  # through which it sends now

    def __init__(
        self, flow: int, group: int, identity: int, ages: Ages, *, every: int, target: int | None = None
    ) -> None:
        self._ages = ages
        self.target = target  # of commands: the node that they are for
        self.flow, self.group, self.identity, self.every = flow, group, identity, every
        self.places: dict[int, Source] = {}  # by proxy
        self.behind: list[Source] = []  # places that it has left and that may still hold something of it
        self.held = Source.nothing[0]  # when those were made that did not get to a hub, and are sent again
        self.stragglers: list[tuple[Ints, Ints]] = []  # (arrivals, creations) that nobody has looked at in their order
        self.first_at = -1  # when the first reading arrived
        self._newest, self._newest_at = -1, 0  # creation and arrival of the newest reading that has arrived
        self._area2 = 0  # twice the integral of its age from the first arrival to `_newest_at`, ns²

    def heard(self, created: Ints, at: Ints) -> None:
        """These readings have arrived, in any order, after all that arrived before; as long as something is `behind`,
        in no order of all, until `gather`."""
        if self.behind:
            self.stragglers.append((at, created))
        else:
            self._hear(created, at)

    def _hear(self, created: Ints, at: Ints) -> None:
        order = np.lexsort((created, at))
        created, at = created[order], at[order]
        newer = np.diff(np.maximum.accumulate(created), prepend=-1) > 0
        newer &= created > self._newest
        created, at = created[newer], at[newer]
        if not created.size:
            return
        if self._newest < 0:
            self.first_at = self._newest_at = int(at[0])
        newest = np.append(self._newest, created[:-1])
        since = np.append(self._newest_at, at[:-1])
        self._area2 += self._ages.stretches(self.group, since, at, newest)
        self._newest, self._newest_at = int(created[-1]), int(at[-1])

    def heard_run(self, first: int, number: int, delay: int) -> None:
        """So many arrived, the first at `first`, one each period, all with this delay."""
        if self.behind:
            at = first + np.arange(number) * self.every
            self.heard(at - delay, at)
            return
        self._hear(np.array([first - delay]), np.array([first]))
        self._ages.run(self.group, first, self.every, number, delay)
        span = (number - 1) * self.every
        self._area2 += span * (2 * delay + self.every)
        self._newest += span
        self._newest_at += span

    def catch_up(self, before: int) -> None:
        """Hear the stragglers that arrived before this session's next reading; later ones bring nothing new."""
        if self.stragglers and not self.behind:
            at, created = (np.concatenate(column) for column in zip(*self.stragglers, strict=True))
            self.stragglers.clear()
            early = at < before
            self._hear(created[early], at[early])

    def gather(self, now: int) -> None:
        """All its places have been looked at up to now: hear what has come, and forget those that hold nothing more."""
        behind, self.behind = self.behind, []
        self.catch_up(now + 1)
        self.behind = [place for place in behind if place.door is not None and place.door.holds(place)]

    def finish(self, now: int) -> None:
        """Nothing more will arrive by now."""
        if self.first_at >= 0:
            newest = (np.array([time]) for time in (self._newest_at, now, self._newest))
            self._ages.stretches(self.group, *newest)

    def mean_age_ns(self, now: int) -> float:
        """Time average of the age of the newest reading that has arrived, from the first arrival to now."""
        if now == self.first_at:
            return float(self._newest_at - self._newest)
        area2 = self._area2 + (now - self._newest_at) * (now + self._newest_at - 2 * self._newest)
        return area2 / (2 * (now - self.first_at))


class Flying:
    """A reading that was under way when its session ended: it stays on its way, hop by hop."""

    __slots__ = ("at", "created", "hops", "leaves", "lost", "session", "source", "unloaded_ns")

    def __init__(
        self, source: Source, session: Session, created: int, leaves: list[int], *, lost: int, now: int
    ) -> None:
        self.source, self.session, self.created, self.unloaded_ns = source, session, created, source.unloaded_ns
        self.hops = [step[0] for step in session.steps or ()]
        self.leaves = leaves  # when it leaves each hop
        self.lost = lost  # the hop that loses it; -1: none
        self.at = sum(time <= now for time in leaves)  # the hop that it is on
