"""Radios that sleep: after some time without traffic the next message has to wait until the radio is connected again.

What LTE and 5G call RRC: a device is idle or connected, so one state holds for both directions of a link, and for all
links of one radio. A message that comes after more than `idle_ns` without traffic waits `delay_ns` before it is sent,
and others that come meanwhile wait with it (Narayanan et al. 2021 measured both). Traffic ends as its last bit is sent;
a transfer is traffic as long as it lasts. At the beginning a radio sleeps.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from heapq import heapify, heappush, heapreplace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.physics.capacity import Traced
from simulator.world.link import LinkRow

Ints = NDArray[np.int64]
_Run = tuple[int, tuple[int, int], int, int, Traced | None]
_NEVER: Final = 1 << 62


class Promotion:
    """One radio that sleeps. It is asked in order of time, but for what it is told by `note`.

    `queues` are the ends of what requests send, by directed link (0: nothing yet); whoever keeps them sets them.
    """

    __slots__ = ("_last", "_next", "_noted", "_runs", "delay_ns", "held", "hops", "idle_ns", "known", "queues", "ready",
                 "slept", "woken")  # fmt: skip

    def __init__(self, idle_ns: int, delay_ns: int) -> None:
        self.idle_ns, self.delay_ns = idle_ns, delay_ns
        self.hops: list[int] = []
        self.queues: Sequence[int] = ()
        self.held = 0  # transfers under way
        self.ready = 0  # when it is connected, since it last slept
        self.woken: list[int] = []  # when it was woken
        self.slept: list[int] = []  # from when on it had slept, each time
        self.known = -idle_ns - 1  # the end of traffic that was noted
        self._last = -idle_ns - 1  # the end of all traffic but that in the queues, up to now
        self._noted: deque[tuple[int, int]] = deque()  # when, and until when
        self._runs: list[_Run] = []  # heap of: time of the next reading, key, period, ns to send
        self._next = _NEVER  # of what is noted and the readings

    def meet(self, now: int) -> int:
        """From when on it sends what comes now (ns; the past, if it is connected)."""
        if now > self._next:
            self.catch_up(now)
        if self._asleep(now):
            self._wake(now)
        return self.ready

    def awake(self, now: int) -> bool:
        """Whether it is connected, from what was noted alone: others may have kept it so."""
        return self.held > 0 or now <= self.known + self.idle_ns

    def note(self, now: int, end: int) -> None:
        """Traffic that came now, and found its answer already, ends then. Requests and readings up to now may come to
        be told later."""
        self.known = max(self.known, end)
        self._noted.append((now, end))
        self._look()

    def stopped(self, hop: int, now: int) -> None:
        """What requests still had to send over a directed link is gone."""
        if self.queues[hop]:
            self._last = max(self._last, min(self.queues[hop], now))

    def hold(self, now: int) -> None:
        """A transfer begins."""
        self.catch_up(now)
        self.held += 1

    def release(self, now: int) -> None:
        """A transfer ends."""
        self.held -= 1
        self._last, self.known = max(self._last, now), max(self.known, now)

    # Readings: each run of them comes at a fixed period.

    def begin(self, key: tuple[int, int], first: int, every: int, sends: int, traced: Traced | None = None) -> None:
        """Readings come, the first at `first`; each takes `sends` ns to send, unless that follows a trace."""
        heappush(self._runs, (first, key, every, sends, traced))
        self._look()

    def end(self, key: tuple[int, int], now: int) -> None:
        """They come no more."""
        self.catch_up(now + 1)
        self._runs = [run for run in self._runs if run[1] != key]
        heapify(self._runs)
        self._look()

    def waits(self, times: Ints, now: int) -> Ints:
        """How long what comes at these times (n,) waits. Of what comes after now, as if nobody else came."""
        if not times.size:
            return times
        self.catch_up(now + 1)
        low = max(0, bisect_right(self.woken, int(times.min())) - 1)
        woken = np.array(self.woken[low:] or [-self.delay_ns], np.int64)
        which = np.searchsorted(woken, times, side="right") - 1
        waits = np.where(which < 0, 0, np.maximum(woken[which] + self.delay_ns - times, 0))
        later = np.flatnonzero(times > now)
        waits[later[[self._asleep(time) for time in times[later].tolist()]]] = self.delay_ns
        return waits

    def catch_up(self, now: int) -> None:
        """Readings and what is noted, of before now, come."""
        while self._next < now:
            if self._noted and self._noted[0][0] == self._next:
                self._last = max(self._last, self._noted.popleft()[1])
            else:
                time, _, every, *_ = self._runs[0]
                if self._asleep(time):
                    self._wake(time)
                heapreplace(self._runs, self._read(self._runs[0], time))
                if every <= self.idle_ns:  # it sleeps no more as long as these come
                    self._runs = [self._read(run, now - 1) for run in self._runs]
                    heapify(self._runs)
            self._look()

    def _read(self, run: _Run, until: int) -> _Run:
        """A run after its readings up to then."""
        time, key, every, sends, traced = run
        if time > until:
            return run
        time += ((until - time) // every + 1) * every
        start = max(time - every, self.ready)
        self._last = max(self._last, start + sends if traced is None else traced[0].after(start, traced[1]))
        return time, key, every, sends, traced

    def _look(self) -> None:
        self._next = min(self._noted[0][0] if self._noted else _NEVER, self._runs[0][0] if self._runs else _NEVER)

    def connected_until(self, now: int) -> int:
        """Until when it has stayed connected since it last woke, as of now, of which everybody has told."""
        return now if self.held else min(now, self._end() + self.idle_ns)

    def _asleep(self, now: int) -> bool:
        return not self.held and now > self._end() + self.idle_ns

    def _end(self) -> int:
        last = self._last
        if self.queues:
            for hop in self.hops:
                if self.queues[hop] > last:
                    last = self.queues[hop] or last
        return last

    def _wake(self, now: int) -> None:
        self.slept.append(self._end() + self.idle_ns)
        self.ready = now + self.delay_ns
        self.woken.append(now)


def promotions(links: Sequence[LinkRow]) -> list[Promotion | None]:
    """By link: the radio behind it, if it is one that sleeps; links of one radio share it."""
    found: list[Promotion | None] = []
    known: dict[str, Promotion] = {}
    for i, row in enumerate(links):
        radio = None
        if row.promotion_ns:
            radio = Promotion(row.idle_ns, row.promotion_ns)
            if row.radio:
                radio = known.setdefault(row.radio, radio)
            radio.hops += [2 * i, 2 * i + 1]
        found.append(radio)
    return found
