"""The judge of policies: the same small checks as a call, and as pytest cases.

    check_policy("./mine.py:Mine")                     # raises at the first failure

    @parametrize_policy_checks(["least-loaded", Mine(alpha=0.3)])
    def test_mine(policy, check):
        check(policy)

Each check holds one promise, and looks at nothing else: what one of them refuses, the others let pass.
"""

from __future__ import annotations

import copy
import inspect
import pickle
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import index
from pathlib import Path
from types import FrameType
from typing import Any, Final, Literal

import numpy as np

from simulator.policy.api import Placement
from simulator.policy.clusters import ClusterPolicy
from simulator.policy.decision import Bind, Reject, Wait
from simulator.policy.profiled import profiled
from simulator.policy.reference import instantiate
from simulator.policy.samples import PODS, sample_asks, sample_cluster
from simulator.policy.view import ClusterView, PodView

_CLOCKS: Final = frozenset({"datetime.now", "datetime.utcnow", "datetime.today", "date.today"})
_COLUMNS: Final = (
    "allocatable_cpu_m", "allocatable_ram_bytes", "free_cpu_m", "free_ram_bytes", "pods", "max_pods", "ready", "speed",
)  # fmt: skip


class CheckFailed(AssertionError):
    """A policy breaks a promise; the message says which, and how to keep it."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check's verdict."""

    check: str
    passed: bool
    message: str = ""


def check_policy(
    policy: Any,
    on_fail: Literal["raise", "collect"] = "raise",
    base: Path | None = None,
    point: Literal["placement", "clusters"] = "placement",
) -> list[CheckResult]:
    """Hold a policy (an instance, a class without required parameters, a function, or a reference) to its contract.

    A ClusterPolicy is held to that of its own decision point; of a function, which does not say what it is, `point`
    says it. Raises CheckFailed at the first failure, or collects every verdict. A relative file is relative to `base`.
    """
    subject, results = _subject(policy, base or Path()), []
    for check in checks_of(subject, point):
        try:
            check(subject)
        except CheckFailed as failure:
            if on_fail == "raise":
                raise
            results.append(CheckResult(check.__name__, False, str(failure)))
        else:
            results.append(CheckResult(check.__name__, True))
    return results


def parametrize_policy_checks(policies: Sequence[Any], base: Path | None = None) -> Any:
    """A pytest decorator: every check on every policy, for a test that takes `policy` and `check`."""
    import pytest  # noqa: PLC0415  # only whoever tests has it

    subjects = [(_label(each), _subject(each, base or Path())) for each in policies]
    cases = [
        pytest.param(subject, check, id=f"{label}-{check.__name__}")
        for label, subject in subjects
        for check in checks_of(subject)
    ]
    return pytest.mark.parametrize(("policy", "check"), cases)


def checks_of(subject: Any, point: str = "placement") -> tuple[Callable[[Any], None], ...]:
    """The checks of the decision point that a policy is for."""
    if point == "clusters" or isinstance(subject, ClusterPolicy):
        from simulator.policy.cluster_checks import CLUSTER_CHECKS  # noqa: PLC0415  # it builds on this module

        return CLUSTER_CHECKS
    return CHECKS


# The checks


def check_constructor_only_stores(policy: Any) -> None:
    """Each parameter becomes the attribute of its name, and nothing else happens: a reference says it all."""
    if not isinstance(policy, Placement | ClusterPolicy):
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


def check_deterministic(policy: Any) -> None:
    """Two fresh copies answer the same questions the same way; chance comes from `cluster.uniform`."""
    first, second = ([_answer(each, pod, view) for _, pod, view in sample_asks()] for each in _copies(policy, 2))
    for (kind, pod, _), one, other in zip(sample_asks(), first, second, strict=True):
        if one != other:
            raise CheckFailed(f"{pod.name} in the {kind} cluster: {one}, and asked again: {other}")


def check_view_unchanged(policy: Any) -> None:
    """Deciding changes nothing of what is seen."""
    (policy,) = _copies(policy, 1)
    for kind, pod, view in sample_asks():
        before = _content(pod, view)
        _answer(policy, pod, view)
        for name, was, now in zip(before, before.values(), _content(pod, view).values(), strict=True):
            if was != now:
                raise CheckFailed(f"it changes {name} of the {kind} cluster: take a copy before you write")


def check_empty_cluster(policy: Any) -> None:
    """Without nodes it answers Wait or Reject."""
    _must_not_bind(policy, "empty")


def check_full_cluster(policy: Any) -> None:
    """Without room it answers Wait or Reject."""
    _must_not_bind(policy, "full")


