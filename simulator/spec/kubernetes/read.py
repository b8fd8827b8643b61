"""Reads Kubernetes files as they are: many documents, JSON, Lists. Every problem at once, every omission by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from simulator.errors import Problem, UserError
from simulator.facts.yaml import load_all_yaml
from simulator.spec.kubernetes.base import K8sObject
from simulator.spec.kubernetes.cluster import (
    SYSTEM_PRIORITIES,
    HorizontalPodAutoscaler,
    Node,
    PriorityClass,
    RuntimeClass,
    Service,
)
from simulator.spec.kubernetes.kinds import GROUPS, KINDS, OTHERS, OURS, group_of
from simulator.spec.kubernetes.pod import template_of
from simulator.spec.near import did_you_mean, near
from simulator.spec.problems import Source, show

_LISTS: Final = frozenset({"List", *(f"{kind}List" for kind in KINDS)})


@dataclass(slots=True)
class Manifest:
    """One file: its objects in order, notes on what is not simulated, and what is wrong with it."""

    file: str
    objects: list[K8sObject] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_manifest(path: Path, shown: str | None = None) -> Manifest:
    """Reads a file. Never raises for what is in it: see `problems`. `shown` is its name in messages."""
    name = shown or str(path)
    try:
        return parse_manifest(path.read_bytes(), name)
    except OSError as error:
        said = "there is no such file" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
        return Manifest(name, problems=[Problem(said, name)])


def parse_manifest(text: str | bytes, file: str) -> Manifest:
    """Reads the text of a file."""
    found = Manifest(file)
    try:
        documents = load_all_yaml(text, file)
    except UserError as error:
        found.problems += error.problems
        return found
    for document in documents:
        for data, source in _objects(document.data, Source(document), found):
            _read(data, source, found)
    _duplicates(found)
    for obj in found.objects:
        found.notes += _notes(obj)
    found.notes += _dangling(found.objects)
    return found


def _objects(data: Any, source: Source, found: Manifest) -> Iterator[tuple[Mapping[str, Any], Source]]:
    if not isinstance(data, Mapping):
        hint = "an object has apiVersion, kind, metadata"
        found.problems.append(source.problem((), f"an object has keys, and this is {show(data)}", hint))
    elif str(data.get("kind")) in _LISTS:
        items = data.get("items")
        if not isinstance(items, list):
            found.problems.append(source.problem(("items",), "a List has items"))
            return
        for number, item in enumerate(items):
            yield from _objects(item, source.under("items", number), found)
    else:
        yield data, source


def _read(data: Mapping[str, Any], source: Source, found: Manifest) -> None:
    version, kind = data.get("apiVersion"), data.get("kind")
    if wrong := [problem for key in ("apiVersion", "kind") if (problem := _no_text(data, key, source))]:
        found.problems += wrong
        return
    version, kind = str(version), str(kind)
    group = group_of(version)
    if group not in OURS:
        if group and "." not in group and group not in GROUPS:
            found.problems.append(
                source.problem(("apiVersion",), f"no API group {group!r}", did_you_mean(group, GROUPS))
            )
        else:
            found.notes.append(f"{kind} {_name(data)} ({version}): not simulated, another API group")
    elif kind in KINDS:
        try:
            found.objects.append(KINDS[kind].parse(data, source).read_at(source))
        except UserError as error:
            found.problems += error.problems
    elif kind in OTHERS:
        found.notes.append(f"{kind} {_name(data)}: not simulated")
    else:
        found.problems.append(source.problem(("kind",), f"no kind {kind!r} in {version}", did_you_mean(kind, KINDS)))


def _no_text(data: Mapping[str, Any], key: str, source: Source) -> Problem | None:
    given = data.get(key)
    if isinstance(given, str) and given:
        return None
    if key in data:
        return source.problem((key,), f"{key} takes text, not {show(given)}")
    if meant := near(key, [k for k in data if k not in ("apiVersion", "kind", "metadata", "spec")]):
        return source.problem((meant,), f"unknown key {meant}", f"did you mean {key}?")
    return source.problem((), f"{key} is missing")


def _name(data: Mapping[str, Any]) -> str:
    meta = data.get("metadata")
    return str(meta.get("name", "")) if isinstance(meta, Mapping) else ""


def _duplicates(found: Manifest) -> None:
    seen: dict[tuple[str, str, str], K8sObject] = {}
    for obj in found.objects:
        key = (obj.kind, obj.metadata.namespace, obj.name)
        if key in seen:
            found.problems.append(obj.source.problem(("metadata", "name"), f"{obj.title} stands here twice"))
        seen[key] = obj


def _notes(obj: K8sObject) -> Iterator[str]:
    if isinstance(obj, Node):
        yield f"{obj.title} is not placed: nodes come from the topology"
    elif not obj.simulated:
        yield f"{obj.title}: not simulated yet"
    elif names := list(dict.fromkeys([*obj.not_simulated(), *_values(obj)])):
        yield f"{obj.title}: {', '.join(names)} {'is' if len(names) == 1 else 'are'} not simulated"


def _values(obj: K8sObject) -> Iterator[str]:
    """The values that are not simulated, of fields that are."""
    if isinstance(obj, Service) and obj.spec.traffic_distribution == "PreferSameNode":
        yield "trafficDistribution PreferSameNode"
    if isinstance(obj, PriorityClass) and "preemption_policy" in obj.model_fields_set:
        yield "preemptionPolicy"
    template = template_of(obj)
    if template is None:
        return
    if template.spec.preemption_policy is not None:
        yield "preemptionPolicy"
    if template.spec.host_network and not any(c.ports for c in template.spec.containers):
        yield "hostNetwork"
    for container in (*template.spec.init_containers, *template.spec.containers):
        requests, limits = container.resources.requests, container.resources.limits
        if "cpu" in limits and "cpu" in requests:  # alone it stands for the request
            yield "throttling by limits.cpu"
        yield from (name for name in {**requests, **limits} if name == "ephemeral-storage" or name.startswith("huge"))


def _dangling(objects: list[K8sObject]) -> Iterator[str]:
    """References to objects that are not in the file."""
    names = {(obj.kind, obj.name) for obj in objects}
    for obj in objects:
        if isinstance(obj, HorizontalPodAutoscaler):
            target = obj.spec.scale_target_ref
            if (target.kind, target.name) not in names:
                yield f"{obj.title}: its target {target.kind} {target.name} is not in the file"
        template = template_of(obj)
        if template is None:
            continue
        for kind, name in (
            (PriorityClass.__name__, template.spec.priority_class_name),
            (RuntimeClass.__name__, template.spec.runtime_class_name),
        ):
            if name and (kind, name) not in names and name not in SYSTEM_PRIORITIES:
                yield f"{obj.title}: {kind} {name} is not in the file"
