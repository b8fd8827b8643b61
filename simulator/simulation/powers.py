"""What the power of each machine brings up: its operating system, its agent, and on one the control plane."""

from __future__ import annotations

from collections.abc import Mapping

from simulator.facts import Catalogue
from simulator.faults import Component, HostSystem, Power, PowerCycled
from simulator.simulation.clusters.cluster import LEADER, Cluster
from simulator.simulation.clusters.world import World
from simulator.simulation.systems import host_settings


class Powers:
    """One `Power` for each machine, for all who take it away or give it back; each made when first asked for.

    `components` are those of each cluster's control plane, by the cluster's and their own name.
    """

    __slots__ = ("_catalogue", "_clusters", "_components", "_powers", "_systems", "_world")

    def __init__(
        self,
        world: World,
        clusters: Mapping[str, Cluster],
        components: Mapping[str, Mapping[str, Component]],
        catalogue: Catalogue,
    ) -> None:
        self._world, self._clusters, self._components, self._catalogue = world, clusters, components, catalogue
        self._powers: dict[int, Power] = {}
        self._systems: dict[int, HostSystem] = {}

    def of(self, node: int) -> Power:
        """The power of a machine."""
        if node not in self._powers:
            world = self._world
            lives = self.system(node) if world.nodes.rows[node].system else self._agent(node)
            self._powers[node] = Power(world.clock, world.network, world.nodes, world.recorder, node, agent=lives)
        return self._powers[node]

    def system(self, node: int) -> HostSystem:
        """The operating system of a machine that names one."""
        if node not in self._systems:
            world = self._world
            self._systems[node] = HostSystem(
                world.clock, world.network, world.nodes, world.recorder, node,
                source=world.registry.node,
                settings=host_settings(self._catalogue, world.nodes.rows[node].system),
                agent=self._agent(node),
            )  # fmt: skip
        return self._systems[node]

    def _agent(self, node: int) -> PowerCycled | None:
        """What lives on a machine: its agent, and on that of an API server the control plane too."""
        for key, cluster in self._clusters.items():
            agent = cluster.agents.get(node)
            told = self._components[key].keys() - {LEADER, *cluster.follows}
            plane = [c for name, c in self._components[key].items() if name in told]
            if node == cluster.reach.api_node and plane:
                return _ControlPlane(agent, plane)
            if agent is not None:
                return agent
        return None


class _ControlPlane:
    """The machine of the API server: its power is the control plane's."""

    def __init__(self, agent: PowerCycled | None, components: list[Component]) -> None:
        self._agent, self._components = agent, components

    def crash(self) -> None:
        for component in self._components:
            component.stop()
        if self._agent is not None:
            self._agent.crash()

    def boot(self) -> None:
        for component in self._components:
            component.start()
        if self._agent is not None:
            self._agent.boot()
