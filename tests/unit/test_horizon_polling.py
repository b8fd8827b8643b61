"""The polls of an agreement's agent: the law of their growth, and what failing ones do, against loops poll by poll."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.control.agreements.attempts import Attempts
from simulator.control.agreements.polling import Polls
from simulator.control.agreements.settings import PollSettings

# In whole seconds: nothing in the laws knows what a unit of time is.
LAW = PollSettings(
    least_ns=20, most_ns=120, step_ns=20, quiet_ns=120, timeout_ns=30, syn_ns=1, retries=2, gap_ns=3, failed_ns=60,
    restore=True, bytes=0,
)  # fmt: skip


def made(polls: Polls, until: int) -> list[int]:
    """The times of the polls up to a time, asked for one after the other."""
    times = [polls.due(1)]
    while times[-1] <= until:
        times.append(polls.due(times[-1] + 1))
    return times[:-1]


def loop(law: PollSettings, first: int, until: int, grows: int) -> list[int]:
    """The same, poll by poll, as the agent's own code goes."""
    times, interval, quiet, at = [], law.least_ns, 0, first
    while at <= until:
        times.append(at)
        if at >= grows and interval < law.most_ns:
            quiet += 1
            if quiet >= law.most_ns // interval:
                interval, quiet = min(interval + law.step_ns, law.most_ns), 0
        at += interval
    return times


@given(st.integers(1, 40), st.integers(1, 60), st.integers(1, 5), st.integers(0, 300), st.integers(1, 1500))
@settings(max_examples=60, deadline=None)
def test_the_law_of_growth_is_the_loop_s(least: int, step: int, times: int, quiet: int, until: int) -> None:
    law = replace(LAW, least_ns=least, step_ns=step, most_ns=least * times, quiet_ns=quiet)
    expected = loop(law, 7, until, quiet)
    assert made(Polls(law, 0, 7), until) == expected
    polls = Polls(law, 0, 7)
    assert polls.heard(until) == (expected[-1] if expected else 0)
    polls.pass_until(until // 2)  # where it is looked at changes nothing
    assert polls.heard(until) == (expected[-1] if expected else 0)


def test_the_longest_interval_is_reached_after_540_s_of_silence() -> None:
    polls = Polls(LAW, 0, 0)
    polls.agreed(0)
    polls.reset(0)
    assert polls.interval(539) == 100
    assert polls.interval(540) == 120
    assert made(polls, 700) == [20, 40, 60, 80, 100, 120, 160, 200, 240, 300, 360, 440, 540, 660]


def test_without_an_agreement_nothing_grows_for_two_minutes() -> None:
    waits, agreed = Polls(LAW, 0, 20), Polls(LAW, 0, 20)
    agreed.agreed(0)
    assert agreed.interval(120) == 40  # after its sixth poll
    assert (waits.interval(219), waits.interval(220)) == (20, 40)  # the first that counts is that of 120 s


def test_alerts_shorten_and_negotiations_shorten_most() -> None:
    polls = Polls(LAW, 0, 0)
    polls.agreed(0)
    polls.pass_until(1000)
    polls.alert(1000)
    assert (polls.interval(1000), polls.due(1001)) == (70, 1070)
    polls.reset(1010)
    assert polls.due(1011) == 1030
    polls.alert(1015)  # a shorter interval stays
    assert polls.due(1016) == 1035


@pytest.mark.parametrize(("restore", "then"), [(True, 120), (False, 20)])
def test_polls_that_succeed_again_bring_back_the_interval_of_before(restore: bool, then: int) -> None:
    polls = Polls(replace(LAW, restore=restore), 0, 0)
    polls.agreed(0)
    polls.pass_until(1000)
    polls.failed()
    polls.failed()
    assert polls.interval(1000) == 20
    polls.poll(1100)
    polls.restored()
    assert polls.due(1101) == 1100 + then


def fails(took: int, first: int, until: int) -> tuple[list[int], list[int]]:
    """Requests and ends of cycles, one by one: three requests 3 s apart, then 20 s of rest."""
    begins, ends, at = [], [], first
    while at <= until:
        for _ in range(3):
            begins.append(at)
            at += took + 3
        ends.append(at - 3)
        at += 17
    return begins, ends


@given(st.sampled_from([0, 30]), st.integers(0, 50), st.lists(st.integers(0, 700), min_size=1, max_size=4))
@settings(max_examples=80, deadline=None)
def test_failing_requests_are_the_loop_s(took: int, first: int, looks: list[int]) -> None:
    attempts = Attempts(2, 3, 20, 1)
    attempts.begin(first)
    begins, ends = fails(took, first, 2000)
    passed = -1
    for now in sorted(looks):
        failed = attempts.pass_until(now, took)
        assert failed == any(passed < end <= now for end in ends)
        assert attempts.at == next(begin for begin in begins if begin + took > now)
        assert attempts.fails(took, now) == next(end for end in ends if end > now)
        passed = now


def test_a_request_under_way_sends_its_next_syn_when_the_way_returns() -> None:
    """SYNs of a silent dial leave after 0, 1, 3, 7 and 15 s; later than that only the next request gets through."""

    def back(now: int) -> int:
        attempts = Attempts(2, 3, 20, 1)
        attempts.begin(100)
        attempts.pass_until(now, 30)
        return attempts.succeeds(now, 30)

    assert [back(now) for now in (90, 101, 102, 108, 116, 131)] == [100, 101, 103, 115, 133, 133]
    assert back(197) == 216  # the whole cycle has failed at 196 s
    attempts = Attempts(2, 3, 20, 1)
    attempts.begin(100)
    attempts.pass_until(182, 30)
    assert attempts.succeeds(182, 30) == 216  # the third request fails too, and the next cycle comes 20 s after it
