"""The facade: one scenario, running."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from simulator.control.api.objects import Node, Pod
from simulator.control.api.objects import Service as ServiceObject
from simulator.control.api.server import believed_state
from simulator.control.loops.autoscaler import Autoscaler, ScaleAsk
from simulator.control.scheduling.decision import Ask
from simulator.control.scheduling.scheduler import Scheduler
from simulator.errors import Problem, UserError
from simulator.policy import Decision
from simulator.record.glossary import MetricContext, summarise
from simulator.simulation.build import Parts, broken, build
from simulator.simulation.functions import record_functions
from simulator.simulation.join import join, update
from simulator.simulation.picture import picture
from simulator.simulation.plan import Plan
from simulator.simulation.routing import ask_outside, routes
from simulator.simulation.run import Run
from simulator.spec.commands import Commands
from simulator.spec.faults import HostUpdate, LinkFault, NodeFault, Stop, Update
from simulator.spec.pods import Pods
from simulator.spec.scenario import Scenario
from simulator.spec.workload import Manifest, Model, Requests, Service, Telemetry
from simulator.traffic.routing import Outside, RouteAsk, Router
from simulator.units import SECOND, duration
from simulator.world.device import WHOLE, asked

if TYPE_CHECKING:
    import polars as pl

_Asker = Scheduler | Autoscaler


@dataclass(frozen=True, slots=True)
class State:
    """The three truths side by side, as frames, at one instant."""

    nodes: pl.DataFrame  # node, zone, believed, running
    pods: pl.DataFrame  # pod, owner, node, believed, stored, running
    links: pl.DataFrame  # link, running


class Simulation:
    """A scenario that can be run step by step, looked at, disturbed, and asked for decisions."""

    def __init__(
        self,
        scenario: Scenario,
        seed: int = 1,
        replication: int = 0,
        *,
        exact_events: bool = False,
        like: Simulation | None = None,
    ) -> None:
        """Build everything; nothing happens yet. Raises UserError with every problem of the scenario.

        What was read for `like`, another of the same scenario, is not read again, unless the seed makes another place.
        """
        self.scenario = scenario
        self.seed, self.replication = seed, replication
        same = like is not None and like.scenario is scenario and (like.seed == seed or scenario.world.use is None)
        same = same and (like is None or like.replication == replication or not scenario.movement)
        plan: Plan | None = _as_read(like._plan) if like is not None and same else None
        self._parts: Parts = build(scenario, seed, replication, exact_events=exact_events, plan=plan)
        self._plan: Plan = _as_read(self._parts.plan)
        self._askers: Sequence[_Asker] = (*self._parts.schedulers, *self._parts.autoscalers)
        self._routed_by: Router | None = None  # before somebody outside did

    @property
    def now_s(self) -> float:
        """Simulated time, in seconds."""
        return self._parts.world.clock.now / SECOND

    @property
    def duration_ns(self) -> int:
        """The scenario's duration, in ns."""
        return int(self.scenario.duration)

    @property
    def most_nodes(self) -> int:
        """The most nodes that one of its schedulers chooses from."""
        clusters = self._parts.clusters.values()
        return max((len(each.node_objects) for each in clusters if each.scheduler is not None), default=0)

    def run(self, until: str | float | None = None) -> None:
        """Run up to a time: a quantity (`"10min"`) or seconds; without one, to the end of the scenario.

        Raises ValueError for a time that has passed, and RunFailed where a policy hangs, or fails under `stop`.
        """
        self._parts.world.clock.run(self._end(until))

    def inject(
        self,
        item: LinkFault
        | NodeFault
        | Stop
        | Update
        | HostUpdate
        | Manifest
        | Service
        | Model
        | Requests
        | Telemetry
        | Commands,
    ) -> None:
        """Let a fault happen, or a workload begin, at its own time or now.

        Raises UserError for a glob that matches nothing, for what the scenario would get wrong with that workload, and
        for what its fidelity leaves out.
        """
        if self.scenario.fidelity == "scheduling":
            said = f"fidelity: scheduling has no {item.kind} that joins"
            raise UserError(Problem(said, hint="fidelity: full has it"))
        if isinstance(item, Update):
            update(self._parts, item)
        elif isinstance(item, LinkFault | NodeFault | Stop | HostUpdate):
            self._parts.mischief.add(item)
        else:
            join(self._parts, item)

    # The decision points.

    @overload
    def decisions(
        self,
        until: str | float | None = None,
        *,
        point: Literal["placement"] = "placement",
        left: Callable[[Ask], None] | None = None,
    ) -> Iterator[Ask]: ...
    @overload
    def decisions(self, until: str | float | None = None, *, point: Literal["autoscaling"]) -> Iterator[ScaleAsk]: ...
    @overload
    def decisions(self, until: str | float | None = None, *, point: Literal["routing"]) -> Iterator[RouteAsk]: ...
    def decisions(
        self,
        until: str | float | None = None,
        *,
        point: Literal["placement", "autoscaling", "routing"] = "placement",
        left: Callable[[Ask], None] | None = None,
    ) -> Iterator[Ask] | Iterator[ScaleAsk] | Iterator[RouteAsk]:
        """Run, and yield each decision that is asked for at a point; `answer` it before the next.

        It is a placement that a scheduler asks for, a number of replicas that the loop of the scenario's autoscaling
        policy asks for, or the endpoint of each try of a request that has more than one: that one is to be answered
        before anything else is changed, too, or else it is drawn. From the first call on, the scenario's policy for the
        point is asked no more, until `release` gives it back. With `left`, a pod that no node can take is left waiting,
        as kube-scheduler leaves it: its ask is given to `left`, and not yielded. Raises ValueError for a time that has
        passed, where an ask was not answered, and where nobody asks.
        """
        if left is not None and point != "placement":
            raise ValueError(f"{point} leaves nothing waiting")
        if point == "routing":
            return self._routes(until)
        askers: Sequence[_Asker] = self._parts.schedulers if point == "placement" else self._parts.autoscalers
        if not askers:
            raise ValueError(f"nobody asks for {point} in this scenario")
        return self._asked(askers, until, left)

    def _routes(self, until: str | float | None) -> Iterator[RouteAsk]:
        world, plane = self._parts.world, self._parts.plane
        if not isinstance(plane.router, Outside):
            self._routed_by = plane.router
            ask_outside(world, self.scenario, plane)
        yield from routes(world.clock, plane, self._end(until))

    def outcomes(self) -> NDArray[np.int64]:
        """Of the requests that have ended since `decisions` of routing asked before the last: when each was issued and
        when it ended (ns), and how, as a row of `simulator.traffic.tries.OUTCOMES`; (3, n)."""
        router = self._parts.plane.router
        return np.concatenate([_NONE, *router.ended], axis=1) if isinstance(router, Outside) else _NONE

    def _asked(
        self, askers: Sequence[_Asker], until: str | float | None, left: Callable[[Ask], None] | None
    ) -> Iterator[Any]:
        clock, to = self._parts.world.clock, self._end(until)
        for asker in askers:
            if isinstance(asker, Scheduler):
                asker.set_policy(None, left)
            else:
                asker.set_policy(None)
        while True:
            for each in askers:
                if (ask := each.pending) is not None:
                    yield ask
                    if each.pending is ask:
                        raise ValueError(f"{ask.subject} was not answered")
                    break
            else:
                if not clock.advance(to):
                    break
        clock.run(to)

    def answer(self, ask: Ask | ScaleAsk | RouteAsk, decision: Decision | int) -> None:
        """Answer an ask: a placement's with a decision, one of autoscaling with a number of replicas, one of routing
        with the row of an endpoint. Raises ValueError if it is not the pending one."""
        if isinstance(ask, RouteAsk):
            router = self._parts.plane.router
            if not isinstance(router, Outside) or router.pending is not ask:
                raise ValueError("this is not what is being asked")
            router.answer(decision)  # type: ignore[arg-type]  # what is no row is a policy error
            return
        for each in self._askers:
            if each.pending is ask:
                each.answer(decision)
                return
        raise ValueError("this is not what is being asked")

    def release(self) -> None:
        """Let the scenario's own policies answer again."""
        if isinstance(self._parts.plane.router, Outside):
            self._parts.plane.route_by(self._routed_by)
        for asker in self._askers:
            asker.release()

    def witness(self, look: Callable[[Ask], None]) -> None:
        """Call `look(ask)` at every ask, before it is answered. It must change nothing."""
        for scheduler in self._parts.schedulers:
            scheduler.witness = look

    def decided(self) -> pl.DataFrame:
        """The decisions so far, as the table `decisions`."""
        return self._parts.world.recorder.decisions.frame()

    def _end(self, until: str | float | None) -> int:
        """A time to run to, in ns: not after the scenario's end."""
        to = self.duration_ns if until is None else min(duration(until), self.duration_ns)
        if to < self._parts.world.clock.now:
            raise ValueError(f"it is {self.now_s:g} s already")
        return to

    # What is seen from outside.

    @property
    def events(self) -> int:
        """Timers set so far: a measure of how busy the control plane was."""
        return self._parts.world.clock.fired

    def answered(self, service: str) -> tuple[int, int, float]:
        """So far, of the flows to a service: requests issued, requests completed, and their latencies' sum in s."""
        return self._parts.plane.answered(service)

    def state(self) -> State:
        """What is believed, stored and running now, each by itself."""
        import polars as pl  # noqa: PLC0415  # heavy

        parts = self._parts
        world, clusters = parts.world, parts.clusters.values()
        names = world.nodes.names
        believed = {node.name: node.ready for cluster in clusters for node in cluster.server.list(Node)}
        nodes = [
            {
                "node": name,
                "zone": world.nodes.zone[i],
                "believed": {"True": "Ready", "False": "NotReady"}.get(believed[name], "Unknown")
                if name in believed
                else None,
                "running": "up" if world.nodes.up[i] else "down",
            }
            for i, name in enumerate(names)
        ]
        pods: dict[str, dict[str, Any]] = {}

        def row(name: str, owner: str, node: str) -> dict[str, Any]:
            empty = {"believed": None, "stored": False, "running": False}
            return pods.setdefault(name, {"pod": name, "owner": owner, "node": node, **empty})

        for pod in (pod for cluster in clusters for pod in cluster.server.list(Pod)):
            row(pod.name, pod.template.workload, pod.node)["believed"] = believed_state(pod)
        for index, agent in ((index, agent) for cluster in clusters for index, agent in cluster.agents.items()):
            for kept in agent.stored_pods():
                row(kept.name, kept.template.workload, names[index])["stored"] = True
            for run in agent.running():
                runs = run.main.state == "running" and not run.paused
                row(run.name, run.template.workload, names[index])["running"] = runs
        if self.scenario.fidelity == "scheduling":  # the three truths are one
            for known in pods.values():
                known["stored"] = known["running"] = known["believed"] == "Ready"
        links = [
            {"link": link.name, "running": parts.world.network.states[i].mode or "up"}
            for i, link in enumerate(parts.world.network.links)
        ]
        return State(
            pl.DataFrame(nodes),
            pl.DataFrame(list(pods.values()), schema=_POD_COLUMNS),
            pl.DataFrame(links, schema={"link": pl.String, "running": pl.String}),
        )

    def finish(
        self,
        *,
        name: str = "run",
        axes: Mapping[str, Any] | None = None,
        case: str | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> Run:
        """Run to the end, and give the run. `data` is the plain data that the scenario came from, for the record."""
        self.run()
        parts = self._parts
        end = parts.world.clock.now
        parts.plane.finish(end)
        if parts.platform is not None:
            record_functions(parts.world, parts.platform, parts.plan.functions, int(self.scenario.record.interval))
        if parts.energy is not None:
            parts.energy.record()
        if parts.carried is not None:
            parts.carried.record()
        tables = parts.world.recorder.frames()
        warm_up, interval = int(self.scenario.warm_up), int(self.scenario.record.interval)
        wanted = _wanted(parts)
        sketch = parts.plane.sketch(None, warm_up)
        context = MetricContext(
            duration_s=end / SECOND,
            warm_up_s=warm_up / SECOND,
            wanted=wanted,
            deadlines=_deadlines(self.scenario),
            faults=tuple((f.start_s, f.end_s) for f in parts.mischief.scheduled),
            latency=lambda q: sketch.quantile(q) / SECOND,
            mean_latency_s=sketch.mean / SECOND,
            whole_from_s=-(-warm_up // interval) * interval / SECOND,
            links=len(parts.world.network.links),
            **_accelerators(parts),
        )
        return Run(
            name=name,
            axes=dict(axes or {}),
            case=case,
            replication=self.replication,
            seed=self.seed,
            scenario=data or {"scenario": self.scenario.dump(), "facts": dict(self.scenario.facts)},
            tables=tables,
            summary=summarise(tables, context),
            warnings=(*parts.warnings(), *parts.idle(), *_policy_errors(tables)),
            facts=tuple(parts.catalogue.ledger.rows()),
            world=picture(parts, wanted, end),
            manifest={**_orchestrators(parts), **_bound(parts), "events": parts.world.clock.fired},
        )


_NONE = np.zeros((3, 0), np.int64)
_POD_COLUMNS: dict[str, Any] = {
    "pod": str, "owner": str, "node": str, "believed": str, "stored": bool, "running": bool,
}  # fmt: skip


def _as_read(plan: Plan) -> Plan:
    """The plan with objects of its own: what joins, scales or is updated later changes the other."""
    return replace(plan, workload=replace(plan.workload, objects=tuple(map(copy, plan.workload.objects))))


def _policy_errors(tables: Mapping[str, pl.DataFrame]) -> Iterator[str]:
    """What a policy did wrong for the first time, if one did."""
    said = broken(tables["events"])
    if said:
        yield f"{said} (policy_errors counts how often)"


def _bound(parts: Parts) -> dict[str, Any]:
    """That its policy knew more than it could, if it did."""
    return {"perfect_knowledge": True} if parts.plan.deciders.perfect_knowledge else {}


def _orchestrators(parts: Parts) -> dict[str, Any]:
    """Name and version of every orchestrator that ran; a single one's, or by cluster."""
    named = {name: page.reference for name, page in parts.plan.pages.items()}
    return {"orchestrator": named[""]} if "" in named else {"clusters": named}


def _deadlines(scenario: Scenario) -> dict[str, float]:
    """Of the pods that have one, by owner, in seconds."""
    pods = [item for item in scenario.workloads if isinstance(item, Pods)]
    return {item.name: int(item.deadline) / SECOND for item in pods if item.deadline is not None}


def _accelerators(parts: Parts) -> dict[str, int]:
    """Thousandths of the accelerators of all clusters, and those that pods with a node ask for."""
    nodes = [node for cluster in parts.clusters.values() for node in cluster.node_objects.values()]
    pods = [pod for cluster in parts.clusters.values() for pod in cluster.server.list(Pod)]
    held = [pod.template.extended for pod in pods if pod.node and pod.phase not in ("Succeeded", "Failed")]
    offered = {each.resource for node in nodes for each in node.accelerators}
    return {
        "accelerators_m": sum(each.count * WHOLE for node in nodes for each in node.accelerators),
        "allocated_m": sum(n.count * n.share for of in held for n in asked(of) if n.resource in offered),
    }


def _wanted(parts: Parts) -> dict[str, int]:
    """How many pods each workload wants; of one per node, as many as there are nodes for it at the end."""
    workloads = [obj for obj in parts.workload.objects if not isinstance(obj, ServiceObject)]
    return {obj.name: parts.cluster.wanted(obj) for obj in workloads}
