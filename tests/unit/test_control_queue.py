"""The work queue: every key once, few workers, failures later and later."""

from __future__ import annotations

import pytest

from simulator.control.api.queue import RetrySettings, Sync, WorkQueue
from simulator.engine.clock import Clock
from simulator.units import MS, SECOND

RETRY = RetrySettings(5 * MS, 1000 * SECOND, 10.0, 100)


class Work:
    """Syncs that take a while and may fail; what was done when, in ms."""

    def __init__(self, workers: int, took_ms: int = 10, failures: int = 0) -> None:
        self.clock = Clock()
        self.took, self.failures = took_ms * MS, failures
        self.began: list[tuple[float, str]] = []
        self.at_once = self.most = 0
        self.queue: WorkQueue[str] = WorkQueue(self.clock, workers, RETRY, self.sync)

    def sync(self, key: str) -> Sync:
        self.began.append((self.clock.now / MS, key))
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        yield self.clock.sleep(self.took)
        self.at_once -= 1
        self.failures -= 1
        return self.failures < 0


def test_a_key_waits_once_and_is_worked_on_again_if_it_changed_meanwhile() -> None:
    work = Work(workers=2)
    for key in "aab":
        work.queue.add(key)
    work.clock.at(5 * MS, work.queue.add, "a")
    work.clock.at(6 * MS, work.queue.add, "a")
    work.clock.run(SECOND)
    assert work.began == [(0, "a"), (0, "b"), (10, "a")]


def test_no_more_keys_at_once_than_workers() -> None:
    work = Work(workers=3)
    for key in "abcdefg":
        work.queue.add(key)
    work.clock.run(SECOND)
    assert work.most == 3
    assert [key for _, key in work.began] == list("abcdefg")
    assert work.began[-1][0] == 20


def test_one_key_is_never_worked_on_twice_at_once() -> None:
    work = Work(workers=5)
    for ms in range(50):
        work.clock.at(ms * MS, work.queue.add, "a")
    work.clock.run(SECOND)
    assert work.most == 1


def test_failures_come_back_after_twice_as_long_each_time() -> None:
    work = Work(workers=1, took_ms=0, failures=20)
    work.queue.add("a")
    work.clock.run(5000 * SECOND)
    gaps = [b - a for (a, _), (b, _) in zip(work.began, work.began[1:], strict=False)]
    assert gaps[:10] == [5.0 * 2**n for n in range(10)]
    assert gaps[-1] == 1_000_000  # the cap
    assert len(work.began) == 21


def test_success_forgets_failures() -> None:
    work = Work(workers=1, took_ms=0, failures=3)
    work.queue.add("a")
    work.clock.run(SECOND)
    work.failures = 1
    work.queue.add("a")
    work.clock.run(2 * SECOND)
    assert work.began[-1][0] - work.began[-2][0] == 5.0


def test_the_earlier_of_two_wishes_holds() -> None:
    work = Work(workers=1)
    work.queue.add_after("a", 50 * MS)
    work.queue.add_after("a", 20 * MS)
    work.queue.add_after("a", 70 * MS)
    work.clock.run(SECOND)
    assert work.began == [(20, "a")]


def test_clear_drops_what_waits_and_what_is_under_way() -> None:
    work = Work(workers=1, failures=5)
    work.queue.add("a")
    work.queue.add("b")
    work.queue.add_after("c", 50 * MS)
    work.clock.at(5 * MS, work.queue.clear)
    work.clock.at(7 * MS, work.queue.add, "d")
    work.clock.run(12 * MS)
    assert work.began == [(0, "a"), (7, "d")]


@pytest.mark.parametrize("workers", [1, 4])
def test_retries_of_all_keys_share_ten_a_second_after_a_hundred(workers: int) -> None:
    work = Work(workers=workers, took_ms=0, failures=150)
    for n in range(150):
        work.queue.add(f"k{n}")
    work.clock.run(100 * SECOND)
    again = [at for at, _ in work.began[150:]]
    assert again[99] == 5.0
    assert again[149] == pytest.approx(5000.0, abs=1)
