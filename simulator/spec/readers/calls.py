"""Traces of who asked when: Azure's invocations of functions (2021) and requests to a language model (2023)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from simulator.spec.readers.columns import Tables, seconds
from simulator.spec.readers.report import Report
from simulator.spec.readers.table import heading, number, read_table, tell_ignored
from simulator.spec.trace import read_azure_functions_2021
from simulator.units import SECOND

FUNCTIONS: Final = ("app", "func", "end_timestamp", "duration")
LLM: Final = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
_INSTANT: Final = re.compile(r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z?")


def read_functions(path: Path, text: str, report: Report) -> Tables:
    """Every invocation by its arrival, which is its end less its duration, with its work. `text` is the file's."""
    tell_ignored(heading(text), {*FUNCTIONS}, report)
    functions = read_azure_functions_2021(path)
    calls = sorted(
        (at, number, work)
        for number, f in enumerate(functions)
        for at, work in zip(f.arrive_ns, f.work_ns, strict=True)
    )
    if none := sum(work == 1 for _, _, work in calls):
        report.repaired(None, f"trace {report.name}: {none} invocations of no duration work for 1 ns")
    table = {
        "arrive_s": [seconds(at) for at, _, _ in calls],
        "work_s": [seconds(work) for _, _, work in calls],
        "app": [functions[number].app for _, number, _ in calls],
        "func": [functions[number].func for _, number, _ in calls],
    }
    use = "arrivals: {trace: FILE#arrive_s}; or as it was, {kind: function, trace: …, format: azure-functions-2021}"
    counts = {"invocations": len(calls), "functions": len(functions)}
    return Tables("azure-functions-2021", {"": table}, use, counts, tuple(report.repairs))


def read_llm(text: str, report: Report) -> Tables:
    """Every request by its arrival after the first, with the tokens that it brings and gets.

    The published timestamps have seven digits of a second, more than `datetime` takes; here they are read to the
    nanosecond, without rounding. They have no time zone, which does not matter to differences.
    """
    found: list[tuple[int, str, str]] = []
    sorted_until = -1
    for line, row in read_table(text, LLM, report):
        at = _instant_ns(row["TIMESTAMP"], line, report)
        tokens = [number(row[name], name, line, report, low=0, high=1e9) for name in LLM[1:]]
        if at is None or None in tokens:
            continue
        if at < sorted_until:
            report.repaired(line, "request: comes before the one in front of it, and is put in its place")
        sorted_until = max(sorted_until, at)
        found.append((at, row["ContextTokens"], row["GeneratedTokens"]))
    if not found and not report.problems:
        report.wrong(1, "the trace has no request")
    report.check()
    found.sort(key=lambda request: request[0])
    table = {
        "arrive_s": [seconds(at - found[0][0]) for at, _, _ in found],
        "context_tokens": [context for _, context, _ in found],
        "generated_tokens": [generated for _, _, generated in found],
    }
    use = "arrivals: {trace: FILE#arrive_s}"
    return Tables("azure-llm-2023", {"": table}, use, {"requests": len(found)}, tuple(report.repairs))


def _instant_ns(text: str, line: int, report: Report) -> int | None:
    """Nanoseconds since 1970, every digit of the fraction kept."""
    match = _INSTANT.fullmatch(text)
    try:
        moment = datetime.fromisoformat(match[1]).replace(tzinfo=UTC) if match else None
    except ValueError:
        moment = None
    if match is None or moment is None:
        report.wrong(line, f"TIMESTAMP: {text!r} is no instant", "as in 2023-11-16 18:17:03.9799600")
        return None
    return round(moment.timestamp()) * SECOND + int((match[2] or "").ljust(9, "0"))
