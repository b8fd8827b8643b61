"""Metrics of image layers on their way to nodes, from the events `Fetched`; the glossary defines each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from simulator.record.metric import Compute, Metric, MetricContext, Tables

if TYPE_CHECKING:
    pass


def fetched_from(way: str) -> Compute:
    """The metric of the bytes that came this way: registry, mirror or neighbour."""

    def total(tables: Tables, _: MetricContext) -> float:
        import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

        rows = tables["events"].filter((pl.col("kind") == "Fetched") & pl.col("detail").str.ends_with(f", {way}"))
        return float(rows["detail"].str.extract(r"^(\d+) B").cast(pl.Int64).sum())

    return total


METRICS: Final = (
    Metric(
        "registry_bytes",
        "B",
        "bytes of the image layers that nodes, and mirrors, have got from the registry in the whole run; what broke "
        "off on the way is not counted",
        fetched_from("registry"),
    ),
    Metric(
        "neighbour_bytes",
        "B",
        "bytes of the image layers that nodes have got from other nodes of their site in the whole run, likewise",
        fetched_from("neighbour"),
    ),
)
