"""What the checks of the point `scaling` refuse, one promise each; and parameters on the command line."""

from __future__ import annotations

from typing import Any

import pytest

from commands import littoral
from simulator.policy import FunctionView, Keep, Scaling
from simulator.policy.checks import check_policy


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda _: None, "plain: None is no Keep"),
        (lambda _: Keep(-1.0), "it keeps an instance for -1.0 s"),
        (lambda _: Keep(float("inf")), "it keeps an instance for inf s"),
        (lambda _: Keep(1.0, prewarmed=-1), "-1 is no number of instances"),
        (lambda _: Keep(1.0, most=0), "0 is no number of instances, of which one is the least"),
        (lambda _: Keep(1.0, variant=2), "plain: 2 is no row of its 0 variants"),
        (lambda _: Keep(1.0, full="drop"), "'drop' is neither refuse nor queue"),  # type: ignore[arg-type]
    ],
)
def test_an_answer_that_cannot_be_is_refused(answer: Any, said: str) -> None:
    def keep(function: FunctionView) -> Keep:
        found: Keep = answer(function)
        return found

    results = {r.check: r for r in check_policy(keep, "collect", point="scaling")}
    assert said in results["check_valid_answers"].message
    assert results["check_deterministic"].passed


class Changes(Scaling):
    def __init__(self, idle: float = 1.0) -> None:
        self.idle = 2 * idle

    def keep(self, function: FunctionView) -> Keep:
        return Keep(self.idle)


def test_a_constructor_that_does_more_than_store_is_refused() -> None:
    results = {r.check: r for r in check_policy(Changes, "collect")}
    assert "the constructor changes 'idle'" in results["check_constructor_only_stores"].message


def test_the_command_line_gives_parameters() -> None:
    assert littoral("check-policy", "scaling/keep-alive", "--param", "idle=10min").status == 0
    assert littoral("check-policy", "keep-alive", "--point", "scaling", "--param", "idle=10min").status == 0
    missing = littoral("check-policy", "scaling/keep-alive")
    assert (missing.status, "needs the parameter 'idle'" in missing.err) == (2, True)
    wrong = littoral("check-policy", "scaling/keep-alive", "--param", "idle")
    assert (wrong.status, "--param idle: no assignment" in wrong.err) == (2, True)
    assert littoral("check-policy", "latency-aware", "--param", "to=zone-1").status == 0
