"""What a cluster is to the rest of a simulation, whatever its orchestrator."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, Protocol

from simulator.control.api.objects import ApiObject, Node
from simulator.control.api.server import ApiServer
from simulator.control.delivery.reach import Reach
from simulator.control.delivery.session import Session
from simulator.control.scheduling.scheduler import Scheduler
from simulator.faults import Switch
from simulator.runtime.agent import NodeAgent
from simulator.spec.orchestrator import Orchestrator

LEADER: Final = "leader"  # the switch of the controller manager's leading copy alone


class Several:
    """Several processes as one switch."""

    def __init__(self, *switches: Switch) -> None:
        self._switches = switches

    def set_up(self, up: bool) -> None:
        """Stop or start all of them."""
        for switch in self._switches:
            switch.set_up(up)


class Cluster(Protocol):
    """A control plane with its agents. `agents` and `node_objects` go by the index of their machine in the world."""

    @property
    def page(self) -> Orchestrator:
        """Its orchestrator."""

    @property
    def server(self) -> ApiServer:
        """The store of what it believes and wants."""

    @property
    def reach(self) -> Reach:
        """Who of its members reaches its control plane."""

    @property
    def agents(self) -> Mapping[int, NodeAgent]:
        """The agents of its machines."""

    @property
    def node_objects(self) -> Mapping[int, Node]:
        """Its machines as it believes them to be."""

    @property
    def sessions(self) -> Mapping[int, Session]:
        """The machines' standing connections to a hub, where the orchestrator has such."""

    @property
    def scheduler(self) -> Scheduler | None:
        """Who asks a placement policy, if this orchestrator has one."""

    @property
    def notes(self) -> Sequence[str]:
        """What a reader of the results should know of how workloads were taken."""

    @property
    def switches(self) -> Mapping[str, Switch]:
        """What a fault of kind stop can stop, by the component's name; `leader` is that of the controller manager."""

    @property
    def follows(self) -> Collection[str]:
        """Those of them that the power of their machine takes and gives back without being told."""

    def apply(self, objects: Iterable[ApiObject]) -> None:
        """Somebody applies these objects now."""

    def applied(self) -> Iterable[ApiObject]:
        """The workloads that somebody has applied."""

    def changed(self, obj: ApiObject) -> None:
        """Somebody has changed this object, which was applied before."""

    def start(self) -> None:
        """Time begins: the first objects are stored."""

    def wanted(self, workload: ApiObject) -> int:
        """How many pods of this workload it would run if nothing were wrong."""
