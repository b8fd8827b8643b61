"""Orders on their way into members' API servers: some at a time, and again later where they failed."""

from __future__ import annotations

from collections.abc import Callable

from simulator.control.api.queue import RetrySettings, Sync, WorkQueue
from simulator.control.clusters.copies import Copies
from simulator.control.clusters.objects import Order
from simulator.control.clusters.remote import Remote
from simulator.engine.clock import Clock


class Applier:
    """The execution controller of a hub (push), or of a member's agent (pull). Keys are the names of works.

    `find` gives the present order, or None; `way` the client to use and the member's copies, or None where the member
    is believed not to be ready: then the order fails without a call. `done` is told of each order carried out.
    """

    __slots__ = ("_done", "_failed", "_find", "_way", "queue")

    def __init__(
        self,
        clock: Clock,
        *,
        workers: int,
        retry: RetrySettings,
        find: Callable[[str], Order | None],
        way: Callable[[Order], tuple[Remote, Copies] | None],
        done: Callable[[Order], None],
    ) -> None:
        self._find, self._way, self._done = find, way, done
        self._failed: set[str] = set()
        self.queue: WorkQueue[str] = WorkQueue(clock, workers, retry, self._sync)

    def _sync(self, work: str) -> Sync:
        order = self._find(work)
        if order is None:
            return True
        way = self._way(order)
        if way is None:
            return False
        remote, copies = way
        well = yield remote.call(order.work, work in self._failed, copies.carry_out, order)
        if not well:
            self._failed.add(work)
            return False
        self._failed.discard(work)
        self._done(order)
        return True
