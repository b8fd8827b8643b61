"""Each part of a manifest that is simulated moves what it is there to move, in the direction that it must."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import pytest

from moves import (
    BASE,
    Measure,
    Move,
    bound,
    events,
    first,
    fullest,
    latency,
    metric,
    started,
    total,
)
from simulator.simulation.run import Run

Object = dict[str, Any]
HOST = "kubernetes.io/hostname"


def merged(one: Mapping[str, Any], over: Mapping[str, Any]) -> Object:
    """`one` with the keys of `over`, at any depth; None takes a key away."""
    both = dict(one)
    for key, value in over.items():
        deep = isinstance(value, Mapping) and isinstance(both.get(key), Mapping)
        both[key] = merged(both[key], value) if deep else value
    return {key: value for key, value in both.items() if value is not None}


def workload(
    name: str = "api",
    kind: str = "Deployment",
    *,
    pod: Mapping[str, Any] | None = None,
    main: Mapping[str, Any] | None = None,
    **spec: Any,
) -> Object:
    """A workload of one container. `pod` and `main` are merged into the pod's spec and into the container."""
    requests = {"requests": {"cpu": "500m", "memory": "256Mi"}}
    plain = {"name": "main", "image": "shop/api", "imagePullPolicy": "IfNotPresent", "resources": requests}
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {**(pod or {}), "containers": [merged(plain, main or {})]},
    }
    job = kind == "Job"
    selector = {} if job else {"selector": {"matchLabels": {"app": name}}}
    return {
        "apiVersion": "batch/v1" if job else "apps/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {**selector, "template": template, **spec},
    }


def four(**how: Any) -> Object:
    return workload(replicas=4, **how)


def job(**spec: Any) -> Object:
    return workload(kind="Job", pod={"restartPolicy": "Never"}, **spec)


def asking(**requests: str) -> dict[str, Any]:
    """A container's resources."""
    return {"resources": {"requests": requests}}


def service(**spec: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "api"},
        "spec": {"selector": {"app": "api"}, "ports": [{"port": 80}], **spec},
    }


def runtime_class(**fields: Any) -> Object:
    return {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "own"}, **fields}


PRIORITY = {
    "apiVersion": "scheduling.k8s.io/v1",
    "kind": "PriorityClass",
    "metadata": {"name": "high"},
    "value": 1000,
}


def move(
    name: str,
    before: Object | list[Object],
    after: Object | list[Object],
    measure: Measure,
    by: float = 1.0,
    **also: Any,
) -> Move:
    """What is measured rises from one manifest to the other."""
    lists = [each if isinstance(each, list) else [each] for each in (before, after)]
    with_service = [
        objects if any(o["kind"] == "Service" for o in objects) else [*objects, service()] for objects in lists
    ]
    return Move(name, *({"manifest": objects} | also for objects in with_service), measure, True, by)


def hosts(*names: str) -> Object:
    return {"matchExpressions": [{"key": HOST, "operator": "In", "values": list(names)}]}


REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
OWN = {"matchLabels": {"app": "api"}}
BESIDE = {REQUIRED: [{"labelSelector": OWN, "topologyKey": HOST}]}
SPREAD = {"maxSkew": 1, "topologyKey": HOST, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": OWN}
TAINTED = {"topology.nodes.w.taints": [{"key": "own", "effect": "NoSchedule"}]}
GPU = {"acme.com/gpu": 1}
UNPLACED = metric("unschedulable_pods")
# Both queues are full when the scheduler starts.
LATE = {"faults": [{"kind": "stop", "component": "scheduler", "at": "0s", "duration": "5s"}]}


def affinity(**of: Any) -> dict[str, Any]:
    return {"affinity": of}


def big(name: str, replicas: int, **pod: Any) -> Object:
    """One of these fills a node."""
    return workload(name, replicas=replicas, pod=pod, main=asking(cpu="3"))


PLACEMENT = [
    move("replicas", workload(), four(), metric("pods_started"), 4),
    move("nodeSelector", four(), four(pod={"nodeSelector": {HOST: "w-1"}}), started("w-1")),
    move("nodeName", four(), four(pod={"nodeName": "w-1"}), started("w-1")),
    move(
        "nodeAffinity required",
        four(),
        four(pod=affinity(nodeAffinity={REQUIRED: {"nodeSelectorTerms": [hosts("w-1")]}})),
        started("w-1"),
    ),
    move(
        "nodeAffinity preferred",
        four(),
        four(pod=affinity(nodeAffinity={PREFERRED: [{"weight": 100, "preference": hosts("w-1")}]})),
        started("w-1"),
    ),
    move("podAntiAffinity", four(), four(pod=affinity(podAntiAffinity=BESIDE)), UNPLACED),
    move("podAffinity", four(), four(pod=affinity(podAffinity=BESIDE)), fullest),
    move(
        "topologySpreadConstraints",
        four(pod={"topologySpreadConstraints": [SPREAD]}),
        four(),
        fullest,
        policy="most-allocated",
    ),
    move("tolerations", four(), four(pod={"tolerations": [{"operator": "Exists"}]}), started("w-1"), **TAINTED),
    move("hostPort", four(), four(main={"ports": [{"containerPort": 80, "hostPort": 80}]}), UNPLACED),
    move("requests.cpu", four(), four(main=asking(cpu="3")), UNPLACED),
    move("requests.memory", four(), four(main=asking(memory="9Gi")), UNPLACED),
    move(
        "limits without requests",
        four(main={"resources": {"requests": None}}),
        four(main={"resources": {"requests": None, "limits": {"cpu": "3"}}}),
        UNPLACED,
    ),
    move(
        "an extended resource",
        four(),
        four(main={"resources": {"requests": GPU, "limits": GPU}}),
        UNPLACED,
        **{"topology.nodes.w.extended": GPU},
    ),
    move(
        "RuntimeClass overhead",
        four(),
        [four(pod={"runtimeClassName": "own"}), runtime_class(handler="runc", overhead={"podFixed": {"cpu": "2"}})],
        UNPLACED,
    ),
    move(
        "RuntimeClass handler",
        four(),
        [four(pod={"runtimeClassName": "own"}), runtime_class(handler="wasmtime")],
        latency(),
        behaviour={"api": {"work": "5ms"}},
    ),
    move(
        "RuntimeClass nodeSelector",
        four(),
        [
            four(pod={"runtimeClassName": "own"}),
            runtime_class(handler="runc", scheduling={"nodeSelector": {HOST: "w-1"}}),
        ],
        started("w-1"),
    ),
    move(
        "priorityClassName",
        [big("first", 4), big("api", 2), PRIORITY],
        [big("first", 4), big("api", 2, priorityClassName="high"), PRIORITY],
        bound("api"),
        **LATE,
    ),
    move(
        "DaemonSet nodeSelector",
        workload(kind="DaemonSet", pod={"nodeSelector": {HOST: "w-1"}}),
        workload(kind="DaemonSet"),
        started("w-0"),
    ),
    move(
        "DaemonSet tolerations",
        workload(kind="DaemonSet"),
        workload(kind="DaemonSet", pod={"tolerations": [{"operator": "Exists"}]}),
        started("cloud"),
    ),
    move("ReplicaSet replicas", *(workload(kind="ReplicaSet", replicas=n) for n in (1, 3)), metric("pods_started"), 3),
]

PROBE = {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 5}
MEMORY = {"idle": "100Mi"}
SLEEPY = {"behaviour": {"api": {"start": "60s"}}}
ENDS = {"behaviour": {"api": {"run": "15s"}}}
FAILS = {"behaviour": {"api": {"run": "5s", "exit_code": 1}}}


def alive(**probe: Any) -> Object:
    return workload(main={"livenessProbe": {**PROBE, **probe}})


def ready(**probe: Any) -> Object:
    return workload(main={"readinessProbe": {**PROBE, **probe}})


def last_success(run: Run) -> float:
    pods = run.table("pods")
    return float(pods.filter(pl.col("state") == "Succeeded")["time_s"].to_list()[-1])


LIFE = [
    move("image", workload(), workload(main={"image": "shop/other"}), events("Pulling", "shop/other"), images={}),
    move("imagePullPolicy", workload(), workload(main={"imagePullPolicy": "Always"}), events("Pulling"), 2, **ENDS),
    move(
        "initContainers",
        workload(),
        workload(pod={"initContainers": [{"name": "before", "image": "shop/api"}]}),
        first("api", "started"),
    ),
    move("readinessProbe", workload(), ready(), first("api", "Ready"), 2, **SLEEPY),
    move("readinessProbe initialDelaySeconds", ready(), ready(initialDelaySeconds=30), first("api", "Ready"), 2),
    move("readinessProbe periodSeconds", ready(), ready(periodSeconds=50), first("api", "Ready"), 1.2, **SLEEPY),
    move("readinessProbe successThreshold", ready(), ready(successThreshold=5), first("api", "Ready"), 2),
    move("livenessProbe", workload(), alive(), events("Unhealthy"), **SLEEPY),
    move("livenessProbe failureThreshold", alive(failureThreshold=20), alive(), events("Unhealthy"), **SLEEPY),
    move(
        "startupProbe",
        workload(main={"livenessProbe": PROBE, "startupProbe": {**PROBE, "failureThreshold": 30}}),
        alive(),
        events("Unhealthy"),
        **SLEEPY,
    ),
    move(
        "limits.memory",
        workload(),
        workload(main={"resources": {"requests": {"memory": "50Mi"}, "limits": {"memory": "60Mi"}}}),
        events("OOMKilled"),
        behaviour={"api": {"memory": MEMORY}},
    ),
    move(
        "restartPolicy",
        workload(kind="Job", pod={"restartPolicy": "OnFailure"}),
        job(),
        metric("pods_started"),
        **FAILS,
    ),
    move("backoffLimit", job(backoffLimit=0), job(backoffLimit=3), metric("pods_started"), 2, **FAILS),
    move("completions", job(completions=1), job(completions=3), metric("pods_started"), 3, **ENDS),
    move("parallelism", job(completions=3, parallelism=3), job(completions=3), last_success, 1.5, **ENDS),
]


def stopping_s(run: Run) -> float:
    """From the signal to the end of the first pod that an agent ended."""
    killing = run.table("events").filter(pl.col("kind") == "Killing").row(0, named=True)
    ended = run.table("pods").filter((pl.col("pod") == killing["subject"]) & (pl.col("state") == "stopped"))
    return float(ended["time_s"].to_list()[0] - killing["time_s"])


# Evicted behind a cut, and told so when it has healed; processes take their time to heed a signal.
ENDED = {
    "duration": "400s",
    "faults": [{"kind": "cut", "link": "w-*", "at": "60s", "duration": "200s"}],
    "facts.orchestrators.kubernetes.eviction.toleration": "10s",
    "facts.runtimes.containerd.stop": "25s",
}
LIFE += [
    move(
        "terminationGracePeriodSeconds",
        *(four(pod={"terminationGracePeriodSeconds": seconds}) for seconds in (1, 30)),
        stopping_s,
        20,
        **ENDED,
    ),
    Move(
        "exit_code",
        *({"manifest": [job(), service()], "behaviour": {"api": {"run": "5s", "exit_code": n}}} for n in (0, 1)),
        metric("pods_started"),
    ),
]

# A worker far from the tills, besides the two that are near.
FAR = {
    "topology": {
        "nodes": [*BASE["topology"]["nodes"], {"name": "x", "model": "x86-edge", "zone": "far"}],
        "links": [
            *BASE["topology"]["links"],
            {"name": "x", "between": ["cloud", "x"], "latency": "100ms", "rate": "100Mbps"},
        ],
    }
}
EVERYWHERE = workload(kind="DaemonSet")


def no_endpoint_where_it_does_not_run(run: Run) -> float:
    """Shares of the requests of each till that found no endpoint."""
    requests = run.table("requests").filter(pl.col("issued_s") > 30)
    found = requests.group_by("source").agg((pl.col("outcome") == "no-endpoint").mean())
    return float(np.max(found["outcome"].to_numpy()))


SERVICES = [
    move("selector", workload(), [workload(), service(selector={"app": "nobody"})], total("no_endpoint"), 2),
    move(
        "publishNotReadyAddresses",
        [ready(), service(publishNotReadyAddresses=True)],
        [ready(), service()],
        total("no_endpoint"),
        2,
        **SLEEPY,
    ),
    move(
        "trafficDistribution",
        [EVERYWHERE, service(trafficDistribution="PreferClose")],
        [EVERYWHERE, service()],
        latency(),
        2,
        **FAR,
    ),
    move(
        "internalTrafficPolicy",
        workload(pod={"nodeSelector": {HOST: "x"}}),
        [workload(pod={"nodeSelector": {HOST: "x"}}), service(internalTrafficPolicy="Local")],
        no_endpoint_where_it_does_not_run,
        **FAR,
    ),
]


def test_a_label_of_a_node_lets_the_pods_that_select_it_come() -> None:
    """The node's half of the nodeSelector: the same manifest, two places."""
    selecting = {"manifest": [four(pod={"nodeSelector": {"tier": "x"}}), service()]}
    labelled = {"topology.nodes.w.labels": {"tier": "x"}}
    Move("labels", selecting, selecting | labelled, metric("pods_started")).check()


@pytest.mark.parametrize("move", [*PLACEMENT, *LIFE, *SERVICES], ids=lambda move: move.name)
def test_a_field_moves_what_it_is_for(move: Move) -> None:
    move.check()
