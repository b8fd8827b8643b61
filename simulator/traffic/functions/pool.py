"""The law of one function's instances, as a state that arrivals, boots and failures move. See the package."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

NEVER: Final = (1 << 63) - 1
WAITING: Final = 0  # outcomes; a request that has not arrived by the end is waiting too, and not counted
SERVED: Final = 1
REFUSED: Final = 2
DIED: Final = 3

_END: Final = 0
_UP: Final = 1


@dataclass(frozen=True, slots=True)
class Limits:
    """How many instances there are, and for how long. Times in ns; `most` None: as many as are asked for."""

    keep_ns: int
    concurrency: int = 1
    most: int | None = None
    full: Literal["refuse", "queue"] = "refuse"
    prewarmed: int = 0
    paused: bool = False

    def __post_init__(self) -> None:
        if self.keep_ns < 0 or self.prewarmed < 0:
            raise ValueError("a keep-alive and a number of instances cannot be negative")
        if self.concurrency < 1 or (self.most is not None and self.most < max(1, self.prewarmed)):
            raise ValueError("an instance has room for a request, and most allows one instance and the pre-warmed")


class Book:
    """What became of each request, by its number. Filled again with the same values where a pool is run again."""

    __slots__ = ("arrive", "begin", "cold", "end", "first", "instance", "outcome", "work")

    def __init__(self, arrive: Ints, work: Ints, first: Ints | None = None) -> None:
        """`arrive` (not decreasing), `work` and `first`, the work of an instance's first request: shape (n,), ns."""
        if len(arrive) != len(work) or (first is not None and len(first) != len(work)):
            raise ValueError("every request has an arrival and its work")
        if np.any(np.diff(arrive) < 0):
            raise ValueError("arrivals must not decrease")
        self.arrive: list[int] = arrive.tolist()
        self.work: list[int] = np.maximum(work, 1).tolist()
        self.first: list[int] = self.work if first is None else np.maximum(first, 1).tolist()
        n = len(arrive)
        self.begin = array("q", [NEVER]) * n
        self.end = array("q", [NEVER]) * n  # when it ended, whatever the outcome; of one in service: when it will
        self.instance = array("q", [-1]) * n
        self.cold = bytearray(n)
        self.outcome = bytearray(n)

    def blank(self, requests: Iterable[int]) -> None:
        """Forget what became of these."""
        for request in requests:
            self.begin[request] = self.end[request] = NEVER
            self.instance[request] = -1
            self.cold[request] = self.outcome[request] = 0


Freeze = tuple[int, int]  # ns that an instance takes to be paused, and to run again


@dataclass(slots=True)
class _Instance:
    speed: float = 1.0
    freeze: Freeze = (0, 0)
    awake: int = 0  # from when on it works: it was frozen
    here: int = 0  # requests in service, or waiting for the boot
    waiting: tuple[int, ...] | None = ()  # for the boot; None: up
    used: bool = False


