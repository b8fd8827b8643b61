"""A model file as it is written: its header, the tree all versions share, and what each version changes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from simulator.errors import Problem, UserError
from simulator.facts.fact import near
from simulator.facts.model import Header
from simulator.facts.shape import SHAPES, check_shape
from simulator.facts.tree import Tree, read_tree
from simulator.facts.yaml import Document, load_yaml

_KEYS: Final = ("name", "kind", "status", "title", "about", "validated", "extends", "versions", "facts")
_CHOICES: Final = {"status": ("current", "historical"), "validated": ("yes", "partly", "no")}


@dataclass(frozen=True, slots=True)
class Page:
    """One model file. `versions` maps a version to its differences, newest last."""

    header: Header
    tree: Tree
    versions: dict[str, Tree]
    facts_line: int | None
    extends_line: int | None


def read_page(source: bytes, file: str, kind: str, name: str | None, sources: Collection[str]) -> Page:
    """Read a model file that must be of `kind` (and called `name`). Raises UserError with every problem in it."""
    document = load_yaml(source, file)
    data = document.data
    if not isinstance(data, dict):
        raise UserError(document.problem((), "a model is written as key: value", "start with name, kind and facts"))
    problems = _header(document, data, kind, name)
    tree = Tree()
    if isinstance(data.get("facts"), dict):
        tree = read_tree(document, ("facts",), sources)
    else:
        problems.append(document.problem(("facts",), f"the model {name or ''} has no facts"))
    versions: dict[str, Tree] = {}
    written = data.get("versions") or {}
    if not isinstance(written, dict):
        problems.append(document.problem(("versions",), "versions are written as version: differences"))
        written = {}
    for version, body in written.items():
        if not version.replace(".", "").isdigit():
            problems.append(document.problem(("versions", version), f"{version} is no version", "as in 1.31"))
        elif body is None or body == {}:
            versions[version] = Tree()
        else:
            versions[version] = read_tree(document, ("versions", version), sources)
    for part in (tree, *versions.values()):
        problems += part.problems
        if kind in SHAPES:
            problems += check_shape(kind, part)
    if problems:
        raise UserError(problems)
    ordered = dict(sorted(versions.items(), key=lambda item: [int(part) for part in item[0].split(".") if part]))
    texts = {key: str(data[key]) for key in _KEYS if key in data and key not in ("name", "kind", "versions", "facts")}
    lines = (document.line(("facts",)), document.line(("extends",)))
    return Page(Header(data["name"], kind, file=file, **texts), tree, ordered, *lines)


def _header(document: Document, data: dict[str, Any], kind: str, name: str | None) -> list[Problem]:
    problems: list[Problem] = []
    for key in data.keys() - set(_KEYS):
        problems.append(document.problem((key,), f"a model has no {key}", near(key, _KEYS)))
    for key, wanted in (("name", name), ("kind", kind)):
        if not isinstance(data.get(key), str):
            problems.append(document.problem((key,), f"the model has no {key}", f"write {key}: {wanted or 'its name'}"))
        elif wanted is not None and data[key] != wanted:
            problems.append(document.problem((key,), f"{key} is {data[key]}, the file is {wanted}", "rename one"))
    for key in ("title", "about", "extends"):
        if key in data and not isinstance(data[key], str):
            problems.append(document.problem((key,), f"{key} must be text", "put it in quotes"))
    for key, choices in _CHOICES.items():
        if key in data and data[key] not in choices:
            problems.append(document.problem((key,), f"{key} is {data[key]}", f"write one of {', '.join(choices)}"))
    return problems
