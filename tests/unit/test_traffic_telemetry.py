"""Telemetry in closed form against a SimPy process for every reading."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from typing import Any

import numpy as np
import polars as pl
import pytest
import simpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from networks import link
from planes import PlaneWorld
from simulator.physics.transmission import serialisation_ns
from simulator.streams import key
from simulator.traffic.flows import Every, Poisson, TelemetryFlow
from simulator.units import MS, SECOND
from simulator.world.message import Retransmission

LINE = [link(0, 1), link(1, 2)]
# 1000 bytes over two hops of 10 ms and 8 Mbit/s.
DELAY = 22 * MS
END = 10 * SECOND


def telemetry(target: str | int, source: int = 0, every: int = SECOND, size: int = 1000) -> TelemetryFlow:
    return TelemetryFlow("cam", (source,), (source,), target, every, size)


def messages(w: PlaneWorld) -> pl.DataFrame:
    return w.recorder.messages.frame()


def totals(w: PlaneWorld) -> tuple[int, int, int]:
    return tuple(int(messages(w)[name].sum()) for name in ("created", "delivered", "lost"))  # type: ignore[return-value]


class Watch:
    """Readings as processes on the world's own clock: when each was made, arrived, or was lost."""

    def __init__(self, w: PlaneWorld, flow: TelemetryFlow) -> None:
        self.w, self.flow = w, flow
        self.on: dict[int, set[Any]] = {}
        self.events: list[tuple[str, int]] = []
        self.arrivals: list[tuple[int, int]] = []  # (arrival, creation)
        w.network.after_change.append(self.strike)
        w.clock.process(self.source())

    def blocked(self, hop: int) -> bool:
        row = self.w.network.links[hop >> 1]
        dark = not (self.w.nodes.up[row.a] and self.w.nodes.up[row.b])
        return bool(dark or self.w.network.states[hop >> 1].blocked[hop & 1])

    def strike(self) -> None:
        for hop, processes in self.on.items():
            if self.blocked(hop):
                for process in list(processes):
                    process.interrupt()

    def source(self) -> Generator[Any, Any, None]:
        phase = int(self.w.plane.rng.draw("phase/cam", key("n0")) * self.flow.every_ns)
        yield self.w.clock.sleep(phase)
        while True:
            if self.w.nodes.up[0]:
                self.w.clock.process(self.reading(self.w.clock.now))
            yield self.w.clock.sleep(self.flow.every_ns)

    def reading(self, made: int) -> Generator[Any, Any, None]:
        clock, network = self.w.clock, self.w.network
        me = clock.env.active_process
        self.events.append(("created", made))
        route = network.route(0, int(self.flow.target))
        for hop in () if route is None else route.hops:
            if self.blocked(hop):
                route = None
                break
            on = self.on.setdefault(hop, set())
            on.add(me)
            try:
                sends = serialisation_ns(self.flow.size_bytes, network.rate_bps[hop])
                yield clock.sleep(max(1, sends) + network.links[hop >> 1].latency_ns)
            except simpy.Interrupt:
                route = None
                break
            finally:
                on.discard(me)
        self.events.append(("lost" if route is None else "delivered", clock.now))
        if route is not None:
            self.arrivals.append((clock.now, made))

    def age(self, now: int) -> float:
        """Time average of the age of the newest reading known: trapezoids between all arrivals."""
        arrived = sorted(self.arrivals)
        area, newest = 0.0, -1
        for (at, made), until in zip(arrived, [*(at for at, _ in arrived[1:]), now], strict=True):
            newest = max(newest, made)
            area += (until - at) * ((at - newest) + (until - newest)) / 2
        return area / (now - arrived[0][0]) / SECOND


