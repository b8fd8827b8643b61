"""What `littoral bench` measures: each driver builds its own small world, works it, and gives rows of CPU time.

CPU seconds are of this process and of the evaluation alone; what is compared ran in the same process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from time import process_time
from typing import Any, Protocol

import numpy as np

from simulator.control.api.client import Client
from simulator.control.api.objects import Node, Pod
from simulator.control.api.server import ApiServer
from simulator.control.scheduling import Scheduler
from simulator.engine.clock import Clock
from simulator.facts import Catalogue
from simulator.physics.distributions import Exponential
from simulator.policy.reference import instantiate
from simulator.record.buffer import Recorder
from simulator.simulation.entry import simulate
from simulator.simulation.settings import kubernetes as settings
from simulator.spec import load_experiment
from simulator.spec.mechanism import Framework, Watch
from simulator.spec.orchestrator import load_orchestrator
from simulator.streams import Rng
from simulator.traffic.flows import Behaviour, Call, Poisson, RequestFlow
from simulator.traffic.plane import RequestPlane
from simulator.traffic.reference_model import ReferencePlane
from simulator.units import MINUTE, MS, SECOND
from simulator.world.link import LinkRow
from simulator.world.network import Network
from simulator.world.node import NodeRow, NodeTable
from simulator.world.pod import ContainerTemplate, PodTemplate

Row = dict[str, Any]
Driver = Callable[[Mapping[str, Any], Path], Sequence[Row]]

_GI = 1 << 30


class _Plane(Protocol):
    """What the request plane and its SimPy peer have in common."""

    def add_behaviour(self, workload: str, behaviour: Behaviour) -> None: ...
    def add_requests(self, flow: RequestFlow) -> None: ...
    def program(self, proxy_node: int, service: str, pods: tuple[int, ...]) -> None: ...
    def pod_up(self, uid: int, workload: str, node: int, speed: float) -> None: ...
    def pod_down(self, uid: int, how: str) -> None: ...
    def finish(self, now: int) -> None: ...


@dataclass(slots=True)
class _Bench:
    """A network with a plane on it."""

    clock: Clock
    recorder: Recorder
    plane: _Plane


def _machine(name: str) -> NodeRow:
    return NodeRow(name, "box", "z", "worker", "linux/amd64", 4, 1.0, 16 * _GI, 100 * _GI, 1e8, 0)


def _bench(nodes: int, links: Sequence[LinkRow], make: type[RequestPlane] | type[ReferencePlane]) -> _Bench:
    clock, recorder, rng = Clock(), Recorder(), Rng(1)
    table = NodeTable([_machine(f"n{i}") for i in range(nodes)])
    network = Network(clock, table, links, recorder, rng)
    return _Bench(clock, recorder, make(clock, rng, recorder, table, network, interval_ns=10 * SECOND))


# Ten servers, each at the end of a link that ten Poisson sources share.


def _stream_bench(make: type[RequestPlane] | type[ReferencePlane]) -> _Bench:
    links = [LinkRow(f"l{i}", i, 10 + i, 10 * MS, 100e6, 100e6) for i in range(10)]
    bench = _bench(20, links, make)
    bench.plane.add_behaviour("api", Behaviour(Exponential(5 * MS)))
    for i in range(10):
        bench.plane.pod_up(i, "api", 10 + i, 1.0)
        bench.plane.program(i, "api", (i,))
    sources = tuple(i for i in range(10) for _ in range(10))
    bench.plane.add_requests(RequestFlow("ask", sources, sources, "api", Poisson(10.0), 1000, 1000))
    return bench


def _worked(bench: _Bench, seconds: int) -> tuple[float, int, float]:
    """CPU seconds, requests completed, and their mean latency in seconds."""
    begun = process_time()
    bench.clock.run(seconds * SECOND)
    bench.plane.finish(bench.clock.now)
    spent = process_time() - begun
    traffic = bench.recorder.traffic.frame()
    done = int(traffic["completed"].sum())
    return spent, done, float((traffic["mean_latency_s"].fill_nan(0.0) * traffic["completed"]).sum()) / done


def stream(_data: Mapping[str, Any], _base: Path) -> Sequence[Row]:
    """Requests per CPU second, latency sketches recorded, against a SimPy process for every request."""
    peer_s, peer_done, _ = _worked(_stream_bench(ReferencePlane), 100)
    peer = peer_done / peer_s
    rows: list[Row] = []
    for seconds in (100, 10_000):
        spent, done, mean = _worked(_stream_bench(RequestPlane), seconds)
        name = f"stream-{seconds}s"
        rows.append(
            {
                "name": name, "value": done / spent, "unit": "requests/CPU s", "peer": "SimPy, a process per request",
                "peer_value": peer, "ratio": done / spent / peer,
            }
        )  # fmt: skip
        rows.append({"name": f"{name}-mean-latency", "value": mean * 1000, "unit": "ms"})
    return rows


# Twelve services in a tree of calls. A request crosses one link there and back for each service (24 visits) and is
# worked on in each (12): 36 stage visits. Each service has two pods; once a minute the one in use dies.
_CALLEES = {0: (1, 2, 3), 1: (4, 5), 2: (6, 7), 3: (8, 9), 4: (10,), 5: (11,)}
_SERVICES = 12


def _loop_bench(make: type[RequestPlane] | type[ReferencePlane]) -> _Bench:
    caller = {callee: caller for caller, callees in _CALLEES.items() for callee in callees}
    # Node 0 is the user's, node 1 + s that of service s.
    links = [LinkRow(f"l{s}", 0 if s == 0 else 1 + caller[s], 1 + s, MS, 1e9, 1e9) for s in range(_SERVICES)]
    bench = _bench(1 + _SERVICES, links, make)
    for s in range(_SERVICES):
        calls = tuple(Call(f"s{c}", 1000, 1000, 500 * MS, 2) for c in _CALLEES.get(s, ()))
        bench.plane.add_behaviour(f"s{s}", Behaviour(Exponential(MS), workers=32, calls=calls))
        for copy in (0, 1):
            bench.plane.pod_up(2 * s + copy, f"s{s}", 1 + s, 1.0)
        for proxy in range(1 + _SERVICES):
            bench.plane.program(proxy, f"s{s}", (2 * s,))
    bench.plane.add_requests(RequestFlow("ask", (0,), (0,), "s0", Poisson(200.0), 1000, 1000, 2 * SECOND, 2))
    return bench


def _fail_over(bench: _Bench, minutes: int) -> None:
    """Once a minute one service's pod dies; a second later its callers use the other, and the dead one is up again."""

    def swap(s: int, dead: int, alive: int) -> None:
        bench.plane.pod_up(dead, f"s{s}", 1 + s, 1.0)
        for proxy in range(1 + _SERVICES):
            bench.plane.program(proxy, f"s{s}", (alive,))

    for minute in range(1, minutes):
        s, turn = minute % _SERVICES, minute // _SERVICES % 2
        dead, alive = 2 * s + turn, 2 * s + 1 - turn
        bench.clock.at(minute * MINUTE, bench.plane.pod_down, dead, "killed")
        bench.clock.at(minute * MINUTE + SECOND, swap, s, dead, alive)


