"""The place: machines and links of a scenario, its topology generated if it names a generator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from simulator.errors import Problem, UserError
from simulator.facts import Catalogue
from simulator.simulation.generate import generate
from simulator.simulation.links import link_row
from simulator.simulation.nodes import node_rows
from simulator.spec.mechanism import Component, Server
from simulator.spec.orchestrator import Orchestrator
from simulator.spec.scenario import Scenario
from simulator.spec.topology import Topology, expand_links
from simulator.streams import Rng
from simulator.world.link import LinkRow
from simulator.world.node import NodeRow


@dataclass(frozen=True, slots=True)
class Layout:
    """Rows of machines and links, and who plays which part, as indices of machines."""

    nodes: tuple[NodeRow, ...]
    links: tuple[LinkRow, ...]
    members: tuple[int, ...]  # of the cluster: workers and control planes
    control_planes: tuple[int, ...]
    registry: int

    @property
    def api(self) -> int:
        """Where the API server runs: the first control plane."""
        return self.control_planes[0]

    @property
    def sites(self) -> list[str]:
        """Zones with workers but without a control plane."""
        central = {self.nodes[i].zone for i in self.control_planes if self.nodes[i].role == "control-plane"}
        return list(dict.fromkeys(n.zone for n in self.nodes if n.role == "worker" and n.zone not in central))


def lay_out(scenario: Scenario, catalogue: Catalogue, rng: Rng, max_pods: int) -> Layout:
    """Read the topology. Raises UserError where a generator, a model or a link is wrong, or nothing can be a member.

    The control plane runs where the role says so, without one on the first possible member; images come from the
    first machine of role registry, without one from the control plane's.
    """
    topology = scenario.world
    if topology.use is not None:
        # One place for all replications: what differs between them is what happens there.
        made = generate(topology.use, topology.params, Rng(rng.seed), scenario.folder)
        try:
            topology = Topology.parse(made)
        except UserError as error:
            said = f"topology {topology.use!r} made nonsense"
            raise UserError(replace(p, message=f"{said}: {p.message}") for p in error.problems) from error
    nodes = node_rows(topology.nodes, catalogue, max_pods)
    names = [node.name for node in nodes]
    links = [link_row(name, a, b, spec, catalogue) for name, a, b, spec in expand_links(topology.links, names)]
    members = [i for i, node in enumerate(nodes) if node.role in ("worker", "control-plane")]
    if not members:
        hint = "give one of them the role worker or control-plane"
        raise UserError(Problem("no machine of the topology can be a member of a cluster", hint=hint))
    planes = [i for i in members if nodes[i].role == "control-plane"] or members[:1]
    registry = next((i for i, node in enumerate(nodes) if node.role == "registry"), planes[0])
    return Layout(tuple(nodes), tuple(links), tuple(members), tuple(planes), registry)


def components_on(page: Orchestrator, layout: Layout, node: int) -> list[Component]:
    """What the orchestrator installs on this machine."""
    return [c for c in page.components if not isinstance(c, Server) or node in layout.control_planes]


def check_machines(page: Orchestrator, layout: Layout, world: Topology) -> list[Problem]:
    """Every kind of member that is too small, or of an architecture, for what the orchestrator installs on it."""
    places = [f"nodes.{number}.model" for number, node in enumerate(world.nodes) for _ in node.names()]
    found: dict[tuple[str, str, str], list[str]] = {}
    for i in layout.members:
        node, place = layout.nodes[i], ".".join(["scenario.topology", *places[i : i + 1]])
        for component in components_on(page, layout, i):
            least, what = component.minimum, f"{page.name}'s {component.name}"
            if node.ram_bytes < least.ram:
                said = f"RAM of {node.ram_bytes / 1e6:.0f} MB; {what} needs {least.ram / 1e6:.0f} MB"
                hint = "choose a larger model, another role, or another orchestrator"
                found.setdefault((place, said, hint), []).append(node.name)
            if node.platform not in component.architectures:
                said = f"platform {node.platform}, for which there is no {component.name} of {page.name}"
                hint = f"there is one for {', '.join(component.architectures)}"
                found.setdefault((place, said, hint), []).append(node.name)
    return [Problem(f"{_some(names)}: {said}", path=place, hint=hint) for (place, said, hint), names in found.items()]


def _some(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def check_links(layout: Layout) -> list[Problem]:
    """Every member that no way leads from to the control plane."""
    reach: Sequence[set[int]] = [set() for _ in layout.nodes]
    for link in layout.links:
        reach[link.a].add(link.b)
        reach[link.b].add(link.a)
    seen, waiting = {layout.api}, [layout.api]
    while waiting:
        for other in reach[waiting.pop()] - seen:
            seen.add(other)
            waiting.append(other)
    hint = "add a link; a machine that is no member of the cluster has the role device, router or registry"
    return [
        Problem(f"no link leads from {layout.nodes[i].name} to the control plane", path="scenario.topology", hint=hint)
        for i in layout.members
        if i not in seen
    ]
