"""A hub's intake: messages of many senders before its station, each sender's in order.

How to join a hub (an `ApiServer`, or `CloudCore`): `hub.intake = Intake(clock, HubStation(rng, name, settings))` and
`hub.up_hooks.append(hub.intake.server_changed)`; what nodes post there then passes it. Messages that are computed when
somebody asks, heartbeats and quiet polls, join by a `liveness.stream.HubStream`. Who has a hub of another kind calls
`send` where a message has arrived.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from simulator.control.delivery.station import HubStation
from simulator.engine.clock import Clock


class _Message(NamedTuple):
    call: Callable[..., object]
    args: tuple[Any, ...]
    lost: Callable[..., object] | None
    share: float


class Stream(Protocol):
    """Messages that are not sent one by one, as long as the station is idle."""

    def catch_up(self) -> None:
        """Put all that have arrived by now: something else arrives now, behind them."""

    def look(self) -> None:
        """The backlog has changed: see whether any of them would have to wait."""

    def forget(self) -> None:
        """Those that were in the hub are lost."""


class Intake:
    """Passes messages through the station. One that finds a free worker passes at once and costs no event.

    Where the queue is bounded, a sender whose message finds no place is held back with all that it sends after it:
    behind one of its messages wait all others of the same sender, but no more than one of each other sender.
    """

    __slots__ = ("_clock", "_held", "_life", "_streams", "station")

    def __init__(self, clock: Clock, station: HubStation) -> None:
        self._clock = clock
        self.station = station
        self._held: dict[int, deque[_Message]] = {}  # what the senders that are held back would send next
        self._life = 0
        self._streams: list[Stream] = []

    def join(self, stream: Stream) -> None:
        """This stream's messages pass here too."""
        self._streams.append(stream)

    def send(
        self, sender: int, call: Callable[..., object], *args: Any, lost: Callable[..., object] | None = None
    ) -> None:
        """A message of this sender has arrived at the hub: make `call(*args)` when a worker takes it, or `lost(*args)`
        if the hub stops before."""
        for stream in self._streams:
            stream.catch_up()
        self._put(sender, _Message(call, args, lost, 1.0))
        self.tell()

    def put(self, sender: int, call: Callable[..., object], *args: Any, share: float) -> bool:
        """As `send`, for a stream that puts its own, each of which takes this share of the station's service. Whether
        it was taken at once."""
        return self._put(sender, _Message(call, args, None, share))

    def tell(self) -> None:
        """Let every stream look at the backlog."""
        for stream in self._streams:
            stream.look()

    def server_changed(self, up: bool) -> None:
        """The hub has stopped or started. What was in it when it stopped is lost; who sent it sends it again."""
        if up:
            return
        self._life += 1
        held, self._held = self._held, {}
        self.station.clear()
        for line in held.values():
            for message in line:
                _lose(message)
        for stream in self._streams:
            stream.forget()

    def _put(self, sender: int, message: _Message) -> bool:
        line = self._held.get(sender)
        if line is None:
            return self._offer(sender, message)
        line.append(message)
        return False

    def _offer(self, sender: int, message: _Message) -> bool:
        now = self._clock.now
        room = self.station.room_at(now)
        taken = self.station.arrive(now, sender, message.share)
        if room > now:
            self._held[sender] = deque()
            self._clock.at(room, self._let_in, self._life, sender)
        if taken == now:
            message.call(*message.args)
            return True
        self._clock.at(taken, self._take, self._life, message)
        return False

    def _let_in(self, life: int, sender: int) -> None:
        """The message that stood at the door is in the queue: the sender's next ones come."""
        if life != self._life:
            return
        for stream in self._streams:
            stream.catch_up()
        line = self._held.pop(sender)
        while line and sender not in self._held:
            self._offer(sender, line.popleft())
        if line:
            self._held[sender] = line
        self.tell()

    def _take(self, life: int, message: _Message) -> None:
        if life == self._life:
            message.call(*message.args)
        else:
            _lose(message)


def _lose(message: _Message) -> None:
    if message.lost is not None:
        message.lost(*message.args)
