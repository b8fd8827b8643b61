"""The scenario's items of kind function: read, joined to the cluster that runs their instances, and recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simulator.control.api.admission import Admission
from simulator.control.api.client import Client
from simulator.control.scaling.functions import FunctionPlatform
from simulator.control.scheduling.decision import fault_in
from simulator.errors import Problem, UserError
from simulator.policy import FunctionView, Keep, Scaling, VariantView
from simulator.policy.reference import instantiate
from simulator.runtime.stack import costs
from simulator.simulation.clusters.cluster import Cluster
from simulator.simulation.clusters.world import World
from simulator.simulation.deciders import written_at
from simulator.simulation.demand import arrivals_of, duration
from simulator.simulation.runtimes import RuntimeTable
from simulator.simulation.settings import kubernetes as settings
from simulator.spec.base import Use, use
from simulator.spec.function import Function, built, each
from simulator.spec.look import Look
from simulator.spec.mechanism import Autonomy, Framework, Kubelet, Taints
from simulator.spec.orchestrator import Orchestrator
from simulator.spec.scenario import Scenario
from simulator.spec.trace import FunctionTrace
from simulator.streams import Rng, key
from simulator.traffic.flows import RequestFlow, Trace, mean_rate
from simulator.traffic.functions.pool import Book, Limits
from simulator.traffic.schedules import Schedule
from simulator.units import SECOND
from simulator.world.node import NodeRow
from simulator.world.pod import PodTemplate

_DOOR = key("door")  # who asks for functions: the platform's door is one source


@dataclass(frozen=True, slots=True)
class FunctionLoad:
    """One function: what its requests are, how long its instances are kept, and the name under which they are built."""

    item: Function
    build: str
    limits: Limits
    trace: FunctionTrace | None


def check_platform(look: Look, page: Orchestrator) -> Iterator[Problem]:
    """Whether this orchestrator can run a function platform: one that makes and deletes single pods."""
    if not (page.find(Framework) and page.find(Kubelet)):
        for number, item in look.functions:
            said = f"function {item.name}: {page.name} has no pods that a function platform could start"
            hint = "use an orchestrator of the Kubernetes family, as one cluster"
            yield look.source.problem(("workloads", number, "kind"), said, hint)


def read_functions(scenario: Scenario, runtimes: RuntimeTable, machines: Sequence[NodeRow]) -> Sequence[FunctionLoad]:
    """Every function, and what its scaling policy says. Raises UserError where a policy or a trace cannot be read."""
    found: list[FunctionLoad] = []
    for number, item in enumerate(scenario.workloads):
        if isinstance(item, Function):
            chosen, place = _scaling(item, number, scenario)
            with written_at(place, "use"):
                decide = _policy(chosen, scenario.folder)
                for single, trace in each(item, scenario.folder):
                    view = _view(single, trace, scenario.folder, runtimes, machines)
                    answer = _sound(_asked(decide, view, chosen.use), view, chosen.use)
                    variant = built(single)[answer.variant]
                    made = variant.model_copy(update={"name": single.name})
                    found.append(FunctionLoad(made, variant.name, _limits(answer, view, chosen.use), trace))
    return found


def _view(
    item: Function, trace: FunctionTrace | None, folder: Path, runtimes: RuntimeTable, machines: Sequence[NodeRow]
) -> FunctionView:
    variants = tuple(_variant(each, runtimes, machines) for each in built(item)) if item.variants else ()
    if trace is not None:
        rate = mean_rate(Trace(np.array(trace.arrive_ns, np.int64)))
        work = float(np.mean(trace.work_ns))
    else:
        assert item.arrivals is not None
        rate, work = mean_rate(arrivals_of(item.arrivals, folder)), duration(item.work, folder).mean
    return FunctionView(item.name, item.concurrency, int(item.cpu), int(item.ram), rate, work / SECOND, variants)


def _variant(item: Function, runtimes: RuntimeTable, machines: Sequence[NodeRow]) -> VariantView:
    """By the first of the machines' runtimes that answers to the name."""
    stack = runtimes.answering(machines, item.runtime or "")[0]
    cost = costs(stack)
    start = sum(step.time.mean * step.factor(1.0) for step in (*cost.sandbox, *cost.create, *cost.start))
    start += int(item.start) * cost.slowdown
    return VariantView(item.runtime or "", stack.isolation, start / SECOND, cost.slowdown, cost.ram_bytes)


def check_pauses(
    look: Look, loads: Sequence[FunctionLoad], runtimes: RuntimeTable, machines: Sequence[NodeRow]
) -> Iterator[Problem]:
    """Functions whose instances are to be paused by a runtime that cannot."""
    numbers = {item.name.rstrip("*"): number for number, item in look.functions}
    for load in loads:
        if not load.limits.paused:
            continue
        item = load.item
        unable = [s.name for s in runtimes.answering(machines, item.runtime or "") if not s.pauses]
        if unable:
            said = f"function {item.name}: {unable[0]} cannot pause an instance: its pages know no resume"
            number = next(n for name, n in numbers.items() if item.name.startswith(name))
            hint = "leave paused out, or take an engine that can, such as docker"
            yield look.source.problem(("workloads", number, "scaling"), said, hint)


