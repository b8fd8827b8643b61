"""What a policy may answer. A decision is data; the mechanism carries it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a node will not do, who said so, and whether waiting can help."""

    who: str  # the filter or policy that said no: NodeResourcesFit, TaintToleration, …
    text: str  # "Insufficient memory"
    when: Literal["not now", "never"] = "not now"
    node: str = ""  # empty: the whole cluster


@dataclass(frozen=True, slots=True)
class Bind:
    """Place the pod on the node with this row number in the view.

    `devices` says which accelerators it gets, by their number, of each resource that it asks for; of one that is not
    named the node gives the fullest that have it free.
    """

    node: int
    devices: Mapping[str, tuple[int, ...]] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Wait:
    """Not now: try again when something changes. Without reasons, those of the orchestrator's filters are taken."""

    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Reject:
    """Never: the pod fails, with these reasons."""

    reasons: tuple[Reason, ...] = ()


How = Literal["cold", "live", "state"]


@dataclass(frozen=True, slots=True)
class Migrate:
    """Move a running pod (by name) to the node with this row number: an answer of `Rescheduling`.

    `how` is `cold`: it is deleted, and what its controller makes in its place is bound to that node; whatever it had in
    memory is lost, and nothing serves in between. `live`: its memory is sent while it runs, and it is stopped for what
    is left (pre-copy of a virtual machine). `state`: it is stopped, its memory is sent, and it goes on there (a Wasm
    instance, the snapshot of a machine). Both only where the runtime can (`migration.ways` of its page) and is the same
    on both nodes: `placed.feasible(row, how)` says where.
    """

    pod: str
    node: int
    how: How = "cold"


@dataclass(frozen=True, slots=True)
class Scale:
    """Set a workload's number of replicas. No point takes it: `Autoscaling` answers the number alone."""

    workload: str
    replicas: int


Decision = Bind | Wait | Reject | Migrate | Scale
