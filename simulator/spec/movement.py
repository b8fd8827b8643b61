"""How nodes move. From Python the same classes build a scenario."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from simulator.spec.base import Glob, Item, Name, Number, Spec, Text, wrong
from simulator.spec.distribution import RandomDuration
from simulator.spec.quantity import Duration, Speed

Latitude = Annotated[Number, Field(ge=-90, le=90)]
Longitude = Annotated[Number, Field(ge=-180, le=180)]
Pace = Annotated[Speed, Field(gt=0)]


class Place(Spec):
    """A point on the Earth, in degrees."""

    latitude: Latitude
    longitude: Longitude


class Waypoint(Place):
    """A corner of a way: when it is reached, or how long one pauses there."""

    at: Duration | None = None
    pause: Duration | None = None


class Movement(Item):
    """What all have: the nodes that move so, and a name for the path grammar. No node moves in two ways."""

    name: Name | None = None
    node: Glob


class Waypoints(Movement):
    """Nodes go from point to point in straight lines: at `speed`, with pauses, or so that each is reached `at` a time.

    They set out at the beginning, each one that matches `headway` after the one before it in the topology's order.
    `then`: at the last point they `stay`, turn and go `back` to the first, and so on, or go on to the first `again`.
    """

    kind: Literal["waypoints"] = "waypoints"
    points: Annotated[tuple[Waypoint, ...], Field(min_length=2)]
    speed: Pace | None = None
    headway: Duration = Duration("0")
    then: Literal["stay", "back", "again"] = "stay"

    @model_validator(mode="after")
    def _times_or_speed(self) -> Self:
        timed = [point.at is not None for point in self.points]
        if self.speed is None:
            if not all(timed):
                said = "a way needs a speed, or a time for each point"
                raise wrong(said, "add speed: 30km/h, or at: 5min", ("points", str(timed.index(False))))
            if self.then != "stay":
                raise wrong(f"then: {self.then} needs a speed", "add speed: 30km/h, and leave out the times", "then")
        elif any(timed):
            said = "a way has either a speed or times"
            raise wrong(said, "leave out one of the two", ("points", str(timed.index(True)), "at"))
        times = [point.at for point in self.points if point.at is not None]
        for number, point in enumerate(self.points):
            if point.pause is not None and self.speed is None:
                said = "times say how long one pauses: two points at one place"
                raise wrong(said, "pause belongs to a way with a speed", ("points", str(number), "pause"))
            if times and number and times[number] <= times[number - 1]:
                raise wrong("a point is reached after the one before it", "", ("points", str(number), "at"))
        return self


class RandomWaypoint(Movement):
    """Nodes go in a straight line to a point drawn uniformly in a box, at a speed drawn uniformly from `slowest` to
    `fastest`, pause there, and go on to another (the random waypoint model: Johnson and Maltz 1996).

    They begin at the place that their node names, otherwise anywhere in the box. `slowest` is above zero: otherwise the
    mean speed decays for ever (Yoon, Liu and Noble 2003).
    """

    kind: Literal["random-waypoint"] = "random-waypoint"
    south: Latitude
    north: Latitude
    west: Longitude
    east: Longitude
    slowest: Pace
    fastest: Pace
    pause: RandomDuration | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.south >= self.north:
            raise wrong("the box has no height", "north lies above south", "north")
        if self.west >= self.east:
            raise wrong("the box has no width", "east lies above west", "east")
        if self.slowest > self.fastest:
            raise wrong("the slowest is faster than the fastest", "", "slowest")
        return self


class PositionTrace(Movement):
    """Nodes move as a CSV file says: columns time_s, node, and latitude and longitude, in degrees, or x_m and y_m, in
    metres to the east and north of `origin`. Each node's times rise; between two it goes in a straight line.
    """

    kind: Literal["trace"] = "trace"
    file: Text
    origin: Place | None = None


MovementItem = Annotated[Waypoints | RandomWaypoint | PositionTrace, Field(discriminator="kind")]
