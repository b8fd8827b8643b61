"""What is written from a trace or an outage log: a CSV file of few columns, its times exact to the nanosecond."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO

from simulator.spec.readers.report import Repair
from simulator.units import SECOND


@dataclass(frozen=True, slots=True)
class Tables:
    """Tables by the ending of their file's name (empty for the one that there always is), as columns of equal length.

    `use` says how an experiment names them; `counts` what was read.
    """

    format: str
    tables: Mapping[str, Mapping[str, Sequence[str]]]
    use: str
    counts: Mapping[str, int]
    repairs: tuple[Repair, ...]


def seconds(ns: int) -> str:
    """A time as a decimal number of seconds, every nanosecond kept."""
    whole, rest = divmod(ns, SECOND)
    return f"{whole}.{rest:09d}".rstrip("0").rstrip(".")


def written(columns: Mapping[str, Sequence[str]]) -> str:
    """The text of the CSV file."""
    out = StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(columns)
    lines.writerows(zip(*columns.values(), strict=True))
    return out.getvalue()
