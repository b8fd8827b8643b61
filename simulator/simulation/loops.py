"""The loops that ask a scenario's policies now and then, joined to its clusters."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from simulator.control.api.client import Client
from simulator.control.api.objects import Pod
from simulator.control.delivery.reach import OK
from simulator.control.loops.autoscaler import Autoscaler
from simulator.control.loops.metrics import Metrics
from simulator.control.loops.prepuller import Prepuller, Tell
from simulator.control.loops.rescheduler import Rescheduler
from simulator.simulation.clusters.cluster import Cluster
from simulator.simulation.clusters.kubernetes import Cluster as KubernetesCluster
from simulator.simulation.clusters.world import World
from simulator.simulation.deciders import read_deciders
from simulator.simulation.migrations import join_nodes
from simulator.simulation.settings import kubernetes as settings
from simulator.spec.scenario import Scenario
from simulator.traffic.plane import RequestPlane


def add_loops(
    world: World, clusters: Iterable[Cluster], scenario: Scenario, plane: RequestPlane, functions: Collection[str]
) -> list[Autoscaler]:
    """Each cluster that schedules gets loops of its own. Replicas are set where workloads are applied: only there.

    Returns those that may be asked from outside."""
    autoscalers: list[Autoscaler] = []
    if scenario.policies is None:
        return autoscalers
    for cluster in clusters:
        if not isinstance(cluster, KubernetesCluster):
            continue
        deciders, control = read_deciders(scenario), settings.manager(cluster.page)  # a policy may remember

        def client(of: KubernetesCluster = cluster) -> Client:
            return Client(world.clock, of.server, control.qps, control.burst, control.latency_ns)  # noqa: B023

        if deciders.rescheduling is not None:
            Rescheduler(
                world.clock, world.recorder, cluster.server, client(),
                scheduler=cluster.scheduler, policy=deciders.rescheduling, refuses=join_nodes(world, cluster),
                functions=functions,
            )  # fmt: skip
        if deciders.autoscaling is not None:
            scaler = Autoscaler(
                world.clock, world.recorder, cluster.server, client(), manager=cluster.manager,
                metrics=_metrics(world, cluster, plane), policy=deciders.autoscaling, asker=cluster.scheduler.asker(),
            )  # fmt: skip
            autoscalers.append(scaler)
        if deciders.caching is not None:
            Prepuller(
                world.clock, world.recorder, cluster.server, scheduler=cluster.scheduler, policy=deciders.caching,
                find=world.registry.find, tell=_tell(world, cluster),
            )  # fmt: skip
    return autoscalers


def _tell(world: World, cluster: KubernetesCluster) -> Tell:
    """To agents over the network, as the control plane's other words to them; a word takes no bytes."""
    reach = cluster.reach
    rows = {world.nodes.names[node]: row for row, node in enumerate(reach.rows)}

    def tell(node: str, image: str) -> None:
        row = rows[node]
        if reach.state[row] == OK:
            agent = cluster.agents[reach.rows[row]]
            world.clock.after(int(reach.delay_ns[row]), agent.pull, image)

    return tell


def _metrics(world: World, cluster: KubernetesCluster, plane: RequestPlane) -> Metrics:
    reach = cluster.reach
    rows = {world.nodes.names[node]: row for row, node in enumerate(reach.rows)}

    def reached(pod: Pod) -> bool:
        row = rows.get(pod.node)
        return row is not None and bool(reach.state[row] == OK)

    return Metrics(cluster.server, cluster.manager.pods, plane, reached)
