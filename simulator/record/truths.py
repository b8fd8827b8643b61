"""Where the three truths part: from the tables `pods` and `nodes` of one run, in columns.

A pod's truths agree when the control plane believes it Ready (or Running) and its node has stored it and runs it; when
it is believed on its node, not ready, and is stored and does not run; when it is believed ended and does not run; and
when nobody has it: no longer believed, not stored, not running. While it is being deleted they have parted.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import polars as pl

GIVEN_UP: Final = ("Terminating", "Failed", "Deleted")


def losses(nodes: pl.DataFrame) -> pl.DataFrame:
    """Each time that a node lost its power or its path to the API server: (node, lost_s, back_s, next_s).

    It is back when it has both again; `next_s` is when it loses one the next time. Infinite where that never happens.
    """
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    running, path = pl.col("truth") == "running", pl.col("truth") == "path"
    whole = (
        nodes.filter(running | path)
        .sort("time_s", maintain_order=True)
        .with_columns(
            up=pl.when(running).then(pl.col("state") == "up").forward_fill().over("node").fill_null(True),
            open=pl.when(path).then(pl.col("state") == "open").forward_fill().over("node").fill_null(True),
        )
        .unique(("node", "time_s"), keep="last", maintain_order=True)
        .with_columns(lost=~(pl.col("up") & pl.col("open")))
    )
    turns = whole.filter(pl.col("lost") != pl.col("lost").shift(1).over("node").fill_null(False))
    later = [pl.col("time_s").shift(-k).over("node").fill_null(inf).alias(n) for k, n in ((1, "back_s"), (2, "next_s"))]
    return turns.with_columns(*later).filter("lost").select("node", "back_s", "next_s", lost_s="time_s")


def pod_truths(pods: pl.DataFrame) -> pl.DataFrame:
    """After each change of a truth about a pod that ever had a node: (pod, owner, node, time_s, until_s, believed,
    stored, running, agree, starting).

    `until_s` is the pod's next change, infinite for its last; `believed` is empty before the first belief; `starting`:
    it has never been believed Ready, and nobody has given it up.
    """
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    def latest(truth: str) -> pl.Expr:
        return pl.when(pl.col("truth") == truth).then(pl.col("state")).forward_fill().over("pod")

    believed, stored, running = pl.col("believed"), pl.col("stored"), pl.col("running")
    serving, on = believed.is_in(("Ready", "Running")), believed.is_in(("Scheduled", "NotReady"))
    return (
        pods.sort("time_s", maintain_order=True)
        .with_columns(
            node=pl.when(pl.col("node") != "").then(pl.col("node")).drop_nulls().first().over("pod"),
            believed=latest("believed").fill_null(""),
            stored=(latest("stored") == "desired").fill_null(False),
            running=(latest("running") == "started").fill_null(False),
        )
        .filter(pl.col("node").is_not_null())
        .unique(("pod", "time_s"), keep="last", maintain_order=True)
        .with_columns(
            until_s=pl.col("time_s").shift(-1).over("pod").fill_null(inf),
            agree=pl.when(serving)
            .then(stored & running)
            .when(on)
            .then(stored & ~running)
            .when(believed.is_in(("Failed", "Succeeded")))
            .then(~running)
            .otherwise((believed != "Terminating") & ~stored & ~running),
            starting=~(serving | believed.is_in(GIVEN_UP)).cum_max().over("pod"),
        )
        .select("pod", "owner", "node", "time_s", "until_s", "believed", "stored", "running", "agree", "starting")
    )


def reconciliations(tables: Mapping[str, pl.DataFrame], duration_s: float) -> pl.DataFrame:
    """Each return of a node that had a pod: (node, lost_s, back_s, took_s), `took_s` from its return until the truths
    of all its pods agree again.

    Its pods are those that any truth has at its return, except for those that ran before the loss and said themselves
    that they were not ready (believed so since a time at which the node was there). `took_s` lasts to the end of the
    run, a lower bound, where they do not agree by then; a return that another loss cuts short is none.
    """
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    all_ = losses(tables["nodes"]).sort("lost_s")
    returns = all_.filter(pl.col("back_s") < duration_s).with_row_index("return")
    somewhere = pl.col("stored") | pl.col("running") | ~pl.col("believed").is_in(("", "Pending", "Deleted"))
    here = returns.join(pod_truths(tables["pods"]).with_columns(somewhere=somewhere), on="node")
    time, until, lost, back = (pl.col(name) for name in ("time_s", "until_s", "lost_s", "back_s"))
    sick = (
        here.filter(time < lost, until >= lost, pl.col("believed") == "NotReady", "stored", "running")
        .sort("time_s")
        .join_asof(all_, left_on="time_s", right_on="lost_s", by="node", suffix="_before", check_sortedness=False)
        .filter((time > pl.col("back_s_before")).fill_null(True))
    )
    present = here.filter(time <= back, until > back, "somewhere").join(sick, on=("return", "pod"), how="anti")
    apart = here.join(present, on=("return", "pod"), how="semi").filter(
        ~pl.col("agree"), until > back, time < pl.col("next_s")
    )
    begin = apart.select("return", "back_s", time_s=pl.max_horizontal("time_s", "back_s"), step=pl.lit(1))
    end = apart.select("return", "back_s", time_s="until_s", step=pl.lit(-1))
    steps = pl.concat([begin, end]).group_by("return", "time_s").agg(pl.col("step").sum()).sort("return", "time_s")
    open_ = steps.with_columns(count=pl.col("step").cum_sum().over("return"))
    # Those that have parted at the return itself, until the first moment at which none is left.
    parted_at_once = open_.join(returns, on="return").filter(time == back, pl.col("count") > 0)
    whole = open_.join(parted_at_once, on="return", how="semi").filter(pl.col("count") == 0)
    ended = whole.group_by("return").agg(agree_s=pl.col("time_s").min())
    return (
        returns.join(present.select("return").unique(), on="return", how="semi")
        .join(ended, on="return", how="left", maintain_order="left")
        .join(parted_at_once.select("return", late=pl.lit(True)), on="return", how="left", maintain_order="left")
        .with_columns(agree_s=pl.when("late").then(pl.col("agree_s")).otherwise(pl.col("back_s")))
        .filter((pl.col("next_s") > duration_s) | (pl.col("agree_s") <= pl.col("next_s")))
        .with_columns(took_s=pl.col("agree_s").clip(upper_bound=duration_s) - pl.col("back_s"))
        .select("node", "lost_s", "back_s", "took_s")
    )


def replacements(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Each pod that ran on a node when it was lost, that was given up before the node was back, and whose replacement
    runs elsewhere: (pod, owner, node, lost_s, replacement, took_s), `took_s` from the loss until it first runs.

    An owner's pods are replaced in the order in which they are given up, each by the next pod that its owner makes.
    """
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    pods, first = tables["pods"], pl.col("time_s").min()
    believed, running = pods.filter(pl.col("truth") == "believed"), pods.filter(pl.col("state") == "started")
    started = running.group_by("pod").agg(first.alias("started_s"), pl.col("node").first().alias("at"))
    made = believed.group_by("owner", "pod").agg(first.alias("made_s")).sort("made_s", "pod")
    given_up = (
        believed.filter(pl.col("state").is_in(GIVEN_UP), pl.col("node") != "")
        .group_by("owner", "pod", "node")
        .agg(first.alias("gave_up_s"))
        .sort("gave_up_s", "pod")
    )
    names, moments = made["pod"].to_numpy(), made["made_s"].to_numpy()
    by_owner = made.with_row_index("row").group_by("owner").agg("row")
    rows = {owner: np.asarray(row) for owner, row in by_owner.iter_rows()}
    found = []
    for (owner,), part in given_up.partition_by("owner", as_dict=True, maintain_order=True).items():
        mine = rows[str(owner)]
        next_ = _next_of_each(part["gave_up_s"].to_numpy(), moments[mine])
        known = next_ < mine.size
        found.append(
            part.filter(pl.Series(known)).with_columns(
                replacement=pl.Series(names[mine[next_[known]]], dtype=pl.String)
            )
        )
    if not found:
        return pl.DataFrame(schema=_REPLACEMENTS)
    return (
        pl.concat(found)
        .sort("gave_up_s")
        .join_asof(
            losses(tables["nodes"]).sort("lost_s"),
            left_on="gave_up_s",
            right_on="lost_s",
            by="node",
            check_sortedness=False,
        )
        .filter(pl.col("gave_up_s") < pl.col("back_s"))
        .join(started.select("pod", began_s="started_s"), on="pod", maintain_order="left")
        .filter(pl.col("began_s") <= pl.col("lost_s"))
        .join(started, left_on="replacement", right_on="pod", maintain_order="left")
        .filter(pl.col("at") != pl.col("node"))
        .with_columns(took_s=pl.col("started_s") - pl.col("lost_s"))
        .select(*_REPLACEMENTS)
    )


_REPLACEMENTS: Final = {"pod": str, "owner": str, "node": str, "lost_s": float, "replacement": str, "took_s": float}


def _next_of_each(asked: NDArray[np.float64], made: NDArray[np.float64]) -> NDArray[np.intp]:
    """For each of the sorted times `asked` its own index into the sorted times `made`: the first that is not earlier
    and that no earlier one has taken; made.size or more where there is none."""
    order = np.arange(asked.size)
    return order + np.maximum.accumulate(np.searchsorted(made, asked) - order)
