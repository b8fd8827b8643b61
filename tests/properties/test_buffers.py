"""Readings through an edge node's channel, against a SimPy process for every reading and an event for every token."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from typing import Any
from unittest import mock

import polars as pl
import pytest
import simpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from networks import link
from planes import PlaneWorld
from simulator.physics.transmission import serialisation_ns
from simulator.streams import key
from simulator.traffic.buffers import relay
from simulator.traffic.buffers.channel import HubChannel, HubSettings
from simulator.traffic.flows import TelemetryFlow
from simulator.units import MS, SECOND
from simulator.world.link import LinkRow

END = 10 * SECOND
BIN = 100 * MS
DEVICE, EDGE, CLOUD, HOME = 0, 1, 2, 3
# The device reaches the edge node directly or over a second box (the last link), and so does the edge node the cloud.
LINKS = [
    link(DEVICE, EDGE, latency_ns=3 * MS + 7), link(EDGE, CLOUD, latency_ns=53 * MS + 3),
    link(CLOUD, HOME, latency_ns=17 * MS + 11), link(EDGE, 4, latency_ns=97 * MS + 1),
    link(4, CLOUD, latency_ns=13 * MS + 5), link(DEVICE, 4, latency_ns=400 * MS + 9),
]  # fmt: skip
COUNTS = ("created", "delivered", "lost", "late", "superseded")


class Model:
    """The same rules, reading by reading. A waiting reading is (creation, flow); a bucket is filled as time goes by."""

    def __init__(self, w: PlaneWorld, flows: list[TelemetryFlow], law: HubSettings) -> None:
        self.w, self.law = w, law
        self.on: dict[int, set[Any]] = {}
        self.events: list[tuple[str, int]] = []
        self.ages: list[tuple[int, int]] = []
        self.queue: list[tuple[int, TelemetryFlow]] = []
        self.socket: list[tuple[int, TelemetryFlow]] = []
        self.kept: dict[str, tuple[int, TelemetryFlow]] = {}
        self.state, self.first, self.held = "open", False, 0
        self.fill, self.filled = law.burst * law.gap_ns, 0
        self.change = w.clock.event()
        w.network.after_change.append(self.strike)
        for flow in flows:
            w.clock.process(self.source(flow))

    # The channel.

    def say(self, what: str) -> None:
        now = self.w.clock.now
        if what == "opened" and self.state != "open":
            for reading in self.socket:
                self.w.clock.process(self.beyond(*reading))
            self.queue += sorted(self.kept.values(), key=lambda reading: reading[0])
            self.socket, self.kept, self.state = [], {}, "open"
        elif what == "broken" and self.state == "open":
            self.state = "broken"
        elif what == "restarted" or (what == "noticed" and self.state != "shut"):
            self.events += [("lost", now)] * len(self.socket)
            self.socket, self.state = [], "shut"
            self.first = what == "noticed" and self.law.first_lost
            if what == "restarted":
                gone = self.law.messages
                self.events += [("lost", now)] * len(self.queue[:gone])
                self.queue = self.queue[gone:]
                self.fill, self.filled = self.law.burst * self.law.gap_ns, now
        self.pump()

    def come(self, made: int, flow: TelemetryFlow) -> None:
        now = self.w.clock.now
        if self.state == "shut" and flow.twin and self.law.twins:
            if flow.name in self.kept:
                self.events.append(("superseded", now))
            self.kept[flow.name] = (made, flow)
        elif len(self.queue) >= self.law.messages and self.law.when_full == "lose":
            self.events.append(("lost", now))
        else:
            self.queue.append((made, flow))
            self.pump()

    def pump(self) -> None:
        now = self.w.clock.now
        while self.queue and (self.state != "shut" or self.first):
            self.fill = min(self.law.burst * self.law.gap_ns, self.fill + now - self.filled)
            self.filled = now
            if self.fill < self.law.gap_ns:
                self.w.clock.after(self.law.gap_ns - self.fill, self.pump)
                return
            self.fill -= self.law.gap_ns
            reading = self.queue.pop(0)
            if self.state == "open":
                self.w.clock.process(self.beyond(*reading))
            elif self.state == "broken":
                self.socket.append(reading)
            else:
                self.first = False
                self.events.append(("lost", now))

    # The ways.

    def blocked(self, hop: int) -> bool:
        row = self.w.network.links[hop >> 1]
        dark = not (self.w.nodes.up[row.a] and self.w.nodes.up[row.b])
        return bool(dark or self.w.network.states[hop >> 1].blocked[hop & 1])

    def strike(self) -> None:
        for hop, processes in self.on.items():
            if self.blocked(hop):
                for process in list(processes):
                    process.interrupt()
        if not self.w.nodes.up[EDGE]:
            self.say("restarted")
        change, self.change = self.change, self.w.clock.event()
        change.succeed()

    def source(self, flow: TelemetryFlow) -> Generator[Any, Any, None]:
        yield self.w.clock.sleep(int(self.w.plane.rng.draw(f"phase/{flow.name}", key("n0")) * flow.every_ns))
        while True:
            if self.w.nodes.up[DEVICE]:
                self.w.clock.process(self.reading(self.w.clock.now, flow))
            yield self.w.clock.sleep(flow.every_ns)

    def reading(self, made: int, flow: TelemetryFlow) -> Generator[Any, Any, None]:
        self.events.append(("created", made))
        while not (yield self.w.clock.process(self.travel([(DEVICE, EDGE)], flow))):
            while self.w.nodes.up[DEVICE] and flow.resent and self.w.network.route(DEVICE, EDGE) is None:
                self.held += 1
                yield self.change
                self.held -= 1
            if not (flow.resent and self.w.nodes.up[DEVICE]):
                self.events.append(("lost", self.w.clock.now))
                return
        self.come(made, flow)

    def beyond(self, made: int, flow: TelemetryFlow) -> Generator[Any, Any, None]:
        if not (yield self.w.clock.process(self.travel([(EDGE, CLOUD), (CLOUD, HOME)], flow))):
            self.events.append(("lost", self.w.clock.now))
            return
        now = self.w.clock.now
        self.events.append(("delivered", now))
        self.ages.append((now, now - made))
        if now - made > flow.every_ns + self.unloaded(flow):
            self.events.append(("late", now))

    def unloaded(self, flow: TelemetryFlow) -> int:
        """Over the three links of the shortest way, which all have one rate."""
        sends = 3 * serialisation_ns(flow.size_bytes, self.w.network.rate_bps[0])
        return sends + sum(self.w.network.links[i].latency_ns for i in range(3))

    def travel(self, legs: list[tuple[int, int]], flow: TelemetryFlow) -> Generator[Any, Any, bool]:
        me, hops = self.w.clock.env.active_process, list[int]()
        routes = [self.w.network.route(*leg) for leg in legs]
        alive = all(route is not None for route in routes)
        for hop in [hop for route in routes if route is not None for hop in route.hops] if alive else hops:
            if self.blocked(hop):
                alive = False
                break
            on = self.on.setdefault(hop, set())
            on.add(me)
            try:
                sends = serialisation_ns(flow.size_bytes, self.w.network.rate_bps[hop])
                yield self.w.clock.sleep(max(1, sends) + self.w.network.links[hop >> 1].latency_ns)
            except simpy.Interrupt:
                alive = False
                break
            finally:
                on.discard(me)
        return alive


laws = st.builds(
    HubSettings,
    gap_ns=st.sampled_from([SECOND // 30, 210 * MS + 13, 40 * MS + 1]),
    burst=st.sampled_from([1, 3, 60]),
    messages=st.sampled_from([1, 7, 30]),
    first_lost=st.booleans(),
    when_full=st.sampled_from(["lose", "wait"]),
    twins=st.booleans(),
)
flows = st.lists(
    st.tuples(st.sampled_from([3 * SECOND + 1, 400 * MS + 3, 90 * MS + 7, 17 * MS + 9]), st.booleans(), st.booleans()),
    min_size=1,
    max_size=3,
)
WRONG = ((END // 3, DEVICE, -2 * SECOND), (END // 2, HOME, 70 * MS))  # clocks: from when, whose, how far ahead
moments = st.integers(1, END // 1000 - 1).map(lambda x: 1000 * x + 501)
steps = st.one_of(
    st.tuples(moments, st.sampled_from(["opened", "broken", "noticed", "restarted"]), st.just(0)),
    st.tuples(moments, st.sampled_from(["cut", "mend"]), st.sampled_from([0, 0, 1, 2, 3, 4, 5])),
    st.tuples(moments, st.sampled_from(["down", "up"]), st.integers(0, 3)),
)
# A short break, and a cut of the device: what comes after the other, soon.
pairs = st.builds(
    lambda at, after, words: [(at, *words[0]), (at + after, *words[1])],
    moments,
    st.integers(0, 999).map(lambda x: MS * x + 250),
    st.sampled_from(
        [
            (("noticed", 0), ("opened", 0)),
            (("broken", 0), ("opened", 0)),
            (("broken", 0), ("noticed", 0)),
            (("cut", 0), ("mend", 0)),
        ]
    ),
)
changes = st.tuples(
    st.lists(steps, max_size=8), st.lists(pairs, max_size=4).map(lambda found: [step for two in found for step in two])
).map(lambda found: sorted({step[0]: step for step in found[0] + found[1]}.values()))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changes, flows, laws, st.booleans(), st.sampled_from([2, 10_000]))
def test_the_channel_is_a_process_for_every_reading(
    said: list[Any], periods: list[tuple[int, bool, bool]], law: HubSettings, detour: bool, window: int
) -> None:
    with mock.patch.object(relay, "_WINDOW", window):
        compare(said, periods, law, LINKS if detour else LINKS[:-1])


def compare(said: list[Any], periods: list[tuple[int, bool, bool]], law: HubSettings, links: list[LinkRow]) -> None:
    w = PlaneWorld(5, links, interval_ns=BIN)
    channel = HubChannel(EDGE, CLOUD, law)
    w.plane.telemetry.attach(channel)
    given_flows = [
        TelemetryFlow(f"f{i}", (DEVICE,), (EDGE,), HOME, every, 100 + i, twin=twin, resent=again)
        for i, (every, twin, again) in enumerate(periods)
    ]
    model = Model(w, given_flows, law)
    for flow in given_flows:
        w.plane.add_telemetry(flow)
    cuts: dict[int, list[int]] = {}

    def change(kind: str, which: int) -> None:
        if kind in ("cut", "mend") and which == len(links):
            return
        if kind == "cut":
            cuts.setdefault(which, []).append(w.network.cut(which, "silent"))
        elif kind == "mend" and cuts.get(which):
            w.network.mend(which, cuts[which].pop())
        elif kind in ("down", "up"):
            w.network.set_node(which, kind == "up")
        elif kind != "mend":
            getattr(channel, kind)(w.clock.now)
            model.say(kind)

    for time, *step in said:
        w.clock.at(time, change, *step)
    for time, node, error in WRONG:
        w.clock.at(time, w.network.clocks.put, node, error)
    w.finish(END)
    rows = w.recorder.messages.frame()
    found = {kind: Counter[int]() for kind in COUNTS}
    for row in rows.iter_rows(named=True):
        for kind in COUNTS:
            found[kind][round(row["start_s"] / 0.1)] += row[kind]
    # What is late on a detour is a question of when it took it.
    steady = all(kind not in {"cut", "down"} for _, kind, _ in said)
    for kind in COUNTS if steady else set(COUNTS) - {"late"}:
        assert +found[kind] == Counter(at // BIN for what, at in model.events if what == kind), kind
    ages: dict[int, list[int]] = {}
    stamped = Counter[int]()
    for at, age in model.ages:
        ages.setdefault(at // BIN, []).append(age)
        sent = {DEVICE: at - age, HOME: at}
        stamped[at // BIN] += age + sum(
            error if node == HOME else -error for time, node, error in WRONG if sent[node] >= time
        )
    came = rows.filter(pl.col("delivered") > 0).with_columns(pl.col("^mean_.*$") * pl.col("delivered"))
    sums = came.group_by("start_s").agg(
        pl.col("mean_age_s").sum(), pl.col("max_age_s").max(), pl.col("mean_stamped_age_s").sum()
    )
    for start, total, oldest, read in sums.rows():
        mine = ages[round(start / 0.1)]
        assert read == pytest.approx(stamped[round(start / 0.1)] / SECOND, rel=1e-12)
        assert total == pytest.approx(sum(mine) / SECOND, rel=1e-12)
        assert oldest == max(mine) / SECOND
    # Conservation: what was made has one fate, or waits, or is under way.
    total = {kind: sum(found[kind].values()) for kind in COUNTS}
    assert channel.waiting == len(model.queue) + len(model.socket) + len(model.kept)
    under_way = total["created"] - total["delivered"] - total["lost"] - total["superseded"] - channel.waiting
    assert under_way == model.held + sum(len(processes) for processes in model.on.values())
