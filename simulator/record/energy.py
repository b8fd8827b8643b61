"""Energy, carbon and cost: metrics of the tables `energy`, `batteries` and `costs`.

They are NaN where the scenario does not record energy (`record: {energy: true}`, batteries, carbon or prices).
"""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Final

import numpy as np

from simulator.record.metric import Compute, Metric, MetricContext, Tables

if TYPE_CHECKING:
    import polars as pl


def _after(tables: Tables, context: MetricContext) -> pl.DataFrame:
    """The intervals that lie after the warm-up as a whole."""
    begin = context.warm_up_s if context.whole_from_s is None else context.whole_from_s
    return tables["energy"].filter(tables["energy"]["start_s"] >= begin)


def _sum(rows: pl.DataFrame, column: str) -> float:
    return float(rows[column].sum()) if rows.height else nan


def energy_j(tables: Tables, context: MetricContext) -> float:
    """What all machines took."""
    return _sum(_after(tables, context), "energy_j")


def pod_energy_j(tables: Tables, context: MetricContext) -> float:
    """What pods are charged with."""
    rows = _after(tables, context)
    return float(rows.filter(rows["pod"] != "")["energy_j"].sum()) if rows.height else nan


def grid_energy_j(tables: Tables, context: MetricContext) -> float:
    """What came from the grid."""
    rows = _after(tables, context)
    return float(rows.filter(rows["supply"] == "grid")["energy_j"].sum()) if rows.height else nan


def radio_energy_j(tables: Tables, context: MetricContext) -> float:
    """What radios took."""
    rows = _after(tables, context)
    return float(rows.filter(rows["part"] == "radio")["energy_j"].sum()) if rows.height else nan


def request_energy_j(tables: Tables, context: MetricContext) -> float:
    """Energy by completed requests."""
    begin = context.warm_up_s if context.whole_from_s is None else context.whole_from_s
    traffic = tables["traffic"]
    completed = int(traffic.filter(traffic["start_s"] >= begin)["completed"].sum())
    return energy_j(tables, context) / completed if completed else nan


def carbon_g(tables: Tables, context: MetricContext) -> float:
    """Of what came from the grid; NaN where no intensity was given."""
    return _sum(_after(tables, context), "carbon_g")


def cost_usd(tables: Tables, _: MetricContext) -> float:
    """All that has a price."""
    return _sum(tables["costs"], "cost_usd")


def over_time(value: Compute) -> Compute:
    """NaN where there are no batteries."""
    return lambda tables, context: value(tables, context) if tables["batteries"].height else nan


def _integral(column: str, sign: float = 1.0) -> Compute:
    """The integral after the warm-up of a column of `batteries`, over all of them."""

    def compute(tables: Tables, context: MetricContext) -> float:
        spans, rows = _spans(tables, context)
        return sign * float(rows[column].to_numpy() @ spans)

    return compute


def _spans(tables: Tables, context: MetricContext) -> tuple[np.ndarray, pl.DataFrame]:
    """How long each row of `batteries` held, after the warm-up, in s; and the rows in the same order."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    rows = tables["batteries"].sort("node", maintain_order=True)
    rows = rows.with_columns(end_s=pl.col("time_s").shift(-1).over("node").fill_null(context.duration_s))
    begin, end = (np.clip(rows[name].to_numpy(), context.warm_up_s, None) for name in ("time_s", "end_s"))
    return end - begin, rows


def battery_empty_s(tables: Tables, context: MetricContext) -> float:
    """Time that machines had no power because their batteries were empty."""
    spans, rows = _spans(tables, context)
    return float(spans[(rows["state"] == "off").to_numpy()].sum())


def battery_stops(tables: Tables, _: MetricContext) -> float:
    """How often one took its machine's power away."""
    return float((tables["events"]["kind"] == "BatteryEmpty").sum())


def lowest_charge_j(tables: Tables, context: MetricContext) -> float:
    """The lowest charge after the warm-up; charges are straight lines between rows, so the rows have it."""
    rows = tables["batteries"]
    found = rows.filter(rows["time_s"] >= context.warm_up_s)["charge_j"].to_numpy()
    return float(found.min()) if found.size else nan


def solar_j(tables: Tables, context: MetricContext) -> float:
    """What panels gave, without what nobody took."""
    return _integral("panel_w")(tables, context) - _integral("curtailed_w")(tables, context)


METRICS: Final = (
    Metric(
        "energy_j",
        "J",
        "what all machines took in the intervals after the warm-up: the integral of their power, which is idle + "
        "(max - idle) x busy cores / cores while a machine has power; busy with requests, functions, starts, "
        "unpacking, the orchestrator's components and what processes take by themselves (`background`); and of what "
        "their radios and ports take",
        energy_j,
    ),
    Metric(
        "pod_energy_j",
        "J",
        "the part of it that pods are charged with: what their own work takes, and of the idle power the share of the "
        "cores that they ask for; the rest is the machines' own",
        pod_energy_j,
    ),
    Metric("grid_energy_j", "J", "the part of it that machines without a battery took", grid_energy_j),
    Metric(
        "radio_energy_j",
        "J",
        "the part of it that radios took, each that of its link's first node: asleep, waking, connected and sending as "
        "its link's page says, and for each bit",
        radio_energy_j,
    ),
    Metric(
        "request_energy_j",
        "J",
        "energy_j by the requests completed in the same time",
        request_energy_j,
    ),
    Metric(
        "carbon_g",
        "g",
        "grid energy of each interval and zone times the mean intensity of its grid, after the warm-up; light has none",
        carbon_g,
    ),
    Metric(
        "cost_usd",
        "USD",
        "what the time after the warm-up costs, of all that the scenario gives a price",
        cost_usd,
    ),
    Metric(
        "battery_empty_s",
        "s",
        "time after the warm-up, added up over machines, without power because the battery was empty, until it had "
        "charged enough to start again (boots not among it)",
        over_time(battery_empty_s),
    ),
    Metric(
        "battery_stops",
        "count",
        "times in the whole run that a battery was empty and its machine lost power",
        over_time(battery_stops),
    ),
    Metric(
        "lowest_charge_j",
        "J",
        "the lowest charge of any battery after the warm-up",
        over_time(lowest_charge_j),
    ),
    Metric("solar_j", "J", "what machines and batteries took from panels after the warm-up", over_time(solar_j)),
    Metric(
        "curtailed_j",
        "J",
        "what panels could have given after the warm-up, and nobody took: the battery was full, or charged at its most",
        over_time(_integral("curtailed_w")),
    ),
    Metric(
        "battery_loss_j",
        "J",
        "what batteries lost after the warm-up, going in and coming out",
        over_time(_integral("loss_w")),
    ),
)
