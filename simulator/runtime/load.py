"""What keeps the cores of one machine busy, beside requests, as it changes; and whether the machine has power.

Counted are the CPU that processes take by themselves (`background`; of one that ends by itself, what it asks for),
starts that are at work (a core each, as in the model of their contention), and the CPU that unpacking images takes.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable

from simulator.engine.clock import Clock

STARTS, UNPACKING = "/starts", "/unpacking"  # of the machine, and of no pod: a pod's name has no slash


class Load:
    """Nothing is kept until `watch`: then every change, in columns.

    `cores` is how many are busy now, `on` whether there is power. Pods also hold a share of the machine: the cores that
    they ask for, while their main container runs.
    """

    __slots__ = ("_busy", "_changed", "_clock", "busy", "codes", "cores", "on", "power", "power_times", "share",
                 "times", "who")  # fmt: skip

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed: Callable[[], object] | None = None
        self._busy: list[float] | None = None  # now, by who; None: nobody watches
        self.cores = 0.0
        self.on = True
        self.codes: dict[str, int] = {}
        # One row for each change: who, and the cores that they keep busy and hold from then on.
        self.times, self.who, self.busy, self.share = array("q"), array("l"), array("d"), array("d")
        self.power_times, self.power = array("q"), array("d")

    def watch(self, changed: Callable[[], object] | None = None) -> None:
        """Keep what changes from now on, and call `changed` after each change."""
        self._busy, self._changed = [], changed

    def take(self, who: str, cores: float, share: float = 0.0) -> None:
        """They keep so many cores busy from now on, and hold a share."""
        if self._busy is None:
            return
        code = self.codes.setdefault(who, len(self._busy))
        if code == len(self._busy):
            self._busy.append(0.0)
        self.cores = max(0.0, self.cores + cores - self._busy[code])
        self._busy[code] = cores
        self.times.append(self._clock.now)
        self.who.append(code)
        self.busy.append(cores)
        self.share.append(share)
        if self._changed is not None:
            self._changed()

    def powered(self, on: bool) -> None:
        """Power has come, or gone."""
        if self._busy is None:
            return
        self.on = on
        self.power_times.append(self._clock.now)
        self.power.append(float(on))
        if self._changed is not None:
            self._changed()
