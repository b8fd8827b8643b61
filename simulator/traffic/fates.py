"""What becomes of readings under the present session of their source, in closed form where their way is plain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.traffic.legs import Legs
from simulator.traffic.readings import CREATED, DELIVERED, LATE, LOST, Readings
from simulator.traffic.sources import CREATED as MADE
from simulator.traffic.sources import END, LOSER, Source

Ints = NDArray[np.int64]


class Fates:
    """Counts them, up to now, for one source at a time."""

    __slots__ = ("_legs", "_readings")

    def __init__(self, legs: Legs, readings: Readings) -> None:
        self._legs, self._readings = legs, readings

    def advance(self, source: Source, now: int) -> None:
        """Count what has become of a source's readings by now, under its present session."""
        session, every, sensor = source.session, source.every, source.sensor
        first = source.base + source.made * every
        new = max(0, (now - first) // every + 1)
        source.made += new
        if session.dark:
            source.done = source.made
        else:
            if new:
                self._readings.run(source.group, CREATED, first, every, new)
            if session.steps is None:
                if source.resent and session.hub is not None:
                    sensor.held = np.append(sensor.held, first + np.arange(new) * every)
                elif new:
                    self._readings.run(source.group, LOST, first, every, new)
                source.done = source.made
            elif session.hub is None and session.odd:
                source.done = source.made
                self._odd(source, first + np.arange(new) * every, now)
            elif session.hub is None:
                self._plain(source, now)
        if source.door is not None:
            source.door.advance(now)
        if sensor.behind and sensor.here is source:
            for place in sensor.behind:
                if place.door is not None:
                    place.door.advance(now)
            sensor.gather(now)
        sensor.catch_up(now + 1)

    def _plain(self, source: Source, now: int) -> None:
        session, every = source.session, source.every
        first = source.base + source.done * every + session.delay_ns
        number = max(0, (now - first) // every + 1)
        if not number:
            return
        source.done += number
        self._legs.run(session, first, every, number)
        if session.listens:
            age = session.delay_ns
            self._readings.run(source.group, DELIVERED, first, every, number, age=age)
            self._readings.stamped_run(source, session.end, first, number, age=age)
            source.sensor.catch_up(first)
            source.sensor.heard_run(first, number, age)
        else:
            self._readings.run(source.group, LOST, first, every, number)

    def _odd(self, source: Source, created: Ints, now: int) -> None:
        session = source.session
        new = self._legs.set_out(source, session, created, created, now)
        rows = np.concatenate([self._legs.under_way(source, now), new], axis=1)
        over = rows[END] <= now
        rows, source.pending = rows[:, over], rows[:, ~over]
        came = (rows[LOSER] < 0) & session.listens
        self._readings.some(source.group, LOST, rows[END, ~came])
        self.delivered(source, session.end, rows[MADE, came], rows[END, came], source.unloaded_ns)
        if came.any():
            source.sensor.catch_up(int(rows[END, came].min()))
            source.sensor.heard(rows[MADE, came], rows[END, came])

    def delivered(self, source: Source, end: int, created: Ints, at: Ints, unloaded_ns: int) -> None:
        """These have come to node `end`, `unloaded_ns` after they were made if nothing held them up."""
        self._readings.some(source.group, DELIVERED, at, at - created)
        self._readings.stamped(source, end, created, at)
        self._readings.some(source.group, LATE, at[at - created - unloaded_ns > source.every])

    def under_way(self, source: Source) -> Ints:
        """The readings that the first session leaves behind when it ends: rows (4, n)."""
        if source.session.odd:
            rows, source.pending = source.pending, source.nothing
            return rows
        made = source.base + np.arange(source.done, source.made) * source.every
        source.done = source.made
        return np.stack([made, made, made, np.full(len(made), -1)])
