"""What a policy sees: columns of belief, never copies, never writable, never what physically is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from simulator.policy.decision import Reason

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PodView:
    """The pod to place. `cpu_m` in millicores, `ram_bytes` in bytes: its requests, overhead included."""

    name: str
    workload: str
    cpu_m: int
    ram_bytes: int
    labels: Mapping[str, str] = field(default_factory=dict)
    extended: Mapping[str, int] = field(default_factory=dict)
    platforms: frozenset[str] = frozenset()  # that all its images have; empty: unknown
    runtime_class: str = ""
    priority: int = 0
    attempt: int = 1  # how often this pod has been asked about, from 1
    waiting_s: float = 0.0  # since it was created
    created_s: float = 0.0  # when that was


class Knowledge(Protocol):
    """What stands behind a view, and is computed when it is asked for; `ClusterView` says what each answers."""

    def age_s(self) -> Floats: ...

    def feasible(self, pod: PodView) -> Bools: ...

    def why_not(self, pod: PodView) -> tuple[Reason, ...]: ...

    def scores(self, pod: PodView, where: Bools) -> Floats: ...

    def image_bytes(self, pod: PodView) -> Ints: ...

    def latency_s(self, to: str) -> Floats: ...

    def idle_w(self) -> Floats: ...

    def core_w(self) -> Floats: ...

    def carbon_g_per_kwh(self) -> Floats: ...

    def uniform(self, name: str) -> Floats: ...


@dataclass(frozen=True, slots=True)
class ClusterView:
    """The nodes that one control plane believes in, a row each. Columns are read-only views of its belief.

    `free_cpu_m` (millicores) and `free_ram_bytes` are allocatable minus the requests of bound and assumed pods;
    `free_extended` the same for each extended resource, of accelerators the whole ones that nobody has a share of.
    `free_devices` has a column per device of a node, for each resource that is one: thousandths free, and 0 where the
    node has no such device; `free_device_bytes` their memory. A device's model is in the node's labels, under the
    resource's name and `.product`. `now_s` is simulated time. A column holds what is believed
    at this decision; one that is kept for the next shows what is believed then.
    """

    now_s: float
    names: tuple[str, ...]
    zones: tuple[str, ...]
    platforms: tuple[str, ...]
    allocatable_cpu_m: Ints
    allocatable_ram_bytes: Ints
    free_cpu_m: Ints
    free_ram_bytes: Ints
    free_extended: Mapping[str, Ints]
    free_devices: Mapping[str, Ints]
    free_device_bytes: Mapping[str, Ints]
    pods: Ints
    max_pods: Ints
    ready: Bools
    speed: Floats
    labels: tuple[Mapping[str, str], ...]
    _knows: Knowledge

    def __len__(self) -> int:
        return len(self.names)

    @property
    def age_s(self) -> Floats:
        """A column: seconds since the control plane last heard of the node. Computed when asked."""
        return self._knows.age_s()

    def feasible(self, pod: PodView) -> Bools:
        """A column: which of the examined nodes pass the orchestrator's own filters for this pod."""
        return self._knows.feasible(pod)

    def why_not(self, pod: PodView) -> tuple[Reason, ...]:
        """Why the others do not, a reason for each, computed when asked. O(nodes) Python."""
        return self._knows.why_not(pod)

    def scores(self, pod: PodView, where: Bools) -> Floats:
        """A column: the orchestrator's own weighted scores, for the nodes in `where` (others are 0)."""
        return self._knows.scores(pod, where)

    def image_bytes(self, pod: PodView) -> Ints:
        """A column: how many bytes of the pod's images each node said that it has, unpacked."""
        return self._knows.image_bytes(pod)

    def latency_s(self, to: str) -> Floats:
        """A column: seconds one way from each node to a node, or to the nearest node of a zone, by the map of the
        network: nothing cut, nothing queued; infinite where no way leads. Raises KeyError where nothing has that name.
        """
        return self._knows.latency_s(to)

    @property
    def idle_w(self) -> Floats:
        """A column: watts that a machine of the node's model takes with nothing to do."""
        return self._knows.idle_w()

    @property
    def core_w(self) -> Floats:
        """A column: watts that each busy core adds there, by the model's page."""
        return self._knows.core_w()

    @property
    def carbon_g_per_kwh(self) -> Floats:
        """A column: the carbon intensity of the node's grid now, as grids publish it; 0 for a node on a battery.
        Raises LookupError where the scenario gives no `carbon`."""
        return self._knows.carbon_g_per_kwh()

    def uniform(self, name: str) -> Floats:
        """A column of uniform draws in [0, 1), fixed by the seed, this name, the node and the decision."""
        return self._knows.uniform(name)

    def argmax(self, column: NDArray[np.generic], where: Bools) -> int:
        """Row of the largest value among `where`; the first of equals. Raises ValueError where nothing is."""
        rows = np.flatnonzero(where)
        if not len(rows):
            raise ValueError("argmax over no node")
        return int(rows[np.argmax(column[rows])])

    def argmin(self, column: NDArray[np.generic], where: Bools) -> int:
        """Row of the smallest value among `where`; the first of equals. Raises ValueError where nothing is."""
        rows = np.flatnonzero(where)
        if not len(rows):
            raise ValueError("argmin over no node")
        return int(rows[np.argmin(column[rows])])
