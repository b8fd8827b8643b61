"""A pod template as the scheduler accounts for it: computed once, used by all pods of the template."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simulator.world.device import asked, shared_of
from simulator.world.pod import PodTemplate

if TYPE_CHECKING:
    from simulator.control.scheduling.columns import RowColumn
    from simulator.control.scheduling.framework import Framework
    from simulator.control.scheduling.verdict import Verdict


class Count:
    """How many placed pods of some kind each node has: a column kept up to date as pods come and go."""

    __slots__ = ("leaves_early", "matches", "values")

    def __init__(self, matches: Callable[[Profile], bool], leaves_early: bool) -> None:
        self.matches = matches
        self.leaves_early = leaves_early  # a pod being deleted counts no more (spread), or still does (affinity)
        self.values: NDArray[np.int32] = np.zeros(0, np.int32)


class Profile:
    """What one template asks for, and which counts its pods enter."""

    __slots__ = (
        "counts",
        "cpu_m",
        "early_counts",
        "extended",
        "labels",
        "needs",
        "placed",
        "plans",
        "ports",
        "ram_bytes",
        "row_columns",
        "scored_cpu_m",
        "scored_ram_bytes",
        "shares",
        "template",
        "verdict",
    )

    def __init__(self, template: PodTemplate, unset_cpu_m: int, unset_ram_bytes: int) -> None:
        self.template = template
        self.labels: Mapping[str, str] = MappingProxyType(template.labels)
        self.cpu_m = template.cpu_m
        self.ram_bytes = template.ram_bytes
        self.extended = tuple((kind, n) for kind, n in template.extended.items() if n > 0 and not shared_of(kind))
        self.needs = asked(template.extended)  # of accelerators, where these resources are some
        self.shares = tuple(need for need in self.needs if need.resource not in template.extended)
        self.ports = tuple(sorted({port for c in template.containers for port in c.host_ports}))
        self.scored_cpu_m, self.scored_ram_bytes = _scored(template, unset_cpu_m, unset_ram_bytes)
        self.placed = 0  # pods of this template on nodes now
        self.counts: list[Count] = []
        self.early_counts: list[Count] = []
        self.row_columns: dict[str, RowColumn] = {}  # by filter or score
        self.plans: dict[str, tuple[int, Any]] = {}  # what a filter or score compiled, and for which set of counts
        self.verdict: tuple[int, Framework, Verdict] | None = None  # the latest, and of which `NodeInfo.changes`


def _scored(template: PodTemplate, unset_cpu_m: int, unset_ram_bytes: int) -> tuple[int, int]:
    """The requests that the allocation scores see: a container that sets none counts as a small one."""
    cpu = [c.cpu_m if c.has_cpu_request else unset_cpu_m for c in template.containers]
    ram = [c.ram_bytes if c.has_ram_request else unset_ram_bytes for c in template.containers]
    init_cpu = [c.cpu_m if c.has_cpu_request else unset_cpu_m for c in template.init_containers]
    init_ram = [c.ram_bytes if c.has_ram_request else unset_ram_bytes for c in template.init_containers]
    # The RuntimeClass overhead is what the template's requests hold beyond those of its containers.
    told_cpu = max(sum(c.cpu_m for c in template.containers), *(c.cpu_m for c in template.init_containers), 0)
    told_ram = max(sum(c.ram_bytes for c in template.containers), *(c.ram_bytes for c in template.init_containers), 0)
    return (
        max(sum(cpu), *init_cpu, 0) + template.cpu_m - told_cpu,
        max(sum(ram), *init_ram, 0) + template.ram_bytes - told_ram,
    )
