"""The extension points by name: which classes are policies for one, and which function serves as well."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from simulator.errors import Problem, UserError
from simulator.policy.api import Batch, Filter, Order, Placement, Score
from simulator.policy.autoscaling import Autoscaling
from simulator.policy.caching import Caching
from simulator.policy.clusters import ClusterPolicy
from simulator.policy.preemption import Preemption
from simulator.policy.rescheduling import Rescheduling
from simulator.policy.routing import Routing, Split
from simulator.policy.scaling import Scaling

PointName = Literal[
    "placement", "filter", "score", "order", "preemption", "rescheduling", "autoscaling", "scaling", "routing",
    "caching", "clusters",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class ExtensionPoint:
    """`kinds` are the classes whose instances are policies for it; `asks` is the method that a plain function with the
    same parameters stands for."""

    kinds: tuple[type, ...]
    asks: Callable[..., Any]

    @property
    def views(self) -> tuple[inspect.Parameter, ...]:
        """What a function is asked with, in its order."""
        return tuple(inspect.signature(self.asks).parameters.values())[1:]


EXTENSION_POINTS: Final[Mapping[PointName, ExtensionPoint]] = {
    "placement": ExtensionPoint((Placement, Batch), Placement.place),
    "filter": ExtensionPoint((Filter,), Filter.passes),
    "score": ExtensionPoint((Score,), Score.score),
    "order": ExtensionPoint((Order,), Order.rank),
    "preemption": ExtensionPoint((Preemption,), Preemption.victims),
    "rescheduling": ExtensionPoint((Rescheduling,), Rescheduling.moves),
    "autoscaling": ExtensionPoint((Autoscaling,), Autoscaling.replicas),
    "scaling": ExtensionPoint((Scaling,), Scaling.keep),
    "routing": ExtensionPoint((Routing, Split), Routing.route),
    "caching": ExtensionPoint((Caching,), Caching.pulls),
    "clusters": ExtensionPoint((ClusterPolicy,), ClusterPolicy.divide),
}
KINDS: Final = tuple(kind for point in EXTENSION_POINTS.values() for kind in point.kinds)


def point_of(policy: Any) -> PointName | None:
    """The point that a class, an instance or a function is for; None for one that does not say.

    A function says it by its parameters: by the annotations of the views, or their names. A placement and a filter are
    asked with the same; who is annotated to answer a column is a filter.
    """
    kind = policy if inspect.isclass(policy) else type(policy)
    for name, point in EXTENSION_POINTS.items():
        if issubclass(kind, point.kinds):
            return name
    if inspect.isclass(policy) or not callable(policy):
        return None
    try:
        said = inspect.signature(policy)
    except ValueError:  # a builtin
        return None
    column = any(word in _word(said.return_annotation) for word in ("NDArray", "ndarray", "Bools"))
    fitting: list[PointName] = [
        name
        for name, point in EXTENSION_POINTS.items()
        if _fits(list(said.parameters.values()), point.views) and name != ("placement" if column else "filter")
    ]
    return max(fitting, key=lambda name: len(EXTENSION_POINTS[name].views), default=None)


def point_for(policy: Any, label: str, wanted: PointName | None = None) -> PointName:
    """The point that a policy called `label` is for; a function that does not say is for the one that is wanted, or a
    placement. Raises UserError for what is no policy, or one for another point than is wanted."""
    own, kind = point_of(policy), policy if inspect.isclass(policy) else type(policy)
    if issubclass(kind, KINDS):
        if wanted is not None and not issubclass(kind, EXTENSION_POINTS[wanted].kinds):
            raise UserError(Problem(f"{label} is a policy for {own}, not for {wanted}", hint="leave the point out"))
    elif not any("__call__" in vars(each) for each in kind.__mro__):
        hint = "derive it from simulator.policy.Placement, or from the class of another point; or write a function"
        raise UserError(Problem(f"{label} is no policy", hint=hint))
    return wanted or own or "placement"


def unwritten(policy: Any, kinds: tuple[type, ...]) -> str:
    """The method by which a policy of one of these kinds is asked, if it has not written it; else empty."""
    for kind in kinds:
        if isinstance(policy, kind):
            name = next(name for name, value in vars(kind).items() if inspect.isfunction(value))  # its first
            return name if getattr(type(policy), name) is vars(kind)[name] else ""
    return ""


def _fits(given: list[inspect.Parameter], views: tuple[inspect.Parameter, ...]) -> bool:
    return len(given) >= len(views) and all(
        own.name == view.name or _word(own.annotation) == _word(view.annotation)
        for own, view in zip(given, views, strict=False)
    )


def _word(annotation: Any) -> str:
    """An annotation as it is written, without the module that it is from."""
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    return text.rpartition(".")[2] if "[" not in text else text
