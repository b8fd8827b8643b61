"""Pods that move while they run, in whole simulations: twins, replicas, endpoints, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from movers import once
from scenarios import broken_rows, cluster_of, digest, unlike
from simulator.control.api.objects import Deployment, Endpoints, Pod
from simulator.control.controllers.pods import delete_pod
from simulator.runtime.pod_run import PodRun
from simulator.simulation.run import Run
from simulator.simulation.simulation import Simulation
from simulator.spec.faults import Crash, Cut
from simulator.spec.scenario import Scenario

MB = 1_000_000
GUEST = 75_700_000  # QEMU's, as its page has it
RATE = 12_500_000  # of the links, in byte/s
_POLICIES = """
from simulator.policy import Migrate, Rescheduling
"""
_POLICIES += once("live", "api")
_POLICIES += '''
class Restless(Rescheduling):
    """The first pod that can goes to the other node, again and again."""
    def __init__(self, how="live", every_s=30.0):
        self.how, self.every_s = how, every_s
    def moves(self, cluster, placed):
        for row, name in enumerate(placed.names):
            other = 3 - int(placed.node[row])  # the rows of the edge nodes are 1 and 2
            if placed.feasible(row)[other]:
                return [Migrate(name, other, self.how)]
        return []
'''
EDGE = {"model": "x86-edge", "runtimes": ["containerd/qemu"], "labels": {"site": "edge"}}


def scenario(
    folder: Path, policy: dict[str, Any], workloads: list[dict[str, Any]] | None = None, *,
    second: dict[str, Any] | None = None, facts: dict[str, Any] | None = None, **more: Any,
) -> Scenario:  # fmt: skip
    (folder / "mine.py").write_text(_POLICIES, "utf-8")
    data: dict[str, Any] = {
        "duration": "3min",
        "topology": {
            "nodes": [
                {"name": "cloud", "model": "cloud-vm", "role": "control-plane"},
                {"name": "edge-0", **EDGE},
                {"name": "edge-1", **(EDGE | (second or {}))},
                {"name": "user", "model": "till", "role": "device"},
            ],
            "links": [
                {"name": "lan", "between": ["edge-*", "cloud"], "latency": "1ms", "rate": "100Mbps"},
                {"name": "desk", "between": ["user", "cloud"], "model": "ethernet"},
            ],
        },
        "images": {"shop/api": {"compressed": "20MB", "unpacked": "50MB", "platforms": ["linux/amd64"],
                                "format": "rootfs"}},
        "workloads": workloads or [api()],
        "policies": {"placement": "first-fit", "rescheduling": policy},
        **more,
    }  # fmt: skip
    return Scenario.parse(data).placed(folder, facts or {})


def api(replicas: int = 1, **more: Any) -> dict[str, Any]:
    return {"kind": "service", "name": "api", "image": "shop/api", "replicas": replicas, "cpu": "500m", "ram": "256Mi",
            "work": "1ms", "start": "5s", "memory": {"idle": "100MB", "dirty": "3MB/s"}} | more  # fmt: skip


def once(**params: Any) -> dict[str, Any]:
    return {"use": "./mine.py:Once", "params": params}


def pods_of(s: Simulation) -> list[Pod]:
    return [pod for pod in cluster_of(s).server.list(Pod) if pod.template.workload == "api"]


def events(run: Run, kind: str) -> list[dict[str, Any]]:
    rows = run.table("events")
    return rows.filter(rows["kind"] == kind).to_dicts()


def row(run: Run) -> dict[str, Any]:
    (found,) = run.table("migrations").to_dicts()
    return found


ASK = {"kind": "requests", "name": "ask", "source": "user", "target": "api", "arrivals": {"every": "100ms"},
       "request": "1kB", "response": "1kB", "timeout": "1s"}  # fmt: skip


# Moving.


@pytest.mark.parametrize("how", ["live", "state"])
def test_a_twin_takes_its_pod_s_place_and_nothing_is_made_anew(tmp_path: Path, how: str) -> None:
    s = Simulation(scenario(tmp_path, once(how=how), [api(2), ASK]))
    run = s.finish()
    assert sorted((pod.node, pod.ready) for pod in pods_of(s)) == [("edge-0", True), ("edge-1", True)]
    (made,) = events(run, "Migrating")
    found = row(run)
    assert made["detail"] == f"to edge-1, {how}, as {found['twin']}"
    assert (found["outcome"], found["source"], found["target"]) == ("done", "edge-0", "edge-1")
    whole = (100 * MB + GUEST) / RATE  # s to send it; 0.24 of it is written meanwhile, and so on
    stop = whole * 0.24**3 if how == "live" else whole
    assert found["downtime_s"] == pytest.approx(stop + 0.002, rel=0.01)  # and the latency
    assert found["rounds"] == (3 if how == "live" else 0)
    names = run.table("pods").filter(pl.col("owner") == "api")["pod"].unique()
    assert len(names) == 3  # two, and the twin
    assert not broken_rows(run.tables)
    assert unlike(s.state(), run.tables) == []
    (endpoints,) = cluster_of(s).server.list(Endpoints)
    assert {pod.name for pod in endpoints.pods} == {pod.name for pod in pods_of(s)}
    assert run.summary["migrations"] == 1
    assert run.summary["failed_migrations"] == 0
    assert run.summary["migration_downtime_s"] == found["downtime_s"]
    assert run.summary["migration_bytes"] == found["sent_bytes"]
    assert run.summary["double_pod_seconds"] == 0
    assert digest(run) == digest(Simulation(scenario(tmp_path, once(how=how), [api(2), ASK])).finish())


def test_who_asks_meanwhile_is_refused_for_the_stop_and_until_the_control_plane_hears(tmp_path: Path) -> None:
    def refused(how: str, **memory: str) -> int:
        work = [api(memory={"idle": "100MB"} | memory), ASK]
        traffic = Simulation(scenario(tmp_path, once(how=how), work)).finish().table("traffic")
        late = traffic.filter(pl.col("start_s") >= 60)
        return int((late["issued"] - late["completed"]).sum())

    # 10 a second: 0.25 s, 14.06 s, and what endpoints take to follow; without memory to send, the latter alone.
    assert 1 <= refused("live", dirty="3MB/s") <= 6
    assert 140 <= refused("state") <= 145


def test_a_pod_of_no_controller_moves_too(tmp_path: Path) -> None:
    pod = """
