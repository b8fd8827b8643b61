"""What a scenario gets wrong although every key and value of it can be read: one small function for each rule.

Every function yields all the problems that it finds; `check_scenario` runs them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from os.path import isdir, isfile  # unlike Path.is_file, it takes any text
from pathlib import Path

from simulator.errors import Problem
from simulator.facts.yaml import Path as Place
from simulator.spec import check_power
from simulator.spec.check_commands import check_commands
from simulator.spec.check_fidelity import check_fidelity
from simulator.spec.check_function import check_functions
from simulator.spec.check_images import check_bases, check_images, check_platforms
from simulator.spec.check_models import check_models, check_runtimes
from simulator.spec.check_movement import check_movement, radio_links, unmatched
from simulator.spec.check_pods import check_bare_pods
from simulator.spec.check_spool import check_spools
from simulator.spec.commands import Commands
from simulator.spec.distribution import files
from simulator.spec.failures import Failures, PowerCut
from simulator.spec.faults import Cut, HostUpdate, NodeFault, Update
from simulator.spec.kubernetes import K8sObject
from simulator.spec.kubernetes.cluster import Service as K8sService
from simulator.spec.kubernetes.kinds import roots
from simulator.spec.look import MOST_LINKS, MOST_NODES, Look
from simulator.spec.near import did_you_mean
from simulator.spec.outages import Outages, Partition, ZoneOutage
from simulator.spec.problems import UNKNOWN, Source
from simulator.spec.scenario import Scenario
from simulator.spec.topology import is_glob, matching
from simulator.spec.workload import Manifest, Model, Requests, Service, Telemetry, labels

_MOST_INTERVALS = 1_000_000
_MOST_PODS = 1_000_000


def check_topology_file(look: Look) -> Iterator[Problem]:
    """The topology's file can be read."""
    for problem in look.unread:
        place = ("topology", *(problem.path.split(".") if problem.path else ("file",)))
        there = problem.file and isfile(problem.file)
        yield problem if there else look.source.problem(place, str(replace(problem, hint="")), problem.hint)


def check_manifests(look: Look) -> Iterator[Problem]:
    """Every manifest can be read, and makes pods or services."""
    for number, manifest in look.manifests.items():
        written = look.files[number]
        path = look.scenario.folder / written
        if not isfile(path):
            near = [f"./{p.name}" for p in sorted(path.parent.glob("*.y*ml"))] if isdir(path.parent) else []
            hint = did_you_mean(written, near) or "files are relative to the experiment's"
            yield look.source.problem(("workloads", number, "file"), f"there is no file {written}", hint)
        else:
            yield from manifest.problems


def check_duplicates(look: Look) -> Iterator[Problem]:
    """No two things of one sort have one name."""
    yield from _twice(look, "workload item", ("workloads",), [item.name for item in look.scenario.workloads])
    yield from _twice(look, "fault", ("faults",), [item.name for item in look.scenario.faults])
    world = look.scenario.world
    if look.nodes is None and not world.use:
        yield look.source.problem(("topology", "nodes"), f"more than {MOST_NODES} nodes")
        return
    taken: dict[str, int] = {}
    for number, node in enumerate(world.nodes):
        clash = next((name for name in node.names() if name in taken), None)
        if clash is not None:
            yield look.source.problem(("topology", "nodes", number, "name"), f"two nodes are named {clash}")
        taken |= dict.fromkeys(node.names(), number)
    yield from _twice(look, "link", ("topology", "links"), [link.name for link in world.links])
    yield from _one_name_each(look, "workload", roots(look.objects))
    yield from _one_name_each(look, "service", [obj for obj in look.objects if isinstance(obj, K8sService)])


def _one_name_each(look: Look, what: str, objects: Iterable[K8sObject]) -> Iterator[Problem]:
    """Names tell workloads (and services) apart, in tables and for behaviour, whatever their kind and namespace."""
    taken = {item.name: f"a workload of kind service, {item.name}" for _, item in look.services}
    taken |= {item.name: f"a workload of kind pods, {item.name}" for _, item in look.pods}
    for obj in objects:
        if obj.name in taken:
            said = f"{obj.title} has the name of {taken[obj.name]}: each {what} needs a name of its own"
            yield obj.source.problem(("metadata", "name"), said)
        taken[obj.name] = obj.title


