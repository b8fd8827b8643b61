"""Placed pods made by hand beside the clusters of `simulator.policy.samples`: for checks, and a policy's own tests."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from simulator.policy.decision import How
from simulator.policy.placed import PlacedView
from simulator.policy.samples import KINDS, PODS, sample_cluster
from simulator.policy.view import Bools, ClusterView, Ints, PodView

_GI: Final = 1 << 30
# That of `simulator.policy.samples` which asks for cpu and memory alone, and one that no node could hold.
IMPORTANT: Final = (
    PodView("urgent-0", "urgent", 2000, _GI, {"app": "urgent"}, priority=100),
    PodView("giant-1", "giant", 10**6, 10**15, {"app": "giant"}, priority=100),
)


@dataclass(frozen=True, slots=True)
class _Sample:
    """`simulator.policy.placed.PlacedKnowledge`: cpu, memory and readiness alone decide; while it runs, a pod moves to
    nodes of its platform, and of four on a node one does not."""

    cluster: ClusterView
    pod: PodView | None
    names: tuple[str, ...]
    node: Ints
    cpu: Ints
    ram: Ints

    def fits(self, node: int, gone: Collection[str] = ()) -> bool:
        if self.pod is None:
            raise ValueError("no pod waits for room")
        rows = [self.names.index(name) for name in dict.fromkeys(gone)]
        if any(self.node[row] != node for row in rows):
            raise ValueError("a pod is not on that node")
        cpu = self.cluster.free_cpu_m[node] + sum(int(self.cpu[row]) for row in rows)
        ram = self.cluster.free_ram_bytes[node] + sum(int(self.ram[row]) for row in rows)
        return bool(self.cluster.ready[node] and cpu >= self.pod.cpu_m and ram >= self.pod.ram_bytes)

    def feasible(self, row: int, how: How) -> Bools:
        at = np.arange(len(self.cluster)) == self.node[row]
        cpu, ram = self.cluster.free_cpu_m + at * self.cpu[row], self.cluster.free_ram_bytes + at * self.ram[row]
        fits: Bools = self.cluster.ready & (cpu >= self.cpu[row]) & (ram >= self.ram[row])
        here = self.cluster.platforms[self.node[row]]
        return fits if how == "cold" else fits & (row % 4 > 0) & np.array([p == here for p in self.cluster.platforms])


def sample_placed(cluster: ClusterView, pod: PodView | None = None) -> PlacedView:
    """On each node what is taken there, in four pods of unlike size, priority and age. `pod` waits for room."""
    names, node, cpu, ram, priority, started = [], list[int](), list[int](), list[int](), list[int](), list[float]()
    for row in range(len(cluster)):
        taken_cpu = int(cluster.allocatable_cpu_m[row] - cluster.free_cpu_m[row])
        taken_ram = int(cluster.allocatable_ram_bytes[row] - cluster.free_ram_bytes[row])
        for i, tenths in enumerate((1, 2, 3, 4)):
            names.append(f"pod-{row}-{i}")
            node.append(row)
            cpu.append(taken_cpu * tenths // 10)
            ram.append(taken_ram * tenths // 10)
            priority.append((row + i) % 3 * 10)
            started.append(float((7 * row + 3 * i) % 50))
    columns = [np.array(each, np.int64) for each in (node, cpu, ram, priority)]
    return PlacedView(
        names=tuple(names),
        workloads=tuple("web" for _ in names),
        node=columns[0],
        cpu_m=columns[1],
        ram_bytes=columns[2],
        priority=columns[3],
        started_s=np.array(started),
        _knows=_Sample(cluster, pod, tuple(names), columns[0], columns[1], columns[2]),
    )


def sample_moments() -> Iterator[tuple[str, PodView, ClusterView, PlacedView]]:
    """Every kind of cluster with every important pod: each with views of its own."""
    for kind in KINDS:
        for pod in IMPORTANT:
            cluster = sample_cluster(kind, PODS[0])
            yield kind, pod, cluster, sample_placed(cluster, pod)
