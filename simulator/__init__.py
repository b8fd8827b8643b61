"""Littoral: the IoT-edge-cloud continuum, simulated.

    import simulator as sim
    study = sim.run("quickstart", seed=1)

Names resolve when they are first used, so that importing this package costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from sys import modules
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# name -> the module that has it. The whole public surface; a test holds it against __all__.
_HOME = {
    "Bind": "simulator.policy",
    "ClockLoss": "simulator.spec.failures",
    "ClockSkew": "simulator.spec.failures",
    "Catalogue": "simulator.facts",
    "ClusterView": "simulator.policy",
    "Commands": "simulator.spec.commands",
    "Crash": "simulator.spec.faults",
    "Cut": "simulator.spec.faults",
    "DiskFill": "simulator.spec.failures",
    "DistanceCoverage": "simulator.spec.coverage",
    "Experiment": "simulator.spec",
    "Failures": "simulator.spec.failures",
    "Filter": "simulator.policy",
    "Function": "simulator.spec.function",
    "GridCoverage": "simulator.spec.coverage",
    "HostUpdate": "simulator.spec.faults",
    "LittoralError": "simulator.errors",
    "Manifest": "simulator.spec.workload",
    "Model": "simulator.spec.workload",
    "Outages": "simulator.spec.outages",
    "Partition": "simulator.spec.outages",
    "Placement": "simulator.policy",
    "PodView": "simulator.policy",
    "PositionTrace": "simulator.spec.movement",
    "PowerCut": "simulator.spec.failures",
    "Pods": "simulator.spec.pods",
    "Problem": "simulator.errors",
    "RandomWaypoint": "simulator.spec.movement",
    "Reason": "simulator.policy",
    "Reject": "simulator.policy",
    "Requests": "simulator.spec.workload",
    "Rng": "simulator.streams",
    "Run": "simulator.simulation.run",
    "RunFailed": "simulator.errors",
    "Scenario": "simulator.spec",
    "Score": "simulator.policy",
    "Service": "simulator.spec.workload",
    "Simulation": "simulator.simulation.simulation",
    "Slow": "simulator.spec.failures",
    "Stop": "simulator.spec.faults",
    "Update": "simulator.spec.faults",
    "Study": "simulator.study.study",
    "Telemetry": "simulator.spec.workload",
    "UserError": "simulator.errors",
    "Wait": "simulator.policy",
    "Waypoints": "simulator.spec.movement",
    "Wear": "simulator.spec.failures",
    "ZoneOutage": "simulator.spec.outages",
    "check_policy": "simulator.policy.checks",
    "compare": "simulator.study.compare",
    "open_run": "simulator.study.store",
    "run": "simulator.study.execute",
}

if TYPE_CHECKING:
    from simulator.errors import LittoralError, Problem, RunFailed, UserError
    from simulator.facts import Catalogue
    from simulator.policy import Bind, ClusterView, Filter, Placement, PodView, Reason, Reject, Score, Wait
    from simulator.policy.checks import check_policy
    from simulator.simulation.run import Run
    from simulator.simulation.simulation import Simulation
    from simulator.spec import Experiment, Scenario
    from simulator.spec.commands import Commands
    from simulator.spec.coverage import DistanceCoverage, GridCoverage
    from simulator.spec.failures import ClockLoss, ClockSkew, DiskFill, Failures, PowerCut, Slow, Wear
    from simulator.spec.faults import Crash, Cut, HostUpdate, Stop, Update
    from simulator.spec.function import Function
    from simulator.spec.movement import PositionTrace, RandomWaypoint, Waypoints
    from simulator.spec.outages import Outages, Partition, ZoneOutage
    from simulator.spec.pods import Pods
    from simulator.spec.workload import Manifest, Model, Requests, Service, Telemetry
    from simulator.streams import Rng
    from simulator.study.compare import compare
    from simulator.study.execute import run
    from simulator.study.store import open_run
    from simulator.study.study import Study

__all__ = [
    "Bind",
    "Catalogue",
    "ClockLoss",
    "ClockSkew",
    "ClusterView",
    "Commands",
    "Crash",
    "Cut",
    "DiskFill",
    "DistanceCoverage",
    "Experiment",
    "Failures",
    "Filter",
    "Function",
    "GridCoverage",
    "HostUpdate",
    "LittoralError",
    "Manifest",
    "Model",
    "Outages",
    "Partition",
    "Placement",
    "PodView",
    "Pods",
    "PositionTrace",
    "PowerCut",
    "Problem",
    "RandomWaypoint",
    "Reason",
    "Reject",
    "Requests",
    "Rng",
    "Run",
    "RunFailed",
    "Scenario",
    "Score",
    "Service",
    "Simulation",
    "Slow",
    "Stop",
    "Study",
    "Telemetry",
    "Update",
    "UserError",
    "Wait",
    "Waypoints",
    "Wear",
    "ZoneOutage",
    "__version__",
    "check_policy",
    "compare",
    "open_run",
    "run",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'simulator' has no attribute {name!r}")
    module = import_module(home)
    _introduce()
    return getattr(module, name)


def _introduce() -> None:
    """Tell runs and studies who draws them: the rooms that they come from know no plotting."""
    for room, hook, call in (
        ("simulator.simulation.run", "figure_hook", _figure),
        ("simulator.study.study", "report_hook", _report),
        ("simulator.study.study", "figure_hook", _study_figure),
    ):
        if room in modules:
            setattr(modules[room], hook, call)


def _figure(run: Run, name: str, node: str | None) -> Any:
    return import_module("simulator.show").figure(run, name, node)


def _study_figure(study: Study, name: str, metrics: Sequence[str]) -> Any:
    return import_module("simulator.show").study_figure(study, name, metrics)


def _report(study: Study) -> str:
    text: str = import_module("simulator.show.report").report(study)
    return text


def __dir__() -> list[str]:
    return sorted(__all__)