def _twice(look: Look, what: str, place: Place, names: Sequence[str | None]) -> Iterator[Problem]:
    for number, name in enumerate(names):
        if name is not None and name in names[:number]:
            yield look.source.problem((*place, number, "name"), f"two {what}s are named {name}")


def check_links(look: Look) -> Iterator[Problem]:
    """Every end of a link is a node."""
    if look.nodes is None:
        return
    if look.pairs > MOST_LINKS:
        yield look.source.problem(("topology", "links"), f"more than {MOST_LINKS} links", "join fewer nodes directly")
        return
    for number, link in enumerate(look.scenario.world.links):
        ends = [matching(glob, look.nodes) for glob in link.between]
        place: Place = ("topology", "links", number, "between")
        for end, (glob, found) in enumerate(zip(link.between, ends, strict=True)):
            if not found:
                said = f"link {link.name} leads nowhere: no node is named {glob}"
                yield look.source.problem((*place, end), said, did_you_mean(glob, look.nodes))
        if all(ends) and {*ends[0], *ends[1]} == {ends[0][0]}:
            yield look.source.problem(place, f"link {link.name} joins {look.nodes[ends[0][0]]} to itself")


def check_pods(look: Look) -> Iterator[Problem]:
    """No workload wants absurdly many pods."""
    for obj in roots(look.objects):
        spec = getattr(obj, "spec", None)
        for key in ("replicas", "parallelism"):
            if (getattr(spec, key, None) or 0) > _MOST_PODS:
                yield obj.source.problem(("spec", key), f"{obj.title} wants more than {_MOST_PODS} pods")


def check_behaviour(look: Look) -> Iterator[Problem]:
    """Every behaviour belongs to a workload of a manifest; a service has its own."""
    if not look.complete:
        return
    own, bare = {item.name for _, item in look.services}, {item.name for _, item in look.pods}
    for name in look.scenario.behaviour:
        if name in own:
            said = f"service {name} has its behaviour among its own keys"
            yield look.source.problem(("behaviour", name), said, "move the keys there")
        elif name in bare:
            said = f"pods {name}: what they do stands among their own keys"
            yield look.source.problem(("behaviour", name), said, "as in run: {exponential: 1min}")
        elif name not in look.pods_of:
            hint = did_you_mean(name, look.pods_of.keys() - own - bare, "workloads are")
            yield look.source.problem(("behaviour", name), f"no workload is named {name}", hint)


def check_updates(look: Look) -> Iterator[Problem]:
    """Every update changes a workload whose pods can be rolled."""
    if not look.complete:
        return
    kinds = {obj.name: obj.kind for obj in roots(look.objects)} | {item.name: "service" for _, item in look.services}
    comes = {item.name: item.at for _, item in look.services}
    for number, item in enumerate(look.scenario.workloads):
        if isinstance(item, Manifest):
            comes |= {obj.name: item.at for obj in roots(look.manifests[number].objects)}
    for number, fault in enumerate(look.scenario.faults):
        if not isinstance(fault, Update):
            continue
        place: Place = ("faults", number, "workload")
        if fault.workload not in kinds:
            hint = did_you_mean(fault.workload, kinds, "workloads are")
            yield look.source.problem(place, f"no workload is named {fault.workload}", hint)
        elif kinds[fault.workload] not in ("Deployment", "DaemonSet", "service"):
            said = f"{kinds[fault.workload]} {fault.workload} does not roll its pods to another image"
            yield look.source.problem(place, said, "update a Deployment, a DaemonSet or a service")
        elif (comes_at := comes[fault.workload]) is not None and fault.at is not None and fault.at < comes_at:
            said = f"{fault.workload} is updated before it is applied, at {comes_at.given}"
            yield look.source.problem(("faults", number, "at"), said)


