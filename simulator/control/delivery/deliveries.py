"""What becomes of each control message: a row of the table `deliveries` at each event of its life.

A message is `sent` once, when it is first given to its connection, and may be `resent`. It ends once: delivered, lost,
superseded or dropped; what arrives after that is a duplicate. So at any time the messages sent are those that have
ended and those under way. What no connection was ever given is no message.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from simulator.engine.clock import Clock
from simulator.record.buffer import Recorder

DOWN: Final = "down"
UP: Final = "up"
# Why a message goes on its way.
CHANGE: Final = "change"
RESYNC: Final = "resync"
RETRY: Final = "retry"
# How it ends if it does not arrive.
LOST: Final = "lost"
SUPERSEDED: Final = "superseded"
_ARRIVED: Final = "arrived"


class Message:
    """What is to be done at the other end, and what has become of it so far. `fate`: how it has ended, or will if
    none of its `flights` (transmissions under way) arrives."""

    __slots__ = ("about", "args", "call", "cause", "direction", "fate", "flights", "kind", "sent", "size_bytes")

    def __init__(
        self, direction: str, size_bytes: int, call: Callable[..., object], args: tuple[Any, ...], *,
        kind: str, about: str,
    ) -> None:  # fmt: skip
        self.direction = direction
        self.kind = kind
        self.about = about
        self.size_bytes = size_bytes
        self.call = call
        self.args = args
        self.cause = ""
        self.sent = False
        self.flights = 0
        self.fate = ""


class Deliveries:
    """The record of one node's messages. It decides nothing."""

    __slots__ = ("_add", "_clock", "_node")

    def __init__(self, clock: Clock, recorder: Recorder, node: str) -> None:
        self._clock = clock
        self._add = recorder.deliveries.add
        self._node = node

    def send(self, message: Message, cause: str) -> None:
        """It is given to its connection, for the first time or again."""
        message.cause = cause
        self._note(message, "resent" if message.sent else "sent")
        message.sent = True

    def arrived(self, message: Message, *, expected: bool = True) -> None:
        """A transmission of it has arrived; `expected`: somebody waited for it."""
        message.flights -= 1
        event = "duplicate" if message.fate == _ARRIVED else "delivered" if expected else "dropped"
        message.fate = _ARRIVED
        self._note(message, event)

    def failed(self, message: Message) -> None:
        """A transmission of it has come to nothing: that ends it if nobody keeps it any longer."""
        message.flights -= 1
        self._end(message)

    def give_up(self, message: Message, fate: str) -> None:
        """Nobody keeps it any longer: it has ended, unless it is under way."""
        if message.sent and message.fate != _ARRIVED:
            message.fate = fate
            self._end(message)

    def _end(self, message: Message) -> None:
        if not message.flights and message.fate not in ("", _ARRIVED):
            self._note(message, message.fate)

    def _note(self, message: Message, event: str) -> None:
        kind, about, cause, size = message.kind, message.about, message.cause, message.size_bytes
        self._add(self._clock.now, self._node, message.direction, kind, about, event, cause, size)
