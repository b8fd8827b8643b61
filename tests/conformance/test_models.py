"""Every shipped model loads, has a source for each number, and says what its reference says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from simulator.facts import Catalogue
from simulator.facts.bibliography import read_bibtex
from simulator.facts.dist import DistSpec
from simulator.facts.fact import KINDS
from simulator.facts.shape import SHAPES
from simulator.physics.distributions import from_spec
from simulator.spec.mechanism import (
    ControllerManager,
    EndpointsFromApi,
    Framework,
    Kubelet,
    Lease,
    Reconnect,
    Taints,
)
from simulator.spec.orchestrator import load_orchestrator
from simulator.units import HOUR, MINUTE, MS, SECOND

ROOT = Path(__file__).parents[2] / "models"
MODELS = sorted((file.parent.name, file.stem) for file in ROOT.glob("*/*.yaml"))
SOURCES = read_bibtex((ROOT / "sources.bib").read_text("utf-8"), "models/sources.bib")


def test_the_catalogue_lists_every_file() -> None:
    catalogue = Catalogue()
    assert sorted((kind, name) for kind in catalogue.kinds() for name in catalogue.names(kind)) == MODELS
    assert {kind for kind, _ in MODELS} == set(SHAPES)


@pytest.mark.parametrize(("kind", "name"), MODELS)
def test_every_number_has_a_source_and_a_kind(kind: str, name: str) -> None:
    facts = [fact for found in Catalogue().model(kind, name).tree.facts.values() for fact in found]
    assert facts
    for fact in facts:
        assert fact.source in SOURCES
        assert fact.kind in KINDS
        if fact.unit and not isinstance(fact.value, DistSpec):
            assert fact.base >= 0


@pytest.mark.parametrize(("kind", "name"), MODELS)
def test_a_model_has_a_title_and_distributions_that_can_be_drawn(kind: str, name: str) -> None:
    model = Catalogue().model(kind, name)
    assert model.header.title
    for path, facts in model.tree.facts.items():
        if isinstance(facts[0].value, DistSpec):
            longest = 365 * 24 * HOUR if path.startswith("outage.") else HOUR
            assert 0 < from_spec(model.distribution(path)).mean <= longest


def test_every_source_is_used_and_every_entry_says_who() -> None:
    used = set(re.findall(r"source: ([\w-]+)", "\n".join(file.read_text("utf-8") for file in ROOT.glob("*/*.yaml"))))
    files = [file.read_text("utf-8") for file in (ROOT.parent / "experiments").glob("**/*.yaml")]
    expected = set(re.findall(r"source: ([\w-]+)", "\n".join(files)))  # what an experiment expects may say it in words
    assert used <= set(SOURCES) <= used | expected
    assert [key for key, entry in SOURCES.items() if "author = {" not in entry] == []


def test_an_assumption_says_why_or_names_the_page_it_follows() -> None:
    """Of the numbers of the orchestrator's page and the links; a stand-in's machine may be assumed without a word."""
    bare = [
        f"{kind}/{name}: {path}"
        for kind, name in MODELS
        if kind in ("orchestrators", "runtimes", "images")
        for path, facts in Catalogue().model(kind, name).tree.facts.items()
        if facts[0].kind == "assumed" and facts[0].source == "assumed" and not facts[0].note and facts[0].unit
    ]
    assert bare == []


@pytest.mark.parametrize("name", ["raspberry-pi-4b", "cloud-vm", "x86-edge", "gateway", "till", "camera"])
def test_a_machine_draws_more_at_full_load_and_holds_more_than_it_writes_in_a_second(name: str) -> None:
    node = Catalogue().model("nodes", name)
    assert node.quantity("power.idle") < node.quantity("power.max")
    assert node.quantity("disk_write") < node.quantity("disk")


@pytest.mark.parametrize("name", Catalogue().names("links"))
def test_a_link_s_delay_is_never_negative(name: str) -> None:
    link = Catalogue().model("links", name)
    assert link.quantity("jitter") <= link.quantity("latency")


# Kubernetes' page against the reference (orchestrators-kubernetes.md, sections 1.1 to 1.6): the documented defaults.
@pytest.mark.parametrize(("version", "grace"), [("1.31", 40), ("1.32", 50)])
def test_node_health_of_kubernetes(version: str, grace: int) -> None:
    kubernetes = load_orchestrator(Catalogue(), f"kubernetes@{version}")
    lease, taints = kubernetes.get(Lease), kubernetes.get(Taints)
    assert kubernetes.version == version
    assert lease.grace == grace * SECOND
    assert (lease.renew, lease.jitter, lease.monitor) == (10 * SECOND, 0.04, 5 * SECOND)
    assert (lease.retry_first, lease.retry_cap) == (200 * MS, 7 * SECOND)
    assert (lease.leader.lease, lease.leader.renew_deadline, lease.leader.retry) == (
        15 * SECOND,
        10 * SECOND,
        2 * SECOND,
    )
    assert lease.pass_work == (10 * MS, 300 * MS)
    assert (taints.toleration, taints.node_rate, taints.secondary_rate) == (300 * SECOND, 0.1, 0.01)
    assert (taints.unhealthy_zone, taints.unhealthy_nodes, taints.large_zone) == (0.55, 2, 50)
    assert (taints.loop, taints.gc_period, taints.gc_quarantine) == (100 * MS, 20 * SECOND, 40 * SECOND)


def test_the_newest_kubernetes_is_the_default() -> None:
    assert load_orchestrator(Catalogue(), "kubernetes").version == "1.32"


def test_scheduling_of_kubernetes() -> None:
    framework = load_orchestrator(Catalogue(), "kubernetes").get(Framework)
    assert framework.scores == {
        "TaintToleration": 3,
        "NodeAffinity": 2,
        "PodTopologySpread": 2,
        "InterPodAffinity": 2,
        "NodeResourcesFit": 1,
        "NodeResourcesBalancedAllocation": 1,
        "ImageLocality": 1,
    }
    assert (framework.qps, framework.burst) == (50, 100)
    assert (framework.backoff.first, framework.backoff.cap, framework.backoff.flush) == (SECOND, 10 * SECOND, SECOND)
    assert (framework.leftover.age, framework.leftover.flush) == (5 * MINUTE, 30 * SECOND)
    sample = framework.sample
    formula = (sample.least_nodes, sample.base_percent, sample.nodes_per_percent, sample.least_percent)
    assert formula == (100, 50, 125, 5)
    assert (framework.unset.cpu, framework.unset.ram) == (100, 200 * 2**20)
    assert (framework.image_locality.least, framework.image_locality.most) == (23 * 2**20, 1000 * 2**20)
    assert (framework.default_spread.hostname, framework.default_spread.zone) == (3, 5)


def test_the_kubelet_of_kubernetes() -> None:
    kubelet = load_orchestrator(Catalogue(), "kubernetes").get(Kubelet)
    assert kubelet.memory_eviction == 100 * 2**20
    assert (kubelet.eviction_check, kubelet.pressure_transition) == (10 * SECOND, 5 * MINUTE)
    assert (kubelet.image_pulls, kubelet.layers_at_once) == ("serial", 3)
    for backoff in (kubelet.pull_backoff, kubelet.crash_backoff):
        assert (backoff.first, backoff.factor, backoff.cap, backoff.reset) == (
            10 * SECOND,
            2,
            300 * SECOND,
            600 * SECOND,
        )
    assert (kubelet.registry_qps, kubelet.registry_burst, kubelet.max_pods) == (5, 10, 110)
    assert (kubelet.relist, kubelet.sync_retry, kubelet.sync_jitter) == (SECOND, 10 * SECOND, 0.5)


def test_clients_and_controllers_of_kubernetes() -> None:
    kubernetes = load_orchestrator(Catalogue(), "kubernetes")
    manager, reconnect = kubernetes.get(ControllerManager), kubernetes.get(Reconnect)
    assert (manager.qps, manager.burst, manager.most_per_sync) == (20, 30, 500)
    assert (manager.workers, manager.daemon_workers) == (5, 2)
    assert (manager.retry.first, manager.retry.cap) == (5 * MS, 1000 * SECOND)
    assert (reconnect.first, reconnect.factor, reconnect.cap) == (800 * MS, 2, 30 * SECOND)
    assert reconnect.ping_idle + reconnect.ping_timeout == 45 * SECOND
    assert kubernetes.get(EndpointsFromApi).min_sync == SECOND


def test_the_footprint_of_kubernetes_adds_up_to_what_was_measured() -> None:
    """Mean RAM in use of idle machines (Yakubov & Hästbacka 2025): 898.9 MB with, 303.5 MB without control plane."""
    server, agent = load_orchestrator(Catalogue(), "kubernetes").components
    containerd = Catalogue().model("runtimes", "containerd").quantity("memory.daemon")
    assert agent.ram + containerd == pytest.approx(303.5e6, rel=0.01)
    assert server.ram + agent.ram + containerd == pytest.approx(898.9e6, rel=0.01)


def test_crun_starts_in_about_a_fifth_and_the_seed_s_half_is_an_alternative() -> None:
    catalogue = Catalogue()
    runc, crun = (catalogue.describe("runtimes", name) for name in ("runc", "crun"))
    start = {
        model: next(row for row in rows if row["path"] == "start.container")
        for model, rows in (("runc", runc), ("crun", crun))
    }
    assert start["runc"]["value"] == {"normal": {"mean": 224.6, "sd": 12.0}}
    seeds = {
        model: next(a["value"] for a in row["alternatives"] if a["kind"] == "seed") for model, row in start.items()
    }
    assert seeds == {"runc": 33.4, "crun": 16.9}
