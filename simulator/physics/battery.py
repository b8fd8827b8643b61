"""A battery between a panel and a machine: where each watt goes, while both stay as they are.

What the panel gives goes to the machine first, without a loss; the rest charges the battery, as fast as it takes it,
and what it does not take is not harvested. What the machine lacks comes out of the battery. The losses of a round trip
are parted alike: the square root of its efficiency on the way in, and again on the way out.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt


@dataclass(frozen=True, slots=True)
class BatteryLaw:
    """`efficiency` is of a round trip, in (0, 1]; `most_in_w` and `most_out_w` count at the terminals.

    The machine goes off when the charge has come down to `empty_j`, and on again once it is back at `restart_j`.
    """

    capacity_j: float
    efficiency: float
    most_in_w: float
    most_out_w: float
    empty_j: float = 0.0
    restart_j: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.efficiency <= 1:
            raise ValueError("an efficiency is above 0, and at most 1")
        if not 0 <= self.empty_j < self.restart_j <= self.capacity_j:
            raise ValueError("a machine starts again at a higher charge than it stops at, within the capacity")


@dataclass(frozen=True, slots=True)
class Flow:
    """Rates in W. `panel_w` = `used_w` + what charges + `curtailed_w`; `charge_w` is the change of the charge."""

    used_w: float  # by the machine, in all
    curtailed_w: float  # that the panel could give, and nobody takes
    charge_w: float  # J/s by which the charge grows, or shrinks
    loss_w: float  # in the battery


def flow(law: BatteryLaw, charge_j: float, panel_w: float, load_w: float) -> Flow:
    """The rates now. Raises ValueError where the battery cannot give what the machine takes: ask `holds` before."""
    if not holds(law, charge_j, panel_w, load_w):
        raise ValueError("the battery cannot carry this load")
    way = sqrt(law.efficiency)
    spare = panel_w - load_w
    if spare >= 0:
        into = 0.0 if charge_j >= law.capacity_j else min(spare, law.most_in_w)
        return Flow(load_w, spare - into, into * way, into * (1 - way))
    return Flow(load_w, 0.0, spare / way, -spare * (1 / way - 1))


def holds(law: BatteryLaw, charge_j: float, panel_w: float, load_w: float) -> bool:
    """Whether panel and battery together carry the load."""
    lack = load_w - panel_w
    return lack <= 0 or (charge_j > law.empty_j and lack <= law.most_out_w)
