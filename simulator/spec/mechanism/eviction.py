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


class CancelAgreement(Part):
    """The hub cancels by itself; the node learns it when it asks, or when nobody has answered it for long."""

    kind: Literal["cancel-agreement"]
    purge: Period  # cancelled agreements are remembered for so long
    verify_on_return: bool
    verify_every: Period
    verify_most: Count  # questions without an answer, after which the node cancels by itself
    governance: Period  # of the node's agent


class ClusterFailover(Part):
    """What a hub does with the copies of a member that is believed lost."""

    kind: Literal["cluster-failover"]
    no_execute: Literal["after-timeout", "by-policy", "never"]
    gate: bool  # open: bindings leave a member that has the taint
    timeout: Period
    toleration: Ns
    rate: Rate | None  # bindings a second
    purge: Literal["gracefully", "directly"]
    graceful: Ns
