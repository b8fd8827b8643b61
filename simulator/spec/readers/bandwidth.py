"""Throughput over time: field measurements of 5G and LTE (Liu and Peng, INFOCOM 2023), the FCC's home connections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median
from typing import Final

from simulator.spec.readers.columns import Tables, seconds
from simulator.spec.readers.report import Report
from simulator.spec.readers.table import number, read_table
from simulator.units import SECOND

# The columns that tell it in each form: time in s, throughput, and how many bit/s one of it is.
FORMS: Final = (
    # Their Mbit/s are kbit/s by 1024: the kbit/s beside them need no such guess.
    ("time_delay", "thputPerSecond_kbps", 1e3, ("timestamp", "thputPerSecond")),
    ("time_delay", "throughput", 1e6, ("seconds_since_epoch",)),
    ("t_s", "throughput_mbps_mean", 1e6, ("time_unix",)),
)
_GAP: Final = 2.5  # of the usual step: then samples are missing

Sample = tuple[int, int, float]  # line, ns, bit/s


def is_plain(text: str) -> bool:
    """Whether it is the FCC set's form: time and Mbit/s between tabs, without a heading."""
    first = text.lstrip().partition("\n")[0].split("\t")
    return len(first) == 2 and all(part.strip().replace(".", "", 1).isdigit() for part in first)


def form_of(names: Sequence[str]) -> tuple[str, str, float, tuple[str, ...]] | None:
    """The form that a heading belongs to."""
    return next((form for form in FORMS if {form[0], form[1]} <= {*names}), None)


def read_plain(text: str, report: Report) -> Tables:
    """A file without a heading: seconds and Mbit/s."""
    return _tables(list(_samples(_rows(text, report), 1e6, report)), report)


def read_form(text: str, form: tuple[str, str, float, tuple[str, ...]], report: Report) -> Tables:
    """A file with a heading."""
    time, rate, factor, known = form
    rows = ((line, row[time], row[rate]) for line, row in read_table(text, (time, rate), report, known))
    return _tables(list(_samples(rows, factor, report)), report)


def _rows(text: str, report: Report) -> Iterator[tuple[int, str, str]]:
    for line, written in enumerate(text.splitlines(), 1):
        parts = written.split("\t")
        if len(parts) == 2:
            yield line, parts[0].strip(), parts[1].strip()
        elif written.strip():
            report.wrong(line, f"{len(parts)} values, and a line has two: seconds and Mbit/s")


def _samples(rows: Iterator[tuple[int, str, str]], factor: float, report: Report) -> Iterator[Sample]:
    for line, time, rate in rows:
        at = number(time, "time", line, report, low=-1e9, high=1e10)
        bps = number(rate, "throughput", line, report, low=0, high=1e9)
        if at is not None and bps is not None:
            yield line, round(at * SECOND), bps * factor


def _tables(samples: list[Sample], report: Report) -> Tables:
    """Rates of the way down, each from its time on; 0 where nothing came through."""
    samples = _cleaned(samples, report)
    usual = median(b[1] - a[1] for a, b in pairwise(samples)) if len(samples) > 1 else SECOND
    for (_, before, _), (line, at, _) in pairwise(samples):
        if at - before > _GAP * usual:
            said = f"no sample for {seconds(at - before)} s before it, in which the last rate holds"
            report.repaired(line, f"sample at {seconds(at)} s: {said}")
    table = {"time_s": [seconds(at) for _, at, _ in samples], "down_bps": [f"{bps:.12g}" for _, _, bps in samples]}
    use = f"down_trace: FILE#down_bps of a link; trace_period: {seconds(samples[-1][1] + round(usual))}s repeats it"
    counts = {"samples": len(samples), "zeros": sum(not bps for _, _, bps in samples)}
    return Tables("bandwidth", {"": table}, use, counts, tuple(report.repairs))


def _cleaned(samples: list[Sample], report: Report) -> list[Sample]:
    """In the order of time, one for each instant, the first at 0."""
    if not any(bps > 0 for _, _, bps in samples):
        report.wrong(1, "the trace has no sample above zero")
    report.check()
    latest = samples[0][1]
    by_time: dict[int, Sample] = {}
    for line, at, bps in samples:
        if at in by_time:
            report.repaired(line, f"sample at {seconds(abs(at))} s: stands for the one of line {by_time[at][0]}, too")
        elif at < latest:
            report.repaired(
                line, f"sample at {seconds(abs(at))} s: comes too late in the file, and is put in its place"
            )
        latest = max(latest, at)
        by_time[at] = (line, at, bps)
    first = min(by_time)
    if first:
        said = f"begins at {'-' * (first < 0)}{seconds(abs(first))} s: all times are counted from there"
        report.repaired(by_time[first][0], f"trace {report.name}: {said}")
    return [(line, at - first, bps) for at, (line, _, bps) in sorted(by_time.items())]
