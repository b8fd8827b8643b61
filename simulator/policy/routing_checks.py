"""What policies for routing promise. Each check holds one promise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import partial
from typing import Any, Final

import numpy as np

from simulator.policy.asked_checks import Asked, checks
from simulator.policy.promises import CheckFailed, Raised, answer, copies
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


def _routing(policy: Any) -> Iterator[Asked]:
    decide = policy.route if isinstance(policy, Routing) else policy
    for family in _FAMILIES:
        for number in range(_TIMES):
            view = sample_endpoints(family)
            said = answer(decide, sample_request(number), view)
            fault = _fault(said, partial(fault_of_row, n=len(view)))
            yield Asked(f"{family} endpoints", said, fault, _content(view))


def _splitting(policy: Any, families: tuple[str, ...] = tuple(_FAMILIES)) -> Iterator[Asked]:
    decide = policy.weights if isinstance(policy, Split) else policy
    for family in families:
        full = sample_endpoints(family)
        view = EndpointsView(full.nodes, full.zones, full.workloads, full.rtt_s)
        said = answer(decide, ProxyView("node-0", "zone-0", "web"), view)
        turns = bool(getattr(policy, "turns", False))
        fault = _fault(said, partial(fault_of_weights, n=len(view), turns=turns))
        plain = said if isinstance(said, Raised) else np.asarray(said).tolist()
        yield Asked(f"{family} endpoints", plain, fault, _content(view))


def _fault(said: Any, fault_of: Callable[[Any], str]) -> str:
    if isinstance(said, Raised):
        return str(said)
    try:
        return fault_of(said)
    except (TypeError, ValueError):
        return f"answered {said!r}, which is no number"


def check_remembers_nothing(policy: Any) -> None:
    """Its weights depend on what it is shown, whatever it has been asked before: nobody says when it is asked."""
    forwards, backwards = copies(policy, 2)
    back = {asked.what: asked.said for asked in _splitting(backwards, tuple(_FAMILIES)[::-1])}
    for asked in _splitting(forwards):
        if asked.said != back[asked.what]:
            raise CheckFailed(f"{asked.what}: {asked.said}, and asked in another order: {back[asked.what]}")


def _content(view: EndpointsView) -> list[Any]:
    columns = (getattr(view, field.name) for field in fields(view))
    return [column.tobytes() if isinstance(column, np.ndarray) else column for column in columns]


ROUTING_CHECKS: Final = checks(_routing, now="request.now_s", random="request.uniform")
SPLIT_CHECKS: Final = (
    *checks(_splitting, now="the view: it has no time", random="weights: the plane draws"),
    check_remembers_nothing,
)
