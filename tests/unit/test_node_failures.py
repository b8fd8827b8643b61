"""Power cuts, random failures, slow nodes: what each does when, and what each parameter moves."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from failing import QUIET, Fault, down_s, eight, faulty, power, times
from networks import World
from scenarios import SMALL, run, scenario, simulation
from simulator.errors import UserError
from simulator.faults import Failing, Pace, apply_crash, apply_failures, apply_power_cut
from simulator.physics.distributions import Constant, Exponential
from simulator.record.buffer import Recorder
from simulator.record.glossary import MetricContext, summarise
from simulator.simulation.run import Run
from simulator.spec.check import check_scenario
from simulator.spec.failures import DiskFill, Failures, PowerCut, Slow, Wear
from simulator.spec.faults import Crash
from simulator.spec.look import Look
from simulator.streams import Rng, key
from simulator.units import SECOND

# Power.


def test_a_site_loses_its_power_as_one_and_each_of_its_machines_boots_in_its_own_stages() -> None:
    found = faulty({"kind": "power-cut", "zone": "a", "at": "1min", "duration": "30s"})
    lost = found.table("events").filter(kind="PowerLost")
    assert set(lost["subject"]) == {"gw-a", "a-0", "a-1", "till-a"}  # routers and devices too
    assert set(lost["time_s"]) == {60.0}
    assert times(found, "Booting", "a-0") == [90.0]
    assert times(found, "NodeBooted", "gw-a") == [90.0 + 60]  # what their models say
    stages = [times(found, kind, "a-0")[0] for kind in ("Booting", "NodeBooted", "EngineStarted", "AgentStarted")]
    assert stages[1] == 90.0 + 35
    assert stages == sorted(stages)
    assert not times(found, "PowerLost", "b-0")
    assert found.world["faults"][0] == {"name": "power-cut-0", "kind": "power-cut", "start_s": 60, "end_s": 150}


def test_a_longer_power_cut_keeps_a_node_down_longer_and_one_without_duration_for_good() -> None:
    cut = {"kind": "power-cut", "at": "1min"}
    found = eight(
        {**cut, "node": "n-0", "duration": "30s"}, {**cut, "node": "n-1", "duration": "60s"}, {**cut, "node": "n-2"}
    )
    assert [down_s(found, f"n-{i}") for i in range(4)] == pytest.approx([30 + 35, 60 + 35, 240, 0])


def test_a_power_cut_while_a_node_boots_lets_it_begin_again() -> None:
    world = World(1, [], boot_ns=40)
    machine = power(world)
    for at in (0, 30):
        apply_power_cut(world.clock, [machine], at=at, duration=10)
    world.clock.run(1000)
    assert [row[:2] for row in world.rows("events")] == [
        (0, "PowerLost"), (10, "Booting"), (30, "PowerLost"), (40, "Booting"), (80, "NodeBooted"),
    ]  # fmt: skip
    assert [row[0] for row in world.rows("nodes")] == [0, 80]


def test_a_node_boots_when_the_last_cause_has_ended() -> None:
    world = World(1, [], boot_ns=5)
    machine = power(world)
    apply_crash(world.clock, machine, at=0, reboot_after=100)
    apply_power_cut(world.clock, [machine], at=10, duration=20)
    apply_power_cut(world.clock, [machine], at=90, duration=60)
    world.clock.run(1000)
    assert [row[:2] for row in world.rows("events")] == [(0, "NodeCrashed"), (150, "Booting"), (155, "NodeBooted")]
    with pytest.raises(ValueError, match="n0 has its power"):
        machine.on()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (PowerCut(zone="c-*"), "c-* matches no zone"),
        (PowerCut(node="c-*"), "c-* matches no node"),
        (Failures(zone="c", up="1h", down="1min"), "c matches no zone"),
        (Failures(node="a-*", up="0s", down="1min"), "up takes no time"),
        (Failures(node="a-*", up="1h", down="0s"), "down takes no time"),
        (Slow(node="gw-a", factor=0.5), "gw-a runs no pods, so nothing depends on its speed"),
        (DiskFill(node="*", share=1), "gw-a runs no pods, so nothing depends on its disk"),
        (Wear(node="core"), "cloud-vm says nothing of its disk's endurance (core)"),
    ],
)
def test_a_fault_that_cannot_happen_is_refused_and_changes_nothing(fault: Any, said: str) -> None:
    s = simulation(QUIET)
    before = s.events
    with pytest.raises(UserError) as caught:
        s.inject(fault)
    assert [problem.message for problem in caught.value.problems] == [said]
    assert s.events == before


@pytest.mark.parametrize(
    ("cls", "given", "said"),
    [
        (PowerCut, {}, "it names neither nodes nor zones"),
        (PowerCut, {"node": "a", "zone": "a"}, "it names both nodes and zones"),
        (DiskFill, {"node": "a"}, "it says neither size nor share"),
        (DiskFill, {"node": "a", "size": "1GB", "share": 1}, "it says both size and share"),
    ],
)
def test_what_is_said_twice_or_not_at_all(cls: Any, given: Fault, said: str) -> None:
    with pytest.raises(UserError) as caught:
        cls(**given)
    assert [problem.message for problem in caught.value.problems] == [said]


def test_a_zone_that_there_is_not_and_a_file_that_there_is_not_are_told_before_anything_runs() -> None:
    faults = [
        {"kind": "power-cut", "zone": "c", "at": "1s"},
        {"kind": "failures", "node": "a-*", "at": "1s", "up": {"empirical": "none.csv#up"}, "down": "1min"},
    ]
    told = [problem.message for problem in check_scenario(Look(scenario({**QUIET, "faults": faults})))]
    assert len(told) == 2
    assert "there is no file" in told[0]
    assert told[1] == "no zone is named c"


# Random failures.


def test_each_parameter_of_failures_moves_what_it_is_for() -> None:
    usual = {"kind": "failures", "at": "0s", "up": {"exponential": "2min"}, "down": {"exponential": "1min"}}
    found = eight(
        {**usual, "name": "usual", "node": "n-[01]"},
        {**usual, "name": "rare", "node": "n-[23]", "up": {"exponential": "20min"}},
        {**usual, "name": "long", "node": "n-[45]", "down": {"exponential": "10min"}},
        {**usual, "name": "late", "node": "n-6", "at": "100min"},
        duration="2h",
    )
    nodes = [("n-0", "n-1"), ("n-2", "n-3"), ("n-4", "n-5")]
    fell = [sum(len(times(found, "NodeCrashed", node)) for node in pair) for pair in nodes]
    down = [down_s(found, *pair) for pair in nodes]
    assert fell[1] < fell[0] / 2
    assert down[2] > 1.5 * down[0] > 3 * down[1]
    assert min(times(found, "NodeCrashed", "n-6")) > 6000


def test_fewer_repairers_keep_nodes_down_longer() -> None:
    fault = {"kind": "failures", "node": "n-*", "up": {"exponential": "2min"}, "down": "2min", "at": "0s"}
    alone, crew = (eight({**fault, "repairers": n}, duration="15min") for n in (1, 8))
    names = [f"n-{i}" for i in range(8)]
    assert down_s(alone, *names) > 1.2 * down_s(crew, *names)
    assert crew.table("nodes").equals(eight(fault, duration="15min").table("nodes"))


def test_a_failure_of_a_zone_is_one_of_all_its_machines() -> None:
    sites = {"kind": "failures", "zone": "[ab]", "up": {"exponential": "2min"}, "down": "1min", "at": "0s"}
    found = faulty(sites, duration="20min", workloads=[], behaviour={}, images={})
    lost = found.table("events").filter(kind="PowerLost")
    together = lost.group_by("time_s").agg(pl.col("subject").sort())["subject"].to_list()
    site = {name: ["%s-0", "%s-1", "gw-%s", "till-%s"] for name in "ab"}
    assert {tuple(nodes) for nodes in together} == {tuple(n % z for n in nodes) for z, nodes in site.items()}


def test_one_repairer_takes_one_after_the_other_in_the_order_of_their_failures() -> None:
    world = World(3, [], boot_ns=0)
    units = [(f"u{i}", [power(world, i)]) for i in range(3)]
    how = Failing("f", Constant(100), Constant(30), repairers=1)
    apply_failures(world.clock, Rng(1), how, units, at=0)
    world.clock.run(199)
    assert [(t, node) for t, node, _, state in world.rows("nodes") if state == "up"] == [
        (130, "n0"), (160, "n1"), (190, "n2"),
    ]  # fmt: skip


def test_a_units_times_do_not_depend_on_the_others() -> None:
    """Common random numbers: another node or another fault shifts nobody's failures."""

    def failures(name: str, nodes: int, repairers: int | None = None, seed: int = 1) -> list[int]:
        world = World(nodes, [], boot_ns=0)
        how = Failing(name, Exponential(1e9), Exponential(1e8), repairers)
        units = [(f"u{i}", [power(world, i)]) for i in reversed(range(nodes))]
        apply_failures(world.clock, Rng(seed), how, units, at=0)
        world.clock.run(20 * SECOND)
        return [t for t, node, _, state in world.rows("nodes") if node == "n0" and state == "down"]  # type: ignore[misc]

    assert failures("f", 5) == failures("f", 1)
    assert failures("g", 1) != failures("f", 1) != failures("f", 1, seed=2)
    assert failures("f", 5, repairers=1)[0] == failures("f", 1)[0]


