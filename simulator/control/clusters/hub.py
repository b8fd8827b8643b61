"""The control plane above member clusters: everything that a hub runs, joined."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from simulator.control.api.client import Client
from simulator.control.api.objects import ApiObject
from simulator.control.api.queue import RetrySettings
from simulator.control.api.server import ApiServer
from simulator.control.clusters.agent import Agent
from simulator.control.clusters.applier import Applier
from simulator.control.clusters.copies import Copies
from simulator.control.clusters.detector import Detector
from simulator.control.clusters.division import DivisionScheduler, DivisionSettings
from simulator.control.clusters.failover import Failover, FailoverSettings
from simulator.control.clusters.objects import Applied, Order, Report, Work, key_of, order
from simulator.control.clusters.remote import Remote, RemoteSettings
from simulator.control.clusters.roster import Roster, RosterSettings
from simulator.control.clusters.site import Site
from simulator.control.clusters.wire import Ends, PullWire, PushWire, WireSettings
from simulator.control.clusters.works import WorkController
from simulator.control.controllers.base import Controller
from simulator.engine.clock import Clock
from simulator.policy import ClusterPolicy
from simulator.policy.clusters import ClusterPolicyFunction
from simulator.record.buffer import Recorder
from simulator.streams import Rng
from simulator.world.network import Network


@dataclass(frozen=True, slots=True)
class HubSettings:
    """One hub. Each of its controllers has a client of its own: `qps`, `burst`, and `latency_ns` from a token to the
    write. `remote` are the clients of the members' API servers."""

    qps: float
    burst: int
    latency_ns: int
    workers: int
    retry: RetrySettings
    remote: RemoteSettings
    wire: WireSettings
    roster: RosterSettings
    division: DivisionSettings
    failover: FailoverSettings


