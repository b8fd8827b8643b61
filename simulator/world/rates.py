"""Links whose rates change with time, as traces say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from heapq import merge
from itertools import count, groupby

from simulator.engine.clock import Clock
from simulator.world.link import Rates


def follow(
    clock: Clock, traces: Mapping[int, tuple[Rates, int]], change: Callable[[Mapping[int, float]], object]
) -> None:
    """Call `change` with the new rates (bit/s) by directed link, once for each time at which there are some. Each has a
    trace, and a period (ns) after which it comes again; 0: it does not.

    Those of the present are changed at once. One timer is set at a time, however long the traces are.
    """
    steps = groupby(merge(*(_steps(hop, trace, period) for hop, (trace, period) in traces.items())), _time)

    def step(rates: Mapping[int, float]) -> None:
        change(rates)
        wait()

    def wait() -> None:
        found = next(steps, None)
        if found is not None:
            time, those = found
            rates = {hop: rate for _, hop, rate in those}
            if time <= clock.now:
                step(rates)
            else:
                clock.at(time, step, rates)

    wait()


def _steps(hop: int, trace: Rates, period_ns: int) -> Iterator[tuple[int, int, float]]:
    for lap in count() if period_ns else (0,):
        for time, rate in trace:
            yield lap * period_ns + time, hop, rate


def _time(step: tuple[int, int, float]) -> int:
    return step[0]