def test_two_faults_without_names_are_not_one_twice() -> None:
    fault = {"kind": "failures", "node": "n-0", "up": {"exponential": "1min"}, "down": "1s", "at": "0s"}
    names = ["node n-0", "node n-0#2"]
    found = [t for t in times(eight(fault, fault), "NodeCrashed", "n-0") if t < 300]
    rng, firsts = Rng(1), []
    for name in names:
        firsts.append(Exponential(60.0).sample(rng.draw(f"failures/{name}/up", key("n-0"))).item())
    assert found[0] == pytest.approx(min(firsts))
    assert firsts[0] != firsts[1]


# Slow nodes.


def test_the_speed_of_a_node_is_the_product_of_all_that_slow_it_down() -> None:
    seen: list[float] = []

    class Paced:
        def set_speed(self, speed: float) -> None:
            seen.append(speed)

    pace = Pace("n", 2.0, Paced())
    first, second = pace.slow(0.5), pace.slow(0.25)
    pace.end(first)
    pace.end(second)
    assert seen == [1.0, 0.25, 0.5, 2.0]


ASK = {
    **SMALL,
    "duration": "3min",
    "behaviour": {},
    "images": {"i": {"compressed": "1MB", "unpacked": "2MB", "layers": 1, "platforms": ["linux/amd64", "linux/arm64"]}},
    "workloads": [
        {"kind": "service", "name": "echo", "image": "i", "replicas": 1, "cpu": "1", "ram": "64Mi", "work": "40ms",
         "start": "2s", "node_selector": {"kubernetes.io/hostname": "a-0"}},
        {"kind": "requests", "name": "ask", "source": "a-0", "target": "echo", "arrivals": {"every": "1s"},
         "request": "1B", "response": "1B"},
    ],
}  # fmt: skip


