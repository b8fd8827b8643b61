"""What all controllers are: a queue of objects, workers that bring each to what it wants, calls to the API server."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from simpy.events import Event

from simulator.control.api.client import Client
from simulator.control.api.queue import RetrySettings, Sync, WorkQueue
from simulator.control.api.server import ApiServer
from simulator.engine.clock import Clock

K = TypeVar("K", bound=Hashable)


class Controller(Generic[K]):
    """Works between `start` and `stop`: while its process leads. What it had in memory dies with its process."""

    __slots__ = ("_client", "_term", "clock", "leading", "queue", "server")

    def __init__(self, clock: Clock, server: ApiServer, client: Client, *, workers: int, retry: RetrySettings) -> None:
        self.clock = clock
        self.server = server
        self._client = client
        self._term = 0
        self.leading = False
        self.queue: WorkQueue[K] = WorkQueue(clock, workers, retry, self.sync)

    def everything(self) -> Iterable[K]:
        """All keys: what a process that begins to lead looks at."""
        raise NotImplementedError

    def sync(self, key: K) -> Sync:
        """Bring one object to what it wants: a process. False: not now, try again."""
        raise NotImplementedError

    def start(self) -> None:
        """Begin to lead."""
        self.leading = True
        self._term += 1
        for key in self.everything():
            self.queue.add(key)

    def stop(self) -> None:
        """Lead no longer."""
        self.leading = False
        self._term += 1
        self.queue.clear()

    def enqueue(self, key: K) -> None:
        """Look at this object, if this process leads."""
        if self.leading:
            self.queue.add(key)

    def call(self, write: Callable[..., object], *args: Any) -> Event:
        """Make `write(*args)` at the server when the client's limits allow; the event says that it is done."""
        return self.call_all([(write, args)])

    def call_all(self, calls: Sequence[tuple[Callable[..., object], tuple[Any, ...]]]) -> Event:
        """Make several calls side by side; the event comes when the last is done."""
        done, left = self.clock.event(), [len(calls)]
        for write, args in calls:
            self._client.call(self._do, self._term, done, left, write, args)
        if not calls:
            done.succeed()
        return done

    def _do(self, term: int, done: Event, left: list[int], write: Callable[..., object], args: tuple[Any, ...]) -> None:
        if term == self._term:
            write(*args)
            left[0] -= 1
            if not left[0]:
                done.succeed()


def slow_start(total: int) -> Iterable[int]:
    """Batches of 1, 2, 4, 8 … that add up to `total`: what fails for all fails first for one."""
    size = 1
    while total > 0:
        batch = min(size, total)
        yield batch
        total -= batch
        size *= 2
