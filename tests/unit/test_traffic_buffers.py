"""An edge node's channel to the cloud: what goes through it, what it keeps, and what a page says of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from networks import link
from planes import PlaneWorld
from simulator.facts import Catalogue
from simulator.simulation.demand import add_flows
from simulator.simulation.layout import lay_out
from simulator.simulation.settings.buffers import hub_channels
from simulator.spec import Scenario, load_experiment
from simulator.spec.mechanism import HubChannel as Page
from simulator.spec.mechanism import Twin
from simulator.spec.orchestrator import load_orchestrator
from simulator.streams import Rng
from simulator.traffic.buffers import relay
from simulator.traffic.buffers.channel import HubChannel, HubSettings
from simulator.traffic.flows import TelemetryFlow
from simulator.traffic.tries import NEVER
from simulator.units import MS, SECOND
from simulator.world.message import Retransmission

DEVICE, EDGE, NEIGHBOUR, CLOUD, HOME = range(5)
LINKS = [link(DEVICE, EDGE), link(EDGE, NEIGHBOUR), link(EDGE, CLOUD), link(CLOUD, HOME)]
LAW = HubSettings(SECOND // 30, 60, 1024, True, "lose", twins=True)
END = 100 * SECOND
# Five columns of counts, and what waits.
Fates = dict[str, int]


def world(law: HubSettings = LAW, links: Any = LINKS, **options: Any) -> tuple[PlaneWorld, HubChannel]:
    """A device behind an edge node with a neighbour on its site, and two machines in the cloud."""
    w = PlaneWorld(5, links, **options)
    w.nodes.zone = ("site", "site", "site", "cloud", "cloud")
    channel = HubChannel(EDGE, CLOUD, law)
    w.plane.telemetry.attach(channel)
    return w, channel


def flow(target: str | int = HOME, every: int = SECOND, **more: Any) -> TelemetryFlow:
    return TelemetryFlow("cam", (DEVICE,), (EDGE,), target, every, 1000, **more)


def fates(w: PlaneWorld) -> Fates:
    rows = w.recorder.messages.frame()
    return {name: int(rows[name].sum()) for name in ("created", "delivered", "lost", "late", "superseded")}


def lost(w: PlaneWorld) -> dict[int, int]:
    """Readings lost, by the second."""
    rows = w.recorder.messages.frame().group_by("start_s").agg(pl.col("lost").sum()).filter(pl.col("lost") > 0)
    return dict(sorted(rows.with_columns(pl.col("start_s").cast(int)).rows()))


def tell(w: PlaneWorld, channel: HubChannel, at: int, what: str) -> None:
    w.clock.at(at, getattr(channel, what), at)


class TestWays:
    @pytest.mark.parametrize(("target", "waits"), [(EDGE, False), (NEIGHBOUR, False), (HOME, True), (CLOUD, True)])
    def test_only_what_leaves_the_site_waits(self, target: int, waits: bool) -> None:
        w, channel = world()
        w.plane.add_telemetry(flow(target))
        tell(w, channel, 10 * SECOND, "noticed")
        w.finish(END)
        assert (channel.waiting > 80) is waits

    def test_a_site_with_the_control_plane_is_the_cloud(self) -> None:
        w, channel = world()
        w.nodes.zone = ("z",) * 5
        w.plane.add_telemetry(flow(NEIGHBOUR))
        tell(w, channel, 10 * SECOND, "noticed")
        w.finish(END)
        assert channel.waiting > 80

    def test_it_passes_the_cloud_s_machine(self) -> None:
        shortcut = [*LINKS, link(EDGE, HOME, latency_ns=MS)]
        w, _ = world(links=shortcut)
        w.plane.add_telemetry(flow())
        w.finish(END)
        # To the edge node, to the cloud, and only then home: thrice 10 ms and 1 ms to send, and not over the shortcut.
        assert w.recorder.messages.frame()["mean_age_s"].drop_nans().max() == pytest.approx(0.033)

    def test_a_pod_near_by_is_preferred_and_else_the_cloud_knows_where_it_is(self) -> None:
        w, channel = world()
        w.service("ingest", [NEIGHBOUR, HOME])
        w.plane.add_telemetry(flow("ingest"))
        source = w.plane.telemetry._places.sources[0]
        assert (source.uid, source.session.hub) == (10, None)
        # The edge node is cut off and still knows a pod that is gone; the cloud has another.
        w.program("ingest", (11,))
        w.plane.pod_up(12, "ingest", CLOUD, 1.0)
        w.plane.program(CLOUD, "ingest", (12,))
        w.plane.pod_down(11, "killed")
        assert (source.uid, source.session.hub.channel) == (12, channel)
        w.finish(END)
        assert fates(w)["lost"] == 0

    def test_jitter_and_loss_before_and_beyond(self) -> None:
        links = [link(DEVICE, EDGE, jitter_ns=6 * MS, loss=0.1), *LINKS[1:3], link(CLOUD, HOME, loss=0.2)]
        w, _ = world(links=links, tcp=Retransmission(MS, MS, 0))
        w.plane.add_telemetry(flow(every=40 * MS))
        w.finish(10 * END)
        got = fates(w)
        sd = np.sqrt(0.72 * 0.28 / 25_000)
        assert got["created"] == 25_000
        assert got["lost"] / got["created"] == pytest.approx(1 - 0.9 * 0.8, abs=3 * sd)
        rows = w.recorder.messages.frame().filter(pl.col("delivered") > 0)
        assert rows["max_age_s"].max() <= 0.033 + 0.006
        assert rows["mean_age_s"].mean() == pytest.approx(0.033, abs=0.0003)


class TestExactness:
    def tables(self, looks: int, links: Any, every: int = 40 * MS) -> pl.DataFrame:
        w, channel = world(replace(LAW, messages=50), links, tcp=Retransmission(MS, MS, 0))
        w.plane.add_telemetry(flow(every=every))
        w.plane.add_telemetry(TelemetryFlow("twin", (DEVICE,), (EDGE,), HOME, SECOND, 100, twin=True))
        for i in range(looks):
            w.clock.at(i * 173 * MS + 5, w.plane.age_of_information, "cam")
        for at, what in ((20, "broken"), (24, "noticed"), (30, "opened"), (31, "restarted"), (33, "opened")):
            tell(w, channel, at * SECOND + 3, what)
        w.finish(END)
        return w.recorder.messages.frame()

    def test_looking_changes_nothing(self) -> None:
        odd = [link(DEVICE, EDGE, jitter_ns=6 * MS, loss=0.1), *LINKS[1:3], link(CLOUD, HOME, jitter_ns=9 * MS)]
        for links in (LINKS, odd):
            assert self.tables(0, links).equals(self.tables(300, links), null_equal=True)

    def test_arrays_are_the_closed_form(self, monkeypatch: pytest.MonkeyPatch) -> None:
        closed = self.tables(0, LINKS)
        monkeypatch.setattr(relay, "_BUSY", 0.0)
        monkeypatch.setattr(relay, "_WINDOW", 7)
        assert self.tables(0, LINKS).equals(closed, null_equal=True)

    def test_the_closed_form_leaves_the_bucket_as_the_readings_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Four sources in a narrow channel: how many tokens there are, and who waits after a break."""

        def run(seed: int) -> tuple[list[int], pl.DataFrame]:
            w, channel = world(replace(LAW, gap_ns=100 * MS, burst=5), seed=seed, interval_ns=10 * MS)
            w.plane.add_telemetry(flow(every=500 * MS, copies=4))
            found: list[int] = []

            def look(now: int) -> None:
                w.plane.age_of_information("cam")
                found.append(channel.tokens(now))

            for i in range(200):
                w.clock.at(i * 37 * MS + 5, look, i * 37 * MS + 5)
            for at, what in ((8, "noticed"), (10, "opened")):
                tell(w, channel, at * SECOND + 3, what)
            w.finish(14 * SECOND)
            return found, w.recorder.messages.frame()

        monkeypatch.setattr(relay, "_WINDOW", 1)
        closed = [run(seed) for seed in range(3)]
        monkeypatch.setattr(relay, "_BUSY", 0.0)
        for seed, (tokens, table) in enumerate(closed):
            again = run(seed)
            assert tokens == again[0]
            assert min(tokens) < 5
            assert table.equals(again[1], null_equal=True)

    def test_a_million_readings_cost_no_event_and_no_array(self, monkeypatch: pytest.MonkeyPatch) -> None:
        w, _ = world(interval_ns=3600 * SECOND)
        w.plane.add_telemetry(flow(every=40 * MS))
        fired = w.clock.fired
        served: list[int] = []
        monkeypatch.setattr(HubChannel, "receive", lambda _self, came, _until: served.append(came.shape[1]))
        w.finish(40_000 * SECOND)
        assert (w.clock.fired, served) == (fired, [])
        got = fates(w)
        assert (got["created"], got["lost"], got["late"]) == (1_000_000, 0, 0)
        assert got["created"] - got["delivered"] in (0, 1)


