"""Which nodes a service is published to: those whose properties and architecture match, in the order of the file.

Nothing is ever started elsewhere: where nothing matches, there is no agreement.
"""

from __future__ import annotations

from collections.abc import Iterable

from simulator.control.api.objects import ApiObject, DaemonSet, Deployment, Node, Pod, ReplicaSet
from simulator.world.pod import PodTemplate


def matches(template: PodTemplate, node: Node) -> bool:
    """Whether the node has the properties that the template's selector and affinity want, and an architecture for which
    its images are built. A node that is not registered (unschedulable) matches nothing."""
    if node.unschedulable or (template.platforms and node.platform not in template.platforms):
        return False
    if template.node_name:
        return template.node_name == node.name
    labels = node.labels
    if any(labels.get(key) != value for key, value in template.node_selector.items()):
        return False
    terms = template.node_affinity
    return not terms or any(all(each.matches(labels) for each in term) for term in terms)


def targets(workload: ApiObject, nodes: Iterable[Node]) -> list[Node]:
    """The nodes that get an agreement about this workload: every match of a DaemonSet; of what wants n copies the first
    n matches, for such a hub knows no copies: it is what somebody publishes who lists n nodes by hand. Raises TypeError
    for what cannot be published."""
    match workload:
        case DaemonSet():
            return [node for node in nodes if matches(workload.template, node)]
        case Deployment() | ReplicaSet():
            found = (node for node in nodes if matches(workload.template, node))
            return [node for node, _ in zip(found, range(workload.replicas), strict=False)]
        case Pod():
            return [node for node in nodes if matches(workload.template, node)][:1]
    raise TypeError(f"a {workload.kind} cannot be published")
