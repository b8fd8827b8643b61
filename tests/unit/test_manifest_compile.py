"""Manifests and services compiled: requests, QoS, defaults and references, by Kubernetes' documented rules."""

from __future__ import annotations

import re
from typing import Any

import pytest

from simulator.control.api import objects as api
from simulator.errors import UserError
from simulator.simulation.compile import CompiledWorkload, compile_manifest
from simulator.spec.behaviour import Behaviour
from simulator.spec.image import Image, find
from simulator.spec.kubernetes import parse_manifest
from simulator.spec.workload import Service
from simulator.units import MS, SECOND
from simulator.world.pod import PodAffinityTerm, PodTemplate, Probe, Requirement, SpreadConstraint, Toleration

DEFAULT = Image(compressed="10MB", unpacked="30MB", layers=3, platforms=("linux/amd64", "linux/arm64"))
MI = 2**20


def compiled(text: str, **how: Any) -> CompiledWorkload:
    found = parse_manifest(text, "m.yaml")
    assert not found.problems, found.problems
    names = [*re.findall(r"""image: ["']?([^"',}\s]+)""", text), *(item.image for item in how.get("services", ()))]
    given: dict[str, Image] = how.get("images", {})
    default = {name: DEFAULT for name in names if find(given, name) is None}
    how = {"behaviour": {}} | how | {"images": given | default}
    return compile_manifest(found.objects, **how)


def pod(spec: str, more: str = "", **how: Any) -> PodTemplate:
    """The template of a pod with this spec."""
    text = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: p, labels: {{app: p}}}}\nspec: {spec}\n{more}"
    (made,) = (o for o in compiled(text, **how).objects if isinstance(o, api.Pod))
    return made.template


def box(requests: str = "", limits: str = "", more: str = "", name: str = "a") -> str:
    return f"{{name: {name}, image: {name}, resources: {{requests: {{{requests}}}, limits: {{{limits}}}}}{more}}}"


def containers(*boxes: str, before: tuple[str, ...] = ()) -> str:
    return f"{{containers: [{', '.join(boxes)}], initContainers: [{', '.join(before)}]}}"


ALWAYS = ", restartPolicy: Always"


@pytest.mark.parametrize(
    ("spec", "cpu_m", "ram_mi"),
    [
        (containers(box("cpu: 250m, memory: 64Mi"), box("cpu: 1, memory: 1Gi", name="b")), 1250, 1088),
        (containers(box()), 0, 0),
        (containers(box("", "cpu: 500m, memory: 1Gi")), 500, 1024),  # a limit alone is a request
        (containers(box("cpu: 100m", "cpu: 500m")), 100, 0),
        # An init container counts where it is larger, resource by resource.
        (containers(box("cpu: 1, memory: 100Mi"), before=(box("cpu: 500m, memory: 1Gi", name="i"),)), 1000, 1024),
        # Init containers run one after another: the largest counts, not the sum.
        (containers(box("cpu: 100m"), before=(box("cpu: 1", name="i"), box("cpu: 2", name="j"))), 2000, 0),
        # A sidecar stays: it is added to the containers, and to the init containers after it (KEP-753).
        (containers(box("cpu: 1"), before=(box("cpu: 500m", "", ALWAYS, name="s"), box("cpu: 1", name="i"))), 1500, 0),
        (containers(box("cpu: 1"), before=(box("cpu: 500m", "", ALWAYS, name="s"), box("cpu: 2", name="i"))), 2500, 0),
        (containers(box("cpu: 1"), before=(box("cpu: 2", name="i"), box("cpu: 500m", "", ALWAYS, name="s"))), 2000, 0),
    ],
)  # fmt: skip
def test_effective_requests(spec: str, cpu_m: int, ram_mi: int) -> None:
    template = pod(spec)
    assert (template.cpu_m, template.ram_bytes) == (cpu_m, ram_mi * MI)


def test_overhead_of_the_runtime_class_is_added_and_its_nodes_are_asked_for() -> None:
    runtime = (
        "---\napiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {name: vm}\nhandler: kata\n"
        "overhead: {podFixed: {cpu: 250m, memory: 120Mi}}\n"
        "scheduling: {nodeSelector: {kvm: 'yes'}, tolerations: [{key: vm, operator: Exists}]}\n"
    )
    spec = "{runtimeClassName: vm, nodeSelector: {a: b}, containers: [" + box("cpu: 1, memory: 100Mi") + "]}"
    template = pod(spec, runtime)
    assert (template.cpu_m, template.ram_bytes) == (1250, 220 * MI)
    assert template.runtime_class == "kata"
    assert template.node_selector == {"a": "b", "kvm": "yes"}
    assert template.tolerations == (Toleration(key="vm", operator="Exists"),)
    assert pod("{runtimeClassName: crun, containers: [" + box() + "]}").runtime_class == "crun"


