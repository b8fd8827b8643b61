"""What the machines' own clocks say, where it is not the time, and which certificates they take for valid by it.

A clock that nobody has set wrong is right, and costs nothing. Whoever opens a connection by TLS holds the certificate
that it is shown against its own clock (RFC 5280: from notBefore to notAfter). A machine whose clock is right finds all
certificates valid: they are renewed in time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simulator.engine.clock import Clock, Timer

Ints = NDArray[np.int64]
Shown = Literal["cluster", "registry"]  # whose certificate


@dataclass(frozen=True, slots=True)
class Validity:
    """From when to when a certificate is valid, in ns of the run; it may begin before 0."""

    begins: int
    ends: int


@dataclass(frozen=True, slots=True)
class _Setting:
    """From `since` (ns) on a clock is `ahead` (ns; negative: behind), and gains `drift` ns in each."""

    since: int
    ahead: int
    drift: float

    @property
    def right(self) -> bool:
        return not self.ahead and not self.drift

    def error(self, now: int) -> int:
        return self.ahead + round(self.drift * (now - self.since))

    def reaches(self, said: int) -> int:
        """When it says this for the first time (ns; where a drift is rounded, some ns later); `since`, if it has by
        then."""
        time = self.since
        while (left := said - time - self.error(time)) > 0:
            time += ceil(left / (1 + self.drift))
        return time


class Clocks:
    """All of them. `validity` is that of what is shown; at what is not in it nobody looks. `after_change` is called
    with a machine when it may judge a certificate otherwise than before."""

    __slots__ = ("_clock", "_edges", "_settings", "after_change", "validity")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._settings: dict[int, list[_Setting]] = {}  # of machines whose clocks have ever been wrong, in order
        self._edges: dict[int, list[Timer]] = {}  # when their clocks will say that a certificate begins or ends
        self.validity: dict[Shown, Validity] = {}
        self.after_change: list[Callable[[int], object]] = []

    @property
    def ever_wrong(self) -> bool:
        """Whether any clock has been wrong so far."""
        return bool(self._settings)

    def put(self, node: int, ahead: int, drift: float = 0.0) -> int:
        """Set a clock `ahead` ns of the time, from now on; it gains `drift` > −1 of every ns. Returns the number of
        this setting."""
        now = self._clock.now
        setting = _Setting(now, ahead, drift)
        settings = self._settings.setdefault(node, [])
        settings.append(setting)
        for timer in self._edges.pop(node, ()):
            timer.cancel()
        if not setting.right:
            edges = (setting.reaches(edge) for shown in self.validity.values() for edge in (shown.begins, shown.ends))
            self._edges[node] = [self._clock.at(edge, self._tell, node) for edge in edges if edge > now]
        self._tell(node)
        return len(settings)

    def setting(self, node: int) -> int:
        """The number of the present setting; 0 before the first."""
        return len(self._settings.get(node, ()))

    def error(self, node: int) -> int:
        """How far ahead of the time a clock is now (ns); negative: behind."""
        settings = self._settings.get(node)
        return settings[-1].error(self._clock.now) if settings else 0

    def errors(self, node: int, times: Ints) -> Ints:
        """How far ahead it was at each of these times (ns), which have passed."""
        settings = self._settings.get(node)
        if not settings:
            return np.zeros_like(times)
        since = np.array([setting.since for setting in settings], np.int64)
        ahead = np.array([0, *(setting.ahead for setting in settings)], np.int64)
        drift = np.array([0.0, *(setting.drift for setting in settings)])
        which = np.searchsorted(since, times, "right")
        gained = drift[which] * (times - np.append(0, since)[which])
        found: Ints = ahead[which] + np.rint(gained).astype(np.int64)
        return found

    def trusts(self, node: int, shown: Shown) -> bool:
        """Whether a machine takes this certificate for valid now."""
        if node not in self._settings or shown not in self.validity or self._settings[node][-1].right:
            return True
        valid = self.validity[shown]
        return valid.begins <= self._clock.now + self.error(node) < valid.ends

    def _tell(self, node: int) -> None:
        for call in self.after_change:
            call(node)
