"""The bounded channel in which an edge node's messages wait for the cloud, behind a token bucket.

KubeEdge's EdgeHub, as its sources have it (beehive/pkg/core/channel, edge/pkg/edgehub/process.go): a module channel of
1024 messages in memory; one loop takes the oldest, waits for a token, and writes it to the socket. When a write
fails the loop ends, and the message in its hands is gone; until the next connection nobody takes any.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from simulator.traffic.buffers.twins import Twins
from simulator.traffic.kernels.fifo import fifo

Ints = NDArray[np.int64]

SOURCE, CREATED, ARRIVED = range(3)  # rows of messages, shape (3, n): number of the source, ns, ns
NONE: Final[Ints] = np.zeros((3, 0), np.int64)
_CONTROL: Final = -1  # instead of a source: a message of the session's own, which others carry and count


@dataclass(frozen=True, slots=True)
class HubSettings:
    """`gap_ns` between two tokens, at most `burst` of them; room for `messages`. A producer that finds no room loses
    its message, or keeps it and waits. `durable` messages outlive the process. `twins`: devices have twins here."""

    gap_ns: int
    burst: int
    messages: int
    first_lost: bool
    when_full: Literal["lose", "wait"]
    durable: bool = False
    twins: bool = False


class HubChannel:
    """The channel of the edge node `node` to the orchestrator's machine `cloud`; connected until it is told otherwise.

    Whoever knows the session calls `opened`, `broken`, `noticed` and `restarted`; a call that says what is known
    already does nothing. Whoever feeds it appends to `before_change`, to bring it up to now, and to `after_change`.
    At one instant a message leaves before another arrives, and both happen before a change.
    """

    __slots__ = ("_first", "_full_at", "_handed", "_lost", "_queue", "_since", "_socket", "after_change",
                 "before_change", "cloud", "node", "settings", "state", "twins")  # fmt: skip

    def __init__(self, node: int, cloud: int, settings: HubSettings) -> None:
        self.node, self.cloud, self.settings = node, cloud, settings
        self.state: Literal["open", "broken", "shut"] = "open"
        self.twins = Twins()
        self.before_change: list[Callable[[int], None]] = []
        self.after_change: list[Callable[[int], None]] = []
        self._queue = NONE
        self._socket = NONE  # written to a connection that is dead, and unacknowledged
        self._since = 0  # nothing leaves before
        self._first = False  # the next message taken is lost
        self._full_at = 0  # when the bucket is full again, if no token is taken
        self._handed: list[Ints] = []
        self._lost: list[Ints] = []

    # What the session says.

    def opened(self, now: int) -> None:
        """Messages reach the cloud from now on: over a new connection, or, if the edge has not `noticed` a break, over
        the old one, which has survived (then TCP sends again what was written meanwhile)."""
        if self.state != "open":
            self._change(now, "open")

    def broken(self, now: int) -> None:
        """Nothing gets through any more, and the edge does not know: it goes on writing to the socket."""
        if self.state == "open":
            self._change(now, "broken")

    def noticed(self, now: int) -> None:
        """The edge knows: what it wrote to the socket is lost, so is the next message it takes, and all others wait."""
        if self.state != "shut":
            self._change(now, "shut", first=self.settings.first_lost)

    def restarted(self, now: int) -> None:
        """The process has ended and begun anew, without a connection: its memory is gone, its bucket is full."""
        self._change(now, "shut", restart=True)

    def _change(
        self, now: int, state: Literal["open", "broken", "shut"], *, first: bool = False, restart: bool = False
    ) -> None:
        for hook in self.before_change:
            hook(now)
        if state == "open":
            self._hand(self._socket, np.full(self._socket.shape[1], now))
            if self.state == "shut":  # a twin's own process waits until there is room
                self._queue = np.concatenate([self._queue, self.twins.take(now)], axis=1)
            self._since = now
        elif state == "shut":
            self._lose(self._socket, now)
            self._queue = _readings(self._queue)  # who sent the others sends them again
        if restart:
            gone = 0 if self.settings.durable else self.settings.messages
            self._lose(self._queue[:, :gone], now)
            self._queue, self._full_at = self._queue[:, gone:], now
        if state != "broken":
            self._socket = NONE
        self.state, self._first = state, first
        for hook in self.after_change:
            hook(now)

    # What it is fed, and what comes out.

    @property
    def waiting(self) -> int:
        """Messages that wait: for room, a token, a connection, an acknowledgement, or as the last value of a twin."""
        return len(_readings(self._queue).T) + len(_readings(self._socket).T) + len(self.twins)

    @property
    def queued(self) -> bool:
        """Whether messages wait for a token or a connection."""
        return bool(self._queue.size)

    def holds(self, source: int) -> bool:
        """Whether a message of this source waits here."""
        rows = (self._queue, self._socket)
        return source in self.twins or any(bool((row[SOURCE] == source).any()) for row in rows)

    def tokens(self, now: int) -> int:
        """Whole tokens in the bucket."""
        return self.settings.burst + min(0, (now - self._full_at) // self.settings.gap_ns)

    def next_token(self, now: int) -> int:
        """From when on there is a token."""
        return max(now, self._full_at - (self.settings.burst - 1) * self.settings.gap_ns)

    def receive(self, came: Ints, until: int) -> None:
        """These messages (3, n) came, in order of their arrival, none after `until`, and no others."""
        if self.state == "shut":
            self._hold(came, until)
        else:
            self._serve(came, until)

    def take(self, now: int) -> int:
        """A message of the session's own comes now, while it is connected: when it leaves, behind all that wait (ns).

        It has the token that a reading would have had, and a place in the channel until then.
        """
        for hook in self.before_change:
            hook(now)
        self._queue = np.concatenate([self._queue, [[_CONTROL], [now], [now]]], axis=1)
        ready = np.maximum(self._queue[ARRIVED], self._since)
        leaves = int(self._left(ready, self._drawn(ready))[-1])
        self._serve(NONE, now)
        return leaves

    def passed(self, times: Ints) -> None:
        """Messages went straight through at these times (n,), not decreasing, each with a token of its own."""
        if times.size:
            self._full_at = int(self._drawn(times)[-1])

    def collect(self) -> tuple[Ints, Ints]:
        """What has left since the last call: messages handed over to a connection that works, and those lost here,
        both (3, n) with the time of it in the last row."""
        handed, lost = np.concatenate([NONE, *self._handed], axis=1), np.concatenate([NONE, *self._lost], axis=1)
        self._handed.clear()
        self._lost.clear()
        return handed, lost

    def _hold(self, came: Ints, until: int) -> None:
        """Nobody takes a message but the one that is lost."""
        if self._first and (self._queue.size or came.size):
            if not self._queue.size:
                self._queue, came = came[:, :1], came[:, 1:]
            ready = np.maximum(self._queue[ARRIVED, :1], self._since)
            drawn = self._drawn(ready)
            taken = int(self._left(ready, drawn)[0])
            before = int(np.searchsorted(came[ARRIVED], taken))
            self._admit(came[:, :before])
            came = came[:, before:]
            if taken <= until:
                self._lose(self._queue[:, :1], taken)
                self._queue, self._full_at, self._first = self._queue[:, 1:], int(drawn[0]), False
        self._admit(came)

    def _admit(self, came: Ints) -> None:
        room = came.shape[1]
        if self.settings.when_full == "lose":
            room = max(0, self.settings.messages - self._queue.shape[1])
        self._queue = np.concatenate([self._queue, came[:, :room]], axis=1)
        self._lose(came[:, room:])

    def _serve(self, came: Ints, until: int) -> None:
        """The oldest leaves as soon as there is a token."""
        rows = np.concatenate([self._queue, came], axis=1)
        ready = np.maximum(rows[ARRIVED], self._since)
        drawn = self._drawn(ready)
        left = self._left(ready, drawn)
        if self.settings.when_full == "lose":
            rows, drawn, left = self._refuse(rows, ready, drawn, left)
        gone = int(np.searchsorted(left, until, side="right"))
        if gone:
            self._full_at = int(drawn[gone - 1])
        self._queue = rows[:, gone:]
        if self.state == "open":
            self._hand(rows[:, :gone], left[:gone])
        else:
            self._socket = np.concatenate([self._socket, rows[:, :gone]], axis=1)

    def _drawn(self, ready: Ints) -> Ints:
        """When the bucket would be full again after each message has taken its token."""
        return fifo(ready, np.full(len(ready), self.settings.gap_ns), self._full_at)

    def _left(self, ready: Ints, drawn: Ints) -> Ints:
        """When each message leaves: there is a token as long as fewer than `burst` are missing."""
        return np.maximum(ready, drawn - self.settings.burst * self.settings.gap_ns)

    def _refuse(self, rows: Ints, ready: Ints, drawn: Ints, left: Ints) -> tuple[Ints, Ints, Ints]:
        """Lose those that find the channel full: in one pass as long as none does, one by one from the first on."""
        room, gap = self.settings.messages, self.settings.gap_ns
        start = max(room, self._queue.shape[1])
        full = left[start - room : max(0, len(left) - room)] > rows[ARRIVED, start:]
        if not full.any():
            return rows, drawn, left
        first = start + int(full.argmax())
        kept, refused = list(range(first)), []
        last, ends, leaves = int(drawn[first - 1]), drawn[:first].tolist(), left[:first].tolist()
        for i, at in enumerate(ready[first:].tolist(), first):
            if leaves[-room] > at:
                refused.append(i)
                continue
            last = max(last, at) + gap
            kept.append(i)
            ends.append(last)
            leaves.append(max(at, last - self.settings.burst * gap))
        self._lose(rows[:, refused])
        return rows[:, kept], np.array(ends, np.int64), np.array(leaves, np.int64)

    def _hand(self, rows: Ints, at: Ints) -> None:
        rows, at = _readings(rows), at[rows[SOURCE] != _CONTROL]
        if rows.size:
            self._handed.append(np.stack([rows[SOURCE], rows[CREATED], at]))

    def _lose(self, rows: Ints, now: int | None = None) -> None:
        """Lose these now, or as they arrive."""
        rows = _readings(rows)
        if rows.size:
            at = rows[ARRIVED] if now is None else np.full(rows.shape[1], now)
            self._lost.append(np.stack([rows[SOURCE], rows[CREATED], at]))


def _readings(rows: Ints) -> Ints:
    return rows[:, rows[SOURCE] != _CONTROL]