class TestSession:
    def test_what_a_session_that_survives_was_given_arrives_late(self) -> None:
        w, channel = world()
        w.plane.add_telemetry(flow())
        tell(w, channel, 10 * SECOND, "broken")
        tell(w, channel, 20 * SECOND, "opened")
        w.finish(END)
        got = fates(w)
        assert (got["lost"], got["late"]) == (0, 9)  # one came less than a second before
        assert got["created"] - got["delivered"] in (0, 1)

    def test_saying_it_twice_is_saying_it_once(self) -> None:
        tables = []
        for times in (1, 2):
            w, channel = world(replace(LAW, messages=5))
            w.plane.add_telemetry(flow())
            for at, what in ((10, "broken"), (13, "noticed"), (20, "restarted"), (40, "opened")):
                for _ in range(times):
                    tell(w, channel, at * SECOND + 3, what)
            w.finish(END)
            tables.append(w.recorder.messages.frame())
        assert tables[0].equals(tables[1], null_equal=True)

    def test_each_loss_has_its_moment(self) -> None:
        w, channel = world(replace(LAW, messages=5))
        w.plane.add_telemetry(flow())
        for at, what in ((10, "broken"), (13, "noticed"), (30, "restarted"), (40, "opened")):
            tell(w, channel, at * SECOND + 3, what)
        w.finish(END)
        # Three were written to the socket. Seventeen come while it is shut before the restart: one is taken, five wait,
        # eleven find no room. The restart loses those five, and of the ten that come after it five find no room.
        full = [*range(19, 30), *range(35, 40)]
        assert lost(w) == {13: 3 + 1, 30: 5} | dict.fromkeys(full, 1)

    def test_a_producer_that_waits_loses_nothing_and_outlives_a_restart(self) -> None:
        w, channel = world(replace(LAW, messages=5, when_full="wait"))
        w.plane.add_telemetry(flow())
        for at, what in ((10, "noticed"), (30, "restarted"), (40, "opened")):
            tell(w, channel, at * SECOND + 3, what)
        w.finish(END)
        assert lost(w) == {10: 1, 30: 5}

    def test_what_is_stored_on_disk_outlives_a_restart(self) -> None:
        w, channel = world(replace(LAW, durable=True))
        w.plane.add_telemetry(flow())
        for at, what in ((10, "noticed"), (30, "restarted"), (40, "opened")):
            tell(w, channel, at * SECOND + 3, what)
        w.finish(END)
        assert lost(w) == {10: 1}

    def test_a_node_without_power_forgets(self) -> None:
        w, channel = world()
        w.plane.add_telemetry(flow())
        tell(w, channel, 10 * SECOND + 3, "noticed")
        w.clock.at(30 * SECOND + 3, w.network.set_node, EDGE, False)
        w.finish(END)
        assert lost(w) == {10: 1, 30: 19 + 1} | dict.fromkeys(range(31, 100), 1)  # those waited; these find nobody
        assert channel.waiting == 0

    def test_when_the_next_message_leaves(self) -> None:
        w, channel = world(replace(LAW, gap_ns=2 * SECOND, burst=1))
        w.plane.add_telemetry(flow())
        plane, first = w.plane.telemetry, w.plane.telemetry._places.sources[0].base + 11 * MS
        assert plane.next_message(HOME, 0) == NEVER
        assert plane.next_message(EDGE, 0) == first
        w.clock.run(9 * SECOND)
        w.plane.settle(9 * SECOND)
        assert channel.queued is False  # nobody has looked
        assert plane.next_message(EDGE, 9 * SECOND) == first + (10 if first + 8 * SECOND <= 9 * SECOND else 8) * SECOND


