"""For how long pods wait for a node, and who misses a deadline: by hand from a table."""

from __future__ import annotations

import polars as pl

from simulator.record.glossary import GLOSSARY
from simulator.record.metric import MetricContext


def test_a_pod_waits_from_its_making_to_its_binding_its_end_or_the_end_of_the_run() -> None:
    told = [
        (1.0, "a", "believed", "Pending"),
        (1.0, "b", "believed", "Pending"),
        (2.0, "c", "believed", "Pending"),
        (4.0, "a", "believed", "Scheduled"),
        (5.0, "a", "running", "started"),  # 3 s
        (7.5, "b", "believed", "Deleted"),  # 6.5 s, and never had a node
        (0.0, "d", "believed", "Ready"),  # was there from the beginning
    ]  # c: 8 s, to the end
    rows = [
        {"time_s": t, "pod": pod, "owner": "o", "node": "", "truth": truth, "state": s} for t, pod, truth, s in told
    ]
    tables = {"pods": pl.DataFrame(rows)}
    context = MetricContext(duration_s=10.0, warm_up_s=0.0)
    assert GLOSSARY["pending_pod_seconds"].compute(tables, context) == 3 + 6.5 + 8


def test_a_pod_misses_its_deadline_that_does_not_run_by_then_if_then_comes_in_the_run() -> None:
    told = [
        (1.0, "in time", "believed", "Pending"),
        (2.5, "in time", "believed", "Scheduled"),
        (4.0, "in time", "running", "started"),  # on the instant
        (1.0, "late", "believed", "Pending"),
        (2.0, "late", "believed", "Running"),  # belief does not count
        (4.1, "late", "running", "started"),
        (2.0, "never", "believed", "Pending"),
        (2.2, "never", "believed", "Deleted"),
        (7.5, "not yet due", "believed", "Pending"),
    ]
    rows = [
        {"time_s": t, "pod": pod, "owner": owner, "node": "", "truth": truth, "state": s}
        for owner in ("due", "patient")
        for t, pod, truth, s in ((t, f"{owner}-{pod}", truth, s) for t, pod, truth, s in told)
    ]
    context = MetricContext(duration_s=10.0, deadlines={"due": 3.0})
    assert GLOSSARY["missed_deadlines"].compute({"pods": pl.DataFrame(rows)}, context) == 2
    assert GLOSSARY["missed_deadlines"].compute({"pods": pl.DataFrame(rows)}, MetricContext(duration_s=10.0)) == 0
