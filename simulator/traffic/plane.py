"""The request plane: what is told to it, what it is asked, and when it evaluates."""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.engine.clock import Clock
from simulator.record.buffer import Recorder
from simulator.record.sketch import Sketch
from simulator.streams import Rng
from simulator.traffic.batches import Arrivals, User
from simulator.traffic.busy import Busy
from simulator.traffic.calls import Choice, Choices, Site
from simulator.traffic.flows import Behaviour, Call, Closed, RequestFlow, TelemetryFlow
from simulator.traffic.loop import Loop
from simulator.traffic.routing import Outside, Router
from simulator.traffic.schedules import Schedule
from simulator.traffic.stations import Station, place_of
from simulator.traffic.stream import Stream
from simulator.traffic.tally import Tally
from simulator.traffic.telemetry import Telemetry
from simulator.traffic.tries import NEVER, Origin
from simulator.traffic.ways import Ways, identity
from simulator.units import SECOND
from simulator.world.message import Retransmission
from simulator.world.network import Network
from simulator.world.node import NodeTable

_WINDOW: Final = 100_000  # requests between two looks at the tally: memory stays flat


class RequestPlane:
    """Requests and telemetry, evaluated lazily: up to now when something changes, or is asked, and at the end.

    `interval_ns` bins the rows of the tables, `sample` in [0, 1] is the share of requests that get a row of their
    own. `exact_events` forces the loop evaluator; it never changes a byte. `retransmission` is what TCP does on
    links that lose packets; without it what is lost is lost.
    """

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
        exact_events: bool = False,
        retransmission: Retransmission | None = None,
    ) -> None:
        self.network = network
        self.up: NDArray[np.bool_] = nodes.up
        self.ways = Ways(network, nodes, retransmission)
        self.tally = Tally(rng, recorder, interval_ns, sample)
        self.loop = Loop(self)
        self.origins: list[Origin] = []
        self._at: dict[int, list[Origin]] = {}  # by node
        self.identities: NDArray[np.uint64] = np.zeros(0, np.uint64)  # in draws, by origin
        self.stations: dict[int, Station] = {}
        self.flows: list[RequestFlow] = []
        self.roots: list[Site] = []  # by flow
        self.arrivals: list[Arrivals | None] = []  # by flow; None: closed
        self.streamed: list[int] = []  # by flow: requests that the stream evaluator issued
        self.version = 0  # of what decides who takes which way
        self.rng = rng
        self._clock, self._nodes, self._exact = clock, nodes, exact_events
        self._behaviours: dict[str, Behaviour] = {}
        self._programs: dict[tuple[int, str], tuple[int, ...]] = {}
        self._sites: dict[Site, None] = {}  # that have choices worked out
        self._settled = 0
        self._rate = 0.0  # requests per ns of all flows together, at most
        self._stream = Stream(self)
        self.router: Router | None = None  # None: an endpoint is drawn uniformly
        self.telemetry = Telemetry(self, recorder, interval_ns)
        network.before_change.append(self._settle)
        network.after_change.append(self._network_changed)

    # What is told.

    def route_by(self, router: Router | None) -> None:
        """Let this choose among endpoints from now on; None: they are drawn. Telemetry keeps to its own draws."""
        self._settle()
        self.router = router
        self._forget()

    def add_behaviour(self, workload: str, behaviour: Behaviour) -> None:
        """How pods of a workload serve. Before the first of them is up."""
        self._behaviours[workload] = behaviour

    def add_requests(self, flow: RequestFlow) -> None:
        """A flow of requests; it begins now."""
        self._settle()
        now, index = self._clock.now, len(self.flows)
        names = self._nodes.names
        users = range(flow.arrivals.users) if isinstance(flow.arrivals, Closed) else (None,)
        seen: Counter[int] = Counter()
        origins, keys, sources = list[Origin](), list[int](), list[tuple[str, str]]()
        for node, proxy in zip(flow.sources, flow.proxies, strict=True):
            for user in users:
                place = place_of(proxy, node, len(self._nodes))
                origins.append(Origin(len(self.origins) + len(origins), index, node, place))
                keys.append(identity(names[node], seen[node], user))
                sources.append((names[node], self._nodes.zone[node]))
            seen[node] += 1
        identities = np.array(keys, np.uint64)
        self.loop.late.append({})
        call = Call(flow.target, flow.request_bytes, flow.response_bytes, flow.timeout_ns, flow.retries)
        root = Site(flow.name, call, self.loop.late[-1])
        self.flows.append(flow)
        self.roots.append(root)
        self.origins += origins
        for origin in origins:
            self._at.setdefault(origin.node, []).append(origin)
        self.identities = np.append(self.identities, identities)
        self.streamed.append(0)
        self.version += 1
        self.tally.add_flow(flow.name, flow.target, sources, identities)
        if isinstance(flow.arrivals, Closed):
            self.arrivals.append(None)
            for origin, key in zip(origins, identities, strict=True):
                self.loop.think(User(self.rng, root, flow.arrivals.think, origin, key), now)
            self._rate += len(origins) / flow.arrivals.think.mean
        else:
            schedule = Schedule(self.rng, flow, identities, now)
            arrivals = Arrivals(self.rng, root, schedule, origins, identities)
            self.arrivals.append(arrivals)
            self._rate += schedule.rate
            arrivals.look_ahead(now)
            self.loop.enter(arrivals)

    def add_telemetry(self, flow: TelemetryFlow) -> None:
        """A flow of readings; it begins now."""
        self._settle()
        self.telemetry.add(flow, self._nodes, self._clock.now)

    def enter(self, node: int, proxy: int) -> None:
        """A node's traffic enters the cluster at this node from now on; what waits where it entered before is sent on
        from there."""
        self.telemetry.recall(node, self._clock.now)
        self._settle()
        place = place_of(proxy, node, len(self._nodes))
        moved = [origin for origin in self._at.get(node, ()) if origin.place != place]
        for origin in moved:
            origin.place = place
        if moved:
            self.version += 1
        self.telemetry.moved(node, proxy, self._clock.now)

    def program(self, proxy_node: int, service: str, pods: tuple[int, ...]) -> None:
        """The endpoints (pod uids) of a service as that node's proxy now has them."""
        if self._programs.get((proxy_node, service), ()) == pods:
            return
        self._settle()
        self._programs[proxy_node, service] = pods
        self.version += 1
        for site in self._sites:
            if site.service == service:
                site.forget(place for place in list(site.choices) if place // len(self._nodes) == proxy_node)
        self.telemetry.programmed(proxy_node, service, self._clock.now)

    def pod_up(self, uid: int, workload: str, node: int, speed: float) -> None:
        """A pod's containers run and listen, on a node of this speed (after the runtime's slowdown). Of a pod that
        runs already, only the speed of the work that starts from now on changes."""
        self._settle()
        station = self.station(uid)
        moved = (station.node, station.workload) != (node, workload)
        if station.running and not moved:
            station.pace = 1 / speed
            self.version += 1
            return
        station.start(workload, self._behaviours[workload], node, place_of(node, node, len(self._nodes)), speed)
        if moved:
            self._forget()
        self.version += 1
        self.telemetry.pod_changed(uid, self._clock.now)

    def pod_down(self, uid: int, how: str) -> None:
        """A pod's containers have stopped; `how` is "node-dead" where nobody is left to tell its clients."""
        station = self.stations.get(uid)
        if station is None or not station.running:
            return
        self._settle()
        self.loop.station_stopped(station, how == "node-dead", self._clock.now)
        if self.loop.busy is not None:
            self.loop.busy.stop(station.stage)
        self.version += 1
        self.telemetry.pod_changed(uid, self._clock.now)

    # What is asked.

    def endpoints(self, proxy: int, service: str) -> tuple[int, ...]:
        """Pod uids that a node's proxy has for a service."""
        return self._programs.get((proxy, service), ())

    def station(self, uid: int) -> Station:
        """A pod's station; made when first heard of."""
        found = self.stations.get(uid)
        if found is None:
            found = self.stations[uid] = Station(uid, len(self.ways.free) + len(self.stations))
        return found

    def choices(self, site: Site, place: int) -> Choices:
        """The endpoints that an asker has at a site, worked out before or now."""
        found = site.choices.get(place)
        return self.choose(site, place) if found is None else found

    def choose(self, site: Site, place: int) -> Choices:
        """The endpoints that an asker has at a site, with the ways to them as they are now."""
        proxy, asker = divmod(place, len(self._nodes))
        choices = Choices()
        for uid in self.endpoints(proxy, site.service):
            station = self.station(uid)
            if station.node >= 0:  # a pod that never ran is nowhere
                choice = Choice(site, asker, station, site.visit(station.workload, self._behaviours[station.workload]))
                self.ways.find(choice)
                choices.append(choice)
        if self.router is not None and choices:
            choices = self.router.offer(proxy, site.service, choices)
        self._sites[site] = None
        site.choices[place] = choices
        return choices

    def in_flight(self, uid: int) -> int:
        """Tries that are at a pod now: queued, in service, or waiting for their own calls."""
        self._settle()
        station = self.stations.get(uid)
        return 0 if station is None else self.loop.at(station)

    def served(self, uid: int) -> int:
        """Answers that a pod has given so far."""
        self._settle()
        station = self.stations.get(uid)
        return 0 if station is None else station.served

    def answered(self, service: str) -> tuple[int, int, float]:
        """So far, of the flows to a service: requests issued, requests completed, and their latencies' sum in s."""
        self._settle()
        done = [self.tally.sketch(flow.name, 0) for flow in self.flows if flow.target == service]
        issued = sum(n for flow, n in zip(self.flows, self.tally.issued(), strict=True) if flow.target == service)
        return issued, sum(each.number for each in done), sum(each.total for each in done) / SECOND

    def sketch(self, flow: str | None = None, from_ns: int = 0) -> Sketch:
        """Latencies (ns) of the requests that completed in intervals starting at `from_ns` or later, so far."""
        self._settle()
        return self.tally.sketch(flow, from_ns)

    @property
    def warnings(self) -> list[str]:
        """What whoever reads the results should know: where a rule of the model does not hold well."""
        return self.telemetry.warnings

    def age_of_information(self, flow: str) -> float:
        """Age of a telemetry flow's newest reading at its target, averaged over time and sources, in seconds."""
        self._settle()
        return self.telemetry.age_of_information(flow, self._clock.now)

    def latency_summary(self, flow: str | None = None, from_ns: int = 0) -> dict[str, float]:
        """Mean, p50, p95 and p99 in seconds, of one flow or all; NaN where nothing completed."""
        self._settle()
        return self.tally.latency_summary(flow, from_ns)

    def evaluators(self) -> dict[str, dict[str, int]]:
        """By flow: how many requests each evaluator has issued."""
        self._settle()
        return {
            flow.name: {"stream": streamed, "loop": issued - streamed}
            for flow, streamed, issued in zip(self.flows, self.streamed, self.tally.issued(), strict=True)
        }

    def watch(self) -> None:
        """Keep every visit of a link's queue or a pod from now on: what `visits` gives. It takes memory for each."""
        self._settle()
        self.loop.visits = []

    def measure(self, interval_ns: int) -> Busy:
        """Keep from now on how long stations work and links send, by interval: brought up to date by `settle`."""
        self._settle()
        self.loop.busy = Busy(interval_ns)
        self.telemetry.measure()
        return self.loop.busy

    def worked_ns(self, node: int) -> int:
        """How long cores of a node have worked on requests since `measure`, up to the last settling."""
        if self.loop.busy is None:
            return 0
        total = self.loop.busy.total
        return sum(total[station.stage] for station in self.stations.values() if station.node == node)

    def visits(self) -> dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """By direction of a link, or pod: when each visitor arrived and when it left (ns; of a link: had been sent)."""
        self._settle()
        rows = np.array(self.loop.visits or np.zeros((0, 3)), np.int64)
        names = [f"link {row.name} {way}" for row in self.network.links for way in ("up", "down")]
        names += [f"pod {uid}" for uid in self.stations]
        return {names[stage]: (of[:, 1], of[:, 2]) for stage in np.unique(rows[:, 0]).tolist()
                for of in (rows[rows[:, 0] == stage],)}  # fmt: skip

    # When it is evaluated.

    def settle(self, now: int) -> None:
        """Let everything happen that is due by `now` (ns)."""
        span = max(1, int(_WINDOW / self._rate)) if self._rate else NEVER
        if not self._exact:
            self._stream.begin(self._settled, now)
        until = -1
        while until < now:
            until = min(now, self._settled + span)
            self._stream.advance(until)
            self.loop.run(until)
            self._settled = until
            self.tally.settled(until)
            if self.loop.busy is not None:
                self.loop.busy.settle(until)
        self._stream.end(now)
        self.telemetry.settle(now)

    def ask(self, until: int) -> bool:
        """Let requests happen up to `until`, while nothing else does, or to the first that an outside router is to
        answer for: whether there is one. The router is told who has ended."""
        router, tally = self.router, self.tally
        assert isinstance(router, Outside)
        before, router.asking = len(tally.ended_ids), True
        try:
            self.loop.run(until)
        finally:
            router.asking = False
        if len(tally.ended_ids) > before:
            columns = (tally.ended_issued, tally.ended_times, [code & 15 for code in tally.ended_codes[before:]])
            router.ended.append(np.array([column[-len(columns[2]) :] for column in columns], np.int64))
        return router.pending is not None

    @property
    def paused_ns(self) -> int:
        """When the try was issued for which somebody outside is asked."""
        assert self.loop.paused is not None
        return self.loop.paused[0]

    def finish(self, now: int) -> None:
        """Settle, and write the rest of the tables."""
        self.settle(now)
        self.tally.finish(now)
        self.telemetry.finish(now)

    def _settle(self) -> None:
        self.settle(self._clock.now)

    def _network_changed(self) -> None:
        now = self._clock.now
        stopped = self.ways.refresh(now)
        self._forget()
        if stopped:
            self.loop.links_stopped(stopped, now)
            if self.loop.busy is not None:
                for link in stopped:
                    self.loop.busy.stop(link)
        for station in self.stations.values():
            if station.running and not self.up[station.node]:
                self.loop.station_stopped(station, True, now)
        self.telemetry.network_changed(now)

    def _forget(self) -> None:
        self.version += 1
        for site in self._sites:
            site.forget(list(site.choices))
        self._sites.clear()
