"""What the agent on a node does to its pods."""

from __future__ import annotations

from typing import Literal

from simulator.spec.mechanism.part import Backoff, Bytes, Millicores, Ns, Part, Period, Rate, Ratio, Share, Some


class ImageGc(Part):
    """Images that nothing uses are deleted from `high` of the disk on, down to `low`."""

    high: Share
    low: Share
    least_age: Ns
    check: Period


class Kubelet(Part):
    """Pulls, restarts, evicts and reports on its node."""

    kind: Literal["kubelet"]
    memory_eviction: Bytes | None  # none: the kernel kills by OOM score
    disk_eviction: Share | None  # of the disk, that has to be free; none: the agent does not look
    disk_reclaim: Share
    eviction_check: Period
    eviction_cleanup: Ns
    pressure_transition: Ns
    reserved_cpu: Millicores
    reserved_ram: Bytes
    max_pods: Some
    image_pulls: Literal["serial", "parallel"]
    layers_at_once: Some
    pull_stall: Period
    pull_dial: Period
    registry_qps: Rate
    registry_burst: Some
    pull_backoff: Backoff
    image_gc: ImageGc | None = None
    crash_backoff: Backoff
    relist: Period
    sync_retry: Period
    sync_jitter: Ratio
    status_update: Period


class Docker(Part):
    """A container engine on its own: it pulls, starts, and restarts always, and evicts nothing."""

    kind: Literal["docker"]
    max_pods: Some
    memory_check: Period  # how often the RAM that requests hold is looked at; only the kernel kills
    layers_at_once: Some
    pull_stall: Period
    pull_dial: Period
    pull_backoff: Backoff
    restart_backoff: Backoff
    notice: Period  # until the agent has seen what a container does
