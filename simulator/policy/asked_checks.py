"""The promises of a decision point, made from what its policies are asked: each check holds one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from simulator.policy.promises import (
    CheckFailed,
    asks_no_clock,
    check_constructor_only_stores,
    check_picklable,
    copies,
    leaves_global_random,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a policy was asked about, what it answered, what is wrong with that (empty: nothing), and the content of
    what it was shown, as it is after the answer, to be compared."""

    what: str
    said: Any
    fault: str
    shown: Any


Asks = Callable[[Any], Iterator[Asked]]  # asks a policy the same questions each time, about views made anew


def checks(asks: Asks, *, now: str, random: str) -> tuple[Callable[[Any], None], ...]:
    """The promises of a point. `now` and `random` say where a policy finds the time, and chance."""

    def check_valid_answers(policy: Any) -> None:
        """It answers what this point takes, and raises nothing."""
        (policy,) = copies(policy, 1)
        for asked in asks(policy):
            if asked.fault:
                raise CheckFailed(f"{asked.what}: {asked.fault}")

    def check_deterministic(policy: Any) -> None:
        """Two fresh copies answer the same questions the same way."""
        one, other = copies(policy, 2)
        for first, second in zip(asks(one), asks(other), strict=True):
            if first.said != second.said:
                raise CheckFailed(f"{first.what}: {first.said}, and asked again: {second.said}")

    def check_view_unchanged(policy: Any) -> None:
        """Deciding changes nothing of what is seen."""
        (policy,) = copies(policy, 1)
        for asked, fresh in zip(asks(policy), asks(_silent), strict=True):
            if asked.shown != fresh.shown:
                raise CheckFailed(f"{asked.what}: it changes what it sees; take a copy before you write")

    def check_no_wall_clock(policy: Any) -> None:
        """It never asks what time it is outside."""
        (policy,) = copies(policy, 1)
        asks_no_clock(lambda: list(asks(policy)), now)

    def check_no_global_random(policy: Any) -> None:
        """It leaves the generators of `random` and `numpy.random` alone."""
        (policy,) = copies(policy, 1)
        leaves_global_random(lambda: list(asks(policy)), random)

    return (
        check_constructor_only_stores, check_picklable, check_valid_answers, check_deterministic, check_view_unchanged,
        check_no_wall_clock, check_no_global_random,
    )  # fmt: skip


def _silent(*_: Any) -> None:
    """A policy that does nothing at all."""
