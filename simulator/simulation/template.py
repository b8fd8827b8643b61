"""From a pod's spec to its compiled template: effective requests, QoS, where it may go, how its containers behave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator.facts.platforms import WASM
from simulator.simulation.runtimes import Handler
from simulator.spec import image
from simulator.spec.behaviour import Behaviour
from simulator.spec.kubernetes.cluster import SYSTEM_PRIORITIES, PriorityClass, RuntimeClass
from simulator.spec.kubernetes.container import Container
from simulator.spec.kubernetes.container import Probe as K8sProbe
from simulator.spec.kubernetes.pod import PodSpec, PodTemplateSpec
from simulator.spec.kubernetes.quantity import cpu_m, whole
from simulator.spec.kubernetes.scheduling import Affinity, LabelSelector, NodeSelectorTerm, PodAffinity
from simulator.spec.kubernetes.scheduling import Toleration as K8sToleration
from simulator.spec.quantity import Duration
from simulator.units import SECOND
from simulator.world.image import Image, Layer
from simulator.world.pod import (
    ContainerTemplate,
    PodAffinityTerm,
    PodTemplate,
    Probe,
    Requirement,
    SpreadConstraint,
    Term,
    Toleration,
)

_NO_BEHAVIOUR = Behaviour()
_NO_HANDLER = Handler({}, frozenset())
_ENDS_AT_ONCE = Behaviour(run=Duration("1ns"))


class Cluster:
    """What templates refer to: images by the name in the container, priority classes and runtime classes by name, and
    what the nodes' runtimes are by the handlers that they answer to.
    """

    def __init__(
        self,
        images: Mapping[str, Image],
        priorities: Mapping[str, PriorityClass],
        runtimes: Mapping[str, RuntimeClass],
        handlers: Mapping[str, Handler],
    ) -> None:
        self.images = images
        self.priorities = priorities
        self.runtimes = runtimes
        self.handlers = handlers

    def priority(self, spec: PodSpec) -> tuple[int, bool]:
        """The pod's priority, and whether it may preempt others. A class that is nowhere counts as none."""
        named = self.priorities.get(spec.priority_class_name or "")
        default = next((p for p in self.priorities.values() if p.global_default), None)
        chosen = named or (default if not spec.priority_class_name else None)
        value = SYSTEM_PRIORITIES.get(spec.priority_class_name or "", chosen.value if chosen else 0)
        policy = spec.preemption_policy or (chosen.preemption_policy if chosen else "PreemptLowerPriority")
        return (value if spec.priority is None else spec.priority), policy != "Never"


