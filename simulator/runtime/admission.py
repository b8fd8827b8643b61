"""What a node agent refuses, whatever the scheduler believed: kubelet's reasons, by requests and by pressure."""

from __future__ import annotations

from collections.abc import Iterable

from simulator.runtime.memory import CRITICAL, Memory
from simulator.runtime.pod_run import PodRun
from simulator.runtime.settings import AgentSettings
from simulator.world.device import shared_of
from simulator.world.node import NodeRow
from simulator.world.pod import PodTemplate

_PRESSURE_TAINT = ("node.kubernetes.io/memory-pressure", "", "NoSchedule")


def refusal(
    template: PodTemplate,
    others: Iterable[PodRun],
    row: NodeRow,
    settings: AgentSettings,
    memory: Memory,
    *,
    disk_pressure: bool = False,
) -> str:
    """Why this node does not take the pod beside the others, which have not finished; empty when it does."""
    if disk_pressure and template.priority < CRITICAL:  # whatever it tolerates
        return "Evicted"
    spared = template.priority >= CRITICAL or any(t.tolerates(_PRESSURE_TAINT) for t in template.tolerations)
    if memory.pressure and template.qos == "BestEffort" and not spared:
        return "Evicted"
    pods, cpu, ram = 1, template.cpu_m, template.ram_bytes
    devices = {each.resource for each in row.accelerators}  # `allot` answers for these
    extended = {k: n for k, n in template.extended.items() if k not in devices and shared_of(k) not in devices}
    ports = _ports(template)
    for other in others:
        pods += 1
        cpu += other.template.cpu_m
        ram += other.template.ram_bytes
        for kind in extended:
            extended[kind] += other.template.extended.get(kind, 0)
        if ports and ports & _ports(other.template):
            return "NodePorts"
    if pods > row.max_pods:
        return "OutOfpods"
    if template.cpu_m and cpu > row.cores * 1000 - settings.reserved_cpu_m:
        return "OutOfcpu"
    if template.ram_bytes and ram > memory.allocatable:
        return "OutOfmemory"
    return next((f"OutOf{kind}" for kind, wanted in extended.items() if wanted > row.extended.get(kind, 0)), "")


def _ports(template: PodTemplate) -> set[int]:
    return {port for container in template.containers for port in container.host_ports}
