"""What is published about the kubelet, measured: predictions P20 to P23 of the Kubernetes reference, and start times.

Each prediction is a function of the settings that says by how far the measured values miss it. It must hold with
Kubernetes' defaults, and must not when the default that governs it is moved by a quarter, either way.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from kubelets import COSTS, GI, IMAGE, MEMORY, MI, PULLS, SETTINGS, Kubelets, container, kubelets
from simulator.physics.distributions import Constant
from simulator.runtime.settings import AgentSettings
from simulator.streams import Rng
from simulator.units import MS, SECOND
from simulator.world.image import Image
from simulator.world.pod import Probe

QUARTERS = (0.75, 1.25)


def within(value: float, low: float, high: float, slack: float = 1e-6) -> bool:
    return low - slack <= value <= high + slack


# P20: pulls ---------------------------------------------------------------------------------------------------------


def pulled_at(parallel: bool, bps: float = 100e6) -> list[float]:
    """When each of five images of 25 MB is on the node, from the first Pulling."""
    images = [Image.equal(f"image-{i}", compressed=25_000_000, unpacked=60_000_000, layers=5) for i in range(5)]
    settings = replace(SETTINGS, pulls=replace(PULLS, parallel=parallel))
    kit = kubelets(images=images, cached=False, settings=settings, bps=bps)
    for image in images:
        kit.admit(image=image.name)
    kit.run(60)
    return [time - kit.events("Pulling")[0] for time in kit.events("Pulled")]


def serial_law(times: list[float]) -> bool:
    """The k-th of n images is there after k·B/W."""
    return all(within(time, 2.0 * k, 2.0 * k * 1.001) for k, time in enumerate(times, 1)) and len(times) == 5


def parallel_law(times: list[float]) -> bool:
    """All n images are there near n·B/W."""
    return all(within(time, 10.0 * 0.95, 10.0 * 1.001) for time in times) and len(times) == 5


def test_serial_pulls_complete_one_after_another() -> None:
    assert serial_law(pulled_at(parallel=False))


def test_parallel_pulls_share_the_link_and_complete_together() -> None:
    assert parallel_law(pulled_at(parallel=True))


def test_each_pull_law_fails_under_the_other_setting() -> None:
    assert not serial_law(pulled_at(parallel=True))
    assert not parallel_law(pulled_at(parallel=False))


@pytest.mark.parametrize("factor", QUARTERS)
@pytest.mark.parametrize("parallel", [False, True])
def test_pull_laws_fail_when_bandwidth_is_moved(factor: float, parallel: bool) -> None:
    law = parallel_law if parallel else serial_law
    assert not law(pulled_at(parallel, bps=100e6 * factor))


@pytest.mark.parametrize("parallel", [False, True])
def test_an_image_that_many_pods_share_travels_once(parallel: bool) -> None:
    settings = replace(SETTINGS, pulls=replace(PULLS, parallel=parallel))
    kit = kubelets(cached=False, settings=settings)
    uids = [kit.admit() for _ in range(20)]
    kit.run(60)
    assert sum(kit.network.bytes_carried) == pytest.approx(IMAGE.compressed)
    assert all(kit.upstream.of(uid)[-1].phase == "Running" for uid in uids)


# P21: back-off ------------------------------------------------------------------------------------------------------

CRASH_GAPS = (0, 10, 20, 40, 80, 160, 300, 300)  # s, from an exit to the next start, without the wait for a sync
PULL_GAPS = (10, 20, 40, 80, 160, 300, 300)  # s, from one attempt to the next


def crash_gaps(settings: AgentSettings, run_s: float = 1.0, pods: int = 60) -> list[list[float]]:
    """For each pod of a container that always exits with 1: the time from each exit to the next start, in s."""
    costs = replace(COSTS, create=(), start=())
    kit = kubelets(settings=settings, costs=costs)
    names = [f"crasher-{i}" for i in range(pods)]
    for name in names:
        kit.admit(name, run_ns=round(run_s * SECOND), exit_code=1)
    kit.run(1200 if run_s < 60 else 4000)
    frame = kit.recorder.pods.frame().to_dicts()
    gaps = []
    for name in names:
        rows = [(r["time_s"], r["state"]) for r in frame if r["pod"] == name and r["truth"] == "running"]
        gaps.append([b[0] - a[0] for a, b in pairwise(rows) if b[1] == "started"])
    return gaps


def crash_law(gaps: list[list[float]]) -> bool:
    """Each gap is its back-off and 0 to 15 s; about five restarts in the first three minutes."""
    in_range = all(within(gap, base, base + 15) for pod in gaps for base, gap in zip(CRASH_GAPS, pod, strict=False))
    early = [sum(1 for at in _cumulative(pod) if at <= 180) for pod in gaps]
    return in_range and min(map(len, gaps)) >= 7 and within(sum(early) / len(early), 4.0, 5.5)


def _cumulative(gaps: list[float]) -> list[float]:
    total, out = 0.0, []
    for gap in gaps:
        total += gap + 1.0  # each run takes 1 s
        out.append(total)
    return out


def test_crashing_container_backs_off() -> None:
    gaps = crash_gaps(SETTINGS)
    assert crash_law(gaps)
    late = [gap - base for pod in gaps for base, gap in list(zip(CRASH_GAPS, pod, strict=False))[3:]]
    assert 3 < sum(late) / len(late) < 10  # the wait for a sync is drawn, over the whole of its range
    assert max(late) > 10
    assert min(late) < 2


@pytest.mark.parametrize("factor", QUARTERS)
@pytest.mark.parametrize("default", ["crash_first_ns", "crash_cap_ns"])
def test_crash_law_fails_when_its_default_is_moved(default: str, factor: float) -> None:
    moved = round(getattr(SETTINGS, default) * factor)
    assert not crash_law(crash_gaps(replace(SETTINGS, **{default: moved}), pods=5))


def test_crash_law_fails_when_syncs_come_a_quarter_later() -> None:
    assert not crash_law(crash_gaps(replace(SETTINGS, resync_ns=round(12.5 * SECOND))))


def at_once(gaps: list[list[float]]) -> bool:
    """Every restart comes at once: at the next relist."""
    return all(within(gap, 0, 1) for pod in gaps for gap in pod) and min(map(len, gaps)) >= 4


def reset_law(settings: AgentSettings) -> bool:
    """A run of more than ten minutes is followed by a restart at once, a shorter one is not."""
    long, short = crash_gaps(settings, run_s=610, pods=5), crash_gaps(settings, run_s=590, pods=5)
    return at_once(long) and not at_once(short)


def test_a_run_of_ten_minutes_resets_the_backoff() -> None:
    assert reset_law(SETTINGS)


@pytest.mark.parametrize("factor", QUARTERS)
def test_reset_law_fails_when_its_default_is_moved(factor: float) -> None:
    assert not reset_law(replace(SETTINGS, crash_reset_ns=round(600 * factor) * SECOND))


def pull_attempts(settings: AgentSettings, pods: int = 30) -> list[list[float]]:
    """For each pod whose image no registry has: when a pull was attempted, in s from the first."""
    kit = kubelets(settings=settings, cached=False)
    names = [f"lost-{i}" for i in range(pods)]
    for i, name in enumerate(names):
        kit.admit(name, image=f"nowhere-{i}")
    kit.run(1500)
    frame = kit.recorder.events.frame().to_dicts()
    times = [[r["time_s"] for r in frame if r["kind"] == "Pulling" and r["subject"] == name] for name in names]
    return [[time - own[0] for time in own] for own in times]


def pull_law(attempts: list[list[float]]) -> bool:
    """Attempts at about 0, 10, 30, 70, 150, 310 s, then every 300 s, each 0 to 15 s late."""
    return all(
        within(later - earlier, gap, gap + 15)
        for own in attempts
        for gap, (earlier, later) in zip(PULL_GAPS, pairwise(own), strict=False)
    ) and all(len(own) >= 7 for own in attempts)


def test_failing_pulls_back_off() -> None:
    assert pull_law(pull_attempts(SETTINGS))


@pytest.mark.parametrize("factor", QUARTERS)
@pytest.mark.parametrize("default", ["backoff_first_ns", "backoff_cap_ns"])
def test_pull_law_fails_when_its_default_is_moved(default: str, factor: float) -> None:
    moved = replace(SETTINGS, pulls=replace(PULLS, **{default: round(getattr(PULLS, default) * factor)}))
    assert not pull_law(pull_attempts(moved, pods=5))


# P22: probes --------------------------------------------------------------------------------------------------------


def hang_to(kind: str, probe: Probe, pods: int = 200) -> list[float]:
    """Seconds from a hang, at a drawn time, until the container is killed, or is no longer ready."""
    kit = kubelets(max_pods=1000)
    rng, hangs = Rng(7), {}
    for i in range(pods):
        uid = kit.admit(f"p-{i}", **{kind: probe})
        hangs[uid] = round((60 + 30 * rng.draw("hang", i)) * SECOND)
        kit.clock.at(hangs[uid], kit.agent.hang, uid, kind, True)
    kit.run(160)
    if kind == "liveness":
        killed = [row for row in kit.served if row[3] == "killed"]
        return [(time - hangs[uid]) / SECOND for time, uid, _up, _how in killed]
    unready = [row for row in kit.upstream.statuses if row[2].phase == "Running" and not row[2].ready]
    return [(time - hangs[uid]) / SECOND for time, uid, _status in unready if time > hangs[uid]]


def probe_law(delays: list[float]) -> bool:
    """21 to 31 s, every phase alike: three failures, 10 s apart, the last after its time-out."""
    mean = sum(delays) / len(delays)
    return all(within(delay, 21, 31) for delay in delays) and len(delays) == 200 and within(mean, 25, 27)


@pytest.mark.parametrize("kind", ["liveness", "readiness"])
def test_hang_is_acted_on(kind: str) -> None:
    assert probe_law(hang_to(kind, Probe()))


@pytest.mark.parametrize("kind", ["liveness", "readiness"])
@pytest.mark.parametrize(
    "moved",
    [
        {"period_ns": round(7.5 * SECOND)},
        {"period_ns": round(12.5 * SECOND)},
        {"failure_threshold": 2},
        {"failure_threshold": 4},
    ],
    ids=str,
)
def test_probe_law_fails_when_its_default_is_moved(kind: str, moved: dict[str, int]) -> None:
    assert not probe_law(hang_to(kind, replace(Probe(), **moved)))


@pytest.mark.parametrize(("stop_s", "takes_s"), [(0, 0.0), (4, 4.0), (100, 30.0)])
def test_killed_container_has_its_grace_and_comes_back(stop_s: int, takes_s: float) -> None:
    kit = kubelets(costs=replace(COSTS, stop=Constant(stop_s * SECOND)))
    uid = kit.admit(liveness=Probe())
    kit.clock.at(60 * SECOND, kit.agent.hang, uid, "liveness", True)
    kit.run(200)
    (killing,) = kit.events("Killing")
    ((stopped, _, _, how),) = [row for row in kit.served if not row[2]]
    assert how == "killed"
    assert stopped / SECOND - killing == pytest.approx(takes_s)
    _, second = kit.events("Started")
    assert second - stopped / SECOND == pytest.approx(0.2)  # create and start; the first restart waits for nothing
    assert kit.upstream.of(uid)[-1].restarts == 1


# P23: memory --------------------------------------------------------------------------------------------------------


def pressed(settings: AgentSettings, nodes: int) -> Kubelets:
    """Nodes of 2 GiB on which, at 60 s, one pod's working set leaves less than 100 MiB."""
    kit = kubelets(nodes, settings=settings, ram_bytes=2 * GI)
    for agent in range(nodes):
        # In eviction order: over its request and of low priority; over by more but important; within its request.
        growing = kit.admit("low", agent, ram_bytes=100 * MI, ram_idle_bytes=200 * MI, ram_per_request_bytes=MI)
        kit.admit("high", agent, ram_bytes=100 * MI, ram_idle_bytes=900 * MI, pod={"priority": 1000})
        kit.admit("within", agent, ram_bytes=900 * MI, ram_idle_bytes=600 * MI, pod={"priority": -5})
        kit.clock.at(60 * SECOND, kit.agents[agent].set_in_flight, growing, 260)
    return kit


