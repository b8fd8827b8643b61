"""Availability and latency over time, sites that a fault cut apart from the others."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from plotly.subplots import make_subplots

from simulator.show.style import SERIES, Drawing, cut_zones, layout, mark_faults
from simulator.simulation.run import Run

_FAILED = ("timeout", "no_endpoint", "refused", "lost", "died")


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
                pl.sum_horizontal(*_FAILED).sum().alias("failed"),
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


def draw(*runs: Run) -> Drawing:
    """Three panels over time, means over the runs: availability, median and 99th percentile latency (log)."""
    data = rows(runs)
    figure = make_subplots(rows=3, cols=1, shared_xaxes=True, vertical_spacing=0.06)
    panels = (("availability", "availability"), ("p50_latency_s", "median, s"), ("p99_latency_s", "p99, s"))
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
                x=(part["start_s"] / 60).to_list(),
                y=part[column].to_list(),
                mode="lines",
                line=line,
                hovertemplate="%{x:.2f} min: %{y:.4g}<extra>" + f"{flow}, {sites}</extra>",
            )
    for panel, (_column, title) in enumerate(panels, 1):
        scale = {"type": "log", "dtick": 1, "minor": {"ticks": "outside", "dtick": "D1"}} if panel > 1 else {}
        figure.update_yaxes(title=title, row=panel, col=1, **scale)
        mark_faults(figure, runs[0], row=panel, col=1)
    figure.update_yaxes(rangemode="tozero", range=[-0.04, 1.04], row=1, col=1)
    layout(figure, 620)
    figure.update_xaxes(title="minutes", row=3, col=1)
    return Drawing(
        "What the tills see",
        f"Mean over {len(runs)} replication{'s' if len(runs) != 1 else ''}. Solid: sites that a fault cut off. "
        "Dotted: the others. Median: of the median site; p99: of the worst site. Shaded: faults.",
        figure,
        data,
    )
