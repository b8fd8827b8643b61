"""From a plan to the objects that run: what is built on what."""

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
from simulator.simulation.clusters.assemble import assemble, memory_check
from simulator.simulation.clusters.cluster import Cluster
from simulator.simulation.clusters.kubernetes import Cluster as KubernetesCluster
from simulator.simulation.clusters.world import World
from simulator.simulation.compile import CompiledWorkload
from simulator.simulation.deciders import written_at
from simulator.simulation.demand import add_behaviours, add_flows
from simulator.simulation.doors import follow
from simulator.simulation.energy import Energy, wanted
from simulator.simulation.functions import (
    add_functions,
)
from simulator.simulation.images import add_mirrors, add_sites, check_peers, prepull
from simulator.simulation.loops import add_loops
from simulator.simulation.memory import RequestMemory
from simulator.simulation.mischief import Mischief
from simulator.simulation.models import add_model
from simulator.simulation.observer import Observer
from simulator.simulation.placed import settle, transplant
from simulator.simulation.plan import Plan, compiled, read
from simulator.simulation.pods import add_pods
from simulator.simulation.rebuild import build_time
from simulator.simulation.routing import add_routing
from simulator.simulation.runtimes import RuntimeTable
from simulator.simulation.settings import kubernetes as settings
from simulator.spec.clusters import top
from simulator.spec.failures import ClockLoss
from simulator.spec.notes import gathered
from simulator.spec.orchestrator import Orchestrator
from simulator.spec.pods import Pods
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
