"""Metrics of images that have to be built before anybody can be updated to them; the glossary defines each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from simulator.record.metric import Metric, MetricContext, Tables, mean

if TYPE_CHECKING:
    pass


def rebuild_s(tables: Tables, _: MetricContext) -> float:
    """Mean time from a change until the API server has the image that was built for it."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    kind, time = pl.col("kind"), pl.col("time_s")
    began = time.filter(kind == "Rebuilding").first()
    each = (
        tables["events"]
        .group_by("detail", maintain_order=True)
        .agg(took_s=time.filter(kind == "Updated", time >= began).first() - began)
    )
    return mean(each["took_s"].drop_nulls())


METRICS: Final = (
    Metric(
        "rebuild_s",
        "s",
        "mean, over the updates whose image is linked as one with what runs it (a unikernel), of the time from the "
        "change of the workload until its new image is built and applied; update_s counts from there",
        rebuild_s,
    ),
)
