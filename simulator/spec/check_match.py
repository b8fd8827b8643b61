"""What a system that matches nodes, and places no copies, cannot be asked: said by name, before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from simulator.errors import Problem
from simulator.facts.yaml import Path as Place
from simulator.spec.kubernetes.kinds import roots
from simulator.spec.kubernetes.pod import PodSpec, template_of
from simulator.spec.look import Look
from simulator.spec.mechanism import NodeMatch

_HINTS: Final = {
    "Service": "it knows no services: write the workload as an item of kind service, which is reached at its nodes",
    "HorizontalPodAutoscaler": "it runs one instance on every node that matches: write per: node or per: site",
    "Job": "what ends is started again: run it as a service",
    "initContainers": "start it from the container itself",
}
_ELSE: Final = "say it with properties of nodes: nodeSelector or nodeAffinity"


def check_node_match(look: Look, admits: NodeMatch, system: str) -> Iterator[Problem]:
    """Every object, and every part of a pod, that this system refuses. `system` is its name."""
    for obj in look.objects:
        if obj.kind in admits.refuses:
            hint = _HINTS.get(obj.kind, _ELSE)
            yield obj.source.problem(("kind",), f"{system} cannot be asked for a {obj.kind} ({obj.title})", hint)
    for obj in roots(look.objects):
        template = template_of(obj)
        if template is None or obj.kind in admits.refuses:
            continue
        inside: Place = ("spec",) if obj.kind == "Pod" else ("spec", "template", "spec")
        for where, what in _asked(template.spec):
            if what in admits.refuses:
                hint = _HINTS.get(what, _ELSE)
                yield obj.source.problem((*inside, *where), f"{system} cannot be asked for {what} ({obj.title})", hint)


def _asked(spec: PodSpec) -> Iterator[tuple[Place, str]]:
    """The parts of a pod that not every system has, with their places."""
    if spec.init_containers:
        yield ("initContainers",), "initContainers"
    if spec.topology_spread_constraints:
        yield ("topologySpreadConstraints",), "topologySpreadConstraints"
    if spec.affinity is not None and spec.affinity.pod_affinity is not None:
        yield ("affinity", "podAffinity"), "podAffinity"
    if spec.affinity is not None and spec.affinity.pod_anti_affinity is not None:
        yield ("affinity", "podAntiAffinity"), "podAntiAffinity"
