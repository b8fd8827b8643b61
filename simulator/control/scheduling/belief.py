"""What the scheduler believes about one node: a snapshot of its object, taken when the watch told of it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from simulator.control.api.objects import Node, Taint
from simulator.control.scheduling.events import NOTHING, Event

HOSTNAME = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"
_ALLOCATABLE: Final = ("allocatable_cpu_m", "allocatable_ram_bytes", "max_pods", "extended", "accelerators")


class NodeBelief:
    """The fields that scheduling reads. Never changed: a new snapshot replaces it."""

    __slots__ = (
        "accelerators",
        "allocatable_cpu_m",
        "allocatable_ram_bytes",
        "extended",
        "images",
        "labels",
        "max_pods",
        "name",
        "node",
        "platform",
        "ready",
        "speed",
        "taints",
        "unschedulable",
        "zone",
    )

    def __init__(self, node: Node) -> None:
        self.node = node  # only for its age, and to look up by identity
        self.name = node.name
        self.zone = node.zone
        self.platform = node.platform
        self.labels: Mapping[str, str] = MappingProxyType(_well_known(node) | node.labels)
        self.taints: tuple[Taint, ...] = tuple(node.taints)
        self.unschedulable = node.unschedulable
        self.ready = node.ready == "True"
        self.allocatable_cpu_m = node.allocatable_cpu_m
        self.allocatable_ram_bytes = node.allocatable_ram_bytes
        self.max_pods = node.max_pods
        self.extended = dict(node.extended)
        self.accelerators = {each.resource: each for each in node.accelerators}
        self.images = dict(node.images)
        self.speed = node.speed

    def changes(self, new: NodeBelief) -> Event:
        """Which events the step from this snapshot to `new` is."""
        found = NOTHING
        if any(getattr(self, name) != getattr(new, name) for name in _ALLOCATABLE):
            found |= Event.NODE_ALLOCATABLE
        if self.labels != new.labels:
            found |= Event.NODE_LABELS
        if self.taints != new.taints or self.unschedulable != new.unschedulable:
            found |= Event.NODE_TAINTS
        return found


def _well_known(node: Node) -> dict[str, str]:
    """The labels that every kubelet sets by itself."""
    system, _, architecture = node.platform.partition("/")
    labels = {HOSTNAME: node.name}
    if node.zone:
        labels[ZONE] = node.zone
    if architecture:
        labels["kubernetes.io/os"], labels["kubernetes.io/arch"] = system, architecture.partition("/")[0]
    return labels