def _scaling(item: Function, number: int, scenario: Scenario) -> tuple[Use, str]:
    """The function's own scaling policy or the scenario's, and where it is written."""
    if item.scaling is not None:
        return use(item.scaling), f"workloads.{number}.scaling"
    if scenario.policies is None or scenario.policies.scaling in (None, "none"):
        said, hint = f"function {item.name} has no scaling policy", "as in {use: keep-alive, params: {idle: 10min}}"
        raise UserError(Problem(said, path=f"workloads.{number}.scaling", hint=hint))
    return use(scenario.policies.scaling), "policies.scaling"


def _policy(chosen: Use, folder: Path) -> Callable[[FunctionView], object]:
    plain = not any(mark in chosen.use for mark in "./:")  # a shipped name: of this point, even if it is misspelt
    made: object = instantiate(f"scaling/{chosen.use}" if plain else chosen.use, chosen.params, folder, given=1)
    if isinstance(made, Scaling):
        return made.keep
    if not callable(made) or isinstance(made, type):
        hint = "derive it from simulator.policy.Scaling, or write a function"
        raise UserError(Problem(f"{chosen.use} is no scaling policy", hint=hint))
    return made


def _asked(decide: Callable[[FunctionView], object], view: FunctionView, policy: str) -> object:
    try:
        return decide(view)
    except Exception as error:
        raise UserError(Problem(f"{policy} {fault_in(error)}")) from error


def _sound(answer: object, view: FunctionView, policy: str) -> Keep:
    if not isinstance(answer, Keep):
        raise UserError(Problem(f"{policy} answers {answer!r} for {view.name}", hint="it answers a Keep"))
    if answer.full not in ("refuse", "queue"):
        raise UserError(Problem(f"{policy}: full is refuse or queue, not {answer.full!r}", path="params.full"))
    if not isinstance(answer.variant, int) or not 0 <= answer.variant < max(1, len(view.variants)):
        said = f"{policy} answers variant {answer.variant!r} for {view.name}, which has {len(view.variants)}"
        raise UserError(Problem(said, hint="it is a row of function.variants"))
    return answer


def _limits(answer: Keep, view: FunctionView, policy: str) -> Limits:
    try:
        keep_ns = round(answer.idle_s * SECOND)
        return Limits(keep_ns, view.concurrency, answer.most, answer.full, answer.prewarmed, answer.paused)
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(Problem(f"{policy} answers {answer} for {view.name}: {error}", path="params")) from None


def add_functions(
    world: World,
    cluster: Cluster,
    loads: Sequence[FunctionLoad],
    instances: Mapping[str, PodTemplate],
    scenario: Scenario,
) -> FunctionPlatform | None:
    """The platform of this cluster, with all requests of the run before it; None where there are no functions."""
    if not loads:
        return None
    page, end = cluster.page, int(scenario.duration)
    control = settings.manager(page)
    platform = FunctionPlatform(
        world.clock,
        cluster.server,
        Client(world.clock, cluster.server, control.qps, control.burst, control.latency_ns),
        Admission(page.get(Taints).toleration // SECOND, page.get(Autonomy).label or ""),
    )
    for agent in cluster.agents.values():
        agent.serving_hooks.append(platform.serving)
        agent.speed_hooks.append(platform.paced)
    for load in loads:
        name = load.item.name
        platform.add(name, instances[load.build], _book(load, scenario, world.rng, end), load.limits, end)
    return platform


def _book(load: FunctionLoad, scenario: Scenario, rng: Rng, end: int) -> Book:
    """All requests of a function up to the end of the run, each drawn by its own number."""
    item, folder = load.item, scenario.folder
    if load.trace is not None:
        arrive, work = np.array(load.trace.arrive_ns, np.int64), np.array(load.trace.work_ns, np.int64)
        arrive, work = arrive[arrive <= end], work[arrive <= end]
        ks = np.arange(len(arrive))
    else:
        assert item.arrivals is not None
        flow = RequestFlow(item.name, (0,), (0,), item.name, arrivals_of(item.arrivals, folder), 0, 0)
        arrive, _, ks = Schedule(rng, flow, np.array([_DOOR], np.uint64), 0).take(end)
        work = duration(item.work, folder).ticks(rng.draws(f"work/{item.name}", _DOOR, ks))
    if item.first_work is None:
        return Book(arrive, work)
    return Book(arrive, work, duration(item.first_work, folder).ticks(rng.draws(f"first-work/{item.name}", _DOOR, ks)))


def record_functions(world: World, platform: FunctionPlatform, loads: Sequence[FunctionLoad], interval_ns: int) -> None:
    """Write the table `functions`, at the end of the run."""
    for load in loads:
        for row in platform.pools[load.item.name].outcome().rows(interval_ns):
            start, *columns = row
            world.recorder.functions.add(start, load.item.name, *columns, columns[-1] * int(load.item.ram))
