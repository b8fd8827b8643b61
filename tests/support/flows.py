"""Flows for tests of bulk transfers: when they end, and the rates that they must have."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from simulator.engine.clock import Clock
from simulator.engine.sharing import Sharing

Flow = tuple[int, Sequence[int], int, float]  # start in ns, path, bytes, cap in bit/s


def finish_times(capacities: Sequence[float], flows: Sequence[Flow]) -> list[int]:
    """When each flow ends, in ns."""
    clock, ends = Clock(), [0] * len(flows)
    sharing = Sharing(clock, capacities)

    def watch(i, *flow):  # type: ignore[no-untyped-def]
        yield sharing.open(*flow).done
        ends[i] = clock.now

    for i, (start, *flow) in enumerate(flows):
        clock.at(start, lambda *args: clock.process(watch(*args)), i, *flow)
    while clock.step():
        pass
    return ends


def fair_rates(
    capacities: Sequence[Fraction | int], paths: Sequence[Sequence[int]], caps: Sequence[Fraction | None]
) -> list[Fraction]:
    """Max–min fair rates by their definition, in exact arithmetic: all rise until something stops one."""
    rates: dict[int, Fraction] = {}
    while len(rates) < len(paths):
        rising = [i for i in range(len(paths)) if i not in rates]
        shares = {}
        for link, capacity in enumerate(capacities):
            if users := sum(link in paths[i] for i in rising):
                shares[link] = (capacity - sum(rates[i] for i in rates if link in paths[i])) / Fraction(users)
        lowest = min([*shares.values(), *[cap for i in rising if (cap := caps[i]) is not None]])
        for i in rising:
            if caps[i] == lowest or any(shares[link] == lowest for link in paths[i]):
                rates[i] = lowest
    return [rates[i] for i in range(len(paths))]