def loop(_data: Mapping[str, Any], _base: Path) -> Sequence[Row]:
    """Stage visits per CPU second, with retries and a failover a minute, against SimPy."""
    visits = 3 * _SERVICES

    def rate(make: type[RequestPlane] | type[ReferencePlane], minutes: int) -> float:
        bench = _loop_bench(make)
        _fail_over(bench, minutes)
        spent, done, _ = _worked(bench, minutes * 60)
        return done * visits / spent

    ours, peer = rate(RequestPlane, 5), rate(ReferencePlane, 1)
    return [
        {
            "name": "loop", "value": ours, "unit": "visits/CPU s", "peer": "SimPy, a process per request",
            "peer_value": peer, "ratio": ours / peer,
        }
    ]  # fmt: skip


def placement(_data: Mapping[str, Any], base: Path) -> Sequence[Row]:
    """10,000 pods on 1,000 nodes by `least-loaded`, from the queue to bound and recorded."""
    pods, nodes = 10_000, 1_000
    page = load_orchestrator(Catalogue(), "kubernetes")
    frame, watch = page.get(Framework), page.get(Watch)
    clock, recorder = Clock(), Recorder()
    server = ApiServer(clock, recorder, watch.watch_latency)
    for i in range(nodes):
        server.create(
            Node(
                f"n{i}",
                zone=f"z{i % 20}",
                platform="linux/amd64",
                allocatable_cpu_m=8000,
                allocatable_ram_bytes=32 * _GI,
            )
        )
    client = Client(clock, server, frame.qps, frame.burst, watch.write_latency)
    policy = instantiate("least-loaded", {}, base, given=2)
    Scheduler(
        clock, Rng(1), recorder, server, client, policy=policy, settings=settings.scheduler(page, None, "stop")
    )  # fmt: skip
    container = ContainerTemplate("main", "img", 250, _GI // 4)
    template = PodTemplate("app", {"app": "app"}, (container,), cpu_m=250, ram_bytes=_GI // 4)
    clock.run(0)
    begun = process_time()
    for i in range(pods):
        server.create(Pod(f"p{i}", template=template))
    clock.run(600 * SECOND)
    spent = process_time() - begun
    bound = sum(bool(pod.node) for pod in server.list(Pod))
    assert bound == pods, bound
    return [
        {"name": "placement", "value": bound / spent, "unit": "placements/CPU s"},
        {"name": "placement-10000", "value": spent, "unit": "CPU s"},
    ]


def demo(_data: Mapping[str, Any], _base: Path) -> Sequence[Row]:
    """CPU seconds of the longest run of the quickstart, and of all that comes before the first."""
    ((path, values),) = load_experiment("quickstart").axes.items()
    start = process_time()
    spent = []
    for value in values:
        scenario = load_experiment("quickstart", {path: value}).resolve()
        data = {"scenario": scenario.dump(), "facts": dict(scenario.facts)}
        begun = process_time()
        simulate(data, seed=1, replication=0, base=scenario.folder, name=value, axes={}, case=None, options={})
        spent.append(process_time() - begun)
    return [
        {"name": "demo", "value": max(spent), "unit": "CPU s/run"},
        {"name": "demo-start", "value": start, "unit": "CPU s"},
    ]


def environment(_data: Mapping[str, Any], _base: Path) -> Sequence[Row]:
    """Steps per CPU second of the environment of placement, for each case: the best of three episodes with their
    resets, since others use the machine too. No row without the extra `rl`."""
    if find_spec("gymnasium") is None:
        return []
    import gymnasium  # noqa: PLC0415  # an extra

    rows: list[Row] = []
    for case in load_experiment("bench/environment").cases:
        scenario = load_experiment("bench/environment", case.set).resolve()
        env = gymnasium.make("simulator.rl:simulator/Placement-v0", scenario=scenario).unwrapped
        best = max(_steps_a_second(env, replication) for replication in range(3))
        rows.append({"name": f"environment-{case.name}", "value": best, "unit": "steps/CPU s"})
    return rows


def _steps_a_second(env: Any, replication: int) -> float:
    """An episode is stepped twice: by who looks, and then, measured, by the same actions, so that what an agent takes
    to think is left out."""
    options, actions, over = {"replication": replication}, [], False
    seen, _ = env.reset(seed=1, options=options)
    while not over:
        free_share, cpu = seen["nodes"][:, 0], seen["nodes"][:, 2]
        actions.append(int(np.where(env.action_masks(), free_share * cpu, -1).argmax()))
        seen, _, over, *_ = env.step(actions[-1])
    begun = process_time()
    env.reset(seed=1, options=options)
    for action in actions:
        env.action_masks()
        env.step(action)
    return len(actions) / (process_time() - begun)


def bench_drivers() -> Mapping[str, Driver]:
    """Name of an experiment in `experiments/bench/` -> what measures it."""
    return {"stream": stream, "loop": loop, "placement": placement, "demo": demo, "environment": environment}
