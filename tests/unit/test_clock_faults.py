"""Clocks that are wrong: what they change, what they leave alone, and what each parameter moves."""

from __future__ import annotations

from math import isnan
from re import escape
from typing import Any

import polars as pl
import pytest

from failing import QUIET, Fault, eight, faulty, times
from networks import World, link
from planes import PlaneWorld
from scenarios import run, simulation
from simulator.errors import UserError
from simulator.faults import ClockLoss, NodeClock, apply_clock_skew
from simulator.simulation.run import Run
from simulator.traffic.flows import TelemetryFlow
from simulator.units import SECOND
from sitekit import SITES, wan

BEHIND: Fault = {"kind": "clock-skew", "node": "a-0", "at": "55s", "behind": "31d"}
CUT: Fault = {"kind": "cut", "link": "wan-a", "at": "1min", "duration": "2min"}


def ready(found: Run, node: str = "a-0") -> list[tuple[str, float]]:
    """What is believed of a node from the first time on at which it is not Ready, and since when."""
    states: list[tuple[str, float]] = [("Ready", 0)]
    for time, state in found.table("nodes").filter(truth="believed", node=node)["time_s", "state"].rows():
        if state != states[-1][0]:
            states.append((state, time))
    return states[1:]


# What a wrong clock leaves alone.


@pytest.mark.parametrize("orchestrator", ["kubernetes", "kubeedge"])
def test_a_skew_within_the_validity_changes_the_stamped_ages_and_nothing_else(orchestrator: str) -> None:
    """So leases, evictions and leaders are timed by those who wait, whichever clock is wrong: node's or hub's."""
    usual = [{**CUT, "at": "70s"}, {"kind": "crash", "node": "b-*", "at": "1min", "reboot_after": "20s"}]
    off = [{"kind": "clock-skew", "node": "[abt]*-[ab01]", "at": "30s", "behind": "29d"},
           {"kind": "clock-skew", "node": "c*", "at": "40s", "ahead": "1h", "drift": 100}]  # fmt: skip
    right, wrong = (faulty(*usual, *more, orchestrator=orchestrator) for more in ([], off))
    plain, stamped = (found.table("messages").filter(pl.col("delivered") > 0) for found in (right, wrong))
    assert plain["mean_stamped_age_s"].is_nan().all()
    assert not stamped["mean_stamped_age_s"].is_nan().any()
    mine, theirs = ({**found.tables, "messages": found.table("messages").drop("mean_stamped_age_s"),
                     "events": found.table("events").filter(pl.col("kind") != "ClockWrong")}
                    for found in (wrong, right))  # fmt: skip
    assert [name for name, table in theirs.items() if not table.equals(mine[name])] == []
    assert ready(wrong)[0][0] == "Unknown"  # something has happened


