"""All that a scenario says, read and checked, before anything exists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from simulator.errors import UserError
from simulator.facts import Catalogue
from simulator.simulation.clusters.assemble import check_members, most_pods
from simulator.simulation.compile import CompiledWorkload, compile_manifest
from simulator.simulation.deciders import Deciders, check_points, read_deciders, written_at
from simulator.simulation.functions import (
    FunctionLoad,
    check_pauses,
    check_platform,
    read_functions,
)
from simulator.simulation.images import of_page, pages, undescribed
from simulator.simulation.layout import Layout, check_links, check_machines, check_sites, lay_out
from simulator.simulation.models import check_models
from simulator.simulation.nowhere import nowhere
from simulator.simulation.pods import check_orchestrator
from simulator.simulation.rebuild import check_linked
from simulator.simulation.runtimes import RuntimeTable, check_stacks
from simulator.simulation.settings.availability import check_servers
from simulator.simulation.systems import check_systems
from simulator.simulation.unfit import leave_out
from simulator.simulation.wasi import check_wasi
from simulator.spec.check import check_resolved
from simulator.spec.check_match import check_node_match
from simulator.spec.check_models import named_models
from simulator.spec.clusters import top
from simulator.spec.faults import Update
from simulator.spec.function import built, each
from simulator.spec.look import Look
from simulator.spec.mechanism import NodeMatch, Server
from simulator.spec.notes import gathered
from simulator.spec.orchestrator import Orchestrator, load_orchestrator
from simulator.spec.pods import each as kinds_of
from simulator.spec.problems import UNKNOWN, Source
from simulator.spec.scenario import Scenario
from simulator.streams import Rng

PERFECT = (
    "perfect_knowledge: the policy sees what nodes really are; this is a bound, and no result of a real controller"
)
_NO_NETWORK = "its requests pass no network on their way to an instance and back"


@dataclass(slots=True)
class Plan:
    """All that a scenario says, read and checked, before anything exists."""

    scenario: Scenario
    catalogue: Catalogue
    pages: Mapping[str, Orchestrator]  # by cluster
    layout: Layout
    workload: CompiledWorkload
    deciders: Deciders
    functions: Sequence[FunctionLoad]
    refused: Mapping[str, str]  # machines that were left out, and why

    def warnings(self) -> Iterator[str]:
        """What whoever reads the results should know of their foundations."""
        assumed = self.catalogue.ledger.assumed()
        if assumed:
            yield f"{len(assumed)} of the facts read are assumed, not measured (the report lists them)"
        for page in dict.fromkeys(p.reference for p in self.pages.values() if p.validated != "yes"):
            yield f"orchestrator {page}: no measurement has validated it as a whole yet"
        images = {name: page for name, page in self.image_pages.items() if name in self.workload.images}
        beside = (f"function {load.item.name}: {_NO_NETWORK}" for load in self.functions)
        none = nowhere(self.workload, [self.layout.nodes[i] for i in self.layout.members])
        yield from gathered((*undescribed(images), *self.workload.notes, *beside, *none))
        if self.deciders.perfect_knowledge:
            yield PERFECT
        for name, why in self.refused.items():
            yield f"node {name} was left out: {why}"
        for key in self.catalogue.ledger.unread_overrides():
            yield f"{key} was set, and no run has read it"

    @property
    def page(self) -> Orchestrator:
        """The orchestrator that the workloads are given to."""
        return self.pages[top(self.scenario.family)]

    @property
    def share(self) -> Layout:
        """The machines of that orchestrator."""
        return self.layout.clusters[top(self.scenario.family)]

    @property
    def image_pages(self) -> dict[str, str]:
        """The catalogue's page of each image that the scenario does not describe."""
        return pages(self.catalogue, [name for name, key in Look(self.scenario).images.items() if key is None])


def read(scenario: Scenario, seed: int, source: Source = UNKNOWN, replication: int = 0) -> Plan:
    """Read everything that the scenario names. Raises UserError with every problem that can be told at once.

    The replication decides nothing but where nodes move to at random.
    """
    catalogue = Catalogue(scenario.facts, folder=scenario.folder)
    problems = catalogue.check_overrides((kind, name) for _, kind, name in named_models(scenario))
    if problems:
        raise UserError(problems)
    pages = {}
    for name, cluster in scenario.family.items():
        with written_at(f"clusters.{name}.orchestrator" if name else "orchestrator"):
            pages[name] = load_orchestrator(catalogue, cluster.orchestrator)
    with written_at("topology"):
        most = {name: most_pods(page) for name, page in pages.items()}
        layout = lay_out(scenario, catalogue, Rng(seed, replication), most)
    look, written, refused = Look(scenario, source), layout, dict[str, str]()
    if scenario.unfit == "leave-out":
        layout, refused = leave_out(scenario, catalogue, pages, layout)
    problems = [
        *(p for page in pages.values() if (of := page.find(NodeMatch)) for p in check_node_match(look, of, page.title)),
        *check_members(scenario, pages),
        *check_points(scenario, pages.values()),
        *check_sites(look, written),
        *(p for name, page in pages.items() for p in check_machines(page, layout.clusters[name], scenario.world)),
        *(p for name, page in pages.items() if page.find(Server) for p in check_servers(page, layout.clusters[name])),
        *(p for share in layout.clusters.values() for p in check_links(share)),
        *check_platform(look, pages[top(scenario.family)]),
        *check_orchestrator(look, pages[top(scenario.family)]),
        *check_models(look, pages[top(scenario.family)], layout.clusters[top(scenario.family)]),
        *check_stacks(scenario, catalogue, layout.nodes, source),
        *check_systems(scenario, catalogue, pages, layout, source),
        *check_resolved(
            scenario, [n.name for n in layout.nodes], [link.name for link in layout.links], source,
            zones=[n.zone for n in layout.nodes],
        ),
    ]  # fmt: skip
    if problems:
        raise UserError(problems)
    workload = compiled(scenario, catalogue, layout, source)
    machines = [layout.nodes[i] for i in layout.members]
    problems = [
        *check_linked(look, catalogue, workload.objects, machines),
        *check_wasi(look, catalogue, workload, machines),
    ]
    if problems:
        raise UserError(problems)
    runtimes = RuntimeTable(catalogue)
    deciders, functions = read_deciders(scenario), read_functions(scenario, runtimes, machines)
    problems = list(check_pauses(look, functions, runtimes, machines))
    if problems:
        raise UserError(problems)
    return Plan(scenario, catalogue, pages, layout, workload, deciders, functions, refused)


def compiled(scenario: Scenario, catalogue: Catalogue, layout: Layout, source: Source = UNKNOWN) -> CompiledWorkload:
    """What the scenario's manifests and services are to the API server, and what its pods need."""
    look = Look(scenario, source)
    missing = pages(catalogue, [name for name, key in look.images.items() if key is None])
    return compile_manifest(
        look.objects,
        {**scenario.images, **{name: of_page(catalogue, page) for name, page in missing.items()}},
        scenario.behaviour,
        services=[item for _, item in look.services],
        functions=[
            variant
            for _, item in look.functions
            for single, _ in each(item, scenario.folder)
            for variant in built(single)
        ],
        pods=[kinds_of(item, scenario.folder) for _, item in look.pods],
        sites=layout.sites,
        later=[fault.image for fault in scenario.faults if isinstance(fault, Update)],
        handlers=RuntimeTable(catalogue).handlers([layout.nodes[i] for i in layout.members]),
    )
