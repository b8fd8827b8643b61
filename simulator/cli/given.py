"""What the options of a command line mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from simulator.errors import NotOffered, Problem, UserError

# As `simulator.policy.points.PointName`, which is heavy to import.
Point = Literal[
    "placement", "filter", "score", "order", "preemption", "rescheduling", "autoscaling", "scaling", "routing",
    "caching", "clusters",
]  # fmt: skip


def settings(texts: Sequence[str], option: str = "--set") -> dict[str, Any]:
    """`--set path=value …` as paths and values. Raises UserError with every one that is none, or stands twice."""
    from simulator.spec.paths import parse_setting  # noqa: PLC0415  # pydantic

    found: dict[str, Any] = {}
    problems: list[Problem] = []
    for text in texts:
        try:
            path, value = parse_setting(text, option)
        except UserError as error:
            problems += error.problems
            continue
        if path in found:
            problems.append(Problem(f"{option} {path} stands here twice", hint="give it once"))
        found[path] = value
    if problems:
        raise UserError(problems)
    return found


def at_least(**numbers: tuple[int | None, int]) -> None:
    """Refuse numbers below their least: `at_least(workers=(workers, 1))`."""
    problems = [
        Problem(f"--{name} {value}: it must be at least {least}")
        for name, (value, least) in numbers.items()
        if value is not None and value < least
    ]
    if problems:
        raise UserError(problems)


def not_yet(option: str, used: bool) -> None:
    """Refuse an option that a later version has."""
    if used:
        raise NotOffered(Problem(f"{option} is not offered in this version", hint="leave it out"))
