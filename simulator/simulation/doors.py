"""Where the traffic of a machine enters the cluster."""

from __future__ import annotations

from simulator.errors import Problem, UserError
from simulator.simulation.layout import Layout
from simulator.streams import Rng, key
from simulator.traffic.plane import RequestPlane
from simulator.world.network import Network
from simulator.world.roaming import Roaming


def door(source: int, layout: Layout, network: Network, rng: Rng) -> int:
    """The member whose service proxy a source uses: itself, or the nearest by latency, in its own zone if there is one.

    A device does not run a proxy; its traffic enters the cluster at a node (a NodePort, in Kubernetes' words): that
    which is near when it begins, or would be if it had a way. Among equally near ones the lot decides, by the source's
    name. Raises UserError where no way leads to the cluster.
    """
    if source in layout.members:
        return source
    zone = layout.nodes[source].zone
    workers = [m for m in layout.members if layout.nodes[m].role == "worker"] or list(layout.members)
    near = [m for m in workers if layout.nodes[m].zone == zone] or workers
    own = key(layout.nodes[source].name)
    reached = [
        (route.latency_ns, rng.draw("door", own, key(layout.nodes[m].name)), m)
        for m in near
        if (route := network.route(source, m) or network.intact(source, m)) is not None
    ]
    if not reached:
        name = layout.nodes[source].name
        hint = "add a link between it and the cluster"
        raise UserError(Problem(f"no way leads from {name} to the cluster", path="scenario.topology", hint=hint))
    return min(reached)[2]


def follow(roaming: Roaming, plane: RequestPlane, layout: Layout, network: Network, rng: Rng) -> None:
    """Devices that go from cell to cell enter the cluster by the member that is near to their cell."""

    def joined(node: int) -> None:
        if node not in layout.members:
            plane.enter(node, door(node, layout, network, rng))

    roaming.joined.append(joined)
