"""One client's watch of the API server, from a node, over the network: lost by what happens, resumed by a full list.

How a break is noticed depends on its mode. Refused: at once, at both ends. Silent: not at all, until the client's
HTTP/2 ping goes unanswered; until then the server goes on writing, and if the path returns in time TCP repeats what
was not acknowledged, and nobody ever knew. A node without power forgets; when it is back its clients start anew.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from math import ceil, log2
from typing import Any, ClassVar, Final

from simulator.control.api.server import ApiServer
from simulator.control.delivery import deliveries
from simulator.control.delivery.deliveries import CHANGE, RESYNC, RETRY, SUPERSEDED, Deliveries, Message
from simulator.control.delivery.dialer import BackoffSettings, Dialer
from simulator.control.delivery.outbox import Outbox, Reports
from simulator.control.delivery.reach import DOWN, OK, SILENT
from simulator.engine.clock import Clock, Timer
from simulator.streams import Rng, key
from simulator.world.network import Network

WATCHING: Final = "watching"
LISTING: Final = "listing"
LOST: Final = "lost"


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """Times in ns, sizes in bytes. A client that has read nothing for `ping_idle_ns` pings, and hangs up when that is
    not answered within `ping_timeout_ns`. `retransmit_ns` is TCP's first time-out; each later one is twice as long.
    `flush_ns` is the period of the loop that posts what could not be posted before."""

    ping_idle_ns: int
    ping_timeout_ns: int
    retransmit_ns: int
    flush_ns: int
    request_bytes: int
    backoff: BackoffSettings


class Channel:
    """A client of the API server on a node. Subclasses say what is listed, pushed and posted.

    `push` sends from the server to the node, `post` from the node to the server; each keeps the latest message of a
    key until it has arrived, and repeats it when the way is free again.
    """

    __slots__ = ("_api_node", "_beyond", "_cut_at", "_cuts", "_deliveries", "_dialer", "_identity", "_kept",
                 "_list", "_listing", "_lossy", "_network", "_node", "_owed", "_path", "_rng", "_server",
                 "_settings", "_stale", "_timer", "_timer_up", "clock", "closed", "phase")  # fmt: skip

    def __init__(
        self,
        clock: Clock,
        rng: Rng,
        network: Network,
        server: ApiServer,
        *,
        api_node: int,
        node: int,
        client: str,
        node_name: str,
        settings: ChannelSettings,
    ) -> None:
        self.clock = clock
        self._rng = rng
        self._network = network
        self._server = server
        self._api_node = api_node
        self._node = node
        self._settings = settings
        name = f"{client}/{node_name}"
        self._identity = key(name)
        self._dialer = Dialer(rng, "reconnect", name, settings.backoff)
        self.phase = WATCHING
        self.closed: Callable[[], object] = lambda: None  # called when the client has hung up
        self._path = OK  # what its connection meets
        self._beyond = OK  # what a new one would
        self._stale = False  # its connection leads to a machine that serves no more
        self._lossy = False
        self._cut_at = 0
        self._cuts = 0
        self._list = 0  # the number of the present list, so that an older one is not taken for it
        self._deliveries = Deliveries(clock, server.recorder, node_name)
        self._owed = Outbox(self._deliveries, self._carry_down)
        self._kept = Reports(self._deliveries, self._carry_up, server=server, hub=server, sender=key(node_name))
        self._listing: list[Message] = []  # the request for the present list, and the list
        self._timer: Timer | None = None  # what the connection does next: hang up, connect, or repeat
        self._timer_up: Timer | None = None  # the next round of the loop that posts

    # What a subclass provides.
    lists: ClassVar[str]  # what its lists are of

    def snapshot(self) -> tuple[Any, int]:
        """At the server: the full list, and its size in bytes."""
        raise NotImplementedError

    def listed(self, snapshot: Any) -> None:
        """At the node: the full list has come."""
        raise NotImplementedError

    def forgotten(self) -> None:
        """At the node: power is gone, and all that was in memory."""
        raise NotImplementedError

    # Messages.
    def push(
        self, key: Hashable, size_bytes: int, call: Callable[..., object], *args: Any, kind: str, about: str
    ) -> None:
        """Make `call(*args)` at the node, as soon as this gets there. Without a connection the next list says it.

        `kind` and `about` are the record's words for what is sent.
        """
        if self.phase == LOST:
            return
        message = Message(deliveries.DOWN, size_bytes, call, args, kind=kind, about=about)
        self._owed.put(key, message)
        if self.phase == WATCHING:
            if self._path == OK:
                self._send(self._owed, key, CHANGE)
            else:  # written into a connection of which nobody knows that it is dead
                self._deliveries.send(message, CHANGE)

    def post(
        self, key: Hashable, size_bytes: int, call: Callable[..., object], *args: Any, kind: str, about: str
    ) -> None:
        """Make `call(*args)` at the server, now or when it can be reached again."""
        message = Message(deliveries.UP, size_bytes, call, args, kind=kind, about=about)
        self._kept.put(key, message)
        if self._path == OK:
            self._send(self._kept, key, CHANGE)
        else:  # tried in vain
            self._deliveries.send(message, CHANGE)

    def _carry_down(
        self, size_bytes: int, arrive: Callable[..., object], *args: Any, lost: Callable[..., object]
    ) -> None:
        self._network.send(self._api_node, self._node, size_bytes, arrive, *args, lost=lost)

    def _carry_up(
        self, size_bytes: int, arrive: Callable[..., object], *args: Any, lost: Callable[..., object]
    ) -> None:
        self._network.send(self._node, self._api_node, size_bytes, arrive, *args, lost=lost)

    def _send(self, box: Outbox, key: Hashable, cause: str) -> None:
        message = box.send(key, cause)
        if self._lossy:  # it may be lost for good, and the client's ping with it
            self.clock.after(self._patience(), self._despair, box, key, message)

    def _despair(self, box: Outbox, key: Hashable, message: Message) -> None:
        if self._path == OK and box.holds(key, message):
            if self.phase != LOST:
                self._hang_up()
            if box is self._kept:
                self._send(box, key, RETRY)

    def _patience(self) -> int:
        return self._settings.ping_idle_ns + self._settings.ping_timeout_ns

    # The connection.
    def path_changed(self, path: int, lossy: bool, booted: bool, api_node: int) -> None:
        """What the client meets on its way to the server is another state of `reach` from now on."""
        now, before = self.clock.now, self._path
        if api_node != self._api_node:
            self._api_node, self._stale = api_node, self.phase != LOST
        self._beyond, self._lossy = path, lossy
        self._path = path = SILENT if self._stale and path == OK else path
        if booted:
            self._forget()
        elif self.phase == LOST and before != OK:
            self._dialer.fail_until(now, silent=before == SILENT)
        if self._stale and before == OK:  # the old machine lives, and ends the connection itself
            self._hang_up()
        elif path == OK:
            self._path_is_back(now)
        else:
            self._path_is_gone(now, path, before)

    def _path_is_back(self, now: int) -> None:
        if self.phase == LOST:
            self._set_timer(self._dialer.succeeds(now), self._connect)
            self._post_later(now)
        elif self._timer is not None and self._timer.pending:  # it has not been noticed: TCP repeats
            repeats = ceil(log2((now - self._cut_at) / self._settings.retransmit_ns + 1))
            repeat = self._cut_at + self._settings.retransmit_ns * ((1 << max(0, repeats)) - 1)
            self._set_timer(max(now, repeat), self._repeat)

    def _path_is_gone(self, now: int, path: int, before: int) -> None:
        if self._timer_up is not None:
            self._timer_up.cancel()
        if path == DOWN:
            self._drop_timer()
        elif path != SILENT:
            if self.phase == LOST:
                self._drop_timer()
            else:
                self._hang_up()
        elif self.phase == LOST:
            self._drop_timer()
        elif before == OK:
            s = self._settings
            self._cut_at = now
            self._cuts += 1
            idle = round(s.ping_idle_ns * self._rng.draw("watch-idle", self._identity, self._cuts))
            self._set_timer(now + idle + s.ping_timeout_ns, self._hang_up)

    def _hang_up(self) -> None:
        """The client has noticed that the connection is gone."""
        self._drop_timer()
        self._end_connection()
        self._dialer.lost(self.clock.now)
        if self._path == OK:
            self._set_timer(self._dialer.succeeds(self.clock.now), self._connect)
        self.closed()

    @property
    def stands(self) -> bool:
        """Whether the client has a connection, as far as it knows."""
        return self.phase != LOST

    def _end_connection(self) -> None:
        self.phase = LOST
        self._stale, self._path = False, self._beyond
        self._owed.give_up(deliveries.LOST)
        self._stop_listing(deliveries.LOST)

    def _forget(self) -> None:
        self._drop_timer()
        self._end_connection()
        self._kept.give_up(deliveries.LOST)
        self._dialer.fresh(self.clock.now)
        if self._path == DOWN:
            self.forgotten()

    def _connect(self) -> None:
        self.phase = LISTING
        self._ask(RESYNC)

    def _ask(self, cause: str) -> None:
        self._list += 1
        self._stop_listing(SUPERSEDED)
        size = self._settings.request_bytes
        request = Message(deliveries.UP, size, self.snapshot, (), kind="request", about=self.lists)
        self._listing = [request]
        self._kept.transmit(request, cause, self._answer, self._list)
        if self._lossy:
            self.clock.after(self._patience(), self._no_answer, self._list)

    def _no_answer(self, number: int) -> None:
        if number == self._list and self.phase == LISTING and self._path == OK:
            self._hang_up()

    def _answer(self, number: int, request: Message) -> None:
        self._deliveries.arrived(request, expected=number == self._list)
        if number != self._list or self._path != OK:
            return
        snapshot, size = self.snapshot()
        self._owed.give_up(SUPERSEDED)
        full = Message(deliveries.DOWN, size, self.listed, (snapshot,), kind="list", about=self.lists)
        self._listing.append(full)
        self._owed.transmit(full, RESYNC, self._complete, number)

    def _complete(self, number: int, full: Message) -> None:
        expected = number == self._list and self.phase == LISTING
        self._deliveries.arrived(full, expected=expected)
        if not expected:
            return
        self.phase = WATCHING
        full.call(*full.args)
        self._repeat(RESYNC)

    def _stop_listing(self, fate: str) -> None:
        for message in self._listing:
            self._deliveries.give_up(message, fate)
        self._listing = []

    def _repeat(self, cause: str = RETRY) -> None:
        """Send again all that is not known to have arrived."""
        if self.phase == LISTING:
            self._ask(cause)
        else:
            for key in self._owed.idle():
                self._send(self._owed, key, cause)
        self._post_all(cause)

    def _post_later(self, now: int) -> None:
        if self._kept:
            period = self._settings.flush_ns
            phase = round(period * self._rng.draw("post-phase", self._identity))
            rounds = -(-(now - phase) // period)
            self._timer_up = self.clock.at(phase + rounds * period, self._post_all)

    def _post_all(self, cause: str = RESYNC) -> None:
        if self._path == OK:
            for key in self._kept.idle():
                self._send(self._kept, key, cause)

    def _set_timer(self, time: int, call: Callable[[], None]) -> None:
        self._drop_timer()
        self._timer = self.clock.at(time, call)

    def _drop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
