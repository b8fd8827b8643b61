"""The Exchange: what the hub stores of its nodes, and all that a node can talk to.

It believes a node to have the agreements that the node has recorded, and to be alive when it was last heard; it has a
mailbox for each node, and one for the AgBot. It never sends anything by itself: a poll takes along what waits.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from simulator.control.agreements.mailbox import Mail, Mailbox, Offer
from simulator.control.agreements.settings import HubSettings
from simulator.control.api.objects import Node, Pod
from simulator.control.api.server import ApiServer
from simulator.control.delivery.reports import apply_status
from simulator.control.liveness.stream import HubStream
from simulator.engine.clock import Clock
from simulator.record.buffer import Recorder
from simulator.runtime.status import PodStatus


class Pulse(Protocol):
    """Polls that were not made one by one: those of an agent that has found nothing for a while."""

    def heard(self) -> int:
        """When the last poll that arrived at the Exchange did so (ns)."""

    def overdue(self, missing_ns: int, origin: int, period: int) -> int | None:
        """The first pass, at origin, origin + period, …, that would find the last poll older than `missing_ns` if
        everything went on as it does; None: none ever would."""

    def next_poll(self) -> int | None:
        """When it polls next if everything goes on as it does; None: not before its way to the Exchange changes."""

    def polls_per_s(self) -> float:
        """How often it polls now."""

    def news(self) -> None:
        """There is something to find: the next poll will not be quiet."""


class Hub(Protocol):
    """Who reads the AgBot's mailbox, and is told of what changes (an AgBot polls for both)."""

    def receive(self, kind: str, agreement: str, node: int) -> None:
        """A message of a node."""

    def record_changed(self, node: int, service: str) -> None:
        """A node has written or deleted an agreement's record."""

    def pulse_changed(self, node: int) -> None:
        """This node polls otherwise from now on, or not at all, or again."""


class Exchange:
    """One Exchange. Nodes go by the index of their machine.

    What nodes send waits at its server's `intake`, where there is one.
    """

    __slots__ = ("_clock", "_mailboxes", "_mails", "_pulses", "_recorder", "_rows", "_settings", "_stream", "hub",
                 "names", "nodes", "records", "server")  # fmt: skip

    def __init__(self, clock: Clock, recorder: Recorder, server: ApiServer, settings: HubSettings) -> None:
        self._clock, self._recorder, self.server = clock, recorder, server
        self._settings = settings
        self._mails = 0
        self._mailboxes: dict[int, Mailbox] = {}
        self._pulses: dict[int, Pulse] = {}
        self._stream: HubStream | None = None  # of quiet polls
        self._rows: dict[int, int] = {}  # node -> its row there
        self.hub: Hub
        self.nodes: dict[int, Node] = {}
        self.names: dict[str, int] = {}
        self.records: dict[tuple[int, str], str] = {}  # (node, service) -> the agreement that the node has recorded

    def register(self, index: int, node: Node, pulse: Pulse) -> None:
        """A node that can have agreements."""
        self.nodes[index], self.names[node.name], self._pulses[index] = node, index, pulse
        lost = partial(self._note, index, "lost")
        self._mailboxes[index] = Mailbox(self._clock, self._settings.ttl_ns, lost)

    def join(self, stream: HubStream, rows: dict[int, int]) -> None:
        """Quiet polls pass this stream from now on, each node's in its row there."""
        self._stream, self._rows = stream, rows

    # What the hub asks.

    def heard(self, index: int) -> int:
        """When the node's last poll came (ns): lastHeartbeat."""
        return self._pulse(index).heard()

    def overdue(self, index: int, missing_ns: int, origin: int, period: int) -> int | None:
        """As `Pulse.overdue`."""
        return self._pulse(index).overdue(missing_ns, origin, period)

    def next_poll(self, index: int) -> int | None:
        """As `Pulse.next_poll`."""
        return self._pulse(index).next_poll()

    def polls_per_s(self) -> float:
        """Heartbeats that arrive in a second now."""
        return sum(pulse.polls_per_s() for pulse in self._pulses.values())

    def tell(self, index: int, kind: str, agreement: str, offer: Offer | None = None) -> None:
        """Put a message into a node's mailbox, where it waits for the node."""
        self._mails += 1
        mail = Mail(self._mails, kind, agreement, offer)
        self._note(index, "sent", mail)
        self._mailboxes[index].put(mail)
        self._pulses[index].news()

    # What a node asks and tells; each of these arrives over the network.

    def take_in(self, sender: int, call: Callable[..., object], *args: Any, lost: Callable[..., object]) -> None:
        """A request of this sender has arrived: `call(*args)` when it is taken, or `lost(*args)` if it never is."""
        intake = self.server.intake
        if intake is not None and self.server.up:
            intake.send(sender, call, *args, lost=lost)
        else:
            call(*args)

    def pulse_changed(self, index: int) -> None:
        """This node polls otherwise from now on."""
        self.comes_otherwise(index)
        self.hub.pulse_changed(index)

    def comes_otherwise(self, index: int) -> None:
        """Its next quiet poll comes at another time than before."""
        if self._stream is not None:
            self._stream.again(self._rows[index])

    def waiting(self, index: int) -> bool:
        """Whether its next poll will find something."""
        return self._mailboxes[index].waiting

    def polled(self, index: int) -> tuple[Mail, ...]:
        """A poll: everything that waits. The node is alive, whatever was believed."""
        node = self.nodes[index]
        node.heard_ns = self._clock.now
        if node.ready != "True":
            node.ready = "True"
            self._recorder.events.add(self._clock.now, "NodeReady", node.name, node.name, "")
            self.server.changed(node)
        self.hub.pulse_changed(index)
        return self._mailboxes[index].fetch()

    def size(self, mails: tuple[Mail, ...]) -> int:
        """Bytes of these messages."""
        return self._settings.message_bytes * len(mails)

    def delete(self, index: int, numbers: tuple[int, ...]) -> None:
        """The node has these messages."""
        self._mailboxes[index].delete(numbers)

    def to_hub(self, index: int, kind: str, agreement: str) -> None:
        """A message for the AgBot."""
        self.hub.receive(kind, agreement, index)

    def record(self, index: int, service: str, agreement: str) -> None:
        """The node writes that it has this agreement."""
        self.records[index, service] = agreement
        self.hub.record_changed(index, service)

    def unrecord(self, index: int, service: str, agreement: str) -> None:
        """The node writes that it has it no more."""
        if self.records.get((index, service)) == agreement:
            del self.records[index, service]
        self.hub.record_changed(index, service)

    def status(self, agreement: str, status: PodStatus) -> None:
        """What the node says of an agreement's containers. Of what the hub has given up it keeps nothing."""
        pod = self.server.get(Pod, agreement)
        if pod is not None:
            apply_status(self.server, pod, status, self._clock.now)

    def _pulse(self, index: int) -> Pulse:
        if self._stream is not None:
            self._stream.catch_up()
        return self._pulses[index]

    def _note(self, index: int, event: str, mail: Mail) -> None:
        name, size = self.nodes[index].name, self._settings.message_bytes
        self._recorder.deliveries.add(self._clock.now, name, "down", mail.kind, mail.agreement, event, "change", size)
