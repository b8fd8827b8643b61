"""What links carry in each interval. Kept only where a scenario asks for it (`record: {links: true}`)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.physics.power import Floats
from simulator.simulation.clusters.world import World
from simulator.traffic.plane import RequestPlane
from simulator.units import SECOND


class Carried:
    """Looks at all links from now, t = 0, on: at the end of each interval, and before rates change.

    A control message counts in the interval in which it arrives; bulk transfers, requests and telemetry count as they
    are sent, requests by how long they occupy a link.
    """

    __slots__ = ("_busy", "_bytes", "_interval", "_kept", "_ns", "_plane", "_room", "_seen", "_sent",
                 "_world")  # fmt: skip

    def __init__(self, world: World, plane: RequestPlane, interval_ns: int) -> None:
        self._world, self._plane, self._interval = world, plane, interval_ns
        self._busy = plane.loop.busy or plane.measure(interval_ns)
        links = len(world.network.rate_bps)
        self._seen = world.clock.now
        self._bytes, self._ns = np.zeros(links), np.zeros(links)  # up to the last look, by directed link
        self._sent, self._room = np.zeros(links), np.zeros(links)  # in this interval, but for telemetry
        # Of each interval: the links that sent something, how many bytes, and how many all could have.
        self._kept: list[tuple[NDArray[np.int64], Floats, Floats]] = []
        world.network.before_rates.append(self._look)
        world.clock.after(interval_ns, self._step)

    def record(self) -> None:
        """Write all rows, at the end of the run; the plane is settled."""
        if self._seen < self._world.clock.now or not self._kept:
            self._keep()
        world, table, waits = self._world, self._world.recorder.carried, np.zeros(len(self._sent))
        readings = self._plane.telemetry.sent.by_interval(len(self._kept), len(waits))
        for i, ((senders, sent, room), (bits, _)) in enumerate(zip(self._kept, readings, strict=True)):
            waits += bits / 8
            waits[senders] += sent
            # What is less than a byte waits for the next interval.
            for hop in np.flatnonzero(waits >= 1).tolist():
                link = world.network.links[hop >> 1]
                sender = world.nodes.names[link.b if hop & 1 else link.a]
                table.add(i * self._interval, link.name, sender, waits[hop], room[hop])
            waits[waits >= 1] = 0

    def _step(self) -> None:
        self._keep()
        self._world.clock.after(self._interval, self._step)

    def _keep(self) -> None:
        """An interval ends."""
        self._look()
        senders, room = np.flatnonzero(self._sent), self._room.copy()
        if self._kept and np.array_equal(room, self._kept[-1][2]):
            room = self._kept[-1][2]  # once, as long as it is the same
        self._kept.append((senders, self._sent[senders], room))
        self._sent[:] = self._room[:] = 0

    def _look(self) -> None:
        """Add what was carried since the last look, at the rates that held."""
        now, network = self._world.clock.now, self._world.network
        if now == self._seen:
            return
        self._plane.settle(now)
        rates: Floats = np.array(network.rate_bps)
        bytes_now, ns = np.array(network.bytes_carried), self._busy.by_hop(len(rates))
        self._sent += bytes_now - self._bytes + (ns - self._ns) * rates / (8 * SECOND)
        self._room += rates * ((now - self._seen) / (8 * SECOND))
        self._bytes, self._ns, self._seen = bytes_now, ns, now
