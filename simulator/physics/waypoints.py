"""Ways from point to point, as paths: given ones, and random ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, cycle
from typing import Literal

from simulator.geography import great_circle_km
from simulator.physics.movement import Path

Stop = tuple[float, float, float]  # latitude and longitude in degrees, pause in s
Then = Literal["stay", "back", "again"]


class _Corners:
    """The corners of a way that grows."""

    __slots__ = ("at", "latitude", "longitude", "time")

    def __init__(self, place: tuple[float, float], time: float) -> None:
        self.at, self.latitude, self.longitude, self.time = [time], [place[0]], [place[1]], time

    def go(self, place: tuple[float, float], speed: float) -> None:
        """In a straight line, at a speed in m/s."""
        here = self.latitude[-1], self.longitude[-1]
        self._corner(place, self.time + 1000 * great_circle_km(*here, *place) / speed)

    def wait(self, pause: float) -> None:
        """Stand for so many seconds."""
        self._corner((self.latitude[-1], self.longitude[-1]), self.time + pause)

    def _corner(self, place: tuple[float, float], time: float) -> None:
        if time > self.time:
            self.at.append(time)
            self.latitude.append(place[0])
            self.longitude.append(place[1])
            self.time = time

    def path(self) -> Path:
        return Path(self.at, self.latitude, self.longitude)


def route(stops: Sequence[Stop], speed: float, then: Then, start: float, until: float) -> Path:
    """The path over stops at a speed (m/s) from `start` on, as far as it comes by `until` (both s).

    Raises ValueError for a way that is to go on for ever and takes no time.
    """
    corners = _Corners(stops[0][:2], start)
    rounds = 0
    for *place, pause in _in_turn(stops, then):
        before = corners.time
        corners.go((place[0], place[1]), speed)
        corners.wait(pause)
        rounds = 0 if corners.time > before else rounds + 1
        if rounds > 2 * len(stops):
            raise ValueError("the way has no length")
        if corners.time >= until:
            break
    return corners.path()


def random_waypoint(
    place: Callable[[int], tuple[float, float]],
    speed: Callable[[int], float],
    pause: Callable[[int], float],
    until: float,
) -> Path:
    """The path of a random waypoint model until some time (s): leg k leads from place k to place k + 1 (degrees) at
    speed k (m/s), and pause k + 1 (s) follows it."""
    corners, k = _Corners(place(0), 0.0), 0
    while corners.time < until:
        corners.go(place(k + 1), speed(k))
        k += 1
        corners.wait(pause(k))
    return corners.path()


def _in_turn(stops: Sequence[Stop], then: Then) -> Iterator[Stop]:
    match then:
        case "stay":
            return iter(stops)
        case "again":
            return cycle(stops)
        case "back":
            return chain(stops, cycle((*stops[-2::-1], *stops[1:])))
