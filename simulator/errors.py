"""One exception tree. Every message says what is wrong, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with what a user wrote: where it stands, what it is, and how to mend it."""

    message: str
    file: str | None = None
    line: int | None = None
    path: str = ""
    hint: str = ""

    def __str__(self) -> str:
        where = self.file or ""
        if self.line is not None:
            where = f"{where}:{self.line}"
        text = f"{where}: {self.message}" if where else self.message
        return f"{text} ({self.hint})" if self.hint else text


class LittoralError(Exception):
    """The root: whatever Littoral raises on purpose."""


class UserError(LittoralError):
    """The user's input is wrong: every problem found, not only the first. The command line exits with 2."""

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))

    def __reduce__(self) -> tuple[type[UserError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


class NotOffered(UserError):
    """Known to the interface, but this version has no mechanism for it yet."""


class RunFailed(LittoralError):
    """A run could not be finished: a policy that hangs, or a policy error under `on_policy_error: stop`."""
