"""A quantity over time: one number, or a column of a CSV file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simulator.spec.readers.report import Report, read_text
from simulator.spec.readers.table import number, read_table
from simulator.units import SECOND, parse

Series = tuple[tuple[int, float], ...]  # from a time (ns) on, which rise, this value


def read_series(written: Any, folder: Path, unit: str, dimension: str) -> Series:
    """The values from t = 0 on, in base units. A column's numbers are in `unit` ("": in base units), each from its
    time_s on; before the first, the first holds. Raises UserError with file and line of every row that is none."""
    if not (isinstance(written, str) and "#" in written):
        return ((0, float(parse(written, dimension))),)
    file, _, column = written.rpartition("#")
    path = folder / file
    report, factor = Report(str(path)), float(parse(f"1{unit}", dimension))
    found, last = list[tuple[int, float]](), -1
    for line, row in read_table(read_text(path, report), ("time_s", column), report):
        time = number(row["time_s"], "time_s", line, report, low=0, high=1e9)
        value = number(row[column], column, line, report, low=0, high=1 / factor if dimension == "ratio" else 1e9)
        if time is None or value is None:
            continue
        at = round(time * SECOND)
        if at <= last:
            report.wrong(line, "the time is not after that of the row above", "sort the rows, one for each time")
        else:
            last = at
            found.append((at, value * factor))
    if not found and not report.problems:
        report.wrong(1, "the file has no value")
    report.check()
    return ((0, found[0][1]), *(row for row in found if row[0] > 0))
