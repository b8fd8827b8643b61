"""Outages again and again, partitions and zones that go down: what each hits, when, and what each parameter moves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from scenarios import run, scenario, simulation
from simulator.errors import UserError
from simulator.simulation.run import Run
from simulator.spec.check import check_scenario
from simulator.spec.look import Look
from simulator.spec.outages import Outages, Partition, ZoneOutage
from simulator.spec.windows import read_windows

Fault = dict[str, Any]
# Two sites of two machines behind a router each, and the cloud.
PLACE = {
    "duration": "10min",
    "topology": {
        "nodes": [
            {"name": "cloud", "model": "cloud-vm", "zone": "cloud", "role": "control-plane"},
            {"name": "a-router", "model": "cloud-vm", "zone": "a", "role": "router"},
            {"name": "a", "model": "cloud-vm", "zone": "a", "count": 2, "role": "router", "boot": "0s"},
            {"name": "b-router", "model": "cloud-vm", "zone": "b", "role": "router"},
            {"name": "b", "model": "cloud-vm", "zone": "b", "count": 2, "role": "router", "boot": "0s"},
        ],
        "links": [
            {"name": "wan-a", "between": ["a-router", "cloud"], "model": "starlink", "loss": 0},
            {"name": "wan-b", "between": ["b-router", "cloud"], "latency": "5ms", "rate": "100Mbps"},
            {"name": "lan-a", "between": ["a-[0-9]", "a-router"], "latency": "1ms", "rate": "1Gbps"},
            {"name": "lan-b", "between": ["b-[0-9]", "b-router"], "latency": "1ms", "rate": "1Gbps"},
            {"name": "across", "between": ["a-router", "b-router"], "latency": "9ms", "rate": "1Gbps"},
        ],
    },
}
MINUTE = {"up": "60s", "down": "10s"}


def place(*faults: Fault, **more: Any) -> dict[str, Any]:
    return {**PLACE, "faults": [{"at": "0s", **fault} for fault in faults], **more}


def faulty(*faults: Fault, **how: Any) -> Run:
    return run(place(*faults), **how)


def cuts(run: Run, link: str | None = None) -> list[tuple[float, str]]:
    """(time, state) of the changes of a link, or of all with their names."""
    rows = run.table("links")
    if link is None:
        return rows.select("time_s", "link").rows()
    return rows.filter(pl.col("link") == link).select("time_s", "state").rows()


def links(run: Run) -> set[str]:
    return set(run.table("links")["link"].to_list())


def wrong(fault: Fault) -> str:
    with pytest.raises(UserError) as caught:
        faulty(fault)
    return str(caught.value)


class TestOutages:
    def test_constant_times_make_a_link_flap_from_at_on(self) -> None:
        got = faulty({"kind": "outages", "link": "wan-b", "at": "20s", **MINUTE})
        assert cuts(got, "wan-b")[:4] == [(80.0, "cut"), (90.0, "up"), (150.0, "cut"), (160.0, "up")]
        assert links(got) == {"wan-b"}
        assert got.table("events").filter(kind="CutStarted").height == 8

    def test_a_longer_down_lowers_the_share_that_a_link_is_up_and_a_longer_up_raises_it(self) -> None:
        def up(**times: str) -> float:
            return faulty({"kind": "outages", "link": "wan-b", **MINUTE, **times}).summary["link_up_ratio"]

        assert up(down="30s") < up() < up(up="200s")
        assert up() == pytest.approx(1 - 8 * 10 / 600 / 7)  # one of seven links, eight times

    def test_every_link_of_a_glob_fails_by_itself_and_all_links_of_a_node_together(self) -> None:
        random = {"up": {"exponential": "60s"}, "down": {"exponential": "5s"}}
        apart = faulty({"kind": "outages", "link": "lan-*", **random})
        assert len({time for time, _ in cuts(apart)}) == len(cuts(apart))
        together = faulty({"kind": "outages", "node": "a-router", **random})
        assert links(together) == {"wan-a", "lan-a-0", "lan-a-1", "across"}
        assert cuts(together, "wan-a") == cuts(together, "lan-a-1") != []

    def test_a_zone_loses_the_links_that_lead_out_of_it(self) -> None:
        got = faulty({"kind": "outages", "zone": "[ab]", **MINUTE})
        assert links(got) == {"wan-a", "wan-b", "across"}

    def test_a_link_more_shifts_no_other_and_nor_does_another_fault_of_another_name(self) -> None:
        random = {"kind": "outages", "up": {"exponential": "60s"}, "down": {"exponential": "5s"}, "name": "one"}
        more = {**random, "name": "two", "link": "lan-*"}
        alone = cuts(faulty({**random, "link": "wan-b"}), "wan-b")
        assert alone == cuts(faulty({**random, "link": "wan-*"}), "wan-b") != []
        assert alone == cuts(faulty(more, {**random, "link": "wan-b"}), "wan-b")
        assert alone != cuts(faulty({**random, "link": "wan-b"}, replication=1), "wan-b")

    def test_two_faults_without_names_on_the_same_links_are_independent(self) -> None:
        random = {"kind": "outages", "link": "wan-b", "up": {"exponential": "60s"}, "down": "1s"}
        got = faulty(random, random).table("events").filter(kind="CutStarted")["time_s"]
        assert got.n_unique() == len(got)

    def test_a_lossy_outage_loses_packets_while_it_is_down_only(self) -> None:
        sim = simulation(place({"kind": "outages", "link": "wan-b", **MINUTE, "mode": "lossy", "loss": "40%"}))
        network = sim._parts.world.network
        seen = []
        for at in ("59s", "61s", "71s"):
            sim.run(at)
            seen.append(network.loss(2 * network.index["wan-b"]))
        assert seen == [0, pytest.approx(0.4), 0]
        assert sim.finish().table("links")["mode"].to_list()[:2] == ["lossy", ""]

    def test_a_one_way_outage_leaves_the_other_direction(self) -> None:
        sim = simulation(place({"kind": "outages", "link": "wan-b", **MINUTE, "mode": "one-way", "direction": "down"}))
        sim.run("61s")
        network = sim._parts.world.network
        assert network.states[network.index["wan-b"]].blocked == ("", "silent")

    def test_windows_and_a_trace_say_the_same_and_hit_all_links_alike(self, tmp_path: Path) -> None:
        windows = [
            {"at": "10s", "duration": "5s"},
            {"at": "15s", "duration": "1s"},
            {"at": "1min", "duration": "500ms"},
        ]
        (tmp_path / "log.csv").write_text("start_s,end_s\n10,15\n15,16\n60,60.5\n", "utf-8")
        (tmp_path / "log2.csv").write_text("note,start_s,duration_s\na,10,5\nb,15,1\nc,60,0.5\n", "utf-8")
        fault = {"kind": "outages", "link": "wan-*", "at": "100s"}
        got = [faulty({**fault, "windows": windows})]
        got += [faulty({**fault, "trace": file}, folder=tmp_path) for file in ("log.csv", "log2.csv")]
        first = cuts(got[0], "wan-a")
        assert [time for time, _ in first] == [110.0, 115.0, 115.0, 116.0, 160.0, 160.5]
        assert all(cuts(each, link) == first for each in got for link in ("wan-a", "wan-b"))

    def test_without_times_a_link_fails_as_its_model_says(self) -> None:
        hours = {**place({"kind": "outages", "link": "wan-a"}), "duration": "6h"}
        got = run(hours)
        rows = cuts(got, "wan-a")
        assert 10 <= len(rows) / 2 <= 40  # one in 1000 s: 21.6
        fewer = run({**hours}, {"facts.links.starlink.outage.up": {"exponential": "10000s"}})
        assert len(cuts(fewer, "wan-a")) < len(rows) / 3
        assert "link wan-b has no model that says how it fails" in wrong({"kind": "outages", "link": "wan-b"})

    def test_an_outage_can_be_injected(self) -> None:
        sim = simulation(place())
        sim.run("2min")
        sim.inject(Outages(link="wan-b", up="10s", down="1s"))
        assert cuts(sim.finish(), "wan-b")[:2] == [(130.0, "cut"), (131.0, "up")]

    @pytest.mark.parametrize(
        ("fault", "said"),
        [
            ({"link": "wan-b"}, "no model"),
            (MINUTE, "it names no link, node or zone"),
            ({"link": "wan-b", "node": "cloud", **MINUTE}, "it names link and node"),
            ({"link": "wan-b", "up": "1s"}, "outages need down, too"),
            ({"link": "wan-b", "trace": "log.csv", **MINUTE}, "outages have up and trace"),
            ({"node": "cloud"}, "only links have models that know outages"),
            ({"link": "wan-b", **MINUTE, "mode": "lossy"}, "a lossy cut needs loss"),
            ({"zone": "a", **MINUTE, "mode": "one-way"}, "no common direction"),
            ({"link": "wan-b", "up": "1s", "down": "0s"}, "down takes no time"),
            ({"link": "wan-c", **MINUTE}, "no link is named wan-c"),
            ({"zone": "c", **MINUTE}, "no zone is named c"),
            ({"zone": "*", "windows": [{"at": "1s", "duration": "0s"}]}, "duration"),
            (
                {"link": "wan-b", "windows": [{"at": "5s", "duration": "2s"}, {"at": "6s", "duration": "1s"}]},
                "begins before the one in front of it has ended",
            ),
        ],
    )
    def test_what_is_no_outage_is_refused(self, fault: Fault, said: str) -> None:
        assert said in wrong({"kind": "outages", **fault})

    def test_what_recurs_begins_with_the_run_where_nobody_says_when(self) -> None:
        random = [
            {"kind": "outages", "link": "wan-*", "up": "1h", "down": "1min"},
            {"kind": "failures", "node": "a-[01]", "up": "1h", "down": "1min"},
            {"kind": "wear", "node": "cloud", "endurance": "1TB", "writes": "1MB/s"},
        ]
        assert check_scenario(Look(scenario(PLACE | {"faults": random}))) == []
        often = {**MINUTE, "kind": "outages", "link": "wan-b"}
        silent, said = (run(PLACE | {"faults": [often | more]}) for more in ({}, {"at": "0s"}))
        assert cuts(silent)
        assert cuts(silent) == cuts(said)

    def test_globs_and_files_are_checked_before_anything_runs(self) -> None:
        faults = [
            {"kind": "outages", "link": "wam-*", **MINUTE},
            {"kind": "outages", "node": "x", **MINUTE},
            {"kind": "outages", "link": "wan-*", "trace": "no.csv"},
            {"kind": "partition", "between": ["a-*", ["b-*", "c-*"]]},
            {"kind": "zone-outage", "zone": "z"},
        ]
        told = " ".join(str(problem) for problem in check_scenario(Look(scenario(place(*faults)))))
        for said in (
            "wam-* matches no link",
            "no node is named x",
            "there is no file",
            "c-* matches no node",
            "named z",
        ):
            assert said in told

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("start_s,end_s\n5,9\n8,10\n", ":3: the outage begins before the one above it has ended"),
            ("start_s,end_s\n5,5\n", ":2: the outage takes no time"),
            ("start_s,duration_s\n5,x\n", "'x' is no number"),
            ("start_s,end_s,duration_s\n5,9,2\n", ":1: outages have an end and a duration"),
            ("start_s,length\n5,1\n", "there is no column duration_s"),
            ("start_s,end_s\n", "the file has no outage"),
        ],
    )
    def test_a_log_that_cannot_be_read_says_where(self, text: str, said: str, tmp_path: Path) -> None:
        (tmp_path / "log.csv").write_text(text, "utf-8")
        with pytest.raises(UserError) as caught:
            read_windows(tmp_path / "log.csv")
        assert said in str(caught.value)


class TestPartition:
    def test_it_cuts_what_crosses_and_nothing_else(self) -> None:
        got = faulty({"kind": "partition", "between": [["a-*"], ["cloud", "b-*"]], "at": "10s", "duration": "5s"})
        assert links(got) == {"wan-a", "across"}
        assert cuts(got, "across") == [(10.0, "cut"), (15.0, "up")]
        assert links(faulty({"kind": "partition", "between": ["a-*", "b-*"]})) == {"across"}

    def test_without_a_duration_it_is_for_good_and_it_can_be_injected_in_a_mode(self) -> None:
        sim = simulation(place())
        sim.inject(Partition(between=("a-*", "cloud"), mode="refused"))
        assert sim.finish().table("links").select("link", "state", "mode").rows() == [("wan-a", "cut", "refused")]

    @pytest.mark.parametrize(
        ("between", "said"),
        [
            (["a-*", "a-router"], "a-router is on both sides"),
            (["a-[0-9]", "b-[0-9]"], "no link leads from one side to the other"),
            (["a-*", "c-*"], "c-* matches no node"),
        ],
    )
    def test_sides_that_are_none_are_refused(self, between: list[str], said: str) -> None:
        assert said in wrong({"kind": "partition", "between": between})

    def test_a_partition_has_no_direction(self) -> None:
        assert "a partition cuts both directions" in wrong(
            {"kind": "partition", "between": ["a-*", "b-*"], "mode": "one-way"}
        )


class TestZoneOutage:
    def test_of_the_network_it_cuts_the_links_out_and_leaves_those_inside(self) -> None:
        assert links(faulty({"kind": "zone-outage", "zone": "a", "duration": "1s"})) == {"wan-a", "across"}

    def test_a_region_of_zones_keeps_the_links_between_them(self) -> None:
        assert links(faulty({"kind": "zone-outage", "zone": "[ab]", "duration": "1s"})) == {"wan-a", "wan-b"}

    def test_of_power_it_takes_the_nodes_down(self) -> None:
        got = faulty({"kind": "zone-outage", "zone": "a", "what": "power", "at": "10s", "duration": "5s"})
        assert links(got) == set()
        down = got.table("nodes").filter(state="down", truth="running")
        assert set(down["node"].to_list()) == {"a-router", "a-0", "a-1"}
        assert set(down["time_s"].to_list()) == {10.0}

    def test_power_has_no_mode_and_it_can_be_injected(self) -> None:
        assert "an outage of power has no mode" in wrong(
            {"kind": "zone-outage", "zone": "a", "what": "power", "mode": "silent"}
        )
        sim = simulation(place())
        sim.inject(ZoneOutage(zone="b", mode="lossy", loss="10%", duration="1s"))
        assert set(sim.finish().table("links")["mode"].to_list()) == {"lossy", ""}

    def test_a_world_of_one_zone_has_nothing_to_cut(self) -> None:
        assert "no link leads out of cloud, a, b" in wrong({"kind": "zone-outage", "zone": "*"})
