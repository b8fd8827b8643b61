"""What the operating system of a host brings with it."""

from __future__ import annotations

from simulator.facts import Catalogue
from simulator.spec.topology import DEFAULT_RUNTIME, NodeSpec


def runtimes_of(catalogue: Catalogue, node: NodeSpec) -> tuple[str, ...]:
    """The stacks of runtimes on a machine: those that it names, or else its system's engine with what that drives by
    default. Empty where both say nothing, or the engine is the one that every machine has then."""
    if node.runtimes or node.system is None:
        return node.runtimes
    page = catalogue.model("systems", node.system)
    if not page.has("engine") or page.text("engine") == DEFAULT_RUNTIME.partition("/")[0]:
        return ()
    names = [page.text("engine")]
    while (last := catalogue.model("runtimes", names[-1])).has("drives.default"):
        names.append(last.text("drives.default"))
    return ("/".join(names),)
