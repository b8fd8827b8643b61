"""The clusters of a simulation: members before their hub, each of the kind that its page asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from simulator.errors import Problem
from simulator.simulation.clusters.cluster import Cluster
from simulator.simulation.clusters.federation import Federation
from simulator.simulation.clusters.horizon import AgreementCluster
from simulator.simulation.clusters.kubernetes import Cluster as KubernetesCluster
from simulator.simulation.clusters.scheduling import SchedulingCluster
from simulator.simulation.clusters.world import World
from simulator.simulation.deciders import read_deciders
from simulator.simulation.demand import duration
from simulator.simulation.layout import Layout
from simulator.simulation.runtimes import RuntimeTable
from simulator.simulation.settings import kubernetes as settings
from simulator.spec.clusters import bottom_up
from simulator.spec.mechanism import Agreement, Docker, Framework, Kubelet, Propagation
from simulator.spec.orchestrator import Orchestrator
from simulator.spec.scenario import Scenario
from simulator.traffic.plane import RequestPlane


def most_pods(page: Orchestrator) -> int:
    """How many pods this orchestrator's agent allows on a machine that says nothing itself; a hub runs none."""
    agent = page.find(Kubelet) or page.find(Docker)
    return agent.max_pods if agent is not None else 0


def memory_check(page: Orchestrator) -> int | None:
    """How often this orchestrator's agent looks at its machine's memory, in ns; None: it has no agent."""
    kubelet, docker = page.find(Kubelet), page.find(Docker)
    return kubelet.eviction_check if kubelet else docker.memory_check if docker else None


def check_members(scenario: Scenario, pages: Mapping[str, Orchestrator]) -> Iterator[Problem]:
    """Hubs have members, and only hubs."""
    for name, cluster in scenario.family.items():
        page, path = pages[name], f"scenario.clusters.{name}" if name else "scenario.orchestrator"
        if page.find(Propagation) is None and cluster.members:
            hint = "a multi-cluster orchestrator has, such as karmada"
            yield Problem(f"{page.name} has no member clusters", path=f"{path}.members", hint=hint)
        elif page.find(Propagation) is not None and not cluster.members:
            hint = "clusters: {hub: {orchestrator: …, nodes: …, members: [a, b]}, a: …, b: …}"
            yield Problem(f"{page.name} is nothing without member clusters", path=path, hint=hint)
        for member in cluster.members:
            under = pages[member]
            if page.find(Propagation) and not (under.find(Framework) or under.find(Propagation)):
                said = f"{page.name} cannot give workloads to {member}: {under.name} takes no Kubernetes objects"
                where, hint = f"scenario.clusters.{member}.orchestrator", "its members are of the Kubernetes family"
                yield Problem(said, path=where, hint=hint)


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
    for name in bottom_up(scenario.family):
        members = {member: made[member] for member in scenario.family[name].members}
        made[name] = _cluster(
            world, layout.clusters[name], pages[name], scenario, runtimes=runtimes, plane=plane, members=members
        )
    return made


def _cluster(
    world: World,
    share: Layout,
    page: Orchestrator,
    scenario: Scenario,
    *,
    runtimes: RuntimeTable,
    plane: RequestPlane,
    members: Mapping[str, Cluster],
) -> Cluster:
    deciders = read_deciders(scenario)  # of each cluster its own: a policy may remember
    on_error: Literal["fallback", "stop"] = scenario.on_policy_error
    thinking = None if scenario.policy_time is None else duration(scenario.policy_time, scenario.folder)
    if page.find(Propagation) is not None:
        modes = {member: mode for member in members if (mode := scenario.family[member].mode) is not None}
        return Federation(
            world, share, page, members,
            policy=deciders.clusters, on_policy_error=on_error, thinking=thinking, modes=modes,
        )  # fmt: skip
    if page.find(Agreement) is not None:
        return AgreementCluster(world, share, page, runtimes, plane=plane)
    scheduler = deciders.join(settings.scheduler(page, thinking, on_error))
    if scenario.fidelity == "scheduling":
        return SchedulingCluster(world, share, page, runtimes, policy=deciders.placement, scheduling=scheduler)
    return KubernetesCluster(
        world,
        share,
        page,
        runtimes,
        plane=plane,
        policy=deciders.placement,
        scheduling=scheduler,
    )
