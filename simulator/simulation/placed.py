"""`start: placed`: a scenario that begins with its replicas laid out, running and ready.

The same world is started empty and run, without traffic and faults, until its workloads have settled; what is
stored and running there is then the beginning. So the replicas lie where the scenario's own policy puts them.
"""

from __future__ import annotations

from copy import copy
from typing import Final, TypeVar

from simulator.control.api.objects import (
    ApiObject,
    DaemonSet,
    Deployment,
    Endpoints,
    Job,
    Pod,
    ReplicaSet,
    Service,
)
from simulator.control.api.server import ApiServer
from simulator.engine.clock import Clock
from simulator.runtime.status import DesiredPod
from simulator.simulation.clusters.kubernetes import Cluster
from simulator.units import HOUR, SECOND
from simulator.world.registry import Registry

T = TypeVar("T", bound=ApiObject)
_LOOK_NS: Final = 10 * SECOND
_PATIENCE_NS: Final = HOUR  # what is not up by then begins as it is: a pod that fits nowhere stays Pending


def settle(clock: Clock, server: ApiServer) -> None:
    """Run until every pod is ready or finished, and every workload has all of its pods."""
    before = None
    while clock.now < _PATIENCE_NS:
        clock.run(clock.now + _LOOK_NS)
        pods = [(p.name, p.ready, p.phase) for p in server.list(Pod)]
        up = all(ready or phase in ("Succeeded", "Failed") for _, ready, phase in pods)
        if pods and up and pods == before:
            return
        before = pods


def transplant(settled: Cluster, cluster: Cluster, registry: Registry) -> None:
    """Begin with what `settled` has: its API objects, and its running pods on the same nodes with their images.

    Pods that have finished are not part of a beginning; their Jobs know that they are complete.
    """
    server, twins = cluster.server, dict[int, ApiObject]()
    for kind in (Deployment, ReplicaSet, DaemonSet, Job, Service):
        for obj in settled.server.list(kind):
            twins[id(obj)] = server.create(_twin(obj, twins))
    agents = {cluster.node_objects[index].name: agent for index, agent in cluster.agents.items()}
    for pod in settled.server.list(Pod):
        if pod.phase not in ("Pending", "Running") or pod.deletion_ns is not None:
            continue
        if not pod.ready:  # it begins as it was: still on its way
            pod.node, pod.phase, pod.reason, pod.scheduled_ns, pod.devices = "", "Pending", "", None, {}
        twin = _twin(pod, twins)
        twin.ready_ns = 0 if pod.ready else None
        twins[id(pod)] = server.create(twin)
        cluster.manager.pods.add(twin)  # the controllers' cache has it from the first instant on
        if twin.node:
            names = {c.image for c in (*twin.template.init_containers, *twin.template.containers)}
            images = [image for name in sorted(names) if (image := registry.find(name)) is not None]
            cluster.watches.file(twin)
            agents[twin.node].adopt(DesiredPod(twin.uid, twin.name, twin.template, devices=twin.devices), images)
    for endpoints in settled.server.list(Endpoints):
        twin_of = _twin(endpoints, twins)
        twin_of.pods = tuple(p for pod in endpoints.pods if isinstance(p := twins.get(id(pod)), Pod))
        server.create(twin_of)


def _twin(obj: T, twins: dict[int, ApiObject]) -> T:
    """A copy that belongs to the copy of its owner; the server gives it an identity of its own."""
    twin = copy(obj)
    if isinstance(twin, Pod | ReplicaSet) and twin.owner is not None:
        twin.owner = twins[id(twin.owner)]
    return twin
