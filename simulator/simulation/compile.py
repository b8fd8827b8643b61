"""From manifests and services to the objects that the API server starts with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from simulator.control.api import objects as api
from simulator.simulation.runtimes import Handler
from simulator.simulation.template import Cluster, pod_template, runtime_image, selector_term
from simulator.spec import image
from simulator.spec.behaviour import Behaviour
from simulator.spec.function import Function
from simulator.spec.kubernetes.base import K8sObject
from simulator.spec.kubernetes.cluster import ConfigMap, PriorityClass, RuntimeClass, Secret, Service
from simulator.spec.kubernetes.container import Container, ResourceRequirements
from simulator.spec.kubernetes.kinds import roots
from simulator.spec.kubernetes.pod import Pod, PodSpec, PodTemplateSpec, TemplateMeta, template_of
from simulator.spec.kubernetes.scheduling import Affinity, LabelSelector
from simulator.spec.kubernetes.workloads import DaemonSet, Deployment, DeploymentSpec, Job, ReplicaSet
from simulator.spec.need import AcceleratorNeed
from simulator.spec.pods import DEADLINE, Pods
from simulator.spec.readers.openb import PodTrace
from simulator.spec.workload import Service as ServiceItem
from simulator.units import SECOND
from simulator.world.device import MEMORY, MILLI
from simulator.world.image import Image
from simulator.world.pod import PodTemplate

_HOLDS = "its memory is not described: it is taken to hold what it asks for"
_NO_HANDLERS: Mapping[str, Handler] = {}
ZONE = "topology.kubernetes.io/zone"
# Kubernetes 1.34 renamed the one; of the other, no orchestrator here knows what to do (the reader says so).
_DISTRIBUTION = {"PreferClose": "PreferClose", "PreferSameZone": "PreferClose", "PreferSameNode": ""}


@dataclass(frozen=True, slots=True)
class BarePods:
    """What the pods of an item of kind pods are: a template for each of their kinds, and the trace that they are of."""

    templates: tuple[PodTemplate, ...]
    trace: PodTrace | None = None


@dataclass(frozen=True, slots=True)
class CompiledWorkload:
    """What is to run. `objects` in the order of the files, services last; `behaviours` by workload name; `images` by
    the name in the containers; `config_bytes`: the size of each ConfigMap and Secret; `notes`: what was assumed;
    `functions`: what an instance of each function is, by its name; `pods`: what the pods of each item of kind pods are.
    """

    objects: tuple[api.ApiObject, ...]
    behaviours: Mapping[str, Behaviour]
    images: Mapping[str, Image]
    config_bytes: Mapping[str, int]
    notes: tuple[str, ...]
    functions: Mapping[str, PodTemplate] = field(default_factory=dict)
    pods: Mapping[str, BarePods] = field(default_factory=dict)

    def joined(self, more: CompiledWorkload) -> CompiledWorkload:
        """Both together."""
        return CompiledWorkload(
            (*self.objects, *more.objects),
            {**self.behaviours, **more.behaviours},
            {**self.images, **more.images},
            {**self.config_bytes, **more.config_bytes},
            (*self.notes, *more.notes),
            {**self.functions, **more.functions},
            {**self.pods, **more.pods},
        )

    @property
    def wanted(self) -> dict[str, int | None]:
        """How many pods each workload wants at once; None where the number of nodes decides."""
        found: dict[str, int | None] = {}
        for obj in self.objects:
            match obj:
                case api.Deployment() | api.ReplicaSet():
                    found[obj.name] = obj.replicas
                case api.DaemonSet():
                    found[obj.name] = None
                case api.Job():
                    found[obj.name] = min(obj.parallelism, obj.completions)
                case api.Pod():
                    found[obj.name] = 1
        return found


def compile_manifest(
    manifests: Iterable[K8sObject],
    images: Mapping[str, image.Image],
    behaviour: Mapping[str, Behaviour],
    *,
    services: Sequence[ServiceItem] = (),
    functions: Sequence[Function] = (),
    pods: Sequence[tuple[Sequence[Pods], PodTrace | None]] = (),
    sites: Sequence[str] = (),
    later: Iterable[str] = (),
    handlers: Mapping[str, Handler] = _NO_HANDLERS,
) -> CompiledWorkload:
    """Compile the objects of all manifests, and the scenario's items of kind service, (single ones) function and pods.

    `images` describe every image; `sites` are the zones that `per: site` means; `later`
    are the images that workloads are updated to; `handlers` say what the runtimes of the nodes mean. Input has passed
    `simulator.spec.check`: names are unique, and what the images of a pod share is not empty.
    """
    given = list(manifests)
    workloads = [(obj, template) for obj in roots(given) if (template := template_of(obj)) is not None]
    by_service = [(item, _service_template(item)) for item in services]
    by_function = [(item, _service_template(item)) for item in functions]
    by_pods = [(kind, _bare(kind)) for kinds, _ in pods for kind in kinds]
    names = [c.image for _, t in (*workloads, *by_service, *by_function, *by_pods) for c in _containers(t)]
    used = {name: _image(name, images) for name in dict.fromkeys((*names, *later))}
    cluster = Cluster(
        used,
        {obj.name: obj for obj in given if isinstance(obj, PriorityClass)},
        {obj.name: obj for obj in given if isinstance(obj, RuntimeClass)},
        handlers,
    )
    objects: list[api.ApiObject] = []
    behaviours: dict[str, Behaviour] = {}
    for obj, template in workloads:
        own = behaviour.get(obj.name)
        behaviours |= {obj.name: own} if own else {}
        objects.append(_workload(obj, pod_template(obj.name, template, own, cluster)))
    for item, template in by_service:
        made = list(_service_workloads(item, template, sites, cluster))
        behaviours |= {obj.name: item for obj in made}
        objects += made
        near = "PreferClose" if item.per else ""  # who has one near by asks that one
        objects.append(api.Service(item.name, selector=selector_term(_selector(item)), distribution=near))
    objects += [_service(obj) for obj in given if isinstance(obj, Service) and obj.spec.selector]
    sizes = {obj.title: obj.size_bytes for obj in given if isinstance(obj, ConfigMap | Secret)}
    instances = {
        item.name: pod_template(item.name, template, Behaviour(start=item.start), cluster)
        for item, template in by_function
    }
    made_of: dict[str, list[PodTemplate]] = {}
    for kind, template in by_pods:
        made_of.setdefault(kind.name, []).append(pod_template(kind.name, template, None, cluster))
    bare = {kinds[0].name: BarePods(tuple(made_of[kinds[0].name]), trace) for kinds, trace in pods}
    notes = (*_assumed(objects, behaviours), *(f"pods {name}: {_HOLDS}" for name in bare))
    return CompiledWorkload(tuple(objects), behaviours, used, sizes, notes, instances, bare)


def _containers(template: PodTemplateSpec) -> tuple[Container, ...]:
    return (*template.spec.init_containers, *template.spec.containers)


def _image(name: str, images: Mapping[str, image.Image]) -> Image:
    key = image.find(images, name)
    assert key is not None
    base = images[key].base
    return runtime_image(name, images[key], () if base is None else _image(image.canonical(base), images).layers)


def _workload(obj: K8sObject, template: PodTemplate) -> api.ApiObject:
    match obj:
        case Deployment():
            update = obj.spec.strategy.rolling_update
            return api.Deployment(
                obj.name,
                template=template,
                replicas=obj.spec.replicas,
                max_surge=update.max_surge if update else "25%",
                max_unavailable=update.max_unavailable if update else "25%",
                strategy=obj.spec.strategy.type,
            )
        case ReplicaSet():
            return api.ReplicaSet(obj.name, template=template, replicas=obj.spec.replicas)
        case DaemonSet():
            return api.DaemonSet(obj.name, template=template)
        case Job():
            parallelism = 1 if obj.spec.parallelism is None else obj.spec.parallelism
            # Without completions a Job is a work queue: all of its parallel pods have to end well.
            completions = obj.spec.completions or max(parallelism, 1)
            return api.Job(
                obj.name,
                template=template,
                completions=completions,
                parallelism=parallelism,
                backoff_limit=obj.spec.backoff_limit,
            )
        case Pod():
            return api.Pod(obj.name, template=template)
    raise TypeError(f"{obj.kind} makes no pods")


def _service(obj: Service) -> api.Service:
    return api.Service(
        obj.name,
        selector=selector_term(LabelSelector(match_labels=obj.spec.selector)),
        distribution=_DISTRIBUTION.get(obj.spec.traffic_distribution or "", ""),
        internal_policy=obj.spec.internal_traffic_policy,
        publish_not_ready=obj.spec.publish_not_ready_addresses,
    )


def _selector(item: ServiceItem) -> LabelSelector:
    return LabelSelector(match_labels={"app": item.name})


def _service_template(item: ServiceItem | Function) -> PodTemplateSpec:
    """The pod that the short form means: one container, named like the service."""
    requests = {"cpu": f"{int(item.cpu)}m"} if item.cpu else {}
    requests |= {"memory": str(int(item.ram))} if item.ram else {}
    limits = {} if item.ram_limit is None else {"memory": str(int(item.ram_limit))}
    need = item.accelerator if isinstance(item, ServiceItem) else None
    limits |= _devices(need) if need else {}
    container = Container(
        name=item.name.partition("@")[0].lower().replace(".", "-").replace("_", "-")[:63],
        image=item.image,
        resources=ResourceRequirements(requests=requests, limits=limits),
    )
    spec = PodSpec(containers=(container,), runtime_class_name=item.runtime, node_selector=item.node_selector)
    if need and need.product:
        spec = spec.model_copy(update={"affinity": _products(need)})
    return PodTemplateSpec(metadata=TemplateMeta(labels={"app": item.name}), spec=spec)


def _bare(item: Pods) -> PodTemplateSpec:
    """The pod that the item means: a service's, that is not started again, with labels and a priority of its own."""
    same = {key: getattr(item, key) for key in ("name", "image", "cpu", "ram", "accelerator", "node_selector")}
    template = _service_template(ServiceItem.model_construct(**same))
    own = {"restart_policy": "Never", "priority": item.priority}
    due = {} if item.deadline is None else {DEADLINE: str(int(item.deadline) / SECOND)}
    labels = {"labels": {**template.metadata.labels, **due, **item.labels}}
    return template.model_copy(
        update={
            "metadata": template.metadata.model_copy(update=labels),
            "spec": template.spec.model_copy(update=own),
        }
    )


