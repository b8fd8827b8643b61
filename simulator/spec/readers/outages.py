"""Outage logs of the Cloud Uptime Archive: when a service was down, and how much of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from simulator.errors import Problem, UserError
from simulator.spec.near import did_you_mean
from simulator.spec.readers.columns import Tables, seconds
from simulator.spec.readers.report import Report, read_text
from simulator.spec.readers.table import number, read_table
from simulator.units import SECOND

_COLUMNS: Final = ("start_time", "end_time", "status", "service")
_MOST: Final = 1000
_NAME: Final = re.compile(r"\w[\w .-]*")

Outage = tuple[int, int, int, int]  # start and end in ns, how many parts are down, line


def read_outages(path: Path, params: Mapping[str, Any] | None = None) -> Tables:
    """The outages of each part of a service: sorted, joined where they overlap. Raises UserError by file and line.

    A status is a severity, the share of the service that is down. The service has `parts` equal parts (1, if no
    parameter says otherwise), of which the first round(severity × parts) are down, so that outages which overlap count
    as the most severe of them. What rounds to none is left out, and what rounding changes is told.
    """
    parts = _parts(params or {})
    report = Report(str(path))
    found: dict[str, list[Outage]] = {}
    for line, row in read_table(read_text(path, report), _COLUMNS, report):
        outage = _outage(line, row, parts, report)
        if not row["service"]:
            report.wrong(line, "service: the outage of which one?")
        elif not _NAME.fullmatch(row["service"]):
            said = f"service: {row['service']!r} cannot be part of a file's name, which its table's has to be"
            report.wrong(line, said, "letters, digits, spaces and . _ -")
        elif outage is not None:
            found.setdefault(row["service"], []).append(outage)
    if not found and not report.problems:
        report.wrong(1, "the log has no outage", "a severity below one half is no outage of one part: raise parts")
    report.check()
    tables = {}
    for service, outages in found.items():
        _tell_order(service, outages, report)
        for part in range(parts):
            spells = _joined(sorted((start, end) for start, end, down, _ in outages if part < down))
            ending = "".join(f"-{x}" for x in ([service] * (len(found) > 1) + [str(part)] * (parts > 1)))
            if spells:
                tables[ending] = {
                    "start_s": [seconds(start) for start, _ in spells],
                    "duration_s": [seconds(end - start) for start, end in spells],
                }
    counts = {"services": len(found), "outages": sum(len(table["start_s"]) for table in tables.values())}
    use = "{kind: outages, link: …, at: 0s, trace: FILE}"
    return Tables("cloud-uptime-archive", tables, use, counts, tuple(report.repairs))


def _parts(params: Mapping[str, Any]) -> int:
    for name in params:
        if name != "parts":
            raise UserError(Problem(f"an outage log takes no {name}", path=name, hint=did_you_mean(name, ["parts"])))
    parts = params.get("parts", 1)
    if isinstance(parts, bool) or not isinstance(parts, int) or not 1 <= parts <= _MOST:
        raise UserError(Problem(f"parts takes a whole number from 1 to {_MOST}, not {parts!r}", path="parts"))
    return parts


def _outage(line: int, row: Mapping[str, str], parts: int, report: Report) -> Outage | None:
    start = number(row["start_time"], "start_time", line, report, low=0, high=1e10)
    end = number(row["end_time"], "end_time", line, report, low=0, high=1e10)
    severity = number(row["status"], "status", line, report, low=0, high=1)
    if start is None or end is None or severity is None:
        return None
    label = f"outage at {start:.12g} s"
    if end < start:
        report.wrong(line, f"the outage ends at {end:g} s, before it begins at {start:g} s")
        return None
    down = int(severity * parts + 0.5)
    begin, stop = round(start * SECOND), round(end * SECOND)
    if stop == begin or severity == 0:
        said = "takes no time" if stop == begin else "has severity 0"
        report.repaired(line, f"{label}: {said}, and is left out")
        return None
    if not down:
        report.repaired(
            line, f"{label}: of severity {severity:.6g} is less than half a part of {parts}, and is left out"
        )
        return None
    if abs(down / parts - severity) > 1e-9:  # below that it is noise of floating point, as in 0.050000000000000044
        report.repaired(
            line, f"{label}: of severity {severity:.6g} takes {down} of {parts} {'part' if parts == 1 else 'parts'}"
        )
    return begin, stop, down, line


def _tell_order(service: str, outages: list[Outage], report: Report) -> None:
    latest = -1
    for start, _, _, line in outages:
        if start < latest:
            report.repaired(line, f"outage at {seconds(start)} s: stands after a later one, and is put in its place")
        latest = max(latest, start)
    until = -1
    for start, end, _, line in sorted(outages):
        if start < until:
            report.repaired(line, f"outage at {seconds(start)} s: overlaps one of {service}: the more severe counts")
        until = max(until, end)


def _joined(spells: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in spells:
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined
