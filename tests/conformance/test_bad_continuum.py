"""Wrong clusters, hubs, updates and models: each is told at its own line with a hint, and nothing runs or is written.

What can be told only once the whole place is laid out is among them; `test_bad_input` has what one file tells.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.cli.app import call

CLUSTERS = """\
question: Is this right?
scenario:
  duration: 1min
  topology:
    nodes:
      - {name: hub, model: cloud-vm, zone: cloud, role: control-plane}
      - {name: a, model: x86-edge, zone: a}
      - {name: b, model: x86-edge, zone: b}
    links:
      - {name: wan, between: ["[ab]", hub], model: lte}
  policies: {clusters: spread}
  clusters:
    hub: {orchestrator: karmada, nodes: hub, members: [a, b]}
    a: {orchestrator: k3s, nodes: a}
    b: {orchestrator: k3s, nodes: b}
  images:
    "api:1": {compressed: 20MB, unpacked: 50MB, layers: 3, platforms: [linux/amd64]}
    "api:2": {compressed: 20MB, unpacked: 50MB, layers: 3, platforms: [linux/amd64]}
  workloads:
    - {kind: service, name: api, image: "api:1", replicas: 2, cpu: 100m, ram: 64Mi, memory: {idle: 10Mi}}
  faults:
    - {kind: update, workload: api, image: "api:2", at: 30s}
    - {kind: stop, name: halt, component: api-server, cluster: a, at: 40s, duration: 10s}
"""
AGREEMENTS = """\
question: Is this right?
scenario:
  duration: 1min
  topology:
    nodes:
      - {name: hub, model: cloud-vm, zone: cloud, role: control-plane}
      - {name: a, model: x86-edge, zone: a}
    links:
      - {name: wan, between: [a, hub], model: lte}
  orchestrator: open-horizon
  images:
    "api:1": {compressed: 20MB, unpacked: 50MB, layers: 3, platforms: [linux/amd64]}
  workloads:
    - {kind: service, name: api, image: "api:1", per: site, memory: {idle: 10Mi}}
    - {kind: model, name: net, size: 20MB, nodes: a, at: 10s}
"""

# What stands in the file; what a user wrote instead; the line that is blamed; what is said there.
WRONG = {
    "member of no name": (CLUSTERS, "members: [a, b]", "members: [a, c]", 13, "no cluster is named c (one of a"),
    "member twice": (CLUSTERS, "members: [a, b]", "members: [a, b, a]", 13, "cluster a is a member of hub already"),
    "members of no hub": (CLUSTERS, ", nodes: b}", ", nodes: b, members: [a]}", 15, "cluster a is a member of hub"),
    "no hub": (CLUSTERS, "members: [a, b]", "members: [a]", 13, "hub and b have no hub"),
    "hub that is none": (CLUSTERS, "karmada", "k3s", 13, "k3s has no member clusters (a multi-cluster"),
    "member without pods": (CLUSTERS, "k3s, nodes: b", "open-horizon, nodes: b", 15,
                            "karmada cannot give workloads to b: open-horizon takes no Kubernetes objects ("),
    "name with a blank": (CLUSTERS, "    b: {", '    "b c": {', 15, "b c: 'b c' is no name (letters, digits"),
    "node of two clusters": (CLUSTERS, "nodes: b}", 'nodes: "[ab]"}', 15, "a is in cluster a already (one for each)"),
    "cluster without nodes": (CLUSTERS, "nodes: b}", "nodes: \"c*\"}", 15, "c* matches no node (nodes are a, b, hub)"),
    "orchestrator beside clusters": (CLUSTERS, "  policies: {clusters: spread}", "  orchestrator: k3s", 11,
                                     "orchestrator is short for one cluster over all nodes (give one of the two)"),
    "division of no name": (CLUSTERS, "spread", "sprad", 11, "no policy named 'clusters/sprad' (did you mean spread?)"),
    "division by a placement": (CLUSTERS, "spread", "random", 11, "clusters/random' (random is a policy for placement"),
    "update of nobody": (CLUSTERS, "workload: api", "workload: apii", 22, "no workload is named apii (did you mean"),
    "update after the end": (CLUSTERS, "at: 30s", "at: 30min", 22, "begins at 30min, and the run ends at 1min"),
    "component of another": (CLUSTERS, "api-server", "agbot", 23, "k3s has no component agbot (it has api-server"),
    "component of no cluster": (CLUSTERS, "cluster: a", "cluster: c", 23, "no cluster is named c (clusters are a"),
    "division of one cluster": (AGREEMENTS, "open-horizon", "k3s\n  policies: {clusters: spread}", 11,
                                "k3s divides nothing over clusters (leave it out"),
    "model for pods": (AGREEMENTS, "open-horizon", "k3s", 15, "model net: K3s has no service that brings models"),
    "model to nowhere": (AGREEMENTS, "nodes: a,", 'nodes: "b*",', 15, "b* matches no node (nodes are a, hub)"),
    "model in bits": (AGREEMENTS, "20MB, nodes", "20Mb, nodes", 15, "'20Mb' is no size (bits occur only in rates"),
    "model after the end": (AGREEMENTS, "at: 10s", "at: 10min", 15, "model net comes at 10min, and the run ends"),
    "one at each of no sites": (AGREEMENTS, "zone: a", "zone: cloud", 14,
                                "service api: there is no site (a site is a zone with workers and without a control"),
    "cluster where there is one": (AGREEMENTS, "  images:", "  faults:\n    - {kind: stop, component: hub, cluster: a, "
                                   "at: 1s, duration: 1s}\n  images:", 12, "no cluster is named a (there is one"),
}  # fmt: skip


@pytest.mark.parametrize("base", [CLUSTERS, AGREEMENTS])
def test_what_the_cases_change_is_right(base: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.yaml").write_text(base, "utf-8")
    assert call(["check", str(tmp_path / "x.yaml")]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("name", WRONG)
def test_one_thing_wrong_with_several_machines(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base, old, new, line, said = WRONG[name]
    assert old in base
    (tmp_path / "x.yaml").write_text(base.replace(old, new, 1), "utf-8")
    assert call(["run", str(tmp_path / "x.yaml"), "--out", str(tmp_path / "out"), "--executor", "serial"]) == 2
    told = capsys.readouterr().err.splitlines()
    mine = [problem for problem in told if said in problem]
    assert [problem.partition("x.yaml:")[2].partition(":")[0] for problem in mine] == [str(line)], told
    assert not (tmp_path / "out").exists()
