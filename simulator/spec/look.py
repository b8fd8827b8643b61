"""A scenario with its manifests, as the checks look at it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from pathlib import Path

from simulator.errors import Problem, UserError
from simulator.facts import Catalogue
from simulator.facts.yaml import Path as Place
from simulator.spec import image
from simulator.spec.behaviour import Behaviour, Call
from simulator.spec.faults import Update
from simulator.spec.function import Function, built
from simulator.spec.kubernetes import K8sObject
from simulator.spec.kubernetes.cluster import Service as K8sService
from simulator.spec.kubernetes.kinds import roots
from simulator.spec.kubernetes.pod import template_of
from simulator.spec.kubernetes.read import Manifest, read_manifest
from simulator.spec.pods import Pods
from simulator.spec.problems import UNKNOWN, Source
from simulator.spec.readers.openb import PodTrace, read_pods
from simulator.spec.scenario import Scenario
from simulator.spec.topology import Topology, expand_links, expand_nodes, matching
from simulator.spec.workload import Manifest as ManifestItem
from simulator.spec.workload import Service, Telemetry, labels

MOST_NODES = 1_000_000
MOST_LINKS = 1_000_000


@dataclass(slots=True)
class Shelf:
    """What was read already, for the next look at nearly the same scenario: manifests by file, traces of pods, and what
    is wrong with naming a model, by kind and name (nothing, if there is such a model)."""

    manifests: dict[Path, Manifest] = field(default_factory=dict)
    traces: dict[Path, PodTrace | UserError] = field(default_factory=dict)
    models: dict[tuple[str, str], tuple[Problem, ...]] = field(default_factory=dict)


@dataclass
class Look:
    """What a scenario says, joined. `source` tells where it was written."""

    scenario: Scenario
    source: Source = UNKNOWN
    shelf: Shelf = field(default_factory=Shelf)
    unread: Sequence[Problem] = ()  # of a topology's file: then its nodes and links are as unknown as a generator's

    def __post_init__(self) -> None:
        """Read the file of the topology, if it is in one."""
        try:
            read = self.scenario.topology_file
        except UserError as error:
            self.unread = error.problems
            self.scenario = self.scenario.model_copy(update={"topology": Topology(use="unread")})
            return
        if read is not None:
            parts = {key: read.source.under(key) for key in ("nodes", "links")}
            self.source = self.source.beside(parts, "topology")

    @cached_property
    def files(self) -> dict[int, str]:
        """The file of each workload item of kind manifest, as written, by the item's position."""
        items = enumerate(self.scenario.workloads)
        return {number: item.file for number, item in items if isinstance(item, ManifestItem)}

    @cached_property
    def manifests(self) -> dict[int, Manifest]:
        """What those files hold."""
        for file in self.files.values():
            path = self.scenario.folder / file
            if path not in self.shelf.manifests:
                self.shelf.manifests[path] = read_manifest(path)
        return {number: self.shelf.manifests[self.scenario.folder / file] for number, file in self.files.items()}

    @property
    def complete(self) -> bool:
        """Whether every manifest could be read as a whole: only then is a missing name a fault of its own."""
        return not any(manifest.problems for manifest in self.manifests.values())

    @cached_property
    def objects(self) -> list[K8sObject]:
        """Every object of every manifest."""
        return [obj for manifest in self.manifests.values() for obj in manifest.objects]

    @cached_property
    def services(self) -> list[tuple[int, Service]]:
        """The `service` items with their positions."""
        return [(n, item) for n, item in enumerate(self.scenario.workloads) if isinstance(item, Service)]

    @cached_property
    def functions(self) -> list[tuple[int, Function]]:
        """The `function` items with their positions."""
        return [(n, item) for n, item in enumerate(self.scenario.workloads) if isinstance(item, Function)]

    @cached_property
    def pods(self) -> list[tuple[int, Pods]]:
        """The `pods` items with their positions."""
        return [(n, item) for n, item in enumerate(self.scenario.workloads) if isinstance(item, Pods)]

    @property
    def traces(self) -> dict[int, PodTrace | UserError]:
        """What the trace of a `pods` item says, or what is wrong with it, by the item's position."""
        traced = {number: self.scenario.folder / item.trace for number, item in self.pods if item.trace is not None}
        for path in traced.values():
            if path not in self.shelf.traces:
                try:
                    self.shelf.traces[path] = read_pods(path)
                except UserError as error:
                    self.shelf.traces[path] = error
        return {number: self.shelf.traces[path] for number, path in traced.items()}

    @cached_property
    def pods_of(self) -> dict[str, dict[str, str]]:
        """The labels of the pods of each workload, by the workload's name; also of what is not simulated yet."""
        found = {item.name: {"app": item.name} for _, item in self.services}
        found |= {item.name: {"app": item.name, **item.labels} for _, item in self.pods}
        made = [obj for obj in self.objects if template_of(obj) and not obj.simulated]
        for obj in (*roots(self.objects), *made):
            template = template_of(obj)
            found[obj.name] = dict(template.metadata.labels) if template else {}
        return found

    @cached_property
    def targets(self) -> dict[str, list[str]]:
        """The workloads behind each service's name."""
        found = {item.name: [item.name] for _, item in self.services}
        for obj in self.objects:
            if isinstance(obj, K8sService):
                wanted = obj.spec.selector.items()
                found[obj.name] = [name for name, labels in self.pods_of.items() if wanted and wanted <= labels.items()]
        return found

    @cached_property
    def images(self) -> dict[str, str | None]:
        """Every image that a workload, or an update of one, names, and the key of `images` that describes it."""
        templates = [template for obj in self.objects if (template := template_of(obj)) is not None]
        names = [c.image for t in templates for c in (*t.spec.init_containers, *t.spec.containers)]
        names += [item.image for _, item in self.services]
        names += [variant.image for _, item in self.functions for variant in built(item)]
        names += [item.image for _, item in self.pods]
        names += [fault.image for fault in self.scenario.faults if isinstance(fault, Update)]
        return {name: image.find(self.scenario.images, name) for name in names}

    def behaviours(self) -> Iterator[tuple[Place, str, Behaviour]]:
        """Where it was written, the workload's name, and its behaviour."""
        for name, behaviour in self.scenario.behaviour.items():
            yield ("behaviour", name), name, behaviour
        for number, item in self.services:
            yield ("workloads", number), item.name, item

    def calls(self) -> Iterator[tuple[Place, str, Call]]:
        """Where each call was written, the workload that makes it, and the call."""
        for place, name, behaviour in self.behaviours():
            for number, call in enumerate(behaviour.calls):
                yield (*place, "calls", number, "target"), name, call

    @cached_property
    def nodes(self) -> list[str] | None:
        """The names of the nodes that are written out; None where a generator makes them, or if they are too many."""
        world = self.scenario.world
        if world.use or sum(node.count or 1 for node in world.nodes) > MOST_NODES:
            return None
        return [name for name, _ in expand_nodes(world.nodes)]

    @cached_property
    def pairs(self) -> int:
        """An upper bound of the number of links: what the globs of their ends match, multiplied."""
        names = self.nodes or []
        return sum(prod(len(matching(glob, names)) for glob in link.between) for link in self.scenario.world.links)

    @cached_property
    def links(self) -> list[tuple[str, int, int]]:
        """The links that are written out, with the positions of their ends; none if they are absurdly many."""
        if self.pairs > MOST_LINKS:
            return []
        return [(name, a, b) for name, a, b, _ in expand_links(self.scenario.world.links, self.nodes or [])]

    @cached_property
    def buffered(self) -> bool:
        """Whether messages for the cloud wait on the nodes of a cluster, by its orchestrator's page."""
        try:
            catalogue = Catalogue(folder=self.scenario.folder)
            models = [catalogue.model("orchestrators", one.orchestrator) for one in self.scenario.family.values()]
        except UserError:  # told where models are checked
            return False
        return any("buffer" in model.subtree() for model in models)

    def notes(self) -> Iterator[str]:
        """What is not simulated, by name, and what looks forgotten."""
        if (read := self.scenario.topology_file) is not None:
            yield from (repair.message for repair in read.repairs)
        for trace in self.traces.values():
            if not isinstance(trace, UserError):
                yield from (repair.message for repair in trace.repairs)
        for manifest in self.manifests.values():
            yield from manifest.notes
        for item, label in zip(self.scenario.workloads, labels(self.scenario.workloads), strict=True):
            if isinstance(item, Telemetry) and item.qos and item.spool is None and not self.buffered:
                yield f"telemetry {label}: qos {item.qos} is not simulated yet, what is cut off is lost as with qos 0"
        for obj in self.objects:
            if isinstance(obj, K8sService) and not self.targets.get(obj.name):
                yield f"{obj.title} selects no workload"
        if self.nodes is not None and len(self.nodes) > 1:
            joined = {end for _, a, b in self.links for end in (a, b)}
            for cover in self.scenario.coverage:
                joined |= {*matching(cover.node, self.nodes), *matching(cover.cell, self.nodes)}
            for number, name in enumerate(self.nodes):
                if number not in joined:
                    yield f"node {name} has no link"
