"""The same law as a SimPy model, an event for each thing that happens: the oracle of `pool`, and nothing else.

Written from the package's text, not from the pool: instances are looked through, nothing is kept sorted. Ties are an
order of SimPy's own time: an instant of the law is a span of it, in which each kind of event, and each number, has a
moment of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, Final

import simpy

from simulator.traffic.functions.pool import DIED, NEVER, REFUSED, SERVED, WAITING, Limits

_END, _UP, _ARRIVAL, _EXPIRY, _FAILURE = range(5)
_INSTANT: Final = 1 << 40  # moments of SimPy's time in a nanosecond
_RANK: Final = 1 << 32


class _Instance:
    def __init__(self, number: int, now: int) -> None:
        self.number, self.started = number, now
        self.up = self.gone = NEVER
        self.runs = False
        self.inside: list[int] = []
        self.waiting: list[int] = []
        self.uses = 0
        self.last = -1
        self.idle_since = NEVER  # up, with nothing to do
        self.thawed = 0


class ReferenceModel:
    """`results` and `instances` are what `Outcome` holds as columns: (begin, end, instance, cold, outcome) and
    (started, up, gone)."""

    def __init__(
        self,
        arrive: Sequence[int],
        work: Sequence[int],
        first: Sequence[int],
        limits: Limits,
        *,
        boot: Callable[[int], int],
        failures: Sequence[tuple[int, int]] = (),
        freeze: tuple[int, int] = (0, 0),
    ) -> None:
        self.env, self.freeze = simpy.Environment(), freeze
        self.work, self.first, self.limits, self.boot = work, first, limits, boot
        self.all: list[_Instance] = []
        self.queue: list[int] = []
        self.results: list[list[int]] = [[NEVER, NEVER, -1, 0, WAITING] for _ in arrive]
        for request, time in enumerate(arrive):
            self.env.process(self._at(time, _ARRIVAL, request, self._arrive, request))
        for number, (time, which) in enumerate(failures):
            self.env.process(self._at(time, _FAILURE, number, self._fail, which))
        self._refill()

    def run(self, until: int) -> None:
        self.env.run((until + 1) * _INSTANT - 1)

    @property
    def instances(self) -> list[tuple[int, int, int]]:
        return [(one.started, one.up, one.gone) for one in self.all]

    @property
    def now(self) -> int:
        return int(self.env.now) // _INSTANT

    def _at(self, time: int, rank: int, number: int, do: Callable[..., None], *given: Any) -> Generator[Any, Any, None]:
        yield self.env.timeout(max(0, time * _INSTANT + rank * _RANK + number - int(self.env.now)))
        do(*given)

    def _there(self) -> list[_Instance]:
        return [one for one in self.all if one.gone == NEVER]

    def _arrive(self, request: int) -> None:
        there, room = self._there(), self.limits.concurrency
        running = [one for one in there if one.runs and one.uses and len(one.inside) < room]
        fresh = [one for one in there if one.runs and not one.uses]
        booting = [one for one in there if not one.runs and len(one.waiting) < room]
        if running:
            self._begin(request, max(running, key=lambda one: one.last))
        elif fresh:
            self._begin(request, fresh[0])
        elif booting:
            self._wait(request, booting[0])
        elif self.limits.most is None or len(there) < self.limits.most:
            self._wait(request, self._start())
        elif self.limits.full == "queue":
            self.queue.append(request)
        else:
            self.results[request][1], self.results[request][4] = self.now, REFUSED
        self._refill()

    def _wait(self, request: int, one: _Instance) -> None:
        one.waiting.append(request)
        self.results[request][3] = 1

    def _start(self) -> _Instance:
        one = _Instance(len(self.all), self.now)
        self.all.append(one)
        self.env.process(self._at(self.now + self.boot(one.number), _UP, one.number, self._up, one))
        return one

    def _refill(self) -> None:
        while True:
            there = self._there()
            unused = [one for one in there if not one.uses and not one.waiting]
            if len(unused) >= self.limits.prewarmed or (
                self.limits.most is not None and len(there) >= self.limits.most
            ):
                return
            self._start()

    def _up(self, one: _Instance) -> None:
        if one.gone != NEVER:
            return
        one.up, one.runs = self.now, True
        one.idle_since = NEVER if one.waiting or self.queue else self.now
        for request in one.waiting:
            self._begin(request, one)
        one.waiting.clear()
        while self.queue and len(one.inside) < self.limits.concurrency:
            self._begin(self.queue.pop(0), one)

    def _begin(self, request: int, one: _Instance) -> None:
        if self.limits.paused and one.idle_since != NEVER:
            frozen = one.idle_since + self.freeze[0]
            one.thawed = (frozen if frozen > self.now else self.now) + self.freeze[1]
        one.idle_since = NEVER
        span = self.work[request] if one.uses else self.first[request]
        span += max(0, one.thawed - self.now)
        self.results[request] = [self.now, self.now + span, one.number, self.results[request][3], SERVED]
        one.inside.append(request)
        self._use(one)
        self.env.process(self._at(self.now + span, _END, request, self._end, request, one))

    def _use(self, one: _Instance) -> None:
        one.uses += 1
        one.last = int(self.env.now)

    def _end(self, request: int, one: _Instance) -> None:
        if one.gone != NEVER:
            return
        one.inside.remove(request)
        self._use(one)
        if self.queue:
            self._begin(self.queue.pop(0), one)
        elif not one.inside:
            one.idle_since = self.now
            later = self.now + self.limits.keep_ns
            self.env.process(self._at(later, _EXPIRY, one.number, self._expire, one, one.uses))

    def _expire(self, one: _Instance, uses: int) -> None:
        if one.gone == NEVER and one.uses == uses:
            one.gone = self.now
            self._refill()

    def _fail(self, which: int) -> None:
        if which >= len(self.all) or self.all[which].gone != NEVER:
            return
        one = self.all[which]
        one.gone = self.now
        for request in one.inside:
            self.results[request][1], self.results[request][4] = self.now, DIED
        again = list(one.waiting)
        one.waiting.clear()
        one.inside.clear()
        for request in again:
            self._arrive(request)
        if self.queue and (self.limits.most is None or len(self._there()) < self.limits.most):
            self._arrive(self.queue.pop(0))
        self._refill()
