"""Open Horizon's page says what the reference says, and what it cannot be asked is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios import SMALL, scenario
from simulator.facts import Catalogue
from simulator.spec.check_match import check_node_match
from simulator.spec.look import Look
from simulator.spec.mechanism import (
    Agreement,
    Autonomy,
    CancelAgreement,
    Docker,
    ModelObjects,
    NodeAgent,
    NodeMatch,
    PollAge,
    Server,
    StaticAddress,
)
from simulator.spec.orchestrator import load_orchestrator
from simulator.units import HOUR, MINUTE, SECOND

PAGE = load_orchestrator(Catalogue(), "open-horizon")


def test_negotiation_and_polls() -> None:
    """orchestrators-edge.md, 5.2 and 5.3."""
    of = PAGE.get(Agreement)
    assert (of.poll_from, of.poll_to, of.poll_step) == (20 * SECOND, 120 * SECOND, 20 * SECOND)
    assert (of.poll_quiet, of.heartbeat_failed) == (120 * SECOND, 60 * SECOND)
    assert (of.poll_retries, of.poll_gap, of.call_retry) == (2, 3 * SECOND, 10 * SECOND)
    assert of.proposal_timeout == of.message_ttl == 2 * of.poll_to
    assert (of.acknowledge_timeout, of.launch_timeout) == (600 * SECOND, 10 * MINUTE)
    assert (of.search_batch, of.error_rescan, of.start_retries, of.retry_window) == (300, 15 * SECOND, 2, 600 * SECOND)
    assert of.change_log == 4 * HOUR


def test_liveness_eviction_autonomy_and_models() -> None:
    """5.4: nothing of it is Kubernetes'."""
    age, cancel, models = PAGE.get(PollAge), PAGE.get(CancelAgreement), PAGE.get(ModelObjects)
    assert (age.missing, age.check, age.half_above) == (1800 * SECOND, 1800 * SECOND, 60 * SECOND)
    assert 5 * SECOND <= age.governance <= 10 * SECOND
    assert (cancel.purge, cancel.verify_on_return, cancel.verify_every, cancel.verify_most) == (HOUR, True, MINUTE, 5)
    assert PAGE.get(Autonomy).after_reboot_offline == ("keep",)
    assert (models.poll, models.chunk, models.queue, models.resend) == (MINUTE, 5 * 2**20, 2, 10 * SECOND)
    assert PAGE.find(StaticAddress) is not None
    assert (PAGE.kubernetes_based, PAGE.node_autonomy) == (False, "No")


def test_footprints_limits_and_architectures() -> None:
    """5.5, E-P32 and E-P33."""
    of, admits = PAGE.get(Agreement), PAGE.get(NodeMatch)
    server, agent = PAGE.components
    assert isinstance(server, Server)
    assert isinstance(agent, NodeAgent)
    assert (agent.ram, of.agreement_ram, of.agent_disk) == (100_000_000, 100_000, 400_000_000)
    assert (server.minimum.ram, admits.nodes) == (4_000_000_000, 45_000)
    assert agent.minimum.ram <= 256 << 20  # a node of 256 MB is admitted
    assert {"linux/arm/v7", "linux/arm64", "linux/amd64"} <= set(agent.architectures)
    assert PAGE.get(Docker).restart_backoff.cap == MINUTE


MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]
      affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: zone}]}}
      initContainers: [{name: first, image: shop/schema}]
      containers: [{name: web, image: shop/api}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: once, image: shop/schema}]}}}
"""


def problems(folder: Path, manifest: str) -> list[tuple[int | None, str]]:
    (folder / "web.yaml").write_text(manifest)
    items = [{"kind": "manifest", "file": "./web.yaml"}, *SMALL["workloads"][2:3]]
    look = Look(scenario({**SMALL, "workloads": items}, folder=folder))
    assert look.complete
    return [(p.line, p.message) for p in check_node_match(look, PAGE.get(NodeMatch), "Open Horizon")]


def test_what_cannot_be_asked_is_refused_by_name_and_line(tmp_path: Path) -> None:
    found = dict(problems(tmp_path, MANIFEST))
    assert found == {
        15: "Open Horizon cannot be asked for a Service (Service web)",
        20: "Open Horizon cannot be asked for a Job (Job once)",
        9: "Open Horizon cannot be asked for topologySpreadConstraints (Deployment web)",
        10: "Open Horizon cannot be asked for podAntiAffinity (Deployment web)",
        11: "Open Horizon cannot be asked for initContainers (Deployment web)",
    }


@pytest.mark.parametrize("kind", ["Deployment", "DaemonSet"])
def test_what_runs_on_nodes_that_match_is_taken(tmp_path: Path, kind: str) -> None:
    lines = MANIFEST.splitlines()
    plain = "\n".join(line for line in lines[:12] if "opology" not in line and "init" not in line)
    assert problems(tmp_path, plain.replace("Deployment", kind)) == []
