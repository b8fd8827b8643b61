"""Node-link JSON, as NetworkX and D3 write graphs; and topohub's networks, which are kept in it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from simulator.errors import Problem, UserError
from simulator.facts.yaml import load_yaml
from simulator.spec.near import did_you_mean
from simulator.spec.readers.graph import Graph, check_ends, edge_of, vertex_of
from simulator.spec.readers.report import Report


def read_nodelink(text: str, report: Report) -> Graph:
    """The graph of a file: `nodes` with `id`, `links` (or `edges`) with `source` and `target`. Raises UserError."""
    document = load_yaml(text, report.file)  # JSON is YAML, and this reader knows the lines
    data = document.data
    if not isinstance(data, dict) or not isinstance(data.get("nodes"), list):
        raise report.refuse(1, "is no node-link graph: it has no list nodes", '{"nodes": […], "links": […]}')
    word = "links" if "links" in data else "edges"
    if not isinstance(data.get(word), list):
        raise report.refuse(1, "is no node-link graph: it has no list links (or edges)")
    graph = Graph(directed=data.get("directed") is True)
    for number, item in enumerate(data["nodes"]):
        line = document.line(("nodes", number))
        if _has(item, ("id",), line, "node", report):
            graph.vertices.append(vertex_of(str(item["id"]), item, line, report))
    for number, item in enumerate(data[word]):
        line = document.line((word, number))
        if _has(item, ("source", "target"), line, word.removesuffix("s"), report):
            graph.edges.append(edge_of(str(item["source"]), str(item["target"]), item, line, report))
    check_ends(graph, report)
    return graph


def _has(item: Any, keys: tuple[str, ...], line: int | None, what: str, report: Report) -> bool:
    missing = [key for key in keys if not isinstance(item, Mapping) or not isinstance(item.get(key), str | int)]
    if missing:
        report.wrong(line, f"a {what} has no {' and no '.join(missing)}")
    return not missing


def topohub(name: object) -> str:
    """The text of one of topohub's networks, by its name (`sndlib/germany50`). Raises UserError where the package is
    not installed, or has no such network."""
    try:
        folder = files("topohub") / "data"
    except ModuleNotFoundError:
        hint = "pip install 'littoral[wan]'"
        raise UserError(Problem(f"{name} needs the package topohub", hint=hint)) from None
    names = _names(folder)
    if name not in names:
        hint = did_you_mean(str(name), names)
        raise UserError(Problem(f"topohub has no network {name!r}", hint=hint))
    return (folder / f"{name}.json").read_text(encoding="utf-8")


def _names(folder: Traversable, prefix: str = "") -> list[str]:
    """The names of all networks below a folder: their paths without the suffix."""
    found: list[str] = []
    for item in folder.iterdir():
        if item.is_dir():
            found += _names(item, f"{prefix}{item.name}/")
        elif item.name.endswith(".json"):
            found.append(prefix + item.name.removesuffix(".json"))
    return sorted(found)