def eviction_times(settings: AgentSettings) -> list[float]:
    kit = pressed(settings, 120)
    kit.run(100)
    assert set(kit.recorder.events.frame().filter(kind="Evicted")["subject"].to_list()) == {"low"}
    return [time - 60 for time in kit.events("Evicted")]


def eviction_law(times: list[float]) -> bool:
    """Exactly one pod on each node, within the 10 s of a pass, every phase alike."""
    mean = sum(times) / len(times)
    return len(times) == 120 and all(within(t, 0, 10) for t in times) and max(times) > 9 and within(mean, 4.2, 5.8)


def test_the_pass_evicts_the_one_that_ranks_first() -> None:
    assert eviction_law(eviction_times(SETTINGS))


@pytest.mark.parametrize("factor", QUARTERS)
def test_eviction_law_fails_when_the_check_is_moved(factor: float) -> None:
    check = round(MEMORY.check_ns * factor)
    assert not eviction_law(eviction_times(replace(SETTINGS, memory=replace(MEMORY, check_ns=check))))


def refused_for(settings: AgentSettings) -> float:
    """Seconds from the eviction until the node takes a BestEffort pod again."""
    kit = pressed(settings, 1)
    kit.run(75)
    (evicted,) = kit.events("Evicted")
    for second in range(76, 500):
        kit.run(second)
        if kit.upstream.of(kit.admit(pod={"qos": "BestEffort"})) == []:
            return second - evicted
    raise AssertionError("never taken")


