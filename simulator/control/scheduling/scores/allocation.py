"""NodeResourcesFit with LeastAllocated, and NodeResourcesBalancedAllocation: cpu and memory, equal weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.control.scheduling.scores.base import MOST, Score
from simulator.policy.view import Floats, Ints

if TYPE_CHECKING:
    from simulator.control.scheduling.cycle import Cycle


class NodeResourcesFit(Score):
    """LeastAllocated: mean over cpu and memory of (allocatable - requested) * 100 / allocatable, in integers.

    Requested includes this pod; a container without a request counts as a small one here, and only here. A resource
    of which the node has none is left out.
    """

    def scores(self, cycle: Cycle, rows: Ints) -> Ints | None:
        """A few columns."""
        info, pod = cycle.info, cycle.profile
        cpu, ram = info.allocatable_cpu_m[rows], info.allocatable_ram_bytes[rows]
        unused = _unused(cpu, info.scored_cpu_m[rows] + pod.scored_cpu_m)
        unused += _unused(ram, info.scored_ram_bytes[rows] + pod.scored_ram_bytes)
        unused //= np.maximum((cpu > 0).astype(np.int64) + (ram > 0), 1)
        return unused


def _unused(capacity: Ints, requested: Ints) -> Ints:
    unused: Ints = np.maximum(capacity - requested, 0) * MOST // np.maximum(capacity, 1)
    return unused


class NodeResourcesBalancedAllocation(Score):
    """(1 - sigma) * 100, where sigma of two fractions is half their distance; requests as they are set.

    A resource of which the node has none is left out, and one fraction alone has no sigma.
    """

    def scores(self, cycle: Cycle, rows: Ints) -> Ints | None:
        """A few columns."""
        info, pod = cycle.info, cycle.profile
        cpu_whole, ram_whole = info.allocatable_cpu_m[rows], info.allocatable_ram_bytes[rows]
        cpu = _fraction(cpu_whole, cpu_whole - info.free_cpu_m[rows] + pod.cpu_m)
        ram = _fraction(ram_whole, ram_whole - info.free_ram_bytes[rows] + pod.ram_bytes)
        sigma = np.abs((cpu - ram) / 2)
        sigma[(cpu_whole == 0) | (ram_whole == 0)] = 0
        return ((1 - sigma) * MOST).astype(np.int64)


def _fraction(whole: Ints, requested: Ints) -> Floats:
    return np.minimum(requested / np.maximum(whole, 1), 1.0)
