"""From a scenario to the objects that run: what is read, what is built on what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from simulator.control.api.objects import ApiObject
from simulator.control.api.patient import once_up
from simulator.control.loops.autoscaler import Autoscaler
from simulator.control.scaling.functions import FunctionPlatform
from simulator.control.scheduling.scheduler import Scheduler
from simulator.engine.clock import Clock
from simulator.errors import Problem, UserError
from simulator.facts import Catalogue
from simulator.record.buffer import Recorder
from simulator.simulation.atlas import Atlas
from simulator.simulation.buffers import add_buffers
from simulator.simulation.carried import Carried
from simulator.simulation.clusters.assemble import assemble, check_members, memory_check, most_pods
from simulator.simulation.clusters.cluster import Cluster
from simulator.simulation.clusters.kubernetes import Cluster as KubernetesCluster
from simulator.simulation.clusters.world import World
from simulator.simulation.compile import CompiledWorkload, compile_manifest
from simulator.simulation.deciders import Deciders, check_points, read_deciders, written_at
from simulator.simulation.demand import add_behaviours, add_flows
from simulator.simulation.doors import follow
from simulator.simulation.energy import Energy, wanted
from simulator.simulation.functions import (
    FunctionLoad,
    add_functions,
    check_pauses,
    check_platform,
    read_functions,
)
from simulator.simulation.images import add_mirrors, add_sites, check_peers, of_page, pages, prepull, undescribed
from simulator.simulation.layout import Layout, check_links, check_machines, check_sites, lay_out
from simulator.simulation.loops import add_loops
from simulator.simulation.memory import RequestMemory
from simulator.simulation.mischief import Mischief
from simulator.simulation.models import add_model, check_models
from simulator.simulation.nowhere import nowhere
from simulator.simulation.observer import Observer
from simulator.simulation.placed import settle, transplant
from simulator.simulation.pods import add_pods, check_orchestrator
from simulator.simulation.rebuild import build_time, check_linked
from simulator.simulation.routing import add_routing
from simulator.simulation.runtimes import RuntimeTable, check_stacks
from simulator.simulation.settings import kubernetes as settings
from simulator.simulation.settings.availability import check_servers
from simulator.simulation.systems import check_systems
from simulator.simulation.unfit import leave_out
from simulator.simulation.wasi import check_wasi
from simulator.spec.check import check_resolved
from simulator.spec.check_match import check_node_match
from simulator.spec.check_models import named_models
from simulator.spec.clusters import top
from simulator.spec.failures import ClockLoss
from simulator.spec.faults import Update
from simulator.spec.function import built, each
from simulator.spec.look import Look
from simulator.spec.mechanism import NodeMatch, Server
from simulator.spec.notes import gathered
from simulator.spec.orchestrator import Orchestrator, load_orchestrator
from simulator.spec.pods import Pods
from simulator.spec.pods import each as kinds_of
from simulator.spec.problems import UNKNOWN, Source
from simulator.spec.quantity import Ratio
from simulator.spec.scenario import Scenario
from simulator.spec.workload import Manifest, Model, Service
from simulator.streams import Rng
from simulator.traffic.plane import RequestPlane
from simulator.world.distances import Distances
from simulator.world.network import Network
from simulator.world.node import NodeTable
from simulator.world.registry import Registry
from simulator.world.roaming import Roaming

if TYPE_CHECKING:
    import polars as pl

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


@dataclass(slots=True)
class Parts:
    """Everything of one running simulation."""

    plan: Plan
    world: World
    clusters: Mapping[str, Cluster]  # members before their hub
    plane: RequestPlane
    mischief: Mischief
    platform: FunctionPlatform | None = None
    energy: Energy | None = None
    carried: Carried | None = None
    autoscalers: list[Autoscaler] = field(default_factory=list)

    @property
    def cluster(self) -> Cluster:
        """The one that the workloads are given to."""
        return self.clusters[top(self.plan.scenario.family)]

    @property
    def schedulers(self) -> list[Scheduler]:
        """All that ask a placement policy."""
        return [cluster.scheduler for cluster in self.clusters.values() if cluster.scheduler is not None]

    @property
    def catalogue(self) -> Catalogue:
        return self.plan.catalogue

    @property
    def page(self) -> Orchestrator:
        return self.plan.page

    @property
    def workload(self) -> CompiledWorkload:
        return self.plan.workload

    def warnings(self) -> Iterator[str]:
        """What whoever reads the results should know."""
        yield from self.plan.warnings()
        for cluster in self.clusters.values():
            yield from gathered(cluster.notes)
        yield from self.plane.warnings

    def idle(self) -> Iterator[str]:
        """What of the scenario has had no effect; known only once it has run."""
        lost = any(isinstance(fault, ClockLoss) for fault in self.plan.scenario.faults)
        if lost and not self.world.network.clocks.ever_wrong:
            yield "clock-loss has changed no clock: none of its machines lost power and had it back"
        if self.plane.router is not None and not self.plane.router.choice:
            yield "policies.routing has decided nothing: no proxy had two endpoints of a service at any time"


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


def build(
    scenario: Scenario,
    seed: int,
    replication: int,
    *,
    exact_events: bool = False,
    source: Source = UNKNOWN,
    plan: Plan | None = None,
) -> Parts:
    """Everything of a run, at t = 0, with the workloads applied. Raises UserError as `read` does. `plan` is what `read`
    gave for this scenario, seed and replication (any, where nothing moves at random), if somebody has it."""
    plan = replace(plan) if plan is not None else read(scenario, seed, source, replication)
    layout, catalogue = plan.layout, plan.catalogue
    clock, rng, recorder = Clock(), Rng(seed, replication), Recorder()
    for name, why in plan.refused.items():
        recorder.events.add(0, "NodeRefused", name, name, why)
    nodes = NodeTable(layout.nodes)
    tcp = settings.retransmission(catalogue)
    bounds = settings.bounds(catalogue)
    network = Network(clock, nodes, layout.links, recorder, rng, retransmission=tcp, bounds=bounds)
    roaming = Roaming(clock, rng, recorder, nodes, network=network, radios=layout.motion.radios)
    registry = Registry(layout.registry, plan.workload.images.values(), scenario.registry.downloads_at_once)
    atlas = Atlas(layout, Distances(nodes, network.links), scenario, catalogue)
    world = World(clock, rng, recorder, nodes, network, registry, tcp, atlas)
    plane = RequestPlane(
        clock,
        rng,
        recorder,
        nodes,
        network,
        interval_ns=int(scenario.record.interval),
        sample=float(scenario.record.requests.sample),
        exact_events=exact_events,
        retransmission=tcp,
    )
    add_routing(world, scenario, plane)
    follow(roaming, plane, layout, network, rng)
    add_mirrors(world)
    add_sites(world, scenario.registry)
    clusters = assemble(world, layout, plan.pages, RuntimeTable(catalogue), scenario, plane=plane)

    def builds(workload: str) -> int:
        return build_time(catalogue, plan.workload.objects, [layout.nodes[i] for i in plan.share.members], workload)

    mischief = Mischief(world, clusters, top(scenario.family), catalogue, builds, folder=scenario.folder)
    parts = Parts(plan, world, clusters, plane, mischief)
    if wanted(scenario, layout):
        parts.energy = Energy(
            world, layout, scenario, catalogue, plane, clusters=clusters, pages=plan.pages, powers=mischief.powers
        )
    if scenario.record.links:
        parts.carried = Carried(world, plane, int(scenario.record.interval))
    for cluster in clusters.values():
        Observer(clock, recorder, nodes, network, cluster.reach)
        if (period := memory_check(cluster.page)) is not None:
            RequestMemory(clock, cluster.agents.values(), plane, period)
    _serve(plan, clusters.values(), plane)
    check_peers(world, clusters.values())
    prepull(world, clusters.values(), plan.workload.images, scenario.images)
    _apply(parts, seed, replication, source)
    add_buffers(plane, clock, clusters.values())
    add_flows(plane, scenario, layout, network, rng, catalogue=catalogue)
    parts.platform = add_functions(world, parts.cluster, plan.functions, plan.workload.functions, scenario)
    if parts.energy is not None:
        parts.energy.platform = parts.platform
    parts.autoscalers = add_loops(world, clusters.values(), scenario, plane, plan.workload.functions)
    for number, fault in enumerate(scenario.faults):
        with written_at(f"faults.{number}"):
            parts.mischief.add(fault)
    return parts


def _apply(parts: Parts, seed: int, replication: int, source: Source) -> None:
    """Somebody applies the workloads, each at its time, and the clusters begin."""
    plan, world = parts.plan, parts.world
    scenario = plan.scenario
    later = _by_time(plan)
    first = later.pop(0)
    if scenario.start == "placed":
        _lay_out_pods(parts, _settled(scenario, seed, replication, source))
    else:
        parts.cluster.apply(first)
    for cluster in parts.clusters.values():
        cluster.start()
    for at, objects in later.items():
        once_up(world.clock, parts.cluster.server, at, partial(parts.cluster.apply, objects))
    for number, item in enumerate(scenario.workloads):
        if isinstance(item, Model):
            add_model(world, parts.cluster, item, int(item.at or 0))
        elif isinstance(item, Pods):
            bare = plan.workload.pods[item.name]
            with written_at(f"workloads.{number}"):
                add_pods(world, parts.cluster, item, bare, folder=scenario.folder, end=int(scenario.duration))


def _by_time(plan: Plan) -> dict[int, list[ApiObject]]:
    """The objects of the workloads, by when somebody applies them (ns)."""
    scenario = plan.scenario
    late: dict[tuple[str, str], int] = {}
    for item in scenario.workloads:
        if isinstance(item, Manifest | Service) and item.at:
            alone = scenario.model_copy(update={"workloads": (item,)}).placed(scenario.folder, scenario.facts)
            made = compiled(alone, plan.catalogue, plan.layout).objects
            late |= {(obj.kind, obj.name): int(item.at) for obj in made}
    found: dict[int, list[ApiObject]] = {0: []}
    for obj in plan.workload.objects:
        found.setdefault(late.get((obj.kind, obj.name), 0), []).append(obj)
    return found


def _settled(scenario: Scenario, seed: int, replication: int, source: Source) -> Parts:
    """The same world some time after its workloads were applied to empty nodes: what `start: placed` begins with."""
    quiet = [item for item in scenario.workloads if isinstance(item, Manifest | Service) and not item.at]
    policies = scenario.policies
    if policies is not None:  # nothing moves or scales before the beginning
        later = ("rescheduling", "autoscaling", "caching", "routing")
        policies = policies.model_copy(update=dict.fromkeys(later))
    record = scenario.record.model_copy(update={"routing": Ratio(0)})
    changes = {"start": "empty", "workloads": tuple(quiet), "faults": (), "policies": policies, "record": record}
    empty = scenario.model_copy(update=changes).placed(scenario.folder, scenario.facts)
    parts = build(empty, seed, replication, source=source)
    settle(parts.world.clock, parts.cluster.server)
    return parts


def _lay_out_pods(parts: Parts, settled: Parts) -> None:
    cluster, twin = parts.cluster, settled.cluster
    if not isinstance(cluster, KubernetesCluster) or not isinstance(twin, KubernetesCluster):
        said = f"start: placed is not offered for {cluster.page.name} yet"
        raise UserError(Problem(said, path="start", hint="start: empty, with a warm_up that is long enough"))
    transplant(twin, cluster, parts.world.registry)
    said = broken(settled.world.recorder.events.frame())
    if said:
        cluster.notes = (*cluster.notes, f"before the beginning (start: placed) {said}")


def broken(events: pl.DataFrame) -> str:
    """What a policy did wrong for the first time, of the table of events; empty if none did."""
    # No filter of polars: its threads do not survive a fork, after which vectors of environments build simulations.
    kinds = events["kind"].to_list()
    if "PolicyError" not in kinds:
        return ""
    first = events.row(kinds.index("PolicyError"), named=True)
    return f"a policy that was asked about {first['subject']} {first['detail']}; what happens without one was done"


def _serve(plan: Plan, clusters: Iterable[Cluster], plane: RequestPlane) -> None:
    """Containers that begin and cease to answer do so in the request plane too."""
    names: Sequence[str] = [*plan.workload.wanted, *plan.workload.functions, *plan.workload.pods]
    add_behaviours(plane, names, plan.workload.behaviours, plan.scenario.folder)

    def serving(run: Any, up: bool, how: str) -> None:
        if up or how == "starting":
            plane.pod_up(run.uid, run.template.workload, run.node, run.speed)
        if not up:  # what does not listen yet is there, and refuses
            plane.pod_down(run.uid, how)

    def paced(run: Any) -> None:
        plane.pod_up(run.uid, run.template.workload, run.node, run.speed)

    for cluster in clusters:
        for agent in cluster.agents.values():
            agent.serving_hooks.append(serving)
            agent.speed_hooks.append(paced)
