"""Rates of a link over time, from a column of a CSV file."""

from __future__ import annotations

from math import isfinite
from pathlib import Path

from simulator.spec.readers.report import Report, read_text
from simulator.spec.readers.table import number, read_table
from simulator.units import SECOND, UnitError, parse


def read_rates(path: Path, column: str) -> tuple[tuple[int, float], ...]:
    """The rates of a column, each from a time of the run (ns) on, in bit/s: plain numbers, or with a unit, as 10Mbps.

    Times are in the column time_s, in seconds, and rise; a rate may be 0, but not all of them. Raises UserError with
    file and line of every row that is none.
    """
    report = Report(str(path))
    rates, last = list[tuple[int, float]](), -1
    for line, row in read_table(read_text(path, report), ("time_s", column), report):
        time = number(row["time_s"], "time_s", line, report, low=0, high=1e9)
        rate = _rate(row[column], column, line, report)
        if time is None or rate is None:
            continue
        at = round(time * SECOND)
        if at <= last:
            report.wrong(line, "the time is not after that of the row above", "sort the rows, one for each time")
        else:
            last = at
            rates.append((at, rate))
    if not any(rate for _, rate in rates) and not report.problems:
        report.wrong(1, "the file has no rate above zero" if rates else "the file has no rate")
    report.check()
    return tuple(rates)


def _rate(text: str, column: str, line: int, report: Report) -> float | None:
    try:
        rate = float(text)
    except ValueError:
        try:
            rate = float(parse(text, "bitrate"))
        except UnitError as error:
            report.wrong(line, f"{column}: {error.message}", error.hint)
            return None
    if isfinite(rate) and rate >= 0:
        return rate
    report.wrong(line, f"{column}: {text} is no rate", "zero, or a number above it")
    return None
