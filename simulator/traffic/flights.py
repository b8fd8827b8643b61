"""Readings that were under way when their session ended, hop by hop; and those that are sent again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.traffic.fates import Fates
from simulator.traffic.legs import Legs
from simulator.traffic.readings import LOST, Readings
from simulator.traffic.sources import Flying, Sensor, Source

if TYPE_CHECKING:
    from simulator.traffic.plane import RequestPlane


class Flights:
    """All of them, of one plane."""

    __slots__ = ("_again", "_again_at", "_fates", "_flying", "_legs", "_plane", "_readings")

    def __init__(self, plane: RequestPlane, legs: Legs, readings: Readings, fates: Fates) -> None:
        self._plane, self._legs, self._readings, self._fates = plane, legs, readings, fates
        self._flying: list[Flying] = []
        self._again: list[Flying] = []  # sent again while others are looked at
        self._again_at = -1  # when the last were

    def add(self, readings: list[Flying], now: int) -> None:
        """Their session ends now."""
        self._flying += [reading for reading in readings if not self._struck(reading, now)]

    def network_changed(self, now: int) -> list[Source]:
        """Links or nodes have changed: through whom those that were struck, and may have been kept, are sent now."""
        flying, self._flying, found = self._flying, [], list[Source]()
        for reading in flying:
            if not self._struck(reading, now):
                self._flying.append(reading)
            else:
                found.append(reading.source.sensor.here)
        return found

    def settle(self, now: int) -> None:
        """Let those arrive that outlived their session; all others can wait until theirs ends."""
        flying, self._flying, self._again = [*self._flying, *self._again], [], []
        while flying:
            self._flying += [reading for reading in flying if not self._landed(reading, now)]
            flying, self._again = self._again, []

    def recall(self, node: int, now: int) -> None:
        """What a node has begun to send again at this very instant waits for where it enters now: `moved` follows."""
        mine = [reading for reading in self._again if self._again_at == now and reading.source.node == node]
        for reading in mine:
            self._again.remove(reading)
            sensor = reading.source.sensor
            sensor.held = np.append(sensor.held, reading.created)

    def send_again(self, sensor: Sensor, now: int) -> None:
        """What a sensor has kept sets out once more, if there is a way; without power it is gone."""
        source, held = sensor.here, np.sort(sensor.held)
        session = source.session
        if session.steps is None and not session.dark:
            return
        sensor.held = source.nothing[0]
        if session.dark:
            self._readings.some(source.group, LOST, np.full(len(held), now))
        else:
            start = np.full(len(held), now)
            rows = np.stack([held, start, start, np.full(len(held), -1)])
            self._again_at = now
            self._again += self._legs.left_behind(source, session, rows, now)

    def _struck(self, reading: Flying, now: int) -> bool:
        """Whether the hop that a reading is on is blocked now; then it is lost, or kept to be sent again."""
        if not self._plane.ways.blocked(reading.hops[reading.at]):
            return False
        source = reading.source
        if source.resent and reading.session.hub is not None:
            source.sensor.held = np.append(source.sensor.held, reading.created)
        else:
            self._readings.some(source.group, LOST, np.array([now]))
        return True

    def _landed(self, reading: Flying, now: int) -> bool:
        """Whether a reading that outlived its session has met its fate by now."""
        plane, source, session = self._plane, reading.source, reading.session
        while reading.leaves[reading.at] <= now:
            at = reading.leaves[reading.at]
            reading.at += 1
            if reading.at < len(reading.hops):
                if reading.at != reading.lost and not plane.ways.blocked(reading.hops[reading.at]):
                    continue
            elif session.hub is not None:
                session.hub.inbox.append((source.number, reading.created, at))
                if source.sensor.here is not source and source not in source.sensor.behind:
                    source.sensor.behind.append(source)
                return True
            elif session.uid < 0 or plane.stations[session.uid].running:
                came, created = np.array([at]), np.array([reading.created])
                self._fates.delivered(source, session.end, created, came, reading.unloaded_ns)
                source.sensor.stragglers.append((came, created))
                return True
            if source.resent and session.hub is not None:
                source.sensor.held = np.append(source.sensor.held, reading.created)
                self.send_again(source.sensor, at)
            else:
                self._readings.some(source.group, LOST, np.array([at]))
            return True
        return False
