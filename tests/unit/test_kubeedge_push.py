"""The ledger, the queue of one node and the database at its end: what is sent, when again, and what is applied."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgekit import EdgeNumbers, ns
from simulator.control.delivery.deliveries import Deliveries
from simulator.control.delivery.edge_store import EdgeStore
from simulator.control.delivery.ledger import Ledger, Letter
from simulator.control.delivery.push import Parcel, Push
from simulator.engine.clock import Clock
from simulator.record.buffer import Recorder


def letter(key: str, version: int, delete: bool = False) -> Letter:
    return Letter(key, version, "pod", key, 100, None, delete)


class Wire:
    """A queue whose letters arrive nowhere."""

    def __init__(self, **numbers: int) -> None:
        self.clock, self.recorder = Clock(), Recorder()
        self.sent: list[tuple[float, str, int]] = []
        settings = replace(EdgeNumbers(), **numbers).push().push
        self.push = Push(
            self.clock, settings, send=self._send, deliveries=Deliveries(self.clock, self.recorder, "n")
        )  # fmt: skip

    def _send(self, parcel: Parcel) -> None:
        self.sent.append((self.clock.now / 1e9, str(parcel.letter.key), parcel.letter.version))


def test_one_letter_at_a_time_in_the_order_of_the_first_change() -> None:
    wire = Wire()
    for key, version in (("a", 1), ("b", 2), ("c", 3), ("b", 4)):
        wire.push.offer(letter(key, version))
    assert wire.sent == [(0, "a", 1)]
    wire.push.acknowledged("a", 1)
    wire.push.acknowledged("b", 4)
    assert [(k, v) for _t, k, v in wire.sent] == [("a", 1), ("b", 4), ("c", 3)]


def test_as_many_fly_as_the_page_allows() -> None:
    wire = Wire(in_flight=2)
    for version, key in enumerate("abc", 1):
        wire.push.offer(letter(key, version))
    assert [k for _t, k, _v in wire.sent] == ["a", "b"]


@pytest.mark.parametrize(
    ("offers", "then"),
    [
        ([("a", 5, False), ("a", 7, False)], [7]),  # newer replaces older
        ([("a", 7, False), ("a", 5, False)], [7]),  # older is discarded
        ([("a", 7, False), ("a", 7, False)], [7]),  # equal too
        ([("a", 7, True), ("a", 8, False)], [7]),  # a deletion that waits stays
        ([("a", 7, False), ("a", 8, True)], [8]),
    ],
)
def test_one_letter_of_an_object_waits(offers: list[tuple[str, int, bool]], then: list[int]) -> None:
    wire = Wire()
    wire.push.offer(letter("first", 1))
    for offer in offers:
        wire.push.offer(letter(*offer))
    wire.push.acknowledged("first", 1)
    assert [v for _t, k, v in wire.sent if k == "a"] == then


@pytest.mark.parametrize(("pending", "then"), [(1, [1, 10]), (2, [1, 9, 10]), (20, list(range(1, 11)))])
def test_of_an_object_that_changes_often_as_many_letters_wait_as_the_page_says(pending: int, then: list[int]) -> None:
    wire = Wire(pending=pending)
    for version in range(1, 11):
        wire.push.offer(letter("a", version))
    wire.push.offer(letter("a", 9))  # older than what waits
    for version in then:
        wire.push.acknowledged("a", version)
    assert [v for *_x, v in wire.sent] == then
    superseded = wire.recorder.deliveries.frame()["event"].to_list().count("superseded")
    assert superseded == 0  # what was never sent is no message


def test_a_deletion_stays_the_last_of_those_that_wait() -> None:
    wire = Wire(pending=3)
    for version in (1, 2):
        wire.push.offer(letter("a", version))
    wire.push.offer(letter("a", 3, delete=True))
    wire.push.offer(letter("a", 4))
    for version in (1, 2, 3):
        wire.push.acknowledged("a", version)
    assert [v for *_x, v in wire.sent] == [1, 2, 3]


def test_while_an_object_flies_its_newer_version_waits() -> None:
    wire = Wire()
    wire.push.offer(letter("a", 1))
    wire.push.offer(letter("a", 2))
    assert [v for *_x, v in wire.sent] == [1]
    wire.push.acknowledged("a", 1)
    assert [v for *_x, v in wire.sent] == [1, 2]


def test_what_is_given_up_comes_back_later_each_time_and_lets_others_go_first() -> None:
    wire = Wire()
    wire.push.offer(letter("a", 1))
    wire.push.offer(letter("b", 2))
    wire.clock.run(ns(60))
    times = {key: [t for t, k, _v in wire.sent if k == key] for key in "ab"}
    assert times["a"][:5] == [0, 5, 10, 15, 20]
    assert times["b"][:5] == [25, 30, 35, 40, 45]
    assert times["a"][5] == 50  # b has given up
    wire.push.clear()
    fired = wire.clock.fired
    wire.clock.run(ns(600))
    assert wire.clock.fired == fired


def test_every_letter_sent_ends_once() -> None:
    wire = Wire()
    wire.push.offer(letter("a", 1))
    wire.clock.run(ns(12))
    wire.push.clear()
    assert wire.recorder.deliveries.frame()["event"].to_list() == ["sent", "resent", "resent", "lost"]


def test_the_ledger_knows_what_a_node_lacks_and_forgets_what_it_deleted() -> None:
    ledger = Ledger()
    ledger.add(0)
    for each in (letter("a", 1), letter("b", 2), letter("a", 3)):
        ledger.want(0, each)
    ledger.acknowledge(0, "a", 1)  # of the version before
    assert [each.version for each in ledger.stale(0)] == [3, 2]
    ledger.acknowledge(0, "a", 3)
    ledger.acknowledge(0, "b", 2)
    assert not ledger.behind(0)
    ledger.want(0, letter("a", 4, delete=True))
    ledger.acknowledge(0, "a", 4)
    assert not ledger.behind(0)
    ledger.want(0, letter("a", 2))  # another object of that name, known by nobody
    assert [each.version for each in ledger.stale(0)] == [2]
    ledger.acknowledge(0, "a", 1)
    assert ledger.behind(0)


def test_the_database_applies_a_version_once_and_answers_each_time() -> None:
    clock = Clock()
    taken: list[Letter] = []
    answers: list[int] = []
    store = EdgeStore(clock, ns(0.01), {"pod": taken.append})
    first, second = letter("a", 1), letter("a", 2)
    for each in (first, first, second, first):
        store.receive(each, lambda: answers.append(clock.now))
        clock.run(clock.now + ns(1))
    assert taken == [first, second]
    assert len(answers) == 4
    store.hand_over()
    assert taken == [first, second, second]
    for _ in range(2):  # twice before the first is written
        store.receive(letter("b", 4), lambda: None)
    clock.run(clock.now + ns(1))
    assert [each.key for each in taken] == ["a", "a", "a", "b"]
    store.receive(letter("a", 3, delete=True), lambda: answers.append(clock.now))
    clock.run(clock.now + ns(1))
    taken.clear()
    store.hand_over()
    assert [each.key for each in taken] == ["b"]


def test_a_power_cut_loses_the_write_under_way() -> None:
    clock = Clock()
    taken: list[Letter] = []
    store = EdgeStore(clock, ns(0.01), {"pod": taken.append})
    store.receive(letter("a", 1), lambda: None)
    store.cut_off()
    clock.run(ns(1))
    assert taken == []
    assert not store.knows(letter("a", 1))
