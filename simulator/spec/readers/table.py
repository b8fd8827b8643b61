"""Tables of others: CSV with a heading, every value by its column and line."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from math import inf, isfinite

from simulator.spec.near import did_you_mean
from simulator.spec.readers.report import Report

Row = tuple[int, dict[str, str]]  # line, and value by column


def heading(text: str) -> tuple[str, ...]:
    """The names in the first line."""
    return tuple(name.strip() for name in next(csv.reader(StringIO(text.lstrip())), ()))


def read_table(text: str, wanted: Sequence[str], report: Report, known: Sequence[str] = ()) -> Iterator[Row]:
    """The rows, with the values of the wanted columns. What other columns hold is ignored: told, except of `known`.

    Raises UserError where a wanted column is missing or stands twice; a row of another length is a problem of the
    report.
    """
    rows = csv.reader(StringIO(text))
    try:
        names = [name.strip() for name in next(rows, [])]
        for name in wanted:
            if names.count(name) != 1:
                said = f"two columns are named {name}" if name in names else f"there is no column {name}"
                raise report.refuse(1, said, did_you_mean(name, [n for n in names if n], "its columns are"))
        tell_ignored(names, {*wanted, *known}, report)
        at = {name: names.index(name) for name in wanted}
        for row in rows:
            if len(row) == len(names):
                yield rows.line_num, {name: row[i].strip() for name, i in at.items()}
            elif row:
                said = f"{len(row)} values, and the heading names {len(names)}"
                report.wrong(
                    rows.line_num, said, "a value with a comma in it stands in quotes" if len(row) > len(names) else ""
                )
    except csv.Error as error:
        raise report.refuse(rows.line_num, f"is no CSV: {error}") from None


def tell_ignored(names: Sequence[str], read: set[str], report: Report) -> None:
    """Tell which columns nobody reads."""
    nameless = sum(not name for name in names)
    others = list(dict.fromkeys(name for name in names if name and name not in read))
    if nameless:
        report.repaired(1, f"table {report.name}: ignores {nameless} columns without a name")
    if others:
        report.repaired(1, f"table {report.name}: ignores the columns {', '.join(others)}")


def number(text: str, what: str, line: int, report: Report, *, low: float = -inf, high: float = inf) -> float | None:
    """A value as a finite number within bounds; else None, and a problem of the report."""
    try:
        value = float(text)
    except ValueError:
        report.wrong(line, f"{what}: {text!r} is no number")
        return None
    if not isfinite(value) or not low <= value <= high:
        bounds = f"from {low:g} to {high:g}" if isfinite(low) and isfinite(high) else f"of at least {low:g}"
        report.wrong(line, f"{what}: {text} is no number {bounds}" if low > -inf else f"{what}: {text} is not finite")
        return None
    return value
