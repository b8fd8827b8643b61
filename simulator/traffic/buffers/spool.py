"""A spool: the messages that wait on a gateway for its connection, in order, within a size and an age.

The law. The gateway sends one message at a time, the oldest first, each as soon as the connection is there and the
one before is sent. At one instant a message expires or leaves before another comes, and all that happens before a
change. A message that can leave at once takes no room; any other finds room, or somebody goes, as the law says.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from simulator.physics.capacity import Traced
from simulator.traffic.kernels.fifo import fifo
from simulator.traffic.tries import NEVER

Ints = NDArray[np.int64]

# Rows of messages, shape (6, n): number of the source, when it was made and when it came (ns), bytes, importance, and
# whether it is a copy of one that has arrived and was not acknowledged.
SOURCE, CREATED, ARRIVED, BYTES, RANK, COPY = range(6)
NONE: Final[Ints] = np.zeros((6, 0), np.int64)
Fate = tuple[Ints, Ints]  # messages (6, n), and when (n,)


@dataclass(frozen=True, slots=True)
class SpoolLaw:
    """Room for `size_bytes`; a message gives up after `ttl_ns`; `durable`: it outlives a loss of power. `name` tells
    the spools of one gateway apart."""

    name: str
    size_bytes: int
    durable: bool = False
    ttl_ns: int = NEVER
    drop: Literal["oldest", "newest", "least-important"] = "oldest"


class Spool:
    """What waits at one gateway. Shut until it is told that the connection is there.

    `left`, `full`, `expired` and `wiped` fill with what has happened, until somebody takes them.
    """

    __slots__ = ("_back", "_sends", "_since", "_traced", "expired", "free", "full", "law", "left", "open", "queue",
                 "wiped")  # fmt: skip

    def __init__(self, law: SpoolLaw) -> None:
        self.law = law
        self.open = False
        self.queue = NONE  # sorted by arrival
        self.free = 0  # when the last message that left has been sent
        self._since = 0  # nothing leaves before
        self._back = 0  # when messages were last put back: what expired under way expires then
        self._sends = NONE[0]  # ns to send a message, by source
        self._traced: Sequence[Sequence[Traced]] = ()  # by source
        self.left: list[Fate] = []
        self.full: list[Fate] = []
        self.expired: list[Fate] = []
        self.wiped: list[Fate] = []

    @property
    def held_bytes(self) -> int:
        """Bytes of all that waits."""
        return int(self.queue[BYTES].sum())

    # What the connection does. Everything up to now has been received.

    def opened(
        self,
        now: int,
        sends: Ints,
        traced: Sequence[Sequence[Traced]] = (),
        *,
        anew: bool = True,
    ) -> None:
        """Messages leave from now on, `anew` or as before; `sends[source]` ns are taken to send one, or, if that is
        more, what links at the rates of a trace take for so many bits (`traced[source]`; empty if there are none)."""
        self.open, self._sends, self._traced = True, sends, traced
        if anew:
            self._since = self.free = now

    def shut(self) -> None:
        """No message leaves from now on."""
        self.open = False

    def put_back(self, rows: Ints, now: int, *, powered: bool = True) -> None:
        """These (6, n) have left in vain and wait again, where they were in the order. Memory that is losing its power
        has no need of room for them."""
        self._back = now
        rows = np.concatenate([rows, self.queue], axis=1)
        self.queue = rows[:, np.lexsort((rows[CREATED], rows[SOURCE], rows[ARRIVED]))]
        if not (powered or self.law.durable):
            return
        size = self.law.size_bytes
        self._drop(np.flatnonzero(self.queue[BYTES] > size), now)
        order = np.arange(self.queue.shape[1])
        if self.law.drop == "newest":
            order = order[::-1]
        elif self.law.drop == "least-important":
            order = np.argsort(self.queue[RANK], kind="stable")
        over = self.held_bytes - size
        self._drop(order[: 1 + int(np.searchsorted(np.cumsum(self.queue[BYTES, order]), over)) if over > 0 else 0], now)

    def _drop(self, which: Ints, now: int) -> None:
        if which.size:
            self.full.append((self.queue[:, which], np.full(len(which), now)))
            self.queue = np.delete(self.queue, which, axis=1)

    def lost_power(self, now: int) -> None:
        """The gateway's memory is gone."""
        if not self.law.durable and self.queue.size:
            self.wiped.append((self.queue, np.full(self.queue.shape[1], now)))
            self.queue = NONE

    # What comes.

    def receive(self, came: Ints, until: int) -> None:
        """These messages (6, n) came, in order of their arrival, none after `until`, and no others."""
        known = self.queue.shape[1]
        rows = np.concatenate([self.queue, came], axis=1) if known else came
        if not rows.size:
            return
        start = np.full(rows.shape[1], NEVER)
        sends = start
        if self.open:
            sends = self._sends[rows[SOURCE]]
            start = fifo(np.maximum(rows[ARRIVED], self._since), sends, self.free) - sends
        if (self.open and self._traced) or self._crowded(rows, start, known, until):
            self._one_by_one(rows, sends, known, until)
            return
        gone = int(np.searchsorted(start, until, side="right"))
        if gone:
            self.left.append((rows[:, :gone], start[:gone]))
            self.free = int(start[gone - 1] + sends[gone - 1])
        self.queue = rows[:, gone:]

    def _crowded(self, rows: Ints, start: Ints, known: int, until: int) -> bool:
        """Whether anything finds no room, or expires, by then."""
        law, came = self.law, rows[ARRIVED, known:]
        total = np.cumsum(rows[BYTES])
        if int(total[-1]) > law.size_bytes:
            left = np.searchsorted(start, came, side="right")
            held = total[known:] - np.where(left > 0, total[np.maximum(left, 1) - 1], 0)
            if (held > law.size_bytes).any():
                return True
        if law.ttl_ns == NEVER:
            return False
        ends = np.maximum(rows[ARRIVED] + law.ttl_ns, self._back)
        return bool(((start > ends) & (ends <= until)).any())

    def _one_by_one(self, rows: Ints, sends_of: Ints, known: int, until: int) -> None:
        """The law, message by message."""
        law, ranked = self.law, self.law.drop == "least-important"
        arrived, sizes, sends = rows[ARRIVED].tolist(), rows[BYTES].tolist(), sends_of.tolist()
        sources = rows[SOURCE].tolist()
        ranks = rows[RANK].tolist() if ranked else [0] * len(arrived)
        waiting: dict[int, deque[int]] = {rank: deque() for rank in sorted(set(ranks))}
        for i in range(known):
            waiting[ranks[i]].append(i)
        held, since = sum(sizes[:known]), self._since
        left, full, expired = list[tuple[int, int]](), list[tuple[int, int]](), list[tuple[int, int]]()

        def sent(i: int, start: int) -> int:
            end: int = start + sends[i]
            for capacity, bits in self._traced[sources[i]] if self._traced else ():
                end = max(end, capacity.after(start, bits))
            return end

        def settle(limit: int) -> None:
            nonlocal held
            while any(waiting.values()):
                line = min((line for line in waiting.values() if line), key=lambda line: line[0])
                head = line[0]
                leaves = max(arrived[head], since, self.free) if self.open else NEVER
                ends = max(arrived[head] + law.ttl_ns, self._back)
                if min(leaves, ends) > limit:
                    return
                if ends < leaves:
                    expired.append((head, ends))
                else:
                    left.append((head, leaves))
                    self.free = sent(head, leaves)
                line.popleft()
                held -= sizes[head]

        for i in range(known, len(arrived)):
            at, size = arrived[i], sizes[i]
            settle(at)
            if self.open and not any(waiting.values()) and max(since, self.free) <= at:
                left.append((i, at))
                self.free = sent(i, at)
                continue
            while held + size > law.size_bytes:
                lines = (line for line in waiting.values() if line)
                least = next(lines, None)
                if least is None or size > law.size_bytes or law.drop == "newest" or ranks[i] < ranks[least[0]]:
                    full.append((i, at))
                    break
                gone = least.popleft()
                full.append((gone, at))
                held -= sizes[gone]
            else:
                waiting[ranks[i]].append(i)
                held += size
        settle(until)
        self.queue = rows[:, sorted(i for line in waiting.values() for i in line)]
        for fates, into in ((left, self.left), (full, self.full), (expired, self.expired)):
            if fates:
                which, when = np.array(fates, np.int64).T
                into.append((rows[:, which], when))
