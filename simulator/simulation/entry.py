"""What a study asks for: a run, a check, the resolved world, an explanation. Plain data in, plain data or a run out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from simulator.control.api.objects import ApiObject
from simulator.control.scheduling.decision import Ask
from simulator.control.scheduling.explain import NodeVerdict, explain
from simulator.engine.clock import Clock
from simulator.errors import Problem, UserError
from simulator.record.buffer import Recorder
from simulator.simulation.build import build
from simulator.simulation.plan import Plan, read
from simulator.simulation.run import Run
from simulator.simulation.settings.kubernetes import retransmission
from simulator.simulation.simulation import Simulation
from simulator.spec.scenario import Scenario
from simulator.spec.topology import matching
from simulator.spec.workload import Model
from simulator.streams import Rng
from simulator.units import SECOND
from simulator.world.network import Network
from simulator.world.node import NodeTable
from simulator.world.pod import PodTemplate

Row = dict[str, Any]
_SLICES = 100  # of a run, between which progress is told


def _scenario(data: Mapping[str, Any], base: Path) -> Scenario:
    return Scenario.parse(data["scenario"]).placed(base, data.get("facts", {}))


def simulate(
    data: Mapping[str, Any],
    *,
    seed: int,
    replication: int,
    base: Path,
    name: str,
    axes: Mapping[str, Any],
    case: str | None,
    options: Mapping[str, Any],
) -> Run:
    """One run. `options`: `exact_events`, and `progress`, a function of (ns so far, events so far) or None."""
    exact = bool(options.get("exact_events", False))
    simulation = Simulation(_scenario(data, base), seed, replication, exact_events=exact)
    progress = options.get("progress")
    if progress is not None:
        for part in range(1, _SLICES + 1):
            simulation.run(simulation.duration_ns * part // _SLICES / SECOND)
            progress(simulation.duration_ns * part // _SLICES, simulation.events)
    return simulation.finish(name=name, axes=axes, case=case, data=data)


def check(data: Mapping[str, Any], base: Path) -> Sequence[str]:
    """Build everything that a run of this scenario needs, and run nothing. Gives warnings, raises UserError."""
    scenario = _scenario(data, base)
    return tuple(build(scenario, seed=1, replication=0).warnings())


def resolve(data: Mapping[str, Any], base: Path) -> Mapping[str, Sequence[Row]]:
    """The resolved world as rows: nodes, links, pods (workloads; of functions an instance), the models that are
    published if any are, and the path of each member to its control plane, and of a member cluster's control plane to
    its hub's."""
    plan = read(_scenario(data, base), seed=1)
    layout = plan.layout
    cluster_of = {member: name for name, share in layout.clusters.items() if name for member in share.members}
    nodes = [
        {
            "node": n.name, **({"cluster": cluster_of.get(i)} if cluster_of else {}),
            "model": n.model, "zone": n.zone, "role": n.role, "platform": n.platform, "cores": n.cores,
            "speed": n.speed, "ram_bytes": n.ram_bytes, "disk_bytes": n.disk_bytes,
        }
        for i, n in enumerate(layout.nodes)
    ]  # fmt: skip
    links = [
        {
            "link": link.name, "a": layout.nodes[link.a].name, "b": layout.nodes[link.b].name, "model": link.model,
            "latency_s": link.latency_ns / SECOND, "up_bps": link.up_bps, "down_bps": link.down_bps,
            "jitter_s": link.jitter_ns / SECOND, "loss": link.loss,
        }
        for link in layout.links
    ]  # fmt: skip
    pods = [*_pods(plan.workload.objects)]
    pods += [_pod(name, "function", None, template) for name, template in plan.workload.functions.items()]
    pods += [_pod(name, "pods", None, kind) for name, bare in plan.workload.pods.items() for kind in bare.templates]
    models = [
        {
            "model": item.name, "size_bytes": int(item.size), "published_s": int(item.at or 0) / SECOND,
            "nodes": ", ".join(n.name for n in layout.nodes if matching(item.nodes, [n.name])),
        }
        for item in plan.scenario.workloads if isinstance(item, Model)
    ]  # fmt: skip
    published = {"models": models} if models else {}
    return {"nodes": nodes, "links": links, "pods": pods, **published, "paths": _paths(plan)}


