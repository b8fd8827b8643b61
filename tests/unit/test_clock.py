"""The clock: integer time, order at equal times, cancelled calls."""

import pytest

from simulator.engine.clock import Clock


def test_calls_at_one_time_are_made_in_the_order_of_scheduling() -> None:
    clock, made = Clock(), []
    clock.at(5, made.append, "a")
    clock.at(3, made.append, "first")
    clock.at(5, made.append, "b")
    clock.run(10)
    assert made == ["first", "a", "b"]


def test_run_makes_calls_at_its_end_and_leaves_the_clock_there() -> None:
    clock, made = Clock(), []
    clock.at(10, made.append, "at the end")
    clock.at(11, made.append, "after it")
    clock.run(10)
    assert (made, clock.now) == (["at the end"], 10)
    clock.run(50)
    assert (made, clock.now) == (["at the end", "after it"], 50)


def test_a_cancelled_call_is_not_made() -> None:
    clock, made = Clock(), []
    timer = clock.after(4, made.append, "x")
    assert timer.pending
    timer.cancel()
    clock.run(10)
    assert not timer.pending
    assert made == []


def test_a_call_may_schedule_another_at_the_same_time() -> None:
    clock, made = Clock(), []
    clock.at(7, lambda: clock.after(0, lambda: made.append(clock.now)))
    clock.run(7)
    assert made == [7]


def test_the_past_cannot_be_scheduled() -> None:
    clock = Clock()
    clock.run(10)
    with pytest.raises(ValueError, match="it is 10 ns already"):
        clock.at(9, print)


def test_time_stays_an_integer_beyond_what_a_double_can_hold() -> None:
    clock, times = Clock(), []
    far = 2**53 + 1
    clock.at(far, lambda: times.append(clock.now))
    clock.run(far + 1)
    assert times == [far]
    assert isinstance(times[0], int)


def test_next_time_and_step_go_event_by_event() -> None:
    clock, made = Clock(), []
    clock.at(3, made.append, 3)
    clock.at(8, made.append, 8)
    assert clock.next_time() == 3
    assert clock.step()
    assert (made, clock.next_time()) == ([3], 8)
    assert clock.step()
    assert not clock.step()
    assert clock.next_time() is None


def test_it_advances_to_an_event_that_pauses_and_runs_through_all() -> None:
    clock, made = Clock(), []
    for time in (1, 2, 3, 4):
        clock.at(time, made.append, time)
        if time % 2 == 0:
            clock.at(time, clock.pause)
    assert clock.advance(10)
    assert (made, clock.now) == ([1, 2], 2)
    clock.pause()  # between events it says nothing
    assert clock.advance(10)
    assert made == [1, 2, 3, 4]
    assert not clock.advance(10)
    assert clock.now == 4
    clock.at(5, clock.pause)
    clock.at(6, made.append, 6)
    clock.run(10)
    assert (made[-1], clock.now) == (6, 10)


def test_nothing_can_be_scheduled_in_the_past() -> None:
    clock = Clock()
    clock.run(5)
    with pytest.raises(ValueError, match="it is 5 ns already"):
        clock.at(4, print)
    with pytest.raises(ValueError, match="that has passed"):
        clock.after(-1, print)


def test_a_process_sleeps_in_simulated_time() -> None:
    clock, times = Clock(), []

    def steps():
        yield clock.sleep(5)
        times.append(clock.now)
        yield clock.sleep(7)
        times.append(clock.now)

    clock.process(steps())
    clock.run(20)
    assert times == [5, 12]


def test_time_passes_up_to_the_next_event_and_not_beyond() -> None:
    clock = Clock()
    clock.at(10, lambda: None)
    clock.wait(7)
    assert clock.now == 7
    clock.wait(3)
    assert clock.now == 7
    clock.wait(10)
    with pytest.raises(ValueError, match="an event is due at 10 ns"):
        clock.wait(11)
    assert clock.step()
    clock.wait(11)
    assert clock.now == 11
