"""The scenario's items of kind pods: who can be asked for them, and somebody who creates them one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from simulator.control.api.admission import Admission
from simulator.control.api.objects import Pod
from simulator.control.api.patient import once_up
from simulator.errors import Problem
from simulator.simulation.clusters.cluster import Cluster
from simulator.simulation.clusters.world import World
from simulator.simulation.demand import arrivals_of, duration
from simulator.spec.look import Look
from simulator.spec.mechanism import Autonomy, Framework, Kubelet, Taints
from simulator.spec.orchestrator import Orchestrator
from simulator.spec.pods import Pods
from simulator.streams import Rng, key
from simulator.traffic.flows import RequestFlow
from simulator.traffic.schedules import Schedule
from simulator.units import SECOND
from simulator.world.pod import PodTemplate

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


class Creator:
    """Creates one pod after another at its time (ns), or as soon as the server answers after it."""

    __slots__ = ("_cluster", "_name", "_number", "_runs", "_template", "_times", "_world")

    def __init__(
        self,
        world: World,
        cluster: Cluster,
        *,
        name: str,
        template: PodTemplate,
        times: Sequence[int],
        runs: Sequence[int] | None,
    ) -> None:
        self._world, self._cluster = world, cluster
        self._name, self._template, self._times, self._runs = name, template, times, runs
        self._number = 0
        self._wait()

    def _wait(self) -> None:
        if self._number < len(self._times):
            clock = self._world.clock
            once_up(clock, self._cluster.server, max(self._times[self._number], clock.now), self._create)

    def _create(self) -> None:
        number = self._number
        run_ns = None if self._runs is None else self._runs[number]
        self._cluster.apply([Pod(f"{self._name}-{number}", template=self._template, run_ns=run_ns)])
        self._number += 1
        self._wait()


def add_pods(world: World, cluster: Cluster, item: Pods, template: PodTemplate, *, folder: Path, end: int) -> Creator:
    """Somebody who creates the pods of an item up to the end of the run (ns). Raises UserError for a trace that cannot
    be read."""
    page = cluster.page
    admission = Admission(page.get(Taints).toleration // SECOND, page.get(Autonomy).label or "")
    times = creations(world.rng, item, folder, end)
    runs = None
    if item.run is not None:
        draws = world.rng.draws(f"run/{item.name}", _SOMEBODY, np.arange(len(times)))
        runs = np.maximum(duration(item.run, folder).ticks(draws), 1).tolist()
    return Creator(world, cluster, name=item.name, template=admission.admit(template), times=times, runs=runs)


def creations(rng: Rng, item: Pods, folder: Path, end: int) -> list[int]:
    """When each pod of an item is created (ns), in their order: none after `end`."""
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
