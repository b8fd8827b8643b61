"""What a cluster policy promises. Each check holds one promise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from simulator.policy.clusters import ClusterPolicy, Divide, MembersView, WorkloadView, fault_of
from simulator.policy.decision import Reject, Wait
from simulator.policy.promises import (
    CheckFailed,
    Raised,
    answer,
    asks_no_clock,
    check_constructor_only_stores,
    check_picklable,
    copies,
    leaves_global_random,
)
from simulator.streams import Rng, key

_GI: Final = 1 << 30
_COLUMNS: Final = (
    "ready", "feasible", "allocatable_cpu_m", "allocatable_ram_bytes", "free_cpu_m", "free_ram_bytes", "free_pods",
    "replicas", "latency_s", "age_s",
)  # fmt: skip
FAMILIES: Final = ("none", "lost", "full", "equal", "unlike")
WORKLOADS: Final = (
    WorkloadView("web", "Deployment", 10, 500, _GI // 4),
    WorkloadView("one", "Pod", 1, 0, 0),
    WorkloadView("batch", "Job", 7, 2000, _GI, backwards=True, attempt=3, waiting_s=9.0),
    WorkloadView("giant", "Deployment", 5, 10**6, 10**15),
)


def sample_members(family: str, seed: int = 0) -> MembersView:
    """A view made by hand, its columns writable so that whoever writes can be caught: `none` without members, `lost`
    without a feasible one, `full` without room, `equal`, and `unlike`, where one is lost and two have copies."""
    n = {"none": 0, "lost": 3, "full": 3, "equal": 3}.get(family, 5)
    cpu = np.full(n, 64_000, np.int64) if family != "unlike" else np.array([4, 64, 16, 128, 8], np.int64) * 1000
    free = np.zeros(n, np.int64) if family == "full" else cpu * 3 // 4
    feasible = np.full(n, family != "lost", np.bool_)
    replicas, age = np.zeros(n, np.int64), np.full(n, 5.0)
    if family == "unlike":
        feasible[4], age[4], replicas[:2] = False, 300.0, (1, 3)
    names = tuple(f"member-{row}" for row in range(n))
    history = np.cumsum(np.ones((n, 12)), axis=1) * 100.0

    return MembersView(
        now_s=60.0,
        names=names,
        ready=feasible.copy(),
        feasible=feasible,
        allocatable_cpu_m=cpu,
        allocatable_ram_bytes=cpu * (_GI // 1000),
        free_cpu_m=free,
        free_ram_bytes=free * (_GI // 1000),
        free_pods=np.full(n, 0 if family == "full" else 110, np.int64),
        replicas=replicas,
        latency_s=np.full(n, 0.02),
        age_s=age,
        history_step_s=60.0,
        _history=history.copy,
        _uniform=lambda name: Rng(seed).draws(f"policy/{name}", [key(each) for each in names]),
    )


def check_deterministic(policy: Any) -> None:
    """Two fresh copies answer the same questions the same way; chance comes from `members.uniform`."""
    first, second = ([_shown(_answer(each, *ask)) for _, ask in _asks()] for each in copies(policy, 2))
    for (family, (workload, _)), one, other in zip(_asks(), first, second, strict=True):
        if one != other:
            raise CheckFailed(f"{workload.name} over {family} members: {one}, and asked again: {other}")


def check_view_unchanged(policy: Any) -> None:
    """Deciding changes nothing of what is seen."""
    (policy,) = copies(policy, 1)
    for family, (workload, members) in _asks():
        before = {name: getattr(members, name).tobytes() for name in _COLUMNS}
        _answer(policy, workload, members)
        for name, was in before.items():
            if getattr(members, name).tobytes() != was:
                raise CheckFailed(f"it changes {name} of the {family} members: take a copy before you write")


def check_no_members(policy: Any) -> None:
    """Without members it answers Wait or Reject."""
    _must_not_divide(policy, "none")


def check_lost_members(policy: Any) -> None:
    """Where no member is feasible it answers Wait or Reject."""
    _must_not_divide(policy, "lost")


def check_valid_divisions(policy: Any) -> None:
    """Else it answers Wait, Reject, or a whole number of copies for each member, none where it is not feasible, that
    add up to what is wanted (`duplicated`: all of them for each that gets any); and it raises nothing."""
    (policy,) = copies(policy, 1)
    for family, (workload, members) in _asks():
        if family in ("none", "lost"):
            continue
        said = _answer(policy, workload, members)
        fault = str(said) if isinstance(said, Raised) else fault_of(said, workload, sample_members(family))
        if fault:
            raise CheckFailed(f"{workload.name} over {family} members: {fault}")


def check_no_wall_clock(policy: Any) -> None:
    """It never asks what time it is outside; the time inside is `members.now_s`."""
    (policy,) = copies(policy, 1)
    asks_no_clock(lambda: _answer_all(policy), "members.now_s")


def check_no_global_random(policy: Any) -> None:
    """It leaves the generators of `random` and `numpy.random` alone: chance comes from `members.uniform`."""
    (policy,) = copies(policy, 1)
    leaves_global_random(lambda: _answer_all(policy), "members.uniform(name)")


CLUSTER_CHECKS: Final[tuple[Callable[[Any], None], ...]] = (
    check_constructor_only_stores,
    check_picklable,
    check_deterministic,
    check_view_unchanged,
    check_no_members,
    check_lost_members,
    check_valid_divisions,
    check_no_wall_clock,
    check_no_global_random,
)


def _asks() -> Iterator[tuple[str, tuple[WorkloadView, MembersView]]]:
    for family in FAMILIES:
        for workload in WORKLOADS:
            yield family, (workload, sample_members(family))


def _answer(policy: Any, workload: WorkloadView, members: MembersView) -> Any:
    return answer(policy.divide if isinstance(policy, ClusterPolicy) else policy, workload, members)


def _answer_all(policy: Any) -> None:
    for _, ask in _asks():
        _answer(policy, *ask)


def _shown(said: Any) -> str:
    return f"Divide({np.asarray(said.replicas).tolist()})" if isinstance(said, Divide) else str(said)


def _must_not_divide(policy: Any, family: str) -> None:
    (policy,) = copies(policy, 1)
    for workload in WORKLOADS:
        said = _answer(policy, workload, sample_members(family))
        if not isinstance(said, Wait | Reject):
            raise CheckFailed(f"{workload.name} over {family} members: {_shown(said)}; answer Wait, or Reject")
