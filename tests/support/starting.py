"""Starts on one machine, without agent and pods: how long each takes, from its order to its end."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.engine.clock import Clock
from simulator.facts import Catalogue
from simulator.runtime.settings import Steps
from simulator.runtime.stack import compose, costs
from simulator.runtime.starts import Starts
from simulator.streams import Rng
from simulator.units import MS, SECOND


def steps(stack: str, changes: dict[str, object] | None = None) -> Steps:
    """All steps of a start on a stack, in their order."""
    made = costs(compose(Catalogue(changes or {}), stack))
    return (*made.sandbox, *made.create, *made.start)


def window(
    what: Steps, width: int, count: int, *, threads: int, speed: float = 1.2, seed: int = 1
) -> NDArray[np.float64]:
    """`count` starts, `width` at any time, as xargs -P does it: how long each takes, in ms."""
    clock = Clock()
    starts = Starts(clock, Rng(seed), speed=speed, threads=threads)
    took: list[float] = []
    begun = 0

    def go() -> None:
        nonlocal begun
        if begun < count:
            begun += 1
            at = clock.now
            starts.begin(what, 7, begun, lambda: ended(at))

    def ended(at: int) -> None:
        took.append((clock.now - at) / MS)
        go()

    for _ in range(width):
        go()
    clock.run(10_000 * SECOND)
    return np.array(took)


def at_once(what: Steps, count: int, *, threads: int, speed: float = 1.2, seed: int = 1) -> NDArray[np.float64]:
    """`count` starts that are ordered together: how long each takes, in ms."""
    return window(what, count, count, threads=threads, speed=speed, seed=seed)
