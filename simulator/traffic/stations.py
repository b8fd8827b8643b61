"""A station: where the requests that reach one pod are queued and served."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from simulator.traffic.flows import Behaviour

if TYPE_CHECKING:
    from simulator.traffic.tries import Try


class Station:
    """One pod as requests meet it. It outlives the pod's containers: down, it refuses.

    Two kinds of queue. Where a worker is free again as soon as the work is done, the times `free` at which each
    worker will be free are all there is to know (a heap). Where threads block during calls, that time is unknown:
    `free` is None, and requests wait in `queue` for one of the `idle` workers.
    """

    __slots__ = ("free", "idle", "inside", "node", "pace", "place", "queue", "running", "served", "stage", "uid",
                 "workers", "workload")  # fmt: skip

    def __init__(self, uid: int, stage: int) -> None:
        self.uid = uid
        self.stage = stage  # its number among all links and stations
        self.workload = ""
        self.node = -1
        self.place = -1  # of what it asks: see `place_of`
        self.running = False
        self.pace = 1.0  # ns here for a ns of work on the reference core
        self.workers = 1
        self.free: list[int] | None = None
        self.idle = 0
        self.queue: deque[Try] = deque()
        self.inside: set[Try] | None = None  # all who are here, where they make calls
        self.served = 0  # works done

    def start(self, workload: str, behaviour: Behaviour, node: int, place: int, speed: float) -> None:
        """The pod runs on a node whose cores have this speed relative to the reference core."""
        self.workload, self.node, self.place = workload, node, place
        self.pace, self.workers, self.running = 1 / speed, behaviour.workers, True
        self.free = None if behaviour.calls and behaviour.threads == "blocking" else [0] * self.workers
        self.inside = set() if behaviour.calls else None
        self.idle = self.workers

    def stop(self) -> None:
        """The pod has stopped; whoever was here is the caller's care."""
        self.running = False
        self.queue.clear()
        if self.inside is not None:
            self.inside.clear()


def place_of(proxy: int, asker: int, nodes: int) -> int:
    """A proxy and an asker's node as one number."""
    return proxy * nodes + asker
