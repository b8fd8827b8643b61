"""Imports that end in an experiment: a cluster as `kubectl get -o yaml` shows it, and a SimKube trace."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from simulator.errors import Problem, UserError
from simulator.interop.imported import Found, yaml_text
from simulator.interop.machines import topology_of
from simulator.spec import load_experiment
from simulator.spec.kubernetes import parse_manifest
from simulator.spec.kubernetes.cluster import Node
from simulator.spec.kubernetes.kinds import roots
from simulator.spec.near import did_you_mean
from simulator.spec.readers.report import Report, read_text
from simulator.spec.readers.simkube import read_simkube

_MARKS: Final = {"k3s": "k3s", "kubeedge": "kubeedge"}  # in a kubelet's version -> orchestrator


def import_kubernetes(file: str, out: Path, params: Mapping[str, Any]) -> Found:
    """An experiment on the cluster of a dump: its nodes as a topology, its workloads as the manifest that they are.

    Parameters: `nodes`, a second dump that has the nodes; `node`, the model of every machine.
    """
    given = _taken(params, {"nodes": None, "node": None}, "a Kubernetes dump")
    report = Report(file)
    text = read_text(Path(file), report)
    manifest = parse_manifest(text, file)
    dumps = [manifest]
    if given["nodes"] is not None:
        beside = Report(str(given["nodes"]))
        dumps.append(parse_manifest(read_text(Path(beside.file), beside), beside.file))
        report.repairs += beside.repairs
    if problems := [problem for dump in dumps for problem in dump.problems]:
        raise UserError(problems)
    nodes = [obj for dump in dumps for obj in dump.objects if isinstance(obj, Node)]
    if not nodes:
        raise report.refuse(None, "has no Node", "add them: --set nodes=FILE of `kubectl get nodes -o yaml`")
    topology = topology_of(nodes, given["node"], report)
    orchestrator = _orchestrator(nodes, report)
    lines = {obj.title: obj.source.problem((), "").line for obj in manifest.objects}
    for note in manifest.notes:
        if not note.endswith("nodes come from the topology"):  # here they do become it
            report.repaired(lines.get(note.partition(": ")[0]), note)
    workloads = roots(manifest.objects)
    files = {out.name: "", f"{out.stem}.manifest.yaml": text} if workloads else {out.name: ""}
    scenario: dict[str, Any] = {"duration": "1h", "topology": topology, "orchestrator": orchestrator}
    if workloads:
        scenario["workloads"] = [{"kind": "manifest", "file": f"./{out.stem}.manifest.yaml"}]
    question = f"What does the cluster of {Path(file).name} do in an hour?"
    files[out.name] = yaml_text({"question": question, "scenario": scenario}, f"Imported from {Path(file).name}.")
    counts = {"nodes": len(nodes), "workloads": len(workloads)}
    return Found("kubernetes", files, f"littoral run {out}", counts, tuple(report.repairs), _check)


def _orchestrator(nodes: list[Node], report: Report) -> str:
    versions = [str(((node.status or {}).get("nodeInfo") or {}).get("kubeletVersion", "")) for node in nodes]
    found = next((name for mark, name in _MARKS.items() if any(mark in version for version in versions)), "kubernetes")
    said = f"kubelets of {', '.join(dict.fromkeys(filter(None, versions))) or 'no known version'}"
    report.repaired(None, f"cluster {report.name}: {said}: orchestrator {found}, in its newest version here")
    return found


def import_simkube(file: str, out: Path, params: Mapping[str, Any]) -> Found:
    """An experiment whose workloads come when those of the trace did, on a shipped topology, for it has no machines."""
    _taken(params, {}, "a SimKube trace")
    report = Report(file)
    read = read_simkube(read_text(Path(file), report), report)
    files = {out.name: ""}
    workloads = []
    for at, objects in read.created.items():
        name = f"{out.stem}/{at}s.yaml"
        files[name] = yaml.safe_dump_all(objects, sort_keys=False, allow_unicode=True)
        workloads.append({"kind": "manifest", "file": f"./{name}"} | ({"at": f"{at}s"} if at else {}))
    report.repaired(
        None, f"trace {report.name}: has no machines: topology city-edge, with its parameters, stands for them"
    )
    duration = f"{max(read.last, 60) + 60}s"
    scenario = {"duration": duration, "topology": "city-edge", "workloads": workloads}
    question = f"How fast do the workloads of {Path(file).name} come up?"
    files[out.name] = yaml_text({"question": question, "scenario": scenario}, f"Imported from {Path(file).name}.")
    return Found("simkube", files, f"littoral run {out}", read.counts, tuple(report.repairs), _check)


def _taken(params: Mapping[str, Any], defaults: Mapping[str, Any], what: str) -> dict[str, Any]:
    for name, value in params.items():
        if name not in defaults:
            raise UserError(Problem(f"{what} takes no {name}", path=name, hint=did_you_mean(name, defaults)))
        if not isinstance(value, str) or not value:
            raise UserError(Problem(f"{name} takes a name, not {value!r}", path=name))
    return {**defaults, **params}


def _check(path: Path) -> None:
    """Whether a run of the experiment could begin. Raises UserError with every problem."""
    from simulator.simulation.entry import check  # noqa: PLC0415  # the whole house

    experiment = load_experiment(path)
    check({"scenario": experiment.scenario.dump()}, path.parent)
