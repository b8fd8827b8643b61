"""openb, Alibaba's trace of a cluster of shared GPUs (Weng et al., USENIX ATC 2023): its nodes and its pods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from simulator.facts.yaml import Document
from simulator.facts.yaml import Path as Place
from simulator.spec.readers.columns import Tables, seconds
from simulator.spec.readers.report import Repair, Report, read_text
from simulator.spec.readers.table import number, read_table
from simulator.units import SECOND

NODES: Final = ("sn", "cpu_milli", "memory_mib", "gpu", "model")
PODS: Final = ("name", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli", "gpu_spec", "qos", "pod_phase",
               "creation_time", "deletion_time", "scheduled_time")  # fmt: skip
RESOURCE: Final = "nvidia.com/gpu"  # the trace does not name it; its GPUs are NVIDIA's
HUB: Final = "hub"
_MIB: Final = 1 << 20
_WHOLE: Final = 1000  # thousandths of a GPU
_MOST: Final = 10**9
_QOS: Final = ("LS", "BE", "Burstable", "Guaranteed")


@dataclass(frozen=True, slots=True)
class PodKind:
    """What pods ask for: millicores, bytes, and `gpus` whole GPUs or `milli` thousandths of one, of one of `models`."""

    cpu_m: int
    ram_bytes: int
    gpus: int
    milli: int
    models: tuple[str, ...]
    qos: str


@dataclass(frozen=True, slots=True)
class PodTrace:
    """The pods by the time of their creation, as columns: `created_ns`, how long each ran (ns), its kind's position."""

    kinds: tuple[PodKind, ...]
    kind: tuple[int, ...]
    created_ns: tuple[int, ...]
    run_ns: tuple[int, ...]
    repairs: tuple[Repair, ...]