def latency(run: Run, begin: float, end: float) -> list[float]:
    rows = run.table("requests").filter(pl.col("issued_s").is_between(begin, end), outcome="completed")
    return sorted(set(rows["latency_s"].round(6)))


def test_work_takes_longer_while_a_node_is_slow_and_no_longer() -> None:
    slow = {"kind": "slow", "node": "a-0"}
    begun = {**slow, "factor": 0.25, "at": "60s", "duration": "60s"}
    found = run(ASK, {"faults": [begun, {**slow, "factor": 0.5, "at": "150s"}]})
    usual = latency(found, 40, 59)
    assert usual == [pytest.approx(0.04 / 0.554 * 1.0, rel=0.1)]
    assert latency(found, 61, 119) == [pytest.approx(4 * usual[0], abs=2e-6)]
    assert latency(found, 121, 149) == usual
    assert latency(found, 151, 180) == [pytest.approx(2 * usual[0], abs=2e-6)]


def test_a_change_of_speed_makes_nobody_answer_who_is_still_starting() -> None:
    start = ASK["workloads"][0] | {"start": "60s"}  # 108 s on a board
    slow = {"kind": "slow", "node": "a-0", "factor": 0.5, "at": "30s", "duration": "10s"}
    plain, slowed = (run({**ASK, "workloads": [start, ASK["workloads"][1]], "faults": f}) for f in ([], [slow]))
    begun = [found.table("requests").filter(outcome="completed")["issued_s"].min() for found in (plain, slowed)]
    assert begun[0] > 60
    assert begun[1] == begun[0]


