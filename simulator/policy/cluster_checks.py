"""The judge of cluster policies: what `checks` is for placements. Each check holds one promise."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Final

import numpy as np

from simulator.policy.checks import CheckFailed, _numpy_state, check_constructor_only_stores, check_picklable
from simulator.policy.clusters import ClusterPolicy, Divide, MembersView, WorkloadView, fault_of
from simulator.policy.decision import Reject, Wait
from simulator.policy.profiled import profiled
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
    first, second = ([_shown(_answer(each, *ask)) for _, ask in _asks()] for each in _copies(policy, 2))
    for (family, (workload, _)), one, other in zip(_asks(), first, second, strict=True):
        if one != other:
            raise CheckFailed(f"{workload.name} over {family} members: {one}, and asked again: {other}")


def check_view_unchanged(policy: Any) -> None:
    """Deciding changes nothing of what is seen."""
    (policy,) = _copies(policy, 1)
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
    (policy,) = _copies(policy, 1)
    for family, (workload, members) in _asks():
        if family in ("none", "lost"):
            continue
        answer = _answer(policy, workload, members)
        fault = str(answer) if isinstance(answer, _Raised) else fault_of(answer, workload, sample_members(family))
        if fault:
            raise CheckFailed(f"{workload.name} over {family} members: {fault}")


def check_no_wall_clock(policy: Any) -> None:
    """It never asks what time it is outside; the time inside is `members.now_s`."""
    (policy,) = _copies(policy, 1)
    asked: list[str] = []

    def look(_frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and getattr(called, "__module__", None) == "time":
            asked.append(called.__qualname__)

    for _, ask in _asks():
        with profiled(look):
            _answer(policy, *ask)
    if asked:
        raise CheckFailed(f"it calls {asked[0]}: simulated time is members.now_s")


def check_no_global_random(policy: Any) -> None:
    """It leaves the generators of `random` and `numpy.random` alone: they belong to no seed of the run."""
    (policy,) = _copies(policy, 1)
    ours, numpys = random.getstate(), _numpy_state()
    try:
        for _, ask in _asks():
            _answer(policy, *ask)
        same = (random.getstate(), _numpy_state()) == (ours, numpys)
    finally:
        random.setstate(ours)
        np.random.set_state(numpys)  # noqa: NPY002  # the global generator is what is being watched
    if not same:
        raise CheckFailed("it draws from a global generator: use members.uniform(name)")


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


class _Raised:
    """An exception as an answer: for one check to refuse, for the others to let pass."""

    def __init__(self, error: BaseException) -> None:
        self._what = f"it raises {type(error).__name__}: {error}"

    def __str__(self) -> str:
        return self._what


def _asks() -> Iterator[tuple[str, tuple[WorkloadView, MembersView]]]:
    for family in FAMILIES:
        for workload in WORKLOADS:
            yield family, (workload, sample_members(family))


def _answer(policy: Any, workload: WorkloadView, members: MembersView) -> Any:
    divide = policy.divide if isinstance(policy, ClusterPolicy) else policy
    try:
        return divide(workload, members)
    except (Exception, SystemExit) as error:
        return _Raised(error)


def _shown(answer: Any) -> str:
    return f"Divide({np.asarray(answer.replicas).tolist()})" if isinstance(answer, Divide) else str(answer)


def _must_not_divide(policy: Any, family: str) -> None:
    (policy,) = _copies(policy, 1)
    for workload in WORKLOADS:
        answer = _answer(policy, workload, sample_members(family))
        if not isinstance(answer, Wait | Reject):
            raise CheckFailed(f"{workload.name} over {family} members: {_shown(answer)}; answer Wait, or Reject")


def _copies(policy: Any, n: int) -> list[Any]:
    """Copies that share no state, so that no check sees what another has left behind."""
    return [copy.deepcopy(policy) for _ in range(n)]
