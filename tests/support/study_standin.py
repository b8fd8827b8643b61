"""A stand-in for the simulation: a run whose tables and numbers follow from scenario, seed and replication.

Importable by name, so that spawned workers find it.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from simulator.errors import Problem, RunFailed, UserError
from simulator.record.buffer import Recorder
from simulator.record.glossary import MetricContext, summarise
from simulator.simulation.run import Run
from simulator.streams import Rng
from simulator.study.plan import Plan, Point
from simulator.study.store import Store
from simulator.study.study import About
from simulator.units import SECOND


def simulate(data: dict[str, Any], **job: Any) -> Run:
    """Ten intervals of ten seconds; `scenario.rate` requests each, of which a few time out."""
    scenario = data["scenario"]
    if scenario.get("wrong") == job["replication"]:
        raise UserError(Problem("the world has no such node", "x.yaml", 3))
    if scenario.get("fails") == job["replication"]:
        raise RunFailed("the policy hangs")
    if scenario.get("bug") == job["replication"]:
        raise ZeroDivisionError("a mistake of ours")
    if scenario.get("dies") == job["replication"]:
        os._exit(3)
    rng, recorder = Rng(job["seed"], job["replication"]), Recorder()
    shop = (job["base"] / scenario["file"]).read_text() if "file" in scenario else "shop"
    for k in range(10):
        rate = scenario.get("rate", 100)
        lost = int(10 * rng.draw("loss", k))
        recorder.traffic.add(
            10 * k * SECOND, shop.strip(), "z", rate, rate - lost, lost, *[0] * 4, *[0.01 * k + 0.1] * 5
        )
        if job["options"]["progress"] is not None:
            job["options"]["progress"](10 * (k + 1) * SECOND, 100 * (k + 1))
    tables = recorder.frames()
    return Run(
        name=job["name"],
        axes=job["axes"],
        case=job["case"],
        replication=job["replication"],
        seed=job["seed"],
        scenario=data,
        tables=tables,
        summary=summarise(tables, MetricContext(duration_s=100.0)),
        warnings=("a warning",),
        facts=({"path": "facts.nodes.pi.ram", "value": 4, "source": "pi", "kind": "vendor"},),
        world={"nodes": [{"name": "pi-0"}], "faults": []},
    )


def plan(replications: int = 3, seed: int = 1, **scenario: Any) -> Plan:
    """Two points, `rate=100` and `rate=200`."""
    data = {"duration": "100s", **scenario}
    points = [
        Point(f"rate={rate}", {"scenario.rate": rate}, None, {"scenario": {**data, "rate": rate}, "facts": {}})
        for rate in (100, 200)
    ]
    return Plan(tuple(points), replications, seed)


def about(made: Plan, **more: Any) -> About:
    """What a study's record says of this plan."""
    given = {"name": "standin", "question": "Who?", "seed": made.seed, "metrics": ("availability",), "provenance": {}}
    return About(**{**given, "data": {p.name: p.data for p in made.points}, **more})


def store(out: Path, made: Plan, **how: bool) -> Store:
    """The plan's store."""
    return Store(out, about(made), [(p.name, replication) for p, replication in made.jobs()], **how)


def two_threads() -> ThreadPoolExecutor:
    """A factory as `--executor module:factory` names it."""
    return ThreadPoolExecutor(2)


def not_an_executor() -> str:
    """A factory that gives something else."""
    return "executor"
