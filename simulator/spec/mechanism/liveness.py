"""How a control plane notices that a node is gone."""

from __future__ import annotations

from typing import Literal

from simulator.spec.mechanism.part import Bytes, Ns, Part, Period, Ratio, Some, Span


class Leader(Part):
    """Election among the copies of a control-plane component."""

    elect: bool  # false: the one copy works whenever its process runs
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


class PollAge(Part):
    """Passes at half the check period, where that is long, look for last polls older than `missing`; 0: never."""

    kind: Literal["poll-age"]
    missing: Ns
    check: Ns
    scan: Literal["half-period"]
    half_above: Ns
    governance: Period


class Session(Part):
    """A node's standing connection to a hub in the cloud, through which all else travels."""

    kind: Literal["session"]
    keepalive: Period
    cloud_timeout: Period  # the cloud closes after so long without a keep-alive
    node_limit: Some  # a hub serves so many nodes


class ClusterStatus(Part):
    """A hub polls the API server of a member, and believes a change when it has lasted."""

    kind: Literal["cluster-status"]
    period: Period
    timeout: Period  # of a poll that nobody answers
    failure: Ns
    success: Ns
    bytes: Bytes


class ClusterLease(Part):
    """An agent in a member renews a lease at the hub; a pass over all members believes in it for `grace`."""

    kind: Literal["cluster-lease"]
    renew: Period
    jitter: Ratio
    retry_first: Period
    retry_cap: Period
    monitor: Period
    pass_work: Span
    grace: Period
