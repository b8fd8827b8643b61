"""The work queue of a controller: each key once, by a few workers, again later where it failed (client-go's)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from simulator.control.api.client import TokenBucket
from simulator.engine.clock import Clock, Timer

K = TypeVar("K", bound=Hashable)
# What a sync is: a process that yields SimPy events and says whether it is content (None counts as yes).
Sync = Generator[Any, Any, bool | None]


@dataclass(frozen=True, slots=True)
class RetrySettings:
    """A failed key comes back after first × 2ⁿ up to the cap (ns), and all together at most `qps` a second."""

    first_ns: int
    cap_ns: int
    qps: float
    burst: int


class WorkQueue(Generic[K]):
    """Keys wait in the order in which they came. A key that is added while it is worked on is worked on once more.

    `clear` drops everything, also what is being worked on: a sync of before is never resumed, because the events
    that it waits for are those of the controller's own calls, which die with it.
    """

    __slots__ = (
        "_bucket",
        "_busy",
        "_clock",
        "_dirty",
        "_failures",
        "_later",
        "_pump",
        "_retry",
        "_sync",
        "_term",
        "_waiting",
        "_workers",
    )

    def __init__(self, clock: Clock, workers: int, retry: RetrySettings, sync: Callable[[K], Sync]) -> None:
        self._clock = clock
        self._workers = workers
        self._retry = retry
        self._sync = sync
        self._bucket = TokenBucket(retry.qps, retry.burst)
        self._waiting: deque[K] = deque()
        self._dirty: dict[K, None] = {}  # to be worked on
        self._busy: dict[K, None] = {}  # being worked on
        self._failures: dict[K, int] = {}
        self._later: dict[K, Timer] = {}
        self._pump: Timer | None = None
        self._term = 0

    def __len__(self) -> int:
        return len(self._dirty)

    def add(self, key: K) -> None:
        """Work on this key, as soon as a worker is free."""
        if key in self._dirty:
            return
        self._dirty[key] = None
        if key not in self._busy:
            self._waiting.append(key)
            self._start()

    def add_after(self, key: K, delay_ns: int) -> None:
        """Add the key in a while; the earlier of two such wishes holds."""
        time = self._clock.now + delay_ns
        known = self._later.get(key)
        if known is not None and known.pending:
            if known.time <= time:
                return
            known.cancel()
        self._later[key] = self._clock.at(time, self._due, key)

    def clear(self) -> None:
        """Forget everything: the process that held the queue has ended."""
        self._term += 1
        for timer in self._later.values():
            timer.cancel()
        for store in (self._waiting, self._dirty, self._busy, self._failures, self._later):
            store.clear()

    def _due(self, key: K) -> None:
        del self._later[key]
        self.add(key)

    def _start(self) -> None:
        # In an event of its own: what else happens at this instant is seen by all of the workers.
        if self._pump is None and self._waiting and len(self._busy) < self._workers:
            self._pump = self._clock.after(0, self._run)

    def _run(self) -> None:
        self._pump = None
        while self._waiting and len(self._busy) < self._workers:
            key = self._waiting.popleft()
            del self._dirty[key]
            self._busy[key] = None
            self._clock.process(self._work(key, self._term))

    def _work(self, key: K, term: int) -> Generator[Any, Any, None]:
        content = yield from self._sync(key)
        if term != self._term:
            return
        if content is False:
            self._fail(key)
        else:
            self._failures.pop(key, None)
        del self._busy[key]
        if key in self._dirty:
            self._waiting.append(key)
        self._start()

    def _fail(self, key: K) -> None:
        times = self._failures.get(key, 0)
        self._failures[key] = times + 1
        own = min(self._retry.first_ns << min(times, 60), self._retry.cap_ns)
        now = self._clock.now
        self.add_after(key, max(own, self._bucket.take(now) - now))