def test_extended_resources_are_whole_and_a_limit_is_enough() -> None:
    template = pod(containers(box("", "nvidia.com/gpu: 1"), box("", "nvidia.com/gpu: 2", name="b")))
    assert template.extended == {"nvidia.com/gpu": 3}
    assert template.qos == "BestEffort", "only cpu and memory make quality"


BOTH = "cpu: 1, memory: 1Gi"


@pytest.mark.parametrize(
    ("spec", "qos"),
    [
        (containers(box(BOTH, BOTH)), "Guaranteed"),
        (containers(box("", BOTH)), "Guaranteed"),
        (containers(box("cpu: 1000m, memory: 1024Mi", BOTH)), "Guaranteed"),
        (containers(box(BOTH, BOTH), box(name="b")), "Burstable"),
        (containers(box(BOTH, BOTH), before=(box("cpu: 1", name="i"),)), "Burstable"),
        (containers(box("memory: 1Gi", "memory: 1Gi")), "Burstable"),
        (containers(box(BOTH, "cpu: 2, memory: 1Gi")), "Burstable"),
        (containers(box("", "memory: 1Gi")), "Burstable"),
        (containers(box(), box(name="b")), "BestEffort"),
        (containers(box("cpu: 0")), "BestEffort"),
    ],
)
def test_quality_of_service(spec: str, qos: str) -> None:
    assert pod(spec).qos == qos


CLASSES = """
---
{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: high}, value: 1000, preemptionPolicy: Never}
---
{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: usual}, value: 10, globalDefault: true}
"""


@pytest.mark.parametrize(
    ("more", "classes", "priority", "preempts"),
    [
        ("", "", 0, True),
        ("", CLASSES, 10, True),
        ("priorityClassName: high, ", CLASSES, 1000, False),
        ("priorityClassName: high, ", "", 0, True),  # noted as missing by the reader
        ("priorityClassName: system-node-critical, ", "", 2_000_001_000, True),
        ("priorityClassName: system-cluster-critical, ", CLASSES, 2_000_000_000, True),
        ("priority: 7, preemptionPolicy: Never, ", CLASSES, 7, False),
    ],
)
def test_priority(more: str, classes: str, priority: int, preempts: bool) -> None:
    template = pod("{" + more + "containers: [" + box() + "]}", classes)
    assert (template.priority, template.preempts) == (priority, preempts)


@pytest.mark.parametrize(
    ("image", "policy"),
    [("nginx", "Always"), ("nginx:latest", "Always"), ("nginx:1.2", "IfNotPresent"), ("h:5000/nginx", "Always"),
     ("h:5000/nginx:1", "IfNotPresent"), ("nginx@sha256:00", "IfNotPresent")],
)  # fmt: skip
def test_default_pull_policy(image: str, policy: str) -> None:
    template = pod(f"{{containers: [{{name: a, image: '{image}'}}]}}")
    assert template.containers[0].pull_policy == policy


def test_probes_ports_and_grace() -> None:
    template = pod(
        "{hostNetwork: true, terminationGracePeriodSeconds: 5, restartPolicy: Never, nodeName: n1, containers: ["
        "{name: a, image: a, ports: [{containerPort: 80}, {containerPort: 81, hostPort: 81}],"
        " livenessProbe: {exec: {command: [x]}, initialDelaySeconds: 15, timeoutSeconds: 5, failureThreshold: 4},"
        " readinessProbe: {httpGet: {port: 80}, periodSeconds: 5, successThreshold: 2}}]}"
    )
    container = template.containers[0]
    assert container.liveness == Probe(10 * SECOND, 5 * SECOND, 15 * SECOND, 1, 4)
    assert container.readiness == Probe(5 * SECOND, 1 * SECOND, 0, 2, 3)
    assert container.startup is None
    assert container.host_ports == (80, 81)
    assert (template.grace_ns, template.restart_policy, template.node_name) == (5 * SECOND, "Never", "n1")


