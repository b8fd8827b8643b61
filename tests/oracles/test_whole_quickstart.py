"""The shipped question, whole: its tables add up, agree with each other, and with what is seen from outside."""

from __future__ import annotations

import polars as pl
import pytest

from scenarios import broken_rows, unbalanced, unlike, world_of
from simulator.simulation.simulation import Simulation
from simulator.spec.load import load_experiment


@pytest.mark.parametrize("until", ["9min", "20min"])  # in the middle of the cut, and after it
def test_the_quickstart_adds_up(until: str) -> None:
    settings = {"scenario.record.requests.sample": "100%", "scenario.duration": until}
    simulation = Simulation(load_experiment("wan-outage", settings).resolve(case="ten minutes"), seed=3)
    run = simulation.finish()
    assert broken_rows(run.tables) == []
    assert unbalanced(run.tables, 10.0) == []
    assert unlike(simulation.state(), run.tables) == []
    readings, counts = run.table("messages"), world_of(simulation).network.messages
    assert 0 <= (readings["created"] - readings["delivered"] - readings["lost"]).sum() <= 24  # cameras
    assert counts.sent >= counts.delivered + counts.lost + counts.refused
    # A third of the sites can take no payment for as long as the cut lasts; prices are served on the site.
    late = run.table("traffic").filter(pl.col("start_s").is_between(400, 529))
    sales, prices = (late.filter(late["flow"] == flow) for flow in ("sale", "price"))
    assert sales["completed"].sum() / sales["issued"].sum() == pytest.approx(2 / 3, abs=0.06)
    assert prices["completed"].sum() / prices["issued"].sum() > 0.97
