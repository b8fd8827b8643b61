"""Loops that ask policies now and then: pods that move, Deployments that grow and shrink, in whole simulations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from movers import once
from scenarios import SMALL, broken_rows, digest, edge_site, simulation
from simulator.control.api.objects import Deployment, Pod
from simulator.errors import RunFailed, UserError
from simulator.policy import (
    Autoscaling,
    Bind,
    ClusterView,
    ImagesView,
    Migrate,
    PlacedView,
    Pull,
    Rescheduling,
    ServiceView,
)
from simulator.policy.checks import check_policy
from simulator.policy.placed_samples import sample_placed
from simulator.policy.promises import CheckFailed
from simulator.policy.reference import instantiate
from simulator.policy.samples import PODS, sample_cluster
from simulator.simulation.run import Run
from simulator.simulation.simulation import Simulation
from simulator.spec.scenario import Scenario

GI = 1 << 30
_POLICIES = """
from simulator.policy import Autoscaling, Migrate, Pull, Rescheduling
"""
_POLICIES += once("cold", "")
_POLICIES += """
class Two(Autoscaling):
    every_s = 30.0
    def replicas(self, workload):
        return 2

def lazy(cluster, placed):
    for row, name in enumerate(placed.names):
        if cluster.now_s < 130 and name.startswith("api"):
            yield Migrate(name, 3 - int(placed.node[row]))

def drawn(cluster, images):
    return (Pull(name, 2) for i, name in enumerate(images.names) if not images.present[i, 2])

def nonsense(workload):
    return -1

def stranger(cluster, images):
    return [Pull("other", 0)]

class Hasty(Two):
    every_s = 0
"""


def scenario(folder: Path, workloads: list[dict[str, Any]], **more: Any) -> Scenario:
    (folder / "mine.py").write_text(_POLICIES, "utf-8")
    data: dict[str, Any] = {
        "duration": "2min",
        "topology": edge_site(2),
        "images": {"shop/api": {"compressed": "20MB", "unpacked": "50MB", "platforms": ["linux/amd64"]}},
        "workloads": workloads,
        **more,
    }
    return Scenario.parse(data).placed(folder, {})


def api(replicas: int, **more: Any) -> dict[str, Any]:
    return {"kind": "service", "name": "api", "image": "shop/api", "replicas": replicas, "cpu": "500m", "ram": "64Mi",
            "work": "1ms", **more}  # fmt: skip


def nodes_of(s: Simulation, workload: str = "api") -> list[str]:
    """The nodes of the workload's active pods at the end."""
    pods = s._parts.cluster.server.list(Pod)
    return sorted(pod.node for pod in pods if pod.active and pod.template.workload == workload)


def made(run: Run, kind: str) -> list[dict[str, Any]]:
    rows = run.table("decisions")
    return rows.filter(rows["decision"] == kind).to_dicts()


def events(run: Run, kind: str) -> list[dict[str, Any]]:
    rows = run.table("events")
    return rows.filter(rows["kind"] == kind).to_dicts()


# Rescheduling


def _after_an_outage(folder: Path, policies: dict[str, Any]) -> Simulation:
    crash = {"kind": "crash", "name": "power", "node": "edge-1", "at": "30s", "reboot_after": "8min"}
    return Simulation(
        scenario(folder, [api(4)], duration="12min", start="placed", faults=[crash], policies=policies), seed=1
    )


def test_an_iterator_is_no_answer(tmp_path: Path) -> None:
    """As in the checks: it would be at its end when it is carried out, and nothing would move without a word."""
    policies = {"rescheduling": "./mine.py:lazy", "caching": "./mine.py:drawn", "placement": "first-fit"}
    run = Simulation(scenario(tmp_path, [api(1)], policies=policies, duration="150s")).finish()
    assert {row["detail"] for row in events(run, "PolicyError")} == {
        "answered a generator: rescheduling answers a list of Migrate",
        "answered a generator: caching answers a list of Pull",
    }


def test_what_an_outage_pushed_together_stays_so_until_somebody_moves_it(tmp_path: Path) -> None:
    left = _after_an_outage(tmp_path, {})
    left.finish()
    assert nodes_of(left) == ["edge-0"] * 4
    use = {"use": "spread-after-recovery", "params": {"gap": 0.01, "every_s": 60}}
    spread = _after_an_outage(tmp_path, {"rescheduling": use})
    run = spread.finish()
    assert nodes_of(spread) == ["edge-0", "edge-0", "edge-1", "edge-1"]
    moved = made(run, "Migrate")
    assert [(row["node"], row["attempt"]) for row in moved] == [("edge-1", 0)] * 2  # one in a round
    assert moved[1]["time_s"] - moved[0]["time_s"] == 60
    assert run.summary["unschedulable_pods"] == 0
    assert not broken_rows(run.tables)
    assert digest(run) == digest(_after_an_outage(tmp_path, {"rescheduling": use}).finish())