WHERE = """
  containers: [{name: a, image: a}]
  tolerations: [{operator: Exists}, {key: k, value: v, effect: NoExecute, tolerationSeconds: 0}]
  topologySpreadConstraints:
    - {maxSkew: 2, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {a: b}}}
  affinity:
    nodeAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        nodeSelectorTerms:
          - matchExpressions: [{key: cores, operator: Gt, values: ["4"]}]
            matchFields: [{key: metadata.name, operator: In, values: [n1]}]
          - matchExpressions: [{key: ssd, operator: Exists}]
      preferredDuringSchedulingIgnoredDuringExecution:
        - {weight: 5, preference: {matchExpressions: [{key: z, operator: DoesNotExist}]}}
    podAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        - {topologyKey: zone, labelSelector: {matchLabels: {a: b}}}
    podAntiAffinity:
      requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: host}]
      preferredDuringSchedulingIgnoredDuringExecution:
        - {weight: 9, podAffinityTerm: {topologyKey: host, labelSelector: {}}}
"""


def test_where_a_pod_may_go() -> None:
    template = pod(WHERE)
    by_label = (Requirement("a", "In", ("b",)),)
    assert template.tolerations == (Toleration(operator="Exists"), Toleration("k", "Equal", "v", "NoExecute", 0))
    assert template.spread == (SpreadConstraint(2, "zone", by_label, "ScheduleAnyway"),)
    assert template.node_affinity == (
        (Requirement("cores", "Gt", ("4",)), Requirement("kubernetes.io/hostname", "In", ("n1",))),
        (Requirement("ssd", "Exists"),),
    )
    assert template.node_preferences == ((5, (Requirement("z", "DoesNotExist"),)),)
    assert template.pod_affinity == (PodAffinityTerm(by_label, "zone"),)
    nothing, everything = template.pod_anti_affinity
    assert not all(r.matches({"a": "b"}) for r in nothing.selector), "no selector matches no pod"
    assert (everything.selector, everything.weight) == ((), 9)


def test_images_give_platforms_and_bytes_each_once() -> None:
    images = {
        "shop/api": Image(compressed="40MB", unpacked="100MB", layers=4, platforms=("linux/amd64", "linux/arm64")),
        "shop/db:12": Image(compressed="70MB", unpacked="200MB", platforms=("linux/amd64",)),
    }
    names = ("shop/api:1.4", "docker.io/shop/db:12", "shop/api:1.4")
    spec = containers(*(f"{{name: c{n}, image: '{name}'}}" for n, name in enumerate(names)))
    template = pod(spec, images=images)
    assert template.platforms == {"linux/amd64"}
    assert template.image_bytes == 300_000_000
    made = compiled(f"apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {spec}\n", images=images).images
    assert {name: (i.compressed, len(i.layers)) for name, i in made.items()} == {
        "shop/api:1.4": (40_000_000, 4),
        "docker.io/shop/db:12": (70_000_000, 1),
    }


@pytest.mark.parametrize(
    ("name", "key"),
    [("a/b:1", "a/b:1"), ("a/b:2", "a/b"), ("a/b", "a/b"), ("a/b@sha256:0", "a/b"), ("h:5000/c:2", "h:5000/c"),
     ("docker.io/library/nginx:1", "nginx"), ("nginx", "nginx"), ("a/c", None), ("b", None)],
)  # fmt: skip
def test_images_are_joined_by_name_then_without_tag(name: str, key: str | None) -> None:
    assert find(["a/b:1", "a/b", "h:5000/c", "nginx"], name) == key


WORK = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  replicas: 3
  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  selector: {matchLabels: {app: api}}
  template: {metadata: {labels: {app: api}}, spec: {containers: [{name: a, image: a}, {name: b, image: b}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: api}, internalTrafficPolicy: Local,
 trafficDistribution: PreferSameZone, publishNotReadyAddresses: true}}
---
{apiVersion: v1, kind: Service, metadata: {name: nobody}, spec: {}}
---
{apiVersion: batch/v1, kind: Job, metadata: {name: job}, spec: {parallelism: 4, backoffLimit: 2,
 template: {spec: {restartPolicy: Never, initContainers: [{name: i, image: i}], containers: [{name: a, image: a}]}}}}
---
{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: agent}, spec: {selector: {matchLabels: {app: x}},
 template: {metadata: {labels: {app: x}}, spec: {containers: [
  {name: a, image: a, resources: {requests: {memory: 32Mi}}}]}}}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: conf}, data: {a: bc}}
