"""Who decides where pods go: the scenario's placement policy, and the plug-ins that join the orchestrator's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import UnionType
from typing import Any, Final

from simulator.control.scheduling.answering import Policy
from simulator.control.scheduling.settings import SchedulerSettings
from simulator.errors import Problem, UserError
from simulator.policy import (
    Autoscaling,
    Batch,
    Caching,
    ClusterPolicy,
    Filter,
    Order,
    Placement,
    Preemption,
    Rescheduling,
    Routing,
    Score,
    Split,
)
from simulator.policy.api import FilterFunction, OrderFunction, ScoreFunction
from simulator.policy.autoscaling import AutoscalingFunction
from simulator.policy.caching import CachingFunction
from simulator.policy.clusters import ClusterPolicyFunction
from simulator.policy.points import KINDS, point_of, unwritten
from simulator.policy.preemption import PreemptionFunction
from simulator.policy.reference import at_point, instantiate
from simulator.policy.rescheduling import ReschedulingFunction
from simulator.policy.routing import RoutingFunction
from simulator.spec.base import Reference, Use, use
from simulator.spec.function import Function
from simulator.spec.mechanism import Division, Framework
from simulator.spec.orchestrator import Orchestrator
from simulator.spec.scenario import Policies, Scenario
from simulator.spec.workload import Requests

# Points that only a scheduler of the Kubernetes family asks, or a loop beside it.
_SCHEDULERS: Final = (
    "placement", "perfect_knowledge", "filters", "scores", "order", "preemption", "rescheduling", "autoscaling",
    "caching",
)  # fmt: skip
# Karmada's own: equal static weights.
_DIVISION: Final = "weighted"


@dataclass(frozen=True, slots=True)
class Deciders:
    """The placement policy; how a hub divides; further filters, and scores with their weights; the queue's order; who
    goes for whom; and what loops ask, where the scenario says so."""

    placement: Policy
    clusters: ClusterPolicy | ClusterPolicyFunction
    filters: tuple[Filter | FilterFunction, ...] = ()
    scores: tuple[tuple[Score | ScoreFunction, float], ...] = ()
    order: Order | OrderFunction | None = None
    preemption: Preemption | PreemptionFunction | None = None
    perfect_knowledge: bool = False
    rescheduling: Rescheduling | ReschedulingFunction | None = None
    autoscaling: Autoscaling | AutoscalingFunction | None = None
    caching: Caching | CachingFunction | None = None
    routing: Routing | Split | RoutingFunction | None = None

    def join(self, settings: SchedulerSettings) -> SchedulerSettings:
        """The orchestrator's scheduler with these plug-ins after its own."""
        return replace(
            settings, filters=(*settings.filters, *self.filters), scores=(*settings.scores, *self.scores),
            order=self.order, preemption=self.preemption, perfect_knowledge=self.perfect_knowledge,
        )  # fmt: skip


def read_deciders(scenario: Scenario) -> Deciders:
    """Find and make them all. Raises UserError, at the places in the scenario, for all that cannot be found or made."""
    policies, problems = scenario.policies or Policies(), list[Problem]()

    def make(chosen: Use, place: str, base: type | UnionType, given: int) -> Any:
        try:
            return _made(scenario, chosen, place, base, given=given)
        except UserError as error:
            problems.extend(error.problems)

    def at(point: str, base: type | UnionType, given: int, otherwise: str | None = None) -> Any:
        chosen: Reference | None = getattr(policies, point) or otherwise
        return None if chosen is None else make(_at(point, chosen), f"policies.{point}", base, given)

    def paced(point: str, base: type, given: int) -> Any:
        policy = at(point, base, given)
        problems.extend(_unpaced(policy, point))
        return policy

    place = "policies.placement" if scenario.policy is None and scenario.policies is not None else "policy"
    found = Deciders(
        make(scenario.placement, place, Placement | Batch, 2),
        at("clusters", ClusterPolicy, 2, _DIVISION),
        tuple(make(use(each), f"policies.filters.{i}", Filter, 2) for i, each in enumerate(policies.filters)),
        tuple(
            (make(each, f"policies.scores.{i}", Score, 3), float(each.weight)) for i, each in enumerate(policies.scores)
        ),
        at("order", Order, 1),
        at("preemption", Preemption, 3),
        policies.perfect_knowledge,
        paced("rescheduling", Rescheduling, 2),
        paced("autoscaling", Autoscaling, 1),
        paced("caching", Caching, 2),
        at("routing", Routing | Split, 2),
    )
    for key in getattr(found.placement, "needs", ()):
        if not getattr(scenario, key):
            said = f"{scenario.placement.use} decides by {key}, and the scenario gives none"
            problems.append(Problem(said, path=place, hint=f"give it under {key}:"))
    if scenario.record.routing and isinstance(found.routing, Split):
        said = "a policy that divides by weights is asked about no single request"
        problems.append(Problem(said, path="scenario.record.routing", hint="leave it out"))
    if problems:
        raise UserError(problems)
    return found