apiVersion: v1
kind: Pod
metadata: {name: lone}
spec: {containers: [{name: main, image: shop/api, resources: {requests: {cpu: 500m, memory: 64Mi}}}]}
"""
    (tmp_path / "lone.yaml").write_text(pod, "utf-8")
    s = Simulation(scenario(tmp_path, once(pod="lone"), [{"kind": "manifest", "name": "lone", "file": "./lone.yaml"}]))
    run = s.finish()
    (left,) = cluster_of(s).server.list(Pod)
    assert (left.name, left.node, left.ready) == (row(run)["twin"], "edge-1", True)
    # Nobody says what it writes: 10 MB/s, by QEMU's page, of 64 MiB and its own.
    whole = (64 << 20) + GUEST
    rounds = next(n for n in range(1, 99) if whole * 0.8**n <= 0.3 * RATE)
    assert row(run)["rounds"] == rounds


@pytest.mark.parametrize("orchestrator", ["k3s", "kubeedge"])
def test_it_is_the_same_whoever_carries_the_words_to_the_nodes(tmp_path: Path, orchestrator: str) -> None:
    work = [api(2, node_selector={"site": "edge"})]  # K3s has pods on its server, too
    s = Simulation(scenario(tmp_path, once(), work, orchestrator=orchestrator, duration="5min"))
    run = s.finish()
    assert row(run)["outcome"] == "done"
    assert sorted((pod.node, pod.ready) for pod in pods_of(s)) == [("edge-0", True), ("edge-1", True)]
    assert not broken_rows(run.tables)


@pytest.mark.parametrize(
    ("fact", "value", "column", "found"),
    [
        ("downtime", "30ms", "rounds", 5),
        ("rounds", 1, "rounds", 1),
        ("bandwidth", "5MB/s", "rounds", 10),
        ("timeout_per_gib", "10s", "outcome", "failed"),
        ("dirty", "6MB/s", "rounds", 6),
    ],
)
def test_what_a_page_says_of_migration_counts(tmp_path: Path, fact: str, value: Any, column: str, found: Any) -> None:
    work = api(memory={"idle": "100MB"}) if fact == "dirty" else api()
    facts = {f"facts.runtimes.qemu.migration.{fact}": value}
    assert row(Simulation(scenario(tmp_path, once(), [work], facts=facts)).finish())[column] == found


def test_who_writes_more_takes_more_rounds_and_sends_more(tmp_path: Path) -> None:
    rows = [
        row(Simulation(scenario(tmp_path, once(), [api(memory={"idle": "100MB", "dirty": dirty})])).finish())
        for dirty in ("0MB/s", "1MB/s", "5MB/s", "20MB/s")
    ]
    assert [each["rounds"] for each in rows] == [1, 2, 5, 1]  # no progress with the last
    sent = [each["sent_bytes"] for each in rows]
    assert sent == sorted(sent)
    assert rows[0]["downtime_s"] < 0.01
    assert rows[3]["downtime_s"] > 14


def test_spread_after_recovery_moves_as_it_is_told(tmp_path: Path) -> None:
    spread = {"use": "spread-after-recovery", "params": {"gap": 0.01, "every_s": 60, "how": "live"}}
    s = Simulation(scenario(tmp_path, spread, [api(2)]))
    run = s.finish()
    assert sorted(pod.node for pod in pods_of(s)) == ["edge-0", "edge-1"]
    assert row(run)["how"] == "live"


def test_a_policy_can_know_who_cannot_move_as_it_means_to(tmp_path: Path) -> None:
    """The smaller pod would go first, and ends by itself."""
    small = api(name="batch", run="1h", cpu="300m", ram="128Mi", memory={"idle": "100MB"})
    spread = {"use": "spread-after-recovery", "params": {"gap": 0.01, "every_s": 60, "how": "live"}}
    run = Simulation(scenario(tmp_path, spread, [small, api()])).finish()
    assert not events(run, "PolicyError")
    assert row(run)["pod"].startswith("api-")


def test_a_wasm_instance_goes_on_on_another_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EDGE, "runtimes", ["containerd/runwasi/wasmer-singlepass"])
    image = {"compressed": "2MB", "unpacked": "150kB", "platforms": ["wasi/wasm"], "format": "wasm"}
    made = scenario(tmp_path, once(how="state"), second={"model": "raspberry-pi-4b"}, images={"shop/api": image})
    found = row(Simulation(made).finish())
    assert (found["outcome"], found["sent_bytes"]) == ("done", 100 * MB + 90_000)  # and the engine's own
    assert found["downtime_s"] == pytest.approx(found["sent_bytes"] / RATE + 0.002, rel=1e-3)


def test_policies_do_not_see_what_moves(tmp_path: Path) -> None:
    often = {"use": "./mine.py:Restless", "params": {"every_s": 5}}  # a move takes 18 s at least
    run = Simulation(scenario(tmp_path, often, [api(2)], duration="5min")).finish()
    assert not events(run, "PolicyError")
    moves = run.table("migrations")
    assert moves["outcome"].to_list() == ["done"] * moves.height
    ended = dict(zip(moves["pod"], moves["time_s"] + moves["took_s"], strict=True))
    begun = [(each["subject"], each["time_s"]) for each in events(run, "Migrating")]
    assert len(begun) > 4
    asked = run.table("decisions").filter((pl.col("decision") == "Migrate") & (pl.col("time_s") < 300))
    assert asked["pod"].to_list() == [pod for pod, _ in begun]
    assert len({pod for pod, _ in begun}) == len(begun)  # no pod moves twice: its twin does
    twins = dict(zip(moves["twin"], moves["pod"], strict=True))
    assert all(time > ended[twins[pod]] for pod, time in begun if pod in twins)


# Refused.

ENDS = api(run="10min", memory={"idle": "100MB"})


@pytest.mark.parametrize(
    ("second", "workload", "how", "said"),
    [
        ({"runtimes": ["containerd/cloud-hypervisor"]}, api(), "live",
         "its runtime containerd/qemu is containerd/cloud-hypervisor on edge-1"),
        ({}, ENDS, "live", "it ends by itself, and moves cold alone"),
        ({"platform": "linux/arm64"}, api(), "live", "a machine of linux/amd64 does not go on on linux/arm64"),
        ({"runtimes": ["containerd/firecracker"]}, api(), "live", "is containerd/firecracker on edge-1"),
    ],
    ids=["stack", "ends", "processor", "vmm"],
)  # fmt: skip
def test_what_cannot_move_is_a_policy_error(
    tmp_path: Path, second: dict[str, Any], workload: dict[str, Any], how: str, said: str
) -> None:
    run = Simulation(scenario(tmp_path, once(how=how), [workload], second=second, duration="90s")).finish()
    assert said in events(run, "PolicyError")[0]["detail"]
    assert not events(run, "Migrating")


@pytest.mark.parametrize(
    ("runtime", "form", "how", "said"),
    [
        (
            "containerd/firecracker",
            "rootfs",
            "live",
            "containerd/firecracker does not offer it (migration.ways: state)",
        ),
        ("containerd/kata", "oci", "live", "cloud-hypervisor does not offer it (migration.ways: none but cold)"),
        ("containerd/runwasi/wasmtime-aot", "wasm", "state", "(migration.ways: none but cold)"),
    ],
)
def test_a_runtime_that_cannot_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, runtime: str, form: str, how: str, said: str
) -> None:
    image = {"compressed": "2MB", "unpacked": "5MB", "format": form,
             "platforms": ["wasi/wasm" if form == "wasm" else "linux/amd64"]}  # fmt: skip
    work = [api(memory={"idle": "50MB"})]
    with monkeypatch.context() as patched:
        patched.setitem(EDGE, "runtimes", [runtime])
        made = scenario(tmp_path, once(how=how), work, duration="2min", images={"shop/api": image})
    run = Simulation(made).finish()
    assert said in events(run, "PolicyError")[0]["detail"]


# Broken off.


def _stepped(folder: Path, workload: dict[str, Any] | None = None) -> Simulation:
    """At 66 s the first round of 14 s is under way."""
    s = Simulation(scenario(folder, once(), [workload or api(2)], duration="12min"))
    s.run(66)
    return s


def test_who_stands_still_does_not_run_as_its_rows_say(tmp_path: Path) -> None:
    s = Simulation(scenario(tmp_path, once(how="state"), [api(2)], duration="66s"))  # its 14 s have begun
    run = s.finish()
    assert "stopped" in run.table("pods").filter(truth="running", owner="api")["state"].to_list()
    assert unlike(s.state(), run.tables) == []


def _done(s: Simulation, replicas: int = 2) -> Run:
    """Nothing of the move is left, and as many run as are wanted."""
    run = s.finish()
    assert not broken_rows(run.tables)
    assert unlike(s.state(), run.tables) == []
    assert [(pod.ready, pod.move) for pod in pods_of(s)] == [(True, None)] * replicas
    return run


def test_where_the_way_is_cut_the_source_goes_on_and_the_twin_is_removed(tmp_path: Path) -> None:
    s = _stepped(tmp_path)
    s.inject(Cut(link="lan-1", duration="5s"))
    run = _done(s)
    assert row(run)["outcome"] == "failed"
    assert [pod.node for pod in pods_of(s)] == ["edge-0"] * 2
    (failed,) = events(run, "MigrationFailed")
    assert (failed["subject"], failed["node"], failed["detail"]) == (row(run)["pod"], "edge-0", "the way broke")
    ran = run.table("pods").filter((pl.col("truth") == "running") & (pl.col("state") == "stopped"))
    assert not ran.filter(pl.col("owner") == "api").height  # neither pod stopped for a moment


@pytest.mark.parametrize(("node", "tries"), [("edge-0", ["failed"]), ("edge-1", ["failed", "done"])])
def test_a_node_that_dies_leaves_as_many_as_are_wanted(tmp_path: Path, node: str, tries: list[str]) -> None:
    s = _stepped(tmp_path)
    s.inject(Crash(node=node, reboot_after="30s"))
    run = _done(s)
    assert run.table("migrations")["outcome"].to_list() == tries  # back in time, the target asks again


def test_who_is_scaled_down_while_it_moves_takes_its_twin_along(tmp_path: Path) -> None:
    s = _stepped(tmp_path)
    (deployment,) = cluster_of(s).server.list(Deployment)
    deployment.replicas = 0
    cluster_of(s).server.changed(deployment)
    run = _done(s, 0)
    (failed,) = events(run, "MigrationFailed")
    assert failed["detail"] == f"{row(run)['pod']} is ended"


def test_who_deletes_the_twin_has_changed_nothing(tmp_path: Path) -> None:
    s = _stepped(tmp_path)
    twin = next(pod for pod in pods_of(s) if pod.move is not None)
    delete_pod(cluster_of(s).server, twin)
    run = _done(s)
    assert twin.name not in {pod.name for pod in pods_of(s)}
    assert len(run.table("pods").filter(pl.col("owner") == "api")["pod"].unique()) == 3


def test_a_source_that_says_late_that_it_has_left_goes_though_its_twin_has_gone(tmp_path: Path) -> None:
    s = _stepped(tmp_path)
    twin = next(pod for pod in pods_of(s) if pod.move is not None)
    assert twin.move is not None
    worker = next(w for a in cluster_of(s).agents.values() if (w := a.worker(twin.move.source.uid)) is not None)
    while not worker.over:
        s.run(s.now_s + 0.0005)
    s.inject(Cut(link="lan-0", duration="20s"))  # before it could say so
    delete_pod(cluster_of(s).server, twin)
    run = _done(s)
    assert row(run)["outcome"] == "done"
    assert len(run.table("pods").filter(pl.col("owner") == "api")["pod"].unique()) == 4


def test_a_twin_for_which_there_is_no_room_any_more_is_given_up(tmp_path: Path) -> None:
    s = Simulation(scenario(tmp_path, once(), [api(2)], duration="5min"))
    s.run(60.005)
    node = next(node for name, node in ((n.name, n) for n in cluster_of(s).node_objects.values()) if name == "edge-1")
    node.unschedulable = True
    cluster_of(s).server.changed(node)
    run = _done(s)
    (failed,) = events(run, "MigrationFailed")
    assert failed["detail"].endswith("is Rejected")
    assert not run.table("migrations").height


# Whatever happens.


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    how=st.sampled_from(["live", "state"]),
    faults=st.lists(
        st.tuples(
            st.floats(60, 300), st.floats(1, 90), st.sampled_from(["lan-0", "lan-1", "lan-*", "edge-0", "edge-1"])
        ),
        max_size=4,
    ),
)
def test_never_do_both_serve_and_the_replicas_are_right_in_the_end(
    tmp_path_factory: pytest.TempPathFactory, how: str, faults: list[tuple[float, float, str]]
) -> None:
    folder = tmp_path_factory.mktemp("whole")
    policy = {"use": "./mine.py:Restless", "params": {"how": how}}
    s = Simulation(scenario(folder, policy, [api(2, memory={"idle": "30MB", "dirty": "3MB/s"})], duration="30min"))
    up = set[str]()
    pairs = set[tuple[str, str]]()

    def serving(run: PodRun, on: bool, _how: str) -> None:
        (up.add if on else up.discard)(run.name)
        pairs.update((pod.name, pod.move.source.name) for pod in pods_of(s) if pod.move is not None)
        assert not [pair for pair in pairs if up.issuperset(pair)]

    for agent in cluster_of(s).agents.values():
        agent.serving_hooks.append(serving)
    for at, lasts, where in sorted(faults):
        s.run(max(s.now_s, at))
        if where.startswith("lan"):
            s.inject(Cut(link=where, duration=f"{lasts}s"))
        else:
            s.inject(Crash(node=where, reboot_after=f"{lasts}s"))
    s.run(1500)
    living = [pod for pod in pods_of(s) if pod.active]
    assert len(living) == 2
    run = s.finish()
    assert not broken_rows(run.tables)
    assert not events(run, "PolicyError")
    assert pairs
    assert run.summary["migrations"] >= 1
