"""The scenario's items of kind model: who can be asked for them, and their publication."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.control.api.patient import once_up
from simulator.errors import Problem
from simulator.simulation.clusters.cluster import Cluster
from simulator.simulation.clusters.horizon import AgreementCluster
from simulator.simulation.clusters.world import World
from simulator.simulation.layout import Layout
from simulator.spec.look import Look
from simulator.spec.mechanism import ModelObjects
from simulator.spec.orchestrator import Orchestrator
from simulator.spec.topology import matching
from simulator.spec.workload import Model


def check_models(look: Look, page: Orchestrator, share: Layout) -> Iterator[Problem]:
    """Whether this orchestrator brings models to nodes, and has a node for each. `share` are the cluster's machines."""
    nodes = [share.nodes[index].name for index in share.members if share.nodes[index].role != "control-plane"]
    for number, item in enumerate(look.scenario.workloads):
        if not isinstance(item, Model):
            continue
        if page.find(ModelObjects) is None:
            said = f"model {item.name}: {page.title} has no service that brings models to nodes"
            hint = "use open-horizon, as one cluster, or put the file into an image"
            yield look.source.problem(("workloads", number, "kind"), said, hint)
        elif not matching(item.nodes, nodes):
            said = f"model {item.name}: {item.nodes} matches no node that {page.title} brings models to"
            yield look.source.problem(("workloads", number, "nodes"), said, f"such as {', '.join(nodes[:5])}")


def add_model(world: World, cluster: Cluster, item: Model, at: int) -> None:
    """Have a model published at `at` (ns), or as soon as the hub answers after it. It has passed `check_models`."""
    assert isinstance(cluster, AgreementCluster)
    nodes = [index for index in matching(item.nodes, world.nodes.names) if index in cluster.exchange.nodes]
    once_up(world.clock, cluster.server, at, lambda: cluster.models.publish(item.name, int(item.size), nodes))
