"""Availability and latency over time, sites that a fault cut apart from the others."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log10
from typing import Any

import polars as pl
from plotly.subplots import make_subplots

from simulator.record.traffic import FAILED
from simulator.show.style import FAULTS, SERIES, Drawing, cut_zones, layout, mark_faults, time_unit
from simulator.simulation.run import Run


def rows(runs: Sequence[Run]) -> pl.DataFrame:
    """Means over replications of (flow, sites, start_s, availability, p50_latency_s, p99_latency_s).

    `availability` is completed / (completed + failed) of the interval; `p50_latency_s` is the median site's
    median, `p99_latency_s` the worst site's 99th percentile.
    """
    frames = []
    for run in runs:
        cut = cut_zones(run)
        sites = pl.when(pl.col("zone").is_in(cut)).then(pl.lit("cut sites")).otherwise(pl.lit("other sites"))
        frames.append(
            run.table("traffic")
            .with_columns(sites.alias("sites") if cut else pl.lit("all sites").alias("sites"))
            .group_by("flow", "sites", "start_s")
            .agg(
                pl.col("completed").sum(),
                pl.sum_horizontal(*FAILED).sum().alias("failed"),
                pl.col("p50_latency_s").fill_nan(None).median(),
                pl.col("p99_latency_s").fill_nan(None).max(),
            )
        )
    answered = pl.col("completed") + pl.col("failed")
    return (
        pl.concat(frames)
        .with_columns(pl.when(answered > 0).then(pl.col("completed") / answered).otherwise(None).alias("availability"))
        .group_by("flow", "sites", "start_s")
        .agg(pl.col("availability", "p50_latency_s", "p99_latency_s").mean())
        .sort("flow", "sites", "start_s")
    )


def _ticks(times: pl.Series) -> dict[str, list[Any]]:
    """Marks of a logarithmic axis of times in s: three in a decade, or one where there are many."""
    known = times.drop_nulls().drop_nans().to_numpy()
    known = known[known > 0]
    if not known.size:
        return {}
    low, high = floor(log10(known.min())), ceil(log10(known.max()))
    steps = (1, 2, 5) if high - low < 3 else (1,)
    marks = [step * 10.0**power for power in range(low, high + 1) for step in steps]
    return {"tickvals": marks, "ticktext": [f"{t:g} s" if t >= 1 else f"{t * 1e3:g} ms" for t in marks]}


def draw(*runs: Run) -> Drawing:
    """Three panels over time, means over the runs: availability, median and 99th percentile latency (log)."""
    data = rows(runs)
    unit_s, unit = time_unit(runs[0])
    figure = make_subplots(rows=3, cols=1, shared_xaxes=True, vertical_spacing=0.06)
    panels = (("availability", "availability"), ("p50_latency_s", "median latency"), ("p99_latency_s", "p99 latency"))
    series = data.select("flow", "sites").unique(maintain_order=True).rows()
    flows = list(dict.fromkeys(flow for flow, _ in series))
    for flow, sites in series:
        part = data.filter((pl.col("flow") == flow) & (pl.col("sites") == sites))
        dash = "dot" if sites == "other sites" else "solid"
        line = {"color": SERIES[flows.index(flow) % len(SERIES)], "dash": dash, "shape": "hv"}
        for panel, (column, _title) in enumerate(panels, 1):
            figure.add_scatter(
                row=panel,
                col=1,
                name=f"{flow}, {sites}",
                legendgroup=f"{flow}{sites}",
                showlegend=panel == 1,
                x=(part["start_s"] / unit_s).to_list(),
                y=part[column].to_list(),
                mode="lines",
                line=line,
                hovertemplate="%{x:.2f} " + unit + ": %{y:.4g}<extra>" + f"{flow}, {sites}</extra>",
            )
    for panel, (column, title) in enumerate(panels, 1):
        scale = {"type": "log", **_ticks(data[column])} if panel > 1 else {}
        figure.update_yaxes(title=title, row=panel, col=1, **scale)
        mark_faults(figure, runs[0], unit_s, row=panel, col=1)
    figure.update_yaxes(rangemode="tozero", range=[-0.04, 1.04], row=1, col=1)
    layout(figure, 620)
    figure.update_xaxes(title=unit, row=3, col=1)
    return Drawing(
        "What those who ask see",
        f"Mean over {len(runs)} replication{'s' if len(runs) != 1 else ''}. Solid: sites that a fault cut off. "
        f"Dotted: the others. Median: of the median site; p99: of the worst site. {FAULTS}",
        figure,
        data,
    )
