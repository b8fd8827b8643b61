"""How available control planes are, and what fits where: predictions K-P13, K-P37 and K-P38."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from controlkit import Cluster, Numbers
from planes_ha import plane
from predictions import Prediction
from simulator.control.api.datastore import DatastoreSettings
from simulator.engine.clock import Clock
from simulator.facts import Catalogue
from simulator.simulation.plan import read
from simulator.simulation.settings.availability import check_servers, datastore
from simulator.spec import Scenario
from simulator.spec.mechanism import Kubelet, Lease, NodeAgent, Server, Taints
from simulator.spec.orchestrator import load_orchestrator
from simulator.units import SECOND

Floats = NDArray[np.float64]
PLANES = 150


# K-P37


@dataclass(frozen=True)
class Raft:
    """A page's numbers of Raft in seconds: what a test moves by a quarter."""

    heartbeat: float
    election: float

    @classmethod
    def of(cls, page: str) -> Raft:
        server = load_orchestrator(Catalogue(), page).get(Server).datastore
        assert server is not None
        return cls((server.heartbeat or 0) / SECOND, (server.election or 0) / SECOND)


@lru_cache
def successions(numbers: Raft) -> Floats:
    """Seconds from the loss of the leader of three machines until the API answers: many control planes on one clock."""
    clock = Clock()
    settings = DatastoreSettings("majority", round(numbers.heartbeat * SECOND), round(numbers.election * SECOND))
    planes = [plane(settings, seed=seed, clock=clock) for seed in range(PLANES)]
    at = np.random.default_rng(37).uniform(1, 50, PLANES)
    for each, when in zip(planes, at, strict=True):
        each.at(when, 0, False)
    clock.run(100 * SECOND)
    return np.array([each.back() for each in planes]) - at


def expected(numbers: Raft) -> float:
    """The first of two time-outs of election × U(1, 2), each since a heartbeat half a period ago on average; and the
    votes' 4 ms."""
    return numbers.election * (1 + 1 / 3) - numbers.heartbeat / 2 + 0.004


@dataclass(frozen=True)
class Election(Prediction):
    numbers: Any = field(default_factory=lambda: Raft.of("k3s-ha"))


K3S, KUBEADM = Raft.of("k3s-ha"), Raft.of("kubernetes")
ELECTIONS = [
    Election("K-P37 K3s", successions, 4.5, 10.01, "election", mean=expected(K3S), within=0.35, numbers=K3S),
    Election("K-P37 kubeadm", successions, 0.9, 2.01, "election", mean=expected(KUBEADM), within=0.08, numbers=KUBEADM),
]


@pytest.mark.parametrize("prediction", ELECTIONS, ids=lambda p: p.name)
def test_p37_writes_resume_after_an_election(prediction: Election) -> None:
    assert prediction.misses_as_it_is() == []
    assert prediction.misses_when_moved() != []


def test_p37_is_missed_by_up_to_a_heartbeat() -> None:
    """REFUTED at its lower edge: "5 to 10 s". A follower's time-out begins with the last heartbeat that it heard, up
    to 0.5 s before the leader is lost: a few in a hundred are earlier than 5 s."""
    early = np.mean(successions(K3S) < 5)
    assert 0.01 < early < 0.12


def test_p37_with_two_of_three_lost_nobody_writes_until_one_is_back() -> None:
    settings = datastore(load_orchestrator(Catalogue(), "k3s-ha"))
    clock = Clock()
    planes = [plane(settings, seed=seed, clock=clock) for seed in range(20)]
    for each in planes:
        each.at(10, 0, False)
        each.at(12, 1, False)
        each.at(400, 1, True)
    clock.run(600 * SECOND)
    start = settings.start_ns / SECOND
    back = np.array([each.back(after=20) for each in planes])
    assert back.min() >= 400 + start
    assert back.max() <= 400 + start + 10.1


