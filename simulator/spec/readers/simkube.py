"""SimKube's traces (version 2): which Deployments were applied to a cluster, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulator.facts.yaml import load_yaml
from simulator.spec.readers.report import Report

_VERSION = 2


@dataclass(frozen=True, slots=True)
class Applied:
    """The objects by the whole second after the first event at which each was created, without what a server filled
    in; when the last event was; and what was counted."""

    created: Mapping[int, list[dict[str, Any]]]
    last: int
    counts: Mapping[str, int]


def read_simkube(text: str, report: Report) -> Applied:
    """The workloads of a trace. Raises UserError with every problem, by line.

    Only what creates a workload is kept: nothing here scales or deletes one by the clock, and each time that the trace
    does is told.
    """
    document = load_yaml(text, report.file)  # JSON is YAML, and this reader knows the lines
    data = document.data
    if not isinstance(data, dict) or not isinstance(data.get("events"), list) or "config" not in data:
        raise report.refuse(1, "is no SimKube trace: it has no config and events")
    if data.get("version") != _VERSION:
        raise report.refuse(
            document.line(("version",)), f"is a SimKube trace of version {data.get('version')}, not {_VERSION}"
        )
    created: dict[int, list[dict[str, Any]]] = {}
    known: dict[tuple[str, str, str], dict[str, Any]] = {}  # by kind, namespace and name
    times: list[int] = []
    applied = 0
    for number, event in enumerate(data["events"]):
        line = document.line(("events", number))
        if not isinstance(event, dict) or isinstance(event.get("ts"), bool) or not isinstance(event.get("ts"), int):
            report.wrong(line, "the event has no ts, a time in whole seconds")
            continue
        if times and event["ts"] < max(times):
            report.wrong(line, "the event is older than one before it", "sort the events by ts")
        times.append(event["ts"])
        at = event["ts"] - times[0]
        for index, obj in enumerate(event.get("applied_objs") or ()):
            place = document.line(("events", number, "applied_objs", index))
            applied += 1
            if (name := _name(obj, place, report)) is None:
                continue
            plain = _plain(obj)
            if name not in known:
                created.setdefault(at, []).append(plain)
            elif plain["spec"] != known[name]["spec"]:
                _tell_change(_called(name), known[name]["spec"], plain["spec"], at=at, line=place, report=report)
            known[name] = plain
        for index, obj in enumerate(event.get("deleted_objs") or ()):
            place = document.line(("events", number, "deleted_objs", index))
            if (name := _name(obj, place, report)) is not None:
                said = f"{_called(name)}: is deleted after {at} s, and stays: nothing deletes it here"
                report.repaired(place, said)
    if not known and not report.problems:
        report.wrong(1, "the trace applies nothing")
    report.check()
    counts = {"events": len(times), "applied": applied, "workloads": len(known)}
    return Applied(created, times[-1] - times[0], counts)


def _name(obj: Any, line: int | None, report: Report) -> tuple[str, str, str] | None:
    """Kind, namespace and name."""
    meta = obj.get("metadata") if isinstance(obj, dict) else None
    if not isinstance(meta, dict) or not isinstance(meta.get("name"), str) or not isinstance(obj.get("spec"), dict):
        report.wrong(line, "is no Kubernetes object: it has no metadata.name and spec")
        return None
    return str(obj.get("kind", "")), str(meta.get("namespace") or "default"), meta["name"]


def _called(name: tuple[str, str, str]) -> str:
    """As messages call it: Deployment shop/api."""
    kind, namespace, own = name
    return f"{kind} {own}" if namespace == "default" else f"{kind} {namespace}/{own}"


def _plain(obj: Mapping[str, Any]) -> dict[str, Any]:
    """The object as somebody applies it: without its state and what the server wrote into it."""
    meta = {key: obj["metadata"][key] for key in ("name", "namespace", "labels") if key in obj["metadata"]}
    return {"apiVersion": obj.get("apiVersion"), "kind": obj.get("kind"), "metadata": meta, "spec": obj["spec"]}


def _tell_change(
    name: str, old: Mapping[str, Any], new: Mapping[str, Any], *, at: int, line: int | None, report: Report
) -> None:
    keys = [key for key in dict.fromkeys((*old, *new)) if old.get(key) != new.get(key)]
    if keys == ["replicas"]:
        said = f"goes from {old.get('replicas')} to {new.get('replicas')} replicas"
    else:
        said = f"changes its {', '.join(keys)}"
    report.repaired(line, f"{name}: {said} after {at} s, and stays as it began: nothing changes it here")
