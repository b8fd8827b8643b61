"""A hub as a queueing station: what arrives waits for one of its workers, first come, first served.

Exact in integer ns and without an event: when each worker will be free is all there is to know (Lindley 1952; for
several workers Kiefer and Wolfowitz 1955). A station adds only the time for which a message waits; what it takes at a
hub that has nothing else to do is known elsewhere already (a write's latency, the way over the network).
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from heapq import heapreplace

from simulator.control.api.client import TokenBucket
from simulator.physics.distributions import Constant, Distribution
from simulator.streams import Rng
from simulator.units import SECOND


@dataclass(frozen=True, slots=True)
class StationSettings:
    """`workers` side by side, each busy for a time of `service` (ns) with a message that it has taken.

    `queue` messages can wait; who comes when these places are taken is held back until there is room. None: no bound.
    `limit` is (qps, burst) of the calls that all workers together may make, one for each message; None: none.
    A heartbeat takes `heartbeat` of a message's service: 1 where the same workers deal with both, 0 where it has
    workers of its own. Such a heartbeat only waits in the same line, and overtakes the last `overtakes` messages
    before it, which wait elsewhere for their workers.
    """

    workers: int
    service: Distribution
    queue: int | None = None
    limit: tuple[float, int] | None = None
    heartbeat: float = 1.0
    overtakes: int = 0


class HubStation:
    """First come, first served. Arrivals must be told in the order of their time.

    `busy_until` is when the last of them will have been dealt with, if no more come. A sender's service times are
    draws of its own, so that another sender does not shift them.
    """

    __slots__ = ("_bucket", "_counts", "_draw", "_fixed_ns", "_free", "_latest", "_past", "_rng", "busy_until",
                 "settings")  # fmt: skip

    def __init__(self, rng: Rng, name: str, settings: StationSettings) -> None:
        if settings.workers < 1 or (settings.queue is not None and settings.queue < 1):
            raise ValueError("a station has at least one worker, and room for one message or no bound")
        self._rng = rng
        self._draw = f"hub-service/{name}"
        self.settings = settings
        service = settings.service
        self._fixed_ns = service.tick(0.0) if isinstance(service, Constant) else None
        self._bucket = TokenBucket(*settings.limit) if settings.limit is not None else None
        self._counts: Counter[int] = Counter()
        self._free: list[int]  # a heap: when each worker will be free
        self._latest: deque[int]  # when the last `queue` messages are taken
        self._past: deque[int]  # the same of the last `overtakes`, and of one before them
        self.busy_until: int
        self.clear()

    def clear(self) -> None:
        """The hub has stopped: whatever waited in it is lost."""
        self._free = [0] * self.settings.workers
        self._latest = deque(maxlen=self.settings.queue)
        self._past = deque(maxlen=self.settings.overtakes + 1)
        self.busy_until = 0

    @property
    def free_at(self) -> int:
        """From when on a message is taken as it arrives, if no other arrives before (ns; it may be past)."""
        return self._free[0] if self._bucket is None else max(self._free[0], self._bucket.next_ns)

    @property
    def heartbeat_at(self) -> int:
        """From when on a heartbeat is taken as it arrives, if nothing else arrives before (ns; it may be past)."""
        if self.settings.heartbeat or not self.settings.overtakes:
            return self.free_at
        return self._past[0] if len(self._past) > self.settings.overtakes else 0

    def room_at(self, now: int) -> int:
        """When a message that comes now finds a place: now, or when the one `queue` before it is taken."""
        if self.settings.queue is None or len(self._latest) < self.settings.queue:
            return now
        return max(now, self._latest[0])

    def arrive(self, now: int, sender: int = 0, share: float = 1.0) -> int:
        """A message of `sender` (its key), which takes this share of the service, comes now: when a worker takes it
        (ns, not before now).

        It need not ask for room: whoever is held back comes into the queue behind all who came before it, and is
        taken at the same time. Only the sender's next message has to wait for the room (see `Intake`).
        """
        if not share and self.settings.overtakes:
            return max(now, self.heartbeat_at)
        taken = max(now, self._free[0])
        if self._bucket is not None:
            taken = self._bucket.take(taken)
        done = taken + round(share * self._service(sender))
        heapreplace(self._free, done)
        self.busy_until = max(self.busy_until, done)
        if self.settings.queue is not None:
            self._latest.append(taken)
        self._past.append(taken)
        return taken

    def _service(self, sender: int) -> int:
        if self._fixed_ns is not None:
            return self._fixed_ns
        k = self._counts[sender]
        self._counts[sender] = k + 1
        return self.settings.service.tick(self._rng.draw(self._draw, sender, k))

    # What arrives in so regular a stream that nobody sends it message by message.
    def load(self, rate: float, share: float = 1.0) -> float:
        """The part of its time for which each worker is busy with `rate` messages a second of this share; from 1 on a
        backlog grows for ever."""
        busy = rate * share * self.settings.service.mean / SECOND / self.settings.workers
        limit = self.settings.limit
        return busy if limit is None or not share else max(busy, rate / limit[0])