class TestDevices:
    def lost_and_delivered(self, **more: Any) -> tuple[int, int]:
        w, _ = world()
        w.plane.add_telemetry(flow(**more))
        cuts: list[int] = []
        w.clock.at(10 * SECOND + 3, lambda: cuts.append(w.network.cut(0, "silent")))
        w.clock.at(30 * SECOND + 3, lambda: w.network.mend(0, cuts[0]))
        w.finish(END)
        got = fates(w)
        return got["lost"], got["delivered"]

    def test_a_device_sends_again_only_where_its_quality_of_service_says_so(self) -> None:
        assert self.lost_and_delivered() == (20, 80)
        assert self.lost_and_delivered(resent=True) == (0, 100)

    @pytest.mark.parametrize("beyond", [True, False])
    def test_a_device_that_goes_elsewhere_leaves_what_waits(self, beyond: bool) -> None:
        """To a node with a channel of its own, or without; that which it leaves is shut from 10 to 60 s."""
        w, channel = world(replace(LAW, first_lost=False), [*LINKS, link(NEIGHBOUR, CLOUD), link(DEVICE, NEIGHBOUR)])
        if beyond:
            w.plane.telemetry.attach(HubChannel(NEIGHBOUR, CLOUD, LAW))
        w.plane.add_telemetry(flow())
        tell(w, channel, 10 * SECOND + 3, "noticed")
        w.clock.at(30 * SECOND + 3, w.plane.enter, DEVICE, NEIGHBOUR)
        tell(w, channel, 60 * SECOND + 3, "opened")
        w.finish(END)
        came = dict(w.recorder.messages.frame().select("start_s", "delivered").rows())
        assert fates(w)["lost"] == 0
        assert sum(came.get(second, 0) for second in range(11, 30)) == 0
        assert sum(came[second] for second in range(31, 60)) == 29
        assert came[60] == 1 + 20

    def test_a_device_without_power_has_nothing_to_send_again(self) -> None:
        w, _ = world()
        w.plane.add_telemetry(flow(resent=True))
        w.clock.at(10 * SECOND + 3, w.network.cut, 0, "silent")
        w.clock.at(30 * SECOND + 3, w.network.set_node, DEVICE, False)
        w.finish(END)
        assert fates(w) == {"created": 30, "delivered": 10, "lost": 20, "late": 0, "superseded": 0}

    def test_the_cloud_gets_a_twin_s_last_value(self) -> None:
        w, channel = world()
        w.plane.add_telemetry(flow(twin=True, copies=3))
        tell(w, channel, 10 * SECOND + 3, "noticed")
        tell(w, channel, 50 * SECOND + 3, "opened")
        w.finish(END)
        got = fates(w)
        assert (got["created"], got["lost"], got["superseded"]) == (300, 0, 3 * 39)
        assert w.recorder.messages.frame().filter(pl.col("start_s") == 50)["delivered"].item() == 6

    def test_without_twins_values_are_messages(self) -> None:
        w, channel = world(replace(LAW, twins=False))
        w.plane.add_telemetry(flow(twin=True))
        tell(w, channel, 10 * SECOND + 3, "noticed")
        w.finish(END)
        assert (fates(w)["superseded"], channel.waiting) == (0, 89)


