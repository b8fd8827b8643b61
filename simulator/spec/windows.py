"""Outage logs in this project's own form: a CSV file of windows."""

from __future__ import annotations

from pathlib import Path

from simulator.spec.readers.report import Report, read_text
from simulator.spec.readers.table import heading, number, read_table
from simulator.units import SECOND

_LONGEST_S = 1e9


def read_windows(path: Path) -> list[tuple[int, int]]:
    """The windows of a file as (start, end), in ns: columns start_s, and end_s or duration_s, in seconds.

    Raises UserError with file and line of every row that is no window, or begins before the one above it has ended.
    """
    report = Report(str(path))
    text = read_text(path, report)
    names = heading(text)
    if {"end_s", "duration_s"} <= {*names}:
        raise report.refuse(1, "outages have an end and a duration", "leave one of the columns out")
    second = "end_s" if "end_s" in names else "duration_s"
    windows, last = list[tuple[int, int]](), 0
    for line, row in read_table(text, ("start_s", second), report):
        start = number(row["start_s"], "start_s", line, report, low=0, high=_LONGEST_S)
        value = number(row[second], second, line, report, low=0, high=_LONGEST_S)
        if start is None or value is None:
            continue
        begin, end = round(start * SECOND), round((value if second == "end_s" else start + value) * SECOND)
        if end <= begin:
            report.wrong(line, "the outage takes no time", "leave the row out")
        elif begin < last:
            report.wrong(line, "the outage begins before the one above it has ended", "sort the rows and join those")
        else:
            last = end
            windows.append((begin, end))
    if not windows and not report.problems:
        report.wrong(1, "the file has no outage")
    report.check()
    return windows
