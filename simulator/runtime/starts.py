"""The starts that are at work on one node, and how they hold each other up.

Of k starts at work, a step goes on at the rate 1 / (1 + c (k − 1) / threads), from the moment at which k changes: so k
that begin together take the law's serial × (1 + c (k − 1) / threads), and any other mix follows. c is the step's own
(Firecracker's 50 at once on 96 threads gave the one that all VMMs share); some grow with each pod that the node has
(RunD's by its own measurements: the kernel's lists of groups get longer). However many are at work, the node starts
threads / (c · serial) a second and no more. An engine with a lock lets one start after another have it: what waits for
the lock is not at work.

Steps of one c proceed at one rate and so end in the order of the lane's service at which each is done: a change of k
costs as much as there are lanes, however many starts there are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from math import ceil

from simulator.engine.clock import Clock, Timer
from simulator.runtime.load import STARTS, Load
from simulator.runtime.settings import Steps
from simulator.streams import Rng

_Kind = tuple[float, float]  # contention, and what each pod of the node adds to it

_SLACK_NS = 1e-3  # of float sums: far below a nanosecond, far above what they lose in a run


class Start:
    """One pod's sandbox, or one of its containers, on its way through its steps, one after another."""

    __slots__ = ("_done", "_pieces", "_starts", "_timer", "end", "held", "wanted")

    def __init__(self, starts: Starts, pieces: list[tuple[int, _Kind, str]], done: Callable[[], object]) -> None:
        self._starts = starts
        self._pieces = deque(pieces)  # (work in ns, its lane, lock)
        self._done = done
        self._timer: Timer | None = None
        self.end: float | None = None  # the service of its lane at which its piece is done; None: not at work
        self.held = ""  # the lock that it has
        self.wanted = ""  # the lock that it waits for

    def begin(self, wait_ns: int) -> None:
        """Go on after so long a wait. What has nothing to do is done after this, too: `done` is never called within."""
        if wait_ns or not self._pieces:
            self._timer = self._starts.clock.after(wait_ns, self.go)
        else:
            self.go()

    def go(self) -> None:
        """Take the next piece, or be done. Where the piece needs a lock that another has, wait for it."""
        self._timer = None
        if not self._pieces:
            self._done()
            return
        work, kind, lock = self._pieces[0]
        if lock and not self._starts.take(lock, self):
            return
        self._pieces.popleft()
        self._starts.work(self, work, kind)

    def cancel(self) -> None:
        """Give up, wherever it is. Harmless when it is done."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._pieces.clear()
        self._done = _nothing
        self._starts.leave(self)


class _Lane:
    """The pieces of one kind of contention. `served`: what one of them would have got done since the lane filled."""

    __slots__ = ("_clock", "_ended", "contention", "crowding", "heap", "rate", "served", "since", "timer")

    def __init__(self, clock: Clock, kind: _Kind, ended: Callable[[_Lane], None]) -> None:
        self._clock = clock
        self._ended = ended
        self.contention, self.crowding = kind
        self.heap: list[tuple[float, int, Start]] = []
        self.served = 0.0
        self.since = 0
        self.rate = 1.0
        self.timer: Timer | None = None

    def advance(self) -> None:
        """Count what was done up to now."""
        now = self._clock.now
        self.served += self.rate * (now - self.since)
        self.since = now

    def plan(self, rate: float) -> None:
        """Go on at this rate."""
        self.rate = rate
        while self.heap and self.heap[0][2].end != self.heap[0][0]:  # it has given up
            heappop(self.heap)
        due: int | None = None
        if self.heap:
            left = max(0.0, self.heap[0][0] - self.served)
            due = self._clock.now + ceil(max(0.0, left / rate - _SLACK_NS))
        else:
            self.served = 0.0
        if self.timer is not None:
            if self.timer.time == due:
                return
            self.timer.cancel()
        self.timer = self._clock.at(due, self._ended, self) if due is not None else None


class Starts:
    """All starts of one node."""

    __slots__ = ("_count", "_lanes", "_locks", "_pods", "_rng", "_threads", "_working", "clock", "load", "speed")

    def __init__(self, clock: Clock, rng: Rng, *, speed: float, threads: int, load: Load | None = None) -> None:
        self.clock = clock
        self.load = load
        self._rng = rng
        self.speed = speed  # of what begins from now on
        self._threads = threads
        self._working = 0
        self._pods = 0  # that the node has, beside those on their way
        self._count = 0  # of pieces so far: of those that end together the first goes first
        self._lanes: dict[_Kind, _Lane] = {}
        self._locks: dict[str, tuple[Start, deque[Start]]] = {}  # who has it, who waits

    def begin(
        self,
        steps: Steps,
        identity: int,
        k: int,
        done: Callable[[], object],
        *,
        wait_ns: int = 0,
        size: int = 0,
        ram: int = 0,
    ) -> Start:
        """Go through the steps and call `done`, after `wait_ns`. Draws are named by step, `identity` and `k`; `size` is
        that of the image in bytes, on which a Wasm module's start depends, `ram` what a guest may have.
        """
        pieces: list[tuple[int, _Kind, str]] = []
        for step in steps:
            work = step.work(self._rng.draw(f"start/{step.name}", identity, k), self.speed, size=size, ram=ram)
            if step.lock:
                held = min(work, round(step.hold_ns * step.factor(self.speed)))
                pieces.append((held, (0.0, 0.0), step.lock))
                work -= held
            if work:
                pieces.append((work, (step.contention, step.crowding), ""))
        start = Start(self, pieces, done)
        start.begin(wait_ns)
        return start

    def settle(self, more: int) -> None:
        """The node has a pod more (1) or fewer (-1) beside those on their way."""
        if any(lane.crowding for lane in self._lanes.values()):
            self._advance()
            self._pods += more
            self._plan()
        else:
            self._pods += more

    # What starts tell.

    def take(self, lock: str, start: Start) -> bool:
        """Whether the start has the lock now; otherwise it is called when it does."""
        owner = self._locks.get(lock)
        if owner is None:
            self._locks[lock] = (start, deque())
        elif owner[0] is not start:
            start.wanted = lock
            owner[1].append(start)
            return False
        start.held, start.wanted = lock, ""
        return True

    def work(self, start: Start, work_ns: int, kind: _Kind) -> None:
        """A piece begins."""
        lane = self._lanes.get(kind)
        if lane is None:
            lane = self._lanes[kind] = _Lane(self.clock, kind, self._ended)
        self._advance()
        self._count += 1
        start.end = lane.served + work_ns
        heappush(lane.heap, (start.end, self._count, start))
        self._working += 1
        self._plan()

    def leave(self, start: Start) -> None:
        """A start has given up."""
        if start.end is not None:
            self._advance()
            start.end = None
            self._working -= 1
            self._plan()
        if start.wanted:
            self._locks[start.wanted][1].remove(start)
            start.wanted = ""
        self._release(start)

    def _release(self, start: Start) -> None:
        lock, start.held = start.held, ""
        if lock:
            _, waiting = self._locks.pop(lock)
            if waiting:
                self._locks[lock] = (waiting.popleft(), waiting)
                self._locks[lock][0].go()

    def _ended(self, lane: _Lane) -> None:
        """The first piece of a lane is done, and whatever is done with it."""
        lane.timer = None
        self._advance()
        done: list[Start] = []
        while lane.heap and (lane.heap[0][2].end != lane.heap[0][0] or lane.heap[0][0] <= lane.served + _SLACK_NS):
            end, _, start = heappop(lane.heap)
            if start.end == end:
                start.end = None
                done.append(start)
        self._working -= len(done)
        self._plan()
        for start in done:
            self._release(start)
            start.go()

    def _advance(self) -> None:
        for lane in self._lanes.values():
            lane.advance()

    def _plan(self) -> None:
        if self.load is not None:
            self.load.take(STARTS, min(self._working, self._threads))
        others = max(0, self._working - 1) / self._threads
        for lane in self._lanes.values():
            lane.plan(1.0 / (1.0 + (lane.contention + lane.crowding * self._pods) * others))


def _nothing() -> None:
    pass
