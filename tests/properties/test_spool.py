"""Readings through a gateway's spool against a model with an event for every one of them; and that none goes astray."""

from __future__ import annotations

from collections import Counter
from typing import Any
from unittest import mock

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from networks import link
from planes import PlaneWorld
from simulator.physics.transmission import serialisation_ns
from simulator.streams import key
from simulator.traffic.buffers import gateway
from simulator.traffic.buffers.spool import SpoolLaw
from simulator.traffic.flows import TelemetryFlow
from simulator.traffic.tries import NEVER
from simulator.units import MS, SECOND
from simulator.world.link import LinkRow

END = 10 * SECOND
BIN = 100 * MS
DEVICE, GATE, MID, HOME = range(4)
# A slow uplink from the gateway, and a quicker but longer way around it (the last two links).
LINKS = [
    link(DEVICE, GATE, latency_ns=3 * MS + 7), link(GATE, MID, latency_ns=253 * MS + 3, rate_bps=2e5),
    link(MID, HOME, latency_ns=117 * MS + 11, down_bps=1e6), link(GATE, 4, latency_ns=397 * MS + 1),
    link(4, HOME, latency_ns=13 * MS + 5),
]  # fmt: skip
COUNTS = ("created", "delivered", "lost")
SPOOLED = ("came", "left", "returned", "full", "expired", "wiped", "duplicate")


class Message:
    def __init__(self, source: int, flow: TelemetryFlow, made: int) -> None:
        self.source, self.flow, self.made, self.came = source, flow, made, -1
        self.alive = False  # under way
        self.arrived = self.here = False  # ever, and as this try
        self.tries = 0


class Model:
    """The same rules, message by message."""

    def __init__(self, w: PlaneWorld, flows: list[TelemetryFlow], law: SpoolLaw) -> None:
        self.w, self.law = w, law
        self.counts = Counter[tuple[str, int]]()
        self.arrivals: dict[tuple[str, int], list[tuple[int, int]]] = {}
        self.queue: list[Message] = []
        self.sent: list[Message] = []
        self.way: Any = None
        self.free, self.up, self.held = 0, True, 0
        self.travelling: list[tuple[Message, int]] = []
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
        if self.w.nodes.up[node]:
            self.count("created")
            message = Message(number, flow, self.w.clock.now)
            if node == GATE:
                self.come(message)
            elif self.w.network.route(DEVICE, GATE) is None:
                self.count("lost")
            else:
                message.alive = True
                self.travelling.append((message, 0))
                takes = serialisation_ns(flow.size_bytes, 8e6) + self.w.network.links[0].latency_ns
                self.w.clock.after(takes, self.over, message)

    def over(self, message: Message) -> None:
        if message.alive:
            message.alive = False
            self.travelling = [pair for pair in self.travelling if pair[0] is not message]
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
        for message, _ in list(self.travelling):
            if network.route(DEVICE, GATE) is None:
                message.alive = False
                self.count("lost")
        self.travelling = [pair for pair in self.travelling if pair[0].alive]
        up = bool(self.w.nodes.up[GATE])
        out, back = network.route(GATE, HOME), network.route(HOME, GATE)
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