def test_a_moved_pod_is_bound_where_it_was_meant_to_go_whatever_placement_says(tmp_path: Path) -> None:
    # First fit puts all pods on the first node, and would put the next there too.
    policies = {"placement": "first-fit", "rescheduling": {"use": "./mine.py:Once", "params": {"pod": "api"}}}
    s = Simulation(scenario(tmp_path, [api(2)], policies=policies))
    run = s.finish()
    assert nodes_of(s) == ["edge-0", "edge-1"]
    (move,) = made(run, "Migrate")
    (event,) = events(run, "Migrating")
    assert (event["subject"], event["node"], event["detail"]) == (move["pod"], "edge-0", "to edge-1")


def test_a_pod_that_no_controller_made_is_made_anew_there(tmp_path: Path) -> None:
    pod = """
apiVersion: v1
kind: Pod
metadata: {name: lone}
spec: {containers: [{name: main, image: shop/api, resources: {requests: {cpu: 500m, memory: 64Mi}}}]}
"""
    (tmp_path / "lone.yaml").write_text(pod, "utf-8")
    policies = {"placement": "first-fit", "rescheduling": {"use": "./mine.py:Once", "params": {"pod": "lone"}}}
    manifest = {"kind": "manifest", "name": "lone", "file": "./lone.yaml"}
    s = Simulation(scenario(tmp_path, [manifest], policies=policies))
    run = s.finish()
    assert nodes_of(s, "lone") == ["edge-1"]
    assert not broken_rows(run.tables)
    (move,) = made(run, "Migrate")
    assert move["pod"] == "lone"


def test_a_bare_pod_that_moves_takes_no_name_of_those_to_come_and_ends_as_it_would_have(tmp_path: Path) -> None:
    """One is made every 25 s and runs for 50 s; the one of 25 s, `job-1`, moves at 60 s and begins anew there."""
    job = {"kind": "pods", "name": "job", "image": "shop/api", "arrivals": {"every": "25s"}, "count": 4, "run": "50s",
           "cpu": "100m"}  # fmt: skip
    use = {"use": "./mine.py:Once", "params": {"pod": "job-1"}}
    policies = {"placement": "first-fit", "rescheduling": use}
    run = Simulation(scenario(tmp_path, [job], duration="4min", policies=policies)).finish()
    pods = run.table("pods")
    assert set(pods["pod"]) == {"job-0", "job-1", "job-1-1", "job-2", "job-3"}
    ran = pods.filter((pods["pod"] == "job-1-1") & (pods["truth"] == "running"))
    assert ran["state"].to_list() == ["started", "stopped"]
    assert ran["time_s"][1] - ran["time_s"][0] == pytest.approx(50)


def test_an_ask_says_who_has_left_the_queue_unanswered(tmp_path: Path) -> None:
    policies = {"rescheduling": {"use": "./mine.py:Once", "params": {"pod": "api"}}}
    s = Simulation(scenario(tmp_path, [api(1), {**api(1), "name": "late", "at": "90s"}], policies=policies))
    said = []
    for ask in s.decisions():
        said.append((ask.pod.name.partition("-")[0], ask.withdrawn))
        s.answer(ask, Bind(ask.cluster.names.index("edge-0")))
    assert said == [("api", 0), ("late", 1)]  # who was moved at 60 s was bound where it was meant to go


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"pod": "api", "how": "live"}, "runtime containerd/runc does not offer it (migration.ways: none but cold)"),
        ({"pod": "api", "how": "warm"}, "in the way 'warm': there are cold, live and state"),
        ({"pod": "api", "node": "edge-0"}, "to edge-0, where it is"),
        ({"pod": "api", "node": "cloud"}, "to cloud, which does not pass the filters"),
        ({"pod": "log"}, "which belongs to its node as the pod of a DaemonSet"),
        ({"pod": "f-"}, "which is an instance of a function"),
    ],
    ids=["live", "warm", "same", "refused", "daemon", "function"],
)
def test_a_move_that_cannot_be_is_a_policy_error_and_nothing_moves(
    tmp_path: Path, params: dict[str, Any], said: str
) -> None:
    log = {"kind": "service", "name": "log", "image": "shop/api", "per": "node", "cpu": "50m", "ram": "32Mi"}
    function = {"kind": "function", "name": "f", "image": "shop/api", "arrivals": {"every": "20s"}, "work": "50ms",
                "ram": "64Mi", "scaling": {"use": "keep-alive", "params": {"idle": "2min"}}}  # fmt: skip
    use = {"use": "./mine.py:Once", "params": params}
    policies = {"placement": "first-fit", "rescheduling": use}
    run = Simulation(scenario(tmp_path, [api(1), log, function], duration="90s", policies=policies)).finish()
    assert said in events(run, "PolicyError")[0]["detail"]
    assert not events(run, "Migrating")
    assert run.summary["policy_errors"] == 1


