"""Filter and score plug-ins of users join the default scheduler, from YAML."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.errors import UserError
from simulator.simulation.simulation import Simulation
from simulator.spec import Scenario

_PLUGINS = '''
from simulator.policy import Filter, Score
import numpy as np

class Not(Filter):
    """Keeps pods off one node."""
    def __init__(self, node="edge-0"):
        self.node = node
    def passes(self, pod, cluster):
        return np.array([name != self.node for name in cluster.names])

class Likes(Score):
    """100 for one node."""
    def __init__(self, node="edge-2"):
        self.node = node
    def score(self, pod, cluster, where):
        return np.array([100.0 if name == self.node else 0.0 for name in cluster.names])

def nothing_fits(pod, cluster):
    return np.zeros(len(cluster), bool)
'''
_SCENARIO = """
question: Who takes the pods?
scenario:
  duration: 30s
  topology:
    nodes:
      - {name: cloud, model: cloud-vm, role: control-plane}
      - {name: edge, model: x86-edge, count: 3}
    links: [{name: lan, between: ["edge-*", cloud], model: ethernet}]
  policies: POLICIES
  workloads: [{kind: service, name: api, image: shop/api, replicas: 4, cpu: 100m, ram: 64Mi}]
"""


def _places(folder: Path, policies: str) -> list[str]:
    (folder / "mine.py").write_text(_PLUGINS, "utf-8")
    (folder / "x.yaml").write_text(_SCENARIO.replace("POLICIES", policies), "utf-8")
    run = Simulation(Scenario.load(folder / "x.yaml")).finish()
    return run.table("decisions")["node"].to_list()


def test_without_plugins_every_node_takes_some(tmp_path: Path) -> None:
    assert set(_places(tmp_path, "{}")) == {"edge-0", "edge-1", "edge-2"}


def test_a_filter_keeps_pods_off_a_node(tmp_path: Path) -> None:
    assert set(_places(tmp_path, "{filters: [./mine.py:Not]}")) == {"edge-1", "edge-2"}
    assert set(_places(tmp_path, "{filters: [{use: ./mine.py:Not, params: {node: edge-1}}]}")) == {"edge-0", "edge-2"}


def test_a_score_draws_pods_by_its_weight(tmp_path: Path) -> None:
    heavy = _places(tmp_path, "{scores: [{use: ./mine.py:Likes, weight: 1000}]}")
    assert heavy == ["edge-2"] * 4
    light = _places(tmp_path, "{scores: [{use: ./mine.py:Likes, weight: 0.001}]}")
    assert set(light) == {"edge-0", "edge-1", "edge-2"}


def test_a_plain_function_serves_as_a_filter(tmp_path: Path) -> None:
    assert set(_places(tmp_path, "{filters: [./mine.py:nothing_fits]}")) == {""}


@pytest.mark.parametrize(
    ("policies", "said"),
    [
        ("{filters: [./mine.py:Likes]}", "./mine.py:Likes is no filter"),
        ("{scores: [{use: ./mine.py:Not}]}", "./mine.py:Not is no score"),
        ("{scores: [{use: ./mine.py:Like}]}", "Likes"),
        ("{scores: [{use: ./mine.py:Likes, params: {nod: edge-1}}]}", "nod"),
    ],
)
def test_what_is_no_plugin_is_refused(tmp_path: Path, policies: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as refused:
        _places(tmp_path, policies)
    assert all(p.path.startswith("policies.") for p in refused.value.problems)


def test_a_weight_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="weight"):
        _places(tmp_path, "{scores: [{use: ./mine.py:Likes, weight: 0}]}")
