"""kube-scheduler's filters and scores written out node by node and pod by pod, as its source has them.

Independent of `simulator.control.scheduling`: it reads only API objects and templates, keeps no columns, caches
nothing, and is slow. The oracle of the property tests.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from simulator.control.api.objects import Node, Pod
from simulator.world.pod import PodTemplate, Term

HOSTNAME, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
UNSET_CPU, UNSET_RAM = 100, 200 << 20
IMAGE_LEAST, IMAGE_MOST = 23 << 20, 1000 << 20
WEIGHTS = {
    "TaintToleration": 3,
    "NodeAffinity": 2,
    "PodTopologySpread": 2,
    "InterPodAffinity": 2,
    "NodeResourcesFit": 1,
    "NodeResourcesBalancedAllocation": 1,
    "ImageLocality": 1,
}


@dataclass
class Cluster:
    """Nodes, and the pods on them (bound ones only)."""

    nodes: Sequence[Node]
    pods: Sequence[Pod]

    def on(self, node: Node) -> list[Pod]:
        return [pod for pod in self.pods if pod.node == node.name]


def labels_of(node: Node) -> dict[str, str]:
    system, _, arch = node.platform.partition("/")
    own = {HOSTNAME: node.name, ZONE: node.zone, "kubernetes.io/os": system, "kubernetes.io/arch": arch}
    return {k: v for k, v in own.items() if v} | node.labels


def meets(term: Term, labels: dict[str, str]) -> bool:
    for r in term:
        here, value = r.key in labels, labels.get(r.key)
        ok = {
            "In": here and value in r.values,
            "NotIn": not here or value not in r.values,
            "Exists": here,
            "DoesNotExist": not here,
        }[r.operator]
        if not ok:
            return False
    return True


def node_allowed(t: PodTemplate, node: Node) -> bool:
    labels = labels_of(node)
    if any(labels.get(k) != v for k, v in t.node_selector.items()):
        return False
    return not t.node_affinity or any(meets(term, labels) for term in t.node_affinity)


# Filters


def refuses(pod: Pod, node: Node, cluster: Cluster) -> str:
    """The first filter that refuses the node; empty if none does."""
    t, here = pod.template, cluster.on(node)
    cordon = ("node.kubernetes.io/unschedulable", "", "NoSchedule")
    if node.unschedulable and not any(x.tolerates(cordon) for x in t.tolerations):
        return "NodeUnschedulable"
    if t.node_name and t.node_name != node.name:
        return "NodeName"
    for taint in node.taints:
        if taint[2] in ("NoSchedule", "NoExecute") and not any(x.tolerates(taint) for x in t.tolerations):
            return "TaintToleration"
    if not node_allowed(t, node):
        return "NodeAffinity"
    ports = {p for other in here for c in other.template.containers for p in c.host_ports}
    if any(p in ports for c in t.containers for p in c.host_ports):
        return "NodePorts"
    if not fits(t, node, here):
        return "NodeResourcesFit"
    if not spread_ok(pod, node, cluster):
        return "PodTopologySpread"
    if not neighbours_ok(pod, node, cluster):
        return "InterPodAffinity"
    return ""


def fits(t: PodTemplate, node: Node, here: list[Pod]) -> bool:
    if len(here) + 1 > node.max_pods:
        return False
    if t.cpu_m and sum(p.template.cpu_m for p in here) + t.cpu_m > node.allocatable_cpu_m:
        return False
    if t.ram_bytes and sum(p.template.ram_bytes for p in here) + t.ram_bytes > node.allocatable_ram_bytes:
        return False
    return all(
        sum(p.template.extended.get(kind, 0) for p in here) + n <= node.extended.get(kind, 0)
        for kind, n in t.extended.items()
        if n
    )


def spread_ok(pod: Pod, node: Node, cluster: Cluster) -> bool:
    t = pod.template
    hard = [c for c in t.spread if c.when_unsatisfiable == "DoNotSchedule"]
    eligible = [n for n in cluster.nodes if node_allowed(t, n) and all(c.topology_key in labels_of(n) for c in hard)]
    for c in hard:
        if c.topology_key not in labels_of(node):
            return False
        counts: Counter[str] = Counter()
        for n in eligible:
            domain = labels_of(n)[c.topology_key]
            counts[domain] += sum(meets(c.selector, p.template.labels) for p in cluster.on(n) if p.deletion_ns is None)
        if not counts:
            continue
        own = int(meets(c.selector, t.labels))
        if counts[labels_of(node)[c.topology_key]] + own - min(counts.values()) > c.max_skew:
            return False
    return True


def same_domain(a: Node, b: Node, key: str) -> bool:
    return key in labels_of(a) and labels_of(a)[key] == labels_of(b).get(key)


def neighbours_ok(pod: Pod, node: Node, cluster: Cluster) -> bool:
    t = pod.template
    by_name = {n.name: n for n in cluster.nodes}
    near = [x for x in t.pod_affinity if not x.weight]
    if near:
        if any(x.topology_key not in labels_of(node) for x in near):
            return False
        friends = [p for p in cluster.pods if all(meets(x.selector, p.template.labels) for x in near)]
        found = [any(same_domain(node, by_name[p.node], x.topology_key) for p in friends) for x in near]
        anywhere = any(x.topology_key in labels_of(by_name[p.node]) for p in friends for x in near)
        first = not anywhere and all(meets(x.selector, t.labels) for x in near)
        if not all(found) and not first:
            return False
    for x in (x for x in t.pod_anti_affinity if not x.weight):
        if any(
            meets(x.selector, p.template.labels) and same_domain(node, by_name[p.node], x.topology_key)
            for p in cluster.pods
        ):
            return False
    return not any(
        not x.weight and meets(x.selector, t.labels) and same_domain(node, by_name[p.node], x.topology_key)
        for p in cluster.pods
        for x in p.template.pod_anti_affinity
    )


# Scores, each for the feasible nodes


def scores(pod: Pod, feasible: list[Node], cluster: Cluster) -> dict[str, list[int]]:
    """Of each score its normalised values, 0 to 100, in the order of `feasible`."""
    return {
        "TaintToleration": taints(pod, feasible),
        "NodeAffinity": preferences(pod, feasible),
        "PodTopologySpread": spread(pod, feasible, cluster),
        "InterPodAffinity": neighbours(pod, feasible, cluster),
        "NodeResourcesFit": [least_allocated(pod, n, cluster.on(n)) for n in feasible],
        "NodeResourcesBalancedAllocation": [balanced(pod, n, cluster.on(n)) for n in feasible],
        "ImageLocality": [images(pod, n, cluster) for n in feasible],
    }


def default_normalize(raw: list[int], reverse: bool) -> list[int]:
    most = max(raw, default=0)
    if not most:
        return [100 if reverse else 0 for _ in raw]
    return [100 - r * 100 // most if reverse else r * 100 // most for r in raw]


def taints(pod: Pod, feasible: list[Node]) -> list[int]:
    soft = [x for x in pod.template.tolerations if x.effect in ("", "PreferNoSchedule")]
    raw = [
        sum(t[2] == "PreferNoSchedule" and not any(x.tolerates(t) for x in soft) for t in n.taints) for n in feasible
    ]
    return default_normalize(raw, reverse=True)


def preferences(pod: Pod, feasible: list[Node]) -> list[int]:
    raw = [sum(w for w, term in pod.template.node_preferences if meets(term, labels_of(n))) for n in feasible]
    return default_normalize(raw, reverse=False)


def nonzero(t: PodTemplate) -> tuple[int, int]:
    def of(c):
        return (c.cpu_m if c.has_cpu_request else UNSET_CPU, c.ram_bytes if c.has_ram_request else UNSET_RAM)

    cpu = max([sum(of(c)[0] for c in t.containers), *(of(c)[0] for c in t.init_containers)])
    ram = max([sum(of(c)[1] for c in t.containers), *(of(c)[1] for c in t.init_containers)])
    return cpu, ram  # templates of these tests have no overhead


def least_allocated(pod: Pod, node: Node, here: list[Pod]) -> int:
    parts = []
    for i, whole in enumerate((node.allocatable_cpu_m, node.allocatable_ram_bytes)):
        if whole:
            wanted = sum(nonzero(p.template)[i] for p in [*here, pod])
            parts.append(0 if wanted > whole else (whole - wanted) * 100 // whole)
    return sum(parts) // len(parts) if parts else 0


def balanced(pod: Pod, node: Node, here: list[Pod]) -> int:
    fractions = []
    for name, whole in (("cpu_m", node.allocatable_cpu_m), ("ram_bytes", node.allocatable_ram_bytes)):
        if whole:
            fractions.append(min(1.0, sum(getattr(p.template, name) for p in [*here, pod]) / whole))
    sigma = abs((fractions[0] - fractions[1]) / 2) if len(fractions) == 2 else 0.0
    return int((1 - sigma) * 100)


def images(pod: Pod, node: Node, cluster: Cluster) -> int:
    total = 0
    containers = [*pod.template.init_containers, *pod.template.containers]
    for c in containers:
        if c.image in node.images:
            holders = sum(c.image in n.images for n in cluster.nodes)
            total += int(node.images[c.image] * (holders / len(cluster.nodes)))
    most = IMAGE_MOST * len(containers)
    return 100 * (min(max(total, IMAGE_LEAST), most) - IMAGE_LEAST) // (most - IMAGE_LEAST)


def spread(pod: Pod, feasible: list[Node], cluster: Cluster) -> list[int]:
    t = pod.template

    def counts(selector, nodes):
        return sum(selector(p) for n in nodes for p in cluster.on(n) if p.deletion_ns is None)

    if t.spread:
        constraints = [
            (c.topology_key, c.max_skew, lambda p, c=c: meets(c.selector, p.template.labels))
            for c in t.spread
            if c.when_unsatisfiable == "ScheduleAnyway"
        ]
    elif pod.owner is not None:
        constraints = [(HOSTNAME, 3, lambda p: p.template is t), (ZONE, 5, lambda p: p.template is t)]
    else:
        constraints = []
    if not constraints:
        return [0 for _ in feasible]
    strict = bool(t.spread)
    judged = [n for n in feasible if not strict or all(key in labels_of(n) for key, _, _ in constraints)]
    counted = [
        n
        for n in cluster.nodes
        if node_allowed(t, n) and (not strict or all(key in labels_of(n) for key, _, _ in constraints))
    ]
    raw = {}
    for n in judged:
        score = 0.0
        for key, max_skew, selector in constraints:
            if key not in labels_of(n):
                continue
            if key == HOSTNAME:
                pods, size = counts(selector, [n]), len(judged)
            else:
                domain = labels_of(n)[key]
                pods = counts(selector, [m for m in counted if labels_of(m).get(key) == domain])
                size = len({labels_of(m).get(key, "") for m in judged})
            score += pods * math.log(size + 2) + (max_skew - 1)
        raw[n.name] = math.floor(score + 0.5)
    if not raw:
        return [0 for _ in feasible]
    least, most = min(raw.values()), max(raw.values())
    return [
        0 if n.name not in raw else 100 if not most else 100 * (most + least - raw[n.name]) // most for n in feasible
    ]


def neighbours(pod: Pod, feasible: list[Node], cluster: Cluster) -> list[int]:
    t, by_name = pod.template, {n.name: n for n in cluster.nodes}
    raw = []
    for n in feasible:
        score = 0
        for p in cluster.pods:
            there = by_name[p.node]
            for sign, terms in ((1, t.pod_affinity), (-1, t.pod_anti_affinity)):
                for x in terms:
                    if x.weight and meets(x.selector, p.template.labels) and same_domain(n, there, x.topology_key):
                        score += sign * x.weight
            for x in p.template.pod_affinity:
                if meets(x.selector, t.labels) and same_domain(n, there, x.topology_key):
                    score += x.weight or 1
            for x in p.template.pod_anti_affinity:
                if x.weight and meets(x.selector, t.labels) and same_domain(n, there, x.topology_key):
                    score -= x.weight
        raw.append(score)
    if not raw or max(raw) == min(raw):
        return [0 for _ in feasible]
    return [int(100.0 * ((r - min(raw)) / (max(raw) - min(raw)))) for r in raw]
