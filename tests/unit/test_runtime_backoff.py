"""Back-off that forgets, and the limiter that refuses."""

from __future__ import annotations

import pytest

from simulator.runtime.backoff import Backoff
from simulator.runtime.puller import Allowance
from simulator.runtime.ticks import last_tick, next_tick
from simulator.units import SECOND


def test_delays_double_up_to_the_cap() -> None:
    backoff, now, delays = Backoff(10 * SECOND, 300 * SECOND), 0, []
    for _ in range(8):
        delays.append((backoff.due("pod", now) - now) // SECOND)
        backoff.lengthen("pod", now, backoff.due("pod", now))
        now = backoff.due("pod", now)
    assert delays == [0, 10, 20, 40, 80, 160, 300, 300]


@pytest.mark.parametrize(("quiet_s", "waits_s"), [(600, 20), (601, 0)])
def test_twice_the_cap_without_failure_is_forgotten(quiet_s: int, waits_s: int) -> None:
    backoff = Backoff(10 * SECOND, 300 * SECOND)
    backoff.lengthen("pod", 0, 0)
    backoff.lengthen("pod", 0, 0)
    failed = quiet_s * SECOND
    assert backoff.due("pod", failed) == failed + waits_s * SECOND


def test_factor_and_reset_can_be_others() -> None:
    backoff, now, delays = Backoff(SECOND, 60 * SECOND, 3.0, 30 * SECOND), 0, []
    for _ in range(4):
        backoff.lengthen("pod", now, now)
        delays.append((backoff.due("pod", now) - now) // SECOND)
        now = backoff.due("pod", now)
    assert delays == [1, 3, 9, 27]
    assert backoff.due("pod", now + 4 * SECOND) == now + 4 * SECOND  # 31 s after the last update


def test_keys_do_not_share_a_delay() -> None:
    backoff = Backoff(10 * SECOND, 300 * SECOND)
    backoff.lengthen("one", 0, 0)
    assert backoff.due("two", 0) == 0
    backoff.forget("one")
    assert backoff.due("one", 0) == 0


def test_allowance_grants_its_burst_and_then_its_rate() -> None:
    allowance = Allowance(5.0, 10)
    assert [allowance.take(0) for _ in range(12)] == [True] * 10 + [False] * 2
    # What was refused took no token: a second later exactly five are there.
    assert [allowance.take(SECOND) for _ in range(6)] == [True] * 5 + [False]
    assert [allowance.take(100 * SECOND) for _ in range(11)] == [True] * 10 + [False]


def test_ticks_are_the_multiples_around_now() -> None:
    assert [next_tick(3, 10, now) for now in (0, 3, 4, 13, 14)] == [3, 3, 13, 13, 23]
    assert [last_tick(3, 10, now) for now in (0, 3, 4, 13, 14)] == [3, 3, 3, 13, 13]
