"""M/M/c from an experiment file to the tables: Erlang's mean, and Little's law. The way is a constant."""

from __future__ import annotations

from math import factorial
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from simulator.simulation.run import Run
from simulator.simulation.simulation import Simulation
from simulator.spec.scenario import Scenario

DURATION_S, STEADY_S = 2000, 50
WAY_S = 2 * (0.010 + 8e3 / 10e9)  # latency and serialisation of 1 kB, there and back

FILE = """
question: How long does a request take?
scenario:
  duration: {duration}s
  topology:
    nodes:
      - {{name: hub, model: cloud-vm, role: control-plane}}
      - {{name: server, model: cloud-vm, speed: {speed}}}
      - {{name: user, model: till, role: device}}
    links:
      - {{name: lan, between: [hub, server], latency: 1ms, rate: 10Gbps}}
      - {{name: access, between: [server, user], latency: 10ms, rate: 10Gbps}}
  images:
    shop/api: {{compressed: 1MB, unpacked: 1MB, platforms: [linux/amd64]}}
  workloads:
    - {{kind: service, name: api, image: shop/api, work: {{exponential: {work}}}, workers: {workers}}}
    - kind: requests
      name: ask
      source: user
      target: api
      arrivals: {{poisson: {rate}/s}}
      request: 1kB
      response: 1kB
  record: {{requests: {{sample: 100%}}, interval: 10s}}
"""


def sojourn_s(rate: float, service_s: float, c: int) -> float:
    """Mean time in an M/M/c queue (Erlang's C)."""
    load = rate * service_s
    last = load**c / factorial(c) / (1 - load / c)
    waits = last / (sum(load**k / factorial(k) for k in range(c)) + last)
    return waits * service_s / (c - load) + service_s


def measured(folder: Path, rate: float, work_ms: float, workers: int, speed: float) -> Run:
    file = folder / "queue.yaml"
    text = FILE.format(duration=DURATION_S, speed=speed, work=f"{work_ms}ms", workers=workers, rate=rate)
    file.write_text(text)
    return Simulation(Scenario.load(file), seed=5).finish()


def steady(run: Run) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """When each request was issued, and how long it took; in order."""
    rows = run.table("requests").filter(pl.col("issued_s") >= STEADY_S).sort("issued_s")
    assert set(rows["outcome"]) <= {"completed", "in-flight"}
    return rows["issued_s"].to_numpy(), rows["latency_s"].to_numpy()


@pytest.mark.parametrize(
    ("rate", "work_ms", "workers", "speed"), [(50, 10, 1, 1.0), (60, 20, 1, 2.0), (75, 20, 2, 1.0)]
)
def test_mean_latency_and_littles_law(rate: float, work_ms: float, workers: int, speed: float, tmp_path: Path) -> None:
    run = measured(tmp_path, rate, work_ms, workers, speed)
    issued, took = steady(run)
    ended = np.isfinite(took)
    expected = WAY_S + sojourn_s(rate, work_ms / 1000 / speed, workers)

    batches = np.array([batch.mean() for batch in np.array_split(took[ended], 40)])
    error = batches.std(ddof=1) / np.sqrt(len(batches))
    assert abs(batches.mean() - expected) <= 3 * error
    assert error < 0.02 * expected
    every = run.table("requests").filter(pl.col("outcome") == "completed")
    assert run.summary["mean_latency_s"] == pytest.approx(every["latency_s"].mean(), rel=1e-9)

    # Little: how many are there, integrated over arrivals and departures, is how many come times how long they stay.
    times = np.concatenate((issued, (issued + took)[ended]))
    steps = np.concatenate((np.ones(len(issued)), -np.ones(ended.sum())))
    order = np.argsort(times, kind="stable")
    span = DURATION_S - STEADY_S
    there = np.cumsum(steps[order]) @ np.diff(np.append(times[order], DURATION_S)) / span
    assert there == pytest.approx(len(issued) / span * took[ended].mean(), rel=2e-3)
    assert there == pytest.approx(rate * expected, rel=0.05)

    # The same from the counts of the intervals: who is there at the end of each.
    counts = run.table("traffic").sort("start_s")
    inside = (counts["issued"] - counts["completed"]).cum_sum().to_numpy()[STEADY_S // 10 :]
    spread = 3 * inside.std(ddof=1) / np.sqrt(len(inside))
    # Requests that found no endpoint at the start have left too.
    early = int(counts["no_endpoint"].sum() + counts["refused"].sum())
    assert abs(inside.mean() - early - there) <= spread
