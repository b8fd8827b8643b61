"""Services at configured addresses: there is nothing between a client and the node whose address it was given.

Each node's requests for a service go to the instance published to that node, else to those of its zone, else to all.
Which containers listen at an address changes with them; whether any does, nobody looks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from simulator.control.api.objects import Node, Service
from simulator.control.delivery.proxy import Plane
from simulator.world.pod import PodTemplate

Place = tuple[str, int]  # a workload, and a node that it is published to


class Addresses:
    """The addresses that every node's clients have. Nodes go by the index of their machine."""

    __slots__ = ("_chosen", "_nodes", "_plane", "_published", "_uids", "_users")

    def __init__(self, plane: Plane, nodes: Mapping[int, Node]) -> None:
        self._plane = plane
        self._nodes = nodes  # of the cluster, also those that can have no agreement
        self._published: dict[str, tuple[PodTemplate, tuple[int, ...]]] = {}
        self._uids: dict[Place, int] = {}  # what listens there, or did last
        self._chosen: dict[tuple[int, str], list[Place]] = {}  # (node, service) -> where its requests go
        self._users: dict[Place, list[tuple[int, str]]] = {}  # the same the other way round

    def publish(self, workload: str, template: PodTemplate, nodes: Sequence[int]) -> None:
        """A workload is published to these nodes; `configure` makes it known to clients."""
        self._published[workload] = (template, tuple(nodes))

    def configure(self, services: Iterable[Service]) -> None:
        """Give every node's clients the addresses of these services, which are all that there are."""
        self._users = defaultdict(list)
        for service in services:
            places = [
                (workload, node)
                for workload, (template, nodes) in self._published.items()
                if all(each.matches(template.labels) for each in service.selector)
                for node in nodes
            ]
            own: dict[int, list[Place]] = defaultdict(list)
            near: dict[str, list[Place]] = defaultdict(list)
            for place in places:
                own[place[1]].append(place)
                near[self._nodes[place[1]].zone].append(place)
            for index, node in self._nodes.items():
                chosen = self._chosen[index, service.name] = own.get(index) or near.get(node.zone) or places
                for place in chosen:
                    self._users[place].append((index, service.name))
                self._program(index, service.name)

    def placed(self, node: int, workload: str, uid: int) -> None:
        """At this node's address other containers answer from now on."""
        self._uids[workload, node] = uid
        for index, service in self._users.get((workload, node), ()):
            self._program(index, service)

    def _program(self, node: int, service: str) -> None:
        places = self._chosen[node, service]
        self._plane.program(node, service, tuple(self._uids[place] for place in places if place in self._uids))