def check_targets(look: Look) -> Iterator[Problem]:
    """Whoever asks, asks a service."""
    asked: list[tuple[Place, str]] = [
        (("workloads", number, "target"), item.target)
        for number, item in enumerate(look.scenario.workloads)
        if isinstance(item, Requests | Telemetry)
    ]
    asked += [(place, call.target) for place, _, call in look.calls()]
    for place, target in asked:
        if target not in look.targets and look.complete:
            hint = did_you_mean(target, look.targets, "services are") or "add a Service, or a workload of kind service"
            yield look.source.problem(place, f"no service is named {target}", hint)


def check_circles(look: Look) -> Iterator[Problem]:
    """No request calls itself, by whatever detour."""
    calls = list(look.calls())
    after: dict[str, set[str]] = {}
    for _, caller, call in calls:
        after.setdefault(caller, set()).update(look.targets.get(call.target, ()))
    for place, caller, call in calls:
        seen: set[str] = set()
        reached = set(look.targets.get(call.target, ()))
        while reached - seen:
            seen |= reached
            reached = {name for workload in reached for name in after.get(workload, ())}
        if caller in seen:
            yield look.source.problem(
                place, f"a call of {caller} to {call.target} ends in {caller} again: no request ends"
            )


def check_times(look: Look) -> Iterator[Problem]:
    """What has a time lies within the run."""
    scenario = look.scenario
    if scenario.warm_up >= scenario.duration:
        said = f"the warm-up of {scenario.warm_up.given} leaves nothing of {scenario.duration.given}"
        yield look.source.problem(("warm_up",), said, "make it shorter than duration")
    if scenario.record.interval > scenario.duration:
        yield look.source.problem(("record", "interval"), "the interval is longer than the run")
    elif scenario.duration // scenario.record.interval > _MOST_INTERVALS:
        yield look.source.problem(("record", "interval"), f"more than {_MOST_INTERVALS} intervals", "record less often")
    for number, (fault, label) in enumerate(zip(scenario.faults, labels(scenario.faults), strict=True)):
        if fault.at is None and fault.recurs:
            continue
        if fault.at is None:
            yield look.source.problem(("faults", number, "at"), f"fault {label} does not say when: at is missing")
        elif fault.at >= scenario.duration:
            said = f"fault {label} begins at {fault.at.given}, and the run ends at {scenario.duration.given}"
            yield look.source.problem(("faults", number, "at"), said)
    for number, (item, label) in enumerate(zip(scenario.workloads, labels(scenario.workloads), strict=True)):
        if isinstance(item, Manifest | Service | Model) and item.at is not None and item.at >= scenario.duration:
            said = f"{item.kind} {label} comes at {item.at.given}, and the run ends at {scenario.duration.given}"
            yield look.source.problem(("workloads", number, "at"), said)


def check_files(look: Look) -> Iterator[Problem]:
    """Every data file is there."""
    named: list[tuple[Place, Path]] = []
    for place, _, behaviour in look.behaviours():
        named += [((*place, "work"), path) for path in files(behaviour.work, look.scenario.folder)]
    for number, item in enumerate(look.scenario.workloads):
        if isinstance(item, Requests):
            place = ("workloads", number, "arrivals")
            named += [((*place, "think"), path) for path in files(item.arrivals.think, look.scenario.folder)]
            if item.arrivals.trace is not None:
                named.append(((*place, "trace"), look.scenario.folder / item.arrivals.trace.partition("#")[0]))
    for number, fault in enumerate(look.scenario.faults):
        if isinstance(fault, Failures | Outages):
            for key, times in (("up", fault.up), ("down", fault.down)):
                named += [(("faults", number, key), path) for path in files(times, look.scenario.folder)]
        if isinstance(fault, Outages) and fault.trace is not None:
            named.append((("faults", number, "trace"), look.scenario.folder / fault.trace))
    for number, link in enumerate(look.scenario.world.links):
        for key in ("rate_trace", "up_trace", "down_trace"):
            if (written := getattr(link, key)) is not None:
                path = look.scenario.folder / written.rpartition("#")[0]
                named.append((("topology", "links", number, key), path))
    named += check_power.data_files(look.scenario)
    named += [(("policy_time",), path) for path in files(look.scenario.policy_time, look.scenario.folder)]
    for place, path in named:
        if not isfile(path):
            hint = did_you_mean(path.name, [p.name for p in path.parent.glob("*.csv")] if isdir(path.parent) else ())
            yield look.source.problem(
                place, f"there is no file {path}", hint or "files are relative to the experiment's"
            )


