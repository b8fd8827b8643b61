"""What images weigh that no scenario describes; where they are before time begins, and who hands them on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from simulator.errors import Problem, UserError
from simulator.facts import Catalogue
from simulator.simulation.clusters.cluster import Cluster
from simulator.simulation.clusters.world import World
from simulator.spec import image as spec
from simulator.spec.topology import matching
from simulator.world.image import Image
from simulator.world.mirror import Mirror
from simulator.world.neighbours import Site

_DEFAULT = "default-image"


def pages(catalogue: Catalogue, names: Iterable[str]) -> dict[str, str]:
    """The page of each image of these: its title is the image's name, with the tag or for any, or it is the default."""
    wanted = list(names)
    titles = {catalogue.model("images", page).header.title: page for page in catalogue.names("images") if wanted}
    return {name: titles.get(spec.find(titles, name) or "", _DEFAULT) for name in wanted}


def undescribed(of: Mapping[str, str]) -> Iterator[str]:
    """What whoever reads the results should know of images and the pages that they took."""
    for name, page in of.items():
        assumed = ", which is assumed" if page == _DEFAULT else ""
        yield f"image {name}: described nowhere, so it took the catalogue's {page}{assumed}"


def of_page(catalogue: Catalogue, page: str) -> spec.Image:
    """An image as the catalogue describes it. Reads its facts."""
    model = catalogue.model("images", page)
    return spec.Image.parse(
        {
            "compressed": f"{model.quantity('compressed')}B",
            "unpacked": f"{model.quantity('unpacked')}B",
            "layers": int(model.quantity("layers")),
            "platforms": model.list("platforms"),
            "format": model.text("format"),
        }
    )


def add_mirrors(world: World) -> None:
    """Every machine of role registry but the registry itself is a mirror of it for its zone, the first of each zone."""
    registry, events = world.registry, world.recorder.events
    for index, row in enumerate(world.nodes.rows):
        if row.role == "registry" and index != registry.node and row.zone not in registry.mirrors:

            def came(digest: str, size: int, name: str = row.name) -> None:
                events.add(world.clock.now, "Fetched", digest, name, f"{size} B, registry")

            registry.mirrors[row.zone] = Mirror(index, registry, world.network, row.disk_bytes, came)


def add_sites(world: World, of: spec.RegistrySpec) -> None:
    """The nodes of each zone hand each other what they have, if the scenario says so."""
    if of.peers != "none":
        for row in world.nodes.rows:
            world.registry.sites.setdefault(row.zone, Site(world.network, swarm=of.peers == "swarm"))


def check_peers(world: World, clusters: Iterable[Cluster]) -> None:
    """Raises UserError where nodes are to hand on layers, and none can."""
    agents = [agent for cluster in clusters for agent in cluster.agents.values()]
    keepers = {world.nodes.zone[agent.node] for agent in agents if agent.images.keeps_archives}
    if world.registry.sites and not any(len(world.registry.sites[zone].stores) > 1 for zone in keepers):
        said = "no node has a neighbour in its zone whose engine keeps the archives of layers, so no node serves one"
        hint = "give nodes of one zone an engine such as containerd, or leave out registry.peers"
        raise UserError([Problem(said, path="registry.peers", hint=hint)])


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