def test_who_spreads_pods_leaves_the_instances_of_functions(tmp_path: Path) -> None:
    function = {"kind": "function", "name": "f", "image": "shop/api", "arrivals": {"every": "20s"}, "work": "50ms",
                "cpu": "50m", "scaling": {"use": "keep-alive", "params": {"idle": "2min"}}}  # fmt: skip
    use = {"use": "spread-after-recovery", "params": {"gap": 0.01, "every_s": 30}}
    policies = {"placement": "first-fit", "rescheduling": use}
    run = Simulation(scenario(tmp_path, [api(2), function], duration="100s", policies=policies)).finish()
    (move,) = made(run, "Migrate")  # the instance is smaller, and would have gone first
    assert move["pod"].startswith("api-")
    assert run.summary["policy_errors"] == 0


def _view(shares: list[list[int]], whole: int = 1000) -> tuple[ClusterView, PlacedView]:
    """Nodes of 1000 thousandths of a core with pods of these sizes; memory is plenty."""
    cluster = sample_cluster("uniform", PODS[0])
    n = len(shares)
    object.__setattr__(cluster, "names", cluster.names[:n])
    for name in ("ready", "free_ram_bytes", "allocatable_ram_bytes"):
        object.__setattr__(cluster, name, getattr(cluster, name)[:n])
    object.__setattr__(cluster, "allocatable_cpu_m", np.full(n, whole, np.int64))
    object.__setattr__(cluster, "free_cpu_m", whole - np.array([sum(each) for each in shares], np.int64))
    flat = [(node, size) for node, sizes in enumerate(shares) for size in sizes]
    placed = sample_placed(cluster)
    columns = {
        "names": tuple(f"p{i}" for i in range(len(flat))), "workloads": ("web",) * len(flat),
        "node": np.array([node for node, _ in flat], np.int64), "cpu_m": np.array([size for _, size in flat], np.int64),
        "ram_bytes": np.zeros(len(flat), np.int64),
    }  # fmt: skip
    for name, value in columns.items():
        object.__setattr__(placed, name, value)
    knows = type(placed._knows)(cluster, None, columns["names"], columns["node"], columns["cpu_m"],
                                columns["ram_bytes"])  # type: ignore[call-arg]  # fmt: skip
    object.__setattr__(placed, "_knows", knows)
    return cluster, placed


def test_spread_after_recovery_by_hand() -> None:
    # Shares 0.9, 0.1, 0: the mean is 1/3, and 0.9 is above it by more than 0.1. The smallest pod of the fullest node,
    # p1 (200), goes to the emptiest (row 2): 0.7, 0.1, 0.2. Then p2 (300): on row 1 it makes 0.4, on row 2 0.5; 0.4,
    # 0.4, 0.2. Now 0.4 is not above 1/3 + 0.1.
    cluster, placed = _view([[400, 200, 300], [100], []])
    policy = instantiate("rescheduling/spread-after-recovery", {"most": 9}, Path())
    assert policy.moves(cluster, placed) == [Migrate("p1", 2), Migrate("p2", 1)]
    one = instantiate("rescheduling/spread-after-recovery", {"most": 1}, Path())
    assert one.moves(cluster, placed) == [Migrate("p1", 2)]
    assert one.moves(*_view([[300], [200], [250]])) == []  # within the gap
    assert one.moves(*_view([[900], [0], [0]])) == []  # one big pod: moving it helps nobody


# Autoscaling


def _loaded(folder: Path, policies: dict[str, Any], replicas: int = 1, **more: Any) -> Simulation:
    flow = {"kind": "requests", "name": "ask", "source": "user", "target": "api", "arrivals": {"every": "100ms"},
            "request": "1kB", "response": "1kB", "timeout": "1s"}  # fmt: skip
    return Simulation(scenario(folder, [api(replicas), flow], policies=policies, **more), seed=1)


