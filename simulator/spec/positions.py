"""Positions from files: where nodes are over time, and which cell serves in which square of a map."""

from __future__ import annotations

from collections.abc import Iterator
from math import cos, degrees, radians
from pathlib import Path
from typing import Final

from simulator.errors import Problem
from simulator.geography import EARTH_RADIUS_KM
from simulator.spec.movement import Place
from simulator.spec.readers.report import Report, read_text
from simulator.spec.readers.table import heading, number, read_table

Corner = tuple[float, float, float]  # time in s, latitude and longitude in degrees

_DEGREES: Final = ("latitude", "longitude")
_METRES: Final = ("x_m", "y_m")
_FAR: Final = 1e6  # metres from an origin, beyond which a plane is no picture of the Earth


def read_positions(path: Path, origin: Place | None) -> dict[str, list[Corner]]:
    """The corners of each node's way, in the order of the file's first rows of each. Columns time_s (s), node, and
    latitude and longitude (degrees), or x_m and y_m (metres to the east and north of `origin`).

    Raises UserError with file and line of every row that is none, and where the times of a node do not rise.
    """
    report = Report(str(path))
    text = read_text(path, report)
    planar = set(_METRES) <= set(heading(text))
    if planar and set(_DEGREES) & set(heading(text)):
        raise report.refuse(1, "positions are in metres and in degrees", "leave one of the two out")
    if planar and origin is None:
        raise report.refuse(1, "positions in metres need an origin", "add origin: {latitude: 45.2, longitude: 5.7}")
    if not planar and origin is not None:
        raise report.refuse(1, "an origin belongs to columns x_m and y_m", "leave it out")
    found: dict[str, list[Corner]] = {}
    for line, row in read_table(text, ("time_s", "node", *(_METRES if planar else _DEGREES)), report):
        at = number(row["time_s"], "time_s", line, report, low=0, high=1e9)
        place = _in_plane(row, origin, line, report) if planar and origin else _on_globe(row, line, report)
        if at is None or place is None:
            continue
        if not row["node"]:
            report.wrong(line, "the row names no node")
            continue
        corners = found.setdefault(row["node"], [])
        if corners and at <= corners[-1][0]:
            report.wrong(line, f"the time is not after that of the row of {row['node']} before", "sort them by time")
        else:
            corners.append((at, *place))
    if not found and not report.problems:
        report.wrong(1, "the file has no position")
    report.check()
    return found


def read_squares(path: Path, side: float) -> tuple[tuple[float, float], dict[tuple[int, int], str]]:
    """A south-west corner, and the cell of each square by row and column from there. Columns latitude and longitude (of
    the square's south-west corner, in degrees) and cell.

    Raises UserError with file and line of every row that is none, of corners that are not `side` degrees (or a multiple
    of it) apart, and of a square that is there twice.
    """
    report = Report(str(path))
    corner: tuple[float, float] | None = None
    found: dict[tuple[int, int], str] = {}
    for line, row in read_table(read_text(path, report), (*_DEGREES, "cell"), report):
        place = _on_globe(row, line, report)
        if place is None:
            continue
        if not row["cell"]:
            report.wrong(line, "the row names no cell", "leave out the squares that nothing covers")
            continue
        corner = corner or place
        east = place[1] - corner[1]
        east -= 360 * round(east / 360)  # the short way, over the date line too
        steps = [(place[0] - corner[0]) / side, east / side]
        square = round(steps[0]), round(steps[1])
        if max(abs(steps[0] - square[0]), abs(steps[1] - square[1])) > 1e-3:
            report.wrong(line, f"the corner lies on no square of {side:g} degrees from the first one", "see square")
        elif square in found:
            report.wrong(line, "the square is there twice")
        else:
            found[square] = row["cell"]
    if corner is None and not report.problems:
        report.wrong(1, "the file has no square")
    report.check()
    return corner or (0.0, 0.0), found


def unknown(path: Path, what: str, named: Iterator[str], names: set[str]) -> list[Problem]:
    """What a file names that no node of the scenario is."""
    strange = sorted({name for name in named if name not in names})
    more = f" and {len(strange) - 5} more" if len(strange) > 5 else ""
    said = f"no {what} is named {', '.join(strange[:5])}{more}"
    return [Problem(said, str(path), hint="see node, or cell, of the item that names the file")] if strange else []


def _on_globe(row: dict[str, str], line: int, report: Report) -> tuple[float, float] | None:
    latitude = number(row["latitude"], "latitude", line, report, low=-90, high=90)
    longitude = number(row["longitude"], "longitude", line, report, low=-180, high=180)
    return None if latitude is None or longitude is None else (latitude, longitude)


def _in_plane(row: dict[str, str], origin: Place, line: int, report: Report) -> tuple[float, float] | None:
    x, y = (number(row[key], key, line, report, low=-_FAR, high=_FAR) for key in _METRES)
    if x is None or y is None:
        return None
    north = degrees(y / (EARTH_RADIUS_KM * 1000))
    east = degrees(x / (EARTH_RADIUS_KM * 1000 * cos(radians(origin.latitude))))
    return origin.latitude + north, origin.longitude + east