def transition_law(seconds: float) -> bool:
    """At least 5 min, and no more than a pass longer."""
    return within(seconds, 300, 312)


def test_best_effort_pods_are_refused_for_five_minutes() -> None:
    assert transition_law(refused_for(SETTINGS))


@pytest.mark.parametrize("factor", QUARTERS)
def test_transition_law_fails_when_it_is_moved(factor: float) -> None:
    moved = replace(MEMORY, transition_ns=round(MEMORY.transition_ns * factor))
    assert not transition_law(refused_for(replace(SETTINGS, memory=moved)))


def test_without_a_threshold_the_kernel_kills_by_score() -> None:
    kit = kubelets(settings=replace(SETTINGS, memory=replace(MEMORY, threshold_bytes=None)), ram_bytes=1 * GI)
    kinds = {"guaranteed": "Guaranteed", "burstable": "Burstable", "effort": "BestEffort"}
    for name, qos in kinds.items():
        request = 0 if qos == "BestEffort" else 300 * MI
        kit.admit(name, ram_bytes=request, ram_idle_bytes=200 * MI, ram_per_request_bytes=MI, pod={"qos": qos})
    kit.run(60)
    for count in (100, 200, 300, 400, 500, 600, 700, 800, 900):
        kit.agent.set_in_flight(1, count)
        kit.run(60 + count / 100)
    order = kit.recorder.events.frame().filter(kind="OOMKilled")["subject"].to_list()
    assert list(dict.fromkeys(order)) == ["effort", "burstable", "guaranteed"]
    assert kit.events("Evicted") == []
    assert not any(condition["MemoryPressure"] for _, condition in kit.upstream.conditions)


