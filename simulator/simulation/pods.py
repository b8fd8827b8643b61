"""The scenario's items of kind pods: who can be asked for them, and somebody who creates them one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulator.control.api.admission import Admission
from simulator.control.api.objects import Node, Pod
from simulator.control.api.patient import once_up
from simulator.errors import Problem, UserError
from simulator.simulation.clusters.cluster import Cluster
from simulator.simulation.clusters.world import World
from simulator.simulation.compile import BarePods
from simulator.simulation.demand import arrivals_of, duration
from simulator.spec.look import Look
from simulator.spec.mechanism import Autonomy, Framework, Kubelet, Taints
from simulator.spec.orchestrator import Orchestrator
from simulator.spec.pods import Pods
from simulator.spec.readers.openb import PodTrace
from simulator.streams import Rng, key
from simulator.traffic.flows import RequestFlow
from simulator.traffic.schedules import Schedule
from simulator.units import SECOND
from simulator.world.device import WHOLE, asked
from simulator.world.pod import PodTemplate

Ints = NDArray[np.int64]
_SOMEBODY = key("somebody")  # who creates pods: one source for each item


def check_orchestrator(look: Look, page: Orchestrator) -> Iterator[Problem]:
    """Whether this orchestrator has pods that stand alone, and a scheduler if that is all that is simulated."""
    if page.find(Framework) and page.find(Kubelet):
        return
    hint = "use an orchestrator of the Kubernetes family, as one cluster"
    for number, item in look.pods:
        said = f"pods {item.name}: {page.title} has no pods that stand alone"
        yield look.source.problem(("workloads", number, "kind"), said, hint)
    if look.scenario.fidelity == "scheduling":
        said = f"fidelity: scheduling needs a scheduler of pods, and {page.title} has none"
        yield look.source.problem(("fidelity",), said, hint)


@dataclass(frozen=True, slots=True)
class Coming:
    """When each pod of an item is created (ns), in their order; of which kind it is (None: there is one), and how long
    it runs (ns; None: for ever)."""

    times: Sequence[int]
    kinds: Sequence[int] | None = None
    runs: Sequence[int] | None = None


class Creator:
    """Creates one pod after another at its time (ns), or as soon as the server answers after it."""

    __slots__ = ("_cluster", "_coming", "_name", "_number", "_templates", "_world")

    def __init__(
        self,
        world: World,
        cluster: Cluster,
        *,
        name: str,
        templates: Sequence[PodTemplate],
        coming: Coming,
    ) -> None:
        self._world, self._cluster = world, cluster
        self._name, self._templates, self._coming = name, templates, coming
        self._number = 0
        self._wait()

    def _wait(self) -> None:
        times = self._coming.times
        if self._number < len(times):
            clock = self._world.clock
            once_up(clock, self._cluster.server, max(times[self._number], clock.now), self._create)

    def _create(self) -> None:
        number, coming = self._number, self._coming
        run_ns = None if coming.runs is None else coming.runs[number]
        template = self._templates[0 if coming.kinds is None else coming.kinds[number]]
        self._cluster.apply([Pod(f"{self._name}-{number}", template=template, run_ns=run_ns)])
        self._number += 1
        self._wait()


def add_pods(world: World, cluster: Cluster, item: Pods, bare: BarePods, *, folder: Path, end: int) -> Creator:
    """Somebody who creates the pods of an item up to the end of the run (ns). Raises UserError for a trace of times
    that cannot be read, and for a demand that is not reached."""
    page = cluster.page
    admission = Admission(page.get(Taints).toleration // SECOND, page.get(Autonomy).label or "")
    coming = _coming(world.rng, item, bare.trace, folder, end)
    if item.demand is not None:
        coming = _until(coming, item.name, item.demand, bare.templates, nodes=cluster.node_objects.values())
    return Creator(
        world, cluster, name=item.name, templates=[admission.admit(each) for each in bare.templates], coming=coming
    )


def _coming(rng: Rng, item: Pods, trace: PodTrace | None, folder: Path, end: int) -> Coming:
    if trace is not None and item.arrivals is None:
        number = int(np.searchsorted(trace.created_ns, end, side="right"))
        number = number if item.count is None else min(number, item.count)
        return Coming(trace.created_ns[:number], trace.kind[:number], trace.run_ns[:number])
    times = creations(rng, item, folder, end)
    kinds = runs = None
    if item.run is not None:
        draws = rng.draws(f"run/{item.name}", _SOMEBODY, np.arange(len(times)))
        runs = np.maximum(duration(item.run, folder).ticks(draws), 1).tolist()
    if trace is not None:
        kinds = np.array(trace.kind)[_shuffled(rng, item.name, len(trace.kind), len(times))].tolist()
    return Coming(times, kinds, runs)


def _shuffled(rng: Rng, name: str, rows: int, number: int) -> Ints:
    """So many rows: each once in random order, then any of them."""
    order = np.argsort(rng.draws(f"order/{name}", _SOMEBODY, np.arange(rows)), kind="stable")
    copies = rng.draws(f"copy/{name}", _SOMEBODY, np.arange(rows, max(rows, number))) * rows
    return np.concatenate((order, copies.astype(np.int64)))[:number]


def _until(
    coming: Coming, name: str, demand: float, templates: Sequence[PodTemplate], *, nodes: Iterable[Node]
) -> Coming:
    """The pods up to the one by which all have asked for so many times the accelerators of their kinds."""
    needs = [asked(template.extended) for template in templates]
    kinds = {need.resource for need in chain.from_iterable(needs)}
    there = sum(of.count * WHOLE for node in nodes for of in node.accelerators if of.resource in kinds)
    each = np.array([sum(need.count * need.share for need in of) for of in needs], np.int64)
    of_each = np.zeros(len(coming.times), np.int64) if coming.kinds is None else np.asarray(coming.kinds, np.int64)
    sums = np.cumsum(each[of_each])
    number = int(np.searchsorted(sums, demand * there)) + 1
    if not there or number > len(sums):
        got = f"{sums[-1] / there:.3g} times" if there and len(sums) else "none of"
        said = f"pods {name}: ask for {got} the accelerators that there are, and not for {demand:g} times"
        raise UserError(Problem(said, path="demand", hint="a longer duration, or more accelerators per pod"))
    return Coming(
        coming.times[:number],
        None if coming.kinds is None else coming.kinds[:number],
        None if coming.runs is None else coming.runs[:number],
    )


def creations(rng: Rng, item: Pods, folder: Path, end: int) -> list[int]:
    """When each pod of an item with arrivals is created (ns), in their order: none after `end`."""
    assert item.arrivals is not None
    flow = RequestFlow(item.name, (0,), (0,), item.name, arrivals_of(item.arrivals, folder), 0, 0)
    schedule = Schedule(rng, flow, np.array([_SOMEBODY], np.uint64), 0)
    most = end + 1 if item.count is None else item.count
    found: list[int] = []
    until = 0
    while len(found) < most and until < end:
        before, until = until, end
        if item.count is not None and schedule.rate:
            until = min(end, before + round((most - len(found) + 1) / schedule.rate))
        found += np.sort(schedule.take(until)[0]).tolist()
    return found[:most]
