"""Which of many cells covers a path, and which of them serves it: the next change from any moment on, in closed form.

What is served stays with its cell until that no longer covers it, or until another that covers it is nearer by a margin
(3GPP's event A3, with distance for signal strength, and no time to trigger). Then the nearest that covers takes over.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isnan
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.physics.movement import RADIUS_M, Path, Window, first_farther, within

Floats = NDArray[np.float64]

NONE: Final = -1  # no cell


class Reach:
    """The cells that ever cover one path. `windows` says when, by cell; `margin` is how much farther than another the
    serving cell must be to be left (0.2: by a fifth), None if only its coverage counts."""

    __slots__ = ("_begins", "cells", "margin", "path", "places", "windows")

    def __init__(
        self,
        path: Path,
        cells: Sequence[int],
        places: Sequence[tuple[float, float]],
        windows: Sequence[Sequence[Window]],
        margin: float | None,
    ) -> None:
        """`cells` are numbers of the caller's, `places` their latitudes and longitudes in degrees."""
        self.path, self.cells, self.places, self.margin = path, tuple(cells), tuple(places), margin
        self.windows = [tuple(each) for each in windows]  # in order, apart from each other
        self._begins = [[begin for begin, _ in each] for each in windows]

    def __len__(self) -> int:
        return len(self.cells)

    def nearest(self, at: float, up: Sequence[bool]) -> int:
        """The position among `cells` of the nearest that covers at a time (s) and is up, or NONE."""
        found = [i for i in range(len(self)) if up[i] and self._window(i, at) is not None]
        return self._nearest(found, at)

    def change(self, at: float, own: int, up: Sequence[bool]) -> tuple[float, int] | None:
        """From a time (s) on, served by `own` (a position among `cells`, or NONE): when that ends and who serves then;
        None if it never does. `up` are the cells that work."""
        if own == NONE:
            return self._found(at, up)
        window = self._window(own, at) if up[own] else None
        end = at if window is None else window[1]
        when, who = self._overtaken(at, end, own, up)
        if who:
            return when, self._nearest(who, when)
        if end == inf:
            return None
        others = [i for i in range(len(self)) if i != own and up[i] and self._window(i, end) is not None]
        return end, self._nearest(others, end)

    def _found(self, at: float, up: Sequence[bool]) -> tuple[float, int] | None:
        """When an uncovered one comes into some cell."""
        coming = [max(at, self.windows[i][k][0]) for i in range(len(self)) if up[i] for k in self._from(i, at)[:1]]
        if not coming:
            return None
        when = min(coming)
        return when, self.nearest(when, up)

    def _overtaken(self, at: float, end: float, own: int, up: Sequence[bool]) -> tuple[float, list[int]]:
        """The first time before `end` at which others are nearer than `own` by the margin, and which."""
        first, who = end, list[int]()
        if self.margin is None:
            return first, who
        for i in range(len(self)):
            for k in self._from(i, at) if up[i] and i != own else ():
                begin, stop = self.windows[i][k]
                low, high = max(at, begin), min(end, stop)
                if low >= high or low > first:
                    break
                ratio = 1 + self.margin
                found = first_farther(self.path, self.places[own], self.places[i], ratio, (low, high))
                if found is not None and found <= first:
                    who = [*who, i] if found == first else [i]
                    first = found
        return first, who

    def _window(self, cell: int, at: float) -> Window | None:
        last = bisect_right(self._begins[cell], at) - 1
        return self.windows[cell][last] if last >= 0 and at < self.windows[cell][last][1] else None

    def _from(self, cell: int, at: float) -> range:
        """The windows of a cell that end after a time."""
        last = bisect_right(self._begins[cell], at) - 1
        return range(last if last >= 0 and at < self.windows[cell][last][1] else last + 1, len(self.windows[cell]))

    def _nearest(self, found: Sequence[int], at: float) -> int:
        def distance(i: int) -> float:
            metres = self.path.distance_m(at, *self.places[i])
            return inf if isnan(metres) else metres

        return min(found, key=lambda i: (distance(i), i), default=NONE)


