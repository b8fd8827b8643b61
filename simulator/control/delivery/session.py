"""One edge node's long-lived connection to the cloud's hub, as each of its ends sees it.

Refused: both ends know at once. Silent: the cloud closes when no keep-alive has come for its time-out; the edge learns
nothing until a packet of its own is answered. TCP repeats the first packet that was lost after twice as long each time;
when the way is whole again the next repetition finds the session alive, and it goes on, or closed, and the answer is a
reset. One-way: the end that still hears the other is told when the other closes. Lossy: keep-alives come late, and the
cloud closes when one comes too late.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final, Protocol

from simulator.control.delivery.dial_cycle import DialSettings
from simulator.control.delivery.dials import Dials
from simulator.control.delivery.keepalive import KeepAlives
from simulator.control.delivery.reach import DOWN, OK, REFUSED, SILENT
from simulator.engine.clock import Clock, Timer
from simulator.record.buffer import Recorder
from simulator.streams import Rng
from simulator.world.message import Retransmission
from simulator.world.network import Network

# What the hub's end of the connection is.
CLOSED: Final = "closed"
SERVED: Final = "served"
IGNORED: Final = "ignored"  # connected, but beyond the hub's limit: nobody reads what it sends


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """Times in ns. The edge sends a keep-alive each `keepalive_ns`; the cloud closes after `timeout_ns` without one.
    `dial_bytes` is the size of the request that opens a connection, and of its answer."""

    keepalive_ns: int
    timeout_ns: int
    dial_bytes: int
    dial: DialSettings
    tcp: Retransmission


class Hub(Protocol):
    """The cloud's end of all sessions."""

    node: int  # the machine that it runs on
    up: bool

    def admit(self, session: Session) -> bool:
        """Whether this session, which opens now, is served."""

    def ended(self, session: Session) -> None:
        """The hub has closed this session."""


