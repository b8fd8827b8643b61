"""Two standing loads that `bench` measures, for the plane and for its SimPy peer alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulator.engine.clock import Clock
from simulator.physics.distributions import Exponential
from simulator.record.buffer import Recorder
from simulator.streams import Rng
from simulator.traffic.flows import Behaviour, Call, Poisson, RequestFlow
from simulator.units import MINUTE, MS, SECOND
from simulator.world.link import LinkRow
from simulator.world.network import Network
from simulator.world.node import NodeRow, NodeTable

PlaneOf = Callable[..., Any]  # RequestPlane or ReferencePlane: what takes their arguments


@dataclass(slots=True)
class Case:
    """A load on a plane. `run(until)` lets its faults happen and evaluates everything."""

    clock: Clock
    network: Network
    plane: Any
    recorder: Recorder

    def run(self, until: int) -> None:
        self.clock.run(until)
        self.plane.finish(until)


def _world(plane_of: PlaneOf, seed: int, names: list[tuple[str, str]], links: list[LinkRow], **options: Any) -> Case:
    clock, rng, recorder = Clock(), Rng(seed), Recorder()
    nodes = NodeTable(
        [NodeRow(n, "pc", zone, "worker", "linux/amd64", 4, 1.0, 8 << 30, 1 << 40, 1e9, MINUTE) for n, zone in names]
    )
    network = Network(clock, nodes, links, recorder, rng)
    return Case(clock, network, plane_of(clock, rng, recorder, nodes, network, **options), recorder)


def cells(plane_of: PlaneOf, seed: int = 1, *, cells: int = 10, interval_ns: int = 10 * SECOND, **options: Any) -> Case:
    """Stream: cells of ten Poisson sources (10/s) that share a link (10 ms, 100 Mbit/s each way) to a server.

    1 kB there and back, exponential work of 5 ms, first in first out: 2 · (10 + 0.08) + 5 / (1 - 0.5) = 30.16 ms
    in the mean, as messages of 1 kB hardly ever meet on the link.
    """
    names = [(f"{kind}-{i}", f"cell-{i}") for i in range(cells) for kind in ("client", "server")]
    links = [LinkRow(f"l-{i}", 2 * i, 2 * i + 1, 10 * MS, 1e8, 1e8) for i in range(cells)]
    case = _world(plane_of, seed, names, links, interval_ns=interval_ns, **options)
    case.plane.add_behaviour("echo", Behaviour(Exponential(5.0 * MS)))
    for i in range(cells):
        case.plane.pod_up(i, "echo", 2 * i + 1, 1.0)
        case.plane.program(2 * i, "echo", (i,))
    sources = tuple(2 * i for i in range(cells) for _ in range(10))
    case.plane.add_requests(RequestFlow("ask", sources, sources, "echo", Poisson(10.0), 1000, 1000))
    return case


# Who calls whom: each service is called once in a request, as in a shop's call graph (front end, carts, catalogue …).
_GRAPH = {0: (1, 2, 3, 4), 1: (5, 6), 2: (7,), 3: (8, 9), 5: (10,), 8: (11,)}


def call_graph(plane_of: PlaneOf, seed: int = 1, *, interval_ns: int = 10 * SECOND, **options: Any) -> Case:
    """Loop: twelve services, each called over a link, served, and answered over a link: 36 stage visits a request.

    Two pods a service on two nodes behind one switch, blocking threads, time-outs with retries, and each minute
    one node fails over: it is dead for 5 s, its endpoints are withdrawn after 2 s, and come back with it.
    """
    names = [("switch", "room"), ("user", "room"), *((f"node-{i}", "room") for i in range(24))]
    links = [LinkRow(f"l-{i}", 0, i, MS // 4, 1e9, 1e9) for i in range(1, 26)]
    # A link to each peer, so that a call crosses one link: the pods of service s are on nodes 2 + s and 14 + s.
    for caller, callees in ((-1, (0,)), *_GRAPH.items()):
        for a in (1,) if caller < 0 else (2 + caller, 14 + caller):
            links += [
                LinkRow(f"p-{a}-{b}", a, b, MS // 5, 1e9, 1e9) for callee in callees for b in (2 + callee, 14 + callee)
            ]
    case = _world(plane_of, seed, names, links, interval_ns=interval_ns, **options)
    plane, network = case.plane, case.network
    for s in range(12):
        calls = tuple(Call(f"s{callee}", 500, 1500, 500 * MS, 1) for callee in _GRAPH.get(s, ()))
        plane.add_behaviour(f"s{s}", Behaviour(Exponential(0.5 * MS), 16, "blocking", calls))
        plane.pod_up(s, f"s{s}", 2 + s, 1.0)
        plane.pod_up(12 + s, f"s{s}", 14 + s, 1.0)
    askers = range(1, 26)

    def endpoints(service: int, pods: tuple[int, ...]) -> None:
        for asker in askers:
            plane.program(asker, f"s{service}", pods)

    def fail(service: int) -> None:
        network.set_node(14 + service, False)
        case.clock.after(2 * SECOND, endpoints, service, (service,))
        case.clock.after(5 * SECOND, heal, service)
        case.clock.after(MINUTE, fail, (service + 1) % 12)

    def heal(service: int) -> None:
        network.set_node(14 + service, True)
        plane.pod_up(12 + service, f"s{service}", 14 + service, 1.0)
        endpoints(service, (service, 12 + service))

    for s in range(12):
        endpoints(s, (s, 12 + s))
    sources = (1,) * 20
    plane.add_requests(RequestFlow("buy", sources, sources, "s0", Poisson(10.0), 500, 1500, 2 * SECOND, 2))
    case.clock.at(30 * SECOND, fail, 1)
    return case
