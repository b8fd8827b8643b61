"""A cluster of which only the scheduling is simulated: a pod runs as soon as it is bound, until its run is over.

Nodes have no agents: nothing is pulled, started, served or reported, no heartbeat is late, and the three truths are
one. The API server, its client's limits and the scheduler are those of the whole cluster, and nodes offer what their
agents would.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from simulator.control.api.client import Client
from simulator.control.api.objects import ApiObject, Node, Pod
from simulator.control.api.server import ApiServer
from simulator.control.delivery.reach import Reach
from simulator.control.delivery.session import Session
from simulator.control.scheduling.answering import Policy
from simulator.control.scheduling.scheduler import Scheduler
from simulator.control.scheduling.settings import SchedulerSettings
from simulator.engine.clock import Clock
from simulator.faults import Switch
from simulator.record.buffer import Recorder
from simulator.runtime.agent import NodeAgent
from simulator.simulation.clusters.kubernetes import node_object
from simulator.simulation.clusters.world import World
from simulator.simulation.layout import Layout
from simulator.simulation.runtimes import RuntimeTable
from simulator.simulation.settings import kubernetes as settings
from simulator.spec.mechanism import Framework, Lease, Watch
from simulator.spec.orchestrator import Orchestrator

_NOTHING: Final[Mapping[str, Switch]] = {}


class SchedulingCluster:
    """Control plane and nodes of one cluster, without agents. `node_objects` by the index of their machine."""

    __slots__ = ("_clock", "_recorder", "agents", "node_objects", "notes", "page", "reach", "scheduler", "server",
                 "sessions")  # fmt: skip

    def __init__(
        self,
        world: World,
        layout: Layout,
        page: Orchestrator,
        runtimes: RuntimeTable,
        *,
        policy: Policy | None,
        scheduling: SchedulerSettings,
    ) -> None:
        clock, recorder, network = world.clock, world.recorder, world.network
        watch, frame = page.get(Watch), page.get(Framework)
        self._clock: Clock = clock
        self._recorder: Recorder = recorder
        self.page = page
        self.notes: Sequence[str] = ()
        self.agents: Mapping[int, NodeAgent] = {}
        self.sessions: Mapping[int, Session] = {}
        self.server = server = ApiServer(clock, recorder, watch.watch_latency, world.uids)
        self.reach = Reach(network, server, layout.api, layout.members, page.get(Lease).bytes)
        agent = settings.agent(page)
        self.node_objects: dict[int, Node] = {}
        for index in layout.members:
            machine = layout.nodes[index]
            handlers = tuple(runtimes.of(machine.runtimes)[0])
            self.node_objects[index] = server.create(
                node_object(machine, page, agent, runtimes=handlers, now=clock.now)
            )
        self.scheduler = Scheduler(
            clock,
            world.rng,
            recorder,
            server,
            Client(clock, server, frame.qps, frame.burst, watch.write_latency),
            policy=policy,
            settings=scheduling,
            heard_ns=lambda _node, now: now,
            atlas=world.atlas,
        )
        server.watch(Pod, self._told)

    @property
    def switches(self) -> Mapping[str, Switch]:
        """Nothing can be stopped."""
        return _NOTHING

    @property
    def follows(self) -> Collection[str]:
        """Nor does anything follow a machine's power."""
        return ()

    def apply(self, objects: Iterable[ApiObject]) -> None:
        """Somebody creates these objects now."""
        for obj in objects:
            self.server.create(obj)

    def applied(self) -> Iterable[ApiObject]:
        """No workloads but pods."""
        return ()

    def changed(self, obj: ApiObject) -> None:
        """Somebody has changed this object."""
        self.server.changed(obj)

    def start(self) -> None:
        """Time begins: nothing has to be started."""

    def wanted(self, workload: ApiObject) -> int:
        """One of each pod."""
        return 1

    # What a node's agent would do, without the time that it takes.

    def _told(self, _event: str, pod: ApiObject) -> None:
        assert isinstance(pod, Pod)
        if pod.node and pod.phase == "Pending":
            now = self._clock.now
            pod.phase, pod.ready, pod.ready_ns = "Running", True, now
            self._record(pod, "running", "started")
            self._record(pod, "believed", "Ready")  # nobody watches for that
            if pod.run_ns is not None:
                self._clock.after(pod.run_ns, self._end, pod)

    def _end(self, pod: Pod) -> None:
        pod.phase, pod.ready = "Succeeded", False
        self._record(pod, "running", "stopped")
        self.server.changed(pod)

    def _record(self, pod: Pod, truth: str, state: str) -> None:
        self._recorder.pods.add(self._clock.now, pod.name, pod.template.workload, pod.node, truth, state)