class Hub:
    """A hub over `sites`; its API server runs on the machine of index `node`, which is called `machine`."""

    __slots__ = ("_applier", "_client", "_clock", "_controllers", "_copies", "_managing", "_remotes",
                 "_seen", "_serving", "_wires", "failover", "roster", "scheduler", "server", "works")  # fmt: skip

    def __init__(
        self,
        clock: Clock,
        rng: Rng,
        recorder: Recorder,
        network: Network,
        server: ApiServer,
        *,
        node: int,
        machine: str,
        sites: Sequence[Site],
        policy: ClusterPolicy | ClusterPolicyFunction,
        settings: HubSettings,
    ) -> None:
        s = settings
        self._clock, self.server = clock, server

        def client() -> Client:
            return Client(clock, server, s.qps, s.burst, s.latency_ns)

        self._client = client()  # of whoever writes what members have reported
        self.roster = Roster(
            clock, rng, recorder, network, server, client=client(), hub_node=node, sites=sites, settings=s.roster
        )
        self.works = WorkController(clock, server, client(), workers=s.workers, retry=s.retry)
        self._controllers: Sequence[Controller[Any]] = (
            Detector(clock, server, client(), workers=s.workers, retry=s.retry),
            self.works,
        )
        self.scheduler = DivisionScheduler(
            clock, rng, recorder, server, client(), roster=self.roster, policy=policy, settings=s.division,
            retry=s.retry,
        )  # fmt: skip
        self.failover = Failover(
            clock, recorder, server, client(), roster=self.roster, works=self.works, settings=s.failover
        )
        self._applier = Applier(
            clock, workers=s.workers, retry=s.retry, find=self._order, way=self._way, done=self._done
        )
        self._copies: dict[str, Copies] = {}
        self._remotes: dict[str, Remote] = {}
        self._wires: dict[str, PushWire | PullWire] = {}
        for site, way in zip(sites, self.roster.ways, strict=True):
            copies = self._copies[site.name] = Copies(site.server, partial(self._reports, site.name))
            ends = Ends(clock, rng, network, node, machine, site, way)
            if site.mode == "push":
                self._remotes[site.name] = Remote(clock, recorder, network, site, node=node, settings=s.remote)
                self._wires[site.name] = PushWire(ends, s.wire, copies, self._take)
            else:
                agent = Agent(
                    ends,
                    server,
                    copies,
                    Remote(clock, recorder, network, site, node=site.node, settings=s.remote),
                    workers=s.workers,
                    retry=s.retry,
                    settings=s.wire,
                    orders=partial(self._orders, site.name),
                    take=self._take,
                    done=self._done,
                )
                self._wires[site.name] = agent.wire
        self._seen: dict[str, Order] = {}  # by work: the last order that was sent on its way
        self._managing = self._serving = False
        server.watch(Work, self._work_changed)
        server.up_hooks.append(self._server_changed)

    # Its processes.
    def start(self) -> None:
        """At the beginning of time."""
        self._serving = True
        self.set_manager(True)
        self.set_scheduler(True)

    def set_manager(self, up: bool) -> None:
        """Stop or start the controller manager: what it had in memory dies with it."""
        if up == self._managing:
            return
        self._managing = up
        if up:
            self._begin()
            self._seen.clear()
            for work in self.server.list(Work):
                self._work_changed("ADDED", work)
        else:
            self._end(forget=True)
        for part in self._controllers:
            part.start() if up else part.stop()

    def set_scheduler(self, up: bool) -> None:
        """Stop or start the scheduler."""
        if up != self.scheduler.leading:
            self.scheduler.start() if up else self.scheduler.stop()

    def _begin(self) -> None:
        if self._managing and self._serving:
            self.roster.start()
            self.failover.start()

    def _end(self, forget: bool) -> None:
        self.roster.stop(forget)
        self.failover.stop()
        if forget:
            self._applier.queue.clear()

    def _server_changed(self, up: bool) -> None:
        self._serving = up
        if up:
            self._begin()
        else:
            self._end(forget=False)

    # What is given to it.
    def apply(self, workloads: Iterable[ApiObject]) -> None:
        """Somebody applies these objects now."""
        for workload in workloads:
            self.server.create(Applied(key_of(workload), workload=workload))

    def applied(self, workload: ApiObject) -> Applied | None:
        """What the hub knows under the name of this workload."""
        return self.server.get(Applied, key_of(workload))

    # Down to the members.
    def _work_changed(self, event: str, obj: ApiObject) -> None:
        assert isinstance(obj, Work)
        if event == "DELETED":
            self._seen.pop(obj.name, None)
            return
        new, wire = order(obj), self._wires[obj.member]
        if self._seen.get(obj.name) == new:
            return  # only its status has changed
        if isinstance(wire, PullWire):
            self._seen[obj.name] = new
            wire.order(new)
        elif self._managing:
            self._seen[obj.name] = new
            self._applier.queue.add(obj.name)

    def _order(self, name: str) -> Order | None:
        work = self.server.get(Work, name)
        return None if work is None else order(work)

    def _orders(self, member: str) -> Mapping[str, Order]:
        return {work.name: order(work) for work in self.server.list(Work) if work.member == member}

    def _way(self, of: Order) -> tuple[Remote, Copies] | None:
        ready = self.roster.members[self.roster.row[of.member]].ready == "True"
        return (self._remotes[of.member], self._copies[of.member]) if ready else None

    def _done(self, of: Order) -> None:
        self._client.call(self._write_done, of)

    def _write_done(self, of: Order) -> None:
        work = self.server.get(Work, of.work)
        if work is None:
            return
        if of.delete:
            work.binding.applied.ready -= work.report.ready
            self.server.remove(work)
        elif work.applied_ns is None:
            work.applied_ns = self._clock.now
            self.server.changed(work)

    # Up from them.
    def _reports(self, member: str, work: str) -> None:
        self._wires[member].report(work)

    def _take(self, name: str, report: Report) -> None:
        self._client.call(self._write_report, name, report)

    def _write_report(self, name: str, report: Report) -> None:
        work = self.server.get(Work, name)
        if work is not None and work.report != report:
            work.binding.applied.ready += report.ready - work.report.ready
            work.report = report
            self.server.changed(work)
