"""Devices that go from gateway to gateway, with cuts, dead nodes and lives of messages, against a model with an event
for every message: what a gateway holds it sends on, and nothing goes astray."""

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
from spoolkit import BIN, COUNTS, DEVICE, END, GATE, HOME, MID, SPOOLED, Message, Model, ages, counted

OTHER = 4
# A slow uplink, and one that is quick; the device has a link to either gateway, one at a time.
LINKS = [
    link(DEVICE, GATE, latency_ns=3 * MS + 7), link(GATE, MID, latency_ns=253 * MS + 3, rate_bps=2e5),
    link(MID, HOME, latency_ns=117 * MS + 11, down_bps=1e6), link(OTHER, MID, latency_ns=31 * MS + 1),
    link(DEVICE, OTHER, latency_ns=5 * MS + 9),
]  # fmt: skip
ACCESS = {GATE: 0, OTHER: 4}


class Roamer:
    """A device between two gateways. Those with `resent` flows keep what does not get there."""

    def __init__(self, w: PlaneWorld, flows: list[TelemetryFlow], law: SpoolLaw) -> None:
        self.w, self.at = w, GATE
        self.held: list[Message] = []
        self.gates = {gate: Place(self, law, gate) for gate in (GATE, OTHER)}
        w.network.after_change.append(self.send_again)
        for number, flow in enumerate(flows):
            phase = int(w.plane.rng.draw(f"phase/{flow.name}", key("n0")) * flow.every_ns)
            w.clock.at(phase, self.make, number, flow)

    def make(self, number: int, flow: TelemetryFlow) -> None:
        self.w.clock.after(flow.every_ns, self.make, number, flow)
        self.gates[self.at].made(number, flow, DEVICE)

    def enter(self, gate: int) -> None:
        self.w.plane.enter(DEVICE, gate)
        self.at = gate
        self.send_again()

    def send_again(self) -> None:
        up = bool(self.w.nodes.up[DEVICE])
        if up and not self.gates[self.at].reached:
            return
        held, self.held = sorted(self.held, key=lambda m: (m.source, m.made)), []
        for message in held:
            if up:
                self.gates[self.at].set_out(message)
            else:
                self.gates[self.at].count("lost")


class Place(Model):
    def __init__(self, roamer: Roamer, law: SpoolLaw, gate: int) -> None:
        self.roamer = roamer
        super().__init__(roamer.w, (), law, gate=gate, access=ACCESS[gate])

    def missed(self, message: Message) -> None:
        if message.flow.resent:
            self.roamer.held.append(message)
        else:
            super().missed(message)


flows = st.lists(
    st.tuples(
        st.sampled_from([900 * MS + 1, 400 * MS, 400 * MS, 90 * MS + 7, 31 * MS + 9]),
        st.sampled_from([100, 101, 400]), st.sampled_from([1, 0, 2]), st.integers(0, 2), st.booleans(),
    ),
    min_size=1, max_size=3,
)  # fmt: skip
laws = st.builds(
    SpoolLaw,
    name=st.just("box"),
    size_bytes=st.sampled_from([150, 1000, 4000, 100_000]),
    durable=st.booleans(),
    ttl_ns=st.sampled_from([NEVER, 300 * MS + 1, 2000 * MS + 7]),
    drop=st.sampled_from(["oldest", "newest", "least-important"]),
)
moments = st.integers(1, END // 1000 - 1).map(lambda x: 1000 * x + 501)
outages = st.builds(
    lambda at, lasts, words: [(at, words[0], words[2]), (at + lasts, words[1], words[2])],
    moments,
    st.sampled_from([30, 170, 600, 1500, 4000, 20_000]).map(lambda x: MS * x + 250),
    st.one_of(
        st.tuples(st.just("cut"), st.just("mend"), st.sampled_from([1, 2, 3])),
        st.tuples(st.just("down"), st.just("up"), st.sampled_from([GATE, OTHER, DEVICE, MID])),
    ),
)
# When it goes, for how long it then has no link (below 0: for how long it has both).
moves = st.lists(
    st.tuples(st.integers(1, 98).map(lambda x: x * 101 * MS + 77), st.sampled_from([0, 50 * MS + 3, -2 * MS - 5])),
    min_size=1,
    max_size=6,
    unique_by=lambda move: move[0],
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(outages, max_size=4), moves, flows, laws, st.sampled_from([3, 10_000]))
def test_what_a_gateway_holds_is_sent_on_from_there(
    failures: list[Any], going: list[Any], described: list[Any], law: SpoolLaw, window: int
) -> None:
    with mock.patch.object(gateway, "_WINDOW", window):
        compare(failures, going, described, law)


def compare(failures: list[Any], going: list[Any], described: list[Any], law: SpoolLaw) -> None:
    w = PlaneWorld(5, LINKS, interval_ns=BIN)
    cuts: dict[int, list[int]] = {ACCESS[OTHER]: [w.network.cut(ACCESS[OTHER], "silent")]}
    made = [
        TelemetryFlow(f"f{i}", (DEVICE,), (GATE,), HOME, every, size, spool=law, qos=qos, ack_bytes=44,
                      importance=importance, resent=resent)
        for i, (every, size, qos, importance, resent) in enumerate(described)
    ]  # fmt: skip
    for flow in made:
        w.plane.add_telemetry(flow)
    roamer = Roamer(w, made, law)

    def change(kind: str, which: int) -> None:
        if kind == "cut":
            cuts.setdefault(which, []).append(w.network.cut(which, "silent"))
        elif kind == "mend":
            if cuts.get(which):
                w.network.mend(which, cuts[which].pop())
        elif kind == "enter":
            roamer.enter(which)
        else:
            w.network.set_node(which, kind == "up")

    said = [step for two in failures for step in two]
    for i, (at, gap) in enumerate(sorted(going)):
        old, new = (GATE, OTHER) if i % 2 == 0 else (OTHER, GATE)
        said += [(at, "cut", ACCESS[old])] if gap >= 0 else [(at - gap, "cut", ACCESS[old])]
        said += [(at + max(0, gap), "mend", ACCESS[new]), (at + max(0, gap), "enter", new)]
    for time, kind, which in sorted(said, key=lambda step: step[0]):
        w.clock.at(time, change, kind, which)
    w.finish(END)

    places = roamer.gates.values()
    model = sum((place.counts for place in places), Counter[tuple[str, int]]())
    found = counted(w)
    assert (found - model, model - found) == (Counter(), Counter())
    total = {kind: sum(n for (what, _), n in found.items() if what == kind) for kind in (*COUNTS, *SPOOLED)}
    waiting = total["came"] + total["returned"] - sum(total[kind] for kind in ("left", "full", "expired", "wiped"))
    assert waiting == sum(not m.arrived for place in places for m in place.queue)
    under_way = sum(len(place.travelling) + sum(not m.arrived for m in place.sent) for place in places)
    assert total["created"] == total["delivered"] + total["lost"] + waiting + under_way + len(roamer.held)
    heard: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for place in places:
        for where, arrivals in place.arrivals.items():
            heard[where] = sorted([*heard.get(where, []), *arrivals])
    ages(w, heard)
