"""What goes wrong: cuts of links, crashes of nodes, components that stop, hosts that get another image."""

from simulator.faults.crash import PowerCycled, apply_crash
from simulator.faults.cut import apply_cut
from simulator.faults.host_update import HostImage, HostSettings, HostSystem, Rollout, apply_host_update
from simulator.faults.stop import Component, Switch, apply_stop

__all__ = [
    "Component",
    "HostImage",
    "HostSettings",
    "HostSystem",
    "PowerCycled",
    "Rollout",
    "Switch",
    "apply_crash",
    "apply_cut",
    "apply_host_update",
    "apply_stop",
]
