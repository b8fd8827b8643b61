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

from simulator.policy.cluster_checks import CLUSTER_CHECKS
from simulator.policy.loop_checks import LOOP_CHECKS
from simulator.policy.order_checks import ORDER_CHECKS
from simulator.policy.placement_checks import PLACEMENT_CHECKS
from simulator.policy.plugin_checks import FILTER_CHECKS, SCORE_CHECKS
from simulator.policy.points import EXTENSION_POINTS, PointName, point_for
from simulator.policy.promises import CheckFailed
from simulator.policy.reference import POINTS, at_point, in_full, instantiate, resolve
from simulator.policy.routing import Split
from simulator.policy.routing_checks import ROUTING_CHECKS, SPLIT_CHECKS

Check = Callable[[Any], None]
_CHECKS: Final[Mapping[PointName, tuple[Check, ...]]] = {
    "placement": PLACEMENT_CHECKS,
    "filter": FILTER_CHECKS,
    "score": SCORE_CHECKS,
    "order": ORDER_CHECKS,
    "routing": ROUTING_CHECKS,
    "clusters": CLUSTER_CHECKS,
    **LOOP_CHECKS,
}


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
    point: PointName | None = None,
    params: Mapping[str, Any] | None = None,
) -> list[CheckResult]:
    """Hold a policy (an instance, a class without required parameters, a function, or a reference) to its contract.

    A class says for which point it is, a function by the names or annotations of its parameters; one that says neither
    is for `point`, or a placement. `params` are those of a reference. Raises CheckFailed at the first failure, or
    collects every verdict; UserError for what is no policy, or none for `point`. A relative file is relative to `base`.
    """
    (subject, its_point), results = _subject(policy, base or Path(), point, params), []
    for check in checks_of(subject, its_point):
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

    subjects = [(_label(each), *_subject(each, base or Path())) for each in policies]
    cases = [
        pytest.param(subject, check, id=f"{label}-{check.__name__}")
        for label, subject, point in subjects
        for check in checks_of(subject, point)
    ]
    return pytest.mark.parametrize(("policy", "check"), cases)


def checks_of(subject: Any, point: PointName) -> tuple[Check, ...]:
    """The checks of the decision point that a policy is for."""
    return SPLIT_CHECKS if isinstance(subject, Split) else _CHECKS[point]


def _subject(
    policy: Any, base: Path, point: PointName | None = None, params: Mapping[str, Any] | None = None
) -> tuple[Any, PointName]:
    """The policy itself, and its point."""
    if not isinstance(policy, str):
        its_point = point_for(policy, _label(policy), point)
        return (policy() if inspect.isclass(policy) else policy), its_point
    named = at_point(policy, point) if point in POINTS else in_full(policy)
    its_point = point_for(resolve(named, base), policy, point)
    return instantiate(named, params or {}, base, given=len(EXTENSION_POINTS[its_point].views)), its_point


def _label(policy: Any) -> str:
    if isinstance(policy, str):
        return policy
    return getattr(policy, "__name__", type(policy).__name__)