class Cells:
    """Many circles, with a tree over their centres: `reach` looks only at those that a path comes near to.

    `latitude` and `longitude` in degrees, `radius_m` in metres, by cell.
    """

    __slots__ = ("_tree", "latitude", "longitude", "radius_m")

    def __init__(self, latitude: Floats, longitude: Floats, radius_m: Floats) -> None:
        from scipy.spatial import cKDTree  # noqa: PLC0415  # heavy

        self.latitude, self.longitude, self.radius_m = latitude, longitude, radius_m
        self._tree = cKDTree(_on_sphere(latitude, longitude))

    def reach(self, path: Path, margin: float | None) -> Reach:
        """The cells that ever cover a path; their numbers are positions in the columns."""
        far = path.ends.copy()
        far[-1] = path.at[-1]
        half = (far - path.at) / 2
        latitude = path.latitude + path.v_latitude * half
        rise = np.radians(path.v_latitude * half)
        # Half a leg is at most so long: nowhere is a degree of longitude longer than where the leg is lowest.
        widest = np.cos(np.maximum(0.0, np.radians(np.abs(latitude)) - np.abs(rise)))
        reach = RADIUS_M * np.hypot(rise, widest * np.radians(path.v_longitude * half))
        middles = _on_sphere(latitude, path.longitude + path.v_longitude * half)
        # A tenth more, for the plane in which circles are drawn, and a metre for rounding.
        near = self._tree.query_ball_point(middles, (reach + float(self.radius_m.max())) * 1.1 + 1)
        legs: dict[int, list[int]] = {}
        for leg, cells in enumerate(near):
            for cell in cells:
                legs.setdefault(cell, []).append(leg)
        found = {
            cell: windows
            for cell in sorted(legs)
            if (windows := within(path, *self.place(cell), float(self.radius_m[cell]), np.array(legs[cell])))
        }
        return Reach(path, list(found), [self.place(cell) for cell in found], list(found.values()), margin)

    def place(self, cell: int) -> tuple[float, float]:
        """Latitude and longitude in degrees."""
        return float(self.latitude[cell]), float(self.longitude[cell])


@dataclass(frozen=True, slots=True)
class Squares:
    """A map of equal squares, `side` degrees each way: which cell serves in each, by row and column counted from the
    south-west corner of one of them."""

    south: float
    west: float
    side: float
    cells: Mapping[tuple[int, int], int]

    def reach(self, path: Path) -> Reach:
        """The cells whose squares a path crosses, in order of their numbers; the time at a border is solved exactly."""
        found: dict[int, list[Window]] = {}
        for leg in range(len(path)):
            begin, end = float(path.at[leg]), float(path.ends[leg])
            y, vy = float(path.latitude[leg]) - self.south, float(path.v_latitude[leg])
            x, vx = float(path.longitude[leg]) - self.west, float(path.v_longitude[leg])
            x -= 360 * round(x / 360)  # the short way, over the date line too
            takes = 0.0 if end == inf else end - begin
            borders = np.concatenate([[0.0, takes], self._crossings(y, vy, takes), self._crossings(x, vx, takes)])
            inner = np.unique(borders)
            middles = (inner[:-1] + inner[1:]) / 2 if takes else inner
            rows = np.floor((y + vy * middles) / self.side).astype(np.int64)
            columns = np.floor((x + vx * middles) / self.side).astype(np.int64)
            times = [*(begin + inner).tolist()[: len(middles)], end]
            for i, square in enumerate(zip(rows.tolist(), columns.tolist(), strict=True)):
                cell = self.cells.get(square)
                if cell is None:
                    continue
                windows = found.setdefault(cell, [])
                if windows and windows[-1][1] >= times[i]:
                    windows[-1] = windows[-1][0], times[i + 1]
                else:
                    windows.append((times[i], times[i + 1]))
        cells = sorted(found)
        unplaced = [(np.nan, np.nan)] * len(cells)
        return Reach(path, cells, unplaced, [found[cell] for cell in cells], None)

    def _crossings(self, x: float, v: float, takes: float) -> Floats:
        """When a coordinate that begins at `x` passes borders on its way."""
        if not v:
            return np.zeros(0)
        low, high = sorted((x, x + v * takes))
        lines = np.arange(np.ceil(low / self.side), np.floor(high / self.side) + 1) * self.side
        return np.clip((lines - x) / v, 0.0, takes)


def _on_sphere(latitude: Floats, longitude: Floats) -> Floats:
    """Points in space, in metres: between two of them the way through is never longer than that over ground."""
    phi, theta = np.radians(latitude), np.radians(longitude)
    return RADIUS_M * np.stack([np.cos(phi) * np.cos(theta), np.cos(phi) * np.sin(theta), np.sin(phi)], axis=-1)
