"""What a learner sees of one ask: arrays of fixed shape, every number with its unit and its range.

`nodes` has a row for each node, in the order of the `ClusterView`, and these columns:

| column | unit | range |
|---|---|---|
| `free_cpu` | share of the node's allocatable CPU that no pod has requested | 0 … 1 |
| `free_ram` | the same of its memory | 0 … 1 |
| `cpu` | its allocatable CPU, as a share of the largest node's | 0 … 1 |
| `ram` | its allocatable memory, likewise | 0 … 1 |
| `pods` | pods on it, as a share of those that it may have | 0 … 1 |
| `ready` | 1 if it is believed to be ready | 0, 1 |
| `speed` | of one core, relative to the reference core | 0 … 1000 |
| `age_s` | seconds since the control plane last heard of it; 0 in `fidelity: scheduling` | 0 … 3600 |

`pod` is the pod that is asked about:

| column | unit | range |
|---|---|---|
| `cpu` | its request, as a share of the largest node's allocatable CPU | 0 … 1 |
| `ram` | the same of memory | 0 … 1 |
| `waiting_s` | seconds since it was created | 0 … 86400 |
| `attempt` | how often it was asked about, this time included | 1 … 1000 |

`queue` is what a critic may know besides; a policy in a run is not shown it, so no actor may lean on it:

| column | unit | range |
|---|---|---|
| `pending` | pods that have been asked about and have no node | 0 … 100000 |
| `cpu` | their requests, as a share of the allocatable CPU of all nodes | 0 … 1000 |
| `ram` | the same of memory | 0 … 1000 |
| `left_s` | seconds until the scenario's end | 0 … 31536000 |

What lies beyond a range is shown as its end. Once nothing is asked any more, the pod is all zeros.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.policy.view import ClusterView, PodView

VERSION: Final = 2  # of this layout: a trained policy names the one that it was trained on
NODE_COLUMNS: Final = ("free_cpu", "free_ram", "cpu", "ram", "pods", "ready", "speed", "age_s")
NODE_UNITS: Final = ("share", "share", "share", "share", "share", "0 or 1", "relative", "s")
POD_COLUMNS: Final = ("cpu", "ram", "waiting_s", "attempt")
POD_UNITS: Final = ("share", "share", "s", "1")
QUEUE_COLUMNS: Final = ("pending", "cpu", "ram", "left_s")
NODE_HIGH: Final = np.array((1, 1, 1, 1, 1, 1, 1000, 3600), np.float32)
POD_HIGH: Final = np.array((1, 1, 86400, 1000), np.float32)
QUEUE_HIGH: Final = np.array((100_000, 1000, 1000, 31_536_000), np.float32)

Floats32 = NDArray[np.float32]
Observation = dict[str, Floats32]


class Eye:
    """Makes observations. Where nothing changes what nodes offer (`still`), that is read once, and their age never."""

    __slots__ = (
        "_all", "_moving", "_nodes", "_of_cpu", "_of_pods", "_of_ram", "_same", "_shares", "_still", "_table",
        "_units",
    )  # fmt: skip

    def __init__(self, nodes: int, *, still: bool) -> None:
        self._nodes, self._still = nodes, still
        self._same: tuple[str, ...] | None = None  # whose nodes the rest is about

    def see(self, cluster: ClusterView, pod: PodView | None) -> Observation:
        """An ask as arrays of their own; rows of nodes that are not there are zeros, and so is no pod."""
        if not self._still or cluster.names is not self._same:
            self._look(cluster)
        shares, (free, counted) = self._shares, self._moving
        np.multiply(cluster.free_cpu_m, self._of_cpu, out=shares[0])
        np.multiply(cluster.free_ram_bytes, self._of_ram, out=shares[1])
        np.multiply(cluster.pods, self._of_pods, out=shares[2])
        np.maximum(shares, 0, out=shares)
        np.minimum(shares, 1, out=shares)
        free[:], counted[:] = shares[:2], shares[2]
        table = self._table.copy()
        if pod is None:
            return {"nodes": table, "pod": np.zeros(len(POD_COLUMNS), np.float32)}
        cpu, ram = pod.cpu_m * self._units[0], pod.ram_bytes * self._units[1]
        seen = (min(cpu, 1.0), min(ram, 1.0), min(pod.waiting_s, _LONGEST_S), min(pod.attempt, _MOST))
        return {"nodes": table, "pod": np.array(seen, np.float32)}

    def queue(self, pending: int, cpu_m: int, ram_bytes: int, left_s: float) -> Floats32:
        """What waits, and the time left; of the cluster that was seen last."""
        seen = (pending, cpu_m / self._all[0], ram_bytes / self._all[1], left_s)
        return np.minimum(np.array(seen, np.float32), QUEUE_HIGH)

    def _look(self, cluster: ClusterView) -> None:
        self._same = cluster.names
        cpu, ram = np.maximum(cluster.allocatable_cpu_m, 1), np.maximum(cluster.allocatable_ram_bytes, 1)
        self._units = 1 / int(cpu.max(initial=1)), 1 / int(ram.max(initial=1))
        self._all = max(int(cluster.allocatable_cpu_m.sum()), 1), max(int(cluster.allocatable_ram_bytes.sum()), 1)
        self._of_cpu, self._of_ram, self._of_pods = 1 / cpu, 1 / ram, 1 / np.maximum(cluster.max_pods, 1)
        self._table = np.zeros((self._nodes, len(NODE_COLUMNS)), np.float32)
        rows = self._table[: len(cluster)]
        rows[:, 2], rows[:, 3] = cpu * self._units[0], ram * self._units[1]
        rows[:, 5], rows[:, 6] = cluster.ready, cluster.speed
        if not self._still:
            rows[:, 7] = cluster.age_s
        np.maximum(self._table, 0, out=self._table)
        np.minimum(self._table, NODE_HIGH, out=self._table)
        self._moving = rows[:, :2].T, rows[:, 4]  # what changes from ask to ask
        self._shares = np.zeros((3, len(cluster)))  # the same, before it is rounded


_LONGEST_S, _MOST = float(POD_HIGH[2]), float(POD_HIGH[3])