# Start time ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("speed", [1.0, 0.25])
def test_start_time_is_the_sum_of_its_stages(speed: float) -> None:
    image = Image.equal("app", compressed=20_000_000, unpacked=50_000_000, layers=1)
    kit = kubelets(
        images=[image], cached=False, bps=16e6, latency_ns=20 * MS, disk_bytes_per_s=25e6, speed=speed
    )  # fmt: skip
    kit.admit(start_ns=3 * SECOND)
    kit.run(100)
    cpu_bound = 0.4 + 0.1 + 0.1
    expected = cpu_bound / speed + 2 * 0.020 + 20e6 * 8 / 16e6 + 50e6 / 25e6
    assert kit.events("Started") == [pytest.approx(expected, abs=1e-6)]
    ((answers, _, _, _),) = kit.served
    assert answers / SECOND == pytest.approx(expected + 3 / speed, abs=1e-6)


def test_containers_of_a_pod_start_one_after_another() -> None:
    kit = kubelets()
    kit.agent.admit(kit.desired("two"))
    kit.run(5)
    one = kit.events("Started", "two")[0]
    both = kubelets()
    desired = both.desired("two")
    desired.template = replace(desired.template, containers=(container(name="a"), container(name="b")))
    both.agent.admit(desired)
    both.run(5)
    first, second = both.events("Started", "two")
    assert first == one
    assert second - first == pytest.approx(0.2)  # its own create and start
