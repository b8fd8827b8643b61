"""What a page must say as a whole, all that it inherits and all that a scenario sets included: facts that need each
other, and facts that contradict each other. `simulator.facts.shape` looks at each fact by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from simulator.errors import Problem
from simulator.facts.fact import Fact, near
from simulator.facts.stack import CLOCKS, of_role
from simulator.facts.tree import Tree

# Kind -> pairs of facts, the first of which is at most the second.
_AT_MOST: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "nodes": (("power.idle", "power.max"),),
    "links": (("jitter", "latency"),),
    "protocols": (("retransmit.least", "retransmit.most"),),
}


def check_whole(kind: str, tree: Tree, runtimes: Collection[str]) -> Iterator[Problem]:
    """Everything that the facts of one model contradict in each other. `runtimes` are the names of all runtimes."""
    for low, high in _AT_MOST.get(kind, ()):
        if low in tree.facts and high in tree.facts and tree.facts[low][0].base > tree.facts[high][0].base:
            said = f"{low} {_shown(tree, low)} is above {high} {_shown(tree, high)}"
            yield tree.facts[low][0].problem(said, low, "swap them")
    if kind == "runtimes":
        yield from _clock(tree)
        yield from _drives(tree, runtimes)


def _shown(tree: Tree, path: str) -> str:
    fact = tree.facts[path][0]
    return f"{fact.shown} {fact.unit}"


def _clock(tree: Tree) -> Iterator[Problem]:
    """The clock of a start covers what a runtime of this role does."""
    role, clock = _text(tree, "role"), _text(tree, "start.clock")
    if not role or not clock or role == "selector":
        return
    closed = role == "engine" and "drives.only" in tree.facts  # its figures may be of all that is in it
    if not closed and not of_role(role) & set(CLOCKS[clock]):
        fitting = [name for name, stages in CLOCKS.items() if of_role(role) & set(stages)]
        said = f"the clock {clock} covers nothing that a runtime of role {role} does"
        yield tree.facts["start.clock"][0].problem(said, "start.clock", f"write one of {', '.join(fitting)}")


def _drives(tree: Tree, runtimes: Collection[str]) -> Iterator[Problem]:
    """What it drives is there, and its default is among what alone it drives."""
    default, only = (tree.facts[path][0] if path in tree.facts else None for path in ("drives.default", "drives.only"))
    for path, fact, names in (
        ("drives.default", default, [default.value] if default else []),
        ("drives.only", only, only.value if only else []),
    ):
        for name in names:
            if name not in runtimes:
                assert isinstance(fact, Fact)
                yield fact.problem(f"{path}: no runtime is called {name}", path, near(name, runtimes))
    if default and only and default.value not in only.value:
        said = f"it drives {default.value} by default, which is not among what alone it drives"
        yield default.problem(said, "drives.default", near(default.value, only.value) or "add it to drives.only")


def _text(tree: Tree, path: str) -> str:
    return str(tree.facts[path][0].value) if path in tree.facts else ""
