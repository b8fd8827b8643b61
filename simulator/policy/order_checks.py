"""What an order of the queue promises. Each check holds one promise."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any, Final

from simulator.policy.api import Order
from simulator.policy.promises import (
    CheckFailed,
    Raised,
    answer,
    asks_no_clock,
    check_constructor_only_stores,
    check_picklable,
    copies,
    leaves_global_random,
)
from simulator.policy.samples import PODS


def check_ranks_are_numbers(policy: Any) -> None:
    """It answers a finite number for every pod, and raises nothing."""
    for pod, said in zip(PODS, _ranks(*copies(policy, 1)), strict=True):
        if isinstance(said, Raised):
            raise CheckFailed(f"{pod.name}: {said}")
        try:
            finite = isfinite(float(said))
        except (TypeError, ValueError):
            finite = False
        if not finite:
            raise CheckFailed(f"{pod.name}: {said!r} is no finite number")


def check_deterministic(policy: Any) -> None:
    """Two fresh copies rank the same pods the same way."""
    one, other = (_ranks(each) for each in copies(policy, 2))
    for pod, first, second in zip(PODS, one, other, strict=True):
        if first != second:
            raise CheckFailed(f"{pod.name}: {first}, and asked again: {second}")


def check_no_wall_clock(policy: Any) -> None:
    """It never asks what time it is outside; a pod tells when it was created, and how long it has waited."""
    (policy,) = copies(policy, 1)
    asks_no_clock(lambda: _ranks(policy), "pod.created_s + pod.waiting_s")


def check_no_global_random(policy: Any) -> None:
    """It leaves the generators of `random` and `numpy.random` alone."""
    (policy,) = copies(policy, 1)
    leaves_global_random(lambda: _ranks(policy), "what the pod itself says")


ORDER_CHECKS: Final[tuple[Callable[[Any], None], ...]] = (
    check_constructor_only_stores,
    check_picklable,
    check_ranks_are_numbers,
    check_deterministic,
    check_no_wall_clock,
    check_no_global_random,
)


def _ranks(policy: Any) -> list[Any]:
    return [answer(policy.rank if isinstance(policy, Order) else policy, pod) for pod in PODS]