class Pool:
    """The instances of one function. `started` and `stopped` fill as the law decides; whoever drives it empties them.

    `run` stops at the first instant that fills either. Instances are numbered as they are started.
    """

    __slots__ = ("_alive", "_book", "_booting", "_free", "_fresh", "_heap", "_idle", "_limits", "_next", "_queue",
                 "made", "now", "started", "stopped")  # fmt: skip

    def __init__(self, book: Book, limits: Limits) -> None:
        """At t = 0, with the pre-warmed started."""
        self._book, self._limits = book, limits
        self._alive: dict[int, _Instance] = {}
        self._free: dict[int, None] = {}  # up, used and with room; the last used last
        self._idle: dict[int, int] = {}  # up, used and empty: since when; the last used last
        self._fresh: dict[int, int] = {}  # up and never used: since when
        self._booting: dict[int, None] = {}
        self._queue: deque[int] = deque()
        self._heap: list[tuple[int, int, int, int]] = []  # (time, what, request or -1, instance)
        self._next = 0  # request
        self.made = 0
        self.now = 0
        self.started: list[int] = []
        self.stopped: list[int] = []
        self._refill()

    def __len__(self) -> int:
        return len(self._alive)

    @property
    def next_request(self) -> int:
        """The number of the first request that has not arrived yet."""
        return self._next

    def twin(self) -> Pool:
        """A copy that goes its own way from here, over the same book."""
        other = copy(self)
        for name in ("_free", "_idle", "_fresh", "_booting", "_queue", "_heap", "started", "stopped"):
            setattr(other, name, copy(getattr(self, name)))
        other._alive = {number: copy(one) for number, one in self._alive.items()}
        return other

    def disown(self, ahead: Pool) -> None:
        """Forget what a twin that ran ahead of this one has written about requests that had not begun here."""
        waiting = (request for one in self._alive.values() for request in one.waiting or ())
        cold = set(waiting)
        self._book.blank((*range(self._next, ahead._next), *self._queue, *cold))
        for request in cold:
            self._book.cold[request] = 1

    # What happens by itself.

    def run(self, until: int) -> int | None:
        """Let everything happen up to and at `until`, or up to the first instant at which an instance is to start or
        to stop, and give that instant. What is due at it but comes later in the order of ties is still to come."""
        book, heap, idle = self._book, self._heap, self._idle
        arrive, keep = book.arrive, self._limits.keep_ns
        while not self.started and not self.stopped:
            coming = arrive[self._next] if self._next < len(arrive) else NEVER
            due = heap[0][0] if heap else NEVER
            at = due if due < coming else coming
            if idle:
                oldest = next(iter(idle))
                if idle[oldest] + keep < at:
                    if idle[oldest] + keep > until:
                        break
                    self.now = idle[oldest] + keep
                    self._stop(oldest)
                    continue
            if at > until or at == NEVER:
                break
            self.now = at
            if due <= coming:
                _, what, request, number = heappop(heap)
                if what == _UP:
                    self._up(number)
                else:
                    self._ended(request, number)
            else:
                request, self._next = self._next, self._next + 1
                self._arrived(request)
        else:
            return self.now
        self.now = max(self.now, until)
        return None

    def _arrived(self, request: int) -> None:
        if self._free:
            number = next(reversed(self._free))
            self._begin(request, number, self._alive[number])
        else:
            self._look(request)

    def _look(self, request: int) -> None:
        """A place for a request that no running, used instance has room for."""
        if self._fresh:
            number = min(self._fresh)
            self._wake(self._alive[number], self._fresh.pop(number))
            self._begin(request, number, self._alive[number])
            self._refill()
            return
        room = self._limits.concurrency
        number = next((n for n in self._booting if self._alive[n].here < room), -1)
        if number < 0:
            if self._full:
                if self._limits.full == "queue":
                    self._queue.append(request)
                else:
                    self._book.outcome[request] = REFUSED
                    self._book.end[request] = self.now
                return
            number = self._start()
        one = self._alive[number]
        assert one.waiting is not None
        one.here += 1
        one.waiting = (*one.waiting, request)
        self._book.cold[request] = 1
        self._refill()

    def _begin(self, request: int, number: int, one: _Instance) -> None:
        """A request takes its place in an instance that is up; for one that waited for the boot, it is kept already."""
        book = self._book
        if number in self._idle:
            self._wake(one, self._idle[number])
        work = (book.work if one.used else book.first)[request]
        self._place(request, number, one, work)
        one.here += 1
        self._used(number, one)

    def _place(self, request: int, number: int, one: _Instance, work: int) -> None:
        book = self._book
        begin = max(self.now, one.awake)
        end = begin + (work if one.speed == 1.0 else max(1, round(work / one.speed)))
        book.begin[request], book.end[request], book.instance[request] = self.now, end, number
        book.outcome[request] = SERVED
        heappush(self._heap, (end, _END, request, number))
        one.used = True

    def _wake(self, one: _Instance, since: int) -> None:
        """Let an instance that has had nothing to do since then run again."""
        if self._limits.paused:
            pause, resume = one.freeze
            one.awake = max(self.now, since + pause) + resume

    def _used(self, number: int, one: _Instance) -> None:
        """File an instance that is up and was used just now under what it has room for."""
        self._free.pop(number, None)
        self._idle.pop(number, None)
        if one.here < self._limits.concurrency:
            self._free[number] = None
            if not one.here:
                self._idle[number] = self.now

    def _ended(self, _request: int, number: int) -> None:
        one = self._alive[number]
        one.here -= 1
        if self._queue:
            self._begin(self._queue.popleft(), number, one)
        else:
            self._used(number, one)

    @property
    def _full(self) -> bool:
        return self._limits.most is not None and len(self._alive) >= self._limits.most

    def _start(self) -> int:
        number, self.made = self.made, self.made + 1
        self._alive[number] = _Instance()
        self._booting[number] = None
        self.started.append(number)
        return number

    def _refill(self) -> None:
        """Start what the pre-warmed lack."""
        if self._limits.prewarmed:
            unused = len(self._fresh) + sum(not self._alive[n].here for n in self._booting)
            while unused < self._limits.prewarmed and not self._full:
                self._start()
                unused += 1

    def _stop(self, number: int) -> None:
        del self._idle[number], self._free[number], self._alive[number]
        self.stopped.append(number)
        self._refill()

    # What is told.

    def expect(self, number: int, at: int, freeze: Freeze = (0, 0)) -> None:
        """This instance will be up then."""
        self._alive[number].freeze = freeze
        heappush(self._heap, (at, _UP, -1, number))

    def up(self, number: int, speed: float = 1.0, freeze: Freeze = (0, 0)) -> None:
        """This instance is up now (`now`), on a node of this speed, which takes so long to pause and resume it."""
        self._alive[number].speed, self._alive[number].freeze = speed, freeze
        self._up(number)

    def pace(self, number: int, speed: float) -> None:
        """What this instance, which is up, begins from now on it does at this speed."""
        self._alive[number].speed = speed

    def _up(self, number: int) -> None:
        one = self._alive[number]
        assert one.waiting is not None
        del self._booting[number]
        waited, one.waiting = one.waiting, None
        first = True
        for request in waited:
            self._place(request, number, one, (self._book.first if first else self._book.work)[request])
            first = False
        if waited:
            self._used(number, one)
        while self._queue and one.here < self._limits.concurrency:
            self._begin(self._queue.popleft(), number, one)
        if not one.here:
            self._fresh[number] = self.now

    def fail(self, number: int) -> None:
        """This instance is gone now: what was in it has died, and what waited for it looks again."""
        one = self._alive.pop(number, None)
        if one is None:
            return
        for files in (self._free, self._idle, self._fresh, self._booting):
            files.pop(number, None)
        inside = [entry for entry in self._heap if entry[3] == number]
        if inside:
            self._heap = [entry for entry in self._heap if entry[3] != number]
            heapify(self._heap)
        for _, what, request, _ in inside:
            if what == _END:
                self._book.outcome[request] = DIED
                self._book.end[request] = self.now
        self._again(one.waiting or ())
        if self._queue and not self._full:
            self._again([self._queue.popleft()])
        self._refill()

    def _again(self, requests: Iterable[int]) -> None:
        for request in requests:
            if self._free:
                number = next(reversed(self._free))
                self._begin(request, number, self._alive[number])
            else:
                self._look(request)
