"""Pods wanted, believed and running: where the lines part, somebody is wrong."""

from __future__ import annotations

import plotly.graph_objects as go
import polars as pl

from simulator.show.style import INK, SERIES, Drawing, layout, mark_faults
from simulator.simulation.run import Run


def _steps(changes: pl.DataFrame, counts: tuple[str, ...], label: str) -> pl.DataFrame:
    """How many pods are in one of the states `counts`, as steps of (owner, line, time_s, pods)."""
    return (
        changes.with_columns(pl.col("state").is_in(counts).cast(pl.Int64).alias("_in"))
        .with_columns((pl.col("_in") - pl.col("_in").shift(1).over("pod").fill_null(0)).alias("_step"))
        .filter(pl.col("_step") != 0)
        .with_columns(pl.col("_step").cum_sum().over("owner").alias("pods"))
        .select("owner", pl.lit(label).alias("line"), "time_s", "pods")
    )


def rows(run: Run) -> pl.DataFrame:
    """Steps (owner, line, time_s, pods) of the believed and the really running pods of each workload."""
    pods = run.table("pods")
    believed = pods.filter(pl.col("truth") == "believed")
    running = pods.filter(pl.col("truth") == "running")
    return pl.concat(
        [
            _steps(believed, ("Ready",), "believed ready"),
            _steps(running, ("started",), "really running"),
        ]
    )


def draw(run: Run) -> Drawing:
    """Workloads whose two lines ever part by more than a start-up; all where none does."""
    data = rows(run)
    wanted = run.world.get("wanted", {})
    after = float(run.world.get("warm_up_s", 0.0))
    moved = data.filter(pl.col("time_s") > after)["owner"].unique(maintain_order=True).to_list()
    owners = [o for o in (moved or data["owner"].unique(maintain_order=True).to_list()) if wanted.get(o, 1)][:6]
    figure = go.Figure()
    until = float(run.world["duration_s"])
    for k, owner in enumerate(owners):
        for line, dash in (("believed ready", "dot"), ("really running", "solid")):
            part = data.filter((pl.col("owner") == owner) & (pl.col("line") == line))
            if part.is_empty():
                continue
            figure.add_scatter(
                name=f"{owner}: {line}",
                x=[*(part["time_s"] / 60).to_list(), until / 60],
                y=[*part["pods"].to_list(), part["pods"][-1]],
                mode="lines",
                line={"shape": "hv", "dash": dash, "color": SERIES[k % len(SERIES)], "width": 2},
                hovertemplate="%{x:.2f} min: %{y} pods<extra>" + f"{owner}, {line}</extra>",
            )
        if owner in wanted:
            figure.add_hline(wanted[owner], line={"color": INK, "width": 0.5, "dash": "dash"})
    mark_faults(figure, run)
    layout(figure, 380)
    figure.update_xaxes(title="minutes", range=[0, until / 60])
    figure.update_yaxes(title="pods", rangemode="tozero")
    return Drawing(
        "Pods: believed and running",
        "Solid: containers that really run. Dotted: pods that the control plane believes ready. "
        "A solid line above the wanted number (thin dashes) is pods running twice.",
        figure,
        data.filter(pl.col("owner").is_in(owners)),
    )
