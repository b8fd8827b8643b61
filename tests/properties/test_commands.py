"""Commands through a gateway's spool against a model with an event for every one of them; and that none goes astray."""

from __future__ import annotations

from collections import Counter
from typing import Any
from unittest import mock

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from networks import link
from planes import PlaneWorld
from simulator.streams import key
from simulator.traffic.buffers import gateway
from simulator.traffic.buffers.spool import SpoolLaw
from simulator.traffic.flows import TelemetryFlow
from simulator.traffic.tries import NEVER
from simulator.units import MS
from spoolkit import BIN, END, SPOOLED, Message, Model

BOSS, GATE, MID, NEAR, FAR = range(5)
# From who commands to the broker; from there a quick way to one device and a slow one to another.
LINKS = [
    link(BOSS, GATE, latency_ns=3 * MS + 7), link(GATE, NEAR, latency_ns=11 * MS + 3, down_bps=1e6),
    link(GATE, MID, latency_ns=253 * MS + 3, rate_bps=2e5), link(MID, FAR, latency_ns=117 * MS + 11),
]  # fmt: skip
COUNTS = ("given", "delivered", "lost")


class Broker(Model):
    """What waits for one device, and who commands it: who keeps what does not get to the broker."""

    def __init__(self, w: PlaneWorld, flow: TelemetryFlow, law: SpoolLaw, home: int) -> None:
        self.kept: list[Message] = []
        super().__init__(w, (), law, gate=GATE, home=home)
        phase = int(w.plane.rng.draw(f"phase/{flow.name}", key(f"n{home}")) * flow.every_ns)
        w.clock.at(phase, self.make, 0, flow, BOSS)

    def count(self, what: str) -> None:
        super().count("given" if what == "created" else what)

    def missed(self, message: Message) -> None:
        self.kept.append(message)

    def changed(self) -> None:
        super().changed()
        up = bool(self.w.nodes.up[BOSS])
        if up and not self.reached:
            return
        kept, self.kept = sorted(self.kept, key=lambda m: m.made), []
        for message in kept:
            if up:
                self.set_out(message)
            else:
                self.count("lost")


moments = st.integers(1, END // 1000 - 1).map(lambda x: 1000 * x + 501)
outages = st.builds(
    lambda at, lasts, words: [(at, words[0], words[2]), (at + lasts, words[1], words[2])],
    moments,
    st.sampled_from([30, 170, 600, 1500, 4000, 20_000]).map(lambda x: MS * x + 250),
    st.one_of(
        st.tuples(st.just("cut"), st.just("mend"), st.integers(0, 3)),
        st.tuples(st.just("down"), st.just("up"), st.integers(0, 4)),
    ),
)
laws = st.builds(
    SpoolLaw,
    name=st.just("box"),
    size_bytes=st.sampled_from([150, 1000, 100_000]),
    durable=st.booleans(),
    ttl_ns=st.sampled_from([NEVER, 300 * MS + 1, 2000 * MS + 7]),
    drop=st.sampled_from(["oldest", "newest"]),
)
ways = st.tuples(
    st.sampled_from([1, 2]), st.sampled_from([900 * MS + 1, 90 * MS + 7, 31 * MS + 9]), st.sampled_from([100, 400])
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(outages, max_size=5), laws, ways, st.sampled_from([3, 10_000]))
def test_commands_wait_for_their_device(
    failures: list[Any], law: SpoolLaw, way: tuple[int, int, int], window: int
) -> None:
    with mock.patch.object(gateway, "_WINDOW", window):
        compare([step for two in failures for step in two], law, way)


def compare(said: list[Any], law: SpoolLaw, way: tuple[int, int, int]) -> None:
    qos, every, size = way
    w = PlaneWorld(5, LINKS, interval_ns=BIN)
    flow = TelemetryFlow("f", (BOSS, BOSS), (GATE, GATE), BOSS, every, size, spool=law, qos=qos, ack_bytes=44,
                         resent=True, targets=(NEAR, FAR))  # fmt: skip
    w.plane.add_telemetry(flow)
    brokers = [Broker(w, flow, law, home) for home in flow.targets]
    cuts: dict[int, list[int]] = {}

    def change(kind: str, which: int) -> None:
        if kind == "cut":
            cuts.setdefault(which, []).append(w.network.cut(which, "silent"))
        elif kind == "mend":
            w.network.mend(which, cuts[which].pop())
        else:
            w.network.set_node(which, kind == "up")

    for time, kind, which in sorted(said, key=lambda step: step[0]):
        w.clock.at(time, change, kind, which)
    w.finish(END)
    found, delays = Counter[tuple[str, int]](), 0.0
    for row in w.recorder.commands.frame().iter_rows(named=True):
        for column in (*COUNTS, *SPOOLED):
            found[column, round(row["start_s"] / 0.1)] += row[column]
        delays += row["mean_delay_s"] * row["delivered"] if row["delivered"] else 0.0
    model = sum((broker.counts for broker in brokers), Counter[tuple[str, int]]())
    assert (found - model, model - found) == (Counter(), Counter())
    arrived = [pair for broker in brokers for pairs in broker.arrivals.values() for pair in pairs]
    assert abs(delays - sum(at - made for at, made in arrived) / 1e9) < 1e-6
    total = {column: sum(n for (what, _), n in found.items() if what == column) for column in (*COUNTS, *SPOOLED)}
    waiting = total["came"] + total["returned"] - sum(total[kind] for kind in ("left", "full", "expired", "wiped"))
    assert waiting == sum(not m.arrived for broker in brokers for m in broker.queue)
    under_way = sum(len(b.travelling) + len(b.kept) + sum(not m.arrived for m in b.sent) for b in brokers)
    assert total["given"] == total["delivered"] + total["lost"] + waiting + under_way
    assert len(w.recorder.messages.frame()) == len(w.recorder.ages.frame()) == 0
