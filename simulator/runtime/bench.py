"""What the workers of one node share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.runtime.backoff import Backoff
from simulator.runtime.host import Host
from simulator.runtime.memory import Memory
from simulator.runtime.migration import Migrations
from simulator.runtime.pod_run import PodRun
from simulator.runtime.puller import Puller
from simulator.runtime.starts import Starts
from simulator.runtime.warm import WarmStarts

if TYPE_CHECKING:
    from simulator.runtime.worker import PodWorker

ServingHook = Callable[[PodRun, bool, str], None]


@dataclass(slots=True)
class Bench:
    """What the workers of one node share."""

    host: Host
    puller: Puller
    memory: Memory
    starts: Starts
    warm: WarmStarts
    crashes: Backoff  # by pod uid and container
    pull_failures: Backoff  # by pod uid and image
    serving_hooks: list[ServingHook]
    ended: Callable[[PodWorker], None]  # nothing of the pod runs any more, and nothing will
    migrations: Migrations | None = None  # the way to other nodes of the cluster, if pods move