def test_p37_sqlite_has_no_successor() -> None:
    k3s = load_orchestrator(Catalogue(), "k3s")
    settings = datastore(k3s)
    made = plane(settings, machines=1)
    made.at(10, 0, False)
    made.run(3000)
    assert made.ups == [(10, False)]
    made.network.set_node(0, True)
    made.run(3100)
    assert made.ups[1:] == [(3000 + settings.start_ns / SECOND, True)]
    assert not k3s.get(Lease).leader.elect


def _world(orchestrator: str, planes: int, **model: Any) -> Scenario:
    return Scenario.parse(
        {
            "duration": "1min",
            "orchestrator": orchestrator,
            "topology": {
                "nodes": [
                    {"name": "server", "model": "cloud-vm", "role": "control-plane", "count": planes},
                    {"name": "board", "model": "raspberry-pi-4b", **model},
                ],
                "links": [
                    {"name": "lan", "between": ["server-*", "board"], "model": "ethernet"},
                    {"name": "core", "between": ["server-0", "server-*"], "model": "ethernet"},
                ],
            },
        }
    )


@pytest.mark.parametrize(
    ("page", "planes", "said"),
    [
        ("k3s", 1, ""),
        ("k3s", 3, "on one machine; 3 have the role"),
        ("k3s-ha", 3, ""),
        ("k3s-ha", 2, "needs 3 machines of role control-plane, and there are 2"),
        ("k3s-external", 2, ""),
        ("kubernetes", 5, ""),
    ],
)
def test_a_datastore_says_how_many_servers_it_can_have(page: str, planes: int, said: str) -> None:
    made = _world("kubernetes", planes)
    found = check_servers(load_orchestrator(Catalogue(), page), read(made, 1).layout)
    assert [said in problem.message for problem in found] == ([True] if said else [])


# K-P38


@pytest.mark.parametrize(
    ("page", "ram", "server"),
    [
        ("k3s", "512Mi", False),
        ("k3s@1.19", "512Mi", True),
        ("k3s@1.19", "256Mi", False),
        ("k3s-ha@1.19", "512Mi", True),
    ],
)
def test_p38_what_half_a_gigabyte_can_be(page: str, ram: str, server: bool) -> None:
    """A board of 512 MB can be an agent of today's K3s, and no server of it; the review's K3s was content with it."""
    orchestrator = load_orchestrator(Catalogue(), page)
    held = int(ram.removesuffix("Mi")) * 2**20
    assert held >= orchestrator.get(NodeAgent).minimum.ram
    assert (held >= orchestrator.get(Server).minimum.ram) is server


def test_p38_a_quarter_more_than_the_agent_s_minimum_is_more_than_the_board_has() -> None:
    at, facts = "facts.orchestrators.k3s.components.node-agent.minimum.ram", {}
    for said in ("512MB", "640MB"):
        facts[said] = load_orchestrator(Catalogue({at: said}), "k3s").get(NodeAgent).minimum.ram
    assert facts["512MB"] <= 512 * 2**20 < facts["640MB"]


def test_p38_the_board_is_admitted_as_an_agent_with_room_left() -> None:
    """Predicted are 256 to 275 MB in use, the agent's own; with operating system and engine 316 MB were measured."""
    plan = read(_world("k3s", 1, ram="512Mi"), 1)
    agent = plan.page.get(NodeAgent)
    engine = Catalogue().model("runtimes", "containerd").quantity("memory.daemon")
    rows = Catalogue().describe("orchestrators", "k3s")
    said = next(row for row in rows if row["path"] == "components.node-agent.ram")
    used = [row["value"] + engine / 1e6 for row in (said, *said["alternatives"])]
    assert used == pytest.approx([316, 275, 268])
    assert agent.ram + engine < 512 * 2**20
    with pytest.raises(Exception, match=r"RAM of 537 MB; kubernetes's node-agent needs 1000 MB"):
        read(_world("kubernetes", 1, ram="512Mi"), 1)


# K-P13


