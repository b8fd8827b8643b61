"""Activities: work at a rate that changes, its end rounded up to a nanosecond, and what a cancelled one leaves."""

import pytest

from simulator.engine.activity import Delay
from simulator.engine.clock import Clock


def ended_at(clock: Clock, activity: Delay) -> list[tuple[int, bool]]:
    ends: list[tuple[int, bool]] = []

    def wait():
        ends.append(((yield activity.wait()), clock.now)[::-1])

    clock.process(wait())
    return ends


def test_work_at_rate_one_takes_its_own_time() -> None:
    clock = Clock()
    ends = ended_at(clock, Delay(clock, 100).start())
    clock.run(1000)
    assert ends == [(100, True)]


def test_an_end_between_two_nanoseconds_is_rounded_up() -> None:
    clock = Clock()
    ends = ended_at(clock, Delay(clock, 100, rate=3).start())
    clock.run(1000)
    assert ends == [(34, True)]


def test_a_slower_rate_stretches_only_what_is_left() -> None:
    clock = Clock()
    work = Delay(clock, 100).start()
    ends = ended_at(clock, work)
    clock.at(40, work.set_rate, 0.5)  # 60 left, 120 ns more
    clock.run(1000)
    assert ends == [(160, True)]


def test_rate_zero_pauses() -> None:
    clock = Clock()
    work = Delay(clock, 100).start()
    ends = ended_at(clock, work)
    clock.at(30, work.set_rate, 0)
    clock.at(530, work.set_rate, 1)
    clock.run(529)
    assert (ends, work.remaining()) == ([], 70)
    clock.run(1000)
    assert ends == [(600, True)]


def test_cancelled_work_says_so_and_keeps_what_was_left() -> None:
    clock = Clock()
    work = Delay(clock, 100).start()
    ends = ended_at(clock, work)
    clock.at(25, work.cancel)
    clock.run(1000)
    assert ends == [(25, False)]
    assert work.remaining() == 75
    assert not work.active


def test_work_does_nothing_before_it_starts() -> None:
    clock = Clock()
    work = Delay(clock, 100)
    clock.run(50)
    assert (work.active, work.remaining()) == (True, 100)
    work.start()
    ends = ended_at(clock, work)
    clock.run(1000)
    assert ends == [(150, True)]


def test_cancelling_finished_work_changes_nothing() -> None:
    clock = Clock()
    work = Delay(clock, 10).start()
    clock.run(20)
    work.cancel()
    assert work.done.value is True
    assert work.remaining() == 0


def test_no_work_ends_at_once_even_when_paused() -> None:
    clock = Clock()
    ends = ended_at(clock, Delay(clock, 0, rate=0).start())
    clock.run(5)
    assert ends == [(0, True)]


@pytest.mark.parametrize(("work", "rate"), [(-1, 1), (1, -1)])
def test_negative_work_or_rate_is_refused(work: int, rate: int) -> None:
    with pytest.raises(ValueError, match="negative"):
        Delay(Clock(), work, rate)
