"""Which kinds are read, which others Kubernetes has, and which API groups are its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from simulator.spec.kubernetes.base import K8sObject
from simulator.spec.kubernetes.cluster import (
    ConfigMap,
    HorizontalPodAutoscaler,
    Node,
    PriorityClass,
    RuntimeClass,
    Secret,
    Service,
)
from simulator.spec.kubernetes.pod import Pod
from simulator.spec.kubernetes.workloads import CronJob, DaemonSet, Deployment, Job, ReplicaSet, StatefulSet

KINDS: Final[dict[str, type[K8sObject]]] = {
    cls.__name__: cls
    for cls in (
        Pod,
        Deployment,
        ReplicaSet,
        DaemonSet,
        StatefulSet,
        Job,
        CronJob,
        Service,
        Node,
        RuntimeClass,
        PriorityClass,
        ConfigMap,
        Secret,
        HorizontalPodAutoscaler,
    )
}

# The other kinds of the groups that our kinds are in (`kubectl api-resources` of Kubernetes 1.32).
OTHERS: Final = frozenset({
    "Binding", "ComponentStatus", "ControllerRevision", "Endpoints", "Event", "LimitRange", "Namespace",
    "PersistentVolume", "PersistentVolumeClaim", "PodTemplate", "ReplicationController", "ResourceQuota",
    "ServiceAccount",
})  # fmt: skip

# Kubernetes' groups without a domain; every other group, built in or custom, has a dot in its name.
GROUPS: Final = ("apps", "batch", "autoscaling", "policy", "extensions")
# The groups whose kinds are all known here.
OURS: Final = frozenset({"", "apps", "batch", "autoscaling", "node.k8s.io", "scheduling.k8s.io"})


def group_of(api_version: str) -> str:
    """The group of an apiVersion; the core group is the empty one."""
    group, slash, _ = api_version.rpartition("/")
    return group if slash else ""


# What makes pods here.
WORKLOADS: Final = (Deployment, ReplicaSet, DaemonSet, Job, Pod)


def roots(objects: Iterable[K8sObject]) -> list[K8sObject]:
    """The objects that make pods by themselves: in a dump, not those that another object of the dump has made."""
    objects = list(objects)
    present = {(obj.kind, obj.metadata.namespace, obj.name) for obj in objects}

    def made(obj: K8sObject) -> bool:
        owners = (o for o in obj.metadata.owner_references if o.controller)
        return any((owner.kind, obj.metadata.namespace, owner.name) in present for owner in owners)

    return [obj for obj in objects if isinstance(obj, WORKLOADS) and not made(obj)]
