"""Stream, loop and the SimPy reference give every request the same outcome at the same nanosecond."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from unittest import mock

import numpy as np
from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import strategies as st

from routers import router
from simulator.engine.clock import Clock
from simulator.physics.distributions import Constant, Distribution, Exponential
from simulator.record.buffer import Recorder
from simulator.streams import Rng
from simulator.traffic import stream
from simulator.traffic.flows import Arrivals, Behaviour, Call, Closed, Every, Poisson, RequestFlow, Trace
from simulator.traffic.kernels import capacity
from simulator.traffic.plane import RequestPlane
from simulator.traffic.reference_model import ReferencePlane
from simulator.traffic.tries import AFTER_ALL
from simulator.units import MS, SECOND, US
from simulator.world.link import LinkRow, Rates
from simulator.world.message import Retransmission
from simulator.world.network import Network
from simulator.world.node import NodeRow, NodeTable

# Two sites behind one core: 0 core, 1 and 2 gateways, 3 to 6 workers, 7 and 8 tills; 9 is on a second way 1-2.
EDGES = [(0, 1), (0, 2), (1, 2), (1, 3), (1, 4), (2, 5), (2, 6), (1, 7), (2, 8)]
WORKERS, TILLS = (3, 4, 5, 6), (7, 8)
END = SECOND
TCP = Retransmission(least_ns=20 * MS, most_ns=200 * MS, tries=2)


@dataclass
class World:
    seed: int
    links: list[LinkRow]
    behaviours: dict[str, Behaviour]
    pods: dict[int, tuple[str, int, float]]  # uid -> workload, node, speed
    flows: list[RequestFlow]
    changes: list[tuple[int, str, tuple[Any, ...]]] = field(default_factory=list)
    tcp: Retransmission | None = None


def node(i: int) -> NodeRow:
    return NodeRow(f"n{i}", "m", f"z{i % 3}", "worker", "linux/amd64", 1, 1.0, 1, 1, 1.0, 1)


def run(world: World, plane_of: Callable[..., Any]) -> tuple[Any, dict[str, Any]]:
    clock, rng, recorder = Clock(), Rng(world.seed), Recorder()
    nodes = NodeTable([node(i) for i in range(10)])
    network = Network(clock, nodes, world.links, recorder, rng, retransmission=TCP)
    plane = plane_of(clock, rng, recorder, nodes, network, interval_ns=100 * MS, sample=1.0, retransmission=world.tcp)
    for workload, behaviour in world.behaviours.items():
        plane.add_behaviour(workload, behaviour)
    for uid, (workload, where, speed) in world.pods.items():
        plane.pod_up(uid, workload, where, speed)
    for flow in world.flows:
        plane.add_requests(flow)
    cuts: dict[int, list[int]] = {}

    def change(kind: str, args: tuple[Any, ...]) -> None:
        match kind:
            case "program":
                plane.program(*args)
            case "cut":
                cuts.setdefault(args[0], []).append(network.cut(args[0], args[1], *args[2:]))
            case "mend":
                if cuts.get(args[0]):
                    network.mend(args[0], cuts[args[0]].pop())
            case "down":
                plane.pod_down(args[0], "killed")
            case "up":
                workload, where, speed = world.pods[args[0]]
                if nodes.up[where]:
                    plane.pod_up(args[0], workload, where, speed * args[1])
            case "node":
                network.set_node(*args)
            case "look":
                plane.settle(clock.now)

    for time, kind, args in sorted(world.changes, key=lambda c: c[0]):
        clock.at(time, change, kind, args)
    clock.run(END)
    plane.finish(END)
    return plane, {name: getattr(recorder, name).frame() for name in ("requests", "traffic")}


def planes(exact: bool) -> Callable[..., Any]:
    return lambda *args, **kw: RequestPlane(*args, **kw, exact_events=exact)


durations = st.sampled_from([1, 3, 100, 50 * US, MS, 10 * MS, 40 * MS])


@st.composite
def rates(draw: st.DrawFn) -> Rates:
    """Rates over time, among them zeros, the last one too, and such as are no whole number of bits in a ns."""
    times = draw(st.lists(st.integers(0, 400).map(lambda t: t * MS + t % 3), min_size=1, max_size=5, unique=True))
    some = st.sampled_from([0.0, 0.0, 7e4, 333_333.3, 1e6, 1e9])
    found = tuple((time, draw(some)) for time in sorted(times))
    return found if any(rate for _, rate in found) else (*found, (401 * MS, 1e6))


traces = st.fixed_dictionaries(
    {"traces": st.tuples(st.one_of(st.just(()), rates()), rates()), "period_ns": st.sampled_from([0, 402 * MS])}
)


@st.composite
def worlds(draw: st.DrawFn, *, plain: bool = False) -> World:
    latency = st.sampled_from([0, 1, 50 * US, MS, 5 * MS])
    links = []
    for i, (a, b) in enumerate(EDGES):
        delay = draw(latency)
        jitter = draw(st.sampled_from([0, 0, delay // 2]))
        loss = draw(st.sampled_from([0.0, 0.0, 0.0, 0.3]))
        rate = draw(st.sampled_from([1e5, 1e6, 1e9]))
        idle, wakes, radio = draw(st.sampled_from([(0, 0, "")] * 3 + [(MS, 5 * MS, ""), (40 * MS, 30 * MS, "r")]))
        row = LinkRow(f"l{i}", a, b, delay, rate, 1e6, jitter, loss, "m", radio, idle_ns=idle, promotion_ns=wakes)
        links.append(replace(row, **draw(traces)) if draw(st.integers(0, 2)) == 0 else row)
    work: st.SearchStrategy[Distribution] = st.one_of(
        st.builds(Constant, st.sampled_from([1.0, 1e4, 5e6, 6e7])), st.builds(Exponential, st.sampled_from([1e5, 2e7]))
    )
    patience = st.sampled_from([None, None, 3 * MS, 30 * MS, 200 * MS])
    names = ["a", "b", "c"]

    def call(target: str) -> Call:
        sizes, retries = st.integers(1, 2000), 0 if plain else draw(st.integers(0, 2))
        return Call(target, draw(sizes), draw(sizes), draw(patience), retries)

    behaviours = {}
    for i, name in enumerate(names):
        below = [] if plain else names[i + 1 :]
        targets = draw(st.lists(st.sampled_from(below), max_size=2)) if below else []
        behaviours[name] = Behaviour(
            draw(work), draw(st.integers(1, 3)), draw(st.sampled_from(["blocking", "async"])), tuple(map(call, targets))
        )
    hosts = WORKERS[:2] if plain else (*WORKERS, *TILLS)  # on one side only: requests one way, responses the other
    pods = {
        uid: (names[uid % 3], draw(st.sampled_from(hosts)), draw(st.sampled_from([0.5, 1.0, 1.7]))) for uid in range(6)
    }
    kinds: list[st.SearchStrategy[Arrivals]] = [
        st.builds(Poisson, st.sampled_from([5.0, 40.0])),
        st.builds(Every, st.sampled_from([10 * MS, 100 * MS])),
        st.just(Trace(np.array([0, 5 * MS, 5 * MS, 300 * MS, 700 * MS], np.int64))),
    ]
    if not plain:
        kinds.append(st.builds(Closed, st.integers(1, 3), st.builds(Exponential, st.sampled_from([1e7, 1e8]))))
    arrivals = st.one_of(kinds)
    flows = []
    for i in range(draw(st.integers(1, 2))):
        sources = tuple(draw(st.lists(st.sampled_from(TILLS), min_size=1, max_size=3)))
        asked = call(draw(st.sampled_from(names)))
        flows.append(
            RequestFlow(
                f"f{i}",
                sources,
                sources,
                asked.target,
                draw(arrivals),
                asked.request_bytes,
                asked.response_bytes,
                asked.timeout_ns,
                asked.retries,
            )
        )
    uids = {name: tuple(uid for uid in pods if pods[uid][0] == name) for name in names}
    # A service may have a pod of another workload among its endpoints, which works and calls differently.
    endpoints = {name: uids[name] + uids["c"][: draw(st.integers(0, 1))] for name in names[:2]} | {"c": uids["c"]}
    changes: list[tuple[int, str, tuple[Any, ...]]] = [
        (0, "program", (where, name, endpoints[name])) for where in (*WORKERS, *TILLS) for name in names
    ]
    modes = st.sampled_from([("silent",), ("refused",), ("one-way", 0.0, 1), ("one-way",), ("lossy", 0.5)])
    link = st.integers(0, len(EDGES) - 1)
    change = st.one_of(
        st.tuples(st.just("cut"), st.tuples(link, modes).map(lambda x: (x[0], *x[1]))),
        st.tuples(st.just("mend"), st.tuples(link)),
        st.tuples(st.just("down"), st.tuples(st.integers(0, 5))),
        st.tuples(st.just("up"), st.tuples(st.integers(0, 5), st.sampled_from([1.0, 1.0, 0.25]))),
        st.tuples(st.just("node"), st.tuples(st.integers(1, 8), st.booleans())),
        st.tuples(st.just("look"), st.just(())),
        st.tuples(st.sampled_from([*WORKERS, *TILLS]), st.sampled_from(names), st.integers(0, 2)).map(
            lambda x: ("program", (x[0], x[1], endpoints[x[1]][: x[2]]))
        ),
    )
    times = st.one_of(st.integers(0, END), st.sampled_from([5 * MS, 100 * MS, 300 * MS]))
    changes += [(draw(times), *draw(change)) for _ in range(draw(st.integers(0, 3 if plain else 12)))]
    # A pod that is asked stops, and is withdrawn a little later.
    stops, target = draw(times), flows[0].target
    changes += [(stops, "down", (uids[target][0],))]
    changes += [(stops + draw(durations), "program", (till, target, endpoints[target][1:])) for till in TILLS]
    tcp = draw(st.sampled_from([None, TCP]))
    return World(draw(st.integers(0, 1000)), links, behaviours, pods, flows, changes, tcp)


class JoinsTheShortest(ReferencePlane):
    """Where the fewest of a proxy's tries are, that have no answer and no time-out yet; a retry is counted after."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.there: Counter[Any] = Counter()

    def _pick(self, x: Any, proxy: int, pods: list[Any]) -> Any:
        counts = [self.there[proxy, x.call.target, id(pod)] for pod in pods]
        least = [pod for pod, count in zip(pods, counts, strict=True) if count == min(counts)]
        pod = least[int(self._draw(f"route/tie/{x.site}", x.request) * len(least))]
        place, left = (proxy, x.call.target, id(pod)), [1]

        def over(_: Any) -> None:
            self.there[place] -= left[0]
            left[0] = 0

        self.there[place] += 1
        x.answer.callbacks.append(over)
        if x.call.timeout_ns is not None:
            self._after(x.call.timeout_ns, AFTER_ALL + x.key).callbacks.append(over)
        return pod


