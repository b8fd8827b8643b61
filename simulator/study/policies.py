"""The policies that a plan names, and the files that they read: a run is made of what both hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from simulator.errors import UserError
from simulator.study.inputs import OUTSIDE


def hashes(points: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]], base: Path) -> dict[str, str]:
    """Each policy and plug-in of scenarios, with the hash of its file, since a module has no copy in inputs/, and of
    those that it reads by default. A scenario comes with its twin that is read from inputs/, which names the policy."""
    from simulator.policy.reference import hash_of  # noqa: PLC0415  # numpy

    found: dict[str, str] = {}
    for scenario, local in points:
        for (reference, _), (name, _) in zip(_chosen(scenario), _chosen(local), strict=True):
            if name not in found:
                found[name] = hash_of(reference, base)
    return found


def spelt(data: Mapping[str, Any], base: Path) -> Mapping[str, Any]:
    """The same point of a plan, with each file that a policy is to read named so that nobody takes it for a word."""
    changed = deepcopy(data)
    for reference, chosen in _chosen(changed["scenario"]):
        if isinstance(chosen, dict) and chosen.get("params"):
            for name in _files(reference, base):
                if name in chosen["params"]:
                    chosen["params"][name] = _path(chosen["params"][name], base)
    return changed


def read_by_default(scenario: Mapping[str, Any], base: Path) -> dict[str, Path]:
    """The files that policies read where no parameter says which, and that lie beside them; by the names that they
    have beside the policies' copies."""
    from simulator.policy.reference import files_by_default, source_of  # noqa: PLC0415  # numpy

    found: dict[str, Path] = {}
    for reference, _ in _chosen(scenario):
        if ".py:" not in reference:
            continue
        try:
            source, files = source_of(reference, base), files_by_default(reference, base)
        except UserError:  # whoever builds the scenario says it, with its line
            continue
        if source is not None and files:
            inside = source.resolve().is_relative_to(base.resolve())
            root, copies = (base.resolve(), "") if inside else (source.resolve().parent, f"{OUTSIDE}/")
            beside = [file.resolve() for file in files if file.resolve().is_relative_to(root)]
            found |= {f"{copies}{file.relative_to(root).as_posix()}": file for file in beside}
    return found


def _chosen(scenario: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each policy and plug-in: its reference in full, and what the scenario says."""
    from simulator.policy.reference import POINTS, at_point  # noqa: PLC0415  # numpy

    given = scenario.get("policies") or {}
    placement = scenario.get("policy") or given.get("placement") or "kube-default"
    for chosen in (placement, *given.get("filters", ()), *given.get("scores", ())):
        yield _reference(chosen), chosen
    points = [(name, given.get(name)) for name in POINTS if name != "scaling"]
    functions = [item for item in scenario.get("workloads", ()) if item.get("kind") == "function"]
    points += [("scaling", item.get("scaling") or given.get("scaling")) for item in functions]
    for point, chosen in points:
        if chosen not in (None, "none"):
            yield at_point(_reference(chosen), point), chosen


def _reference(chosen: Any) -> str:
    return chosen if isinstance(chosen, str) else str(chosen["use"])


def _files(reference: str, base: Path) -> list[str]:
    from simulator.policy.file_params import file_parameters  # noqa: PLC0415  # numpy
    from simulator.policy.reference import resolve  # noqa: PLC0415

    try:
        return list(file_parameters(resolve(reference, base)))
    except (UserError, ValueError, TypeError):  # whoever builds the scenario says it, with its line
        return []


def _path(given: Any, base: Path) -> Any:
    if isinstance(given, list):
        return [_path(each, base) for each in given]
    if not isinstance(given, str) or not (place := base / Path(given).expanduser()).is_file():
        return given
    if given.startswith("~"):
        return str(place)
    return given if "/" in given or "." in given else f"./{given}"
