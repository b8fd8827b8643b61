"""Links that fail and come back, again and again.

Model: alternating renewal. Up times and down times are independent draws, named by fault, unit and number, so that one
unit's are the same whatever the others do. Exponential times make a two-state Markov chain, and with loss while down
Gilbert and Elliott's channel; Weibull, log-normal and others a semi-Markov chain; constants a link that flaps. In the
long run a unit is up for mean up / (mean up + mean down) of the time, whatever the distributions are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

from simulator.engine.clock import Clock
from simulator.faults.cut import LinkCut
from simulator.physics.distributions import Distribution
from simulator.streams import Rng, key

Spells = Iterator[tuple[int, int]]  # ns up, then ns down


def drawn(rng: Rng, name: str, unit: str, up: Distribution, down: Distribution) -> Spells:
    """The spells of one unit of the fault `name`, without end."""
    identity = key(unit)
    for k in count():
        yield (
            up.tick(rng.draw(f"outages/{name}/up", identity, k)),
            down.tick(rng.draw(f"outages/{name}/down", identity, k)),
        )


def listed(windows: Sequence[tuple[int, int]]) -> Spells:
    """The spells of a list of windows (start, end), sorted, none of which overlap."""
    last = 0
    for start, end in windows:
        yield start - last, end - start
        last = end


def apply_outages(clock: Clock, cut: LinkCut, spells: Spells, *, at: int) -> None:
    """Let links be up and cut in turn, for these spells, from `at` (ns) on."""

    def work() -> None:
        spell = next(spells, None)
        if spell is not None:
            clock.after(spell[0], fail, spell[1])

    def fail(lasts: int) -> None:
        cut.begin()
        clock.after(lasts, mend)

    def mend() -> None:
        cut.end()
        work()

    clock.at(at, work)
