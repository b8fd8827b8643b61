"""How a scenario's policy chooses among the endpoints that a proxy has; without one, the plane draws uniformly.

A `Splitter` needs nothing but weights, so the stream evaluator may take what it divides. A `Balancer` is asked about
every try, with what its proxy has seen until then: only the loop lets things happen in that order.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np

from simulator.policy.routing import (
    BalancerView,
    EndpointsView,
    ProxyView,
    RequestView,
    Routing,
    RoutingFunction,
    Split,
    fault_of_row,
    fault_of_weights,
)
from simulator.policy.view import Floats, Ints
from simulator.record.buffer import Recorder
from simulator.streams import Rng, key
from simulator.traffic.calls import Choice, Choices, Site
from simulator.traffic.tries import K_BITS, Request
from simulator.units import SECOND
from simulator.world.network import Network
from simulator.world.node import NodeTable

# (subject, fault_of, decide, *ask, at=ns) -> the answer, or None where it was no good
Ask = Callable[..., Any]
_K: Final = (1 << K_BITS) - 1
_Static = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], Floats]  # the columns of an EndpointsView


class Router:
    """Orders the endpoints of an asker, picks one of them, and is told when a try is over."""

    __slots__ = ("_ask", "_network", "_nodes", "choice")
    arrays = True  # whether requests may be evaluated as streams

    def __init__(self, ask: Ask, nodes: NodeTable, network: Network) -> None:
        self._ask, self._nodes, self._network = ask, nodes, network
        self.choice = False  # whether any proxy ever had more than one endpoint of a service

    def offer(self, proxy: int, service: str, choices: Choices) -> Choices:
        """Those that may be picked, of the endpoints that the proxy has; at least one."""
        raise NotImplementedError

    def pick(self, choices: Choices, site: Site, request: Request, now: int) -> Choice | None:
        """The endpoint of a try that is issued now; None: the answer is still to come, and the plane waits for it."""
        raise NotImplementedError

    def over(self, choice: Choice, now: int, *, heard: bool) -> None:
        """Who issued a try has its outcome now; `heard`: from the endpoint."""

    def _static(self, proxy: int, choices: Choices) -> _Static:
        """The columns of an `EndpointsView`."""
        names, zones, at = self._nodes.names, self._nodes.zone, [choice.station.node for choice in choices]
        rtt = [self._latency_s(proxy, node) + self._latency_s(node, proxy) for node in at]
        column = np.array(rtt)
        column.flags.writeable = False
        workloads = tuple(choice.station.workload for choice in choices)
        return tuple(names[node] for node in at), tuple(zones[node] for node in at), workloads, column

    def _latency_s(self, a: int, b: int) -> float:
        route = self._network.intact(a, b)
        return float("inf") if route is None else route.latency_ns / SECOND


class Lot:
    """How a proxy divides requests over some endpoints: uniformly, by `upto`, or in turn."""

    __slots__ = ("next", "rows", "turns", "upto")

    def __init__(self, rows: list[int], upto: list[float], *, turns: bool, first: int) -> None:
        self.rows = rows  # that have a weight, of the proxy's endpoints
        self.upto = upto  # cumulative shares; empty if all have the same
        self.turns, self.next = turns, first


class Splitter(Router):
    """By the weights of a `Split`."""

    __slots__ = ("_lots", "_policy", "_rng")

    def __init__(self, policy: Split, ask: Ask, nodes: NodeTable, network: Network, *, rng: Rng) -> None:
        super().__init__(ask, nodes, network)
        self._policy, self._rng = policy, rng
        self._lots: dict[tuple[int, str, tuple[tuple[int, int], ...]], Lot] = {}

    def offer(self, proxy: int, service: str, choices: Choices) -> Choices:
        """Those with a weight."""
        self.choice |= len(choices) > 1
        there = tuple((choice.station.uid, choice.station.node) for choice in choices)
        lot = self._lots.get((proxy, service, there))
        if lot is None:
            lot = self._lots[proxy, service, there] = self._lot(proxy, service, choices)
        return Choices((choices[row] for row in lot.rows), lot)

    def pick(self, choices: Choices, site: Site, request: Request, now: int) -> Choice:
        """Whose turn it is, or who is drawn."""
        lot: Lot = choices.lot
        n = len(choices)
        if n == 1:
            return choices[0]
        if lot.turns:
            lot.next += 1
            return choices[(lot.next - 1) % n]
        u = _draw(request, site, site.pick)
        return choices[bisect_right(lot.upto, u) if lot.upto else int(u * n)]

    def _lot(self, proxy: int, service: str, choices: Choices) -> Lot:
        turns, n = bool(self._policy.turns), len(choices)
        node = self._nodes.names[proxy]
        seen = ProxyView(node, self._nodes.zone[proxy], service), EndpointsView(*self._static(proxy, choices))
        said = self._ask(service, partial(fault_of_weights, n=n, turns=turns), self._policy.weights, *seen)
        weights = np.ones(n) if said is None else np.asarray(said, np.float64)
        rows = np.flatnonzero(weights)
        kept = weights[rows]
        upto = [] if (kept == kept[0]).all() else (np.cumsum(kept) / kept.sum()).tolist()
        upto[-1:] = [1.0] if upto else []
        first = int(self._rng.draw(f"turn/{service}", key(node)) * len(rows))
        return Lot(rows.tolist(), upto, turns=turns, first=first)


class _Seen:
    """What one proxy has seen of a service's endpoints, by the order in which it heard of them."""

    __slots__ = ("heard", "outstanding", "rows")

    def __init__(self) -> None:
        self.rows: dict[int, int] = {}  # by pod uid
        self.outstanding: Ints = np.zeros(0, np.int64)
        self.heard: Floats = np.zeros(0)  # s; -inf: never

    def row(self, uid: int) -> int:
        """Where an endpoint is."""
        found = self.rows.get(uid)
        if found is None:
            found = self.rows[uid] = len(self.rows)
            self.outstanding = np.append(self.outstanding, 0)
            self.heard = np.append(self.heard, -np.inf)
        return found


