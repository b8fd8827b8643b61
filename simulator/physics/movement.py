"""Movement in straight lines at constant speed, and when it crosses circles: in closed form, without steps of time.

A path is linear in latitude and longitude between its corners. Distances from a point are taken in the plane that
touches the Earth there (equirectangular, on a sphere), so a squared distance is a quadratic in time on every leg; up to
2 km from the point and below 60 degrees of latitude it is off by less than 0.03 %.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.geography import EARTH_RADIUS_KM

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Window = tuple[float, float]  # from when to when, in s

RADIUS_M: Final = EARTH_RADIUS_KM * 1000


class Path:
    """Where something is at any time. It stands at its first corner before, at its last after it.

    `at` are the corners' times (s, increasing), `latitude` and `longitude` their places (degrees). Raises ValueError
    for a path without a corner and for times that do not increase.
    """

    __slots__ = ("at", "ends", "latitude", "longitude", "v_latitude", "v_longitude")

    def __init__(self, at: Sequence[float], latitude: Sequence[float], longitude: Sequence[float]) -> None:
        times = np.asarray(at, np.float64)
        if not times.size or (np.diff(times) <= 0).any():
            raise ValueError("a path has corners, and each is later than the one before")
        # The two legs at rest, before the first corner and after the last, close the path.
        self.at: Floats = np.concatenate([[min(0.0, times[0] - 1)], times])
        self.ends: Floats = np.append(times, inf)
        self.latitude: Floats = np.append(latitude[0], np.asarray(latitude, np.float64))
        self.longitude: Floats = np.append(longitude[0], np.unwrap(np.asarray(longitude, np.float64), period=360))
        takes = np.diff(self.at)
        self.v_latitude: Floats = np.append(np.diff(self.latitude) / takes, 0.0)  # degrees/s, by leg
        self.v_longitude: Floats = np.append(np.diff(self.longitude) / takes, 0.0)

    def __len__(self) -> int:
        return len(self.at)

    def corners(self) -> tuple[list[float], list[float], list[float]]:
        """Times (s), latitudes and longitudes as they were given, longitudes without jumps."""
        return self.at[1:].tolist(), self.latitude[1:].tolist(), self.longitude[1:].tolist()

    def position(self, at: float) -> tuple[float, float]:
        """Latitude and longitude in degrees at a time."""
        leg = int(np.clip(np.searchsorted(self.at, at, "right") - 1, 0, len(self) - 1))
        since = max(0.0, at - float(self.at[leg]))
        latitude = float(self.latitude[leg] + self.v_latitude[leg] * since)
        return latitude, float(_turned(self.longitude[leg] + self.v_longitude[leg] * since))

    def distance_m(self, at: float, latitude: float, longitude: float) -> float:
        """How far it is from a point at a time, in metres, in the plane of that point."""
        here, there = self.position(at)
        y = np.radians(here - latitude)
        x = np.radians(_turned(there - longitude)) * np.cos(np.radians(latitude))
        return float(RADIUS_M * np.hypot(x, y))

    def legs(self, begin: float, end: float) -> slice:
        """The legs that have some time between two times in common."""
        first = int(np.searchsorted(self.ends, begin, "right"))
        return slice(first, max(first, int(np.searchsorted(self.at, end, "left"))))

    def squared(self, legs: slice | Ints, latitude: float, longitude: float) -> tuple[Floats, Floats, Floats]:
        """The squared distance (m²) from a point as a·u² + 2·b·u + c, with u in s since each of these legs began."""
        scale = np.cos(np.radians(latitude)) * RADIUS_M
        y, vy = (
            np.radians(each) * RADIUS_M for each in (self.latitude[legs] - latitude, self.v_latitude[legs])
        )  # fmt: skip
        x, vx = (
            np.radians(each) * scale for each in (_turned(self.longitude[legs] - longitude), self.v_longitude[legs])
        )
        return vx * vx + vy * vy, x * vx + y * vy, x * x + y * y


def within(path: Path, latitude: float, longitude: float, radius_m: float, legs: Ints | None = None) -> list[Window]:
    """When a path is within a circle, in order; `legs` (increasing) are those that may be, if others cannot."""
    legs = np.arange(len(path)) if legs is None else legs
    a, b, c = path.squared(legs, latitude, longitude)
    c = c - radius_m * radius_m
    takes = path.ends[legs] - path.at[legs]
    root = np.sqrt(np.maximum(b * b - a * c, 0))
    moves = a > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        # Of the two ways to write each root, the one that does not subtract nearly equal numbers.
        q = -(b + np.copysign(root, b))
        one, other = q / a, np.where(q == 0, 0.0, c / q)
    low = np.where(moves, np.minimum(one, other), -inf)
    high = np.where(moves, np.maximum(one, other), inf)
    low, high = np.maximum(low, 0.0), np.minimum(high, takes)
    inside = np.where(moves, b * b - a * c > 0, c <= 0) & (high > low)
    begins = path.at[legs] + low
    ends = np.where(high < takes, path.at[legs] + high, path.ends[legs])
    return list(_joined(zip(begins[inside].tolist(), ends[inside].tolist(), strict=True)))


def first_farther(
    path: Path, own: tuple[float, float], other: tuple[float, float], ratio: float, window: Window
) -> float | None:
    """The first time in a window, its end left out, at which a path is at least `ratio` times (above 1) as far from the
    point `own` as from `other`; None without one. The curve between both is a circle (of Apollonius)."""
    begin, end = window
    legs = path.legs(begin, end)
    start = path.at[legs]
    low, high = np.maximum(begin - start, 0.0), np.minimum(path.ends[legs], end) - start
    terms = zip(path.squared(legs, *own), path.squared(legs, *other), strict=True)
    a, b, c = (mine - ratio * ratio * its for mine, its in terms)
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sqrt(b * b - a * c)
        q = -(b + np.copysign(root, b))
        roots = np.stack([q / a, c / q])
    roots = np.where(np.isfinite(roots) & (roots >= low) & (roots < high), roots, inf)
    # A root counts where the difference grows: it is not where it ceases to be far enough.
    roots = np.where(a * np.where(np.isfinite(roots), roots, 0.0) + b >= 0, roots, inf).min(axis=0)
    times = np.where(a * low * low + 2 * b * low + c >= 0, low, roots)
    found = np.flatnonzero(np.isfinite(times))
    return float(start[found[0]] + times[found[0]]) if found.size else None


def _joined(windows: Iterator[Window]) -> Iterator[Window]:
    """Windows in order, those that touch as one."""
    last: Window | None = None
    for begin, end in windows:
        if last is not None and begin <= last[1]:
            last = last[0], max(last[1], end)
            continue
        if last is not None:
            yield last
        last = begin, end
    if last is not None:
        yield last


def _turned(degrees: Floats | float) -> Floats:
    """A difference of longitudes, the short way round."""
    return np.asarray((np.asarray(degrees) + 180) % 360 - 180)
