"""The energy of one machine by interval, and who is charged with it: exact integrals of what changed in steps.

Power follows `simulator.physics.power`. A pod is charged with what its own work takes and, of the idle power, with the
share of the cores that it asks for while it runs: by size, as the GHG Protocol parts constant power and Kepler does
after it (Amaral et al., "Kepler", IEEE CLOUD 2023); the idle power of cores that nobody asks for is the machine's own.
Where pods ask for more cores than there are, they share all of them. Where more cores are busy in an interval than
there are (the request plane lets workers be many), each is charged with its part of the most that the machine can take.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from simulator.physics.power import Floats, PowerModel, until
from simulator.runtime.load import Load
from simulator.units import SECOND

# Energies are multiples of this many joules, so that float64 adds and subtracts them exactly (up to 2^33 J a row).
_QUANTUM: Final = 2.0**-20

Row = tuple[str, Floats, Floats]  # who ("": the machine), core seconds and joules by interval


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine: what its power follows. `system_cores` are busy whenever there is power."""

    node: int
    model: PowerModel
    load: Load
    system_cores: float

    def watts(self, request_cores: float) -> float:
        """What it takes now, while requests keep so many cores busy."""
        busy = self.load.cores + self.system_cores + request_cores
        return self.model.watts(busy) if self.load.on else 0.0


def energy_rows(machine: Machine, requests: Mapping[str, Floats], edges: Floats) -> Iterator[Row]:
    """The rows of one machine, its own first; they add up to its energy exactly.

    `requests` are core seconds by pod and interval; `edges` (n + 1,) in s bound the intervals.
    """
    load, model = machine.load, machine.model
    on_s = np.diff(until(_steps(load.power_times, 0), np.array([1.0, *load.power]), edges))
    busy, held = _by_who(load, model.cores, edges)
    for pod, core_s in requests.items():
        busy[pod] = busy.get(pod, 0.0) + core_s
    own = machine.system_cores * on_s
    for who in [who for who in busy if who.startswith("/")]:
        own = own + busy.pop(who)
    total = own + sum(busy.values(), np.zeros(len(on_s)))
    fits = np.minimum(1.0, model.cores * on_s / np.where(total > 0, total, 1.0))
    energy = whole_joules(model.idle_w * on_s + model.core_w * total * fits)
    charged = {
        pod: whole_joules(model.core_w * core_s * fits + model.idle_w * held.get(pod, 0.0))
        for pod, core_s in busy.items()
    }
    yield "", own, energy - sum(charged.values(), np.zeros(len(on_s)))
    for pod, joules in charged.items():
        yield pod, busy[pod], joules


def whole_joules(joules: Floats) -> Floats:
    """The nearest multiples of the quantum in which energies are kept."""
    found: Floats = np.rint(joules / _QUANTUM) * _QUANTUM
    return found


def _steps(times: object, first: float) -> Floats:
    """Times in s, after that of the beginning."""
    return np.concatenate([[first], np.array(times, np.float64) / SECOND])


def _by_who(load: Load, cores: int, edges: Floats) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """By who: core seconds of work, and seconds for which they held the whole machine, by interval."""
    times, who = np.array(load.times, np.float64) / SECOND, np.array(load.who, np.int64)
    busy, share = np.array(load.busy, np.float64), np.array(load.share, np.float64)
    order = np.argsort(who, kind="stable")
    same = np.concatenate([[False], who[order][1:] == who[order][:-1]]) if len(who) else np.zeros(0, bool)
    change = np.empty(len(who))
    change[order] = share[order] - np.where(same, np.roll(share[order], 1), 0.0)
    # What a held core is of the machine, as a clock: its integral, at each change and at each edge.
    rate = 1 / np.maximum(cores, np.concatenate([[0.0], np.cumsum(change)]))
    clock = until(np.concatenate([[0.0], times]), rate, np.concatenate([times, edges]))
    ticks, marks = clock[: len(times)], clock[len(times) :]
    worked, held = dict[str, Floats](), dict[str, Floats]()
    for name, code in load.codes.items():
        mine = who == code
        worked[name] = np.diff(until(times[mine], busy[mine], edges))
        held[name] = np.diff(until(ticks[mine], share[mine], marks))
    return worked, held
