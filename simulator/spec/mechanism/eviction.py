"""What happens to the pods of a node that is believed gone."""

from __future__ import annotations

from typing import Literal

from simulator.spec.mechanism.part import Count, Ns, Part, Period, Rate, RateOrNone, Share


class Taints(Part):
    """Unreachable nodes get a NoExecute taint, at a limited rate per zone; pods leave when their toleration ends."""

    kind: Literal["taints"]
    toleration: Ns
    node_rate: Rate
    secondary_rate: RateOrNone
    unhealthy_zone: Share
    unhealthy_nodes: Count  # up to so many NotReady nodes are no disruption
    large_zone: Count
    loop: Period
    gc_period: Period
    gc_quarantine: Ns
