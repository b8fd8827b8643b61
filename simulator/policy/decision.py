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


@dataclass(frozen=True, slots=True)
class Migrate:
    """Move a running pod (by name) to the node with this row number. Not offered by any orchestrator yet."""

    pod: str
    node: int


@dataclass(frozen=True, slots=True)
class Scale:
    """Set a workload's number of replicas. Not offered by any orchestrator yet."""

    workload: str
    replicas: int


Decision = Bind | Wait | Reject | Migrate | Scale
