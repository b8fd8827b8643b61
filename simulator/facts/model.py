"""A model of the catalogue as code reads it. Every read is recorded in the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulator.errors import Problem, UserError
from simulator.facts.dist import DistSpec, parse_dist
from simulator.facts.fact import Fact, near
from simulator.facts.ledger import Ledger
from simulator.facts.quantity import exact_value
from simulator.facts.tree import Tree


@dataclass(frozen=True, slots=True)
class Header:
    """What a model file says about the model as a whole."""

    name: str
    kind: str
    status: str = "current"
    title: str = ""
    about: str = ""
    validated: str = "no"
    extends: str = ""
    file: str = ""


class Model:
    """One model, its versions and overrides resolved.

    Paths are dotted. A list that has one mechanism may be addressed without its name: `liveness.grace` is
    `liveness.lease.grace`; otherwise by the name, or by the parameter if only one mechanism has it.
    """

    __slots__ = ("_ledger", "_overridden", "header", "tree", "version")

    def __init__(self, header: Header, version: str, tree: Tree, ledger: Ledger, overridden: dict[str, str]) -> None:
        self.header = header
        self.version = version
        self.tree = tree
        self._ledger = ledger
        self._overridden = overridden  # path -> key of the override that set it

    @property
    def name(self) -> str:
        return self.header.name

    @property
    def kind(self) -> str:
        return self.header.kind

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name}{'@' + self.version if self.version else ''}: {len(self.tree.facts)} facts>"

    def has(self, path: str) -> bool:
        """Whether the model states this fact."""
        return canonical(self.tree, path) in self.tree.facts

    def fact(self, path: str) -> Fact:
        """The default fact at `path`, recorded as read. Raises UserError with a near path where there is none."""
        found = canonical(self.tree, path)
        if found not in self.tree.facts:
            raise UserError(self.problem(path, f"{self.name} has no fact {path}", near(path, self.tree.facts)))
        fact = self.tree.facts[found][0]
        self._ledger.record(f"facts.{self.kind}.{self.name}.{found}", fact)
        self._use(found)
        return fact

    def number(self, path: str) -> float:
        """The number as it is written, in the fact's own unit."""
        fact = self._numeric(path)
        return float(fact.value)

    def quantity(self, path: str) -> int | float:
        """The number in base units: int for durations (ns), sizes (bytes), cpu (millicores), counts; else float."""
        return self._numeric(path).base

    def distribution(self, path: str) -> DistSpec:
        """The distribution in base units; a single value is a constant. `physics.distributions.from_spec` samples."""
        fact = self.fact(path)
        if isinstance(fact.value, DistSpec):
            return fact.value
        return parse_dist(self._numeric(path).value, fact.dimension, lambda v: float(exact_value(v, fact.unit)))

    def text(self, path: str) -> str:
        return str(self._typed(path, str, "text"))

    def flag(self, path: str) -> bool:
        return bool(self._typed(path, bool, "true or false"))

    def list(self, path: str) -> list[str]:
        return list(self._typed(path, list, "a list"))

    def subtree(self, path: str = "") -> dict[str, Any]:
        """Everything below `path` as nested mappings: facts (recorded as read), structure, and lists of mechanisms."""
        prefix = f"{path}." if path else ""
        found: dict[str, Any] = {}
        for known in (*self.tree.plain, *self.tree.facts):
            if not known.startswith(prefix):
                continue
            *branches, leaf = known.removeprefix(prefix).split(".")
            node = found
            for branch in branches:
                node = node.setdefault(branch, {})
            node[leaf] = self.fact(known) if known in self.tree.facts else self.tree.plain[known].value
            self._use(known)
        return _listed(found, prefix, self.tree)

    def _numeric(self, path: str) -> Fact:
        fact = self.fact(path)
        if isinstance(fact.value, DistSpec) or not fact.unit:
            what = "a distribution" if isinstance(fact.value, DistSpec) else fact.dimension
            raise UserError(self.problem(path, f"{path} of {self.name} is {what}, not one number"))
        return fact

    def _typed(self, path: str, wanted: type, said: str) -> Any:
        fact = self.fact(path)
        if not isinstance(fact.value, wanted):
            raise UserError(self.problem(path, f"{path} of {self.name} is {fact.shown!r}, not {said}"))
        return fact.value

    def _use(self, path: str) -> None:
        if path in self._overridden:
            self._ledger.use(self._overridden[path])

    def problem(self, path: str, message: str, hint: str = "") -> Problem:
        """What is wrong at `path`: with the override that set it, else at its line or its nearest written parent's."""
        found = canonical(self.tree, path)
        if found in self._overridden:
            return Problem(message, path=self._overridden[found], hint=hint)
        file, line = None, None
        while found and line is None:
            file, line = self.tree.line(found)
            found = found.rpartition(".")[0]
        return Problem(message, file or self.header.file, line, f"facts.{self.kind}.{self.name}.{path}", hint)


def canonical(tree: Tree, path: str) -> str:
    """`path` with the names of mechanisms that it leaves out; unchanged where that is not one answer."""
    done: list[str] = []
    for segment in path.split("."):
        here = ".".join(done)
        names = tree.lists.get(here, ())
        if names and segment.isdigit() and int(segment) < len(names):
            done.append(names[int(segment)])
            continue
        if names and segment not in names:
            having = [name for name in names if _states(tree, f"{here}.{name}.{segment}")]
            if len(having) == 1:
                done.append(having[0])
        done.append(segment)
    return ".".join(done)


def _states(tree: Tree, path: str) -> bool:
    return any(known == path or known.startswith(path + ".") for known in (*tree.facts, *tree.plain))


def _listed(node: dict[str, Any], prefix: str, tree: Tree) -> dict[str, Any]:
    """Nested mappings again, with the mechanisms of a list in their order."""
    for list_path, names in tree.lists.items():
        if not list_path.startswith(prefix):
            continue
        *branches, leaf = list_path.removeprefix(prefix).split(".")
        parent = node
        for branch in branches:
            parent = parent.get(branch, {})
        if leaf in parent:
            parent[leaf] = [parent[leaf][name] for name in names]
    return node