def preset(page: str) -> Numbers:
    """A page's numbers as the small cluster of the tests takes them."""
    orchestrator = load_orchestrator(Catalogue(), page)
    lease, taints = orchestrator.get(Lease), orchestrator.get(Taints)
    return Numbers(
        renew=lease.renew / SECOND,
        monitor=lease.monitor / SECOND,
        grace=lease.grace / SECOND,
        toleration=taints.toleration // SECOND,
    )


@lru_cache
def evictions(numbers: Numbers) -> Floats:
    """Seconds from the loss of each of many nodes to the deletion of its pod."""
    many = 100
    cluster = Cluster(many + 1, numbers, schedule=False)
    pods = [cluster.pod(f"p{row}", row) for row in range(many)]
    at = np.random.default_rng(13).uniform(100, 400, many)
    for row in range(many):
        cluster.at(at[row], cluster.crash, row)
    cluster.run(1000)
    return np.array([(pod.deletion_ns or np.nan) / SECOND for pod in pods]) - at


FAST, MEDIUM, LOW = (preset(f"kubernetes-{name}") for name in ("fast", "medium", "low"))
PRESETS = [
    Prediction("K-P13 fast", evictions, 42, 57, "toleration", mean=49, numbers=FAST),
    Prediction(
        "K-P13 fast, renewal 4 s", evictions, 48, 57, "renew", mean=52, numbers=replace(FAST, renew=4.0), factor=2
    ),
    Prediction("K-P13 medium", evictions, 175, 195, "grace", numbers=MEDIUM),
    Prediction("K-P13 low", evictions, 355, 376, "grace", numbers=LOW),
]  # fmt: skip


@pytest.mark.parametrize("prediction", PRESETS, ids=lambda p: p.name)
def test_p13_eviction_under_kubespray_s_presets(prediction: Prediction) -> None:
    """The pages leave the lease's renewal at 10 s, for a preset sets the status' frequency, which is another loop; the
    reference's second figure for `fast` takes it to be 4 s."""
    assert prediction.misses_as_it_is() == []
    assert prediction.misses_when_moved() != []


def drawn(numbers: Numbers, many: int = 2000) -> Floats:
    """The same, drawn without the simulator: renewals, passes that note them, passes that miss them, one pass more."""
    luck = np.random.default_rng(7)
    since = luck.uniform(0, 1, many) * numbers.renew * luck.uniform(1, 1.04, many)  # from the last renewal to the loss
    passes = np.cumsum(numbers.monitor + luck.uniform(0.01, 0.3, (many, 200)), axis=1)
    passes -= luck.uniform(0, 1, (many, 1)) * passes[:, :1]  # the last renewal is at 0
    missed = np.argmax(passes > passes[:, :1] + numbers.grace, axis=1)
    taint = passes[np.arange(many), missed + 1]
    return taint + (numbers.toleration or 0) - since


@pytest.mark.parametrize(("numbers", "said"), [(MEDIUM, 185), (LOW, 365)], ids=["medium", "low"])
def test_p13_of_medium_and_low_the_mean_is_later_than_predicted(numbers: Numbers, said: float) -> None:
    """REFUTED by a little: "mean 185 s" and "365 s", where ±1 s is allowed. A pass sleeps 5 s after its work, so that
    24 (59) of them, not 24 (60) periods of 5 s, are the first to exceed the grace; a draw of these rules alone agrees
    with the simulator."""
    found = evictions(numbers).mean()
    assert found == pytest.approx(drawn(numbers).mean(), abs=0.8)
    assert said + 1 < found < said + 2


def test_p13_a_preset_changes_its_four_numbers_only() -> None:
    kubernetes, fast = (load_orchestrator(Catalogue(), name) for name in ("kubernetes", "kubernetes-fast"))
    assert fast.get(Kubelet).status_update == 4 * SECOND
    assert fast.get(Lease).model_copy(update={"monitor": 5 * SECOND, "grace": 50 * SECOND}) == kubernetes.get(Lease)
    assert fast.components == kubernetes.components
