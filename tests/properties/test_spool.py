"""Readings through a gateway's spool against a model with an event for every one of them; and that none goes astray."""

from __future__ import annotations

from collections import Counter
from typing import Any
from unittest import mock

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from networks import link
from planes import PlaneWorld
from simulator.traffic.buffers import gateway
from simulator.traffic.buffers.spool import SpoolLaw
from simulator.traffic.flows import TelemetryFlow
from simulator.traffic.tries import NEVER
from simulator.units import MS, SECOND
from simulator.world.link import LinkRow
from spoolkit import BIN, COUNTS, DEVICE, END, GATE, HOME, MID, SPOOLED, Model, ages, counted

# A slow uplink from the gateway, and a quicker but longer way around it (the last two links).
LINKS = [
    link(DEVICE, GATE, latency_ns=3 * MS + 7), link(GATE, MID, latency_ns=253 * MS + 3, rate_bps=2e5),
    link(MID, HOME, latency_ns=117 * MS + 11, down_bps=1e6), link(GATE, 4, latency_ns=397 * MS + 1),
    link(4, HOME, latency_ns=13 * MS + 5),
]  # fmt: skip

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
@example(  # two come back as the gateway loses its power: neither is dropped for want of room
    [(606297501, "cut", 1), (632197501, "down", 1), (636297751, "mend", 1), (662197751, "up", 1)],
    [(400 * MS, 100, 1, 0, False, False)],
    SpoolLaw("box", 150, durable=False, ttl_ns=NEVER, drop="newest"), True, 3,
)  # fmt: skip
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
    found = counted(w)
    assert (found - model.counts, model.counts - found) == (Counter(), Counter())
    total = {kind: sum(n for (what, _), n in found.items() if what == kind) for kind in (*COUNTS, *SPOOLED)}
    # Conservation: what was made has arrived, is lost for one reason, is in the spool, or is under way.
    waiting = total["came"] + total["returned"] - sum(total[kind] for kind in ("left", "full", "expired", "wiped"))
    assert waiting == sum(not m.arrived for m in model.queue)
    under_way = len(model.travelling) + sum(not m.arrived for m in model.sent)
    assert total["created"] == total["delivered"] + total["lost"] + waiting + under_way
    ages(w, model.arrivals)
    stamps(w, model, {flow.name: flow.sources[0] for flow in made})


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
