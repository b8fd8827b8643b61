"""Kubernetes files: what is read, what is left out by name, what is an error."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from pydantic_core import PydanticCustomError

from simulator.facts.yaml import load_all_yaml
from simulator.spec.kubernetes import KINDS, K8sObject, Manifest, parse_manifest, read_manifest
from simulator.spec.kubernetes.base import K8s, kubernetes_name
from simulator.spec.kubernetes.cluster import ConfigMap, Secret
from simulator.spec.kubernetes.kinds import roots
from simulator.spec.kubernetes.quantity import cpu_m, value, whole
from simulator.spec.kubernetes.scheduling import Toleration

DATA = Path(__file__).parents[1] / "data_spec"
CORNER, EVERYTHING = DATA / "corner-shop.yaml", DATA / "everything.yaml"


def read(text: str) -> Manifest:
    return parse_manifest(text, "m.yaml")


POD = "{apiVersion: v1, kind: Pod, metadata: {name: %s}, spec: {containers: [{name: a, image: b}]%s}}\n"


def test_documents_and_lists_are_read_in_order() -> None:
    items = "".join(f"- {POD % (name, '')}" for name in ("b", "c"))
    text = f"{POD % ('a', '')}---\napiVersion: v1\nkind: List\nitems:\n{items}---\n{POD % ('d', '')}"
    found = read(text)
    assert [obj.name for obj in found.objects] == ["a", "b", "c", "d"]
    assert (found.notes, found.problems) == ([], [])


def test_json_is_yaml() -> None:
    text = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}}'
    (obj,) = read(text).objects
    assert obj.title == "ConfigMap a"


def test_a_problem_within_a_list_has_its_own_line() -> None:
    found = read(
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: {nmae: a}\n  spec: {}\n"
    )
    assert [str(p) for p in found.problems] == [
        "m.yaml:6: unknown key nmae (did you mean name?)",
        "m.yaml:7: containers is missing",
    ]


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("{apiVersion: superedge.io/v1, kind: DeploymentGrid, metadata: {name: g}}",
         "DeploymentGrid g (superedge.io/v1): not simulated, another API group"),
        ("{apiVersion: serving.knative.dev/v1, kind: Service, metadata: {name: g}, spec: {template: {}}}",
         "Service g (serving.knative.dev/v1): not simulated, another API group"),
        ("{apiVersion: v1, kind: ServiceAccount, metadata: {name: g}}", "ServiceAccount g: not simulated"),
        ("{apiVersion: v1, kind: Node, metadata: {name: n}}", "Node n is not placed: nodes come from the topology"),
        ("{apiVersion: autoscaling/v1, kind: HorizontalPodAutoscaler, metadata: {name: h},"
         " spec: {maxReplicas: 3, scaleTargetRef: {kind: Deployment, name: api}}}",
         "HorizontalPodAutoscaler h: not simulated yet"),
        ("{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: h, namespace: shop},"
         " spec: {maxReplicas: 3, scaleTargetRef: {kind: Deployment, name: api}}}",
         "HorizontalPodAutoscaler shop/h: its target Deployment api is not in the file"),
        (POD % ("p", ", priorityClassName: high"), "Pod p: PriorityClass high is not in the file"),
        (POD % ("p", ", runtimeClassName: kata"), "Pod p: RuntimeClass kata is not in the file"),
        (POD % ("p", ", hostname: x, volumes: []"), "Pod p: hostname, volumes are not simulated"),
        (POD % ("p", ", hostNetwork: true, preemptionPolicy: Never"),
         "Pod p: preemptionPolicy, hostNetwork are not simulated"),
        ("{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {trafficDistribution: PreferSameNode}}",
         "Service s: trafficDistribution PreferSameNode is not simulated"),
    ],
)  # fmt: skip
def test_what_is_left_out_is_noted_by_name(text: str, note: str) -> None:
    found = read(text)
    assert note in found.notes
    assert found.problems == []


def test_classes_that_every_cluster_has_are_not_missed() -> None:
    assert read(POD % ("p", ", priorityClassName: system-node-critical")).notes == []


def test_a_null_is_an_absent_field() -> None:
    (obj,) = read("{apiVersion: v1, kind: Service, metadata: {name: s, labels: null}, spec: {selector: null}}").objects
    assert obj.metadata.labels == {}


def test_two_objects_of_one_name() -> None:
    found = read(f"{POD % ('a', '')}---\n{POD % ('a', '')}")
    assert [str(p) for p in found.problems] == ["m.yaml:3: Pod a stands here twice"]


def test_a_dump_has_made_objects_which_make_nothing_again() -> None:
    owner = "{apiVersion: apps/v1, kind: ReplicaSet, name: %s, uid: u, controller: true}"
    pods = "---\n".join(
        POD.replace("{name: %s}", "{name: %s, ownerReferences: [%s]}") % (name, owner % of, "")
        for name, of in (("a-1", "a"), ("b-1", "b"))
    )
    replicas = (
        "{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: a}, spec: {selector: {matchLabels: {x: y}},"
        " template: {metadata: {labels: {x: y}}, spec: {containers: [{name: a, image: b}]}}}}\n"
    )
    found = read(f"{replicas}---\n{pods}")
    assert not found.problems
    assert [obj.name for obj in roots(found.objects)] == ["a", "b-1"], "b is not in the dump, so b-1 stands for itself"


def test_sizes_of_configuration() -> None:
    made = ConfigMap.parse({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"ab": "cé"}})
    assert made.size_bytes == 2 + 3
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "c"},
        "stringData": {"k": "v"},
        "type": "Opaque",
    }
    assert Secret.parse(secret).size_bytes == 2


@pytest.mark.parametrize(
    ("text", "exact"),
    [("500m", Fraction(1, 2)), (2, Fraction(2)), (0.1, Fraction(1, 10)), ("128974848", Fraction(128974848)),
     ("129e6", Fraction(129_000_000)), ("129M", Fraction(129_000_000)), ("123Mi", Fraction(123 * 2**20)),
     ("65541060Ki", Fraction(65541060 * 1024)), ("1.5Gi", Fraction(3 * 2**29)), ("100n", Fraction(1, 10**7)),
     ("15Ti", Fraction(15 * 2**40)), (".5", Fraction(1, 2)), ("1E", Fraction(10**18))],
)  # fmt: skip
def test_kubernetes_quantities(text: str | float, exact: Fraction) -> None:
    assert value(text) == exact


def test_quantities_round_up() -> None:
    assert (cpu_m("0.1m"), cpu_m("1.0001"), whole("100m"), whole("1.5")) == (1, 1001, 1, 2)


@pytest.mark.parametrize("text", ["64Mb", "64MB", "5K", "", "m", "1 Gi", "-1", True, None, "1e99", "0x10", [1], "²"])
def test_what_is_no_kubernetes_quantity(text: object) -> None:
    with pytest.raises(PydanticCustomError):
        value(text)


@pytest.mark.parametrize(
    ("python", "yaml"),
    [("host_ip", "hostIP"), ("pod_cidrs", "podCIDRs"), ("set_hostname_as_fqdn", "setHostnameAsFQDN"), ("uid", "uid"),
     ("ip_families", "ipFamilies"), ("cluster_ips", "clusterIPs"), ("provider_id", "providerID"),
     ("target_cpu_utilization_percentage", "targetCPUUtilizationPercentage"), ("http_get", "httpGet")],
)  # fmt: skip
def test_names_in_python_and_in_kubernetes(python: str, yaml: str) -> None:
    assert kubernetes_name(python) == yaml


def test_by_keywords_both_names_serve_and_dump_is_kubernetes() -> None:
    built = Toleration(key="a", operator="Exists", effect="NoExecute", toleration_seconds=30)
    assert built == Toleration(key="a", operator="Exists", effect="NoExecute", tolerationSeconds=30)
    assert built.dump() == {"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30}


@pytest.mark.parametrize("file", [CORNER, EVERYTHING], ids=lambda path: path.stem)
def test_objects_dump_to_the_yaml_they_came_from(file: Path) -> None:
    data = [document.data for document in load_all_yaml(file.read_bytes(), file.name)]
    found = read_manifest(file)
    assert found.problems == []
    assert [obj.dump() for obj in found.objects] == data


def parts(value: object) -> Iterator[K8s]:
    if isinstance(value, K8s):
        yield value
        for name in type(value).model_fields:
            yield from parts(getattr(value, name))
    elif isinstance(value, tuple):
        for part in value:
            yield from parts(part)


def test_every_part_is_the_same_from_keywords() -> None:
    def below(cls: type[K8s]) -> set[type[K8s]]:
        return {c for sub in cls.__subclasses__() for c in (sub, *below(sub))}

    found = [part for obj in read_manifest(EVERYTHING).objects for part in parts(obj)]
    for part in found:
        given = {name: getattr(part, name) for name in part.model_fields_set}
        assert type(part)(**given).dump() == part.dump()
    abstract = {cls for cls in below(K8s) if cls.__name__.startswith("_")} | {K8sObject}
    assert {type(part) for part in found} == below(K8s) - abstract, "a class stands nowhere in everything.yaml"


def without_nulls(given: object) -> object:
    if isinstance(given, dict):
        return {key: without_nulls(part) for key, part in given.items() if part is not None}
    return [without_nulls(part) for part in given] if isinstance(given, list) else given


# Objects and notes, counted by hand in the files.
SHARED = {
    "k8s/cassandra-statefulset.yaml": (1, 2),
    "k8s/horizontal-pod-autoscaler.yaml": (1, 2),
    "k8s/iptablesmanager-ds.yaml": (1, 4),
    "k8s/job-postgres-init.yaml": (1, 1),
    "k8s/k3s-metrics-server.yaml": (0, 0),
    "k8s/keda-scaledobject.yaml": (0, 1),
    "k8s/knative-service.yaml": (0, 1),
    "k8s/liqo-affinity-hello-world.yaml": (3, 0),
    "k8s/microservices-demo.yaml": (24, 23),
    "k8s/node-affinity-pod.yaml": (1, 0),
    "k8s/superedge-deploymentgrid.yaml": (0, 1),
    "k8s/topology-spread-deployment.yaml": (1, 0),
    "k8s/urunc-runtimeclass.yaml": (1, 0),
    "k8s/virtual-gpu-node.yaml": (1, 1),
    "k8s/vllm-deployment.yaml": (1, 1),
    "k8s/wasm-runtimeclass-deploy.yaml": (2, 0),
    "nodes/akri-node-a-not-ready.json": (1, 1),
    "nodes/akri-node-a.json": (1, 1),
    "nodes/k3s-raspberrypi-all-namespaces.yaml": (28, 28),
    "nodes/k3s-raspberrypi-nodes-after-recovery.yaml": (4, 4),
    "nodes/k3s-raspberrypi-nodes.yaml": (4, 4),
}


def test_every_real_manifest_is_read_or_truly_wrong(shared_data: Path) -> None:
    files = sorted(p for folder in ("k8s", "nodes") for p in (shared_data / "manifests" / folder).iterdir())
    assert [f"{p.parent.name}/{p.name}" for p in files] == sorted(SHARED)
    for path in files:
        found = read_manifest(path, path.name)
        assert (len(found.objects), len(found.notes)) == SHARED[f"{path.parent.name}/{path.name}"], path
        if path.name == "k3s-metrics-server.yaml":  # its image is an unquoted template variable
            assert [(p.line, p.hint) for p in found.problems] == [(42, "put the value in quotes")]
        else:
            assert found.problems == []


def test_every_real_object_dumps_to_its_yaml(shared_data: Path) -> None:
    for path in (shared_data / "manifests" / "k8s").iterdir():
        if path.name == "k3s-metrics-server.yaml":
            continue
        data = [d.data for d in load_all_yaml(path.read_bytes(), path.name)]
        ours = [d for d in data if d["kind"] in KINDS and d["apiVersion"] in KINDS[d["kind"]].versions]
        found: list[K8sObject] = read_manifest(path).objects
        assert [without_nulls(obj.dump()) for obj in found] == [without_nulls(d) for d in ours]


def test_what_a_real_dump_leaves_out_is_listed_by_object(shared_data: Path) -> None:
    found = read_manifest(shared_data / "manifests" / "k8s" / "microservices-demo.yaml")
    left_out = "annotations, env, securityContext, serviceAccountName, throttling by limits.cpu"
    assert f"Deployment frontend: {left_out} are not simulated" in found.notes
    assert sum(note.startswith("ServiceAccount ") for note in found.notes) == 11
    deployments = [obj for obj in found.objects if obj.kind == "Deployment"]
    assert len(deployments) == 12