PAGE = """
name: shop
kind: orchestrators
extends: kubernetes
facts:
  buffer:
    - kind: hub-channel
      rate: {value: 10, unit: /s, kind: assumed, source: assumed}
      burst: {value: 20, unit: count, kind: assumed, source: assumed}
      messages: {value: 30, unit: count, kind: assumed, source: assumed}
      store: memory
      first_lost: true
      when_full: lose
  devices:
    - kind: twin
      keeps: last-value
"""


class TestPage:
    @pytest.fixture
    def page(self, tmp_path: Path) -> str:
        (tmp_path / "shop.yaml").write_text(PAGE, "utf-8")
        return str(tmp_path / "shop.yaml")

    def test_a_page_s_numbers_are_the_channel_s(self, page: str) -> None:
        read = load_orchestrator(Catalogue(), page)
        assert read.get(Page).messages == 30
        assert read.get(Twin).keeps == "last-value"
        channels = hub_channels(read, [3, 5], 0)
        assert channels[5].settings == HubSettings(SECOND // 10, 20, 30, True, "lose", twins=True)
        assert [(c.node, c.cloud) for c in channels.values()] == [(3, 0), (5, 0)]
        assert hub_channels(load_orchestrator(Catalogue(), "kubernetes"), [3], 0) == {}

    @pytest.mark.parametrize("via", ["message", "twin"])
    def test_what_a_scenario_reports_through_twins(self, page: str, via: str) -> None:
        scenario = Scenario.parse(
            {
                "duration": "60s",
                "topology": {
                    "nodes": [{"name": "hub", "model": "cloud-vm", "role": "control-plane", "zone": "c"},
                              {"name": "edge", "model": "x86-edge", "zone": "s"}],
                    "links": [{"name": "wan", "between": ["edge", "hub"], "latency": "1ms", "rate": "1Gbps"}],
                },
                "workloads": [
                    {"kind": "service", "name": "ingest", "image": "i", "replicas": 1},
                    {"kind": "telemetry", "source": "edge", "target": "ingest", "every": "1s", "size": "100B",
                     "properties": 14, "via": via},
                ],
            }
        )  # fmt: skip
        catalogue = Catalogue()
        layout = lay_out(scenario, catalogue, Rng(1), dict.fromkeys(scenario.family, 110))
        w = PlaneWorld(2, [link(0, 1)])
        hubs = hub_channels(load_orchestrator(catalogue, page), [1], 0)
        for hub in hubs.values():
            w.plane.telemetry.attach(hub)
        add_flows(w.plane, scenario, layout, w.network, Rng(1), catalogue=catalogue)
        (made,) = w.plane.telemetry._flows
        assert (made.copies, made.size_bytes, made.twin) == ((14, 164, True) if via == "twin" else (1, 1464, False))
        assert w.plane.warnings == []
        bare = PlaneWorld(2, [link(0, 1)])
        add_flows(bare.plane, scenario, layout, bare.network, Rng(1), catalogue=catalogue)
        assert any("no device twins" in text for text in bare.plane.warnings) or via == "message"

    def test_a_quality_of_service_is_simulated_where_there_is_a_buffer(self, page: str, tmp_path: Path) -> None:
        notes = []
        for orchestrator in ("kubernetes", page):
            file = tmp_path / "x.yaml"
            file.write_text(
                "question: Is it said?\n"
                "scenario:\n"
                f"  duration: 1min\n  orchestrator: {orchestrator}\n"
                "  topology: {nodes: [{name: a, model: cloud-vm}]}\n"
                "  workloads:\n"
                "    - {kind: service, name: ingest, image: i, replicas: 1}\n"
                "    - {kind: telemetry, source: a, target: ingest, every: 1s, size: 9B, qos: 1}\n",
                "utf-8",
            )
            notes.append([note for note in load_experiment(file).notes if "qos" in note])
        assert [len(found) for found in notes] == [1, 0]


def test_a_bucket_of_one_is_a_single_server() -> None:
    """Handed over one each gap, as Lindley's recursion has it, whatever the arrivals."""
    channel = HubChannel(0, 1, replace(LAW, gap_ns=7, burst=1, when_full="wait"))
    arrivals = np.sort(np.random.default_rng(1).integers(0, 4000, 500))
    channel.receive(np.stack([np.zeros_like(arrivals), arrivals, arrivals]), 10_000)
    left, expected = -7, []
    for at in arrivals.tolist():
        left = max(left + 7, at)
        expected.append(left)
    assert channel.collect()[0][-1].tolist() == expected
