"""Traces of function invocations, read from the files in which they are published."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Final

from simulator.errors import Problem, UserError
from simulator.units import SECOND

_AZURE_2021: Final = ("app", "func", "end_timestamp", "duration")
_TOLD: Final = 20  # problems of one file that are told


@dataclass(frozen=True, slots=True)
class FunctionTrace:
    """The invocations of one function: when each arrived (not decreasing) and how long it worked, in ns."""

    app: str
    func: str
    arrive_ns: tuple[int, ...]
    work_ns: tuple[int, ...]


def read_azure_functions_2021(path: Path) -> list[FunctionTrace]:
    """The functions of an Azure Functions invocation trace, 2021, in the order in which they first occur in the file.

    Its columns are app and func, hashes that name a function only together; end_timestamp, in seconds since the trace
    began, and duration, in seconds. What arrives at end - duration works for the duration (at least 1 ns). A function
    is told by app and func. Raises UserError with file and line of every row that cannot be so.
    """
    found: dict[tuple[str, str], list[tuple[int, int]]] = {}
    problems: list[Problem] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines)
            names = list(rows.fieldnames or ())
            if twice := [name for name in _AZURE_2021 if names.count(name) > 1]:
                raise UserError(Problem(f"two columns are named {twice[0]}", str(path), 1))
            missing = [name for name in _AZURE_2021 if name not in names]
            if missing:
                said = f"is no azure-functions-2021: it has no column {', '.join(missing)}"
                raise UserError(Problem(said, str(path), 1, hint=f"its columns are {', '.join(_AZURE_2021)}"))
            for row in rows:
                said = _wrong(row)
                if said:
                    problems.append(Problem(said, str(path), rows.line_num))
                    continue
                end, span = float(row["end_timestamp"]), float(row["duration"])
                found.setdefault((row["app"], row["func"]), []).append(
                    (round((end - span) * SECOND), max(1, round(span * SECOND)))
                )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(Problem(f"cannot be read: {error}", str(path))) from None
    if not found and not problems:
        problems.append(Problem("has no invocation", str(path), 1))
    if problems:
        more = len(problems) - _TOLD
        raise UserError(problems[:_TOLD] + ([Problem(f"{more} more rows are wrong", str(path))] if more > 0 else []))
    return [
        FunctionTrace(app, func, *map(tuple, zip(*sorted(calls), strict=True))) for (app, func), calls in found.items()
    ]


def _wrong(row: dict[str, str]) -> str:
    """What is wrong with a row; empty where nothing is."""
    if None in row or any(row[name] is None for name in _AZURE_2021):
        return f"does not have {len(_AZURE_2021)} values"
    if not row["app"] or not row["func"]:
        return "does not say which function it is: app and func are both needed"
    values = []
    for name in ("end_timestamp", "duration"):
        try:
            values.append(float(row[name]))
        except ValueError:
            return f"{name}: {row[name]!r} is no number of seconds"
        if not isfinite(values[-1]) or values[-1] < 0 or values[-1] > 1e9:
            return f"{name}: {row[name]} is no time since the trace began, in seconds"
    if values[1] > values[0]:
        return f"it ended at {row['end_timestamp']} s after {row['duration']} s: it began before the trace"
    return ""
