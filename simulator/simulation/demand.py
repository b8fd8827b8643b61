"""The scenario's workload items of kinds requests and telemetry, as flows of the request plane."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.errors import Problem, UserError
from simulator.facts import Catalogue
from simulator.facts.dist import parse_dist
from simulator.physics.distributions import Distribution, from_spec
from simulator.simulation.deciders import written_at
from simulator.simulation.doors import door
from simulator.simulation.layout import Layout
from simulator.simulation.settings.kubernetes import retransmission
from simulator.spec import behaviour as spec
from simulator.spec.arrivals import Arrivals
from simulator.spec.commands import Commands
from simulator.spec.scenario import Scenario
from simulator.spec.spool import Spool
from simulator.spec.topology import matching
from simulator.spec.workload import Requests, Telemetry, labels
from simulator.streams import Rng
from simulator.traffic import flows
from simulator.traffic.buffers.spool import SpoolLaw
from simulator.traffic.plane import RequestPlane
from simulator.traffic.tries import NEVER
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
    first: int = 0,
) -> None:
    """Every flow begins now; the scenario's first workload was written as number `first`. A source that no node runs
    beside uses the proxy of the nearest member of the cluster."""
    names = [node.name for node in layout.nodes]
    doors: dict[int, int] = {}
    for number, (item, label) in enumerate(zip(scenario.workloads, labels(scenario.workloads), strict=True), first):
        if not isinstance(item, Requests | Telemetry | Commands):
            continue
        with written_at(f"workloads.{number}"):
            sources = tuple(matching(item.target if isinstance(item, Commands) else item.source, names))
            for source in sources:
                if source not in doors:
                    doors[source] = door(source, layout, network, rng)
            proxies = tuple(doors[source] for source in sources)
            if isinstance(item, Commands):
                plane.add_telemetry(_commands(item, label, (sources, proxies), names, catalogue))
            elif isinstance(item, Requests):
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
                plane.add_telemetry(_telemetry(item, label, sources, proxies, catalogue))
                if item.via == "twin" and not any(map(plane.telemetry.has_twins, proxies)):
                    said = (
                        f"telemetry {label}: the orchestrator has no device twins, so every value is sent as it comes"
                    )
                    plane.warnings.append(said)


def _telemetry(
    item: Telemetry, label: str, sources: tuple[int, ...], proxies: tuple[int, ...], catalogue: Catalogue
) -> flows.TelemetryFlow:
    """A flow of telemetry as it was written, with what its protocol adds and does."""
    protocol = catalogue.model("protocols", item.protocol)
    twin, datagram = item.via == "twin", protocol.has("datagram") and protocol.flag("datagram")
    size = int(item.size) * (1 if twin else item.properties) + int(protocol.quantity("overhead"))
    kept: dict[str, Any] = {}
    if item.spool is not None:
        kept = {
            "spool": _law(item.spool, label, size),
            "kept_at": item.spool.at,
            "ack_bytes": int(protocol.quantity("acknowledgement")) if item.qos else 0,
        }
    return flows.TelemetryFlow(
        label,
        sources,
        proxies,
        item.target,
        int(item.every),
        size,
        copies=item.properties if twin else 1,
        twin=twin,
        resent=item.qos > 0,
        qos=item.qos,
        importance=item.importance,
        datagram=datagram,
        repeats=retransmission(catalogue, item.protocol) if datagram and item.qos else None,
        **kept,
    )


def _commands(
    item: Commands,
    label: str,
    ways: tuple[tuple[int, ...], tuple[int, ...]],
    names: Sequence[str],
    catalogue: Catalogue,
) -> flows.TelemetryFlow:
    """Commands as they were written: of one machine, or of a service."""
    targets, proxies = ways
    protocol = catalogue.model("protocols", item.protocol)
    datagram = protocol.has("datagram") and protocol.flag("datagram")
    size = int(item.size) + int(protocol.quantity("overhead"))
    machine = names.index(item.source) if item.source in names else -1
    return flows.TelemetryFlow(
        label,
        (machine if machine >= 0 else targets[0],) * len(targets),
        proxies,
        item.source if machine < 0 else machine,
        int(item.every),
        size,
        spool=None if item.spool is None else _law(item.spool, label, size),
        resent=item.qos > 0,
        qos=item.qos,
        ack_bytes=int(protocol.quantity("acknowledgement")) if item.qos else 0,
        datagram=datagram,
        repeats=retransmission(catalogue, item.protocol) if datagram and item.qos else None,
        targets=targets,
        sender=item.source if machine < 0 else None,
    )


def _law(spool: Spool, label: str, message: int) -> SpoolLaw:
    if spool.size < message:
        said = f"the spool of {label} has no room for one of its messages, which take {message} B on the wire"
        raise UserError(Problem(said, path="spool.size", hint="give it more, or leave it out"))
    ttl = NEVER if spool.ttl is None else int(spool.ttl)
    return SpoolLaw(spool.name or label, int(spool.size), spool.store == "disk", ttl, spool.drop)


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
            if list(rows.fieldnames or []).count(column) > 1:
                raise UserError(Problem(f"two columns are named {column}", str(path), 1))
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
