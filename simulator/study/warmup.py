"""Was the warm-up long enough? MSER-5 on the latency over time, before anything was broken on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.study.statistics import mser5

if TYPE_CHECKING:
    from simulator.simulation.run import Run


def warm_up_warning(run: Run, warm_up_s: float) -> str | None:
    """What to say if the start-up transient ends later than the scenario's warm-up; None if there is nothing to say.

    The series is the mean latency of what completed in each recording interval, from the start to the first fault
    (`run.world["faults"]`, rows with `start_s`): a fault moves the level, which is no transient. Intervals in which
    nothing completed are left out. Says nothing about fewer than fifty intervals.
    """
    import polars as pl  # noqa: PLC0415  # heavy

    first = min((fault["start_s"] for fault in run.world.get("faults", ())), default=float("inf"))
    rows = run.tables["traffic"].filter((pl.col("completed") > 0) & (pl.col("start_s") < first))
    total = (pl.col("mean_latency_s") * pl.col("completed")).sum() / pl.col("completed").sum()
    series = rows.group_by("start_s").agg(latency=total).sort("start_s")
    start = series["start_s"].to_numpy()
    if len(start) < 50:
        return None
    step = float(np.diff(start).min())
    cut = mser5(series["latency"].to_numpy())
    if cut is None:
        return f"latency had not settled by {start[-1] + step:g} s (MSER-5): run longer, or start: placed"
    settled = 0.0 if cut == 0 else float(start[cut - 1]) + step
    if settled <= warm_up_s:
        return None
    return f"latency settled after {settled:g} s (MSER-5), and warm_up is {warm_up_s:g} s: set scenario.warm_up higher"
