"""Objects on their way from CloudCore to the edge nodes: pushed, acknowledged, and pushed again where the ledger lags.

A change is pushed at once to a node whose session is served. What a node has missed (its session was closed, an
acknowledgement was lost, the change was none that is pushed by itself) the ledger's round finds, every few seconds;
a round that would find nothing is not made.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import partial

from simulator.control.api.server import ApiServer
from simulator.control.delivery.cloudcore import CloudCore
from simulator.control.delivery.deliveries import CHANGE, LOST, RESYNC, UP, Deliveries, Message
from simulator.control.delivery.edge_store import EdgeStore
from simulator.control.delivery.ledger import Ledger, Letter
from simulator.control.delivery.push import Parcel, Push, PushSettings
from simulator.control.delivery.session import Session
from simulator.engine.clock import Clock, Timer
from simulator.record.buffer import Recorder
from simulator.streams import Rng


@dataclass(frozen=True, slots=True)
class AckedPushSettings:
    """`resync_ns` from one of the ledger's rounds to the next, `ack_bytes` the size of an acknowledgement."""

    push: PushSettings
    resync_ns: int
    ack_bytes: int


@dataclass(frozen=True, slots=True)
class _Member:
    row: int
    session: Session
    store: EdgeStore
    push: Push
    deliveries: Deliveries
    missed: set[Hashable] = field(default_factory=set)  # objects that it lacked when its session was served again


class AckedPush:
    """EdgeController, CloudHub's dispatcher and SyncController, as far as objects for the edge are concerned."""

    __slots__ = ("_clock", "_core", "_ledger", "_members", "_phase", "_recorder", "_rng", "_round", "_server",
                 "_settings", "_starts")  # fmt: skip

    def __init__(
        self,
        clock: Clock,
        rng: Rng,
        recorder: Recorder,
        server: ApiServer,
        core: CloudCore,
        *,
        settings: AckedPushSettings,
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._recorder = recorder
        self._server = server
        self._core = core
        self._settings = settings
        self._ledger = Ledger()
        self._members: dict[int, _Member] = {}
        self._round: Timer | None = None
        self._starts = 0
        self._phase = self._new_phase()
        core.up_hooks.append(self._core_changed)

    def join(self, row: int, session: Session, store: EdgeStore) -> None:
        """A node's session, and the database at its other end."""
        deliveries = Deliveries(self._clock, self._recorder, session.name)
        push = Push(
            self._clock,
            self._settings.push,
            send=lambda parcel: self._send(member, parcel),
            deliveries=deliveries,
        )
        member = self._members[row] = _Member(row, session, store, push, deliveries)
        self._ledger.add(row)
        session.cloud_hooks.append(lambda served: self._session_changed(member, served))

    def next_version(self) -> int:
        """The resourceVersion of a change that has just been made."""
        return self._ledger.next_version()

    def publish(self, row: int, letter: Letter, later: bool = False) -> None:
        """This is the latest version of its object; `later`: it waits for the ledger's next round."""
        self._ledger.want(row, letter)
        member = self._members[row]
        if not member.session.served:
            return
        if later:
            self._plan()
        else:
            member.push.offer(letter)

    def file(self, row: int, letter: Letter) -> None:
        """A letter that its node had acknowledged before time began."""
        self._ledger.want(row, letter)
        self._ledger.acknowledge(row, letter.key, letter.version)
        self._members[row].store.file(letter)

    # One letter's way.

    def _send(self, member: _Member, parcel: Parcel) -> None:
        parcel.record.flights += 1
        size = parcel.letter.size_bytes
        member.session.send_down(size, self._arrived, member, parcel.letter, parcel.record, lost=_lost)

    def _arrived(self, member: _Member, letter: Letter, record: Message) -> None:
        member.deliveries.arrived(record)
        member.store.receive(letter, partial(self._written, member, letter))

    def _written(self, member: _Member, letter: Letter) -> None:
        if member.session.online:
            size = self._settings.ack_bytes
            record = Message(UP, size, self._acknowledged, (member, letter), kind="ack", about=letter.about)
            member.deliveries.send(record, CHANGE)
            record.flights += 1
            member.session.send_up(size, self._acknowledged, member, letter, record, lost=_lost)
            member.deliveries.give_up(record, LOST)  # nobody keeps an acknowledgement

    def _acknowledged(self, member: _Member, letter: Letter, record: Message) -> None:
        member.deliveries.arrived(record)
        if self._server.up:  # the ledger's entries are objects there
            self._ledger.acknowledge(member.row, letter.key, letter.version)
        member.push.acknowledged(letter.key, letter.version)
        member.missed.discard(letter.key)
        self._plan_if_behind(member)

    # The ledger's rounds.

    def _new_phase(self) -> int:
        self._starts += 1
        return round(self._settings.resync_ns * self._rng.draw("ledger-round", 0, self._starts))

    def _core_changed(self, up: bool) -> None:
        if up:
            self._phase = self._clock.now + self._new_phase()
        elif self._round is not None:
            self._round.cancel()
            self._round = None

    def _session_changed(self, member: _Member, served: bool) -> None:
        if served:
            member.missed.update(letter.key for letter in self._ledger.stale(member.row))
            self._plan_if_behind(member)
        else:
            member.push.clear()

    def _plan_if_behind(self, member: _Member) -> None:
        if self._ledger.behind(member.row) and any(x not in member.push for x in self._ledger.stale(member.row)):
            self._plan()

    def _plan(self) -> None:
        if self._round is None:
            period = self._settings.resync_ns
            rounds = max(0, (self._clock.now - self._phase) // period + 1)
            self._round = self._clock.at(self._phase + rounds * period, self._make_round)

    def _make_round(self) -> None:
        self._round = None
        for member in self._members.values():
            if member.session.served and self._ledger.behind(member.row):
                for letter in self._ledger.stale(member.row):
                    member.push.offer(letter, RESYNC if letter.key in member.missed else CHANGE)


def _lost(member: _Member, _letter: Letter, record: Message) -> None:
    member.deliveries.failed(record)