class _Bench:
    """The endpoints of a proxy now: what a policy sees of them."""

    __slots__ = ("fault", "proxy", "rows", "seen", "static")

    def __init__(self, proxy: ProxyView, seen: _Seen, rows: Ints, static: _Static) -> None:
        self.proxy, self.seen, self.rows, self.static = proxy, seen, rows, static
        self.fault = partial(fault_of_row, n=len(rows))


class Balancer(Router):
    """Asks a `Routing` about each try. Of a `sample` of the requests it writes where they went."""

    __slots__ = ("_recorder", "_route", "_sample", "_seen")
    arrays = False

    def __init__(
        self, policy: Routing | RoutingFunction, ask: Ask, nodes: NodeTable, network: Network, *,
        recorder: Recorder, sample: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(ask, nodes, network)
        self._route = policy.route if isinstance(policy, Routing) else policy
        self._recorder, self._sample = recorder, sample
        self._seen: dict[tuple[int, str], _Seen] = {}

    def offer(self, proxy: int, service: str, choices: Choices) -> Choices:
        """All of them."""
        self.choice |= len(choices) > 1
        seen = self._seen.setdefault((proxy, service), _Seen())
        rows = [seen.row(choice.station.uid) for choice in choices]
        for choice, row in zip(choices, rows, strict=True):
            choice.known = seen, row
        view = ProxyView(self._nodes.names[proxy], self._nodes.zone[proxy], service)
        return Choices(choices, _Bench(view, seen, np.array(rows, np.int64), self._static(proxy, choices)))

    def pick(self, choices: Choices, site: Site, request: Request, now: int) -> Choice | None:
        """What the policy answers; where there is but one, nobody is asked."""
        choice = choices[0] if len(choices) == 1 else self._asked(choices, site, request, now)
        if choice is not None:
            seen, row = choice.known
            seen.outstanding[row] += 1
        return choice

    def over(self, choice: Choice, now: int, *, heard: bool) -> None:
        """One try less is outstanding."""
        if choice.known is not None:  # it was issued before there was a balancer
            seen, row = choice.known
            seen.outstanding[row] -= 1
            if heard:
                seen.heard[row] = now / SECOND

    def _asked(self, choices: Choices, site: Site, request: Request, now: int) -> Choice | None:
        bench: _Bench = choices.lot
        of, view = self._views(choices, site, request, now)
        said = self._ask(of.service, bench.fault, self._route, of, view, at=now)
        chosen = _drawn(choices, site, request) if said is None else choices[int(said)]
        if self._sample and _draw(request, site, f"sample/{of.flow}") < self._sample:
            name = f"{of.source}/{site.name}/{request.id & _K}"
            node = self._nodes.names[chosen.station.node]
            self._recorder.decisions.add(now, name, "Route", node, 0, len(choices), len(choices))
        return chosen

    def _views(self, choices: Choices, site: Site, request: Request, now: int) -> tuple[RequestView, BalancerView]:
        bench: _Bench = choices.lot
        proxy, seen, now_s = bench.proxy, bench.seen, now / SECOND

        def uniform(name: str) -> float:
            return _draw(request, site, f"route/{name}/{site.name}")

        of = RequestView(
            proxy.node, proxy.zone, proxy.service, self._nodes.names[choices[0].asker],
            site.name.partition(">")[0].partition("~")[0], now_s, site.tried + 1, site.request_bytes,
            site.response_bytes, uniform,
        )  # fmt: skip
        outstanding, age_s = seen.outstanding[bench.rows], now_s - seen.heard[bench.rows]
        return of, BalancerView(*bench.static, outstanding=outstanding, age_s=age_s)


class RouteAsk:
    """Which endpoint serves this try? Answered once, with a row."""

    __slots__ = ("endpoints", "request")

    def __init__(self, request: RequestView, endpoints: BalancerView) -> None:
        self.request, self.endpoints = request, endpoints


class Outside(Balancer):
    """Lets somebody outside answer: while it is `asking`, the plane stops at each ask until `answer` is called. What
    comes otherwise is drawn uniformly."""

    __slots__ = ("_row", "asking", "ended", "pending")

    def __init__(
        self, ask: Ask, nodes: NodeTable, network: Network, *, recorder: Recorder, sample: float, before: Router | None
    ) -> None:
        super().__init__(self._given, ask, nodes, network, recorder=recorder, sample=sample)
        if isinstance(before, Balancer):  # proxies know what they know, whoever asks them
            self._seen = before._seen
        self.asking = False
        self.pending: RouteAsk | None = None
        self.ended: list[Ints] = []  # requests: when they were issued and ended (ns), and their outcome; (3, n)
        self._row: int | None = None

    def answer(self, row: int) -> None:
        """Answer the pending ask. Raises ValueError if there is none."""
        if self.pending is None:
            raise ValueError("nothing has been asked")
        self.pending, self._row = None, row

    def _asked(self, choices: Choices, site: Site, request: Request, now: int) -> Choice | None:
        """The answer; None if it is still to be given."""
        if self._row is not None:
            return super()._asked(choices, site, request, now)
        if not self.asking:
            self.pending = None
            return _drawn(choices, site, request)
        if self.pending is None:
            self.pending = RouteAsk(*self._views(choices, site, request, now))
        return None

    def _given(self, _request: RequestView, _endpoints: BalancerView) -> int:
        row, self._row = self._row, None
        assert row is not None
        return row


def _drawn(choices: Choices, site: Site, request: Request) -> Choice:
    """Any, as without a policy."""
    return choices[int(_draw(request, site, site.pick) * len(choices))]


def _draw(request: Request, site: Site, name: str) -> float:
    """A uniform draw of this name, of the request."""
    column = request.columns.get(name) or request.batch.uniforms(name, site.batched)
    return float(column[request.i])
