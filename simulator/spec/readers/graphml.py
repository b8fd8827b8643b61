"""GraphML, as the Internet Topology Zoo and most graph tools write it (Brandes et al. 2002)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from xml.parsers import expat

from simulator.spec.readers.graph import Graph, check_ends, edge_of, vertex_of
from simulator.spec.readers.report import Report

_TYPES: Final[dict[str, Callable[[str], Any]]] = {
    "int": int,
    "long": int,
    "float": float,
    "double": float,
    "boolean": lambda text: {"true": True, "1": True, "false": False, "0": False}[text.lower()],
}


def read_graphml(text: str, report: Report) -> Graph:
    """The graph of a file, nodes and edges in its order. Raises UserError with every problem, by line.

    Hyperedges, ports and nested graphs are no part of a network here: each is a problem, not left out.
    """
    reader = _Reader(report)
    try:
        reader.parser.Parse(text.encode(), True)
    except expat.ExpatError as error:
        raise report.refuse(error.lineno, f"is no XML: {expat.ErrorString(error.code)}") from None
    if not reader.seen:
        raise report.refuse(1, "is no GraphML: it has no element graph")
    check_ends(reader.graph, report)
    return reader.graph


class _Reader:
    """Handles the elements one after the other. What declares entities is refused: they can grow without end."""

    def __init__(self, report: Report) -> None:
        self.graph, self.seen = Graph(), False
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._doctype
        self._report = report
        self._keys: dict[str, tuple[str, str, str]] = {}  # id -> (whose, name, type)
        self._defaults: dict[str, dict[str, Any]] = {"node": {}, "edge": {}}
        self._of: tuple[str, dict[str, str], int] | None = None  # the node or edge that is being read
        self._data: dict[str, Any] = {}
        self._key, self._words = "", ""
        self._default = "false"  # whether edges are directed that do not say so

    def _doctype(self, *_: Any) -> None:
        raise self._report.refuse(self.parser.CurrentLineNumber, "declares a document type", "remove <!DOCTYPE …>")

    def _text(self, text: str) -> None:
        self._words += text

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag, line = name.rpartition(" ")[2], self.parser.CurrentLineNumber
        self._words = ""
        if tag == "key":
            whose, called = attributes.get("for", "all"), attributes.get("attr.name", attributes.get("id", ""))
            self._keys[attributes.get("id", "")] = whose, called, attributes.get("attr.type", "string")
            self._key = attributes.get("id", "")
        elif tag == "graph":
            if self.seen:
                raise self._report.refuse(line, "has a second graph", "a topology is one graph")
            self.seen, self.graph.directed = True, attributes.get("edgedefault") == "directed"
            self._default = "true" if self.graph.directed else "false"
        elif tag in ("node", "edge"):
            self._of, self._data = (tag, attributes, line), dict(self._defaults[tag])
        elif tag == "data":
            self._key = attributes.get("key", "")
        elif tag in ("hyperedge", "port"):
            self._report.wrong(line, f"has a {tag}, which is not read")

    def _end(self, name: str) -> None:
        tag = name.rpartition(" ")[2]
        if tag == "data" and self._of is not None:
            _, called, _ = self._keys.get(self._key, ("", self._key, ""))
            self._data[called] = self._value(self._key)
        elif tag == "default":
            whose, called, _ = self._keys.get(self._key, ("all", self._key, ""))
            for part in self._defaults if whose == "all" else {whose} & {*self._defaults}:
                self._defaults[part][called] = self._value(self._key)
        elif tag in ("node", "edge") and self._of is not None:
            self._add(*self._of)
            self._of = None

    def _value(self, key: str) -> Any:
        kind, text = self._keys.get(key, ("", "", "string"))[2], self._words.strip()
        try:
            return _TYPES[kind](text) if kind in _TYPES else text
        except (ValueError, KeyError):
            self._report.wrong(self.parser.CurrentLineNumber, f"{text!r} is no {kind}")
            return None

    def _add(self, tag: str, attributes: dict[str, str], line: int) -> None:
        needed = ("id",) if tag == "node" else ("source", "target")
        if missing := [word for word in needed if word not in attributes]:
            self._report.wrong(line, f"a {tag} has no {' and no '.join(missing)}")
        elif tag == "node":
            self.graph.vertices.append(vertex_of(attributes["id"], self._data, line, self._report))
        else:
            ends = attributes["source"], attributes["target"]
            if attributes.get("directed", self._default) != self._default:
                both = "is directed by itself, and leads both ways as the graph's others do"
                one = "is undirected by itself, and is taken as one direction as the graph's others are"
                self._report.repaired(line, f"edge {' '.join(ends)}: {one if self.graph.directed else both}")
            self.graph.edges.append(edge_of(*ends, self._data, line, self._report))