_TARGET = {"use": "target-utilisation", "params": {"target": 2.5, "most": 10}}  # requests per second and pod


@pytest.mark.parametrize("replicas", [1, 9])
def test_ten_requests_a_second_at_two_and_a_half_each_are_four_replicas(tmp_path: Path, replicas: int) -> None:
    s = _loaded(tmp_path, {"autoscaling": _TARGET}, replicas)
    run = s.finish()
    assert len(nodes_of(s)) == 4
    assert not broken_rows(run.tables)
    scaled = events(run, "ScalingReplicaSet")
    assert scaled[0]["detail"].startswith(f"{replicas} to ")
    assert [row["time_s"] % 15 for row in made(run, "Scale")] == [0] * len(scaled)
    assert digest(run) == digest(_loaded(tmp_path, {"autoscaling": _TARGET}, replicas).finish())


def test_nothing_scales_without_a_policy_or_without_its_leader(tmp_path: Path) -> None:
    stop = {"kind": "stop", "name": "no-manager", "component": "controller-manager", "at": "1s"}
    for policies, faults in (({}, []), ({"autoscaling": _TARGET}, [stop])):
        s = _loaded(tmp_path, policies, 2, start="placed", faults=faults, duration="40s")
        run = s.finish()
        assert len(nodes_of(s)) == 2
        assert not made(run, "Scale")


def test_looking_at_a_service_changes_nothing_of_its_traffic(tmp_path: Path) -> None:
    plain = _loaded(tmp_path, {}, 2).finish()
    watched = _loaded(tmp_path, {"autoscaling": "./mine.py:Two"}, 2).finish()
    assert not made(watched, "Scale")
    assert digest(plain)["traffic"] == digest(watched)["traffic"]


def test_each_scales_as_often_as_its_policy_says(tmp_path: Path) -> None:
    run = _loaded(tmp_path, {"autoscaling": "./mine.py:Two"}).finish()
    assert [row["time_s"] for row in made(run, "Scale")] == [30]


def test_nonsense_is_a_policy_error_and_the_number_stays(tmp_path: Path) -> None:
    s = _loaded(tmp_path, {"autoscaling": "./mine.py:nonsense"}, 2, duration="20s")
    run = s.finish()
    (event,) = events(run, "PolicyError")
    assert (event["subject"], event["detail"]) == ("api", "answered -1 replicas")
    (deployment,) = s._parts.cluster.server.list(Deployment)
    assert deployment.replicas == 2
    with pytest.raises(RunFailed, match="api: answered -1 replicas"):
        _loaded(tmp_path, {"autoscaling": "./mine.py:nonsense"}, 2, duration="20s", on_policy_error="stop").finish()


def seen(**fields: Any) -> ServiceView:
    given = {"replicas": 3, "pods": 3, "ready": 3, "read": 3, "served_per_s": 0.0}
    return ServiceView("api", 60.0, cpu_m=500, ram_bytes=GI, in_flight=0.0, busy=0.0, **(given | fields))


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"served_per_s": 20.0}, 6),  # ceil(3 × 20 / 10)
        ({"served_per_s": 11.0}, 3),  # within the tolerance of 0.1
        ({"served_per_s": 11.1}, 4),  # ceil(3.33)
        ({"served_per_s": 3.0}, 1),  # ceil(0.9)
        ({"served_per_s": 0.0}, 1),  # never below the least
        ({"served_per_s": 99.0}, 8),  # never above the most
        ({"replicas": 6, "pods": 6, "served_per_s": 20.0}, 6),  # three have been asked for and are on their way
        ({"read": 1, "served_per_s": 20.0}, 4),  # two for the one that is read, and the two that are not
        ({"read": 0, "ready": 0}, 3),  # nothing is known
    ],
)
def test_target_utilisation_by_hand(fields: dict[str, Any], wanted: int) -> None:
    policy = instantiate("autoscaling/target-utilisation", {"target": 10.0, "most": 8}, Path())
    assert policy.replicas(seen(**fields)) == wanted


# Caching


def _cached(folder: Path, policies: dict[str, Any], **more: Any) -> Run:
    # Both replicas are on the first edge node when that fails; their successors start on the other.
    crash = {"kind": "crash", "name": "power", "node": "edge-0", "at": "90s"}
    given = {"policies": {"placement": "first-fit", **policies}, "faults": [crash], "duration": "8min", **more}
    return Simulation(scenario(folder, [api(2)], **given), seed=1).finish()


def _pulled(run: Run) -> list[tuple[str, str]]:
    return [(row["node"], row["subject"]) for row in events(run, "Prepulled")]