def _pods(objects: Sequence[ApiObject]) -> Iterator[Row]:
    for obj in objects:
        template = getattr(obj, "template", None)
        if template is not None:
            replicas = getattr(obj, "replicas", getattr(obj, "parallelism", None))
            yield _pod(obj.name, obj.kind, replicas, template)


def _pod(workload: str, kind: str, replicas: int | None, template: PodTemplate) -> Row:
    return {
        "workload": workload, "kind": kind, "replicas": replicas,
        "images": ", ".join(c.image for c in template.containers),
        "cpu_m": template.cpu_m, "ram_bytes": template.ram_bytes, "qos": template.qos,
        "platforms": ", ".join(sorted(template.platforms)),
    }  # fmt: skip


def _paths(plan: Plan) -> Sequence[Row]:
    layout, clock = plan.layout, Clock()
    table = NodeTable(layout.nodes)
    tcp = retransmission(plan.catalogue)
    network = Network(clock, table, layout.links, Recorder(), Rng(1), retransmission=tcp)
    rows = []
    ways = [(member, share.api) for share in layout.clusters.values() for member in share.members]
    for name, cluster in plan.scenario.family.items():
        ways += [(layout.clusters[member].api, layout.clusters[name].api) for member in cluster.members]
    for member, api in ways:
        route = network.route(member, api)
        if route is not None:
            via = [layout.links[hop // 2].name for hop in route.hops]
            rows.append(
                {
                    "from": layout.nodes[member].name, "to": layout.nodes[api].name,
                    "latency_s": route.latency_ns / SECOND, "links": ", ".join(via),
                }
            )  # fmt: skip
    return rows


def explain_pod(
    data: Mapping[str, Any], *, seed: int, replication: int, base: Path, pod: str, until_s: float | None = None
) -> Sequence[Row]:
    """Replay a run, up to a time, and look over its scheduler's shoulder when it asks about one pod.

    A row for each decision: time_s, attempt, decision, node, and nodes: rows of node, verdict, score, why. Raises
    UserError for a pod that the run never asks about.
    """
    simulation = Simulation(_scenario(data, base), seed, replication)
    seen: dict[int, Sequence[NodeVerdict]] = {}

    def witness(ask: Ask) -> None:
        if ask.pod.name == pod:
            seen[ask.pod.attempt] = explain(ask)

    simulation.witness(witness)
    simulation.run(until_s)
    decisions = simulation.decided()
    if not seen:
        asked = decisions["pod"].unique(maintain_order=True).to_list()
        near = [name for name in asked if name.rpartition("-")[0] == pod.rpartition("-")[0]] or asked
        hint = f"pods that it asks about: {', '.join(near[:8])}" if near else "it asks about none"
        raise UserError(Problem(f"the run never asks where {pod} goes", hint=hint))
    return [
        {
            "time_s": row["time_s"],
            "attempt": row["attempt"],
            "decision": row["decision"],
            "node": row["node"],
            "nodes": [_verdict(verdict) for verdict in seen.get(row["attempt"], ())],
        }
        for row in decisions.iter_rows(named=True)
        if row["pod"] == pod
    ]


def _verdict(of: NodeVerdict) -> Row:
    feasible = of.verdict == "feasible"
    why = [f"{name} {value:g}" for name, value in of.scores] or [f"{r.who}: {r.text}" for r in of.reasons]
    return {
        "node": of.node,
        "verdict": of.verdict,
        "score": of.total if feasible else None,
        "why": (" + " if feasible else "; ").join(why),
    }
