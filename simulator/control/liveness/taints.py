"""The taints that stand for a node's conditions."""

from __future__ import annotations

from typing import Final

from simulator.control.api.objects import Node, Taint

NOT_READY: Final = "node.kubernetes.io/not-ready"
UNREACHABLE: Final = "node.kubernetes.io/unreachable"
UNSCHEDULABLE: Final = "node.kubernetes.io/unschedulable"
MEMORY_PRESSURE: Final = "node.kubernetes.io/memory-pressure"
DISK_PRESSURE: Final = "node.kubernetes.io/disk-pressure"
PID_PRESSURE: Final = "node.kubernetes.io/pid-pressure"
NETWORK_UNAVAILABLE: Final = "node.kubernetes.io/network-unavailable"

_READY: Final = {"False": NOT_READY, "Unknown": UNREACHABLE}
_CONDITIONS: Final = {
    "MemoryPressure": MEMORY_PRESSURE,
    "DiskPressure": DISK_PRESSURE,
    "PIDPressure": PID_PRESSURE,
    "NetworkUnavailable": NETWORK_UNAVAILABLE,
}
# Keys whose NoSchedule taint the node lifecycle controller owns: it sets and removes them as conditions change.
_OWNED: Final = frozenset({*_READY.values(), *_CONDITIONS.values(), UNSCHEDULABLE})


def wanted_no_schedule(node: Node) -> set[Taint]:
    """The NoSchedule taints that follow from the node's conditions and from `unschedulable`."""
    keys = {_CONDITIONS[name] for name, holds in node.conditions.items() if holds and name in _CONDITIONS}
    if node.ready in _READY:
        keys.add(_READY[node.ready])
    if node.unschedulable:
        keys.add(UNSCHEDULABLE)
    return {(key, "", "NoSchedule") for key in keys}


def owned_no_schedule(node: Node) -> set[Taint]:
    """Those that it has."""
    return {taint for taint in node.taints if taint[2] == "NoSchedule" and taint[0] in _OWNED}


def wanted_no_execute(ready: str) -> Taint | None:
    """The NoExecute taint of a Ready condition that is not True; the two exclude each other."""
    return (_READY[ready], "", "NoExecute") if ready in _READY else None


def condition_no_execute(node: Node) -> list[Taint]:
    """The NoExecute taints of its Ready condition that it has."""
    return [taint for taint in node.taints if taint[2] == "NoExecute" and taint[0] in _READY.values()]