def routed(policy: str, exact: bool) -> Callable[..., Any]:
    """A plane whose requests a shipped policy routes."""

    def make(clock: Clock, rng: Rng, recorder: Recorder, nodes: NodeTable, network: Network, **kw: Any) -> RequestPlane:
        plane = RequestPlane(clock, rng, recorder, nodes, network, **kw, exact_events=exact)
        plane.route_by(router(policy, rng, recorder, nodes, network))
        return plane

    return make


def same(world: World, *evaluators: bool) -> None:
    """Every table of the plane, with each of the evaluators, is the reference's."""
    _, expected = run(world, ReferencePlane)
    for exact in evaluators:
        plane, found = run(world, planes(exact))
        for name, frame in expected.items():
            if not found[name].equals(frame, null_equal=True):
                note(f"exact={exact} {name} {plane.evaluators()}\n{found[name]}\n{frame}")
            assert found[name].equals(frame, null_equal=True)
        if not exact:
            event(f"streamed: {any(counts['stream'] for counts in plane.evaluators().values())}")
    for outcome in expected["requests"]["outcome"].unique():
        event(outcome)


LENIENT = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@LENIENT
@given(worlds())
def test_the_loop_is_the_reference(world: World) -> None:
    same(world, True)


@LENIENT
@given(worlds(plain=True))
def test_the_stream_is_the_reference(world: World) -> None:
    with mock.patch.object(stream, "LEAST", 1e-9), mock.patch.object(capacity, "_FEW", 2):  # all is worth an array
        same(world, False)


@settings(LENIENT, max_examples=40)
@given(worlds())
def test_who_joins_the_shortest_queue_does_so_in_the_reference(world: World) -> None:
    _, expected = run(world, JoinsTheShortest)
    _, found = run(world, routed("least-loaded", False))
    for name, frame in expected.items():
        assert found[name].equals(frame, null_equal=True)


@settings(LENIENT, max_examples=40)
@given(worlds(plain=True), st.sampled_from(["random", "round-robin", "nearest", "uneven"]))
def test_what_is_divided_by_weights_is_the_same_in_arrays(world: World, policy: str) -> None:
    _, exact = run(world, routed(policy, True))
    with mock.patch.object(stream, "LEAST", 1e-9):
        plane, found = run(world, routed(policy, False))
    event(f"{policy} streamed: {any(counts['stream'] for counts in plane.evaluators().values())}")
    for name, frame in exact.items():
        assert found[name].equals(frame, null_equal=True)
    if policy == "random":
        _, plain = run(world, planes(False))
        assert all(found[name].equals(frame, null_equal=True) for name, frame in plain.items())
