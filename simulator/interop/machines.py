"""The machines of a Kubernetes dump, as a topology: nodes as they were measured, around one switch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic_core import PydanticCustomError

from simulator.spec.kubernetes.cluster import Node
from simulator.spec.kubernetes.quantity import whole
from simulator.spec.readers.report import Report

_ZONE: Final = "topology.kubernetes.io/zone"
_CONTROL: Final = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
_STATES: Final = frozenset(f"node.kubernetes.io/{state}" for state in ("not-ready", "unreachable", "unschedulable"))
_NATIVE: Final = frozenset({"cpu", "memory", "ephemeral-storage", "pods"})
_MODELS: Final = {"arm64": "raspberry-pi-4b", "arm": "raspberry-pi-3b", "amd64": "x86-edge"}
_PLATFORMS: Final = {"arm": "linux/arm/v7"}
_SERVER_CORES: Final = 8  # of amd64: with more it is a server, and no mini PC


def topology_of(nodes: Sequence[Node], model: str | None, report: Report) -> dict[str, Any]:
    """The plain data: what the dump says of each machine stands over `model`, or over one that its architecture
    suggests. A dump has no links, so that all are joined to one switch by Ethernet; both are told."""
    made = [_machine(node, model, report) for node in nodes]
    report.check()
    names = [each["name"] for each in made]
    switch = next(name for name in ("switch", *(f"switch-{n}" for n in range(len(made) + 1))) if name not in names)
    report.repaired(None, f"cluster {report.name}: a dump has no links: all are joined to {switch} by ethernet")
    joined = [{"name": f"lan-{name}", "between": [name, switch], "model": "ethernet"} for name in names]
    # The first of the file would be the control plane where none has the role.
    return {"nodes": [*made, {"name": switch, "model": "gateway", "role": "router"}], "links": joined}


def _machine(node: Node, model: str | None, report: Report) -> dict[str, Any]:
    line = node.source.problem((), "").line
    status = node.status if isinstance(node.status, Mapping) else {}
    about, capacity = status.get("nodeInfo") or {}, status.get("capacity") or {}
    labels = node.metadata.labels
    made: dict[str, Any] = {"name": node.name}
    amount = {name: _amount(name, text, node, line, report) for name, text in capacity.items()}
    cores = amount.get("cpu", 0)
    architecture = str(about.get("architecture") or labels.get("kubernetes.io/arch") or "")
    if model is None:
        model = "edge-server" if architecture == "amd64" and cores > _SERVER_CORES else _MODELS.get(architecture)
        if model is None:
            said = f"{node.title}: no model is known for architecture {architecture or 'none'}"
            report.wrong(line, said, "name one: --set node=raspberry-pi-4b")
        said = f"node {node.name}: model {model} stands for its speed, disk and power: a dump does not tell them"
        report.repaired(line, said)
    made |= {"model": model, "zone": labels.get(_ZONE, "")}
    if any(label in labels for label in _CONTROL):
        made["role"] = "control-plane"
    if architecture in ("amd64", "arm64", "arm"):
        made["platform"] = _PLATFORMS.get(architecture, f"linux/{architecture}")
    made |= {key: amount[name] for key, name in (("cores", "cpu"), ("max_pods", "pods")) if amount.get(name)}
    made |= {
        key: f"{amount[name]}B" for key, name in (("ram", "memory"), ("disk", "ephemeral-storage")) if amount.get(name)
    }
    for name, count in amount.items():
        if name not in _NATIVE and count:
            if "/" in name:
                made.setdefault("extended", {})[name] = count
            else:
                report.repaired(line, f"node {node.name}: {name} is not simulated, and left out")
    if labels:
        made["labels"] = dict(labels)
    taints = [taint for taint in node.spec.taints if taint.key not in _STATES]
    if taints:
        made["taints"] = [{"key": t.key, "value": t.value, "effect": t.effect} for t in taints]
    for taint in node.spec.taints:
        if taint.key in _STATES:
            report.repaired(line, f"node {node.name}: its taint {taint.key} is a state, not a wish, and is left out")
    for condition in status.get("conditions") or ():
        if isinstance(condition, Mapping) and condition.get("type") == "Ready" and condition.get("status") != "True":
            report.repaired(line, f"node {node.name}: was not ready when it was dumped, and begins ready")
    return made


def _amount(name: str, text: Any, node: Node, line: int | None, report: Report) -> int:
    try:
        return whole(text)
    except PydanticCustomError as error:
        report.wrong(line, f"{node.title}: {name}: {(error.context or {}).get('said', error)}")
        return 0