laws = st.builds(
    SpoolLaw,
    name=st.just("box"),
    size_bytes=st.sampled_from([150, 1000, 4000, 100_000]),
    durable=st.booleans(),
    ttl_ns=st.sampled_from([NEVER, 300 * MS + 1, 2 * SECOND + 7]),
    drop=st.sampled_from(["oldest", "newest", "least-important"]),
)
flows = st.lists(
    st.tuples(
        st.sampled_from([900 * MS + 1, 400 * MS, 400 * MS, 90 * MS + 7, 31 * MS + 9]),
        st.sampled_from([100, 101, 400]), st.sampled_from([1, 0, 2]), st.integers(0, 2), st.booleans(), st.booleans(),
    ),
    min_size=1,
    max_size=3,
)  # fmt: skip
WRONG = ((END // 3, DEVICE, -2 * SECOND), (END // 2, HOME, 70 * MS))  # clocks: from when, whose, how far ahead
moments = st.integers(1, END // 1000 - 1).map(lambda x: 1000 * x + 501)
# What fails, and when it heals, if it does.
outages = st.builds(
    lambda at, lasts, words: [(at, words[0], words[2]), (at + lasts, words[1], words[2])],
    moments,
    st.sampled_from([30, 170, 600, 1500, 4000, 20_000]).map(lambda x: MS * x + 250),
    st.one_of(
        st.tuples(st.just("cut"), st.just("mend"), st.sampled_from([1, 2, 1, 0, 3, 4])),
        st.tuples(st.just("down"), st.just("up"), st.sampled_from([GATE, DEVICE, MID])),
    ),
)
steps = st.lists(outages, min_size=1, max_size=5).map(
    lambda found: list({step[0]: step for two in found for step in two}.values())
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps, flows, laws, st.booleans(), st.sampled_from([3, 10_000]))
def test_the_spool_is_an_event_for_every_message(
    said: list[Any], given_flows: list[Any], law: SpoolLaw, detour: bool, window: int
) -> None:
    with mock.patch.object(gateway, "_WINDOW", window):
        compare(said, given_flows, law, LINKS if detour else LINKS[:3])


def compare(said: list[Any], described: list[Any], law: SpoolLaw, links: list[LinkRow]) -> None:
    w = PlaneWorld(5, links, interval_ns=BIN)
    made = [
        TelemetryFlow(f"f{i}", (where,), (GATE,), HOME, every, size, spool=law, qos=qos, ack_bytes=44,
                      importance=importance, datagram=datagram)
        for i, (every, size, qos, importance, datagram, own) in enumerate(described)
        for where in (GATE if own else DEVICE,)
    ]  # fmt: skip
    for flow in made:
        w.plane.add_telemetry(flow)
    model = Model(w, made, law)
    cuts: dict[int, list[int]] = {}

    def change(kind: str, which: int) -> None:
        if kind in ("cut", "mend") and which >= len(links):
            return
        if kind == "cut":
            cuts.setdefault(which, []).append(w.network.cut(which, "silent"))
        elif kind == "mend" and cuts.get(which):
            w.network.mend(which, cuts[which].pop())
        elif kind in ("down", "up"):
            w.network.set_node(which, kind == "up")

    for time, kind, which in sorted(said):
        w.clock.at(time, change, kind, which)
    for time, node, error in WRONG:
        w.clock.at(time, w.network.clocks.put, node, error)
    w.finish(END)
    found = Counter[tuple[str, int]]()
    for table, kinds in (("messages", COUNTS), ("spools", SPOOLED)):
        for row in getattr(w.recorder, table).frame().iter_rows(named=True):
            for kind in kinds:
                found[kind, round(row["start_s"] / 0.1)] += row[kind]
    assert (found - model.counts, model.counts - found) == (Counter(), Counter())
    total = {kind: sum(n for (what, _), n in found.items() if what == kind) for kind in (*COUNTS, *SPOOLED)}
    # Conservation: what was made has arrived, is lost for one reason, is in the spool, or is under way.
    waiting = total["came"] + total["returned"] - sum(total[kind] for kind in ("left", "full", "expired", "wiped"))
    assert waiting == sum(not m.arrived for m in model.queue)
    under_way = len(model.travelling) + sum(not m.arrived for m in model.sent)
    assert total["created"] == total["delivered"] + total["lost"] + waiting + under_way
    ages(w, model)
    stamps(w, model, {flow.name: flow.sources[0] for flow in made})


def ages(w: PlaneWorld, model: Model) -> None:
    """The age of what is known, by walking over all arrivals."""
    known, area, peak = Counter[int](), Counter[int](), Counter[int]()
    for arrived in model.arrivals.values():
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


def stamps(w: PlaneWorld, model: Model, senders: dict[str, int]) -> None:
    """What the receiver makes of the stamps, message by message."""
    read = Counter[int]()
    for (flow, _), arrived in model.arrivals.items():
        for came, made in arrived:
            told = {senders[flow]: made, HOME: came}
            wrong = [(node, error) for time, node, error in WRONG if node in told and told[node] >= time]
            read[came // BIN] += came - made + sum(error if node == HOME else -error for node, error in wrong)
    rows = w.recorder.messages.frame().filter(pl.col("delivered") > 0)
    rows = rows.with_columns(all=pl.col("mean_stamped_age_s") * pl.col("delivered"))
    for start, total in rows.group_by("start_s").agg(pl.col("all").sum()).rows():
        assert total == pytest.approx(read[round(start / 0.1)] / SECOND, rel=1e-9, abs=1e-9)
