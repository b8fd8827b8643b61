"""Several clusters end to end, as a user writes, disturbs, looks at and replays them: a hub over three small sites."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
import pytest
import yaml

import simulator as sim
from commands import files, here, littoral
from scenarios import LINUX, broken_rows, digest, simulation, unlike
from simulator.control.api.objects import Pod
from simulator.errors import UserError
from simulator.policy import Bind
from simulator.policy.reference import instantiate
from simulator.simulation.run import Run
from simulator.simulation.simulation import Simulation
from simulator.spec.faults import Cut, Stop
from simulator.spec.workload import Service

__all__ = ["here"]  # a fixture

IMAGE = {"compressed": "20MB", "unpacked": "50MB", "layers": 2, "platforms": LINUX}
SITES: dict[str, Any] = {
    "duration": "8min",
    "warm_up": "20s",  # the first start is not what the tests look at
    "topology": {
        "nodes": [
            {"name": "cloud", "model": "cloud-vm", "zone": "cloud"},
            *({"name": site, "model": "x86-edge", "zone": site, "count": 2} for site in "abc"),
            *({"name": f"till-{site}", "model": "till", "zone": site, "role": "device"} for site in "abc"),
        ],
        "links": [
            {"name": "wan", "between": ["cloud", "[abc]-0"], "latency": "20ms", "rate": "100Mbps"},  # wan-2: c's
            *({"name": f"lan-{site}", "between": [f"{site}-0", f"{site}-1"], "model": "ethernet"} for site in "abc"),
            *({"name": f"till-{s}", "between": [f"till-{s}", f"{s}-0"], "model": "ethernet"} for s in "abc"),
        ],
    },
    "clusters": {
        "hub": {"orchestrator": "karmada", "nodes": "cloud", "members": ["a", "b", "c"]},
        **{site: {"orchestrator": "k3s", "nodes": f"{site}-*"} for site in "abc"},
    },
    "images": {"shop/api": IMAGE},
    "workloads": [
        {"kind": "service", "name": "api", "image": "shop/api", "replicas": 6, "cpu": "500m", "ram": "256Mi"},
        {"kind": "requests", "name": "ask", "source": "till-*", "target": "api", "arrivals": {"poisson": "1/s"},
         "request": "1kB", "response": "1kB", "timeout": "1s"},
    ],
    "record": {"interval": "10s"},
}  # fmt: skip
LOST = {"kind": "cut", "name": "lost", "link": "wan-2", "at": "2min", "duration": "2min", "mode": "refused"}
MODES = pytest.mark.parametrize("mode", ["push", "pull"])


def sites(settings: Mapping[str, Any] | None = None, **changes: Any) -> Simulation:
    return simulation(SITES | changes, settings)


def members(mode: str) -> dict[str, str]:
    return {f"clusters.{site}.mode": mode for site in "abc"}


def believed(run: Run, cluster: str) -> list[str]:
    rows = run.table("clusters").filter(pl.col("truth") == "believed", pl.col("cluster") == cluster)
    return rows["state"].to_list()


def clusters_of(run: Run, *columns: str) -> list[tuple[Any, ...]]:
    return run.table("clusters").filter(pl.col("time_s") > 0).select(columns).rows()


# A member is lost, and returns.


@MODES
def test_a_lost_member_and_its_return(mode: str) -> None:
    s = sites(members(mode), faults=[LOST])
    run = s.finish()
    assert not broken_rows(run.tables)
    assert not unlike(s.state(), run.tables)
    assert believed(run, "a") == ["Ready"]
    assert believed(run, "c") == ["Ready", "NotReady" if mode == "push" else "Unknown", "Ready"]
    assert run.summary["false_cluster_detections"] == 0
    assert run.summary["evicted_workloads"] == 0
    assert run.summary["pods_started"] == 6  # two each, and nothing moves, there or back
    assert run.summary["availability"] > 0.99  # what runs in the lost member is served there
    low, high = (30, 48) if mode == "push" else (29, 49)
    assert low <= run.summary["cluster_detection_s"] <= high
    low, high = (30, 41) if mode == "push" else (0, 8)
    assert low <= run.summary["cluster_ready_again_s"] <= high


def test_belief_is_not_reality() -> None:
    """While it is cut off, the hub believes the member lost, and the member believes itself well: it is."""
    s = sites(faults=[LOST])
    s.run("3min")
    nodes = s.state().nodes
    assert set(nodes.filter(pl.col("zone") == "c", pl.col("believed").is_not_null())["believed"]) == {"Ready"}
    pods = s.state().pods
    assert set(pods.columns) == {"pod", "owner", "node", "believed", "stored", "running"}
    assert pods.height == 6
    assert set(pods.filter(pl.col("pod").str.starts_with("c/")).select("believed", "stored", "running").rows()) == {
        ("Ready", True, True)
    }
    hub = s._parts.cluster.hub.roster  # type: ignore[attr-defined]  # a federation's
    assert [member.ready for member in hub.members] == ["True", "True", "False"]


def test_an_api_server_of_a_member_stops_and_only_it_is_believed_lost() -> None:
    stop = {"kind": "stop", "component": "api-server", "cluster": "a", "at": "2min", "duration": "2min"}
    run = sites(faults=[stop]).finish()
    assert clusters_of(run, "cluster", "truth", "state") == [
        ("a", "running", "down"),
        ("a", "believed", "NotReady"),
        ("a", "running", "up"),
        ("a", "believed", "Ready"),
    ]
    assert 30 <= run.summary["cluster_detection_s"] <= 48
    events = run.table("events").filter(pl.col("kind") == "ComponentStopped")
    assert events["subject"].to_list() == ["a/api-server"]
    assert run.summary["availability"] > 0.99  # pods go on without their API server


def test_a_member_whose_machines_lose_power_is_back_with_its_pods() -> None:
    s = sites(faults=[{"kind": "crash", "node": "b-*", "at": "2min", "reboot_after": "1min"}], duration="12min")
    run = s.finish()
    assert not broken_rows(run.tables)
    assert not unlike(s.state(), run.tables)
    states = clusters_of(run, "cluster", "truth", "state")
    assert ("b", "running", "down") in states
    assert states[-1] == ("b", "believed", "Ready")
    assert {cluster for cluster, *_ in states} == {"b"}
    running = s.state().pods.filter(pl.col("running"))
    assert sorted(name[0] for name in running["pod"]) == ["a", "a", "b", "b", "c", "c"]


def test_a_cut_within_a_member_is_none_of_the_hub_s_business() -> None:
    """The node behind it is believed lost by its own cluster."""
    cut = {"kind": "cut", "link": "lan-a", "at": "1min", "duration": "3min", "mode": "silent"}
    run = sites(faults=[cut]).finish()
    assert clusters_of(run, "truth") == []
    nodes = run.table("nodes").filter(pl.col("truth") == "believed", pl.col("time_s") > 60)
    assert set(nodes["node"]) == {"a-1"}
    assert nodes["state"].unique(maintain_order=True).to_list() == ["Unknown", "Ready"]


# Names and identities.


def test_no_two_pods_have_one_name_and_no_two_objects_one_uid() -> None:
    s = sites({"clusters.b.orchestrator": "kubernetes", "clusters.c.orchestrator": "kubeedge"})
    s.run("2min")
    uids, names = [], []
    for cluster in s._parts.clusters.values():
        for kind in cluster.server._objects.values():
            uids += [obj.uid for obj in kind.values()]
        names += [pod.name for pod in cluster.server.list(Pod)]
    assert len(uids) == len(set(uids)) > 20
    assert len(names) == len(set(names)) == 6


# From Python.


def test_decisions_come_from_the_schedulers_of_all_members_one_at_a_time() -> None:
    asked = sites(duration="1min")
    least = instantiate("least-loaded", {}, None)  # type: ignore[arg-type]  # a shipped name needs no folder
    seen = []
    for ask in asked.decisions():
        seen.append(ask.pod.name.partition("/")[0])
        asked.answer(ask, least.place(ask.pod, ask.cluster))
    assert sorted(seen) == ["a", "a", "b", "b", "c", "c"]
    left = sites(policies={"placement": "least-loaded"}, duration="1min")
    assert digest(asked.finish()) == digest(left.finish())


def test_an_answer_of_our_own_is_carried_out_in_the_member_that_asked() -> None:
    s = sites(duration="2min")
    for ask in s.decisions():
        s.answer(ask, Bind(0))
    assert set(s.state().pods["node"]) == {"a-0", "b-0", "c-0"}


def test_a_workload_that_is_injected_into_a_federation_is_divided() -> None:
    s = sites()
    s.run("1min")
    s.inject(Service(name="late", image="shop/api", replicas=3, cpu="200m", ram="64Mi"))
    s.run("2min")
    late = s.state().pods.filter(pl.col("owner") == "late")
    assert sorted(late.select("pod", "running").rows())[0][0].startswith("a/late")
    assert [name[0] for name in sorted(late["pod"])] == ["a", "b", "c"]
    assert late["running"].all()


@MODES
def test_an_update_goes_through_the_hub_and_late_to_who_is_cut_off(mode: str) -> None:
    """Push waits for its retry, whose gaps have doubled since the update; pull lists everything when it is back."""
    update = {"kind": "update", "workload": "api", "image": "shop/new", "at": "3min"}
    run = sites(members(mode), faults=[LOST, update], images={"shop/api": IMAGE, "shop/new": IMAGE}).finish()
    pods = run.table("pods").filter(pl.col("truth") == "running", pl.col("state") == "started", pl.col("time_s") > 180)
    first = {name[0]: time for time, name in pods.sort("time_s", descending=True).select("time_s", "pod").rows()}
    assert pods.height == 6
    assert max(first["a"], first["b"]) < 200
    late = first["c"] - 240  # after the end of the cut
    assert 40 < late < 180 if mode == "push" else 0 < late < 40
    decisions = 3  # the service, its pods, and their new image
    assert run.summary["propagation_s"] * decisions == pytest.approx(first["c"] - 180, abs=8)  # less pull and start
    assert not broken_rows(run.tables)


def test_a_cut_between_the_hub_and_all_members_can_be_injected() -> None:
    s = sites()
    s.run("1min")
    s.inject(Cut(link="wan-*", mode="silent", duration="4min"))
    s.inject(Stop(component="scheduler", cluster="b", duration="1min"))
    run = s.finish()
    assert [believed(run, name) for name in "abc"] == [["Ready", "NotReady", "Ready"]] * 3
    with pytest.raises(UserError, match="no cluster"):
        sites().inject(Stop(component="scheduler", cluster="d"))


# What does not divide.


def test_a_policy_s_thinking_delays_the_division() -> None:
    def divided_s(**changes: Any) -> float:
        run = sites(duration="30s", workloads=SITES["workloads"][:1], **changes).finish()
        events = run.table("events").filter(pl.col("kind") == "ScheduleBindingSucceed")
        return float(events.filter(pl.col("detail").str.contains("="))["time_s"].item())

    assert divided_s(policy_time="5s") == pytest.approx(divided_s() + 5)


def test_members_may_differ_in_who_opens_the_connection() -> None:
    run = sites({"clusters.c.mode": "pull"}, faults=[{**LOST, "link": "wan-*"}]).finish()
    words = [believed(run, name)[1] for name in "abc"]
    assert words == ["NotReady", "NotReady", "Unknown"]


@pytest.mark.parametrize("where", ["hub", "alone"])
def test_a_mode_is_for_members(where: str) -> None:
    clusters = SITES["clusters"] if where == "hub" else {"alone": {"orchestrator": "k3s", "nodes": "*"}}
    with pytest.raises(UserError, match=f"cluster {where} is no hub's member"):
        sites({f"clusters.{where}.mode": "push"}, clusters=clusters)


# On the command line.


def _file(**changes: Any) -> str:
    scenario = SITES | {"duration": "5min", "faults": [LOST]} | changes
    experiment = {"question": "Does a hub find its members?", "scenario": scenario, "replications": 2}
    return yaml.safe_dump(experiment, sort_keys=False)


DIVIDE = '''
import numpy as np
from simulator.policy import Divide, Wait

def first(workload, members):
    """All to the first that may have it."""
    if not members.feasible.any():
        return Wait()
    return Divide(np.where(np.arange(len(members)) == np.argmax(members.feasible), workload.replicas, 0))
'''


def test_one_worker_or_two_write_the_same_bytes_and_a_replay_agrees(here: Any) -> None:
    (here / "mine.py").write_text(DIVIDE)
    (here / "sites.yaml").write_text(_file(policies={"clusters": "./mine.py:first"}))
    for name, how in {"one": ("--executor", "serial"), "two": ("--executor", "process", "--workers", "2")}.items():
        assert littoral("run", "sites.yaml", "--out", name, "--no-report", *how).status == 0
    one, two = files(here / "one" / "runs"), files(here / "two" / "runs")
    assert one == two
    assert any(name.endswith("clusters.parquet") for name in one)
    assert "mine.py" in files(here / "one" / "inputs")
    assert "./mine.py:first" in sim.open_run(here / "one").about.policies
    assert littoral("replay", "two").out == "identical: 2 runs\n"
    pods = sim.open_run(here / "one")[0].table("pods")["pod"].unique()
    assert {name[0] for name in pods} == {"a"}
    said = littoral("explain", "one", sorted(pods)[0])
    assert said.status == 0
    assert "a-0" in said.out
    assert "b-0" not in said.out  # another cluster's scheduler decides nothing here


def test_show_says_which_node_is_in_which_cluster(here: Any) -> None:
    (here / "sites.yaml").write_text(_file())
    document = littoral("show", "sites.yaml", "--json").document
    found = {node["node"]: node["cluster"] for node in document["nodes"]}
    assert (found["cloud"], found["a-0"], found["c-1"], found["till-a"]) == ("hub", "a", "c", None)
    ways = {(path["from"], path["to"]) for path in document["paths"]}
    assert {("a-1", "a-0"), ("a-0", "cloud"), ("c-0", "cloud")} <= ways
    assert "cluster" not in littoral("show", "corner.yaml", "--json").document["nodes"][0]


def test_a_policy_for_clusters_is_checked_at_its_own_point(here: Any) -> None:
    (here / "mine.py").write_text(DIVIDE)
    assert littoral("check-policy", "./mine.py:first", "--point", "clusters").status == 0
    assert littoral("check-policy", "./mine.py:first").status == 0  # its parameters say what it is for
    assert littoral("check-policy", "./mine.py:first", "--point", "placement").status == 1
    assert littoral("check-policy", "spread", "--point", "clusters").status == 0
    (here / "bad.py").write_text(DIVIDE.replace("workload.replicas, 0)", "1, 0)"))
    said = littoral("check-policy", "./bad.py:first", "--point", "clusters")
    assert said.status == 1
    assert "adds up to 1" in said.out


def test_policies_and_orchestrators_are_listed_with_what_tells_them_apart() -> None:
    rows = {row["name"]: row for row in littoral("list", "policies", "--json").document}
    assert (rows["least-loaded"]["point"], rows["clusters/least-loaded"]["point"]) == ("placement", "clusters")
    rows = {row["name"]: row for row in littoral("list", "orchestrators", "--json").document}
    assert rows["karmada"]["versions"] == ["1.11", "1.13", "1.15"]
    assert rows["k3s"]["versions"][-1] == "1.32"
    shown = littoral("show", "karmada").out
    assert "versions: 1.11, 1.13, 1.15; this is 1.15" in shown
    assert littoral("show", "karmada@1.11", "--json").document["versions"] == ["1.11", "1.13", "1.15"]