def pod_template(
    workload: str, template: PodTemplateSpec, behaviour: Behaviour | None, cluster: Cluster
) -> PodTemplate:
    """The template of one workload's pods. `behaviour` is its first container's."""
    spec = template.spec
    runtime = cluster.runtimes.get(spec.runtime_class_name or "")
    handler = runtime.handler if runtime else spec.runtime_class_name or ""
    known = cluster.handlers.get(handler, _NO_HANDLER)
    # A service names a handler without a class: its overhead is what the runtime's page says such a class declares.
    overhead = spec.overhead or (runtime.overhead.pod_fixed if runtime else known.overhead)
    needs = effective(spec, overhead)
    mains = [*spec.containers, *(c for c in spec.init_containers if c.restart_policy == "Always")]
    containers = [_container(c, behaviour if c is spec.containers[0] else None, spec) for c in mains]
    before = [_init(c, spec) for c in spec.init_containers if c.restart_policy is None]
    used = [cluster.images[c.image] for c in (*spec.init_containers, *spec.containers)]
    built = [(known.platforms or i.platforms) if i.platforms & WASM else i.platforms for i in used if i.platforms]
    priority, preempts = cluster.priority(spec)
    affinity = spec.affinity or Affinity()
    on_nodes = affinity.node_affinity
    required = on_nodes and on_nodes.required_during_scheduling_ignored_during_execution
    return PodTemplate(
        workload=workload,
        labels=dict(template.metadata.labels),
        containers=tuple(containers),
        init_containers=tuple(before),
        cpu_m=needs.pop("cpu", 0),
        ram_bytes=needs.pop("memory", 0),
        extended=needs,
        node_name=spec.node_name,
        node_selector={**spec.node_selector, **(runtime.scheduling.node_selector if runtime else {})},
        node_affinity=tuple(map(_node_term, required.node_selector_terms)) if required else (),
        node_preferences=tuple(
            (preferred.weight, _node_term(preferred.preference))
            for preferred in (on_nodes.preferred_during_scheduling_ignored_during_execution if on_nodes else ())
        ),
        pod_affinity=_pod_terms(affinity.pod_affinity),
        pod_anti_affinity=_pod_terms(affinity.pod_anti_affinity),
        spread=tuple(
            SpreadConstraint(s.max_skew, s.topology_key, selector_term(s.label_selector), s.when_unsatisfiable)
            for s in spec.topology_spread_constraints
        ),
        tolerations=tuple(map(_toleration, (*spec.tolerations, *(runtime.scheduling.tolerations if runtime else ())))),
        runtime_class=handler,
        priority=priority,
        preempts=preempts,
        restart_policy=spec.restart_policy,
        grace_ns=spec.termination_grace_period_seconds * SECOND,
        qos=quality(spec),
        platforms=frozenset.intersection(*built) if built else frozenset(),
        image_bytes=sum(i.unpacked for i in {i.name: i for i in used}.values()),
    )


def _amounts(resources: Mapping[str, Any]) -> dict[str, int]:
    """Millicores, bytes, pieces; what no node offers here (ephemeral-storage, huge pages) is left out."""
    found = {"cpu": cpu_m(resources["cpu"])} if "cpu" in resources else {}
    return found | {name: whole(v) for name, v in resources.items() if name == "memory" or "/" in name}


def _add(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}


def _larger(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in {**one, **other}}


def effective(spec: PodSpec, overhead: Mapping[str, Any]) -> dict[str, int]:
    """What the scheduler reserves: the larger of all containers together and of any moment of the initialisation,
    with the sidecars started so far; and the runtime's overhead (KEP-753, "Resources calculation").
    """
    sidecars: dict[str, int] = {}
    peak: dict[str, int] = {}
    for container in spec.init_containers:
        wanted = _amounts(container.resources.wanted())
        if container.restart_policy == "Always":
            sidecars = _add(sidecars, wanted)
            peak = _larger(peak, sidecars)
        else:
            peak = _larger(peak, _add(sidecars, wanted))
    together = sidecars
    for container in spec.containers:
        together = _add(together, _amounts(container.resources.wanted()))
    return _add(_larger(peak, together), _amounts(overhead))


def quality(spec: PodSpec) -> str:
    """Guaranteed, Burstable or BestEffort: over CPU and memory of all containers, initialisation included."""
    guaranteed, nothing = True, True
    for container in (*spec.init_containers, *spec.containers):
        wanted, limits = container.resources.wanted(), container.resources.limits
        for name in ("cpu", "memory"):
            asked = whole(wanted[name]) if name in wanted else 0
            nothing = nothing and not asked
            guaranteed = guaranteed and asked > 0 and name in limits and whole(limits[name]) == asked
    return "BestEffort" if nothing else "Guaranteed" if guaranteed else "Burstable"


