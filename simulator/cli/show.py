"""`littoral show`: a model's facts, or what an experiment resolves to."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from simulator.cli.answer import Answer, cell, table
from simulator.cli.given import settings
from simulator.errors import Problem, UserError
from simulator.facts import Catalogue
from simulator.facts.yaml import load_yaml
from simulator.spec import experiment_names
from simulator.study import backend
from simulator.study.execute import plan_of, telling

_FACTS = ("path", "value", "unit", "kind", "source", "stat", "hardware", "note")


def show(
    name: str,
    /,
    *,
    diff: str | None = None,
    case: str | None = None,
    set_: Annotated[list[str] | None, Parameter("--set")] = None,
) -> Answer:
    """A model's facts with unit, source, kind, and what disagrees; or an experiment's nodes, links, pods and paths.

    Parameters
    ----------
    name
        A model (`littoral list nodes`), its kind before it where two kinds have one of that name
        (orchestrators/kubernetes), its version behind it (kubernetes@1.31); or an experiment.
    diff
        Another model of the same kind: only what differs.
    case
        Of an experiment: this case, not the first.
    set_
        path=value, of an experiment, as often as needed.
    """
    catalogue = Catalogue()
    kinds = model_kinds(catalogue, name)
    if len(kinds) > 1:
        hint = f"write one of {', '.join(f'{kind}/{name}' for kind in kinds)}"
        raise UserError(Problem(f"several kinds have a model named {name!r}", hint=hint))
    if kinds:
        model = name if name.endswith(".yaml") else name.rpartition("/")[2]
        return _model(catalogue, kinds[0], model) if diff is None else _diff(catalogue, kinds[0], model, diff)
    if diff is not None:
        raise UserError(Problem(f"no model named {name!r}", hint="--diff is between two models"))
    if not Path(name).is_file() and name not in (shipped := experiment_names()):
        near = get_close_matches(name, [*shipped, *(m for kind in catalogue.kinds() for m in catalogue.names(kind))])
        hint = f"near: {', '.join(near)}" if near else "littoral list nodes, littoral list experiments, …"
        raise UserError(Problem(f"no model and no experiment is named {name!r}", hint=hint))
    return _experiment(name, case, settings(set_ or []))


def model_kinds(catalogue: Catalogue, name: str) -> list[str]:
    """The kinds that have a model of this name; `kind/name` means that kind only; a file says its kind itself."""
    if name.endswith(".yaml"):
        file = Path(name)
        data = load_yaml(file.read_bytes(), name).data if file.is_file() else None
        return [k for k in catalogue.kinds() if isinstance(data, dict) and data.get("kind") == k]
    kind, slash, model = name.rpartition("/")
    base = model.partition("@")[0]
    return [k for k in catalogue.kinds() if (not slash or k == kind) and base in catalogue.names(k)]


def _model(catalogue: Catalogue, kind: str, name: str) -> Answer:
    facts = catalogue.describe(kind, name)
    structure = catalogue.structure(kind, name)
    header = catalogue.model(kind, name).header
    lines: list[dict[str, Any]] = []
    for fact in facts:
        lines.append(fact)
        lines += [{**other, "path": "  or"} for other in fact["alternatives"]]
    title = f"{name} ({kind}): {header.title}" if header.title else f"{name} ({kind})"
    parts = [title, header.about, table(lines, [c for c in _FACTS if any(line.get(c) for line in lines)])]
    parts.append(
        "\n".join(f"{path}: {_words(value)}" for path, value in structure.items() if not _names_itself(path, value))
    )
    versions = catalogue.versions(kind, name.partition("@")[0]) if not name.endswith(".yaml") else []
    if versions:
        said = f"versions: {', '.join(versions)}; this is {catalogue.model(kind, name).version}"
        parts.append(f"{said} (littoral show {name.partition('@')[0]}@{versions[0]} --diff {name})")
    document = {
        "name": name, "kind": kind, "title": header.title, "status": header.status, "validated": header.validated,
        "versions": versions, "facts": facts, "structure": structure,
    }  # fmt: skip
    return Answer(document, "\n\n".join(filter(None, parts)))


def _names_itself(path: str, value: Any) -> bool:
    """Whether this is the kind of a mechanism whose paths are called by it."""
    parts = path.split(".")
    return parts[-1] == "kind" and parts[-2:-1] == [value]


def _diff(catalogue: Catalogue, kind: str, name: str, other: str) -> Answer:
    ours, theirs = (_flat(catalogue, kind, model) for model in (name, other))
    rows = [
        {"path": path, name: ours.get(path), other: theirs.get(path)}
        for path in dict.fromkeys([*ours, *theirs])
        if ours.get(path) != theirs.get(path)
    ]
    document = {
        "name": name,
        "other": other,
        "differences": [{"path": row["path"], "value": row[name], "other": row[other]} for row in rows],
    }
    return Answer(document, table(rows, ("path", name, other)) if rows else f"{name} and {other} do not differ")


def _flat(catalogue: Catalogue, kind: str, name: str) -> dict[str, str]:
    rows = catalogue.describe(kind, name)
    facts = {row["path"]: f"{_words(row['value'])} {row['unit'] or ''}".strip() for row in rows}
    return {**facts, **{path: _words(value) for path, value in catalogue.structure(kind, name).items()}}


def _words(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, Mapping):
        return cell(value)
    return {"None": "none", "True": "true", "False": "false"}.get(str(value), str(value))


def _experiment(name: str, case: str | None, over: dict[str, Any]) -> Answer:
    loaded = backend.load(name, over)
    plan = plan_of(loaded)
    points = [point for point in plan.points if case is None or point.case == case]
    if not points:
        cases = ", ".join(dict.fromkeys(p.case for p in plan.points if p.case)) or "it has none"
        raise UserError(Problem(f"no case named {case!r}", hint=f"cases are: {cases}"))
    with telling(loaded, points[0]):
        world = backend.resolve(points[0].data, loaded.scenario.folder)
    parts = [loaded.question, f"scenario {points[0].name}, the first of {len(plan.points)}"]
    for what, rows in world.items():
        columns = list(dict.fromkeys(key for row in rows for key in row))
        parts.append(f"{what} ({len(rows)})\n" + (table(rows, columns) if rows else "  none"))
    return Answer({"name": name, "scenario": points[0].name, "facts": [], **world}, "\n\n".join(parts))
