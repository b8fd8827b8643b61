"""What links carry in each interval. Kept only where a scenario asks for it (`record: {links: true}`)."""

from __future__ import annotations

import numpy as np

from simulator.physics.power import Floats
from simulator.simulation.clusters.world import World
from simulator.traffic.plane import RequestPlane
from simulator.units import SECOND


class Carried:
    """Looks at all links from now, t = 0, on: at the end of each interval, and before rates change.

    A control message counts in the interval in which it arrives; bulk transfers, requests and telemetry count as they
    are sent, the latter two by how long they occupy a link.
    """

    __slots__ = ("_begin", "_bits", "_busy", "_bytes", "_interval", "_ns", "_plane", "_room", "_seen", "_sent",
                 "_world")  # fmt: skip

    def __init__(self, world: World, plane: RequestPlane, interval_ns: int) -> None:
        self._world, self._plane, self._interval = world, plane, interval_ns
        self._busy = plane.loop.busy or plane.measure(interval_ns)
        links = len(world.network.rate_bps)
        self._begin = self._seen = world.clock.now
        self._bytes, self._ns = np.zeros(links), np.zeros(links)  # up to the last look, by directed link
        self._bits = np.zeros(links)
        self._sent, self._room = np.zeros(links), np.zeros(links)  # in this interval
        world.network.before_change.append(self._look)
        world.network.before_rates.append(self._look)
        world.clock.after(interval_ns, self._step)

    def record(self) -> None:
        """Write the rows of the interval that ends now, at the end of the run."""
        self._look()
        world, table = self._world, self._world.recorder.carried
        # What is less than a byte waits for the next interval.
        for hop in np.flatnonzero(self._sent >= 1).tolist():
            link = world.network.links[hop >> 1]
            sender = world.nodes.names[link.b if hop & 1 else link.a]
            table.add(self._begin, link.name, sender, self._sent[hop], self._room[hop])
        self._sent[self._sent >= 1] = 0
        self._room[:] = 0
        self._begin = world.clock.now

    def _step(self) -> None:
        self.record()
        self._world.clock.after(self._interval, self._step)

    def _look(self) -> None:
        """Add what was carried since the last look, at the rates that held."""
        now, network = self._world.clock.now, self._world.network
        if now == self._seen:
            return
        self._plane.settle(now)
        self._plane.telemetry.advance(now)
        rates: Floats = np.array(network.rate_bps)
        bytes_now, ns = np.array(network.bytes_carried), np.zeros(len(rates))
        for sent in (self._busy.total, self._plane.telemetry.sent_ns()):
            for stage, took in sent.items():
                if stage < len(ns):  # others are stations
                    ns[stage] += took
        bits = np.zeros(len(rates))
        for hop, number in self._plane.telemetry.sent_bits().items():
            bits[hop] = number
        self._sent += bytes_now - self._bytes + (ns - self._ns) * rates / (8 * SECOND) + (bits - self._bits) / 8
        self._room += rates * ((now - self._seen) / (8 * SECOND))
        self._bytes, self._ns, self._bits, self._seen = bytes_now, ns, bits, now