# Two ways from 0 to 3: over 1 and over 2; odd latencies, so that no two events fall together.
RING = [
    link(0, 1, latency_ns=31 * MS + 7), link(1, 3, latency_ns=53 * MS + 3), link(0, 2, latency_ns=71 * MS + 11),
    link(2, 3, latency_ns=97 * MS + 1), link(1, 2, latency_ns=13 * MS + 5),
]  # fmt: skip
changes = st.lists(
    st.tuples(
        st.integers(1, END // 1000 - 1).map(lambda x: 1000 * x + 501),
        st.one_of(
            st.tuples(st.just("cut"), st.integers(0, 4), st.sampled_from(["silent", "refused", "one-way"])),
            st.tuples(st.just("mend"), st.integers(0, 4), st.just("")),
            st.tuples(st.sampled_from(["down", "up"]), st.integers(0, 3), st.just("")),
        ),
    ),
    max_size=10,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changes, st.sampled_from([3 * SECOND, 400 * MS, 30 * MS, 17 * MS]))
def test_closed_form_is_a_process_for_every_reading(steps: list[Any], every: int) -> None:
    w = PlaneWorld(4, RING, interval_ns=300 * MS)
    flow = telemetry(3, every=every)
    watch = Watch(w, flow)
    w.plane.add_telemetry(flow)
    cuts: dict[int, list[int]] = {}

    def change(kind: str, which: int, mode: str) -> None:
        if kind == "cut":
            cuts.setdefault(which, []).append(w.network.cut(which, mode))
        elif kind == "mend" and cuts.get(which):
            w.network.mend(which, cuts[which].pop())
        elif kind in ("down", "up"):
            w.network.set_node(which, kind == "up")

    for time, step in sorted(steps):
        w.clock.at(time, change, *step)
    w.clock.run(END)
    age = w.plane.age_of_information("cam") if watch.arrivals and watch.arrivals[0][0] < END else None
    w.plane.finish(END)
    expected = Counter((kind, time // (300 * MS)) for kind, time in watch.events)
    found = Counter[tuple[str, int]]()
    for row in messages(w).iter_rows(named=True):
        for kind in ("created", "delivered", "lost"):
            if row[kind]:
                found[kind, round(row["start_s"] / 0.3)] += row[kind]
    assert found == expected
    ages: dict[int, list[int]] = {}
    for at, made in watch.arrivals:
        ages.setdefault(at // (300 * MS), []).append(at - made)
    for start, mean, oldest in messages(w).filter(pl.col("delivered") > 0)["start_s", "mean_age_s", "max_age_s"].rows():
        mine = ages[round(start / 0.3)]
        assert mean == pytest.approx(sum(mine) / len(mine) / SECOND, rel=1e-12)
        assert oldest == max(mine) / SECOND
    if age is not None:
        assert age == pytest.approx(watch.age(END), rel=1e-9)


def test_a_million_readings_cost_no_event_each() -> None:
    w = PlaneWorld(3, LINE, interval_ns=3600 * SECOND)
    w.plane.add_telemetry(telemetry(2, every=10 * MS))
    fired = w.clock.fired
    w.finish(10_000 * SECOND)
    assert w.clock.fired == fired
    created, delivered, lost = totals(w)
    assert (created, lost) == (1_000_000, 0)
    assert created - delivered in (2, 3)  # under way at the end: 22 ms, one each 10 ms
    assert messages(w)["mean_age_s"].to_list() == [DELAY / SECOND] * 3
    # The age climbs from the delay to the delay and a period.
    assert w.plane.age_of_information("cam") == pytest.approx((22 + 10 / 2) / 1000, rel=1e-6)


class TestSessions:
    def world(self, pods: int = 2) -> PlaneWorld:
        w = PlaneWorld(3, LINE, interval_ns=END)
        w.service("ingest", [2] * pods)
        return w

    def test_a_source_stays_with_its_endpoint_until_it_is_withdrawn(self) -> None:
        w = self.world()
        w.plane.add_telemetry(telemetry("ingest", every=100 * MS))
        used = w.plane.telemetry._places.sources[0].session.uid
        other = 21 - used
        w.program("ingest", (other, used))
        assert w.plane.telemetry._places.sources[0].session.uid == used
        w.program("ingest", (other,))
        assert w.plane.telemetry._places.sources[0].session.uid == other

    def test_endpoints_are_shared_evenly(self) -> None:
        w = PlaneWorld(3, LINE, interval_ns=END)
        w.service("ingest", [2] * 4)
        w.plane.add_telemetry(TelemetryFlow("cam", (0,) * 800, (0,) * 800, "ingest", SECOND, 1))
        picked = Counter(source.session.uid for source in w.plane.telemetry._places.sources)
        assert set(picked) == {10, 11, 12, 13}
        assert max(abs(n - 200) for n in picked.values()) < 3 * np.sqrt(800 * 3 / 16)

    def test_a_pod_that_does_not_run_hears_nothing(self) -> None:
        w = self.world(pods=1)
        w.plane.add_telemetry(telemetry("ingest", every=100 * MS))
        w.clock.at(3 * SECOND, w.plane.pod_down, 10, "killed")
        w.clock.at(5 * SECOND, w.plane.pod_up, 10, "ingest", 2, 1.0)
        w.finish(END)
        created, delivered, lost = totals(w)
        assert (created, lost) == (100, 20)
        assert delivered in (79, 80)

    def test_without_an_endpoint_all_is_lost(self) -> None:
        w = self.world()
        w.program("ingest", ())
        w.plane.add_telemetry(telemetry("ingest"))
        w.finish(END)
        assert totals(w) == (10, 0, 10)

    def test_a_source_without_power_makes_no_readings(self) -> None:
        w = self.world()
        w.plane.add_telemetry(telemetry("ingest", every=100 * MS))
        w.clock.at(3 * SECOND, w.network.set_node, 0, False)
        w.clock.at(5 * SECOND, w.network.set_node, 0, True)
        w.finish(END)
        assert totals(w)[0] == 80


class TestOddLinks:
    def test_jitter_and_loss_are_drawn_for_each_reading(self) -> None:
        w = PlaneWorld(
            2, [link(0, 1, jitter_ns=6 * MS, loss=0.1)], interval_ns=100 * SECOND, tcp=Retransmission(MS, MS, 0)
        )
        w.plane.add_telemetry(telemetry(1, every=10 * MS))
        w.clock.run(40 * SECOND)
        assert w.plane.age_of_information("cam") > 0  # settled half way: changes nothing
        w.finish(100 * SECOND)
        created, delivered, lost = totals(w)
        assert created == 10_000
        assert lost / created == pytest.approx(0.1, abs=3 * np.sqrt(0.09 / created))
        row = messages(w).row(0, named=True)
        sd = 12 / np.sqrt(12)  # of a uniform draw of ± 6 ms
        assert row["mean_age_s"] * 1000 == pytest.approx(11, abs=3 * sd / np.sqrt(delivered))
        assert 16 < row["max_age_s"] * 1000 <= 17

    def test_they_are_the_same_however_often_it_is_looked_at(self) -> None:
        tables = []
        for looks in (0, 50):
            w = PlaneWorld(2, [link(0, 1, jitter_ns=6 * MS, loss=0.1)], tcp=Retransmission(MS, MS, 0))
            w.plane.add_telemetry(telemetry(1, every=7 * MS))
            for i in range(looks):
                w.clock.at(i * 173 * MS + 5, w.plane.age_of_information, "cam")
            w.clock.at(4 * SECOND, w.network.cut, 0, "lossy", 0.5)
            w.finish(END)
            tables.append(messages(w))
        assert tables[0].equals(tables[1])
        late, early = tables[0].filter(pl.col("start_s") >= 5), tables[0].filter(pl.col("start_s") < 4)
        assert late["lost"].sum() / late["created"].sum() == pytest.approx(1 - 0.9 * 0.5, abs=0.07)
        assert early["lost"].sum() / early["created"].sum() == pytest.approx(0.1, abs=0.05)


def test_a_noticeable_load_is_a_warning() -> None:
    w = PlaneWorld(3, LINE)
    w.plane.add_telemetry(telemetry(2, every=100 * MS))  # 1 ms each 100 ms: one per cent
    assert w.plane.warnings == []
    w.plane.add_telemetry(telemetry(2, every=10 * MS))
    assert len(w.plane.warnings) == 2
    assert "5% of link 0-1" in w.plane.warnings[0]


def test_telemetry_leaves_requests_alone() -> None:
    tables = []
    for readings in (False, True):
        w = PlaneWorld(3, LINE)
        w.service("s", [2])
        w.flow((0, 1), "s", Poisson(30.0))
        w.flow(1, "s", Every(30 * MS), name="g")
        if readings:
            w.plane.add_telemetry(telemetry("s", every=5 * MS))
        w.finish(END)
        tables.append(w.recorder.requests.frame())
    assert tables[0].equals(tables[1], null_equal=True)
