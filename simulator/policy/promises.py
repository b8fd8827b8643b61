"""What every policy promises, whatever it decides: the checks of each decision point are made of these and its own."""

from __future__ import annotations

import copy
import inspect
import pickle
import random
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final

import numpy as np

from simulator.policy.api import Batch, Order, Placement
from simulator.policy.autoscaling import Autoscaling
from simulator.policy.caching import Caching
from simulator.policy.clusters import ClusterPolicy
from simulator.policy.preemption import Preemption
from simulator.policy.profiled import profiled
from simulator.policy.rescheduling import Rescheduling
from simulator.policy.routing import Routing, Split
from simulator.policy.scaling import Scaling

_CLASSES: Final = (
    Placement, Batch, Order, ClusterPolicy, Preemption, Rescheduling, Autoscaling, Caching, Routing, Split,
    Scaling,
)  # fmt: skip
_CLOCKS: Final = frozenset({"datetime.now", "datetime.utcnow", "datetime.today", "date.today"})


class CheckFailed(AssertionError):
    """A policy breaks a promise; the message says which, and how to keep it."""


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception as an answer: for one check to refuse, for the others to let pass."""

    what: str

    def __str__(self) -> str:
        return f"it raises {self.what}"


def answer(decide: Callable[..., Any], *ask: Any) -> Any:
    """What it decides, or what it raises."""
    try:
        return decide(*ask)
    except (Exception, SystemExit) as error:
        return Raised(f"{type(error).__name__}: {error}")


def copies(policy: Any, n: int) -> list[Any]:
    """Copies that share no state, so that no check sees what another has left behind."""
    return [copy.deepcopy(policy) for _ in range(n)]


def check_constructor_only_stores(policy: Any) -> None:
    """Each parameter becomes the attribute of its name, and nothing else happens: a reference says it all."""
    if not isinstance(policy, _CLASSES):
        return
    parameters = [p for p in inspect.signature(type(policy)).parameters if p not in ("args", "kwargs")]
    missing = [name for name in parameters if not hasattr(policy, name)]
    if missing:
        raise CheckFailed(f"the constructor does not store {missing[0]!r} under its own name")
    given = {name: getattr(policy, name) for name in parameters}
    made = type(policy)(**given)
    for name, value in given.items():
        if getattr(made, name) is not value:
            raise CheckFailed(f"the constructor changes {name!r}: store what was given, and compute when asked")
    extra = sorted(set(vars(made)) - set(parameters)) if hasattr(made, "__dict__") else []
    if extra:
        raise CheckFailed(f"the constructor also sets {extra[0]!r}: set it when it is first needed")


def check_picklable(policy: Any) -> None:
    """Pickled by reference: a worker process can have it."""
    try:
        again = pickle.loads(pickle.dumps(policy))
    except Exception as error:
        raise CheckFailed(f"it cannot be pickled: {error}; define it at the top of a module") from error
    if type(again) is not type(policy):
        raise CheckFailed(f"its pickle is of another class: {type(again)}")


def asks_no_clock(decide: Callable[[], object], instead: str) -> None:
    """While it decides it never asks what time it is outside; the time inside is `instead`."""
    asked: list[str] = []

    def look(_frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call":
            name = getattr(called, "__qualname__", "")
            if getattr(called, "__module__", None) == "time" or name in _CLOCKS:
                asked.append(name)

    with profiled(look):
        decide()
    if asked:
        raise CheckFailed(f"it calls {asked[0]}: simulated time is {instead}")


def leaves_global_random(decide: Callable[[], object], instead: str) -> None:
    """While it decides it leaves the generators of `random` and `numpy.random` alone: they belong to no seed."""
    before = ours, numpys = random.getstate(), _numpy_state()
    try:
        decide()
        after = random.getstate(), _numpy_state()
    finally:
        random.setstate(ours)
        np.random.set_state(numpys)  # noqa: NPY002  # the global generator is what is being watched
    for module, was, now in zip(("random", "numpy.random"), before, after, strict=True):
        if was != now:
            raise CheckFailed(f"it draws from {module}: use {instead}")


def _numpy_state() -> tuple[Any, ...]:
    """The state of numpy's global generator, comparable."""
    name, words, *rest = np.random.get_state()  # noqa: NPY002  # the global generator is what is being watched
    return name, tuple(words), *rest