def test_starts_on_a_slow_node_take_longer() -> None:
    found = eight(*({"kind": "slow", "node": f"n-{i}", "factor": f, "at": "0s"} for i, f in enumerate((1.0, 0.5, 0.1))))
    pods = found.table("pods").filter(truth="running", state="started").sort("node")
    started = pods["time_s"].to_list()[:3]
    assert started == sorted(started)
    assert started[2] > started[0] + 1


def test_a_slow_node_slows_its_functions_down() -> None:
    call = {"kind": "function", "name": "f", "image": "i", "cpu": "100m", "ram": "64Mi", "arrivals": {"every": "1s"},
            "work": "40ms", "scaling": {"use": "keep-alive", "params": {"idle": "5min"}},
            "node_selector": {"kubernetes.io/hostname": "a-0"}}  # fmt: skip
    slow = {"kind": "slow", "node": "a-0", "factor": 0.25, "at": "90s"}
    found = run({**ASK, "workloads": [call], "faults": [slow]})
    rows = found.table("functions").filter(pl.col("mean_latency_s").is_not_nan()).sort("start_s")
    spans = pl.col("start_s").is_between(60, 80), pl.col("start_s") >= 90
    before, after = (rows.filter(span)["mean_latency_s"] for span in spans)
    assert after.to_list() == pytest.approx([4 * before.item(0)] * len(after), rel=1e-6)


def test_faults_of_nodes_are_injected_as_they_are_written() -> None:
    faults = [
        PowerCut(zone="a", at="1min", duration="30s"),
        Slow(node="b-0", factor=0.5, at="1min"),
        DiskFill(node="b-1", share="99%", at="1min"),
        Wear(node="b-1", endurance="1GB", writes="10MB/s", at="1min"),
        Failures(node="core", up={"exponential": "1min"}, down="10s"),
        Crash(node="b-0", at="3min", reboot_after="1s"),
    ]
    s = simulation(QUIET)
    for fault in faults:
        s.inject(fault)
    injected = s.finish()
    written = faulty(*(fault.dump() for fault in faults))
    assert injected.table("events").equals(written.table("events"))


# Metrics.


def test_metrics_of_nodes_that_are_down_cover_what_lies_after_the_warm_up() -> None:
    recorder = Recorder()
    for at, node, truth, state in (
        (0, "a", "running", "up"),
        (10, "a", "running", "down"),
        (20, "gw", "running", "down"),  # of which nobody said that it was up
        (25, "a", "believed", "Unknown"),
        (30, "a", "running", "up"),
    ):
        recorder.nodes.add(at * SECOND, node, truth, state)
    tables, names = recorder.frames(), ("down_nodes", "all_up_ratio", "node_losses")
    whole = summarise(tables, MetricContext(duration_s=40.0), names)
    assert whole == {"down_nodes": (20 + 20) / 40, "all_up_ratio": 10 / 40, "node_losses": 2.0}
    late = summarise(tables, MetricContext(duration_s=40.0, warm_up_s=25.0), names)
    assert late == {"down_nodes": pytest.approx((5 + 15) / 15), "all_up_ratio": 0.0, "node_losses": 2.0}
