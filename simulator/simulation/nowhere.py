"""Workloads that no machine can ever take a pod of: told before the run, since some of them say nothing in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simulator.control.api.objects import DaemonSet
from simulator.control.scheduling.filters.affinity import matches
from simulator.simulation.compile import CompiledWorkload
from simulator.world.node import NodeRow
from simulator.world.pod import PodTemplate


def nowhere(workload: CompiledWorkload, machines: Sequence[NodeRow]) -> Iterator[str]:
    """What whoever reads the results should know, by workload: the labels that no machine has, or the CPU or memory
    that none of those with the labels has, even empty, or not both."""
    for obj in workload.objects:
        template: PodTemplate | None = getattr(obj, "template", None)
        if template is not None and (why := _why(template, machines)):
            then = "has no pod" if isinstance(obj, DaemonSet) else "stays Pending"
            yield f"{obj.kind} {obj.name}: {why}, so it {then}"
    for name, template in workload.functions.items():
        if why := _why(template, machines):
            yield f"function {name}: {why}, so no instance of it ever runs"


def _why(template: PodTemplate, machines: Sequence[NodeRow]) -> str:
    chosen = [machine for machine in machines if matches(template, machine.labels)]
    if not chosen:
        return "no node has the labels that it selects"
    fast = [machine for machine in chosen if template.cpu_m <= machine.cores * 1000]
    if not fast:
        return "it asks for more CPU than any node has that it selects"
    if template.ram_bytes > max(machine.ram_bytes for machine in chosen):
        return "it asks for more memory than any node has that it selects"
    if template.ram_bytes > max(machine.ram_bytes for machine in fast):
        return "no node that it selects has both the CPU and the memory"
    return ""
