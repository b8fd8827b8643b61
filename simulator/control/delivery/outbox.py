"""What is on its way to the other end of a connection: of each key the latest message, kept until it has arrived."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Protocol

from simulator.control.api.server import ApiServer
from simulator.control.delivery.deliveries import SUPERSEDED, Deliveries, Message
from simulator.control.delivery.intake import Intake


class Carry(Protocol):
    """A way to the other end."""

    def __call__(
        self, size_bytes: int, arrive: Callable[..., object], /, *args: Any, lost: Callable[..., object]
    ) -> None:
        """Make `arrive(*args)` there, or `lost(*args)` here."""


class Hub(Protocol):
    """A process whose intake nodes' messages pass; None: they never wait."""

    intake: Intake | None


class Outbox:
    """Keeps, sends and records. Whether the way is free, and when to send again, its owner knows."""

    __slots__ = ("_carry", "_deliveries", "_messages")

    def __init__(self, deliveries: Deliveries, carry: Carry) -> None:
        self._deliveries = deliveries
        self._carry = carry
        self._messages: dict[Hashable, Message] = {}  # in the order of their latest change

    def __bool__(self) -> bool:
        return bool(self._messages)

    def put(self, key: Hashable, message: Message) -> None:
        """This is the latest of its key from now on."""
        older = self._messages.pop(key, None)
        if older is not None:
            self._deliveries.give_up(older, SUPERSEDED)
        self._messages[key] = message

    def send(self, key: Hashable, cause: str) -> Message:
        """Send the latest of this key, for the first time or again; returns it."""
        message = self._messages[key]
        self.transmit(message, cause, self._landed, key)
        return message

    def transmit(self, message: Message, cause: str, arrive: Callable[..., object], key: Hashable) -> None:
        """Send a message that is not kept here: make `arrive(key, message)`."""
        self._deliveries.send(message, cause)
        message.flights += 1
        self._carry(message.size_bytes, arrive, key, message, lost=self._lost)

    def idle(self) -> list[Hashable]:
        """The keys of what is not under way at this moment."""
        return [key for key, message in self._messages.items() if not message.flights]

    def holds(self, key: Hashable, message: Message) -> bool:
        """Whether this is the latest of its key, and not known to have arrived."""
        return self._messages.get(key) is message

    def give_up(self, fate: str) -> None:
        """Keep nothing any longer: that is the fate of all that is not under way."""
        for message in self._messages.values():
            self._deliveries.give_up(message, fate)
        self._messages.clear()

    def _landed(self, key: Hashable, message: Message) -> None:
        self._deliveries.arrived(message)
        if self.holds(key, message):
            del self._messages[key]
        message.call(*message.args)

    def _lost(self, _key: Hashable, message: Message) -> None:
        self._deliveries.failed(message)


class Reports(Outbox):
    """A node's, for its API server. They wait at the intake of their hub, as `sender`; while the API server is down
    nothing is taken."""

    __slots__ = ("_hub", "_sender", "_server")

    def __init__(self, deliveries: Deliveries, carry: Carry, *, server: ApiServer, hub: Hub, sender: int) -> None:
        super().__init__(deliveries, carry)
        self._server = server
        self._hub = hub
        self._sender = sender

    def _landed(self, key: Hashable, message: Message) -> None:
        intake = self._hub.intake
        if intake is not None and self._server.up:
            intake.send(self._sender, self._taken, key, message, lost=self._lost)
        else:
            self._taken(key, message)

    def _taken(self, key: Hashable, message: Message) -> None:
        if self._server.up:
            super()._landed(key, message)
        else:
            self._lost(key, message)
