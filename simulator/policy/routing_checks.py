"""What policies for routing promise. Each check holds one promise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import partial
from typing import Any, Final

import numpy as np

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
from simulator.policy.routing import (
    BalancerView,
    EndpointsView,
    ProxyView,
    RequestView,
    Routing,
    Split,
    fault_of_row,
    fault_of_weights,
)
from simulator.streams import Rng, key

# By what they are like: latency one way in ms, outstanding, seconds since the last answer.
_FAMILIES: Final[dict[str, tuple[tuple[float, int, float], ...]]] = {
    "idle": ((1.0, 0, np.inf), (1.0, 0, np.inf)),
    "tiers": ((0.0, 2, 0.1), (2.0, 9, 0.5), (2.0, 4, 3.0), (25.0, 0, 0.2)),
    "full": ((0.0, 500, 0.0), (2.0, 500, 0.0), (25.0, 501, 0.0)),
    "cut off": ((1.0, 3, 60.0), (np.inf, 0, np.inf)),
    "lost": ((np.inf, 0, np.inf), (np.inf, 7, 600.0)),
    "many": tuple((float(row % 7), row % 5, row / 10) for row in range(100)),
}
_TIMES: Final = 3  # requests to each


def sample_endpoints(family: str) -> BalancerView:
    """A view made by hand, its columns writable so that whoever writes can be caught."""
    ms, outstanding, age_s = (np.array(column) for column in zip(*_FAMILIES[family], strict=True))
    rows = range(len(ms))
    return BalancerView(
        tuple(f"node-{row}" for row in rows), tuple(f"zone-{row % 3}" for row in rows),
        tuple("web" if row % 2 else "web-wasm" for row in rows), 2e-3 * ms, outstanding, age_s,
    )  # fmt: skip


def sample_request(number: int = 0, seed: int = 0) -> RequestView:
    """A request, with draws of its own."""

    def uniform(name: str) -> float:
        return Rng(seed).draw(f"route/{name}", key("camera-0"), number)

    return RequestView(
        "node-0", "zone-0", "web", "camera-0", "look", 10.0 + number, 1 + number % 2, 1000, 4000, uniform
    )  # fmt: skip


def _routing(policy: Any) -> Iterator[tuple[str, Any, Any, str]]:
    """What is asked about, the answer, the view, and what is wrong with the answer."""
    decide = policy.route if isinstance(policy, Routing) else policy
    for family in _FAMILIES:
        for number in range(_TIMES):
            view = sample_endpoints(family)
            said = answer(decide, sample_request(number), view)
            yield f"{family} endpoints", said, view, _fault(said, partial(fault_of_row, n=len(view)))


def _splitting(policy: Any, families: tuple[str, ...] = tuple(_FAMILIES)) -> Iterator[tuple[str, Any, Any, str]]:
    decide = policy.weights if isinstance(policy, Split) else policy
    for family in families:
        full = sample_endpoints(family)
        view = EndpointsView(full.nodes, full.zones, full.workloads, full.rtt_s)
        said = answer(decide, ProxyView("node-0", "zone-0", "web"), view)
        turns = bool(getattr(policy, "turns", False))
        fault = _fault(said, partial(fault_of_weights, n=len(view), turns=turns))
        yield f"{family} endpoints", said if isinstance(said, Raised) else np.asarray(said).tolist(), view, fault


def _fault(said: Any, fault_of: Callable[[Any], str]) -> str:
    if isinstance(said, Raised):
        return str(said)
    try:
        return fault_of(said)
    except (TypeError, ValueError):
        return f"answered {said!r}, which is no number"


Asks = Callable[[Any], Iterator[tuple[str, Any, Any, str]]]


def _checks(asks: Asks) -> tuple[Callable[[Any], None], ...]:
    """The promises of a form of policy."""

    def check_valid_answers(policy: Any) -> None:
        """It answers what this point takes, and raises nothing."""
        (policy,) = copies(policy, 1)
        for what, _, _, fault in asks(policy):
            if fault:
                raise CheckFailed(f"{what}: {fault}")

    def check_deterministic(policy: Any) -> None:
        """Two fresh copies answer the same questions the same way."""
        one, other = copies(policy, 2)
        for (what, first, *_), (_, second, *_) in zip(asks(one), asks(other), strict=True):
            if first != second:
                raise CheckFailed(f"{what}: {first}, and asked again: {second}")

    def check_view_unchanged(policy: Any) -> None:
        """Deciding changes nothing of what is seen."""
        (policy,) = copies(policy, 1)
        for (what, _, seen, _), (_, _, fresh, _) in zip(asks(policy), asks(_silent), strict=True):
            if _content(seen) != _content(fresh):
                raise CheckFailed(f"{what}: it changes what it sees; take a copy before you write")

    def check_no_wall_clock(policy: Any) -> None:
        """It never asks what time it is outside."""
        (policy,) = copies(policy, 1)
        asks_no_clock(lambda: list(asks(policy)), "request.now_s")

    def check_no_global_random(policy: Any) -> None:
        """It leaves the generators of `random` and `numpy.random` alone."""
        (policy,) = copies(policy, 1)
        leaves_global_random(lambda: list(asks(policy)), "request.uniform")

    return (
        check_constructor_only_stores, check_picklable, check_valid_answers, check_deterministic, check_view_unchanged,
        check_no_wall_clock, check_no_global_random,
    )  # fmt: skip


def check_remembers_nothing(policy: Any) -> None:
    """Its weights depend on what it is shown, whatever it has been asked before: nobody says when it is asked."""
    forwards, backwards = copies(policy, 2)
    back = {what: said for what, said, *_ in _splitting(backwards, tuple(_FAMILIES)[::-1])}
    for what, said, *_ in _splitting(forwards):
        if said != back[what]:
            raise CheckFailed(f"{what}: {said}, and asked in another order: {back[what]}")


def _silent(*_: Any) -> None:
    """A policy that does nothing at all."""


def _content(view: EndpointsView) -> list[Any]:
    columns = (getattr(view, field.name) for field in fields(view))
    return [column.tobytes() if isinstance(column, np.ndarray) else column for column in columns]


ROUTING_CHECKS: Final = _checks(_routing)
SPLIT_CHECKS: Final = (*_checks(_splitting), check_remembers_nothing)
