"""A member as the hub can touch it: a name, an API server, the machine that it runs on, and the way there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from simulator.control.api.server import ApiServer
from simulator.control.delivery.reach import Reach
from simulator.world.network import Network

Mode = Literal["push", "pull"]  # who opens the connection: the hub, or an agent in the member


@dataclass(frozen=True, slots=True)
class Site:
    """One member. `node` is the index of the machine of its API server, `machine` that machine's name."""

    name: str
    server: ApiServer
    node: int
    machine: str
    mode: Mode = "push"

    def way(self, network: Network, hub: ApiServer, hub_node: int, size_bytes: int) -> Reach:
        """What the client meets, as one row: in push mode the hub calls the member, in pull mode its agent the hub."""
        if self.mode == "push":
            return Reach(network, self.server, self.node, [hub_node], size_bytes)
        return Reach(network, hub, hub_node, [self.node], size_bytes)
