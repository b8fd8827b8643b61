"""Which endpoint serves a request. Asked of the proxy through which the request comes: a node's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import index
from typing import Any, ClassVar

import numpy as np

from simulator.policy.view import Floats, Ints


@dataclass(frozen=True, slots=True)
class ProxyView:
    """The proxy that balances: the node that it is on, that node's zone, and the service that is asked for."""

    node: str
    zone: str
    service: str


@dataclass(frozen=True, slots=True)
class EndpointsView:
    """The endpoints that the proxy has been told of, a row each, in the order in which it has them: it may not know yet
    that one is dead. `workloads` is what their pods belong to.

    `rtt_s` is the latency from the proxy and back by the map of the network: nothing cut, nothing queued, every radio
    in reach of all of its cells; infinite where no way leads.
    """

    nodes: tuple[str, ...]
    zones: tuple[str, ...]
    workloads: tuple[str, ...]
    rtt_s: Floats

    def __len__(self) -> int:
        return len(self.nodes)


@dataclass(frozen=True, slots=True)
class BalancerView(EndpointsView):
    """The same endpoints with what the proxy has seen of them itself; nothing of what other proxies send there.

    `outstanding` are the tries that it has sent there and that have no answer, no refusal and no time-out yet: one that
    is lost and has no time-out stays, as its issuer waits for ever. `age_s` is how long ago the last answer or refusal
    came from there; infinite before the first.
    """

    outstanding: Ints
    age_s: Floats


@dataclass(frozen=True, slots=True)
class RequestView(ProxyView):
    """One try of a request, or of a call. `source` is the node that asks, `attempt` counts from 1."""

    source: str
    flow: str  # that the request belongs to, or whose request makes the call
    now_s: float
    attempt: int
    request_bytes: int
    response_bytes: int
    _uniform: Callable[[str], float]

    def uniform(self, name: str) -> float:
        """A uniform draw in [0, 1), fixed by the seed, this name, the source, the request's number and the try: the
        same whatever has been decided before."""
        return self._uniform(name)


class Routing:
    """Chooses an endpoint for each try. The constructor only stores its parameters.

    Every request costs a call in Python, but no simulated time; `Split` costs neither.
    """

    def route(self, request: RequestView, endpoints: BalancerView) -> int:
        """The row of the endpoint, of at least two. Anything else is a policy error, and one is drawn uniformly."""
        raise NotImplementedError


RoutingFunction = Callable[[RequestView, BalancerView], int]


class Split:
    """Divides requests over endpoints by weights that no single request changes, so that all of them are evaluated in
    arrays. The constructor only stores its parameters.

    An endpoint is drawn for each try, with probability in proportion to its weight. With `turns`, endpoints take turns
    instead, at each proxy, from one that is drawn: those with a weight above 0, which then is the same for all.
    """

    turns: ClassVar[bool] = False

    def weights(self, proxy: ProxyView, endpoints: EndpointsView) -> Floats:
        """A column of finite weights from 0 up, not all 0. Asked once for each proxy and list of endpoints, of which
        alone it may depend. Anything else is a policy error, and all have the same weight."""
        raise NotImplementedError


def fault_of_row(said: Any, n: int) -> str:
    """What is wrong with an answer of `Routing`; empty if nothing is. Raises TypeError for what is no number."""
    if isinstance(said, bool | np.bool_):
        return f"answered {said!r}: routing answers the row of an endpoint"
    return "" if 0 <= index(said) < n else f"answered row {said!r} of {n}"


def fault_of_weights(said: Any, n: int, *, turns: bool) -> str:
    """What is wrong with an answer of `Split`; empty if nothing is. Raises TypeError or ValueError for no numbers."""
    weights = np.asarray(said, np.float64)
    if weights.shape != (n,):
        return f"answered weights of shape {weights.shape} for {n} endpoints"
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        return f"answered {weights.tolist()}: weights are finite, from 0 up, and not all 0"
    if turns and len(np.unique(weights[weights > 0])) > 1:
        return f"answered {weights.tolist()}: who take turns have the same weight"
    return ""
