"""The mailbox of a node at the Exchange: messages wait to be fetched, and are gone when their time is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from simulator.engine.clock import Clock, Timer
from simulator.world.pod import PodTemplate

# What the AgBot tells a node.
PROPOSAL: Final = "proposal"
ACK: Final = "reply-ack"  # the agreement stands: start
CANCEL: Final = "cancel"
VALID: Final = "valid"  # the answers to a verification
INVALID: Final = "invalid"


@dataclass(frozen=True, slots=True)
class Offer:
    """An agreement as it is proposed: to run this template, of this service, under this name."""

    agreement: str
    uid: int
    template: PodTemplate

    @property
    def service(self) -> str:
        """What it is an agreement about."""
        return self.template.workload


@dataclass(slots=True, eq=False)
class Mail:
    """One message to a node. `offer` only with a proposal."""

    number: int
    kind: str
    agreement: str
    offer: Offer | None = None
    fetched: bool = False  # an answer to a poll has set out with it
    arrived: bool = False  # for the record only: the node has it
    timer: Timer | None = None


class Mailbox:
    """Messages stay until the node has deleted them, or their time to live is over: then `lost(mail)` is called."""

    __slots__ = ("_clock", "_lost", "_mails", "_ttl_ns")

    def __init__(self, clock: Clock, ttl_ns: int, lost: Callable[[Mail], None]) -> None:
        self._clock, self._ttl_ns, self._lost = clock, ttl_ns, lost
        self._mails: dict[int, Mail] = {}

    def put(self, mail: Mail) -> None:
        """A message arrives."""
        self._mails[mail.number] = mail
        mail.timer = self._clock.after(self._ttl_ns, self._expire, mail)

    @property
    def waiting(self) -> bool:
        """Whether there is a message that was never fetched."""
        return any(not mail.fetched for mail in self._mails.values())

    def fetch(self) -> tuple[Mail, ...]:
        """All messages, in the order in which they came; they stay."""
        for mail in self._mails.values():
            mail.fetched = True
        return tuple(self._mails.values())

    def delete(self, numbers: tuple[int, ...]) -> None:
        """The node has them."""
        for number in numbers:
            mail = self._mails.pop(number, None)
            if mail is not None and mail.timer is not None:
                mail.timer.cancel()

    def _expire(self, mail: Mail) -> None:
        del self._mails[mail.number]
        if not mail.arrived:
            self._lost(mail)
