"""Reliable sending to one edge node: few waiting letters per object, acknowledged one at a time."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from itertools import chain

from simulator.control.api.client import TokenBucket
from simulator.control.api.queue import RetrySettings
from simulator.control.delivery.deliveries import CHANGE, DOWN, LOST, RETRY, SUPERSEDED, Deliveries, Message
from simulator.control.delivery.ledger import Letter
from simulator.engine.clock import Clock, Timer


@dataclass(frozen=True, slots=True)
class PushSettings:
    """`in_flight` letters wait for their acknowledgements at once, and of each object the newest `pending` for their
    turn. One is sent again each `ack_timeout_ns`, `sends` times in all, and comes back to the queue after `retry` when
    the last of them has timed out too."""

    in_flight: int
    pending: int
    ack_timeout_ns: int
    sends: int
    retry: RetrySettings


def _nothing() -> None:
    """What is to be done at the edge is the letter's own matter."""


class Parcel:
    """A letter that waits or has been sent: how often, and what will send it again. `record` is for the record only."""

    __slots__ = ("cause", "letter", "record", "sends", "timer")

    def __init__(self, letter: Letter, cause: str) -> None:
        self.letter = letter
        self.cause = cause
        self.record = Message(DOWN, letter.size_bytes, _nothing, (), kind=letter.kind, about=letter.about)
        self.sends = 0
        self.timer: Timer | None = None


class Push:
    """The queue of one node. `send(parcel)` puts it on the wire.

    Where all places of an object are taken, a newer version takes that of the oldest which waits; an older or equal
    one is discarded; a deletion that waits stays. All of it is memory of the session: `clear` forgets it, and the
    ledger fills it again.
    """

    __slots__ = ("_bucket", "_clock", "_deliveries", "_failures", "_flying", "_send", "_settings", "_term", "_waiting")

    def __init__(
        self, clock: Clock, settings: PushSettings, *, send: Callable[[Parcel], None], deliveries: Deliveries
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._send = send
        self._deliveries = deliveries
        self._waiting: dict[Hashable, list[Parcel]] = {}  # by object, in the queue's order; the oldest first
        self._flying: dict[Hashable, Parcel] = {}
        self._failures: dict[Hashable, int] = {}
        self._bucket = TokenBucket(settings.retry.qps, settings.retry.burst)
        self._term = 0

    def __contains__(self, letter: Letter) -> bool:
        """Whether this version, or a later one, is on its way already."""
        flying = self._flying.get(letter.key)
        on_its_way = [*self._waiting.get(letter.key, ()), *([flying] if flying is not None else [])]
        return any(each.letter.version >= letter.version for each in on_its_way)

    def offer(self, letter: Letter, cause: str = CHANGE) -> None:
        """Send this letter when its turn comes, unless what is on its way already says as much."""
        self._queue(Parcel(letter, cause))

    def acknowledged(self, key: Hashable, version: int) -> None:
        """The node has written this version: the next letter may go."""
        parcel = self._flying.get(key)
        if parcel is not None and parcel.letter.version == version:
            self._land(parcel)
            self._failures.pop(key, None)
            self._fill()

    def clear(self) -> None:
        """The session has ended."""
        self._term += 1
        for parcel in (*self._flying.values(), *chain.from_iterable(self._waiting.values())):
            if parcel.timer is not None:
                parcel.timer.cancel()
            self._deliveries.give_up(parcel.record, LOST)
        self._flying.clear()
        self._waiting.clear()
        self._failures.clear()

    def _queue(self, parcel: Parcel) -> None:
        letter = parcel.letter
        line = self._waiting.get(letter.key, [])
        if letter in self or (not letter.delete and any(each.letter.delete for each in line)):
            self._deliveries.give_up(parcel.record, SUPERSEDED)
            return
        if len(line) == self._settings.pending:
            self._deliveries.give_up(line.pop(0).record, SUPERSEDED)
        line.append(parcel)
        self._waiting[letter.key] = line
        self._fill()

    def _fill(self) -> None:
        for key in tuple(self._waiting):
            if len(self._flying) == self._settings.in_flight:
                return
            if key not in self._flying:
                line = self._waiting[key]
                parcel = self._flying[key] = line.pop(0)
                if not line:
                    del self._waiting[key]
                self._transmit(parcel)

    def _transmit(self, parcel: Parcel) -> None:
        parcel.sends += 1
        self._deliveries.send(parcel.record, RETRY if parcel.record.sent else parcel.cause)
        parcel.timer = self._clock.after(self._settings.ack_timeout_ns, self._timed_out, parcel)
        self._send(parcel)

    def _timed_out(self, parcel: Parcel) -> None:
        if parcel.sends < self._settings.sends:
            self._transmit(parcel)
            return
        self._land(parcel)
        retry, key, now = self._settings.retry, parcel.letter.key, self._clock.now
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        wait = min(retry.first_ns << min(failures - 1, 60), retry.cap_ns)
        self._clock.at(max(now + wait, self._bucket.take(now)), self._again, self._term, parcel)
        self._fill()

    def _again(self, term: int, parcel: Parcel) -> None:
        if term == self._term:
            parcel.sends = 0
            self._queue(parcel)

    def _land(self, parcel: Parcel) -> None:
        if parcel.timer is not None:
            parcel.timer.cancel()
        del self._flying[parcel.letter.key]
