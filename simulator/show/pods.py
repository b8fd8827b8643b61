"""Pods wanted, believed and running: where the lines part, somebody is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

import polars as pl
from plotly.subplots import make_subplots

from simulator.show.style import FAULTS, INK, SERIES, Drawing, layout, mark_faults, time_unit
from simulator.simulation.run import Run

RUNNING: Final = "really running"
BELIEVED: Final = "believed ready"
_LINES: Final = {RUNNING: ("running", "started"), BELIEVED: ("believed", "Ready")}
_LOOK: Final = {
    RUNNING: {"color": SERIES[0], "width": 2.5, "shape": "hv"},
    BELIEVED: {"color": SERIES[1], "width": 2, "shape": "hv", "dash": "dot"},
}
_MOST_PANELS: Final = 6


def workload_of(owners: Iterable[str], run: Run) -> dict[str, str]:
    """Which workload each owner of pods belongs to: `per: site` makes an owner `NAME-ZONE` for each site, and all of
    them are NAME. A name that ends so by itself stays as it is."""
    sites = {f"-{node['zone']}" for node in run.world["nodes"]}
    found: dict[str, str] = {}
    for owner in owners:
        ends = [site for site in sites if owner.endswith(site) and owner != site]
        found[owner] = owner.removesuffix(max(ends, key=len)) if ends else owner
    count = Counter(found.values())
    return {owner: name if count[name] > 1 else owner for owner, name in found.items()}


def rows(run: Run) -> pl.DataFrame:
    """Steps (workload, line, time_s, pods): how many pods of each workload are believed ready, and really run."""
    pods = run.table("pods")
    names = workload_of(pods["owner"].unique(maintain_order=True).to_list(), run)
    of = pl.col("owner").replace_strict(names, default=None, return_dtype=pl.String)
    found = []
    for line, (truth, state) in _LINES.items():
        now = pl.col("in")
        changes = pods.filter(pl.col("truth") == truth).with_columns(
            (pl.col("state") == state).cast(pl.Int64).alias("in")
        )
        found.append(
            changes.with_columns(step=now - now.shift(1).over("pod").fill_null(0), workload=of)
            .filter(pl.col("step") != 0)
            .group_by("workload", "time_s", maintain_order=True)
            .agg(pl.col("step").sum())
            .sort("time_s", maintain_order=True)
            .select("workload", pl.lit(line).alias("line"), "time_s", pods=pl.col("step").cum_sum().over("workload"))
        )
    return pl.concat(found)


def draw(run: Run) -> Drawing:
    """A panel for each workload of which a line moves after the warm-up, the liveliest first, or for all where none
    does; then for each that is wanted and never has a pod."""
    data = rows(run)
    wanted: Counter[str] = Counter()
    known = run.world.get("wanted", {})
    names = workload_of(dict.fromkeys((*run.table("pods")["owner"].unique(maintain_order=True), *known)), run)
    owners = Counter(names.values())
    for owner, number in known.items():
        wanted[names[owner]] += number
    after = pl.col("time_s") > float(run.world.get("warm_up_s", 0.0))
    moved = data.filter(after).group_by("workload", maintain_order=True).len().sort("len", descending=True)
    every = data["workload"].unique(maintain_order=True).to_list()
    never = [name for name, number in wanted.items() if number and name not in every]
    shown = [*(moved["workload"].to_list() or every), *never][:_MOST_PANELS]
    titles = [f"{name} ({owners[name]} sites)" if owners[name] > 1 else name for name in shown]
    figure = make_subplots(rows=max(1, len(shown)), cols=1, shared_xaxes=True, subplot_titles=titles)
    until = float(run.world["duration_s"])
    unit_s, unit = time_unit(run)
    for panel, name in enumerate(shown, 1):
        for line, look in _LOOK.items():
            part = data.filter(pl.col("workload") == name, pl.col("line") == line)
            begun = bool(part.height) and part["time_s"][0] == 0
            times, numbers = part["time_s"].to_list(), part["pods"].to_list()
            last = numbers[-1] if numbers else 0
            figure.add_scatter(
                row=panel,
                col=1,
                name=line,
                legendgroup=line,
                showlegend=panel == 1,
                x=[t / unit_s for t in (*([] if begun else [0.0]), *times, until)],
                y=[*([] if begun else [0]), *numbers, last],
                mode="lines",
                line=look,
                hovertemplate="%{x:.2f} " + unit + ": %{y} pods<extra>" + f"{name}, {line}</extra>",
            )
        if name in wanted:
            figure.add_scatter(
                row=panel,
                col=1,
                name="wanted",
                legendgroup="wanted",
                showlegend=panel == 1,
                x=[0, until / unit_s],
                y=[wanted[name]] * 2,
                mode="lines",
                line={"color": INK, "width": 0.8, "dash": "dash"},
                hoverinfo="skip",
            )
        most = max([*data.filter(pl.col("workload") == name)["pods"], wanted[name], 1])
        figure.update_yaxes(
            title="pods", range=[0, 1.1 * most], row=panel, col=1, **({"dtick": 1} if most < 5 else {"nticks": 5})
        )
    mark_faults(figure, run, unit_s)
    layout(figure, 110 + 130 * max(1, len(shown)))
    figure.update_layout(legend={"y": 1 + 40 / (130 * max(1, len(shown)))})
    figure.update_annotations(font={"size": 13}, x=0, xanchor="left")
    figure.update_xaxes(range=[0, until / unit_s])
    figure.update_xaxes(title=unit, row=max(1, len(shown)), col=1)
    out = len(every) + len(never) - len(shown)
    more = (
        f" {out} more workload{'s' if out != 1 else ''}, whose lines move less or not at all, are left out."
        if out
        else ""
    )
    return Drawing(
        "Pods: believed and running",
        "Solid: pods whose containers really run. Dotted: pods that the control plane believes ready. A solid line "
        "above the wanted number (thin dashes) is pods running twice. A workload with an instance at each site is "
        f"the sum of them. {FAULTS}{more}",
        figure,
        data.filter(pl.col("workload").is_in(shown)),
    )
