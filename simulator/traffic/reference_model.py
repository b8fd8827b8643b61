"""The request plane once more, as anybody would write it in SimPy: a process for every source, request and try.

It is the oracle of the tests and the peer of the benchmarks, and used nowhere else. It shares with the plane the
names of draws, the arithmetic of a way over odd links, and the tally; queues, workers, calls, time-outs, retries
and failures are SimPy's resources, processes, events and interrupts. Give it a Clock of its own world; it runs an
inner clock up to now whenever something changes, as the plane settles itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np
import simpy
from simpy.events import Event, Process

from simulator.engine.clock import Clock
from simulator.record.buffer import Recorder
from simulator.streams import Rng
from simulator.traffic import tries
from simulator.traffic.calls import Step
from simulator.traffic.flows import Behaviour, Call, Closed, Every, Poisson, RequestFlow, Trace
from simulator.traffic.tally import Tally
from simulator.traffic.tries import AFTER_ALL, K_BITS, SERIAL_BITS
from simulator.traffic.ways import Ways, identity, round_trip
from simulator.units import SECOND
from simulator.world.link import LinkRow
from simulator.world.message import Retransmission
from simulator.world.network import Network
from simulator.world.node import NodeTable

Steps = Generator[Event, Any, Any]
_CASCADE = 2  # SimPy's own priorities are 0 and 1: what an event sets off at its instant comes before the next key


class _Lost(Exception):
    """A message is gone and nobody is told."""


class _Told(Exception):
    """A try has failed, and its issuer is told from this node."""

    def __init__(self, node: int, reason: int) -> None:
        self.node, self.reason = node, reason


def _cause(interrupt: simpy.Interrupt) -> Exception:
    """Why a process was interrupted: what it would have raised itself."""
    assert isinstance(interrupt.cause, Exception)
    return interrupt.cause


class _Line:
    """A directed link: a resource of one, and the processes that are on it."""

    def __init__(self, env: simpy.Environment) -> None:
        self.sender = simpy.Resource(env)
        self.waiting = 0  # to be sent, or being sent
        self.sent = -1 << 62  # when the last was
        self.on: dict[Process, bool] = {}  # whether it carries a request (or a response)
        self.through = Fraction(0)  # exactly when the last was, or will be, sent, where a trace says how fast


class _Pod:
    """A pod: its workers, and the processes that are in it."""

    def __init__(self) -> None:
        self.workload = ""
        self.node = -1
        self.running = False
        self.speed = 1.0
        self.workers: simpy.Resource | None = None
        self.inside: dict[Process, None] = {}


def _through(row: LinkRow, way: int, begin: Fraction, bits: int) -> Fraction | None:
    """When so many bits are sent, step after step of a trace and lap after lap; None: never."""
    trace, left, lap = row.traces[way], Fraction(bits * SECOND), 0
    rate, since = (row.up_bps, row.down_bps)[way], Fraction(0)
    while True:
        for time, following in trace:
            until = max(Fraction(lap * row.period_ns + time), begin)
            done = (until - max(since, begin)) * Fraction(rate)
            if done >= left:
                return max(since, begin) + left / Fraction(rate)
            left, since, rate = left - done, until, following
        if not row.period_ns:
            return max(since, begin) + left / Fraction(rate) if rate else None
        lap += 1


class _Request:
    """A request of a user."""

    def __init__(self, flow: str, source: int, where: tuple[int, int], number: int, issued: int) -> None:
        self.flow, self.source, self.where = flow, source, where
        self.id, self.issued, self.serial = number, issued, 0
        self.k = number & ((1 << K_BITS) - 1)
        self.ended: Callable[[], object] | None = None  # what a user of a closed flow waits for


class _Try:
    """A try: `answer` succeeds with 0, or with why it failed; never, if it is lost."""

    def __init__(self, request: _Request, call: Call, parent: _Try | None, name: str, tried: int) -> None:
        self.request, self.call, self.parent, self.tried = request, call, parent, tried
        self.site = f"{name}~{tried}" if tried else name
        self.answer: Event
        self.open = True
        self.alive = True  # as the asker of calls: its pod still runs
        self.key = (request.id << SERIAL_BITS) + request.serial + _CASCADE
        request.serial += 1


class ReferencePlane:
    """Takes what `RequestPlane` takes, telemetry apart, and writes the same tables."""

    def __init__(
        self,
        clock: Clock,
        rng: Rng,
        recorder: Recorder,
        nodes: NodeTable,
        network: Network,
        *,
        interval_ns: int,
        sample: float = 0.0,
        retransmission: Retransmission | None = None,
    ) -> None:
        self._outer, self._inner = clock, Clock()
        self._rng, self._nodes, self._network = rng, nodes, network
        self._ways = Ways(network, nodes, retransmission)
        self._tally = Tally(rng, recorder, interval_ns, sample)
        self._lines = [_Line(self._inner.env) for _ in self._ways.free]
        self._ready: dict[str, int] = {}  # by radio that sleeps: when it was connected last
        self._pods: dict[int, _Pod] = {}
        self._behaviours: dict[str, Behaviour] = {}
        self._programs: dict[tuple[int, str], tuple[int, ...]] = {}
        self._origins = 0
        self.visits: list[tuple[str, int, int]] = []  # of links, pods: (name, arrived, left), where it is watched
        self.watching = False
        network.before_change.append(self._settle)
        network.after_change.append(self._network_changed)

    # What is told.

    def add_behaviour(self, workload: str, behaviour: Behaviour) -> None:
        self._behaviours[workload] = behaviour

    def add_requests(self, flow: RequestFlow) -> None:
        self._settle()
        users = range(flow.arrivals.users) if isinstance(flow.arrivals, Closed) else (None,)
        seen: Counter[int] = Counter()
        sources, keys = [], []
        for node, proxy in zip(flow.sources, flow.proxies, strict=True):
            name = self._nodes.names[node]
            for user in users:
                keys.append(identity(name, seen[node], user))
                sources.append((name, self._nodes.zone[node]))
                start = self._user if isinstance(flow.arrivals, Closed) else self._source
                self._inner.process(start(flow, (node, proxy), self._origins + len(keys) - 1, keys[-1]))
            seen[node] += 1
        self._origins += len(keys)
        self._tally.add_flow(flow.name, flow.target, sources, np.array(keys, np.uint64))

    def program(self, proxy_node: int, service: str, pods: tuple[int, ...]) -> None:
        self._settle()
        self._programs[proxy_node, service] = pods

    def pod_up(self, uid: int, workload: str, node: int, speed: float) -> None:
        self._settle()
        pod = self._pods.setdefault(uid, _Pod())
        if pod.running:
            pod.speed = speed
            return
        pod.workload, pod.node, pod.speed, pod.running = workload, node, speed, True
        pod.workers = simpy.Resource(self._inner.env, self._behaviours[workload].workers)

    def pod_down(self, uid: int, how: str) -> None:
        pod = self._pods.get(uid)
        if pod is not None and pod.running:
            self._settle()
            self._stop(pod, _Lost() if how == "node-dead" else _Told(pod.node, tries.DIED))

    def settle(self, now: int) -> None:
        self._inner.run(now)
        self._tally.settled(now)

    def finish(self, now: int) -> None:
        self.settle(now)
        self._tally.finish(now)

    def latency_summary(self, flow: str | None = None, from_ns: int = 0) -> dict[str, float]:
        return self._tally.latency_summary(flow, from_ns)

    # Changes.

    def _settle(self) -> None:
        self.settle(self._outer.now)

    def _network_changed(self) -> None:
        for hop in self._ways.refresh(self._outer.now):
            on, old, self._lines[hop] = self._lines[hop].on, self._lines[hop], _Line(self._inner.env)
            self._lines[hop].sent = self._outer.now if old.waiting else old.sent
            for process, asks in on.items():
                process.interrupt(self._blocked(hop, asks))
        for pod in self._pods.values():
            if pod.running and not self._nodes.up[pod.node]:
                self._stop(pod, _Lost())
        self._settle()

    def _stop(self, pod: _Pod, why: Exception) -> None:
        pod.running = False
        inside, pod.inside = pod.inside, {}
        for process in inside:
            process.interrupt(why)
        self._settle()

    def _blocked(self, hop: int, asks: bool) -> Exception:
        if asks and self._ways.blocked(hop) == "refused":
            return _Told(self._ways.ends(hop)[0], tries.REFUSED)
        return _Lost()

    # Processes.

    def _after(self, delay: int, key: int) -> Event:
        """Passes after a delay; at its instant in the order of keys."""
        event = Event(self._inner.env)
        event._ok, event._value = True, None
        self._inner.env.schedule(event, key, delay)  # type: ignore[arg-type]  # SimPy's priorities are plain ints
        return event

    def _source(self, flow: RequestFlow, where: tuple[int, int], origin: int, key: int) -> Steps:
        env, time, k = self._inner.env, int(self._inner.now), 0
        phase = self._rng.draw(f"phase/{flow.name}", key)
        while True:
            match flow.arrivals:
                case Poisson(rate):
                    u = self._rng.draws(f"arrival/{flow.name}", [key], [k])
                    time += int(np.rint(-np.log1p(-u) * (SECOND / rate))[0])
                case Every(every_ns):
                    time = time + every_ns if k else time + int(phase * every_ns)
                case Trace(times):
                    if k == len(times):
                        return
                    time = int(times[k])
            request = _Request(flow.name, key, where, (origin << K_BITS) + k, time)
            yield self._after(time - int(env.now), (request.id << SERIAL_BITS) + _CASCADE)
            self._issue(flow, request)
            k += 1

    def _user(self, flow: RequestFlow, where: tuple[int, int], origin: int, key: int) -> Steps:
        assert isinstance(flow.arrivals, Closed)
        k = 0
        while True:
            think = max(1, flow.arrivals.think.tick(self._rng.draw(f"think/{flow.name}", key, k)))
            number = (origin << K_BITS) + k
            yield self._after(think, (number << SERIAL_BITS) + _CASCADE)
            ended = self._inner.event()
            request = _Request(flow.name, key, where, number, int(self._inner.now))
            request.ended = ended.succeed
            if self._issue(flow, request):
                yield ended
            k += 1

    def _issue(self, flow: RequestFlow, request: _Request) -> bool:
        if not self._nodes.up[request.where[0]]:
            return False
        self._tally.issued_ids.append(request.id)
        self._tally.issued_times.append(request.issued)
        call = Call(flow.target, flow.request_bytes, flow.response_bytes, flow.timeout_ns, flow.retries)
        self._inner.process(self._whole(request, call))
        return True

    def _whole(self, request: _Request, call: Call) -> Steps:
        reason, tried = yield from self._ask(request, call, None, request.flow, request.where)
        self._end(request, reason or tries.COMPLETED, tried)

    def _end(self, request: _Request, outcome: int, tried: int) -> None:
        self._tally.ended(request.id, request.issued, int(self._inner.now), tried, outcome)
        if request.ended is not None and outcome != tries.LOST:
            request.ended()

    def _ask(self, request: _Request, call: Call, parent: _Try | None, name: str, where: tuple[int, int]) -> Steps:
        """Try until there is an answer or no try is left: (0 or why it failed, tries beyond the first)."""
        node, proxy = where
        for tried in range(call.retries + 1):
            x = _Try(request, call, parent, name, tried)
            x.answer = self._inner.event()
            pods = [pod for uid in self._programs.get((proxy, call.target), ()) if (pod := self._pods.get(uid))]
            if not pods:
                return tries.NO_ENDPOINT, tried
            self._inner.process(self._journey(x, node, self._pick(x, proxy, pods)))
            if call.timeout_ns is None:
                reason = yield x.answer
            else:
                late = self._after(call.timeout_ns, AFTER_ALL + x.key)
                yield x.answer | late
                reason = x.answer.value if x.answer.triggered else tries.TIMEOUT
            x.open = False
            if not reason or (parent is None and not self._nodes.up[node]):
                break
        return reason, tried

    def _pick(self, x: _Try, _proxy: int, pods: list[_Pod]) -> _Pod:
        """The endpoint of a try, of those that its proxy has."""
        return pods[int(self._draw(f"pick/{x.site}", x.request) * len(pods))] if len(pods) > 1 else pods[0]

    def _journey(self, x: _Try, node: int, pod: _Pod) -> Steps:
        """There, through the pod, and back; the issuer may have given up meanwhile."""
        reason = 0
        try:
            route = self._network.route(node, pod.node)
            if route is None:
                blocked, there = self._network.obstacle(node, pod.node)
                if blocked == "silent":
                    raise _Lost
                yield self._after(max(1, 2 * sum(self._network.links[h >> 1].latency_ns for h in there)), x.key)
                reason = tries.REFUSED
            else:
                yield from self._cross(x, route.hops, True)
                if not pod.running:
                    raise _Told(pod.node, tries.REFUSED)
                reason = yield from self._serve(x, pod)
                back = self._network.route(pod.node, node)
                if back is None:
                    raise _Lost
                yield from self._cross(x, back.hops, False)
        except _Lost:
            self._lose(x)
            return
        except _Told as told:
            takes = self._ways.notice_ns(told.node, node)
            if takes is None:
                self._lose(x)
                return
            yield self._after(takes, x.key)
            reason = told.reason
        if x.open and not x.answer.triggered:
            x.answer.succeed(reason)

    def _cross(self, x: _Try, hops: tuple[int, ...], asks: bool) -> Steps:
        size = x.call.request_bytes if asks else x.call.response_bytes
        name = f"{x.site}/{'out' if asks else 'back'}"
        steps = self._ways.steps(hops, size, tries.ARRIVE if asks else tries.BACK, name)
        for step in steps:
            hop, travels = step[0], step[2]
            odd, line, me = self._ways.odd[hop], self._lines[hop], self._inner.env.active_process
            assert me is not None
            if odd is not None:
                if odd.blocked:
                    raise self._blocked(hop, asks)
                jitter = self._draw(step[4], x.request)
                loss = self._draw(f"loss/{step[4]}", x.request)
                travels = self._ways.travel(step, odd, round_trip(steps), jitter, loss)
            ready = self._connected(hop)
            line.waiting += 1
            if travels < 0:  # it is sent all the same
                self._inner.process(self._transmit(line, ready, step, x.key))
                raise _Lost
            line.on[me] = asks
            try:
                arrived = int(self._inner.now)
                yield from self._transmit(line, ready, step, x.key)
                if self.watching:
                    self.visits.append((f"link {hop}", arrived, int(self._inner.now)))
                yield self._after(travels, x.key)
            except simpy.Interrupt as interrupt:
                raise _cause(interrupt) from None
            line.on.pop(me)

    def _transmit(self, line: _Line, ready: int, step: Step, key: int) -> Steps:
        come, row, way = int(self._inner.now), self._network.links[step[0] >> 1], step[0] & 1
        with line.sender.request() as turn:
            yield turn
            now = int(self._inner.now)
            if not row.traces[way]:
                yield self._after(max(0, ready - now) + step[1], key)
            else:
                through = _through(row, way, max(line.through, Fraction(max(come, ready))), step[5])
                if through is None:
                    yield self._inner.event()  # which never comes
                else:
                    line.through = through
                    yield self._after(ceil(through) - now, key)
        line.waiting -= 1
        line.sent = int(self._inner.now)

    def _connected(self, hop: int) -> int:
        """When the radio behind a directed link, which something has come to now, is or was connected."""
        row, now = self._network.links[hop >> 1], int(self._inner.now)
        if not row.promotion_ns:
            return now
        others = (i for i, other in enumerate(self._network.links) if other is row or other.radio == row.radio != "")
        lines = [line for i in others for line in self._lines[2 * i : 2 * i + 2]]
        if not any(line.waiting or now <= line.sent + row.idle_ns for line in lines):
            self._ready[row.radio or row.name] = now + row.promotion_ns
        return self._ready[row.radio or row.name]

    def _serve(self, x: _Try, pod: _Pod) -> Steps:
        """Work and calls; 0, or why a call failed."""
        me, behaviour = self._inner.env.active_process, self._behaviours[pod.workload]
        assert me is not None
        assert pod.workers is not None
        work = float(behaviour.work.sample(self._draw(f"work/{x.site}", x.request))) * (1 / pod.speed)
        inside, reason = pod.inside, 0
        inside[me] = None
        try:
            arrived = int(self._inner.now)
            with pod.workers.request() as worker:
                yield worker
                yield self._after(int(work + 0.5) or 1, x.key)
                if behaviour.threads == "blocking":
                    reason = yield from self._calls(x, behaviour, pod)
            if self.watching:
                self.visits.append((f"pod {pod.workload} {pod.node}", arrived, int(self._inner.now)))
            if behaviour.threads == "async":
                reason = yield from self._calls(x, behaviour, pod)
        except simpy.Interrupt as interrupt:
            x.alive = False
            raise _cause(interrupt) from None
        inside.pop(me)
        return reason

    def _calls(self, x: _Try, behaviour: Behaviour, pod: _Pod) -> Steps:
        for i, call in enumerate(behaviour.calls):
            reason, _ = yield from self._ask(x.request, call, x, f"{x.site}>{i}", (pod.node, pod.node))
            if reason:
                return reason
        return 0

    def _lose(self, x: _Try) -> None:
        """Whoever waits for this without a time-out waits for ever."""
        while x.open and x.call.timeout_ns is None:
            x.open = False
            if x.parent is None:
                self._end(x.request, tries.LOST, x.tried)
                return
            if not x.parent.alive:
                return
            x = x.parent

    def _draw(self, name: str, request: _Request) -> float:
        return self._rng.draw(name, request.source, request.k)