def stamps(faults: list[tuple[int, int, int, float]], end: int = 4) -> list[float]:
    """What the receiver adds to the true age, in seconds, second by second: readings from 0 over 1 to 2, one each
    100 ms. The faults are of whose clock, from when on, by how many s, and with which drift."""
    w = PlaneWorld(3, [link(0, 1), link(1, 2)])
    w.plane.add_telemetry(TelemetryFlow("cam", (0,), (1,), 2, SECOND // 10, 100))
    for node, at, ahead, drift in faults:
        w.clock.at(at * SECOND, w.network.clocks.put, node, ahead * SECOND, drift)
    w.finish(end * SECOND)
    rows = w.recorder.messages.frame()
    return (rows["mean_stamped_age_s"] - rows["mean_age_s"]).to_list()


def test_the_receiver_adds_its_own_error_to_an_age_and_takes_away_the_devices() -> None:
    assert all(map(isnan, stamps([])))
    cross = 0.02 / 0.1 * 7200 / 10  # readings of before the change that come after it: at most one
    for faults, extra in (
        ([(0, 1, -7200, 0)], [0, 7200, 7200, 7200]),
        ([(0, 1, 7200, 0), (0, 2, 0, 0)], [0, -7200, 0, 0]),
        ([(2, 1, -60, 0)], [0, -60, -60, -60]),
        ([(0, 1, -7200, 0), (2, 2, -7200, 0)], [0, 7200, 0, 0]),
        ([(1, 1, -7200, 0)], [0, 0, 0, 0]),  # a machine on the way
    ):
        for found, due in zip(stamps(faults), extra, strict=True):
            assert found == pytest.approx(due, abs=max(cross, 7200 / 10 + 1e-6) if due in (7200, -7200, 0) else 1e-6)
    slow, fast = (stamps([(0, 0, -1, drift)]) for drift in (0.0, -0.1))
    assert slow == pytest.approx([1] * 4)
    for second, found in enumerate(fast):
        assert found == pytest.approx(1 + 0.1 * (second + 0.5), abs=0.1 * 0.1)


def test_a_connection_that_stands_goes_on_and_is_noticed_to_be_gone_after_a_ping() -> None:
    """client-go pings after up to 30 s of silence, and waits 15 s for the answer."""
    wrong, cut = {**BEHIND, "node": "n-*"}, {**CUT, "link": "lan*"}
    names = [f"n-{i}" for i in range(8)]
    short, long, right = (eight(*more) for more in ([wrong, {**cut, "duration": "14s"}],
                          [wrong, {**cut, "duration": "38s"}], [{**cut, "duration": "38s"}]))  # fmt: skip
    assert [ready(short, name) for name in names] == [ready(right, name) for name in names] == [[]] * 8
    noticed = [ready(long, name)[0][0] for name in names if ready(long, name)]
    assert noticed == ["Unknown"] * len(noticed)
    assert 3 <= len(noticed) <= 8  # of 8, by (38 - 15) / 30


# Outside of the validity.


def test_after_a_break_a_node_whose_clock_is_wrong_is_given_up_and_its_pods_are_evicted() -> None:
    """Even one that is far below the grace of 50 s."""
    cut = {**CUT, "link": "lan*", "mode": "refused", "duration": "5s"}
    found = eight({**BEHIND, "node": "n-[0-2]"}, cut, duration="8min", workloads=[
        {"kind": "service", "name": "s", "image": "i", "replicas": 8, "cpu": "1", "ram": "64Mi"}])  # fmt: skip
    assert ready(found, "n-7") == []  # it has the right time, and is back at once
    ((state, since),) = ready(found, "n-0")
    assert state == "Unknown"
    assert 60 + 50 - 10 <= since <= 60 + 50 + 5  # the grace from the last lease, and a pass
    evicted = found.table("pods").filter(truth="believed", state="Terminating")
    assert set(evicted["node"]) == {"n-0", "n-1", "n-2"}
    first = min(dict(evicted["node", "time_s"].rows()).values())
    assert 300 <= first - since <= 300 + 10


def boards(*faults: Fault, age: str = "30d", lifetime: str = "365d") -> dict[str, float]:
    """Eight boards, cut off from 1 min to 3 min: when each is Ready again, infinite for never."""
    cut = {**CUT, "link": "lan*"}
    shown = {"facts.protocols.tls.certificate.cluster.age": age,
             "facts.protocols.tls.certificate.cluster.lifetime": lifetime}  # fmt: skip
    found = eight(*faults, cut, settings=shown)
    return {f"n-{i}": dict(ready(found, f"n-{i}")).get("Ready", float("inf")) - 180
            for i in range(8)}  # fmt: skip


def test_each_parameter_moves_when_a_node_connects_again() -> None:
    others: list[Fault] = [
        {},
        {"behind": "29d"},  # the certificate is 30 days old
        {"behind": None, "ahead": "334d"},  # and ends after 365
        {"behind": None, "ahead": "336d"},
        {"at": "200s"},  # after it was connected again
        {"duration": "125s"},
        {"behind": None, "ahead": "334d23h56min"},  # 4 min before the end
        {"behind": None, "ahead": "334d23h56min", "drift": 500_000},  # which 3 min and half of the last 125 s reach
    ]
    again = boards(*({**BEHIND, "node": f"n-{i}", **other} for i, other in enumerate(others)))
    never = {name for name, after in again.items() if after == float("inf")}
    assert never == {"n-0", "n-3", "n-7"}
    assert all(0 <= again[name] <= 10.5 for name in ("n-1", "n-2", "n-4", "n-6"))  # a lease each 10 s
    assert 0 <= again["n-5"] <= 7.5  # one that is refused is tried again each 7 s
    old = boards({**BEHIND, "node": "n-0"}, {**BEHIND, "node": "n-1", "behind": None, "ahead": "336d"}, age="32d")
    assert [old["n-0"] < 11, old["n-1"]] == [True, float("inf")]
    long = boards({**BEHIND, "node": "n-1", "behind": None, "ahead": "336d"}, lifetime="367d")
    assert long["n-1"] < 11


def test_time_itself_makes_a_certificate_valid_for_a_clock_that_is_behind() -> None:
    """30 min old, and 33 min 20 s behind at 55 s: valid after 200 s; drift makes that earlier or later."""
    skew = {**BEHIND, "behind": "33min20s"}
    drifts = (0, 200_000, -200_000)
    again = boards(*({**skew, "node": f"n-{i}", "drift": drift} for i, drift in enumerate(drifts)), age="30min")
    for i, drift in enumerate(drifts):
        due = 55 + 145 / (1 + drift / 1e6) - 180
        assert max(due, 0) <= again[f"n-{i}"] <= max(due, 0) + 10.5


def test_edgecore_dials_in_vain_until_its_clock_is_right() -> None:
    usual, found = (faulty(*more, CUT, orchestrator="kubeedge", duration="8min")
                    for more in ([], [{**BEHIND, "duration": "305s"}]))  # fmt: skip
    assert times(found, "SessionLost", "a-0") == times(usual, "SessionLost", "a-0")
    (before,), (back,) = times(usual, "SessionOpened", "a-0"), times(found, "SessionOpened", "a-0")
    assert before < 360 <= back <= 360 + 40  # its next dial: rounds of dials with pauses
    assert [state for state, _ in ready(found)] == ["Unknown", "Ready"]


def test_the_heartbeat_of_an_agent_of_open_horizon_fails_for_good_and_its_pod_runs_on() -> None:
    jobs = [{"kind": "service", "name": "s", "image": "shop/api", "per": "site", "cpu": "100m", "ram": "32Mi"}]
    found = faulty(BEHIND, CUT, orchestrator="open-horizon", workloads=jobs, duration="8min")
    assert times(found, "HeartbeatFailed", "a-0")
    assert not times(found, "HeartbeatRestored", "a-0")
    assert times(found, "HeartbeatRestored", "a-1")
    assert not found.table("pods").filter(truth="running", state="stopped").height


# Registries.


def failed(*faults: Fault, place: Any = None, settings: dict[str, str] | None = None) -> dict[str, set[str]]:
    """What went wrong with the pulls of each node of which any did, where clocks are wrong from the start."""
    wrong = [{"kind": "clock-skew", "at": "0s", **fault} for fault in faults]
    found = eight(*wrong, duration="1min", settings=settings) if place is None else run({**place, "faults": wrong})
    events = found.table("events").filter(kind="Failed")
    return {node: set(rows["detail"]) for (node,), rows in events.group_by("node")}


X509 = {"x509: certificate has expired or is not yet valid"}


def test_each_parameter_moves_whether_a_pull_fails() -> None:
    shown = "facts.protocols.tls.certificate.registry"
    off = ({"behind": "31d"}, {"behind": "29d"}, {"ahead": "61d"}, {"ahead": "59d"})
    faults = [{"node": f"n-{i}", **each} for i, each in enumerate(off)]
    assert failed(*faults) == {"n-0": X509, "n-2": X509}  # 30 days old, and it ends after 90
    assert failed(*faults, settings={f"{shown}.lifetime": "92d"}) == {"n-0": X509}
    assert failed(*faults, settings={f"{shown}.age": "32d"}) == {"n-2": X509, "n-3": X509}


def test_a_mirror_goes_by_its_own_clock_and_who_asks_it_by_theirs() -> None:
    wrong = simulation({**SITES, "faults": [{"kind": "clock-skew", "node": "mirror", "at": "0s", "behind": "31d"}]})
    found = wrong.finish()
    assert wan(wrong, "wan-a") == pytest.approx(2 * 25, rel=0.01)  # the registry is asked, by each node
    ways = found.table("events").filter(kind="Fetched")["detail"].str.extract(r", (\w+)$").to_list()
    assert set(ways) == {"registry"}
    assert failed({"node": "a-0", "behind": "31d"}, place=SITES) == {"a-0": X509}


def test_neighbours_speak_no_tls() -> None:
    """b-0 has the image when the clock of b-1, which asks it, is set wrong."""
    apps = [{"kind": "service", "name": f"app-{i}", "image": "app:1", "at": f"{30 * i}s",
             "node_selector": {"kubernetes.io/hostname": f"b-{i}"}} for i in range(2)]  # fmt: skip
    fault = {"kind": "clock-skew", "node": "b-1", "at": "0s", "behind": "31d"}
    for peers, failed in (("cached", 0), ("none", 1)):
        events = run({**SITES, "workloads": apps, "registry": {"peers": peers}, "faults": [fault]}).table("events")
        assert events.filter(kind="Failed", node="b-1").height >= failed
        assert events.filter(kind="Pulled", node="b-1").height == 1 - failed


def test_a_pull_that_failed_is_tried_again_and_the_right_time_lets_it_through() -> None:
    boot = {"kind": "clock-skew", "node": "n-0", "at": "0s", "behind": "31d", "duration": "1min"}
    found = eight(boot)
    pulling, pulled = times(found, "Pulling"), found.table("events").filter(kind="Pulled")
    at = {row["subject"]: row["time_s"] for row in pulled.iter_rows(named=True)}
    assert at["s-n-0"] == max(at.values())
    assert 60 <= at["s-n-0"] <= 60 + 40 + 1  # a wait of 10 s, then 20 s, then 40 s
    assert len(pulling) > 8


# Machines that have no clock of their own.


def lossy(period: int = 100) -> World:
    """A machine 0 that reaches the time at 1."""
    world = World(2, [link(0, 1)])
    machine = NodeClock(world.clock, world.network.clocks, world.recorder, 0, "n0")
    ClockLoss(world.clock, world.network, [(machine, 0)], period, ntp=1)
    return world


def test_a_machine_without_a_clock_boots_with_the_time_that_it_saved_last() -> None:
    world, cut, said = lossy(), 0, {}
    for time in (250, 260, 290, 310, 330, 420, 450, 470, 500, 520):
        world.clock.run(time)
        match time:
            case 250:
                world.network.set_node(0, False)
                cut = world.network.cut(0, "silent")
            case 290 | 330 | 470:
                world.network.set_node(0, True)
            case 310 | 450:
                world.network.set_node(0, False)
            case 500:
                world.network.mend(0, cut)
        said[time] = time + world.network.clocks.error(0)
    assert said[290] == 200  # saved at 200
    assert said[330] == 210  # saved at 300, when it said this
    assert said[420] == 300
    assert said[470] == 280  # saved at 400
    assert [said[500], said[520]] == [500, 520]  # the way to the time is whole
    assert [row[1] for row in world.rows("events")] == ["ClockWrong"] * 3 + ["ClockRight"]


def test_where_the_time_can_be_reached_it_is_right_as_soon_as_the_machine_is_up() -> None:
    world = lossy()
    for time, up in ((250, False), (290, True)):
        world.clock.run(time)
        world.network.set_node(0, up)
    assert world.network.clocks.error(0) == 0
    assert [row[:2] for row in world.rows("events")] == [(290, "ClockWrong"), (290, "ClockRight")]


def rebooted(saved: str | None, age: str, *, outage: bool = True, **facts: str) -> tuple[list[float], list[float]]:
    """A board of K3s that is without power for 10 s, and for 3 min without the internet, not without its server: when
    its agent runs again, and its clock is right again. `facts` are of the board's page."""
    place = {
        "nodes": [
            {"name": "cloud", "model": "cloud-vm", "role": "control-plane"},
            {"name": "hub", "model": "registry", "role": "registry"},
            {"name": "n", "model": "raspberry-pi-4b", "count": 2},
        ],
        "links": [
            {"name": "wan", "between": ["cloud", "hub"], "latency": "10ms", "rate": "1Gbps"},
            {"name": "lan", "between": ["cloud", "n-*"], "latency": "1ms", "rate": "1Gbps"},
        ],
    }
    faults = [
        {"kind": "clock-loss", "node": "n-*", **({} if saved is None else {"saved": saved})},
        {"kind": "crash", "node": "n-0", "at": "1min", "reboot_after": "10s"},
        *([{"kind": "cut", "link": "wan", "at": "50s", "duration": "3min"}] if outage else []),
    ]
    settings = {"facts.protocols.tls.certificate.cluster.age": age}
    settings |= {f"facts.nodes.raspberry-pi-4b.{name}": value for name, value in facts.items()}
    found = eight(*faults, settings=settings, topology=place, orchestrator="k3s")
    return times(found, "AgentStarted", "n-0"), times(found, "ClockRight")


def test_a_reboot_within_an_outage_of_the_way_to_the_time_matters_if_the_certificate_is_young() -> None:
    (usual,), right = rebooted(None, "30d")
    assert right == [230.0]
    assert usual < 115
    (young,), _ = rebooted(saved="300d", age="1h")  # the last time was saved before the certificate was made
    assert 230 <= young <= 260
    assert rebooted(None, "1h", clock_saved="300d")[0] == [young]
    assert rebooted("300d", "301d")[0] == [usual]
    assert rebooted("300d", "1h", outage=False) == ([usual], [105.0])


def test_the_latest_setting_of_a_clock_holds() -> None:
    world = World(1, [])
    machine = NodeClock(world.clock, world.network.clocks, world.recorder, 0, "n0")
    for at, ahead in ((10, 5 * SECOND), (20, 7 * SECOND)):
        apply_clock_skew(world.clock, machine, ahead=ahead, at=at, duration=30)
    found = []
    for time in (5, 15, 25, 45, 55):
        world.clock.run(time)
        found.append(world.network.clocks.error(0) // SECOND)
    assert found == [0, 5, 7, 7, 0]
    assert [row[:2] for row in world.rows("events")] == [(10, "ClockWrong"), (20, "ClockWrong"), (50, "ClockRight")]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"kind": "clock-loss", "node": "core"}, "the clock of core, a cloud-vm, runs on without power"),
        ({"kind": "clock-skew", "node": "gw-a", "behind": "1h"}, "nothing reads the clock of gw-a, a router"),
        ({"kind": "clock-skew", "node": "a-*", "drift": 0}, "it leaves the clock right"),
        ({"kind": "clock-skew", "node": "a-*", "ahead": "1s", "behind": "1s"}, "it says both ahead and behind"),
        ({"kind": "clock-skew", "node": "a-*", "drift": -1e6}, "more than -1000000"),
        ({"kind": "clock-loss", "node": "x-*"}, "x-* matches no node"),
    ],
)
def test_what_is_wrong_with_a_fault_is_told(fault: Fault, said: str) -> None:
    with pytest.raises(UserError, match=escape(said)):
        simulation({**QUIET, "faults": [{"at": "1min", **fault}]})


def test_a_clock_is_lost_by_one_fault() -> None:
    lost = {"kind": "clock-loss", "at": "1min"}
    with pytest.raises(UserError, match="the clock of a-0 is lost by another fault already"):
        simulation({**QUIET, "faults": [{**lost, "node": "a-*"}, {**lost, "node": "a-0", "saved": "1min"}]})


def test_clocks_that_nothing_stops_are_said_to_have_gone_right() -> None:
    lost = {"kind": "clock-loss", "node": "n-*"}
    crash = {"kind": "crash", "node": "n-0", "at": "1min", "reboot_after": "10s"}
    for faults, said in (([lost], True), ([lost, crash], False)):
        found = eight(*faults, duration="2min")
        assert any("clock-loss has changed no clock" in warning for warning in found.warnings) == said


def test_a_certificate_that_has_ended_is_refused() -> None:
    shown = {"facts.protocols.tls.certificate.registry.age": "90d"}
    with pytest.raises(UserError, match="the registry's certificate has ended before the run begins"):
        simulation({**QUIET, "faults": [BEHIND]}, shown)