def read_nodes(text: str, models: dict[str, str], report: Report) -> Document:
    """The topology: every node as the file measured it, each joined to a hub, which is the control plane.

    `models["node"]` stands for what the file does not say of a machine, `models["link"]` for a link.
    """
    lines: dict[Place, int] = {(): 1, ("nodes",): 1, ("links",): 1}
    links = [{"name": "lan", "between": [HUB, "*"], "model": models["link"]}]
    taint = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
    control = {"name": HUB, "model": models["node"], "role": "control-plane", "accelerators": [], "taints": [taint]}
    nodes: list[dict[str, Any]] = [control]
    first: dict[str, int] = {HUB: 1}
    for line, row in read_table(text, NODES, report):
        lines["nodes", len(nodes)] = line
        name = row["sn"]
        if not name or name in first:
            said = f"two nodes are named {name}" if name else "the node has no sn"
            report.wrong(line, said, f"the first is on line {first[name]}" if name in first else "")
        first[name] = line
        cores, mib, gpus = (_whole(row, key, line, report) for key in ("cpu_milli", "memory_mib", "gpu"))
        if cores % _WHOLE or not cores or not mib:
            report.wrong(line, f"node {name}: {cores} millicores and {mib} MiB are no machine", "cores are whole")
        if bool(gpus) != bool(row["model"]):
            said = f"{gpus} GPUs of no model" if gpus else f"GPUs of model {row['model']}, and none of them"
            report.wrong(line, f"node {name}: has {said}")
        devices = [{"resource": RESOURCE, "product": row["model"], "count": gpus}] if gpus else []
        machine = {"name": name, "model": models["node"], "cores": cores // _WHOLE, "ram": f"{mib}MiB"}
        nodes.append({**machine, "accelerators": devices})
    if len(nodes) == 1:
        report.wrong(1, "the file has no nodes")
    report.check()
    name = report.name
    report.repaired(1, f"table {name}: has no control plane and no links: {HUB} is added, and joined to every node")
    report.repaired(1, f"table {name}: {models['node']} stands for the speed, disk and power of each node")
    return Document({"nodes": nodes, "links": links}, report.file, lines)


def read_pods(path: Path) -> PodTrace:
    """The pods of a file. Raises UserError with every problem, by line.

    A pod runs from when it was scheduled to its deletion; one that never was, as long as it waited.
    """
    report = Report(str(path))
    return _pods(read_text(path, report), report)


def _pods(text: str, report: Report) -> PodTrace:
    kinds: dict[PodKind, int] = {}
    found: list[tuple[int, int, int, int]] = []  # created, line, run, kind
    first: dict[str, int] = {}
    waiting, late, ends = 0, False, list[int]()
    for line, row in read_table(text, PODS, report):
        before = len(report.problems)
        name = row["name"]
        if not name or name in first:
            said = f"two pods are named {name}" if name else "the pod has no name"
            report.wrong(line, said, f"the first is on line {first[name]}" if name in first else "")
        first[name] = line
        kind = _kind(row, line, report)
        created, deleted, *began = _times(row, line, report)
        if len(report.problems) > before:
            continue
        waiting += not began
        ends.append(deleted)
        late = late or (bool(found) and created < found[-1][0])
        run = deleted - (began[0] if began else created)
        found.append((created, line, max(run, 1), kinds.setdefault(kind, len(kinds))))
    if not found and not report.problems:
        report.wrong(1, "the trace has no pods")
    report.check()
    if late:
        report.repaired(
            None, f"trace {report.name}: its pods do not stand in the order of their creation, and are sorted"
        )
    if waiting:
        said = f"{waiting} pods were never scheduled: each runs as long as it waited"
        report.repaired(None, f"trace {report.name}: {said}")
    if (last := ends.count(max(ends))) > 1:
        said = f"{last} pods last until the trace ends, and how much longer nobody knows: they end there"
        report.repaired(None, f"trace {report.name}: {said}")
    if none := sum(run == 1 for _, _, run, _ in found):
        report.repaired(None, f"trace {report.name}: {none} pods of no duration run for 1 ns")
    created_ns, _, run_ns, kind_of = zip(*sorted(found), strict=True)
    return PodTrace(tuple(kinds), kind_of, created_ns, run_ns, tuple(report.repairs))


def tables(text: str, report: Report) -> Tables:
    """The same as columns of a file: when each pod was created, how long it ran, what it asks for."""
    read = _pods(text, report)
    of = [read.kinds[kind] for kind in read.kind]
    table: dict[str, Sequence[str]] = {
        "create_s": [seconds(at) for at in read.created_ns],
        "run_s": [seconds(ns) for ns in read.run_ns],
        "cpu_m": [str(kind.cpu_m) for kind in of],
        "ram_bytes": [str(kind.ram_bytes) for kind in of],
        "gpus": [str(kind.gpus) for kind in of],
        "gpu_milli": [str(kind.milli) for kind in of],
        "gpu_models": ["|".join(kind.models) for kind in of],
        "qos": [kind.qos for kind in of],
    }
    use = "arrivals: {trace: FILE#create_s}; or as it was, {kind: pods, trace: …, format: openb}"
    return Tables("openb", {"": table}, use, {"pods": len(of), "kinds": len(read.kinds)}, read.repairs)


def _kind(row: dict[str, str], line: int, report: Report) -> PodKind:
    cpu, mib, gpus, milli = (
        _whole(row, key, line, report) for key in ("cpu_milli", "memory_mib", "num_gpu", "gpu_milli")
    )
    name, models = row["name"], tuple(filter(None, row["gpu_spec"].split("|")))
    if not gpus and (milli or models):
        report.wrong(
            line, f"pod {name}: wants no GPU, and {milli} thousandths of one of {row['gpu_spec'] or 'any'} model"
        )
    elif gpus and not 1 <= milli <= _WHOLE:
        report.wrong(line, f"pod {name}: gpu_milli {milli} is no share of a GPU", f"from 1 to {_WHOLE}")
    elif gpus > 1 and milli < _WHOLE:
        report.wrong(line, f"pod {name}: wants {gpus} GPUs and {milli} thousandths of each", "a share is of one GPU")
    if row["qos"] not in _QOS:
        report.wrong(line, f"pod {name}: no class of service is named {row['qos']!r}", f"they are {', '.join(_QOS)}")
    shared = milli < _WHOLE
    return PodKind(cpu, mib * _MIB, 0 if shared else gpus, milli if shared and gpus else 0, models, row["qos"])


def _times(row: dict[str, str], line: int, report: Report) -> list[int]:
    """Created, deleted, and scheduled if it ever was, in ns."""
    keys = ["creation_time", "deletion_time", *(["scheduled_time"] if row["scheduled_time"] else [])]
    found = [_whole(row, key, line, report) * SECOND for key in keys]
    if not found[0] <= found[-1] <= found[1]:
        report.wrong(line, f"pod {row['name']}: is created, scheduled and deleted in another order")
    return found


def _whole(row: dict[str, str], key: str, line: int, report: Report) -> int:
    """A value as a whole number; 0 where it is none, and a problem of the report."""
    value = number(row[key], key, line, report, low=0, high=_MOST)
    if value is not None and value % 1:
        report.wrong(line, f"{key}: {row[key]} is not whole")
    return int(value or 0)
