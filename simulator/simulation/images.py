"""Where images are before time begins: mirrors of the registry at sites, and what nodes have already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from simulator.errors import Problem, UserError
from simulator.simulation.clusters.cluster import Cluster
from simulator.simulation.clusters.world import World
from simulator.spec import image as spec
from simulator.spec.topology import matching
from simulator.world.image import Image
from simulator.world.registry import Mirror


def add_mirrors(world: World) -> None:
    """Every machine of role registry but the registry itself is a mirror of it for its zone, the first of each zone."""
    for index, row in enumerate(world.nodes.rows):
        if row.role == "registry" and index != world.registry.node:
            mirror = Mirror(index, world.registry, world.network, row.disk_bytes)
            world.registry.mirrors.setdefault(row.zone, mirror)


def prepull(
    world: World, clusters: Iterable[Cluster], images: Mapping[str, Image], described: Mapping[str, spec.Image]
) -> None:
    """Give nodes and mirrors the images that the scenario says they have. Raises UserError where a disk is too small.

    `images` are those of the workloads by name. Nodes have told their control plane.
    """
    agents = {index: (cluster, agent) for cluster in clusters for index, agent in cluster.agents.items()}
    mirrors = {mirror.node: mirror for mirror in world.registry.mirrors.values()}
    problems: list[Problem] = []
    for name, image in images.items():
        key = spec.find(described, name)
        globs = () if key is None else described[key].prepulled
        for index in dict.fromkeys(i for glob in globs for i in matching(glob, world.nodes.names)):
            if index in mirrors:
                mirrors[index].keep(image)
            elif index in agents:
                cluster, agent = agents[index]
                if not agent.preload(image):
                    said = f"{world.nodes.names[index]}: its disk has no room for image {name}"
                    problems.append(Problem(said, path=f"images.{key}.prepulled", hint="give the node a larger disk"))
                cluster.node_objects[index].images[image.name] = image.unpacked
    if problems:
        raise UserError(problems)
