"""Small clusters as a policy sees them, made by hand: for `check_policy`, for notebooks, for a policy's own tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np

from simulator.policy.decision import Reason
from simulator.policy.view import Bools, ClusterView, Floats, Ints, PodView
from simulator.streams import Rng, key

_GI: Final = 1 << 30
_GPU: Final = "nvidia.com/gpu"
ZONES: Final = ("zone-0", "zone-1", "zone-2")
KINDS: Final = ("empty", "single", "uniform", "heterogeneous", "full")
_Column = TypeVar("_Column", bound="np.ndarray[Any, Any]")
PODS: Final = (
    PodView("web-0", "web", 500, _GI // 4, {"app": "web"}, platforms=frozenset({"linux/amd64", "linux/arm64"})),
    PodView("best-effort-0", "best-effort", 0, 0, {"app": "best-effort"}),
    PodView("learn-0", "learn", 1000, _GI, {"app": "learn"}, {_GPU: 1}, frozenset({"linux/amd64"}), priority=10),
    PodView("share-0", "share", 500, _GI // 4, {"app": "share"}, {f"{_GPU}-milli": 500}),
    PodView("giant-0", "giant", 10**6, 10**15, {"app": "giant"}, attempt=3, waiting_s=7.0),
)


def sample_cluster(kind: str, pod: PodView, seed: int = 0) -> ClusterView:
    """A view for an ask about `pod`. Its columns are copies of its own, and writable: whoever writes can be caught.
    What it computes is read-only, as in a run.

    `empty` has no nodes, `full` no room, `heterogeneous` nodes from a board to a server, one of them with nothing, one
    not ready, and one that the filters refuse. Filters and scores are resources only.
    """
    rng = np.random.Generator(np.random.PCG64(key(f"{kind}/{seed}")))
    n = {"empty": 0, "single": 1, "uniform": 5}.get(kind, 12)
    cpu = np.full(n, 4000, np.int64)
    ram = np.full(n, 8 * _GI, np.int64)
    if kind == "heterogeneous":
        cpu, ram = rng.integers(1, 65, n) * 1000, rng.integers(1, 129, n) * _GI
        cpu[0] = ram[0] = 0
    used = rng.random(n) * 0.5 if kind == "heterogeneous" else np.zeros(n)
    free_cpu, free_ram = cpu - (cpu * used).astype(np.int64), ram - (ram * used).astype(np.int64)
    if kind == "full":
        free_cpu[:], free_ram[:] = 0, 0
    gpus = np.array([int(row % 4 == 1 and kind != "full") for row in range(n)], np.int64)
    pods = np.full(n, 110 if kind == "full" else 3, np.int64)
    refused = np.array([kind == "heterogeneous" and row == 2 for row in range(n)], np.bool_)
    names = tuple(f"node-{row}" for row in range(n))
    return ClusterView(
        now_s=60.0,
        names=names,
        zones=tuple(ZONES[row % 3] for row in range(n)),
        platforms=tuple(("linux/amd64", "linux/arm64")[row % 2] for row in range(n)),
        allocatable_cpu_m=_column(cpu),
        allocatable_ram_bytes=_column(ram),
        free_cpu_m=_column(free_cpu),
        free_ram_bytes=_column(free_ram),
        free_extended={_GPU: _column(gpus)},
        free_devices={_GPU: _column(1000 * gpus[:, None])},
        free_device_bytes={_GPU: _column(16 * _GI * gpus[:, None])},
        pods=_column(pods),
        max_pods=np.full(n, 110, np.int64),
        ready=np.array([not (kind == "heterogeneous" and row == 3) for row in range(n)], np.bool_),
        speed=(1 + np.arange(n) % 3).astype(np.float64),
        labels=tuple({"kubernetes.io/hostname": name} for name in names),
        _knows=_Sample(pod, seed, names, ~refused & (pods < 110), cpu, free_cpu, free_ram, gpus),
    )


@dataclass(frozen=True, slots=True)
class _Sample:
    """`simulator.policy.view.Knowledge`: resources alone decide, beside who is `refused` anyway."""

    pod: PodView
    seed: int
    names: tuple[str, ...]
    admitted: Bools
    cpu: Ints
    free_cpu: Ints
    free_ram: Ints
    gpus: Ints

    def age_s(self) -> Floats:
        return np.zeros(len(self.names))

    def feasible(self, pod: PodView) -> Bools:
        self._mine(pod)
        fits: Bools = self.admitted & (self.free_cpu >= pod.cpu_m) & (self.free_ram >= pod.ram_bytes)
        share = pod.extended.get(f"{_GPU}-milli", 0)
        fits &= (self.gpus >= pod.extended.get(_GPU, 0)) & (1000 * self.gpus >= share)
        return _read_only(fits)

    def why_not(self, pod: PodView) -> tuple[Reason, ...]:
        rows = np.flatnonzero(~self.feasible(pod))
        return tuple(Reason("NodeResourcesFit", "Insufficient resources", node=self.names[row]) for row in rows)

    def scores(self, pod: PodView, where: Bools) -> Floats:
        self._mine(pod)
        return np.where(where, np.floor(100 * self.free_cpu / np.maximum(self.cpu, 1)), 0.0)

    def image_bytes(self, pod: PodView) -> Ints:
        self._mine(pod)
        return _read_only(np.arange(len(self.names), dtype=np.int64) % 4 * (_GI // 8))

    def latency_s(self, to: str) -> Floats:
        if to not in self.names and to not in ZONES:
            raise KeyError(to)
        return _read_only((1 + np.arange(len(self.names)) * 7 % 5) / 1000)

    def idle_w(self) -> Floats:
        return _read_only((2.0 + 10 * self.cpu / 4000).astype(np.float64))

    def core_w(self) -> Floats:
        return _read_only((1 + np.arange(len(self.names)) % 3).astype(np.float64))

    def carbon_g_per_kwh(self) -> Floats:
        return (100 * (1 + np.arange(len(self.names)) % 4)).astype(np.float64)

    def uniform(self, name: str) -> Floats:
        pod = self.pod
        keys = np.array([key(each) for each in self.names], np.uint64)
        return Rng(self.seed).draws(f"policy/{name}", keys, key(f"{pod.name}/{pod.attempt}"))

    def _mine(self, pod: PodView) -> None:
        if pod is not self.pod:
            raise ValueError("the view answers only about the pods that are to be placed")


def sample_asks(seed: int = 0) -> Iterator[tuple[str, PodView, ClusterView]]:
    """Every kind of cluster with every pod, each with a view of its own."""
    for kind in KINDS:
        for pod in PODS:
            yield kind, pod, sample_cluster(kind, pod, seed)


def _read_only(column: _Column) -> _Column:
    """As a run gives what it has computed."""
    column.flags.writeable = False
    return column


def _column(values: Ints) -> Ints:
    return values.astype(np.int64, copy=True)
