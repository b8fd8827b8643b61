"""Which pods of a cluster can move while they run, and from node to node."""

from __future__ import annotations

from collections.abc import Callable

from simulator.control.api.objects import Job, Pod
from simulator.runtime.migration import Migrations
from simulator.simulation.clusters.kubernetes import Cluster
from simulator.simulation.clusters.world import World


def join_nodes(world: World, cluster: Cluster) -> Callable[[Pod, str, str], str]:
    """Let memory go from any node of the cluster to any other. Gives `refuses(pod, node, how)`: why a pod that runs
    cannot move to this node in the way `how` (live, state); empty where it can."""
    Migrations(world.clock, world.network, world.recorder, cluster.agents.values())
    agents = {agent.name: agent for agent in cluster.agents.values()}

    def refuses(pod: Pod, node: str, how: str) -> str:
        template = pod.template
        ends = any(container.run_ns is not None for container in template.containers)
        if ends or pod.run_ns is not None or isinstance(pod.owner, Job):
            return "it ends by itself, and moves cold alone"
        if template.extended:
            return "it holds accelerators, whose memory stays"
        here, there = agents[pod.node], agents[node]
        costs, others = here.costs(template), there.costs(template)
        if costs is None or others is None:
            return f"a node has no runtime {template.runtime_class}"
        rules = costs.migration
        if how not in rules.ways:
            offered = ", ".join(sorted(rules.ways)) or "none but cold"
            return f"its runtime {rules.stack} does not offer it (migration.ways: {offered})"
        if others.migration.stack != rules.stack:
            return f"its runtime {rules.stack} is {others.migration.stack} on {node}"
        platforms = [world.nodes.rows[agent.node].platform for agent in (here, there)]
        if not rules.portable and platforms[0] != platforms[1]:
            return f"a machine of {platforms[0]} does not go on on {platforms[1]}"
        return ""

    return refuses
