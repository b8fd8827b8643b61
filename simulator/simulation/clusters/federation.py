"""A hub above whole clusters, joined to the machine that it runs on and to its members' API servers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Literal

from simulator.control.api.objects import ApiObject, Node
from simulator.control.api.server import ApiServer
from simulator.control.clusters.hub import Hub
from simulator.control.clusters.objects import Applied, Binding, copies_of, key_of
from simulator.control.clusters.site import Mode, Site
from simulator.control.delivery.reach import Reach
from simulator.control.delivery.session import Session
from simulator.control.scheduling.settings import Draws
from simulator.faults import Switch
from simulator.policy import ClusterPolicy
from simulator.policy.clusters import ClusterPolicyFunction
from simulator.runtime.agent import NodeAgent
from simulator.simulation.clusters.cluster import Cluster, Several
from simulator.simulation.clusters.world import World
from simulator.simulation.layout import Layout
from simulator.simulation.settings import karmada as settings
from simulator.spec.mechanism import ClusterStatus, Propagation
from simulator.spec.orchestrator import Orchestrator


class Federation:
    """A hub over `members` by name. It has machines for its control plane, and runs no pods on them.

    `reach` is the way between those machines; the ways to the members are `hub.roster.ways`, a row each. `modes` says
    which members push and which pull; the page says it for the others.
    """

    __slots__ = ("_members", "agents", "follows", "hub", "node_objects", "notes", "page", "reach", "scheduler",
                 "server", "sessions", "switches")  # fmt: skip

    def __init__(
        self,
        world: World,
        layout: Layout,
        page: Orchestrator,
        members: Mapping[str, Cluster],
        *,
        policy: ClusterPolicy | ClusterPolicyFunction,
        on_policy_error: Literal["fallback", "stop"],
        thinking: Draws | None,
        modes: Mapping[str, Mode],
    ) -> None:
        of = page.get(Propagation)
        self.page = page
        self._members = members
        self.agents: Mapping[int, NodeAgent] = {}
        self.node_objects: Mapping[int, Node] = {}
        self.scheduler = None
        self.sessions: Mapping[int, Session] = {}
        self.follows: Collection[str] = ()
        self.notes: Sequence[str] = ()
        self.server = ApiServer(world.clock, world.recorder, of.watch_latency, world.uids)
        self.reach = Reach(world.network, self.server, layout.api, layout.members, page.get(ClusterStatus).bytes)
        names = world.nodes.names
        self.hub = Hub(
            world.clock,
            world.rng,
            world.recorder,
            world.network,
            self.server,
            node=layout.api,
            machine=names[layout.api],
            sites=[
                Site(
                    name,
                    member.server,
                    member.reach.api_node,
                    names[member.reach.api_node],
                    modes.get(name, of.mode),
                )
                for name, member in members.items()
            ],
            policy=policy,
            settings=settings.hub(page, world.tcp, on_policy_error, thinking),
        )
        parts = {
            "api-server": _Stops(self.server.set_up),
            "controller-manager": _Stops(self.hub.set_manager),
            "scheduler": _Stops(self.hub.set_scheduler),
        }
        self.switches: Mapping[str, Switch] = {**parts, "hub": Several(*parts.values())}

    def apply(self, objects: Iterable[ApiObject]) -> None:
        """Somebody applies these objects now."""
        self.hub.apply(objects)

    def applied(self) -> Iterable[ApiObject]:
        """The workloads that somebody has applied."""
        return [each.workload for each in self.server.list(Applied)]

    def changed(self, obj: ApiObject) -> None:
        """Somebody has changed this object."""
        if (known := self.hub.applied(obj)) is not None:
            self.server.changed(known)

    def start(self) -> None:
        """Time begins. The members begin by themselves."""
        self.hub.start()

    def wanted(self, workload: ApiObject) -> int:
        """How many pods this workload wants over all members; duplicated copies as often as there are."""
        binding = self.server.get(Binding, key_of(workload))
        if binding is None or not binding.scheduled:
            return copies_of(workload)
        if binding.counted:
            return sum(binding.replicas.values())
        return sum(self._members[name].wanted(workload) for name in binding.replicas)


class _Stops:
    """One process as a switch: it is up again when every stop of it has ended."""

    def __init__(self, set_up: Callable[[bool], None]) -> None:
        self._set_up, self._stops = set_up, 0

    def set_up(self, up: bool) -> None:
        self._stops += -1 if up else 1
        self._set_up(not self._stops)
