"""The decision point of a hub: how many copies of a workload each member cluster gets. What it sees is belief."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simulator.policy.decision import Reject, Wait
from simulator.policy.view import Bools, Floats, Ints

_NO_LIMIT = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class WorkloadView:
    """The workload to divide. `cpu_m` in millicores and `ram_bytes` in bytes are the requests of one copy."""

    name: str
    kind: str  # Deployment, ReplicaSet, Job or Pod; what has no copies to divide goes to every member unasked
    replicas: int  # wanted, over all members
    cpu_m: int
    ram_bytes: int
    platforms: frozenset[str] = field(default=frozenset())  # that all its images have; empty: unknown
    attempt: int = 1  # how often this workload has been asked about, from 1
    waiting_s: float = 0.0  # since it was applied
    backwards: bool = False  # of equal members the last comes first: by its name, so that remainders spread


@dataclass(frozen=True, slots=True)
class MembersView:
    """The member clusters that a hub believes in, a row each, in the order of the scenario. Columns are read-only.

    `free_…` is what the last status of a member leaves over: what its nodes can allocate less what its pods request.
    `age_s` is how old that status is; the member itself may be somewhere else by now. `feasible` are the members that
    may get copies: no taint keeps the workload away, or it is there already; and they have nodes with the labels that
    it asks for. `replicas` is how many copies of this workload each has now, by the hub's last decision. `latency_s` is
    half the round trip of the last status.
    """

    now_s: float
    names: tuple[str, ...]
    ready: Bools
    feasible: Bools
    allocatable_cpu_m: Ints
    allocatable_ram_bytes: Ints
    free_cpu_m: Ints
    free_ram_bytes: Ints
    free_pods: Ints
    replicas: Ints
    latency_s: Floats
    age_s: Floats
    history_step_s: float
    _history: Callable[[], Floats]
    _uniform: Callable[[str], Floats]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def history_cpu_m(self) -> Floats:
        """Used cpu (millicores requested) as it was believed, shape (members, samples), `history_step_s` apart, the
        newest last; NaN where nothing was known yet. Computed when asked."""
        return self._history()

    def available(self, workload: WorkloadView) -> Ints:
        """A column: how many more copies fit by the sums of each member, 0 where it is not feasible.

        The least over cpu, memory and pods, as Karmada's general estimator. Sums say nothing of fragments: what fits
        the sum may fit no node.
        """
        room = np.maximum(self.free_pods, 0)
        for free, each in ((self.free_cpu_m, workload.cpu_m), (self.free_ram_bytes, workload.ram_bytes)):
            room = np.minimum(room, np.maximum(free, 0) // each if each else _NO_LIMIT)
        return np.where(self.feasible, room, 0)

    def uniform(self, name: str) -> Floats:
        """A column of uniform draws in [0, 1), fixed by the seed, this name, the member and the decision."""
        return self._uniform(name)


@dataclass(frozen=True, slots=True)
class Divide:
    """Give each member so many copies: a row for each. They add up to what is wanted; or, `duplicated`, each member
    that gets any gets all of them."""

    replicas: Ints
    duplicated: bool = False


Division = Divide | Wait | Reject


class ClusterPolicy:
    """Divides one workload over the member clusters. The constructor only stores its parameters."""

    def divide(self, workload: WorkloadView, members: MembersView) -> Division:
        """Answer `Divide`, `Wait` or `Reject`. Must not change the view."""
        raise NotImplementedError


ClusterPolicyFunction = Callable[[WorkloadView, MembersView], Division]


def fault_of(answer: Any, workload: WorkloadView, members: MembersView) -> str:
    """What is wrong with an answer to this ask; empty where it is sound."""
    if isinstance(answer, Wait | Reject):
        return ""
    if not isinstance(answer, Divide):
        return f"{answer!r} is no decision (Divide, Wait or Reject)"
    given = np.asarray(answer.replicas)
    if given.shape != (len(members),) or given.dtype.kind not in "iu":
        return f"{answer.replicas!r} is no whole number for each of {len(members)} members"
    if (given < 0).any() or (given > 0)[~members.feasible].any():
        return f"{given.tolist()} gives copies to a member that may not get any, or fewer than none"
    if answer.duplicated and not ((given == 0) | (given == workload.replicas)).all():
        return f"{given.tolist()} is duplicated, and not {workload.replicas} for each"
    if not answer.duplicated and given.sum() != workload.replicas:
        return f"{given.tolist()} adds up to {given.sum()}, not to {workload.replicas}"
    return ""
