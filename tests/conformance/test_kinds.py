"""`show` and `explain` on what is no pod of a scheduler: models, instances of functions, agreements."""

from __future__ import annotations

from pathlib import Path

from commands import here, littoral

__all__ = ["here"]  # a fixture

PLACE = """\
question: Who gets it?
scenario:
  duration: 3min
  topology:
    nodes:
      - {name: hub, model: cloud-vm, zone: cloud, role: control-plane}
      - {name: a, model: x86-edge, zone: a, count: 2}
    links:
      - {name: wan, between: ["a-*", hub], model: lte}
  images:
    "api:1": {compressed: 20MB, unpacked: 50MB, layers: 3, platforms: [linux/amd64]}
"""
AGREED = """\
  orchestrator: open-horizon
  workloads:
    - {kind: service, name: api, image: "api:1", per: site}
    - {kind: model, name: net, size: 20MB, nodes: "a-*", at: 1min}
"""
CALLED = """\
  orchestrator: k3s
  workloads:
    - {kind: function, name: resize, image: "api:1", cpu: 100m, ram: 128Mi, arrivals: {poisson: 1/s}, work: 5ms,
       scaling: {use: keep-alive, params: {idle: 1min}}}
"""


def test_show_says_which_models_go_where(here: Path) -> None:
    (here / "agreed.yaml").write_text(PLACE + AGREED, "utf-8")
    (model,) = littoral("show", "agreed.yaml", "--json").document["models"]
    assert model == {"model": "net", "size_bytes": 20_000_000, "published_s": 60.0, "nodes": "a-0, a-1"}
    assert "models (1)" in littoral("show", "agreed.yaml").out


def test_show_says_what_an_instance_of_a_function_asks_for(here: Path) -> None:
    (here / "called.yaml").write_text(PLACE + CALLED, "utf-8")
    document = littoral("show", "called.yaml", "--json").document
    (pod,) = document["pods"]
    assert {"workload": "resize", "kind": "function", "cpu_m": 100, "ram_bytes": 128 << 20}.items() <= pod.items()
    assert "models" not in document


def test_explain_says_that_nobody_was_asked_where_an_agreed_pod_goes(here: Path) -> None:
    (here / "agreed.yaml").write_text(PLACE + AGREED, "utf-8")
    assert littoral("run", "agreed.yaml", "--out", "out", "--executor", "serial", "--no-report").status == 0
    said = littoral("explain", "out", "api-a-a-0-1")
    assert said.status == 2
    assert "no placement policy was asked about the pod 'api-a-a-0-1'" in said.err
    assert "nobody decided about a pod named 'api-b'" in littoral("explain", "out", "api-b").err