CHECKS: tuple[Callable[[Look], Iterator[Problem]], ...] = (
    check_topology_file,
    check_manifests,
    check_duplicates,
    check_links,
    check_models,
    check_images,
    check_bases,
    check_pods,
    check_platforms,
    check_runtimes,
    check_behaviour,
    check_updates,
    check_targets,
    check_circles,
    check_times,
    check_files,
    check_functions,
    check_spools,
    check_commands,
    check_movement,
    check_bare_pods,
    check_fidelity,
)


def check_scenario(look: Look) -> list[Problem]:
    """Every problem that the checks find; of a topology that is written out, those of its globs too."""
    found = [problem for check in CHECKS for problem in check(look)]
    if look.nodes is not None and look.pairs <= MOST_LINKS:
        links, zones = (
            [*(name for name, _, _ in look.links), *radio_links(look.scenario, look.nodes)],
            [spec.zone or "default" for spec in look.scenario.world.nodes],
        )
        found += check_resolved(look.scenario, look.nodes, links, look.source, zones=zones)
    return found


def check_resolved(
    scenario: Scenario,
    nodes: Sequence[str],
    links: Sequence[str],
    source: Source = UNKNOWN,
    *,
    zones: Sequence[str] | None = None,
) -> Iterator[Problem]:
    """Every glob matches a node or a link of the topology, once a generator has made it; and a zone, if they are given.

    `source` is where the scenario was written: `experiment.source.under("scenario")`.
    """
    for name, cluster in scenario.family.items() if scenario.clusters else ():
        for glob in cluster.nodes:
            yield from _matches(source, ("clusters", name, "nodes"), glob, nodes, "node")
    for name, described in scenario.images.items():
        for glob in described.prepulled:
            yield from _matches(source, ("images", name, "prepulled"), glob, nodes, "node")
    yield from unmatched(scenario, nodes, source)
    for place, glob, what in check_power.globs(scenario):
        names = {"node": nodes, "link": links, "zone": zones}[what]
        if names is not None:
            yield from _matches(source, place, glob, names, what)
    for number, item in enumerate(scenario.workloads):
        if isinstance(item, Requests | Telemetry):
            yield from _matches(source, ("workloads", number, "source"), item.source, nodes, "node")
        elif isinstance(item, Commands):
            yield from _matches(source, ("workloads", number, "target"), item.target, nodes, "node")
        elif isinstance(item, Model):
            yield from _matches(source, ("workloads", number, "nodes"), item.nodes, nodes, "node")
    for number, fault in enumerate(scenario.faults):
        at: Place = ("faults", number)
        if isinstance(fault, Cut | Outages) and fault.link is not None:
            yield from _matches(source, (*at, "link"), fault.link, links, "link")
        if isinstance(fault, NodeFault | HostUpdate | Outages) and fault.node is not None:
            yield from _matches(source, (*at, "node"), fault.node, nodes, "node")
        if (
            isinstance(fault, PowerCut | Failures | Outages | ZoneOutage)
            and fault.zone is not None
            and zones is not None
        ):
            yield from _matches(source, (*at, "zone"), fault.zone, zones, "zone")
        if isinstance(fault, Partition):
            for end, side in enumerate(fault.sides):
                for glob in side:
                    yield from _matches(source, (*at, "between", end), glob, nodes, "node")


def _matches(source: Source, place: Place, glob: str, names: Sequence[str], what: str) -> Iterable[Problem]:
    if not matching(glob, names):
        said = f"{glob} matches no {what}" if is_glob(glob) else f"no {what} is named {glob}"
        yield source.problem(place, said, did_you_mean(glob, names, f"{what}s are"))
