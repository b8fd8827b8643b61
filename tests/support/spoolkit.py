"""A spool, an event for every message: the oracle of the gateways' closed forms; and ages by walking over arrivals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest

from planes import PlaneWorld
from simulator.physics.transmission import serialisation_ns
from simulator.streams import key
from simulator.traffic.buffers.spool import SpoolLaw
from simulator.traffic.flows import TelemetryFlow
from simulator.traffic.tries import NEVER
from simulator.units import MS, SECOND

END = 10 * SECOND
BIN = 100 * MS
DEVICE, GATE, MID, HOME = range(4)
COUNTS = ("created", "delivered", "lost")
SPOOLED = ("came", "left", "returned", "full", "expired", "wiped", "duplicate")


class Message:
    def __init__(self, source: int, flow: TelemetryFlow, made: int) -> None:
        self.source, self.flow, self.made, self.came = source, flow, made, -1
        self.alive = False  # under way
        self.arrived = self.here = False  # ever, and as this try
        self.tries = 0
        self.trips = 0  # to a gateway, begun


class Model:
    """The rules of one gateway, message by message, and of a device that sends to it over the link `access`."""

    def __init__(
        self,
        w: PlaneWorld,
        flows: Sequence[TelemetryFlow],
        law: SpoolLaw,
        *,
        gate: int = GATE,
        access: int = 0,
        home: int = HOME,
    ) -> None:
        self.w, self.law, self.gate, self.access, self.home = w, law, gate, access, home
        self.counts = Counter[tuple[str, int]]()
        self.arrivals: dict[tuple[str, int], list[tuple[int, int]]] = {}
        self.queue: list[Message] = []
        self.sent: list[Message] = []
        self.way: Any = None
        self.free, self.up = 0, True
        self.travelling: list[Message] = []
        w.network.after_change.append(self.changed)
        number = 0
        for flow in flows:
            for node in flow.sources:
                phase = int(w.plane.rng.draw(f"phase/{flow.name}", key(f"n{node}")) * flow.every_ns)
                w.clock.at(phase, self.make, number, flow, node)
                number += 1
        self.changed()

    def count(self, what: str) -> None:
        self.counts[what, self.w.clock.now // BIN] += 1

    # To the gateway: over one link, or none.

    def make(self, number: int, flow: TelemetryFlow, node: int) -> None:
        self.w.clock.after(flow.every_ns, self.make, number, flow, node)
        self.made(number, flow, node)

    def made(self, number: int, flow: TelemetryFlow, node: int) -> None:
        if self.w.nodes.up[node]:
            self.count("created")
            message = Message(number, flow, self.w.clock.now)
            if node == self.gate:
                self.come(message)
            else:
                self.set_out(message)

    @property
    def reached(self) -> bool:
        """Whether the device has its link to the gateway, and both have power."""
        link, up = self.w.network.links[self.access], self.w.nodes.up
        return bool(up[link.a] and up[link.b]) and not self.w.network.states[self.access].mode

    def set_out(self, message: Message) -> None:
        if not self.reached:
            self.missed(message)
            return
        message.alive = True
        self.travelling.append(message)
        takes = serialisation_ns(message.flow.size_bytes, 8e6) + self.w.network.links[self.access].latency_ns
        message.trips += 1
        self.w.clock.after(takes, self.over, message, message.trips)

    def missed(self, message: Message) -> None:
        """It does not get to the gateway."""
        self.count("lost")

    def over(self, message: Message, trip: int) -> None:
        if message.alive and message.trips == trip:
            message.alive = False
            self.travelling.remove(message)
            self.come(message)

    # In the spool.

    def come(self, message: Message) -> None:
        self.count("came")
        message.came = self.w.clock.now
        self.pump(message.came)
        if self.way is not None and not self.queue and self.free <= message.came:
            self.leave(message)
            return
        self.queue.append(message)
        while sum(m.flow.size_bytes for m in self.queue) > self.law.size_bytes:
            self.drop(self.victim(message), "full")
        if self.law.ttl_ns < NEVER:
            self.w.clock.at(message.came + self.law.ttl_ns, self.tick)

    def victim(self, newest: Message) -> Message:
        if newest.flow.size_bytes > self.law.size_bytes or self.law.drop == "newest":
            return self.queue[-1]
        if self.law.drop == "oldest":
            return self.queue[0]
        return min(self.queue, key=lambda m: m.flow.importance)

    def drop(self, message: Message, why: str) -> None:
        self.queue.remove(message)
        if not message.arrived:
            self.count(why)
            self.count("lost")

    def tick(self) -> None:
        self.pump(self.w.clock.now)

    def pump(self, now: int) -> None:
        while self.queue:
            head = self.queue[0]
            if self.way is not None and self.free <= now:
                self.queue.pop(0)
                self.leave(head)
            elif head.came + self.law.ttl_ns <= now:
                self.drop(head, "expired")
            else:
                return

    # Over the connection.

    def takes(self, hops: tuple[int, ...], size: int) -> int:
        rates = self.w.network.rate_bps
        return sum(serialisation_ns(size, rates[h]) + self.w.network.links[h >> 1].latency_ns for h in hops)

    def leave(self, message: Message) -> None:
        if not message.arrived:
            self.count("left")
        flow, (out, back) = message.flow, self.way
        now = self.w.clock.now
        self.free = now + max(serialisation_ns(flow.size_bytes, self.w.network.rate_bps[hop]) for hop in out)
        self.w.clock.at(self.free, self.tick)
        trip = self.takes(back, flow.ack_bytes)
        there = self.takes(out, flow.size_bytes)
        if flow.qos == 2:
            there += trip + self.takes(out, flow.ack_bytes)
        message.alive = True
        self.sent.append(message)
        self.w.clock.after(there, self.arrive, message, message.tries)
        self.w.clock.after(there + (trip if flow.qos else 0), self.acknowledge, message, message.tries)

    def arrive(self, message: Message, tries: int) -> None:
        if not message.alive or message.tries != tries:
            return
        if message.arrived:
            self.count("duplicate")
        else:
            self.count("delivered")
            where = (message.flow.name, message.source)
            self.arrivals.setdefault(where, []).append((self.w.clock.now, message.made))
        message.arrived = message.here = True

    def acknowledge(self, message: Message, tries: int) -> None:
        if message.alive and message.tries == tries:
            message.alive = False
            self.sent.remove(message)

    # What changes.

    def changed(self) -> None:
        network, now = self.w.network, self.w.clock.now
        if not self.reached:
            travelling, self.travelling = self.travelling, []
            for message in travelling:
                message.alive = False
                self.missed(message)
        up = bool(self.w.nodes.up[self.gate])
        out, back = network.route(self.gate, self.home), network.route(self.home, self.gate)
        way = (out.hops, back.hops) if up and out is not None and back is not None else None
        if self.way is not None and (way is None or way[0] != self.way[0]):
            sent, self.sent = self.sent, []
            again: list[Message] = []
            for m in sent:
                m.alive = False
                m.tries += 1
                here, m.here = m.here, False
                if way is not None:
                    if m.flow.datagram and not here:
                        self.lose(m)
                    elif not here:  # else its acknowledgement is under way, and gets through
                        again.append(m)
                elif m.flow.qos == 1 or (m.flow.qos == 2 and not here):
                    again.append(m)
                elif not m.arrived:
                    self.lose(m)
            for m in again:
                if not m.arrived:
                    self.count("returned")
                if self.law.ttl_ns < NEVER:
                    self.w.clock.at(max(now, m.came + self.law.ttl_ns), self.tick)
            self.queue = sorted(again + self.queue, key=lambda m: (m.came, m.source, m.made))
            if up or self.law.durable:
                for m in [m for m in self.queue if m.flow.size_bytes > self.law.size_bytes]:
                    self.drop(m, "full")
                while sum(m.flow.size_bytes for m in self.queue) > self.law.size_bytes:
                    self.drop(self.victim(self.queue[-1]), "full")
        if self.up and not up and not self.law.durable:
            for m in list(self.queue):
                self.drop(m, "wiped")
        if way is not None and (self.way is None or way[0] != self.way[0]):
            self.free = now
        self.way, self.up = way, up
        self.pump(now)

    def lose(self, message: Message) -> None:
        if not message.arrived:
            self.count("lost")


def counted(w: PlaneWorld) -> Counter[tuple[str, int]]:
    """What the tables say, by column and interval."""
    found = Counter[tuple[str, int]]()
    for table, kinds in (("messages", COUNTS), ("spools", SPOOLED)):
        for row in getattr(w.recorder, table).frame().iter_rows(named=True):
            for kind in kinds:
                found[kind, round(row["start_s"] / 0.1)] += row[kind]
    return found


def ages(w: PlaneWorld, arrivals: dict[tuple[str, int], list[tuple[int, int]]]) -> None:
    """The age of what is known, by walking over all arrivals."""
    known, area, peak = Counter[int](), Counter[int](), Counter[int]()
    for arrived in arrivals.values():
        newest = -1
        for (came, made), until in zip(arrived, [*(at for at, _ in arrived[1:]), END], strict=True):
            newest, at = max(newest, made), came
            while at < until:
                high = min(until, (at // BIN + 1) * BIN)
                known[at // BIN] += high - at
                area[at // BIN] += (high - at) * (high + at - 2 * newest)
                peak[at // BIN] = max(peak[at // BIN], high - newest)
                at = high
    rows = w.recorder.ages.frame().with_columns(area=pl.col("mean_s") * pl.col("known_s"))
    rows = rows.group_by("start_s").agg(pl.col("known_s", "area").sum(), pl.col("peak_s").max())
    assert {round(start / 0.1) for start in rows["start_s"]} == set(known)
    for start, known_s, mean, peak_s in rows.select("start_s", "known_s", "area", "peak_s").rows():
        i = round(start / 0.1)
        assert known_s == pytest.approx(known[i] / SECOND, rel=1e-9)
        assert mean == pytest.approx(area[i] / 2 / SECOND**2, rel=1e-9)
        assert peak_s == pytest.approx(peak[i] / SECOND, rel=1e-9)