def check_valid_decisions(policy: Any) -> None:
    """With room it answers Bind to a row that passes the filters, Wait or Reject, and raises nothing."""
    (policy,) = _copies(policy, 1)
    for kind, pod, view in sample_asks():
        if kind in ("empty", "full"):
            continue
        answer = _answer(policy, pod, view)
        if isinstance(answer, _Raised):
            raise CheckFailed(f"{pod.name} in the {kind} cluster: {answer}")
        if not isinstance(answer, Bind | Wait | Reject):
            raise CheckFailed(f"{pod.name} in the {kind} cluster: {answer} is no decision (Bind, Wait or Reject)")
        if isinstance(answer, Bind):
            try:
                row = index(answer.node)
            except TypeError:
                row = -1
            if not 0 <= row < len(view):
                raise CheckFailed(f"{pod.name} in the {kind} cluster: there is no row {answer.node!r}")
            if not sample_cluster(kind, pod).feasible(pod)[row]:
                raise CheckFailed(f"{pod.name} in the {kind} cluster: {view.names[row]} does not pass the filters")


def check_no_wall_clock(policy: Any) -> None:
    """It never asks what time it is outside; the time inside is `cluster.now_s`."""
    (policy,) = _copies(policy, 1)
    asked: list[str] = []

    def look(_frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call":
            name = getattr(called, "__qualname__", "")
            if getattr(called, "__module__", None) == "time" or name in _CLOCKS:
                asked.append(name)

    for _, pod, view in sample_asks():
        with profiled(look):
            _answer(policy, pod, view)
    if asked:
        raise CheckFailed(f"it calls {asked[0]}: simulated time is cluster.now_s")


def check_no_global_random(policy: Any) -> None:
    """It leaves the generators of `random` and `numpy.random` alone: they belong to no seed of the run."""
    (policy,) = _copies(policy, 1)
    before = ours, numpys = random.getstate(), _numpy_state()
    try:
        for _, pod, view in sample_asks():
            _answer(policy, pod, view)
        after = random.getstate(), _numpy_state()
    finally:
        random.setstate(ours)
        np.random.set_state(numpys)  # noqa: NPY002  # the global generator is what is being watched
    for module, was, now in zip(("random", "numpy.random"), before, after, strict=True):
        if was != now:
            raise CheckFailed(f"it draws from {module}: use cluster.uniform(name)")


CHECKS: Final[tuple[Callable[[Any], None], ...]] = (
    check_constructor_only_stores,
    check_picklable,
    check_deterministic,
    check_view_unchanged,
    check_empty_cluster,
    check_full_cluster,
    check_valid_decisions,
    check_no_wall_clock,
    check_no_global_random,
)


# What they share


@dataclass(frozen=True, slots=True)
class _Raised:
    """An exception as an answer: for one check to refuse, for the others to let pass."""

    what: str

    def __str__(self) -> str:
        return f"it raises {self.what}"


def _answer(policy: Any, pod: PodView, view: ClusterView) -> Any:
    place = policy.place if isinstance(policy, Placement) else policy
    try:
        return place(pod, view)
    except (Exception, SystemExit) as error:
        return _Raised(f"{type(error).__name__}: {error}")


def _must_not_bind(policy: Any, kind: str) -> None:
    (policy,) = _copies(policy, 1)
    for pod in PODS:
        answer = _answer(policy, pod, sample_cluster(kind, pod))
        if not isinstance(answer, Wait | Reject):
            raise CheckFailed(f"{pod.name} in the {kind} cluster: {answer}; answer Wait, or Reject")


def _copies(policy: Any, n: int) -> list[Any]:
    """Copies that share no state, so that no check sees what another has left behind."""
    return [copy.deepcopy(policy) for _ in range(n)]


def _content(pod: PodView, view: ClusterView) -> dict[str, object]:
    found: dict[str, object] = {name: getattr(view, name).tobytes() for name in _COLUMNS}
    found["free_extended"] = {kind: column.tobytes() for kind, column in view.free_extended.items()}
    found["labels"] = tuple(tuple(labels.items()) for labels in view.labels)
    found["the pod's labels"] = tuple(pod.labels.items())
    found["the pod's extended resources"] = tuple(pod.extended.items())
    return found


def _numpy_state() -> tuple[Any, ...]:
    """The state of numpy's global generator, comparable."""
    name, words, *rest = np.random.get_state()  # noqa: NPY002  # the global generator is what is being watched
    return name, tuple(words), *rest


def _subject(policy: Any, base: Path) -> Any:
    if isinstance(policy, str):
        return instantiate(policy, {}, base, given=2)
    return policy() if inspect.isclass(policy) else policy


def _label(policy: Any) -> str:
    if isinstance(policy, str):
        return policy
    return getattr(policy, "__name__", type(policy).__name__)
