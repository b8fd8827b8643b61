"""The scheduling queue: pods to be tried now, pods that back off, and pods that wait for something to happen.

Kubernetes' three parts and their times (scheduling_queue.go). It looks at its two waiting parts only at fixed ticks,
so a pod moves at a tick; the next tick that moves one is computed, and an empty queue costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Literal

from simulator.control.api.objects import Pod
from simulator.control.scheduling.events import Event
from simulator.control.scheduling.settings import SchedulerSettings
from simulator.engine.clock import Clock, Timer


class Queued:
    """A pod without a node, and how it has fared."""

    __slots__ = ("attempts", "pod", "stamp_ns", "ticket", "waits_for", "where", "why")

    def __init__(self, pod: Pod, now: int) -> None:
        self.pod = pod
        self.attempts = 0  # tries so far, the present one included
        self.stamp_ns = now  # when it was added, or last failed
        self.ticket = 0  # of its place in a heap: an older one is void
        self.waits_for = 0  # the events, as bits: an IntFlag's own operators cost a microsecond
        self.where: Literal["active", "backoff", "waiting", "cycle"] = "active"
        self.why: object = None  # what the last FailedScheduling event said, so that it is said once


class SchedulingQueue:
    """Pods by their rank, then age. `filled()` is called whenever one becomes due.

    `rank(item)` is asked when a pod becomes due; the smallest is popped first. Without it the highest priority is.
    """

    def __init__(
        self,
        clock: Clock,
        settings: SchedulerSettings,
        phase_ns: int,
        filled: Callable[[], None],
        rank: Callable[[Queued], float] | None = None,
    ) -> None:
        self._rank = rank or _by_priority
        self._clock = clock
        self._settings = settings
        self._phase_ns = phase_ns  # when the ticks began
        self._filled = filled
        self._items: dict[int, Queued] = {}  # by uid: every pod of the queue, and the one in the cycle
        self._active: list[tuple[float, int, int, Queued]] = []  # rank, stamp, ticket
        self._backoff: list[tuple[int, int, Queued]] = []  # end of the backoff, ticket
        self._waiting: dict[int, Queued] = {}  # by uid, in the order of their stamps
        self._tickets = 0
        self._cycle: dict[int, Queued] = {}  # by uid: the pods that are being tried
        self._missed: list[tuple[int, Callable[[Pod], bool] | None]] = []  # what happened during their cycle
        self._flush_backoff: Timer | None = None
        self._flush_waiting: Timer | None = None

    def __contains__(self, uid: int) -> bool:
        return uid in self._items

    def __len__(self) -> int:
        return len(self._items)

    @property
    def due(self) -> bool:
        """Whether a pod may be tried now."""
        return any(item.ticket == ticket for *_, ticket, item in self._active)

    def add(self, pod: Pod) -> None:
        """A new pod is due at once."""
        item = self._items[pod.uid] = Queued(pod, self._clock.now)
        self._activate(item)
        self._filled()

    def pop(self) -> Queued | None:
        """The pod that is tried next, in its cycle from now on; None if none is due."""
        while self._active:
            *_, ticket, item = heappop(self._active)
            if item.ticket == ticket:
                item.where = "cycle"
                item.attempts += 1
                self._cycle[item.pod.uid] = item
                return item
        return None

    def fail(self, item: Queued, waits_for: Event) -> None:
        """The cycle found no node: wait for one of these events; back off, if one came during the cycle."""
        missed, here = self._missed, self._end_cycle(item)
        if not here:
            return
        item.stamp_ns = self._clock.now
        item.waits_for = waits_for.value
        if missed and any(self._wakes(item, bits, admits) for bits, admits in missed):
            self._back_off(item)
        else:
            item.where = "waiting"
            self._waiting[item.pod.uid] = item
            self._arm_waiting()

    def done(self, item: Queued) -> None:
        """The cycle found a node."""
        self._end_cycle(item)
        self.forget(item.pod.uid)

    def retry(self, item: Queued) -> None:
        """What the cycle decided could not be carried out: the pod is here again, and backs off."""
        self._end_cycle(item)
        self._items[item.pod.uid] = item
        item.stamp_ns = self._clock.now
        self._back_off(item)

    def forget(self, uid: int) -> bool:
        """The pod has a node, or is gone. Harmless for one that is not here; whether it was."""
        item = self._items.pop(uid, None)
        if item is None:
            return False
        item.ticket = -1
        self._waiting.pop(uid, None)
        return True

    def _end_cycle(self, item: Queued) -> bool:
        """Whether the pod is still in the queue."""
        if self._cycle.pop(item.pod.uid, None) is not None and not self._cycle:
            self._missed = []
        return self._items.get(item.pod.uid) is item

    def happened(self, event: Event, admits: Callable[[Pod], bool] | None = None) -> None:
        """Wake the pods that wait for this; `admits` says of a node's event which pods that node could take."""
        if not event:
            return
        bits = event.value
        if self._cycle:
            self._missed.append((bits, admits))
        woken = [item for item in self._waiting.values() if self._wakes(item, bits, admits)]
        for item in woken:
            self._wake(item)
        if woken:
            self._filled()

    def clear(self) -> None:
        """Forget everything: the scheduler has died."""
        for timer in (self._flush_backoff, self._flush_waiting):
            if timer is not None:
                timer.cancel()
        for item in self._items.values():
            item.ticket = -1
        self._items.clear()
        self._active.clear()
        self._backoff.clear()
        self._waiting.clear()
        self._cycle, self._missed = {}, []

    def backoff_ns(self, attempts: int) -> int:
        """How long a pod backs off after this many tries."""
        doublings = min(attempts - 1, 62)
        return min(self._settings.backoff_first_ns << doublings, self._settings.backoff_cap_ns)

    @staticmethod
    def _wakes(item: Queued, bits: int, admits: Callable[[Pod], bool] | None) -> bool:
        return bool(item.waits_for & bits) and (admits is None or admits(item.pod))

    def _wake(self, item: Queued) -> None:
        del self._waiting[item.pod.uid]
        if item.stamp_ns + self.backoff_ns(item.attempts) > self._clock.now:
            self._back_off(item)
        else:
            self._activate(item)

    def _activate(self, item: Queued) -> None:
        self._tickets += 1
        item.ticket, item.where = self._tickets, "active"
        heappush(self._active, (self._rank(item), item.stamp_ns, self._tickets, item))

    def _back_off(self, item: Queued) -> None:
        self._tickets += 1
        item.ticket, item.where = self._tickets, "backoff"
        heappush(self._backoff, (item.stamp_ns + self.backoff_ns(item.attempts), self._tickets, item))
        self._arm_backoff()

    # The ticks

    def _tick(self, time: int, period: int) -> int:
        """The first tick at or after `time`."""
        return time + (self._phase_ns - time) % period

    def _arm_backoff(self) -> None:
        while self._backoff and self._backoff[0][2].ticket != self._backoff[0][1]:
            heappop(self._backoff)
        if not self._backoff:
            return
        at = self._tick(max(self._backoff[0][0], self._clock.now), self._settings.backoff_flush_ns)
        if self._flush_backoff is None or not self._flush_backoff.pending or self._flush_backoff.time > at:
            if self._flush_backoff is not None:
                self._flush_backoff.cancel()
            self._flush_backoff = self._clock.at(at, self._end_backoffs)

    def _end_backoffs(self) -> None:
        while self._backoff and self._backoff[0][0] <= self._clock.now:
            _, ticket, item = heappop(self._backoff)
            if item.ticket == ticket:
                self._activate(item)
        self._arm_backoff()
        self._filled()

    def _arm_waiting(self) -> None:
        if not self._waiting or (self._flush_waiting is not None and self._flush_waiting.pending):
            return
        oldest = next(iter(self._waiting.values())).stamp_ns
        at = self._tick(oldest + self._settings.leftover_age_ns + 1, self._settings.leftover_flush_ns)
        self._flush_waiting = self._clock.at(max(at, self._clock.now), self._retry_leftovers)

    def _retry_leftovers(self) -> None:
        now = self._clock.now
        for item in list(self._waiting.values()):
            if now - item.stamp_ns <= self._settings.leftover_age_ns:
                break
            self._wake(item)
        self._arm_waiting()
        self._filled()


def _by_priority(item: Queued) -> float:
    return -item.pod.template.priority
