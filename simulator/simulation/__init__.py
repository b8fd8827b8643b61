"""From specs to objects, the running simulation, and the run that it leaves behind."""

from __future__ import annotations

from simulator.simulation.bench import bench_drivers
from simulator.simulation.entry import check, explain_pod, resolve, simulate
from simulator.simulation.entry import explain_pod as explain

__all__ = ["bench_drivers", "check", "explain", "explain_pod", "resolve", "simulate"]
