"""The judge of policies: the same small checks as a call, and as pytest cases.

    check_policy("./mine.py:Mine")                     # raises at the first failure

    @parametrize_policy_checks(["least-loaded", Mine(alpha=0.3)])
    def test_mine(policy, check):
        check(policy)

Each check holds one promise, and looks at nothing else: what one of them refuses, the others let pass.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from simulator.policy.api import Order
from simulator.policy.autoscaling import Autoscaling
from simulator.policy.caching import Caching
from simulator.policy.cluster_checks import CLUSTER_CHECKS
from simulator.policy.clusters import ClusterPolicy
from simulator.policy.loop_checks import LOOP_CHECKS
from simulator.policy.order_checks import ORDER_CHECKS
from simulator.policy.placement_checks import PLACEMENT_CHECKS
from simulator.policy.preemption import Preemption
from simulator.policy.promises import CheckFailed
from simulator.policy.reference import instantiate
from simulator.policy.rescheduling import Rescheduling
from simulator.policy.routing import Routing, Split
from simulator.policy.routing_checks import ROUTING_CHECKS, SPLIT_CHECKS
from simulator.policy.scaling import Scaling

Point = Literal[
    "placement", "clusters", "order", "preemption", "rescheduling", "autoscaling", "caching", "routing", "scaling"
]
_LOOPS: Final = (
    ("preemption", Preemption),
    ("rescheduling", Rescheduling),
    ("autoscaling", Autoscaling),
    ("caching", Caching),
    ("scaling", Scaling),
)


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
    point: Point = "placement",
    params: Mapping[str, Any] | None = None,
) -> list[CheckResult]:
    """Hold a policy (an instance, a class without required parameters, a function, or a reference) to its contract.

    A policy of another class than Placement is held to that of its own decision point; of a function, which does not
    say what it is, `point` says it; `params` are those of a reference. Raises CheckFailed at the first failure, or
    collects every verdict. A relative file is relative to `base`.
    """
    subject, results = _subject(policy, base or Path(), params), []
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
        return CLUSTER_CHECKS
    if point == "order" or isinstance(subject, Order):
        return ORDER_CHECKS
    if isinstance(subject, Split):
        return SPLIT_CHECKS
    if point == "routing" or isinstance(subject, Routing):
        return ROUTING_CHECKS
    for name, kind in _LOOPS:
        if point == name or isinstance(subject, kind):
            return LOOP_CHECKS[name]
    return PLACEMENT_CHECKS


def _subject(policy: Any, base: Path, params: Mapping[str, Any] | None = None) -> Any:
    if isinstance(policy, str):
        return instantiate(policy, params or {}, base, given=2)
    return policy() if inspect.isclass(policy) else policy


def _label(policy: Any) -> str:
    if isinstance(policy, str):
        return policy
    return getattr(policy, "__name__", type(policy).__name__)
