"""What goes wrong: links are cut, nodes fail, are slow, wear out or have the time wrong, components stop, hosts get
another image."""

from simulator.faults.clock import ClockLoss, NodeClock, apply_clock_skew
from simulator.faults.crash import apply_crash
from simulator.faults.cut import LinkCut, apply_cut
from simulator.faults.disk_fill import apply_disk_fill
from simulator.faults.failures import Failing, apply_failures
from simulator.faults.host_update import HostImage, HostSettings, HostSystem, Rollout, apply_host_update
from simulator.faults.outages import apply_outages, drawn, listed
from simulator.faults.power import Power, PowerCycled, apply_power_cut
from simulator.faults.slow import Pace, apply_slow
from simulator.faults.stop import Component, Switch, apply_stop
from simulator.faults.wear import apply_wear

__all__ = [
    "ClockLoss",
    "Component",
    "Failing",
    "HostImage",
    "HostSettings",
    "HostSystem",
    "LinkCut",
    "NodeClock",
    "Pace",
    "Power",
    "PowerCycled",
    "Rollout",
    "Switch",
    "apply_clock_skew",
    "apply_crash",
    "apply_cut",
    "apply_disk_fill",
    "apply_failures",
    "apply_host_update",
    "apply_outages",
    "apply_power_cut",
    "apply_slow",
    "apply_stop",
    "apply_wear",
    "drawn",
    "listed",
]
