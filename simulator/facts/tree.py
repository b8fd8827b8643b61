"""The `facts:` tree of a model file, flattened: dotted path -> fact with its alternatives, or -> plain structure.

A leaf with `value` or `dist` is a fact; a list of such leaves is one fact with its alternatives, the first being the
default. A list of mappings with a `kind` is a list of mechanisms, each reached by its `name`, else by its `kind`.
Text, flags and lists of text are structure and need no source; a bare number is a problem.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from simulator.errors import Problem
from simulator.facts.fact import Fact, is_fact, read_fact
from simulator.facts.yaml import Document, Path
from simulator.units import UNITS, UnitError, parse


@dataclass(frozen=True, slots=True)
class Plain:
    """Structure without a number: a name, a flag, a list of names."""

    value: Any
    file: str = ""
    line: int | None = None


@dataclass(slots=True)
class Tree:
    """Everything that a model file says under `facts:`."""

    facts: dict[str, tuple[Fact, ...]] = field(default_factory=dict)
    plain: dict[str, Plain] = field(default_factory=dict)
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)  # path -> names of its mechanisms, in order
    problems: list[Problem] = field(default_factory=list)

    def over(self, base: Tree) -> Tree:
        """This tree's statements over those of `base`.

        A list of mechanisms replaces the list of the base, an empty one too; each of its mechanisms inherits what it
        does not say from the mechanism of the same name and kind there.
        """
        emptied = base.lists.keys() & self.plain.keys()
        gone = tuple(
            f"{path}.{name}."
            for path, names in base.lists.items()
            for name in names
            if path in emptied
            or (path in self.lists and (name not in self.lists[path] or self._other_kind(base, f"{path}.{name}.kind")))
        )
        replaced = self.facts.keys() | self.plain.keys()

        def stays(path: str) -> bool:
            return path not in replaced and not path.startswith(gone)

        return Tree(
            {p: f for p, f in base.facts.items() if stays(p)} | self.facts,
            {p: f for p, f in base.plain.items() if stays(p)} | self.plain,
            {path: names for path, names in base.lists.items() if path not in emptied} | self.lists,
            base.problems + self.problems,
        )

    def _other_kind(self, base: Tree, path: str) -> bool:
        return path in self.plain and path in base.plain and self.plain[path].value != base.plain[path].value

    def line(self, path: str) -> tuple[str | None, int | None]:
        """Where a path, or the first thing below it, stands: file and line."""
        for known in (*self.facts, *self.plain):
            if known == path or known.startswith(path + "."):
                at = self.facts[known][0] if known in self.facts else self.plain[known]
                return at.file or None, at.line
        return None, None


def read_tree(document: Document, path: Path, sources: Collection[str]) -> Tree:
    """The tree at `path` of a model file. Its problems are in the tree, all of them."""
    tree = Tree()
    node: Any = document.data
    for key in path:
        node = node[key]
    _Walk(document, sources, tree).branch(node, path, "")
    return tree


class _Walk:
    def __init__(self, document: Document, sources: Collection[str], tree: Tree) -> None:
        self._document = document
        self._sources = sources
        self._tree = tree

    def _wrong(self, path: Path, message: str, hint: str = "") -> None:
        self._tree.problems.append(self._document.problem(path, message, hint))

    def branch(self, node: Any, path: Path, name: str) -> None:
        if not isinstance(node, Mapping):
            self._wrong(path, "facts are written as key: value", "")
            return
        for key, child in node.items():
            if "." in key:
                self._wrong((*path, key), f"{key} has a dot in it", "a dot separates the keys of a path")
            else:
                self._node(child, (*path, key), f"{name}.{key}" if name else key)

    def _node(self, node: Any, path: Path, name: str) -> None:
        if is_fact(node):
            self._facts([node], [path], name)
        elif isinstance(node, Mapping):
            self.branch(node, path, name)
        elif isinstance(node, list) and node and all(isinstance(item, dict) for item in node):
            paths: list[Path] = [(*path, i) for i in range(len(node))]
            if any(is_fact(item) for item in node):
                self._facts(node, paths, name)
            else:
                self._mechanisms(node, paths, name)
        elif (isinstance(node, int | float) and not isinstance(node, bool)) or _is_quantity(node):
            self._wrong(path, f"{node} has no source", "write {value, unit, kind, source}")
        elif isinstance(node, list) and not all(isinstance(item, str) for item in node):
            self._wrong(path, f"{name} mixes mappings with other things", "a list holds names, facts or mechanisms")
        else:
            self._tree.plain[name] = Plain(node, self._document.file, self._document.line(path))

    def _facts(self, nodes: list[Any], paths: list[Path], name: str) -> None:
        found: list[Fact] = []
        for node, path in zip(nodes, paths, strict=True):
            if not is_fact(node):
                self._wrong(path, "an alternative is a fact", "write value or dist, kind and source")
                continue
            fact = read_fact(self._document, path, node, self._sources)
            if isinstance(fact, Fact):
                found.append(fact)
            else:
                self._tree.problems.extend(fact)
        if found and len({fact.dimension for fact in found}) > 1:
            self._wrong(paths[0], f"the alternatives of {name} measure different things", "one quantity, one path")
        if found:
            self._tree.facts[name] = tuple(found)

    def _mechanisms(self, nodes: list[dict[str, Any]], paths: list[Path], name: str) -> None:
        names: list[str] = []
        for node, path in zip(nodes, paths, strict=True):
            key = node.get("name", node.get("kind"))
            if not isinstance(node.get("kind"), str) or not isinstance(key, str):
                self._wrong(path, f"an item of {name} has no kind", "write - {kind: …, parameters}")
            elif key in names:
                self._wrong(path, f"{key} stands twice in {name}", "give each a name")
            else:
                names.append(key)
                self.branch(node, path, f"{name}.{key}")
        self._tree.lists[name] = tuple(names)


def _is_quantity(node: Any) -> bool:
    """Whether a text is a number in disguise: 2s, 64Mi, 5%."""
    if not isinstance(node, str) or not node[:1].isdigit():
        return False
    for dimension in UNITS:
        try:
            parse(node, dimension)
        except UnitError:
            continue
        return True
    return False
