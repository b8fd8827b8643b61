"""What a node agent's reports change at the API server, however they got there."""

from __future__ import annotations

from simulator.control.api.objects import Node, Pod
from simulator.control.api.server import ApiServer
from simulator.runtime.status import PodStatus


def apply_status(server: ApiServer, pod: Pod, status: PodStatus, now: int) -> None:
    """Write a pod's status; nothing is written that is there already."""
    said = (status.phase, status.ready, status.reason, status.restarts)
    if pod.deleted or (pod.phase, pod.ready, pod.reason, pod.restarts) == said:
        return
    if status.ready and not pod.ready:
        pod.ready_ns = now
    pod.phase, pod.ready, pod.reason, pod.restarts = said
    server.changed(pod)


def apply_node_status(
    server: ApiServer, node: Node, conditions: dict[str, bool], images: dict[str, int], now: int
) -> None:
    """Write a node's conditions and images, likewise."""
    node.heard_ns = now
    if not node.deleted and (node.conditions != conditions or node.images != images):
        node.conditions, node.images = conditions, images
        server.changed(node)