def test_what_was_pulled_ahead_starts_sooner_elsewhere(tmp_path: Path) -> None:
    cold = _cached(tmp_path, {})
    warm = _cached(tmp_path, {"caching": {"use": "pull-everywhere", "params": {"every_s": 30}}})
    assert ("edge-1", "shop/api") in _pulled(warm)
    assert not _pulled(cold)
    assert not broken_rows(warm.tables)

    def last_start(run: Run) -> float:
        rows = run.table("pods")
        return float(rows.filter((rows["truth"] == "running") & (rows["state"] == "started"))["time_s"].max())

    # 20 MB at 1 Gbps are 0.16 s, and 50 MB unpacked at 79 MB/s 0.63 s.
    assert last_start(warm) < last_start(cold) - 0.79


def test_a_node_that_is_cut_off_never_hears_of_a_pull(tmp_path: Path) -> None:
    cut = {"kind": "cut", "name": "cut", "link": "lan*", "at": "20s", "duration": "20s"}
    policies = {"caching": {"use": "pull-everywhere", "params": {"every_s": 35}}}
    run = _cached(tmp_path, policies, faults=[cut], duration="60s")
    assert "edge-1" in {row["node"] for row in made(run, "Pull")}  # believed ready for a while yet
    assert "edge-1" not in {node for node, _ in _pulled(run)}


def test_pull_everywhere_by_hand() -> None:
    cluster = sample_cluster("uniform", PODS[0])
    present = np.array([[1, 0, 0, 1, 1], [0, 0, 1, 1, 1]], np.bool_)
    fits = np.array([[1, 1, 1, 1, 1], [1, 0, 1, 1, 1]], np.bool_)
    images = ImagesView(("few", "many"), np.array([1, 1]), np.array([1, 5]), present, fits)
    policy = instantiate("caching/pull-everywhere", {"most": 2}, Path())
    assert policy.pulls(cluster, images) == [Pull("many", 0), Pull("few", 1)]  # and (few, 2) in the next round


def test_a_pull_of_what_nobody_names_is_a_policy_error(tmp_path: Path) -> None:
    run = _cached(tmp_path, {"caching": "./mine.py:stranger"}, faults=[], duration="70s")
    (event,) = events(run, "PolicyError")
    assert event["detail"] == "pulls other, which no workload names"
    assert not made(run, "Pull")


# What is refused


@pytest.mark.parametrize("point", ["preemption", "rescheduling", "autoscaling", "caching"])
def test_a_point_that_the_orchestrator_never_calls_is_an_error(tmp_path: Path, point: str) -> None:
    use = {
        "preemption": "lowest-priority", "rescheduling": "spread-after-recovery", "autoscaling": _TARGET,
        "caching": "pull-everywhere",
    }[point]  # fmt: skip
    with pytest.raises(UserError, match=f"no scheduler that asks for {point}"):
        Simulation(scenario(tmp_path, [api(1)], orchestrator="open-horizon", policies={point: use}))


def test_a_policy_of_another_point_and_a_loop_without_a_pace_are_errors(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no rescheduling"):
        Simulation(scenario(tmp_path, [api(1)], policies={"rescheduling": "./mine.py:Two"}))
    with pytest.raises(UserError, match="every 0 s"):
        Simulation(scenario(tmp_path, [api(1)], policies={"autoscaling": "./mine.py:Hasty"}))


class Astray(Rescheduling):
    """A move to nowhere."""

    def moves(self, cluster: ClusterView, placed: PlacedView) -> list[Migrate]:
        return [Migrate(placed.names[0], len(cluster))] if len(placed) else []


class Half(Autoscaling):
    """Half a replica."""

    def replicas(self, workload: ServiceView) -> int:
        return workload.replicas / 2  # type: ignore[return-value]


@pytest.mark.parametrize(("policy", "said"), [(Astray(), "no row"), (Half(), "no number of replicas")])
def test_the_checks_refuse_what_the_points_do_not_take(policy: Any, said: str) -> None:
    with pytest.raises(CheckFailed, match=said):
        check_policy(policy)


def test_every_policy_that_is_none_is_told_at_once() -> None:
    wrong = {"order": "x", "preemption": "x", "rescheduling": "x", "autoscaling": "x", "caching": "x"}
    data = SMALL | {"policies": {"placement": "least-loadad", **wrong}}
    with pytest.raises(UserError) as caught:
        simulation(data)
    paths = [problem.path.removeprefix("scenario.") for problem in caught.value.problems]
    assert paths == ["policies.placement.use", *(f"policies.{point}.use" for point in wrong)]
