"""Fragmentation gradient descent: the accelerator where least becomes useless for the pods that are usual.

Idea: Weng et al., USENIX ATC 2023. What is free on a node is fragmented for a kind of pod that cannot use it: all of
it, where such a pod does not fit or wants no accelerator; else those devices that have less than its share. A pod
goes where the expected fragmentation, over the kinds of pods that are usual, grows least. `typical` says which are, as
in the paper: a list of pods in openb's columns; without it, those seen so far. Complexity: O(nodes) numpy, and
O(devices² · kinds) for each state of a node that has not been met. Caveat: looks at one resource, `resource`.
"""

import csv
from collections import Counter
from pathlib import Path

import numpy as np

from simulator.policy import Bind, ClusterView, Decision, Placement, PodView, Wait

_WHOLE = 1000  # thousandths
_COLUMNS = ("cpu_milli", "memory_mib", "num_gpu", "gpu_milli")


class Fgd(Placement):
    """The feasible node and device with the least growth of fragmentation."""

    def __init__(self, resource: str = "nvidia.com/gpu", typical: Path | None = None) -> None:
        self.resource, self.typical = resource, typical
        self._usual()  # refused now, if it is no such list

    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        """The first of equals by node, then by device."""
        fits = cluster.feasible(pod)
        if not fits.any():
            return Wait()  # the reasons are the filters'
        growth, device = self._memory().growth(self._kind(pod), self._states(cluster), fits)
        node = cluster.argmin(growth, where=fits)
        return Bind(node, {self.resource: (int(device[node]),)} if device[node] >= 0 else {})

    def _kind(self, pod: PodView) -> tuple[int, int, int, int]:
        """Cpu, memory, devices, and thousandths of each."""
        share = pod.extended.get(f"{self.resource}-milli", 0)
        count = pod.extended.get(self.resource, 0)
        return pod.cpu_m, pod.ram_bytes, count or int(share > 0), share or _WHOLE * int(count > 0)

    def _states(self, cluster: ClusterView) -> np.ndarray:
        """A row per node: free cpu, memory, and thousandths of each device."""
        free = cluster.free_devices.get(self.resource, np.zeros((len(cluster), 0), np.int64))
        return np.column_stack((cluster.free_cpu_m, cluster.free_ram_bytes, free))

    def _memory(self) -> "_Memory":
        if not hasattr(self, "_seen"):
            self._seen = _Memory(self._usual())
        return self._seen

    def _usual(self) -> Counter[tuple[int, int, int, int]] | None:
        return None if self.typical is None else _counted(self.typical)


def _counted(file: Path) -> Counter[tuple[int, int, int, int]]:
    """How many pods of each kind the file lists. Raises ValueError where it is no such list."""
    counts: Counter[tuple[int, int, int, int]] = Counter()
    with Path(file).open(encoding="utf-8-sig", newline="") as lines:
        for row in csv.DictReader(lines):
            try:
                cpu, mib, count, share = (int(row[key]) for key in _COLUMNS)
            except (KeyError, TypeError) as error:
                raise ValueError(f"{file} does not list pods in the columns {', '.join(_COLUMNS)}") from error
            counts[cpu, mib << 20, count, share if count else 0] += 1
    return counts


class _Memory:
    """What has been computed: the growth for each kind of pod on each state of a node. It decides nothing."""

    def __init__(self, typical: Counter[tuple[int, int, int, int]] | None) -> None:
        self.learns = not typical
        self.counts: Counter[tuple[int, int, int, int]] = Counter(typical)
        self.ids: dict[bytes, int] = {}
        self.known: dict[tuple[int, int, int, int], tuple[np.ndarray, np.ndarray]] = {}
        self.due = 1  # pods after which the kinds are weighed anew

    def growth(self, kind: tuple[int, int, int, int], states: np.ndarray, fits: np.ndarray) -> tuple[np.ndarray, ...]:
        """By node: how much fragmentation grows with such a pod there, and the device that it gets (-1: no one)."""
        if self.learns:
            self.counts[kind] += 1
        if not hasattr(self, "kinds") or (self.learns and self.counts.total() >= self.due):
            self.due, self.known = 2 * self.due, {}
            self.kinds = np.array(list(self.counts))
            self.weights = np.array(list(self.counts.values())) / self.counts.total()
        if not hasattr(self, "rows") or self.rows.shape != states.shape:
            self.rows, self.at = np.full_like(states, -1), np.zeros(len(states), np.int64)
        for row in np.flatnonzero((states != self.rows).any(axis=1)):
            self.at[row] = self.ids.setdefault(states[row].tobytes(), len(self.ids))
        self.rows = states
        growth, device = self.known.setdefault(kind, (np.full(64, np.nan), np.full(64, -1)))
        if len(growth) < len(self.ids):
            more = 2 * len(self.ids) - len(growth)
            growth = np.concatenate((growth, np.full(more, np.nan)))
            device = np.concatenate((device, np.full(more, -1)))
            self.known[kind] = growth, device
        _, first = np.unique(self.at, return_index=True)
        for row in first[np.isnan(growth[self.at[first]]) & fits[first]]:
            growth[self.at[row]], device[self.at[row]] = self._of(kind, states[row])
        return growth[self.at], device[self.at]

    def _of(self, kind: tuple[int, int, int, int], state: np.ndarray) -> tuple[float, int]:
        cpu, ram, count, share = kind
        after = np.tile(state, (max(1, len(state) - 2), 1))
        after[:, 0] -= cpu
        after[:, 1] -= ram
        devices = np.array([-1])
        if count == 1:  # any one that has it free
            devices = np.flatnonzero(state[2:] >= share)
            after = after[devices]
            after[np.arange(len(devices)), 2 + devices] -= share
        else:
            after = after[:1]
            after[0, 2 + np.flatnonzero(state[2:] >= share)[:count]] -= share
        found = self._fragmented(after) - self._fragmented(state[None])
        best = int(np.argmin(found))
        return float(found[best]), int(devices[best]) if count == 1 else -1

    def _fragmented(self, states: np.ndarray) -> np.ndarray:
        """For each state the expected thousandths that are free and of no use."""
        cpu, ram, count, share = self.kinds.T
        free = states[:, 2:]
        enough = free[:, None, :] >= share[None, :, None]  # state, kind, device
        fits = (states[:, :1] >= cpu) & (states[:, 1:2] >= ram) & (enough.sum(axis=2) >= count) & (count > 0)
        wasted = np.where(fits, (free[:, None, :] * ~enough).sum(axis=2), free.sum(axis=1)[:, None])
        return wasted @ self.weights
