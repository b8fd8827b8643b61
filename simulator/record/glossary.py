"""The one glossary of metrics: every number of a summary, its unit and its formula in words.

A metric is derived from the tables of one run, never recorded. Counts and ratios of traffic and integrals over
time cover what lies after the scenario's warm-up; what the control plane did (pods started, decisions) is counted
over the whole run. Failed means: timed out, no endpoint, refused, lost or died.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from simulator.record import (
    clusters,
    commands,
    downtime,
    energy,
    functions,
    hosts,
    images,
    memory,
    migrations,
    models,
    movement,
    outages,
    placing,
    pod_time,
    reconciling,
    spools,
    traffic,
    updates,
    uptime,
)
from simulator.record.metric import Metric, MetricContext, Tables

__all__ = ["GLOSSARY", "Metric", "MetricContext", "summarise"]

# Each file defines, and says in words, the metrics of its noun; this is their order everywhere.
_NOUNS: Final = (
    traffic,
    spools,
    commands,
    pod_time,
    reconciling,
    outages,
    downtime,
    uptime,
    clusters,
    models,
    updates,
    hosts,
    placing,
    images,
    memory,
    migrations,
    functions,
    movement,
    energy,
)

GLOSSARY: Final[Mapping[str, Metric]] = {metric.name: metric for noun in _NOUNS for metric in noun.METRICS}


def summarise(tables: Tables, context: MetricContext, names: Iterable[str] | None = None) -> dict[str, float]:
    """The metrics of one run by name, in the glossary's order; all of them unless `names` says which.

    `tables` maps the names of `simulator.record.schema.TABLES` to their frames. Raises KeyError for a name that
    is no metric (the spec layer has refused it before).
    """
    wanted = set(GLOSSARY) if names is None else set(names)
    if unknown := wanted - set(GLOSSARY):
        raise KeyError(f"no metric named {', '.join(sorted(unknown))}")
    return {name: metric.compute(tables, context) for name, metric in GLOSSARY.items() if name in wanted}
