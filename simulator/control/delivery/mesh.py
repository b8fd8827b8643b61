"""EdgeMesh: endpoints that every edge node keeps in its own database, and sends requests by.

They come down the same session as pods, acknowledged, and a node that reboots while it is cut off still knows them.
"""

from __future__ import annotations

from functools import partial

from simulator.control.api.objects import Node
from simulator.control.delivery.acked_push import AckedPush
from simulator.control.delivery.edge_pods import EdgePods
from simulator.control.delivery.ledger import Letter
from simulator.control.delivery.proxy import Backends, Plane, Proxies
from simulator.control.delivery.reach import DOWN, Reach


class Mesh:
    """The service metadata of all edge nodes. `proxies` says what the endpoints of each service are."""

    __slots__ = ("_nodes", "_plane", "_programmed", "_proxies", "_push", "_reach")

    def __init__(self, plane: Plane, proxies: Proxies, push: AckedPush, reach: Reach) -> None:
        self._plane = plane
        self._proxies = proxies
        self._push = push
        self._reach = reach
        self._nodes: dict[int, Node] = {}
        self._programmed: dict[int, dict[str, tuple[int, ...]]] = {}
        proxies.hooks.append(self._changed)
        reach.tell(self._powered)

    def attach(self, pods: EdgePods, node_object: Node, row: int) -> None:
        """The mesh agent on this node, whose row in `reach` this is."""
        self._nodes[row], self._programmed[row] = node_object, {}
        pods.node(row).takers["endpoints"] = partial(self._take, row)

    def _changed(self, changes: dict[str, Backends | None]) -> None:
        for service, backends in changes.items():
            version, size = self._push.next_version(), self._proxies.size([service])
            letter = Letter(service, version, "endpoints", service, size, backends, delete=backends is None)
            for row in self._nodes:
                self._push.publish(row, letter)

    def _take(self, row: int, letter: Letter) -> None:
        node, backends = self._nodes[row], letter.content
        self._write(row, letter.about, () if backends is None else backends.seen_from(node.name, node.zone))

    def _write(self, row: int, service: str, pods: tuple[int, ...]) -> None:
        programmed = self._programmed[row]
        if programmed.get(service, ()) != pods:
            programmed[service] = pods
            self._plane.program(self._reach.rows[row], service, pods)

    def _powered(self, _rows: list[int], booted: list[int]) -> None:
        for row in booted:
            if row in self._nodes and self._reach.state[row] == DOWN:
                for service in tuple(self._programmed[row]):
                    self._write(row, service, ())
