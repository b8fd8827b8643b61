"""Published distributions of how long something takes: the steps of an empirical CDF, without a heading."""

from __future__ import annotations

from itertools import pairwise

from simulator.spec.readers.columns import Tables
from simulator.spec.readers.report import Report
from simulator.spec.readers.table import number


def is_cdf(text: str) -> bool:
    """Whether the first line is two numbers, the second a probability."""
    first = text.lstrip().partition("\n")[0].split(",")
    try:
        return len(first) == 2 and float(first[0]) >= 0 and 0 <= float(first[1]) <= 1
    except ValueError:
        return False


def read_cdf(text: str, report: Report) -> Tables:
    """Values in s and their cumulative probabilities, which rise. Where all steps are equal, the values are the sample
    itself; a larger step repeats its value, so that every one counts as often as it occurred."""
    found: list[tuple[float, float, str]] = []
    for line, written in enumerate(text.splitlines(), 1):
        parts = written.split(",")
        if not written.strip():
            continue
        if len(parts) != 2:
            report.wrong(line, f"{len(parts)} values, and a line has two: seconds and probability")
            continue
        value = number(parts[0], "seconds", line, report, low=0, high=1e9)
        share = number(parts[1], "probability", line, report, low=0, high=1 + 1e-9)
        if value is None or share is None:
            continue
        if found and (value < found[-1][0] or share <= found[-1][1]):
            report.wrong(line, "a value or its probability is not above that of the line before")
        found.append((value, share, parts[0].strip()))
    if len(found) < 2:
        report.wrong(1, "the distribution has fewer than two values")
    report.check()
    steps = [b[1] - a[1] for a, b in pairwise(found)]
    steps = [min(found[0][1] or min(steps), max(steps)), *steps]
    each = [round(step / min(steps[1:])) for step in steps]
    if any(abs(step / min(steps[1:]) - times) > 0.05 for step, times in zip(steps, each, strict=True)):
        raise report.refuse(1, "its steps are no multiples of the smallest, so it is no sample's distribution")
    if (last := found[-1][1]) < 1 - 1e-6:
        report.repaired(len(found), f"distribution {report.name}: ends at {last:.6g}: the values beyond are not known")
    sample = [text for (_, _, text), times in zip(found, each, strict=True) for _ in range(times)]
    use = "{empirical: FILE#seconds}"
    return Tables("cdf", {"": {"seconds": sample}}, use, {"values": len(sample)}, tuple(report.repairs))
