"""A fixed keep-alive: an instance that nobody has asked for some time goes; a request that finds none starts one.

Idea: scale to and from zero, as the large function platforms do (M. Shahrad et al., USENIX ATC 2020, call it the fixed
keep-alive policy). Complexity: O(1), once for each function. Caveat: the same time for every function, however often it
is asked.
"""

from typing import Literal

from simulator.policy import FunctionView, Keep, Scaling
from simulator.units import duration, seconds


class KeepAlive(Scaling):
    """`idle` is a duration; `prewarmed` instances are kept in stock; `most`, `full` and `paused` as in
    `Keep`."""

    def __init__(
        self,
        idle: str | float,
        prewarmed: int = 0,
        most: int | None = None,
        full: Literal["refuse", "queue"] = "refuse",
        paused: bool = False,
    ) -> None:
        duration(idle)  # refused now, if it is none
        self.idle = idle
        self.prewarmed, self.most, self.full, self.paused = prewarmed, most, full, paused

    def keep(self, function: FunctionView) -> Keep:
        """The same for every function."""
        return Keep(seconds(duration(self.idle)), self.prewarmed, self.most, self.full, self.paused)
