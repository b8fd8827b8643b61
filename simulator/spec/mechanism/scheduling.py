"""Who is asked where a pod goes, and when."""

from __future__ import annotations

from typing import Literal

from simulator.spec.mechanism.part import Bytes, Count, Millicores, Ns, Part, Period, Rate, Ratio, Some, Words


class Sample(Part):
    """How many feasible nodes a cycle looks for: all below `least_nodes`, else a falling percentage."""

    formula: Literal["kubernetes-formula"]
    least_nodes: Some
    base_percent: Some
    nodes_per_percent: Some
    least_percent: Some


class QueueBackoff(Part):
    """Of a pod that did not fit: doubling from `first` to `cap`, looked for each `flush`."""

    first: Period
    cap: Period
    flush: Period


class Leftover(Part):
    """Pods that no event woke for `age` are tried again, looked for each `flush`."""

    age: Period
    flush: Period


class Unset(Part):
    """What a container without requests counts as, for scoring only."""

    cpu: Millicores
    ram: Bytes


class ImageLocality(Part):
    """Bytes of a pod's images on a node that score nothing, and everything."""

    least: Bytes
    most: Bytes


class Spread(Part):
    """The soft maxSkew of pods that set none themselves."""

    hostname: Some
    zone: Some


class Framework(Part):
    """Filters, scores and their weights, queues with backoff, one cycle at a time."""

    kind: Literal["framework"]
    qps: Rate
    burst: Some
    cycle: Ns
    filters: Words
    scores: dict[str, Ratio]
    sample: Sample
    backoff: QueueBackoff
    leftover: Leftover
    unset: Unset
    image_locality: ImageLocality
    default_spread: Spread
    hard_affinity_weight: Count


class Division(Part):
    """A policy divides copies over member clusters, by what was last heard of them."""

    kind: Literal["division"]
    cycle: Ns
    history_step: Period  # between the samples of load that a policy may ask for
    history_samples: Some
