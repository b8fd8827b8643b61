"""What goes wrong: cuts of links, crashes of nodes, components that stop."""

from simulator.faults.crash import PowerCycled, apply_crash
from simulator.faults.cut import apply_cut
from simulator.faults.stop import Component, Switch, apply_stop

__all__ = ["Component", "PowerCycled", "Switch", "apply_crash", "apply_cut", "apply_stop"]
