"""The scenario's workload items of kinds requests and telemetry, as flows of the request plane."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulator.errors import Problem, UserError
from simulator.facts import Catalogue
from simulator.facts.dist import parse_dist
from simulator.physics.distributions import Distribution, from_spec
from simulator.simulation.layout import Layout
from simulator.spec import behaviour as spec
from simulator.spec.arrivals import Arrivals
from simulator.spec.scenario import Scenario
from simulator.spec.topology import matching
from simulator.spec.workload import Requests, Telemetry, labels
from simulator.streams import Rng, key
from simulator.traffic import flows
from simulator.traffic.plane import RequestPlane
from simulator.units import SECOND
from simulator.world.network import Network


def add_behaviours(
    plane: RequestPlane, workloads: Sequence[str], described: Mapping[str, spec.Behaviour], folder: Path
) -> None:
    """How the pods of each workload serve; one that nobody described answers at once."""
    for name in workloads:
        plane.add_behaviour(name, _behaviour(described.get(name) or spec.Behaviour(), folder))


def _behaviour(given: spec.Behaviour, folder: Path) -> flows.Behaviour:
    calls = tuple(
        flows.Call(c.target, int(c.request), int(c.response), None if c.timeout is None else int(c.timeout), c.retries)
        for c in given.calls
    )
    return flows.Behaviour(duration(given.work, folder), given.workers, given.threads, calls)


def duration(given: object, folder: Path) -> Distribution:
    """A random duration as it was written, as a distribution in ns."""
    return from_spec(parse_dist(given, "duration"), "duration", folder)


def add_flows(
    plane: RequestPlane,
    scenario: Scenario,
    layout: Layout,
    network: Network,
    rng: Rng,
    *,
    catalogue: Catalogue,
) -> None:
    """Every flow begins now. A source that no node runs beside uses the proxy of the nearest member of the cluster."""
    names = [node.name for node in layout.nodes]
    doors: dict[int, int] = {}
    for item, label in zip(scenario.workloads, labels(scenario.workloads), strict=True):
        if not isinstance(item, Requests | Telemetry):
            continue
        sources = tuple(matching(item.source, names))
        for source in sources:
            if source not in doors:
                doors[source] = _door(source, layout, network, rng)
        proxies = tuple(doors[source] for source in sources)
        if isinstance(item, Requests):
            arrivals = arrivals_of(item.arrivals, scenario.folder)
            timeout = None if item.timeout is None else int(item.timeout)
            plane.add_requests(
                flows.RequestFlow(
                    label,
                    sources,
                    proxies,
                    item.target,
                    arrivals,
                    int(item.request),
                    int(item.response),
                    timeout,
                    item.retries,
                )
            )
        else:
            overhead = int(catalogue.model("protocols", item.protocol).quantity("overhead"))
            twin = item.via == "twin"
            plane.add_telemetry(
                flows.TelemetryFlow(
                    label,
                    sources,
                    proxies,
                    item.target,
                    int(item.every),
                    int(item.size) * (1 if twin else item.properties) + overhead,
                    copies=item.properties if twin else 1,
                    twin=twin,
                    resent=item.qos > 0,
                )
            )
            if twin and not any(map(plane.telemetry.has_twins, proxies)):
                said = f"telemetry {label}: the orchestrator has no device twins, so every value is sent as it comes"
                plane.warnings.append(said)


def _door(source: int, layout: Layout, network: Network, rng: Rng) -> int:
    """The member whose service proxy a source uses: itself, or the nearest by latency, in its own zone if there is one.

    A device does not run a proxy; its traffic enters the cluster at a node (a NodePort, in Kubernetes' words), and
    always at the same one. Among equally near ones the lot decides, by the source's name.
    """
    if source in layout.members:
        return source
    zone = layout.nodes[source].zone
    workers = [m for m in layout.members if layout.nodes[m].role == "worker"] or list(layout.members)
    near = [m for m in workers if layout.nodes[m].zone == zone] or workers
    own = key(layout.nodes[source].name)
    reached = [
        (route.latency_ns, rng.draw("door", own, key(layout.nodes[m].name)), m)
        for m in near
        if (route := network.route(source, m)) is not None
    ]
    if not reached:
        name = layout.nodes[source].name
        hint = "add a link between it and the cluster"
        raise UserError(Problem(f"no way leads from {name} to the cluster", path="scenario.topology", hint=hint))
    return min(reached)[2]


def arrivals_of(given: Arrivals, folder: Path) -> flows.Arrivals:
    """When requests are issued, as it was written, with the times of a trace read."""
    if given.poisson is not None:
        return flows.Poisson(float(given.poisson))
    if given.every is not None:
        return flows.Every(int(given.every))
    if given.trace is not None:
        return flows.Trace(_trace(given.trace, folder))
    assert given.users is not None
    return flows.Closed(given.users, duration(given.think, folder))


def _trace(reference: str, folder: Path) -> NDArray[np.int64]:
    """Times in seconds from a CSV file's column (`file.csv#column`; without a name the first), as sorted ns."""
    file, _, column = reference.partition("#")
    path = folder / file
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines)
            column = column or (rows.fieldnames or [""])[0]
            if column not in (rows.fieldnames or []):
                known = ", ".join(rows.fieldnames or [])
                raise UserError(Problem(f"there is no column {column!r}", str(path), 1, hint=f"its columns: {known}"))
            seconds: list[float] = []
            for row in rows:
                try:
                    seconds.append(float(row[column]))
                except (TypeError, ValueError):
                    said = f"{row[column]!r} is no time in seconds"
                    raise UserError(Problem(said, str(path), rows.line_num)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(Problem(f"cannot be read: {error}", str(path))) from None
    times = np.rint(np.array(seconds, np.float64) * SECOND)
    if not np.isfinite(times).all() or (times < 0).any():
        raise UserError(Problem("a time is negative or not finite", str(path)))
    return np.sort(times.astype(np.int64))