def _devices(need: AcceleratorNeed) -> dict[str, str]:
    """The limits of a container by which it gets its accelerators."""
    if need.milli is None and need.memory is None:
        return {need.resource: str(need.count or 1)}
    shares = {MILLI: need.milli, MEMORY: None if need.memory is None else int(need.memory)}
    return {need.resource + end: str(amount) for end, amount in shares.items() if amount is not None}


def _products(need: AcceleratorNeed) -> Affinity:
    """Nodes with one of these models."""
    label = {"key": f"{need.resource}.product", "operator": "In", "values": list(need.product)}
    terms = {"nodeSelectorTerms": [{"matchExpressions": [label]}]}
    return Affinity.model_validate({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}})


def _service_workloads(
    item: ServiceItem, template: PodTemplateSpec, sites: Sequence[str], cluster: Cluster
) -> Iterator[api.ApiObject]:
    if item.per == "node":
        yield api.DaemonSet(item.name, template=pod_template(item.name, template, item, cluster))
    elif item.per == "site":
        # A workload for each site: none can lend its replica to another.
        for site in sites:
            name = f"{item.name}-{site}"
            there = template.model_copy(
                update={"spec": template.spec.model_copy(update={"node_selector": {**item.node_selector, ZONE: site}})}
            )
            yield api.Deployment(name, template=pod_template(name, there, item, cluster), replicas=1)
    else:
        replicas = DeploymentSpec.model_fields["replicas"].default if item.replicas is None else item.replicas
        yield api.Deployment(item.name, template=pod_template(item.name, template, item, cluster), replicas=replicas)


def _assumed(objects: Iterable[api.ApiObject], behaviours: Mapping[str, Behaviour]) -> Iterator[str]:
    for obj in objects:
        template: PodTemplate | None = getattr(obj, "template", None)
        if template is None:
            continue
        own = behaviours.get(obj.name)
        if own is None or own.memory is None:
            yield f"{obj.kind} {obj.name}: {_HOLDS}"
        if template.init_containers:
            yield f"{obj.kind} {obj.name}: its init containers are taken to end at once"
        if isinstance(obj, api.Job) and (own is None or own.run is None):
            yield f"{obj.kind} {obj.name}: behaviour has no run: its pods never end"
