"""The control loops that bring what is to what is wanted."""

from __future__ import annotations

from typing import Literal

from simulator.spec.mechanism.part import Count, Doubling, Part, Rate, Some


class ControllerManager(Part):
    """Control loops behind one client's rate limit each."""

    kind: Literal["controller-manager"]
    qps: Rate
    burst: Some
    workers: Some  # concurrent syncs of each controller but the DaemonSets'
    daemon_workers: Some
    most_per_sync: Some
    daemons_per_sync: Some
    history: Count  # old ReplicaSets that a Deployment keeps
    retry: Doubling
    retry_qps: Rate
    retry_burst: Some
    daemon_backoff: Doubling
    job_backoff: Doubling
