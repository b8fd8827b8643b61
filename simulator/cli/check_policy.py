"""`littoral check-policy`: the conformance suite."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from simulator.cli.answer import Answer, table
from simulator.cli.given import settings
from simulator.errors import RunFailed

Point = Literal[
    "placement", "clusters", "order", "preemption", "rescheduling", "autoscaling", "caching", "routing", "scaling"
]
LIMIT_S = 60.0  # wall clock of all checks: each asks a policy a few dozen times


def check_policy(
    reference: str, /, *, point: Point = "placement", param: Annotated[list[str] | None, Parameter("--param")] = None
) -> Answer:
    """Run the conformance suite on a policy; exit status 1 where it fails, or hangs.

    Parameters
    ----------
    reference
        A shipped name, ./file.py:Name, package.module:Name, or distribution/entry-point.
    point
        The decision point that it is for: placement of pods on nodes; clusters, the division of workloads over the
        members of a hub; order, of the pods that are due; preemption, rescheduling, autoscaling and caching; routing,
        of requests to endpoints; scaling, of functions. A class says it itself; a plain function does not.
    param
        A parameter of the policy, as NAME=VALUE; as often as there are some.
    """
    from simulator.control.scheduling.watchdog import Overtime, limited  # noqa: PLC0415  # only here
    from simulator.policy.checks import check_policy as run_checks  # noqa: PLC0415
    from simulator.policy.reference import at_point  # noqa: PLC0415

    named = at_point(reference, point) if point != "placement" else reference
    try:
        results = limited(LIMIT_S, run_checks, named, "collect", None, point, settings(param or [], "--param"))
    except Overtime:
        raise RunFailed(f"{reference} hangs: its checks took over {LIMIT_S:g} s") from None
    rows = [{"check": r.check, "passed": r.passed, "message": r.message} for r in results]
    failed = sum(not row["passed"] for row in rows)
    said = f"{reference}: {len(rows)} checks, {failed} failed"
    return Answer(rows, f"{table(rows, ('check', 'passed', 'message'))}\n{said}", status=1 if failed else 0)
