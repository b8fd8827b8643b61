"""Metrics of radios among cells, from the table `events`; the glossary defines each."""

from __future__ import annotations

from typing import Final

from simulator.record.metric import Compute, Metric, MetricContext, Tables


def handovers(tables: Tables, _: MetricContext) -> float:
    """How often a radio went from one cell to another."""
    return float((tables["events"]["kind"] == "HandoverStarted").sum())


def between(begin: str, end: str) -> Compute:
    """Time after the warm-up from an event of a radio to the next of another kind, added up over all radios."""

    def compute(tables: Tables, context: MetricContext) -> float:
        events, total = tables["events"], 0.0
        since: dict[tuple[str, str], float] = {}
        rows = events.filter(events["kind"].is_in([begin, end])).select("time_s", "kind", "node", "detail")
        for time, kind, node, detail in rows.iter_rows():
            radio = node, detail.partition(" ")[0]
            if kind == begin:
                since[radio] = time
            elif radio in since:
                total += max(0.0, time - max(context.warm_up_s, since.pop(radio)))
        return total + sum(context.duration_s - max(context.warm_up_s, time) for time in since.values())

    return compute


METRICS: Final = (
    Metric("handovers", "count", "times in the whole run that a radio went from one cell to another", handovers),
    Metric(
        "handover_s",
        "s",
        "time in which a radio had left one cell and not yet joined the next, added up over all radios",
        between("HandoverStarted", "HandoverEnded"),
    ),
    Metric(
        "uncovered_s",
        "s",
        "time from when no cell covers a radio until it has joined one again, added up over all radios",
        between("CoverageLost", "CellJoined"),
    ),
)
