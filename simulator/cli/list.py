"""`littoral list`: what there is, by kind."""

from __future__ import annotations

from inspect import getdoc, getmodule
from pathlib import Path
from textwrap import fill
from typing import Any, Literal

from simulator.cli.answer import Answer, table
from simulator.policy.reference import POINTS, resolve, shipped_names

Kind = Literal[
    "orchestrators", "runtimes", "systems", "nodes", "links", "images", "topologies", "policies", "experiments",
    "workloads", "metrics",
]  # fmt: skip


def list_(kind: Kind, /) -> Answer:
    """What there is.

    Parameters
    ----------
    kind
        What to list; systems are host operating systems and fleet managers.
    """
    found = rows(kind)
    if kind == "metrics":
        return Answer(found, "\n".join(f"{row['name']} ({row['unit']})\n{_indented(row['title'])}" for row in found))
    if found and kind in ("orchestrators", "nodes", "runtimes", "systems"):
        return Answer(found, _models(kind, found))
    named = ("name", "point", "title", "versions", "status", "facts", "sources", "validated")
    modelled = any(row["facts"] for row in found)
    columns = [c for c in named if any(row.get(c) not in (None, "") for row in found)]
    if not modelled:
        columns = [c for c in columns if c in ("name", "point", "title")]
    return Answer(found, table(found, columns) if found else f"no {kind} in this version")


def rows(kind: Kind) -> list[dict[str, Any]]:
    """Rows of name, kind, status, facts, sources, validated, title."""
    if kind == "metrics":
        from simulator.record.direction import better  # noqa: PLC0415
        from simulator.record.glossary import GLOSSARY  # noqa: PLC0415  # numpy

        return [_row(m.name, kind, m.definition, unit=m.unit, better=better(m.name)) for m in GLOSSARY.values()]
    if kind == "experiments":
        return _experiments()
    if kind == "workloads":
        return _workloads()
    if kind == "policies":
        return _policies()
    if kind == "topologies":
        return [_row(name, kind, _first_line(name, "topologies")) for name in shipped_names("topologies")]
    from simulator.cli.columns import with_columns  # noqa: PLC0415  # numpy
    from simulator.facts import Catalogue  # noqa: PLC0415  # only for models

    catalogue = Catalogue()
    known = catalogue.rows(kind) if kind in catalogue.kinds() else []
    return [with_columns(catalogue, kind, row) for row in known]


def _models(kind: str, found: list[dict[str, Any]]) -> str:
    """The table of these models, runtimes from the top of a stack down; then the review's table 1, or 2, as its pages
    are.
    """
    from simulator.cli.columns import COLUMNS, REVIEW, REVIEW_1, print_row  # noqa: PLC0415  # numpy
    from simulator.facts.stack import ROLES  # noqa: PLC0415

    ordered = sorted(found, key=lambda row: (*ROLES, None).index(row["role"])) if kind == "runtimes" else found
    parts = [table([print_row(row) for row in ordered], COLUMNS[kind])]
    if kind == "orchestrators":
        rows_1 = [print_row(row, whole=True) for row in found]
        parts.append("Orchestration at the edge, by the columns of the review's table 1\n" + table(rows_1, REVIEW_1))
    if reviewed := [print_row(row, whole=True) for row in found if row.get("language") and not row["extends"]]:
        parts.append("WebAssembly runtimes, by the columns of the review's table 2\n" + table(reviewed, REVIEW))
    return "\n\n".join(parts)


def _indented(text: str) -> str:
    return fill(text, 100, initial_indent="    ", subsequent_indent="    ")


def _row(name: str, kind: str, title: str, **more: Any) -> dict[str, Any]:
    plain = {"status": "current", "facts": 0, "sources": 0, "validated": "no"}
    return {"name": name, "kind": kind, **plain, "title": title, **more}


def _first_line(name: str, folder: Literal["policies", "topologies"]) -> str:
    """The first sentence of a plug-in's documentation: its own, or its file's."""
    found = resolve(name, Path(), folder, "policy" if folder == "policies" else "topology")
    text = getdoc(getmodule(found)) or getdoc(found) or ""
    return text.partition("\n")[0]


def _policies() -> list[dict[str, Any]]:
    """Those that place pods on nodes by their name; those of another decision point as `point/name`."""
    named = [("placement", name) for name in shipped_names("policies")]
    named += [(point, f"{point}/{name}") for point in POINTS for name in shipped_names("policies", point)]
    return [_row(name, "policies", _first_line(name, "policies"), point=point) for point, name in named]


def _experiments() -> list[dict[str, Any]]:
    from simulator.facts.yaml import load_yaml  # noqa: PLC0415
    from simulator.spec.load import experiment_names, find_experiment  # noqa: PLC0415  # pydantic

    found = []
    for name in experiment_names():
        file = find_experiment(name)
        data = load_yaml(file.read_bytes(), str(file)).data
        found.append(_row(name, "experiments", str(data.get("question", ""))))
    return found


def _workloads() -> list[dict[str, Any]]:
    from simulator.spec import commands, function, workload  # noqa: PLC0415  # pydantic

    classes = (
        workload.Manifest, workload.Service, workload.Model, workload.Requests, workload.Telemetry,
        commands.Commands, function.Function,
    )  # fmt: skip
    return [_row(c.model_fields["kind"].default, "workloads", (c.__doc__ or "").partition("\n")[0]) for c in classes]
