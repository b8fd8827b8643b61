"""Matrices of round trips between cloud regions: a region is a machine, a pair of them a link."""

from __future__ import annotations

from itertools import combinations
from math import sqrt
from typing import Final

from simulator.spec.near import did_you_mean
from simulator.spec.readers.graph import Edge, Graph, Vertex
from simulator.spec.readers.report import Report
from simulator.spec.readers.table import heading, number, read_table

LONG: Final = ("source", "target", "rtt_avg_ms", "rtt_mdev_ms")
_MORE: Final = ("rtt_min_ms", "rtt_max_ms")

Trip = tuple[int, float, float]  # line, mean round trip and its deviation in ms


def read_matrix(text: str, report: Report) -> Graph:
    """A square of mean round trips in ms: `region` and a column for each region."""
    names = heading(text)
    trips: dict[tuple[str, str], Trip] = {}
    for line, row in read_table(text, names, report):
        source = row[names[0]]
        if source not in names[1:]:
            report.wrong(line, f"region {source} has a row and no column", did_you_mean(source, names[1:]))
        for target in names[1:]:
            _note(trips, (source, target), line, (row[target], "0"), report)
    for target in names[1:]:
        if not any(source == target for source, _ in trips):
            report.wrong(1, f"region {target} has a column and no row")
    return _graph(trips, report)


def read_long(text: str, report: Report) -> Graph:
    """A row for each source and target, in ms: the mean, and ping's mdev, which becomes the link's jitter."""
    trips: dict[tuple[str, str], Trip] = {}
    for line, row in read_table(text, LONG, report, _MORE):
        _note(trips, (row["source"], row["target"]), line, (row["rtt_avg_ms"], row["rtt_mdev_ms"]), report)
    return _graph(trips, report)


def _note(
    trips: dict[tuple[str, str], Trip], pair: tuple[str, str], line: int, texts: tuple[str, str], report: Report
) -> None:
    label = f"{pair[0]} to {pair[1]}"
    if pair in trips:
        report.wrong(line, f"{label} stands here twice", f"first on line {trips[pair][0]}")
    mean, mdev = (number(text, label, line, report, low=0, high=1e6) for text in texts)
    trips[pair] = line, mean or 0.0, mdev or 0.0


def _graph(trips: dict[tuple[str, str], Trip], report: Report) -> Graph:
    """Links of half the mean round trip. The two directions of a pair are two measurements of one round trip: where
    they differ, it is their mean, and told; a region's way to itself is no link, and told."""
    graph = Graph(rates=False)
    regions = list(dict.fromkeys(name for pair in trips for name in pair))
    for region in regions:
        line, mean, _ = trips.get((region, region), (None, None, 0))
        graph.vertices.append(Vertex(region, region, line or min(t[0] for p, t in trips.items() if region in p)))
        graph.vertices[-1].own["zone"] = region
        if mean is not None:
            report.repaired(line, f"region {region}: {mean:g} ms to itself is left out, for a link has two ends")
    for a, b in combinations(regions, 2):
        ways = [trips[pair] for pair in ((a, b), (b, a)) if pair in trips]
        if not ways:
            report.wrong(None, f"no round trip between {a} and {b}")
            continue
        line = ways[0][0]
        label = f"link {a} {b}"
        if len(ways) == 1:
            report.repaired(line, f"{label}: is measured from one end only, which stands for both")
        elif ways[0][1] != ways[1][1]:
            report.repaired(
                line, f"{label}: {ways[0][1]:g} ms from one end and {ways[1][1]:g} from the other: the mean"
            )
        rtt, mdev = (sum(values) / len(ways) for values in list(zip(*ways, strict=True))[1:])
        if rtt == 0:
            report.wrong(line, f"from {a} to {b} in no time")
        graph.edges.append(Edge(a, b, line, own={"latency": f"{rtt / 2:.9g}ms"}))
        if mdev:
            # Two ways that vary alone give √2 of the deviation of one; a uniform's half width is √3 of its deviation.
            jitter = mdev / sqrt(2) * sqrt(3)
            if jitter > rtt / 2:
                report.repaired(
                    line, f"{label}: varies by {jitter:.3g} ms, and is let vary by no more than its latency"
                )
            graph.edges[-1].own["jitter"] = f"{min(jitter, rtt / 2):.9g}ms"
    if not regions:
        report.wrong(1, "the file has no regions")
    report.check()
    return graph
