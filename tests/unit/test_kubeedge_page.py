"""KubeEdge's page, and a whole simulation under it."""

from __future__ import annotations

from typing import Any

import pytest

from scenarios import SMALL, broken_rows, cluster_of, run, simulation
from simulator.control.api.admission import Admission
from simulator.control.liveness import taints
from simulator.errors import UserError
from simulator.facts import Catalogue
from simulator.simulation.settings import kubeedge as settings
from simulator.spec.mechanism import Autonomy, Lease, Session, Watch
from simulator.spec.orchestrator import load_orchestrator
from simulator.units import SECOND
from simulator.world.pod import ContainerTemplate, PodTemplate, Toleration

KUBEEDGE: dict[str, Any] = {**SMALL, "orchestrator": "kubeedge"}


def test_versions_stand_on_their_kubernetes_and_some_do_not_restore() -> None:
    pages = {v: load_orchestrator(Catalogue(), f"kubeedge@{v}") for v in ("1.9", "1.14", "1.21", "1.22", "1.23")}
    assert {v: page.get(Lease).grace // SECOND for v, page in pages.items()} == {
        "1.9": 40, "1.14": 40, "1.21": 40, "1.22": 40, "1.23": 50,
    }  # fmt: skip
    assert {v for v, page in pages.items() if not page.get(Autonomy).after_reboot_offline} == {"1.9", "1.21"}
    newest = load_orchestrator(Catalogue(), "kubeedge")
    assert newest.version == "1.23"
    assert newest.get(Session).node_limit == 500
    assert newest.get(Watch).write_latency  # of the API server: its own clients, and the control plane's kubelet, stay
    assert [component.name for component in newest.components] == ["control-plane", "cloudcore", "node-agent"]
    assert settings.pods(newest).restores
    assert not settings.pods(pages["1.21"]).restores


def test_how_many_letters_of_an_object_wait_is_the_page_s() -> None:
    at = "facts.orchestrators.kubeedge.desired_state.acked-push.pending_per_object"
    found = [settings.push(load_orchestrator(Catalogue(over), "kubeedge")).push for over in ({}, {at: 3})]
    assert [push.pending for push in found] == [1, 3]


def test_a_push_without_a_database_on_the_node_is_refused() -> None:
    catalogue = Catalogue({"facts.orchestrators.kubeedge.autonomy.agent.cache": "none"})
    with pytest.raises(UserError, match="no database"):
        settings.pods(load_orchestrator(catalogue, "kubeedge"))


@pytest.mark.parametrize(
    ("labels", "given", "seconds"),
    [
        ({}, (), 300),
        ({"app-offline.kubeedge.io": "autonomy"}, (), None),
        ({"app-offline.kubeedge.io": "autonomy"}, (Toleration(taints.UNREACHABLE, "Exists", seconds=5),), None),
        ({"app-offline.kubeedge.io": "other"}, (), 300),
    ],
)
def test_the_label_replaces_what_a_pod_bears(
    labels: dict[str, str], given: tuple[Toleration, ...], seconds: int | None
) -> None:
    admission = Admission(300, "app-offline.kubeedge.io=autonomy")
    made = admission.admit(PodTemplate("web", labels, (ContainerTemplate("web", "web"),), tolerations=given))
    for key in (taints.UNREACHABLE, taints.NOT_READY):
        (found,) = [t for t in made.tolerations if t.tolerates((key, "", "NoExecute"))]
        assert found.seconds == seconds


@pytest.mark.parametrize("start", ["empty", "placed"])
def test_a_whole_run_has_no_impossible_rows(start: str) -> None:
    faults = [
        {"kind": "cut", "name": "wan", "link": "wan-a", "at": "1min", "duration": "6min", "mode": "silent"},
        {"kind": "crash", "node": "b-0", "at": "2min", "reboot_after": "5s"},
        {"kind": "stop", "component": "cloudcore", "at": "5min", "duration": "40s"},
    ]
    result = run(KUBEEDGE, {"start": start, "faults": faults})
    assert broken_rows(result.tables) == []
    rows = result.tables["events"].select("time_s", "kind", "node").rows()
    assert {node for t, kind, node in rows if kind == "SessionLost" and t == 300} == {"core", "b-0", "b-1"}
    back = [t for t, kind, node in rows if kind == "SessionOpened" and node in ("core", "b-1") and t > 300]
    assert len(back) == 2
    assert all(345 <= t <= 345.2 for t in back)  # a dial each 5 s from 330 s on
    counts = result.tables["deliveries"]["event"].value_counts()
    ends = dict(counts.rows())
    under_way = ends["sent"] - sum(ends.get(word, 0) for word in ("delivered", "lost", "superseded", "dropped"))
    assert 0 <= under_way < 20


def test_the_control_plane_s_machine_keeps_a_plain_kubelet() -> None:
    s = simulation(KUBEEDGE, {"faults": [{"kind": "stop", "component": "cloudcore", "at": "1min"}]})
    s.run("5min")
    cluster = cluster_of(s)
    names = {cluster.node_objects[index].name for index in cluster.sessions}  # type: ignore[attr-defined]
    assert names == {"core", "a-0", "a-1", "b-0", "b-1"}
    ready = {node.name: node.ready for node in cluster.node_objects.values()}
    assert ready == {"cloud": "True", **dict.fromkeys(names, "Unknown")}


def test_the_node_limit_is_the_page_s() -> None:
    s = simulation(KUBEEDGE, {"facts.orchestrators.kubeedge.liveness.session.node_limit": 3})
    s.run("2min")
    assert sum(session.served for session in cluster_of(s).sessions.values()) == 3  # type: ignore[attr-defined]
