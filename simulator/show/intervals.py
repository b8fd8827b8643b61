"""State changes as intervals: how long each subject was in each state."""

from __future__ import annotations

import polars as pl


def intervals(changes: pl.DataFrame, subject: str, until_s: float) -> pl.DataFrame:
    """From rows (time_s, subject, state) to rows (subject, state, start_s, end_s); repeats of a state join up.

    Input must be in order of time within each subject, as tables are.
    """
    return (
        changes.with_columns(pl.col("state").shift(1).over(subject).alias("_before"))
        .filter((pl.col("state") != pl.col("_before")) | pl.col("_before").is_null())
        .with_columns(pl.col("time_s").shift(-1).over(subject).fill_null(until_s).alias("end_s"))
        .select(subject, "state", pl.col("time_s").alias("start_s"), "end_s")
        .filter(pl.col("end_s") > pl.col("start_s"))
    )
