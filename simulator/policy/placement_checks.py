"""What a placement promises. Each check holds one promise."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from operator import index
from typing import Any, Final

from simulator.policy.api import Batch, Placement
from simulator.policy.decision import Bind, Reject, Wait
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
from simulator.policy.samples import PODS, sample_asks, sample_cluster
from simulator.policy.view import ClusterView, PodView

_COLUMNS: Final = (
    "allocatable_cpu_m", "allocatable_ram_bytes", "free_cpu_m", "free_ram_bytes", "pods", "max_pods", "ready", "speed",
)  # fmt: skip


def check_deterministic(policy: Any) -> None:
    """Two fresh copies answer the same questions the same way; chance comes from `cluster.uniform`."""
    first, second = ([_answer(each, pod, view) for _, pod, view in sample_asks()] for each in copies(policy, 2))
    for (kind, pod, _), one, other in zip(sample_asks(), first, second, strict=True):
        if one != other:
            raise CheckFailed(f"{pod.name} in the {kind} cluster: {one}, and asked again: {other}")


def check_view_unchanged(policy: Any) -> None:
    """Deciding changes nothing of what is seen."""
    (policy,) = copies(policy, 1)
    for kind, pod, view in sample_asks():
        before = content_of(pod, view)
        _answer(policy, pod, view)
        for name, was, now in zip(before, before.values(), content_of(pod, view).values(), strict=True):
            if was != now:
                raise CheckFailed(f"it changes {name} of the {kind} cluster: take a copy before you write")


def check_empty_cluster(policy: Any) -> None:
    """Without nodes it answers Wait or Reject."""
    _must_not_bind(policy, "empty")


def check_full_cluster(policy: Any) -> None:
    """Without room it answers Wait or Reject."""
    _must_not_bind(policy, "full")


def check_valid_decisions(policy: Any) -> None:
    """With room it answers Bind to a row that passes the filters, Wait or Reject, and raises nothing."""
    (policy,) = copies(policy, 1)
    for kind, pod, view in sample_asks():
        if kind in ("empty", "full"):
            continue
        said = _answer(policy, pod, view)
        if isinstance(said, Raised):
            raise CheckFailed(f"{pod.name} in the {kind} cluster: {said}")
        if not isinstance(said, Bind | Wait | Reject):
            raise CheckFailed(f"{pod.name} in the {kind} cluster: {said} is no decision (Bind, Wait or Reject)")
        if isinstance(said, Bind):
            row = _row(said, view)
            if row < 0:
                raise CheckFailed(f"{pod.name} in the {kind} cluster: there is no row {said.node!r}")
            if not sample_cluster(kind, pod).feasible(pod)[row]:
                raise CheckFailed(f"{pod.name} in the {kind} cluster: {view.names[row]} does not pass the filters")


def check_no_wall_clock(policy: Any) -> None:
    """It never asks what time it is outside; the time inside is `cluster.now_s`."""
    (policy,) = copies(policy, 1)
    asks_no_clock(lambda: _answer_all(policy), "cluster.now_s")


def check_no_global_random(policy: Any) -> None:
    """It leaves the generators of `random` and `numpy.random` alone: chance comes from `cluster.uniform`."""
    (policy,) = copies(policy, 1)
    leaves_global_random(lambda: _answer_all(policy), "cluster.uniform(name)")


PLACEMENT_CHECKS: Final[tuple[Callable[[Any], None], ...]] = (
    check_constructor_only_stores,
    check_picklable,
    check_deterministic,
    check_view_unchanged,
    check_empty_cluster,
    check_full_cluster,
    check_valid_decisions,
    check_no_wall_clock,
    check_no_global_random,
)


def _answer(policy: Any, pod: PodView, view: ClusterView) -> Any:
    if isinstance(policy, Batch):
        return answer(lambda: _only(policy.place_all((pod,), view)))
    if not isinstance(policy, Placement):
        return answer(policy, pod, view)
    said = answer(policy.place, pod, view)
    return _told(policy, pod, view, said) or said


def _told(policy: Placement, pod: PodView, view: ClusterView, said: Any) -> Raised | None:
    """Tell it, as a run does, that the pod is ready where it was bound, or never was; what it raises then."""
    row = _row(said, view) if isinstance(said, Bind) else -1
    if row < 0:
        return None
    found = answer(policy.heard, pod, view.names[row], 2.5 if pod.cpu_m else inf)
    return Raised(f"{found.what}, when it is told what became of a pod") if isinstance(found, Raised) else None


def _row(said: Bind, view: ClusterView) -> int:
    """The row that it names; -1 where there is none."""
    try:
        row = index(said.node)
    except TypeError:
        return -1
    return row if row < len(view) else -1


def _only(answers: Any) -> Any:
    """The answer of a batch of one."""
    if len(answers) != 1:
        raise ValueError(f"{len(answers)} answers for one pod")
    return answers[0]


def _answer_all(policy: Any) -> None:
    for _, pod, view in sample_asks():
        _answer(policy, pod, view)


def _must_not_bind(policy: Any, kind: str) -> None:
    (policy,) = copies(policy, 1)
    for pod in PODS:
        said = _answer(policy, pod, sample_cluster(kind, pod))
        if not isinstance(said, Wait | Reject):
            raise CheckFailed(f"{pod.name} in the {kind} cluster: {said}; answer Wait, or Reject")


def content_of(pod: PodView, view: ClusterView) -> dict[str, object]:
    """What a policy is shown, to be compared."""
    found: dict[str, object] = {name: getattr(view, name).tobytes() for name in _COLUMNS}
    found["free_extended"] = {kind: column.tobytes() for kind, column in view.free_extended.items()}
    for kind in view.free_devices:
        found[f"the devices of {kind}"] = view.free_devices[kind].tobytes() + view.free_device_bytes[kind].tobytes()
    found["labels"] = tuple(tuple(labels.items()) for labels in view.labels)
    found["the pod's labels"] = tuple(pod.labels.items())
    found["the pod's extended resources"] = tuple(pod.extended.items())
    return found
