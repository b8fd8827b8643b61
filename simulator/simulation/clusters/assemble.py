"""The clusters of a simulation: members before their hub, each of the kind that its page asks for."""

from __future__ import annotations

from collections.abc import Mapping

from simulator.simulation.clusters.cluster import Cluster
from simulator.simulation.clusters.kubernetes import Cluster as KubernetesCluster
from simulator.simulation.clusters.world import World
from simulator.simulation.deciders import read_deciders
from simulator.simulation.demand import duration
from simulator.simulation.layout import Layout
from simulator.simulation.runtimes import RuntimeTable
from simulator.simulation.settings import kubernetes as settings
from simulator.spec.clusters import bottom_up
from simulator.spec.mechanism import Kubelet
from simulator.spec.orchestrator import Orchestrator
from simulator.spec.scenario import Scenario
from simulator.traffic.plane import RequestPlane


def most_pods(page: Orchestrator) -> int:
    """How many pods this orchestrator's agent allows on a machine that says nothing itself."""
    return page.get(Kubelet).max_pods


def eviction_check(page: Orchestrator) -> int:
    """How often this orchestrator's agent looks at its memory, in ns."""
    return page.get(Kubelet).eviction_check


def assemble(
    world: World,
    layout: Layout,
    pages: Mapping[str, Orchestrator],
    runtimes: RuntimeTable,
    scenario: Scenario,
    *,
    plane: RequestPlane,
) -> dict[str, Cluster]:
    """Every cluster by its name. Raises UserError where a policy cannot be made."""
    made: dict[str, Cluster] = {}
    thinking = None if scenario.policy_time is None else duration(scenario.policy_time, scenario.folder)
    for name in bottom_up(scenario.family):
        page, share = pages[name], layout.clusters[name]
        deciders = read_deciders(scenario)  # of each cluster its own: a policy may remember
        made[name] = KubernetesCluster(
            world,
            share,
            page,
            runtimes,
            plane=plane,
            policy=deciders.placement,
            scheduling=deciders.join(settings.scheduler(page, thinking, scenario.on_policy_error)),
        )
    return made
