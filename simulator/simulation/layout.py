"""The place: machines and links of a scenario, its topology generated if it names a generator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from simulator.errors import Problem, UserError
from simulator.facts import Catalogue
from simulator.facts.platforms import SMALL
from simulator.simulation.coverage import Motion, motion
from simulator.simulation.generate import generate
from simulator.simulation.links import link_row, within
from simulator.simulation.movement import Site
from simulator.simulation.nodes import node_rows
from simulator.spec.clusters import ClusterSpec, top
from simulator.spec.look import Look
from simulator.spec.mechanism import Component, Server
from simulator.spec.orchestrator import Orchestrator
from simulator.spec.scenario import Scenario
from simulator.spec.topology import NodeSpec, Topology, expand_links, expand_nodes, matching
from simulator.streams import Rng
from simulator.world.link import LinkRow
from simulator.world.node import NodeRow


@dataclass(frozen=True, slots=True)
class Layout:
    """Rows of machines and links, and who plays which part, as indices of machines.

    `clusters` are the shares of several clusters by name: the same place, with their own members. The whole then has
    all members, and the control plane of the cluster that workloads are given to.
    """

    nodes: tuple[NodeRow, ...]
    links: tuple[LinkRow, ...]
    members: tuple[int, ...]  # of the cluster: workers and control planes
    control_planes: tuple[int, ...]
    registry: int
    clusters: Mapping[str, Layout] = field(default_factory=dict)
    motion: Motion = field(default_factory=Motion)
    batteries: Mapping[int, NodeSpec] = field(default_factory=dict)  # machines that have one

    @property
    def api(self) -> int:
        """Where the API server runs: the first control plane."""
        return self.control_planes[0]

    @property
    def sites(self) -> list[str]:
        """Zones with workers but without a control plane."""
        central = {self.nodes[i].zone for i in self.control_planes if self.nodes[i].role == "control-plane"}
        return list(dict.fromkeys(n.zone for n in self.nodes if n.role == "worker" and n.zone not in central))


def lay_out(scenario: Scenario, catalogue: Catalogue, rng: Rng, max_pods: Mapping[str, int]) -> Layout:
    """Read the topology. Raises UserError where a generator, a model or a link is wrong, or nothing can be a member.

    `max_pods` is what the orchestrator of each cluster allows on a machine, by the cluster's name.

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
    names = [name for name, _ in expand_nodes(topology.nodes)]
    family = scenario.family
    cluster_of = {names[i]: key for key, each in family.items() for glob in each.nodes for i in matching(glob, names)}
    nodes = node_rows(topology.nodes, catalogue, lambda name: max_pods[cluster_of.get(name, next(iter(family)))])
    specs = [spec for _, spec in expand_nodes(topology.nodes)]
    links = [
        within(link_row(name, a, b, spec, catalogue, folder=scenario.folder), (specs[a], specs[b]), catalogue)
        for name, a, b, spec in expand_links(topology.links, names)
    ]
    moves = motion(Site(scenario, catalogue, names, specs), len(links), rng)
    links += moves.links
    members = [i for i, node in enumerate(nodes) if node.role in ("worker", "control-plane")]
    if not members:
        hint = "give one of them the role worker or control-plane"
        raise UserError(Problem("no machine of the topology can be a member of a cluster", hint=hint))
    if scenario.clusters:
        _check_shares(family, [nodes[i].name for i in members])
    shares = {key: [i for i in members if cluster_of[nodes[i].name] == key] for key in family}
    planes = {key: [i for i in own if nodes[i].role == "control-plane"] or own[:1] for key, own in shares.items()}
    heads = planes[top(family)]
    registry = next((i for i, node in enumerate(nodes) if node.role == "registry"), heads[0])
    whole = Layout(tuple(nodes), tuple(links), tuple(members), tuple(heads), registry, motion=moves)
    whole = replace(whole, batteries={i: spec for i, spec in enumerate(specs) if spec.battery is not None})
    parts = {
        key: replace(whole, members=tuple(own), control_planes=tuple(planes[key])) for key, own in shares.items()
    }  # fmt: skip
    return replace(whole, clusters=parts)


def _check_shares(family: Mapping[str, ClusterSpec], members: Sequence[str]) -> None:
    """Every possible member belongs to one cluster, and every cluster has one."""
    problems, owner = [], dict[str, str]()
    for key, cluster in family.items():
        path = f"scenario.clusters.{key}.nodes"
        mine = dict.fromkeys(members[i] for glob in cluster.nodes for i in matching(glob, members))
        if not mine:
            problems.append(Problem(f"cluster {key} has no worker and no control plane", path=path))
        for name in mine:
            if name in owner:
                problems.append(Problem(f"{name} is in cluster {owner[name]} already", path=path, hint="one for each"))
            owner.setdefault(name, key)
    left = [name for name in members if name not in owner]
    if left:
        hint = "name it in one of them; a machine of none has the role device, router or registry"
        problems.append(Problem(f"{_some(left)}: in no cluster", path="scenario.clusters", hint=hint))
    if problems:
        raise UserError(problems)


def check_sites(look: Look, layout: Layout) -> Iterator[Problem]:
    """Every service with an instance per site has a site."""
    if not layout.sites:
        for number, item in look.services:
            if item.per == "site":
                hint = "a site is a zone with workers and without a control plane"
                yield look.source.problem(("workloads", number, "per"), f"service {item.name}: there is no site", hint)


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
            larger = "choose a larger model, another role, or another orchestrator"
            if node.ram_bytes < least.ram:
                said = f"RAM of {_mb(node.ram_bytes)}; {what} needs {_mb(least.ram)}"
                found.setdefault((place, said, larger), []).append(node.name)
            if node.cores < (least.cores or 0):
                said = f"{_cores(node.cores)}; {what} needs {least.cores}"
                found.setdefault((place, said, larger), []).append(node.name)
            if node.platform not in component.architectures:
                said = f"platform {node.platform}, for which there is no {component.name} of {page.name}"
                hint = f"there is one for {', '.join(component.architectures)}"
                if node.platform.partition("/")[0] in SMALL:
                    hint = (
                        f"a microcontroller has no room for an agent: role device, or a page that speaks for it; {hint}"
                    )
                found.setdefault((place, said, hint), []).append(node.name)
    return [Problem(f"{_some(names)}: {said}", path=place, hint=hint) for (place, said, hint), names in found.items()]


def _mb(size: float) -> str:
    return f"{size / 1e6:.0f} MB" if size >= 1e7 else f"{size / 1e6:.2g} MB"


def _cores(number: int) -> str:
    return "1 core" if number == 1 else f"{number} cores"


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