def _container(container: Container, behaviour: Behaviour | None, spec: PodSpec) -> ContainerTemplate:
    wanted, limits = _amounts(container.resources.wanted()), _amounts(container.resources.limits)
    known = behaviour or _NO_BEHAVIOUR
    memory = known.memory
    ports = (p.host_port or (p.container_port if spec.host_network else None) for p in container.ports)
    return ContainerTemplate(
        name=container.name,
        image=container.image,
        cpu_m=wanted.get("cpu", 0),
        ram_bytes=wanted.get("memory", 0),
        cpu_limit_m=limits.get("cpu"),
        ram_limit_bytes=limits.get("memory"),
        pull_policy=container.image_pull_policy or _default_pull(container.image),
        liveness=_probe(container.liveness_probe),
        readiness=_probe(container.readiness_probe),
        startup=_probe(container.startup_probe),
        host_ports=tuple(port for port in ports if port is not None),
        has_cpu_request="cpu" in wanted,
        has_ram_request="memory" in wanted,
        # What nobody describes is taken to hold what it asked for.
        ram_idle_bytes=int(memory.idle) if memory else wanted.get("memory", 0),
        ram_per_request_bytes=int(memory.per_request) if memory else 0,
        ram_dirty=float(memory.dirty) if memory and memory.dirty is not None else None,
        run_ns=None if known.run is None else int(known.run),
        exit_code=known.exit_code,
        start_ns=int(known.start),
        background_m=_background_m(known, wanted.get("cpu", 0), limits.get("cpu")),
    )


def _background_m(known: Behaviour, wanted: int, limit: int | None) -> int:
    """What is written; a process that ends by itself works all the time, with the CPU that it asks for."""
    if known.background is not None:
        return int(known.background) if limit is None else min(int(known.background), limit)
    return 0 if known.run is None else wanted


def _init(container: Container, spec: PodSpec) -> ContainerTemplate:
    """A container of the initialisation: nobody can say how long it runs, so it ends as soon as it has started."""
    return _container(container, _ENDS_AT_ONCE, spec)


def _default_pull(name: str) -> str:
    """Kubernetes' default: Always for `latest`, said or implied."""
    tail = name.rpartition("/")[2]
    return "Always" if "@" not in tail and tail.partition(":")[2] in ("", "latest") else "IfNotPresent"


def _probe(probe: K8sProbe | None) -> Probe | None:
    if probe is None:
        return None
    return Probe(
        period_ns=probe.period_seconds * SECOND,
        timeout_ns=probe.timeout_seconds * SECOND,
        initial_delay_ns=probe.initial_delay_seconds * SECOND,
        success_threshold=probe.success_threshold,
        failure_threshold=probe.failure_threshold,
    )


def _toleration(given: K8sToleration) -> Toleration:
    return Toleration(given.key, given.operator, given.value, given.effect, given.toleration_seconds)


def _node_term(term: NodeSelectorTerm) -> Term:
    """matchFields knows one field, the node's name; every node carries it as its hostname label."""
    labels = [Requirement(e.key, e.operator, e.values) for e in term.match_expressions]
    fields = [Requirement("kubernetes.io/hostname", e.operator, e.values) for e in term.match_fields]
    return (*labels, *fields)


_NOTHING: Term = (Requirement("", "In"),)  # no label has an empty key


def selector_term(selector: LabelSelector | None) -> Term:
    """All conditions of a label selector. An absent one matches nothing, an empty one everything."""
    if selector is None:
        return _NOTHING
    return (
        *(Requirement(key, "In", (value,)) for key, value in selector.match_labels.items()),
        *(Requirement(e.key, e.operator, e.values) for e in selector.match_expressions),
    )


def _pod_terms(affinity: PodAffinity | None) -> tuple[PodAffinityTerm, ...]:
    if affinity is None:
        return ()
    required = affinity.required_during_scheduling_ignored_during_execution
    preferred = affinity.preferred_during_scheduling_ignored_during_execution
    weighted = [(0, term) for term in required] + [(p.weight, p.pod_affinity_term) for p in preferred]
    return tuple(PodAffinityTerm(selector_term(t.label_selector), t.topology_key, weight) for weight, t in weighted)


def runtime_image(name: str, described: image.Image, base: tuple[Layer, ...] = ()) -> Image:
    """The image that nodes pull, from what the scenario says of it; `base` are the layers that it begins with."""
    return Image.equal(
        name,
        compressed=int(described.compressed),
        unpacked=int(described.unpacked),
        layers=described.layers,
        platforms=frozenset(described.platforms),
        format=described.format,
        base=base,
        wasi=frozenset(described.wasi),
    )
