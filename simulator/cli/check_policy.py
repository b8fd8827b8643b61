"""`littoral check-policy`: the conformance suite."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from simulator.cli.answer import Answer, table
from simulator.cli.given import Point, settings
from simulator.errors import RunFailed

LIMIT_S = 60.0  # wall clock of all checks: each asks a policy a few dozen times


def check_policy(
    reference: str, /, *, point: Point | None = None, param: Annotated[list[str] | None, Parameter("--param")] = None
) -> Answer:
    """Run the conformance suite on a policy; exit status 1 where it fails, or hangs.

    Parameters
    ----------
    reference
        A shipped name, ./file.py:Name, package.module:Name, or distribution/entry-point.
    point
        The decision point that it is for: placement of pods on nodes; filter and score, that join the scheduler's own;
        order, of the pods that are due; preemption, rescheduling, autoscaling and caching; routing, of requests to
        endpoints; scaling, of functions; clusters, the division of workloads over the members of a hub. A class says
        it itself, and a plain function by the names or annotations of its parameters.
    param
        A parameter of the policy, as NAME=VALUE; as often as there are some.
    """
    from simulator.control.scheduling.watchdog import Overtime, limited  # noqa: PLC0415  # only here
    from simulator.policy.checks import check_policy as run_checks  # noqa: PLC0415

    try:
        results = limited(LIMIT_S, run_checks, reference, "collect", None, point, settings(param or [], "--param"))
    except Overtime:
        raise RunFailed(f"{reference} hangs: its checks took over {LIMIT_S:g} s") from None
    rows = [{"check": r.check, "passed": r.passed, "message": r.message} for r in results]
    failed = sum(not row["passed"] for row in rows)
    said = f"{reference}: {len(rows)} checks, {failed} failed"
    return Answer(rows, f"{table(rows, ('check', 'passed', 'message'))}\n{said}", status=1 if failed else 0)