def _unpaced(policy: Any, point: str) -> Iterator[Problem]:
    """A policy of a loop says every how many seconds it is asked."""
    every_s = getattr(policy, "every_s", 1.0)
    if not isinstance(every_s, int | float) or not 1e-3 <= every_s < 1e9:
        said = f"{type(policy).__name__} is to be asked every {every_s!r} s"
        yield Problem(said, path=f"scenario.policies.{point}", hint="every_s is a number of seconds")


def check_points(scenario: Scenario, pages: Iterable[Orchestrator]) -> Iterator[Problem]:
    """Every decision point that the scenario gives a policy for, and that none of its orchestrators calls."""
    known = list(pages)
    who = ", ".join(dict.fromkeys(page.name for page in known))
    given, hint = scenario.policies, "leave it out: these orchestrators decide in their own way"
    if given is not None and given.clusters is not None and not any(page.find(Division) for page in known):
        yield Problem(f"{who} divides nothing over clusters", path="scenario.policies.clusters", hint=hint)
    if given is not None and given.scaling not in (None, "none"):
        asking = [item for item in scenario.workloads if isinstance(item, Function) and item.scaling is None]
        if not asking:
            said, why = "no function asks the scenario's scaling policy", "it is for those that have none"
            yield Problem(said, path="scenario.policies.scaling", hint=why)
    yield from _check_routing(scenario)
    if given is not None and given.autoscaling is not None and any(page.find(Division) for page in known):
        said = "a hub's workloads have the replicas that it gives to members: no loop of a hub sets them yet"
        yield Problem(said, path="scenario.policies.autoscaling", hint="one cluster without a hub")
    if any(page.find(Framework) for page in known):
        return
    if scenario.policy is not None:
        yield Problem(f"{who} asks no placement policy", path="scenario.policy", hint=hint)
    for point in _SCHEDULERS:
        if given is not None and point in given.model_fields_set:
            yield Problem(f"{who} has no scheduler that asks for {point}", path=f"scenario.policies.{point}", hint=hint)


def _check_routing(scenario: Scenario) -> Iterator[Problem]:
    """A policy for requests, and a record of its answers, where there is nobody who asks or answers."""
    given = scenario.policies
    routing = given is not None and given.routing is not None
    if routing and not any(isinstance(item, Requests) for item in scenario.workloads):
        said = "no request asks for an endpoint"
        hint = "it is for workloads of kind requests, and what their services call"
        yield Problem(said, path="scenario.policies.routing", hint=hint)
    if scenario.record.routing and not routing:
        said = "no policy is asked where a request goes"
        yield Problem(said, path="scenario.record.routing", hint="give one under policies.routing")


def _at(point: str, chosen: Reference) -> Use:
    """The reference in its long form; a shipped name is of the point's own folder."""
    long = use(chosen)
    return long.model_copy(update={"use": at_point(long.use, point)})


def _made(scenario: Scenario, chosen: Use, place: str, base: type | UnionType, *, given: int) -> Any:
    """The plug-in; a plain function of `given` parameters serves as well as the class."""
    with written_at(place, "use"):
        made: object = instantiate(chosen.use, chosen.params, scenario.folder, given=given)
        bases = base.__args__ if isinstance(base, UnionType) else (base,)
        own, wanted = point_of(made), point_of(bases[0])
        if not isinstance(made, base) and not _is_function(made):
            kinds = [kind.__name__ for kind in bases]
            said = f"{chosen.use} is no {kinds[0].lower()}" + (f", but a policy for {own}" if own else "")
            hint = f"derive it from simulator.policy.{' or .'.join(kinds)}, or write a function"
            raise UserError(Problem(said, hint=hint))
        alike = own in (wanted, None) or {own, wanted} == {"placement", "filter"}
        if not isinstance(made, base) and not alike:
            said = f"{chosen.use} is a function for {own}, by its parameters, and not for {wanted}"
            raise UserError(Problem(said, hint="write the function as its point has it"))
        if method := unwritten(made, bases):
            raise UserError(Problem(f"{chosen.use} has no method {method}", hint="write it: it is what decides"))
    return made


def _is_function(made: object) -> bool:
    return isinstance(made, Callable) and not isinstance(made, KINDS)  # type: ignore[arg-type]  # an ABC


@contextmanager
def written_at(place: str, key: str = "") -> Iterator[None]:
    """Problems that are found inside, and have no file of their own, are problems of what the scenario says there:
    below that place, or at its `key`."""
    try:
        yield
    except UserError as error:
        found = [
            p
            if p.file is not None or p.path.startswith(("facts.", "scenario."))
            else replace(p, path=".".join(filter(None, (place, p.path or key))))
            for p in error.problems
        ]
        raise type(error)(found) from error
