"""An orchestrator's page: what is wrong in it is said at its line; pages inherit mechanism by mechanism."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.errors import UserError
from simulator.facts import Catalogue
from simulator.spec.mechanism import Autonomy, Framework, Kubelet, Lease, Taints, Watch
from simulator.spec.orchestrator import load_orchestrator
from simulator.units import SECOND

# K3s as the design's vocabulary writes it: Kubernetes with its differences.
PAGE = """\
name: k3s
kind: orchestrators
extends: kubernetes
facts:
  eviction: []
  autonomy:
    - kind: agent
      after_reboot_offline: []
  node_agent:
    - kind: kubelet
      memory_eviction: null
      image_pulls: parallel
      relist: {value: 2, unit: s, kind: assumed, source: assumed}
  components:
    - {kind: agent, name: node-agent}
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (tmp_path / "orchestrators").mkdir()
    file = tmp_path / "orchestrators" / "k3s.yaml"
    file.write_text(PAGE)
    return file


def test_a_page_says_only_its_differences(page: Path) -> None:
    catalogue = Catalogue(roots=[page.parent.parent])
    k3s, kubernetes = (load_orchestrator(catalogue, name) for name in ("k3s", "kubernetes"))
    assert k3s.get(Kubelet).model_copy(
        update={"memory_eviction": 100 * 2**20, "image_pulls": "serial", "relist": SECOND}
    ) == (kubernetes.get(Kubelet))
    assert k3s.get(Autonomy).offline == ("keep", "restart")
    assert k3s.get(Autonomy).after_reboot_offline == ()
    assert k3s.find(Taints) is None
    assert [component.name for component in k3s.components] == ["node-agent"]
    assert k3s.components[0] == kubernetes.components[1]
    assert k3s.get(Watch) == kubernetes.get(Watch)


def test_a_page_inherits_the_versions_and_may_pin_one(page: Path) -> None:
    root = page.parent.parent
    assert load_orchestrator(Catalogue(roots=[root]), "k3s").get(Lease).grace == 50 * SECOND
    assert load_orchestrator(Catalogue(roots=[root]), "k3s@1.31").get(Lease).grace == 40 * SECOND
    page.write_text(PAGE.replace("extends: kubernetes", "extends: kubernetes@1.31"))
    assert load_orchestrator(Catalogue(roots=[root]), "k3s").get(Lease).grace == 40 * SECOND
    page.write_text(PAGE.replace("extends: kubernetes", "extends: kubernetes@1.30"))
    with pytest.raises(UserError, match=r"no version 1.30 .*1.31, 1.32"):
        load_orchestrator(Catalogue(roots=[root]), "k3s")


def test_asking_for_a_mechanism_that_is_not_there(page: Path) -> None:
    k3s = load_orchestrator(Catalogue(roots=[page.parent.parent]), "k3s")
    with pytest.raises(UserError, match="k3s has no taints"):
        k3s.get(Taints)


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("eviction:", "evictions:", 5, "did you mean eviction"),
        ("eviction: []", "eviction: yes", 5, "a list of mechanisms"),
        ("- kind: kubelet", "- kind: kubelett", 10, "did you mean kubelet"),
        ("- kind: kubelet\n      ", "- ", 10, "has no kind"),
        ("image_pulls: parallel", "image_pulls: paralel", 12, "did you mean parallel"),
        ("image_pulls: parallel", "image_pull: parallel", 12, "did you mean image_pulls"),
        ("unit: s,", "unit: MB,", 13, "a duration, not a size"),
        ("value: 2,", "value: 0,", 13, "greater than 0"),
        ("value: 2,", "dist: {exponential: 2},", 13, "not a distribution"),
        ("relist: {value: 2, unit: s, kind: assumed, source: assumed}", "relist: 2s", 13, "2s has no source"),
        ("after_reboot_offline: []", "after_reboot_offline: [stay]", 8, "after_reboot_offline.0 is stay"),
        ("name: node-agent}", "name: other}", 15, "does not say components.other.on"),
    ],
)
def test_a_wrong_page_is_refused_at_its_line(page: Path, old: str, new: str, line: int, said: str) -> None:
    assert old in PAGE
    page.write_text(PAGE.replace(old, new, 1))
    with pytest.raises(UserError) as caught:
        load_orchestrator(Catalogue(roots=[page.parent.parent]), "k3s")
    assert said in str(caught.value)
    assert caught.value.problems[0].file == str(page)
    assert caught.value.problems[0].line == line


def test_the_scheduler_s_plug_ins_are_kubernetes_own() -> None:
    framework = load_orchestrator(Catalogue(), "kubernetes").get(Framework)
    assert framework.filters[:2] == ("NodeUnschedulable", "NodeName")
    assert set(framework.scores) >= {"ImageLocality", "NodeResourcesBalancedAllocation"}
