"""How disrupted a zone is, and how fast its nodes may be given up."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class ZoneState(Enum):
    """What a pass finds in one zone."""

    INITIAL = "Initial"
    NORMAL = "Normal"
    PARTIAL = "PartialDisruption"
    FULL = "FullDisruption"


@dataclass(frozen=True, slots=True)
class ZoneSettings:
    """Rates in nodes per second, shares between 0 and 1; the meaning is in `zone_state` and `rate`."""

    node_rate: float
    secondary_rate: float
    unhealthy_share: float
    unhealthy_nodes: int  # no disruption up to so many NotReady nodes
    large_zone: int


def zone_state(ready: int, not_ready: int, settings: ZoneSettings) -> ZoneState:
    """Kubernetes' ComputeZoneState: no node Ready is full disruption; too large a share NotReady is partial."""
    if ready == 0 and not_ready > 0:
        return ZoneState.FULL
    if not_ready > settings.unhealthy_nodes and not_ready / (ready + not_ready) >= settings.unhealthy_share:
        return ZoneState.PARTIAL
    return ZoneState.NORMAL


def rate(state: ZoneState, nodes: int, settings: ZoneSettings) -> float:
    """Nodes per second that may be tainted NoExecute in a zone of so many nodes (setLimiterInZone).

    A zone that is wholly down, while another is alive, goes at the normal rate: it is believed to be gone.
    """
    if state is ZoneState.PARTIAL:
        return settings.secondary_rate if nodes > settings.large_zone else 0.0
    return settings.node_rate
