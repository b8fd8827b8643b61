"""What a reader finds wrong in a file: mended and told, or refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from simulator.errors import Problem, UserError

_TOLD: Final = 20  # problems of one file that are told
_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Repair:
    """What was done to a part of a file that could not be taken as it is: `kind name: what`."""

    file: str
    line: int | None
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


@dataclass(slots=True)
class Report:
    """The repairs of one file, and its problems. `file` is its name as messages show it."""

    file: str
    repairs: list[Repair] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    ignored: dict[str, None] = field(default_factory=dict)  # names of attributes that nothing here reads

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return Path(self.file).name

    def repaired(self, line: int | None, message: str) -> None:
        """Tell what was done about something on a line."""
        self.repairs.append(Repair(self.file, line, message))

    def wrong(self, line: int | None, message: str, hint: str = "") -> None:
        """Tell what no reader can mend; `check` raises it with all others."""
        self.problems.append(Problem(message, self.file, line, hint=hint))

    def refuse(self, line: int | None, message: str, hint: str = "") -> UserError:
        """The error where one thing makes the rest unreadable, with what was found before it."""
        self.wrong(line, message, hint)
        return self._error()

    def check(self) -> None:
        """Raise UserError with the problems, if there are any."""
        if self.problems:
            raise self._error()

    def _error(self) -> UserError:
        more = len(self.problems) - _TOLD
        last = [Problem(f"{more} more lines are wrong", self.file)] if more > 0 else []
        return UserError(self.problems[:_TOLD] + last)


def read_text(path: Path, report: Report) -> str:
    """The text of a UTF-8 file; a byte-order mark is left out and told. Raises UserError where it cannot be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        said = "there is no such file" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
        raise report.refuse(None, said) from None
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise report.refuse(1, "the file is UTF-16", "save it as UTF-8")
    if data.startswith(_MARK):
        report.repaired(1, f"file {path.name}: begins with a byte-order mark, which is left out")
        data = data.removeprefix(_MARK)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise report.refuse(data.count(b"\n", 0, error.start) + 1, "the file is not UTF-8") from None
    if not text.strip():
        raise report.refuse(1, "the file is empty")
    return text