"""


def test_objects_behaviours_and_what_is_assumed() -> None:
    api_behaviour = Behaviour(work="5ms", memory={"idle": "60Mi", "per_request": "1Mi"}, start="2s")
    made = compiled(WORK, behaviour={"api": api_behaviour, "job": Behaviour(run="20s", exit_code=1)})
    deployment, job, agent, web = made.objects
    assert isinstance(deployment, api.Deployment)
    assert (deployment.replicas, deployment.max_surge, deployment.max_unavailable) == (3, 1, 0)
    first, second = deployment.template.containers
    assert (first.ram_idle_bytes, first.ram_per_request_bytes, first.start_ns) == (60 * MI, MI, 2 * SECOND)
    assert (second.ram_idle_bytes, second.start_ns) == (0, 0), "behaviour is the first container's"
    assert isinstance(job, api.Job)
    assert (job.completions, job.parallelism, job.backoff_limit) == (4, 4, 2)
    assert (job.template.containers[0].run_ns, job.template.containers[0].exit_code) == (20 * SECOND, 1)
    assert job.template.init_containers[0].run_ns == 1
    assert isinstance(agent, api.DaemonSet)
    assert agent.template.containers[0].ram_idle_bytes == 32 * MI
    assert isinstance(web, api.Service)
    assert (web.selector, web.distribution) == ((Requirement("app", "In", ("api",)),), "PreferClose")
    assert (web.internal_policy, web.publish_not_ready) == ("Local", True)
    assert made.behaviours.keys() == {"api", "job"}
    assert made.wanted == {"api": 3, "job": 4, "agent": None}
    assert made.config_bytes == {"ConfigMap conf": 3}
    assert made.notes == (
        "Job job: its memory is not described: it is taken to hold what it asks for",
        "Job job: its init containers are taken to end at once",
        "DaemonSet agent: its memory is not described: it is taken to hold what it asks for",
    )


def test_a_service_without_kubernetes() -> None:
    item = Service(name="cam", image="shop/cam", cpu="500m", ram="128Mi", work={"exponential": "5ms"}, runtime="crun")
    many = item.model_copy(update={"replicas": 2})
    deployment, service = compiled(WORK, services=[many]).objects[3:5]
    assert isinstance(deployment, api.Deployment)
    assert (deployment.name, deployment.replicas, deployment.template.labels) == ("cam", 2, {"app": "cam"})
    template = deployment.template
    assert (template.cpu_m, template.ram_bytes, template.runtime_class, template.qos) == (
        500,
        128 * MI,
        "crun",
        "Burstable",
    )
    assert isinstance(service, api.Service)
    assert all(requirement.matches(template.labels) for requirement in service.selector)


def test_one_per_site_or_node() -> None:
    images = {"c": DEFAULT}
    site, node = (
        Service(name="cam", image="c", ram="1Mi", ram_limit="2Mi", per=per, start="5ms") for per in ("site", "node")
    )
    there = compile_manifest([], images, {}, services=[site], sites=["shop-a", "shop-b"])
    assert [(o.kind, o.name) for o in there.objects] == [
        ("Deployment", "cam-shop-a"),
        ("Deployment", "cam-shop-b"),
        ("Service", "cam"),
    ]
    first = there.objects[0]
    assert isinstance(first, api.Deployment)
    assert first.template.node_selector == {"topology.kubernetes.io/zone": "shop-a"}
    assert (first.template.workload, first.template.containers[0].start_ns) == ("cam-shop-a", 5 * MS)
    assert first.template.containers[0].ram_limit_bytes == 2 * MI
    assert there.behaviours == {"cam-shop-a": site, "cam-shop-b": site}
    assert there.wanted == {"cam-shop-a": 1, "cam-shop-b": 1}
    (each, _) = compile_manifest([], images, {}, services=[node]).objects
    assert isinstance(each, api.DaemonSet)
    chosen = [s.model_copy(update={"node_selector": {"tier": "edge"}}) for s in (site, node)]
    objects = compile_manifest([], images, {}, services=chosen, sites=["shop-a"]).objects
    selectors = [o.template.node_selector for o in objects if isinstance(o, api.Deployment | api.DaemonSet)]
    assert selectors == [{"tier": "edge", "topology.kubernetes.io/zone": "shop-a"}, {"tier": "edge"}]


def test_a_service_limit_below_its_request_is_refused() -> None:
    with pytest.raises(UserError, match="the limit lies below the request"):
        Service(name="cam", image="c", ram="2Mi", ram_limit="1Mi")
