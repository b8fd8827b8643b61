"""What policies for preemption, rescheduling, autoscaling, caching and scaling promise, one promise in each check."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import inf
from operator import index
from typing import Any, Final

import numpy as np

from simulator.policy.asked_checks import Asked, checks
from simulator.policy.autoscaling import Autoscaling, ServiceView
from simulator.policy.caching import Caching, ImagesView, Pull
from simulator.policy.decision import Migrate
from simulator.policy.placed_samples import sample_moments
from simulator.policy.points import PointName
from simulator.policy.preemption import Evict, Preemption
from simulator.policy.promises import Raised, answer
from simulator.policy.rescheduling import Rescheduling
from simulator.policy.scaling import FunctionView, Keep, Scaling, VariantView
from simulator.policy.view import ClusterView, PodView

_GI: Final = 1 << 30
WORKLOADS: Final = (
    ServiceView("new", 15.0, 1, 1, 0, 0, 100, _GI // 8, 0.0, 0.0, 0.0),
    ServiceView("idle", 600.0, 5, 5, 5, 5, 100, _GI // 8, 0.0, 0.0, 0.0),
    ServiceView("busy", 600.0, 3, 3, 3, 3, 500, _GI, 9.5, 1.0, 40.0),
    ServiceView("half-seen", 600.0, 8, 7, 6, 3, 500, _GI, 2.0, 0.5, 11.0),
    ServiceView("none", 600.0, 0, 0, 0, 0, 0, 0, 0.0, 0.0, 0.0),
)
_BUILT: Final = (
    VariantView("containerd/runc", "process", 0.5, 1.0, 0),
    VariantView("firecracker", "vm", 0.2, 1.1, 8 << 20),
    VariantView("wasmtime", "language", 0.01, 1.6, 1 << 20),
)
FUNCTIONS: Final = (
    FunctionView("plain", 1, 100, _GI // 8),
    FunctionView("busy", 8, 500, _GI // 2, rate_per_s=40.0, work_s=0.05),
    FunctionView("seldom", 1, 100, _GI // 8, rate_per_s=0.001, work_s=0.05, variants=_BUILT),
    FunctionView("often", 1, 100, _GI // 8, rate_per_s=10.0, work_s=0.5, variants=_BUILT),
)
_COLUMNS: Final = ("node", "cpu_m", "ram_bytes", "priority", "started_s")
_SEEN: Final = ("free_cpu_m", "free_ram_bytes", "allocatable_cpu_m", "allocatable_ram_bytes", "pods", "ready")
Questions = Callable[[Any], Iterator[tuple[str, Any, Any]]]  # policy -> what is asked about, the answer, and the ask


def _preempting(policy: Any) -> Iterator[tuple[str, Any, Any]]:
    decide = policy.victims if isinstance(policy, Preemption) else policy
    for kind, pod, cluster, placed in sample_moments():
        yield f"{pod.name} in the {kind} cluster", answer(decide, pod, cluster, placed), (pod, cluster, placed)


def _moving(policy: Any) -> Iterator[tuple[str, Any, Any]]:
    decide = policy.moves if isinstance(policy, Rescheduling) else policy
    for kind, pod, cluster, placed in sample_moments():
        yield f"the {kind} cluster", answer(decide, cluster, placed), (pod, cluster, placed)


def _sizing(policy: Any) -> Iterator[tuple[str, Any, Any]]:
    decide = policy.replicas if isinstance(policy, Autoscaling) else policy
    for workload in WORKLOADS:
        yield workload.name, answer(decide, workload), workload


def _keeping(policy: Any) -> Iterator[tuple[str, Any, Any]]:
    decide = policy.keep if isinstance(policy, Scaling) else policy
    for function in FUNCTIONS:
        yield function.name, answer(decide, function), function


def _caching(policy: Any) -> Iterator[tuple[str, Any, Any]]:
    decide = policy.pulls if isinstance(policy, Caching) else policy
    for kind, pod, cluster, placed in sample_moments():
        images, n = ("base", "web", "learn"), len(cluster)
        fits = np.array([[True] * n, [True] * n, [row % 2 == 0 for row in range(n)]], np.bool_)
        cells = fits & (np.add.outer(np.arange(3), np.arange(n)) % 3 == 0)
        view = ImagesView(images, np.arange(1, 4) * _GI, np.array([0, 7, 2]), cells, fits)
        yield f"the {kind} cluster", answer(decide, cluster, view), (pod, cluster, placed, view)


def _fault_of_pulls(said: Any, asked: Any) -> str:
    *_, images = asked
    if not isinstance(said, list | tuple):
        return f"{said} is no list of Pull"
    for pull in said:
        if not isinstance(pull, Pull):
            return f"{pull} is no Pull"
        if pull.image not in images.names:
            return f"no workload names {pull.image}"
        row = images.names.index(pull.image)
        if not _is_row(pull.node, asked[1]):
            return f"there is no row {pull.node!r}"
        if images.present[row, pull.node] or not images.fits[row, pull.node]:
            return f"{asked[1].names[pull.node]} has {pull.image}, or cannot run it"
    return "" if len(set(said)) == len(said) else "it pulls an image twice"


def _fault_of_victims(said: Any, asked: Any) -> str:
    pod, cluster, placed = asked
    if said is None:
        return ""
    if not isinstance(said, Evict):
        return f"{said} is no Evict, and not None"
    if not _is_row(said.node, cluster):
        return f"there is no row {said.node!r}"
    for name in said.pods:
        if name not in placed.names or placed.node[placed.names.index(name)] != said.node:
            return f"{name} is not on {cluster.names[said.node]}"
        if placed.priority[placed.names.index(name)] >= pod.priority:
            return f"the priority of {name} is not lower"
    return "" if placed.fits(said.node, said.pods) else f"it does not fit on {cluster.names[said.node]} even then"


def _fault_of_moves(said: Any, asked: Any) -> str:
    _, cluster, placed = asked
    if not isinstance(said, list | tuple):
        return f"{said} is no list of Migrate"
    for move in said:
        if not isinstance(move, Migrate):
            return f"{move} is no Migrate"
        if move.pod not in placed.names:
            return f"there is no pod {move.pod}"
        row = placed.names.index(move.pod)
        if not _is_row(move.node, cluster):
            return f"there is no row {move.node!r}"
        if move.node == placed.node[row] or not placed.feasible(row, move.how)[move.node]:
            return f"{move.pod} cannot move to {cluster.names[move.node]}, {move.how}"
    return "" if len({move.pod for move in said}) == len(said) else "it moves a pod twice"


def _fault_of_number(said: Any, _asked: Any) -> str:
    return "" if _is_whole(said) and said >= 0 else f"{said!r} is no number of replicas"


def _fault_of_keep(said: Any, function: FunctionView) -> str:
    if not isinstance(said, Keep):
        return f"{said} is no Keep"
    if not 0 <= said.idle_s < inf:
        return f"it keeps an instance for {said.idle_s!r} s"
    if not _is_whole(said.prewarmed) or said.prewarmed < 0:
        return f"{said.prewarmed!r} is no number of instances"
    if said.most is not None and (not _is_whole(said.most) or said.most < 1):
        return f"{said.most!r} is no number of instances, of which one is the least"
    if not _is_whole(said.variant) or not 0 <= said.variant < max(1, len(function.variants)):
        return f"{said.variant!r} is no row of its {len(function.variants)} variants"
    return "" if said.full in ("refuse", "queue") else f"{said.full!r} is neither refuse nor queue"


def _is_whole(number: Any) -> bool:
    try:
        index(number)
    except TypeError:
        return False
    return not isinstance(number, bool)


def _is_row(row: Any, cluster: ClusterView) -> bool:
    return _is_whole(row) and 0 <= row < len(cluster)


def _content(asked: Any) -> Any:
    if not isinstance(asked, tuple):
        return asked
    pod, cluster, placed, *rest = asked
    assert isinstance(pod, PodView)
    columns = [getattr(placed, name).tobytes() for name in _COLUMNS]
    columns += [column.tobytes() for view in rest for column in (view.size_bytes, view.pods, view.present, view.fits)]
    return pod.name, columns, [getattr(cluster, name).tobytes() for name in _SEEN]


def _checks(asks: Questions, fault_of: Callable[[Any, Any], str], now: str) -> tuple[Callable[[Any], None], ...]:
    def asked(policy: Any) -> Iterator[Asked]:
        for what, said, seen in asks(policy):
            fault = str(said) if isinstance(said, Raised) else fault_of(said, seen)
            yield Asked(what, said, fault, _content(seen))

    return checks(asked, now=now, random="what the views say")


LOOP_CHECKS: Final[Mapping[PointName, tuple[Callable[[Any], None], ...]]] = {
    "preemption": _checks(_preempting, _fault_of_victims, "cluster.now_s"),
    "rescheduling": _checks(_moving, _fault_of_moves, "cluster.now_s"),
    "autoscaling": _checks(_sizing, _fault_of_number, "workload.now_s"),
    "caching": _checks(_caching, _fault_of_pulls, "cluster.now_s"),
    "scaling": _checks(_keeping, _fault_of_keep, "the view: it has no time"),
}
