"""The ledger holds exactly what was read; overrides replace facts, say so, and tell when nothing met them."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.errors import UserError
from simulator.facts import Catalogue, Ledger
from simulator.spec.mechanism import Kubelet, Lease
from simulator.spec.orchestrator import load_orchestrator
from simulator.units import MS, SECOND


def test_the_ledger_holds_what_was_read_and_nothing_else() -> None:
    catalogue = Catalogue()
    pi = catalogue.model("nodes", "raspberry-pi-4b")
    assert catalogue.ledger.rows() == []
    pi.quantity("power.idle")
    pi.quantity("ram")
    pi.quantity("ram")
    rows = catalogue.ledger.rows()
    assert [(row["path"], row["value"], row["unit"], row["kind"], row["source"]) for row in rows] == [
        ("facts.nodes.raspberry-pi-4b.power.idle", 1.6, "W", "measured", "sbc-reviews"),
        ("facts.nodes.raspberry-pi-4b.ram", 4, "GiB", "vendor", "pi-guide"),
    ]
    assert catalogue.ledger.sources() == ["pi-guide", "sbc-reviews"]
    assert catalogue.ledger.assumed() == []


def test_listing_and_describing_read_nothing() -> None:
    catalogue = Catalogue()
    catalogue.rows("nodes")
    catalogue.describe("nodes", "cloud-vm")
    assert catalogue.ledger.rows() == []


def test_an_orchestrator_s_page_is_read_whole() -> None:
    catalogue = Catalogue()
    load_orchestrator(catalogue, "kubernetes")
    read = {row["path"].removeprefix("facts.orchestrators.kubernetes.") for row in catalogue.ledger.rows()}
    assert read == {row["path"] for row in catalogue.describe("orchestrators", "kubernetes")}


def test_ledgers_are_joined() -> None:
    one, two = Catalogue(), Catalogue()
    one.model("links", "lte").quantity("loss")
    two.model("links", "lte").quantity("up")
    one.ledger.join(two.ledger)
    assert [row["path"] for row in one.ledger.rows()] == ["facts.links.lte.loss", "facts.links.lte.up"]


def test_one_ledger_may_serve_several_catalogues() -> None:
    ledger = Ledger()
    Catalogue({"facts.links.lte.up": "1Mbps"}, ledger=ledger).model("links", "lte").quantity("loss")
    Catalogue(ledger=ledger).model("links", "lte").quantity("up")
    assert len(ledger.rows()) == 2
    assert ledger.unread_overrides() == ["facts.links.lte.up"]


@pytest.mark.parametrize(
    ("path", "value", "base"),
    [
        ("links.lte.latency", "80ms", 80 * MS),
        ("links.lte.loss", "2%", 0.02),
        ("links.lte.loss", 0.02, 0.02),
        ("links.lte.up", "1Mbps", 1e6),
        ("nodes.raspberry-pi-4b.ram", "1Gi", 2**30),
        ("nodes.raspberry-pi-4b.cores", 2, 2),
        ("links.fibre-wan.per_km", 5, 5000.0),
        ("nodes.raspberry-pi-4b.ram", {"source": "pi-guide"}, 4 * 2**30),
        ("links.lte.down", {"source": "raca2020"}, 6.7e6),
    ],
)
def test_an_override_replaces_the_value(path: str, value: Any, base: float) -> None:
    kind, name, field = path.split(".", 2)
    catalogue = Catalogue({f"facts.{path}": value})
    assert catalogue.model(kind, name).quantity(field) == base
    assert catalogue.ledger.unread_overrides() == []
    assert catalogue.check_overrides() == []


def test_an_overridden_fact_is_an_assumption_that_says_what_it_replaced() -> None:
    catalogue = Catalogue({"facts.links.lte.loss": "5%"})
    catalogue.model("links", "lte").quantity("loss")
    (row,) = catalogue.ledger.rows()
    assert (row["value"], row["kind"], row["source"]) == (0.05, "assumed", "assumed")
    assert row["note"] == "overridden; the catalogue says 0.0277 ratio (measured, raca2020)"
    (described,) = [row for row in catalogue.describe("links", "lte") if row["path"] == "loss"]
    assert [other["value"] for other in described["alternatives"]] == [0.0277]


def test_choosing_an_alternative_keeps_its_source() -> None:
    catalogue = Catalogue({"facts.links.lte.down": {"source": "raca2020"}})
    catalogue.model("links", "lte").quantity("down")
    assert [(row["kind"], row["source"]) for row in catalogue.ledger.rows()] == [("measured", "raca2020")]


def test_an_override_may_be_a_distribution() -> None:
    catalogue = Catalogue({"facts.runtimes.runc.start.container": {"exponential": "1s"}})
    spec = catalogue.model("runtimes", "runc").distribution("start.container")
    assert (spec.kind, spec.parameters) == ("exponential", {"mean": float(SECOND)})


def test_an_override_that_nothing_reads_is_told() -> None:
    catalogue = Catalogue(
        {"facts.links.lte.loss": "5%", "facts.links.wifi-5.loss": "5%", "facts.links.lte.up": "1Mbps"}
    )
    catalogue.model("links", "lte").quantity("up")
    assert catalogue.ledger.unread_overrides() == ["facts.links.lte.loss", "facts.links.wifi-5.loss"]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("facts.links.lte.loss", "5MB", "no ratio"),
        ("facts.links.lte.loss", "150%", "above 1"),
        ("facts.links.lte.latency", 5, "has no unit"),
        ("facts.links.lte.latency", "-5ms", "impossible"),
        ("facts.links.lte.latency", {"exponential": "5ms"}, "not a distribution"),
        ("facts.links.lte.latncy", "5ms", "did you mean latency"),
        ("facts.links.lte.down", {"source": "raca2021"}, "did you mean raca2020"),
        ("facts.links.lte", "5ms", "names no fact"),
        ("facts.links.ltee.loss", "5%", "did you mean lte"),
        ("facts.link.lte.loss", "5%", "did you mean links"),
        ("facts.nodes.cloud-vm.platforms", ["amd64"], "no OCI platform"),
        ("facts.nodes.cloud-vm.platforms", "linux/amd64", "is no list"),
        ("facts.runtimes.runc.oci", "yes", "is no flag"),
        ("facts.runtimes.runc.start.container", {"lognormal": {"median": "5ms", "p99": "1ms"}}, "below the median"),
        ("facts.orchestrators.kubernetes.liveness.graze", "20s", "did you mean liveness.lease.grace"),
        ("facts.orchestrators.kubernetes.liveness.grace", "20MB", "no duration"),
        ("facts.orchestrators.kubernetes.node_agent.image_pulls", 3, "no structure"),
    ],
)
def test_a_wrong_override_is_refused_by_its_key(key: str, value: Any, said: str) -> None:
    (problem,) = Catalogue({key: value}).check_overrides()
    assert problem.path == key
    assert said in f"{problem} {problem.hint}"


@pytest.mark.parametrize(
    "path",
    ["liveness.grace", "liveness.lease.grace", "liveness.0.grace"],
)
def test_a_list_of_one_mechanism_needs_no_name(path: str) -> None:
    catalogue = Catalogue({f"facts.orchestrators.kubernetes.{path}": "70s"})
    assert load_orchestrator(catalogue, "kubernetes").get(Lease).grace == 70 * SECOND
    assert catalogue.ledger.unread_overrides() == []


def test_an_override_holds_for_every_version() -> None:
    catalogue = Catalogue({"facts.orchestrators.kubernetes.liveness.grace": "70s"})
    assert load_orchestrator(catalogue, "kubernetes@1.31").get(Lease).grace == 70 * SECOND


def test_structure_and_absence_are_overridden_too() -> None:
    overrides = {
        "facts.orchestrators.kubernetes.node_agent.image_pulls": "parallel",
        "facts.orchestrators.kubernetes.node_agent.memory_eviction": "none",
        "facts.orchestrators.kubernetes.components.node-agent.ram": "1GB",
    }
    catalogue = Catalogue(overrides)
    orchestrator = load_orchestrator(catalogue, "kubernetes")
    kubelet = orchestrator.get(Kubelet)
    assert (kubelet.image_pulls, kubelet.memory_eviction) == ("parallel", None)
    assert [component.ram for component in orchestrator.components] == [595_000_000, 1_000_000_000]
    assert catalogue.ledger.unread_overrides() == []


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("node_agent.image_pulls", "paralel", "did you mean parallel"),
        ("eviction.unhealthy_zone", 1.5, "eviction.taints.unhealthy_zone is 1.5"),
        ("node_agent.crash_backoff.cap", "1s", "cap lies below first"),
        ("scheduling.burst", 0, "scheduling.framework.burst is 0"),
    ],
)
def test_a_mechanism_refuses_an_override_by_its_key(path: str, value: Any, said: str) -> None:
    with pytest.raises(UserError) as caught:
        load_orchestrator(Catalogue({f"facts.orchestrators.kubernetes.{path}": value}), "kubernetes")
    (problem,) = caught.value.problems
    assert said in str(problem)
