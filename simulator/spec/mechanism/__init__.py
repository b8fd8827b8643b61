"""The mechanisms of orchestrators: one frozen class each, told apart by `kind`, in the file of the list they belong to.

What differs between orchestrators is which of these, with which numbers.
"""

from __future__ import annotations

from typing import Final

from simulator.spec.mechanism.admits import NodeMatch, Replicas
from simulator.spec.mechanism.autonomy import Autonomy
from simulator.spec.mechanism.buffer import HubChannel
from simulator.spec.mechanism.components import Datastore, Minimum, NodeAgent, Server, Station
from simulator.spec.mechanism.controllers import ControllerManager
from simulator.spec.mechanism.desired_state import AckedPush, Agreement, ModelObjects, Propagation, Watch
from simulator.spec.mechanism.devices import Twin
from simulator.spec.mechanism.eviction import CancelAgreement, ClusterFailover, Taints
from simulator.spec.mechanism.liveness import ClusterLease, ClusterStatus, Leader, Lease, PollAge, Session
from simulator.spec.mechanism.node_agent import Docker, Kubelet
from simulator.spec.mechanism.part import Backoff, Doubling, Part, kind_of
from simulator.spec.mechanism.reconnect import DialCycle, Reconnect
from simulator.spec.mechanism.scheduling import (
    Division,
    Framework,
    ImageLocality,
    Leftover,
    QueueBackoff,
    Sample,
    Spread,
    Unset,
)
from simulator.spec.mechanism.service_access import EdgeMesh, EndpointsFromApi, StaticAddress

Component = Server | NodeAgent
# The union that each list of a page holds, told apart by `kind`.
MECHANISMS: Final[dict[str, tuple[type[Part], ...]]] = {
    "admits": (Replicas, NodeMatch),
    "desired_state": (Watch, Agreement, ModelObjects, AckedPush, Propagation),
    "liveness": (Lease, PollAge, Session, ClusterStatus, ClusterLease),
    "eviction": (Taints, CancelAgreement, ClusterFailover),
    "autonomy": (Autonomy,),
    "reconnect": (Reconnect, DialCycle),
    "scheduling": (Framework, Division),
    "service_access": (EndpointsFromApi, StaticAddress, EdgeMesh),
    "buffer": (HubChannel,),
    "devices": (Twin,),
    "node_agent": (Kubelet, Docker),
    "controllers": (ControllerManager,),
    "components": (Server, NodeAgent),
}

__all__ = [
    "MECHANISMS",
    "AckedPush",
    "Agreement",
    "Autonomy",
    "Backoff",
    "CancelAgreement",
    "ClusterFailover",
    "ClusterLease",
    "ClusterStatus",
    "Component",
    "ControllerManager",
    "Datastore",
    "DialCycle",
    "Division",
    "Docker",
    "Doubling",
    "EdgeMesh",
    "EndpointsFromApi",
    "Framework",
    "HubChannel",
    "ImageLocality",
    "Kubelet",
    "Leader",
    "Lease",
    "Leftover",
    "Minimum",
    "ModelObjects",
    "NodeAgent",
    "NodeMatch",
    "Part",
    "PollAge",
    "Propagation",
    "QueueBackoff",
    "Reconnect",
    "Replicas",
    "Sample",
    "Server",
    "Session",
    "Spread",
    "StaticAddress",
    "Station",
    "Taints",
    "Twin",
    "Unset",
    "Watch",
    "kind_of",
]
