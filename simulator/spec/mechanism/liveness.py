"""How a control plane notices that a node is gone."""

from __future__ import annotations

from typing import Literal

from simulator.spec.mechanism.part import Bytes, Part, Period, Ratio, Span


class Leader(Part):
    """Election among the copies of a control-plane component."""

    lease: Period
    renew_deadline: Period
    retry: Period
    jitter: Ratio  # a candidate looks after retry × U(1, 1 + jitter)


class Lease(Part):
    """An agent renews a lease; a pass over all nodes believes in it until `grace` after it noticed the last renewal."""

    kind: Literal["lease"]
    renew: Period
    jitter: Ratio
    retry_first: Period
    retry_cap: Period
    bytes: Bytes
    monitor: Period
    pass_work: Span
    grace: Period
    leader: Leader
