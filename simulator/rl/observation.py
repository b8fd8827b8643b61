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

What lies beyond a range is shown as its end. Once nothing is asked any more, the pod is all zeros.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from simulator.policy import ClusterView, PodView

VERSION: Final = 1  # of this layout: a trained policy names the one that it was trained on
NODE_COLUMNS: Final = ("free_cpu", "free_ram", "cpu", "ram", "pods", "ready", "speed", "age_s")
POD_COLUMNS: Final = ("cpu", "ram", "waiting_s", "attempt")
NODE_HIGH: Final = np.array((1, 1, 1, 1, 1, 1, 1000, 3600), np.float32)
POD_HIGH: Final = np.array((1, 1, 86400, 1000), np.float32)

Floats32 = NDArray[np.float32]
Observation = dict[str, Floats32]


def space(nodes: int) -> spaces.Dict:
    """The observations over so many nodes."""
    high = np.tile(NODE_HIGH, (nodes, 1))
    of: dict[str, spaces.Space[Any]] = {
        "nodes": spaces.Box(np.zeros_like(high), high, dtype=np.float32),
        "pod": spaces.Box(np.zeros_like(POD_HIGH), POD_HIGH, dtype=np.float32),
    }
    return spaces.Dict(of)


def observe(cluster: ClusterView | None, pod: PodView | None, nodes: int, *, aged: bool = True) -> Observation:
    """The observation of an ask; rows of nodes that are not there are zeros. `aged`: whether `age_s` is to be read."""
    table = np.zeros((nodes, len(NODE_COLUMNS)), np.float32)
    about = np.zeros(len(POD_COLUMNS), np.float32)
    if cluster is None or not len(cluster):
        return {"nodes": table, "pod": about}
    rows = table[: len(cluster)]
    cpu, ram = np.maximum(cluster.allocatable_cpu_m, 1), np.maximum(cluster.allocatable_ram_bytes, 1)
    most_cpu, most_ram = int(cpu.max()), int(ram.max())
    rows[:, 0] = cluster.free_cpu_m / cpu
    rows[:, 1] = cluster.free_ram_bytes / ram
    rows[:, 2] = cpu / most_cpu
    rows[:, 3] = ram / most_ram
    rows[:, 4] = cluster.pods / np.maximum(cluster.max_pods, 1)
    rows[:, 5] = cluster.ready
    rows[:, 6] = cluster.speed
    if aged:
        rows[:, 7] = cluster.age_s
    np.maximum(rows, 0, out=rows)
    np.minimum(rows, NODE_HIGH, out=rows)
    if pod is not None:
        seen = pod.cpu_m / most_cpu, pod.ram_bytes / most_ram, pod.waiting_s, pod.attempt
        about[:] = [min(value, most) for value, most in zip(seen, _POD_HIGH, strict=True)]
    return {"nodes": table, "pod": about}


_POD_HIGH: Final = tuple(float(most) for most in POD_HIGH)
