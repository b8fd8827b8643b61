"""The mechanisms of orchestrators: one frozen class each, told apart by `kind`, in the file of the list they belong to.

What differs between orchestrators is which of these, with which numbers.
"""

from __future__ import annotations

from typing import Final

from simulator.spec.mechanism.admits import Replicas
from simulator.spec.mechanism.autonomy import Autonomy
from simulator.spec.mechanism.components import Minimum, NodeAgent, Server
from simulator.spec.mechanism.controllers import ControllerManager
from simulator.spec.mechanism.desired_state import Watch
from simulator.spec.mechanism.eviction import Taints
from simulator.spec.mechanism.liveness import Leader, Lease
from simulator.spec.mechanism.node_agent import Kubelet
from simulator.spec.mechanism.part import Backoff, Doubling, Part, kind_of
from simulator.spec.mechanism.reconnect import Reconnect
from simulator.spec.mechanism.scheduling import Framework, ImageLocality, Leftover, QueueBackoff, Sample, Spread, Unset
from simulator.spec.mechanism.service_access import EndpointsFromApi

Component = Server | NodeAgent
# The union that each list of a page holds, told apart by `kind`.
MECHANISMS: Final[dict[str, tuple[type[Part], ...]]] = {
    "admits": (Replicas,),
    "desired_state": (Watch,),
    "liveness": (Lease,),
    "eviction": (Taints,),
    "autonomy": (Autonomy,),
    "reconnect": (Reconnect,),
    "scheduling": (Framework,),
    "service_access": (EndpointsFromApi,),
    "buffer": (),
    "devices": (),
    "node_agent": (Kubelet,),
    "controllers": (ControllerManager,),
    "components": (Server, NodeAgent),
}

__all__ = [
    "MECHANISMS",
    "Autonomy",
    "Backoff",
    "Component",
    "ControllerManager",
    "Doubling",
    "EndpointsFromApi",
    "Framework",
    "ImageLocality",
    "Kubelet",
    "Leader",
    "Lease",
    "Leftover",
    "Minimum",
    "NodeAgent",
    "Part",
    "QueueBackoff",
    "Reconnect",
    "Replicas",
    "Sample",
    "Server",
    "Spread",
    "Taints",
    "Unset",
    "Watch",
    "kind_of",
]