class Session:
    """`open` is whether a message sent now would get through. `hooks` are called with "opened" (it is so again),
    "broken" (no longer, at the instant of the fault, whether or not somebody knows), and "noticed" (the edge knows).
    `cloud_hooks` are called with whether the hub serves the session, when that changes; `changed` after what somebody
    at the edge meets has, `closed` after the edge has hung up. `sends_next`, if set, says when something else than
    keep-alives will be sent (ns); `leaves` when a message may leave the edge that comes now (ns): at once, or when the
    edge's channel for all messages lets it.
    """

    __slots__ = ("_beats", "_clock", "_cloud", "_deadline", "_delay", "_dials", "_hub", "_loss", "_network",
                 "_node", "_number", "_path", "_recorder", "_settings", "_timer", "_unanswered", "changed",
                 "closed", "cloud_hooks", "hooks", "leaves", "name", "online", "open", "sends_next")  # fmt: skip

    def __init__(
        self,
        clock: Clock,
        rng: Rng,
        recorder: Recorder,
        network: Network,
        hub: Hub,
        *,
        node: int,
        name: str,
        settings: SessionSettings,
    ) -> None:
        self._clock = clock
        self._recorder = recorder
        self._network = network
        self._hub = hub
        self._node = node
        self._settings = settings
        self._beats = KeepAlives(
            rng, name, period_ns=settings.keepalive_ns, timeout_ns=settings.timeout_ns, tcp=settings.tcp
        )
        self._dials = Dials(clock, settings.dial, self._call_hub)
        self.name = name
        self.hooks: list[Callable[[str], None]] = []
        self.cloud_hooks: list[Callable[[bool], None]] = []
        self.changed: Callable[[], None] = lambda: None
        self.closed: Callable[[], None] = lambda: None
        self.sends_next: Callable[[], int] | None = None
        self.leaves: Callable[[int], int] = lambda now: now
        self.open = False
        self.online = False  # as the edge believes
        self._cloud = CLOSED
        self._number = 0  # of the connection: what was sent on an older one does not arrive
        self._path = OK
        self._delay = 0  # one way, when the path was last whole
        self._loss = 0.0
        self._unanswered: int | None = None  # when the first packet was, or will be, sent that silence swallows
        self._deadline: Timer | None = None  # at the hub: it closes
        self._timer: Timer | None = None  # at the edge: it gives up, or repeats

    @property
    def served(self) -> bool:
        """Whether the hub holds this session."""
        return self._cloud == SERVED

    def meets(self) -> tuple[int, int, float]:
        """What somebody at the edge who sends through the session meets: a state of `reach`, delay (ns), loss."""
        if self._path == DOWN:
            return DOWN, 0, 0.0
        if not self.online:
            return REFUSED, 0, 0.0  # answered on the node itself: there is no connection
        return (OK, self._delay, self._loss) if self.open else (SILENT, 0, 0.0)

    def begin(self, delay_ns: int, loss: float) -> None:
        """At the beginning of time: the connection has stood for a while."""
        self._delay, self._loss = delay_ns, loss
        self._accepted(new=False)
        self._connected()
        self._mind_lateness()

    # What is sent.

    def send_down(self, size_bytes: int, call: Callable[..., object], *args: Any, lost: Callable[..., object]) -> None:
        """From the hub: make `call(*args)` at the edge; `lost(*args)`, for the record, if it does not get there."""
        sent = (self._number, call, lost, args)
        self._network.send(self._hub.node, self._node, size_bytes, self._at_edge, *sent, lost=_lost)

    def _at_edge(
        self, number: int, call: Callable[..., object], lost: Callable[..., object], args: tuple[Any, ...]
    ) -> None:
        (call if number == self._number and self.online else lost)(*args)

    def send_up(self, size_bytes: int, call: Callable[..., object], *args: Any, lost: Callable[..., object]) -> None:
        """From the edge, while it is online: make `call(*args)` at the hub, as soon as it may leave; else
        `lost(*args)`, for the record.

        What is sent while the session is not open is lost: TCP would repeat it where the session goes on, and here
        whoever sent it does.
        """
        at = self.leaves(self._clock.now)
        sent = (self._number, size_bytes, call, lost, args)
        if at > self._clock.now:
            self._clock.at(at, self._send_up, *sent)
        else:
            self._send_up(*sent)

    def _send_up(
        self,
        number: int,
        size_bytes: int,
        call: Callable[..., object],
        lost: Callable[..., object],
        args: tuple[Any, ...],
    ) -> None:
        now = self._clock.now
        if number != self._number or not self.online or self._unanswered is not None:
            if self._path == SILENT and self._unanswered is not None and now < self._unanswered:
                self._unanswered = now
                self._await_end()
            lost(*args)
            return
        sent = (number, call, lost, args)
        self._network.send(self._node, self._hub.node, size_bytes, self._at_hub, *sent, lost=_lost)

    def _at_hub(
        self, number: int, call: Callable[..., object], lost: Callable[..., object], args: tuple[Any, ...]
    ) -> None:
        (call if number == self._number and self.served else lost)(*args)

    # The path.

    def path_changed(self, path: int, delay_ns: int, loss: float, booted: bool) -> None:
        """Between edge and hub lies another state of `reach` from now on; `booted`: EdgeCore died or started."""
        before, now = self._path, self._clock.now
        if before == OK and self.open:
            self._beats.settle(now, self._delay)
        self._path, self._loss = path, loss
        if path == OK:
            self._delay = delay_ns
        if booted:
            self._power()
        elif not self.online:
            if path == REFUSED and before != REFUSED:
                self._close()
            self._dials.path_changed(path)
        elif path == OK:
            if before != OK:
                self._path_is_back(now)
        elif path == REFUSED:
            self._break()
            self._close()
            self._notice()
        elif before == OK:
            self._silenced(now)
        self._mind_lateness()
        self.changed()

    def hub_stopped(self) -> None:
        """The hub's process has ended: what it knew of the session is gone."""
        self._close()

    def _power(self) -> None:
        self._drop_timer()
        self._dials.stop()
        self._unanswered = None
        self._break()
        self.online = False
        if self._path != DOWN:
            self._tell("noticed")
            self._dials.fresh(self._path)

    def _path_is_back(self, now: int) -> None:
        """The way is whole, and the edge has not noticed that it was not."""
        self._drop_timer()
        assert self._unanswered is not None
        if self._unanswered > now and self._cloud != CLOSED:
            self._go_on()
            return
        waits = self._settings.tcp.waits(2 * self._delay)
        repeats = accumulate(waits, initial=self._unanswered)
        self._timer = self._clock.at(next((at for at in repeats if at >= now), now), self._repeated)

    def _repeated(self) -> None:
        """A packet of the edge has got through."""
        if self._cloud == CLOSED:
            self._timer = self._clock.after(2 * self._delay, self._notice)
        else:
            self._beats.heard = self._clock.now + self._delay
            self._go_on()
            self.changed()

    def _go_on(self) -> None:
        self._unanswered = None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if self.served:
            self.open = True
            self._mind_lateness()
            self._tell("opened")

    def _silenced(self, now: int) -> None:
        if self._unanswered is None:
            beat = self._beats.following(now)
            other = self.sends_next() if self.sends_next is not None else beat
            self._unanswered = min(beat, max(other, now))
            upward = self._network.access(self._node, self._hub.node) == "ok"
            if upward and self._unanswered == beat and self.open:  # TCP delivers one, then waits for its answer
                self._beats.heard = beat + self._delay
        self._break()
        self._await_end()

    def _await_end(self) -> None:
        """TCP repeats until it gives up: then the edge knows."""
        assert self._unanswered is not None
        end = self._unanswered + sum(self._settings.tcp.waits(2 * self._delay))
        self._drop_timer()
        self._timer = self._clock.at(max(end, self._clock.now), self._notice)

    # The cloud's end.

    def _accepted(self, new: bool) -> None:
        self._cloud = SERVED if self._hub.admit(self) else IGNORED
        if not self.served:
            self._event("SessionIgnored", "node limit reached")
        elif new:
            self._event("SessionOpened")
        if self.served:
            for hook in self.cloud_hooks:
                hook(True)

    def _close(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        was, self._cloud = self._cloud, CLOSED
        if was == SERVED:
            self._hub.ended(self)
            self._event("SessionClosed")
            for hook in self.cloud_hooks:
                hook(False)

    def _overdue(self) -> None:
        """No keep-alive has come in time. The edge is told, where a packet gets there."""
        self._close()
        self._break()
        if self.online and self._network.access(self._hub.node, self._node) == "ok":
            self._clock.after(self._delay, self._told, self._number)
        self.changed()

    def _told(self, number: int) -> None:
        if number == self._number and self.online and self._path != DOWN:
            self._notice()

    def _mind_lateness(self) -> None:
        """Find when the hub will close, if nothing changes."""
        now = self._clock.now
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if self.served and not self.open:
            self._deadline = self._clock.at(self._beats.overdue(now), self._overdue)
            return
        planned = self._beats.plan(now, self._delay, self._loss) if self.open else None
        if planned is not None:
            at, closes = planned
            self._deadline = self._clock.at(at, self._overdue if closes else self._look_further)

    def _look_further(self) -> None:
        self._beats.settle(self._clock.now, self._delay)
        self._mind_lateness()

    # The edge's end.

    def _notice(self) -> None:
        """The edge knows that its connection is gone, and hangs up."""
        self._drop_timer()
        self._unanswered = None
        self.online = False
        self._close()
        self._event("SessionLost")
        self._tell("noticed")
        self._dials.lost(self._path)
        self.changed()
        self.closed()

    def _call_hub(self, dial: int) -> None:
        self._network.send(self._node, self._hub.node, self._settings.dial_bytes, self._called, dial)

    def _called(self, dial: int) -> None:
        """At the hub: a second connection of a node ends its first."""
        if dial == self._dials.number and self._hub.up:
            self._close()
            self._number += 1
            self._beats.heard = self._clock.now
            self._accepted(new=True)
            self._network.send(self._hub.node, self._node, self._settings.dial_bytes, self._answered, dial)

    def _answered(self, dial: int) -> None:
        if dial == self._dials.number and not self.online and self._cloud != CLOSED:
            self._dials.stop()
            self._beats.begin(self._clock.now)
            self._connected()
            self._mind_lateness()
            self.changed()

    def _connected(self) -> None:
        self.online = True
        if self.served:
            self.open = True
            self._tell("opened")

    def _break(self) -> None:
        if self.open:
            self.open = False
            self._tell("broken")

    def _tell(self, word: str) -> None:
        for hook in self.hooks:
            hook(word)

    def _event(self, kind: str, detail: str = "") -> None:
        self._recorder.events.add(self._clock.now, kind, self.name, self.name, detail)

    def _drop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _lost(_number: int, _call: Callable[..., object], lost: Callable[..., object], args: tuple[Any, ...]) -> None:
    lost(*args)
