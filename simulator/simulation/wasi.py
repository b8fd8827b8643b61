"""Wasm modules that import of WASI what no runtime has which their pods can get: told before anything is bound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simulator.errors import Problem
from simulator.facts import Catalogue
from simulator.simulation.compile import CompiledWorkload
from simulator.simulation.runtimes import RuntimeTable
from simulator.spec.image import find
from simulator.spec.look import Look
from simulator.world.node import NodeRow
from simulator.world.pod import PodTemplate


def check_wasi(
    look: Look, catalogue: Catalogue, workload: CompiledWorkload, machines: Sequence[NodeRow]
) -> Iterator[Problem]:
    """Every module whose features none of these machines' runtimes has; where one of several lacks them, or that is an
    outcome (`unfit: leave-out`), the node says so when it creates the container."""
    if look.scenario.unfit == "leave-out":
        return
    images, table = look.scenario.images, RuntimeTable(catalogue)
    templates = [t for obj in workload.objects if isinstance(t := getattr(obj, "template", None), PodTemplate)]
    for template in (*templates, *workload.functions.values()):
        stacks = [stack for stack in table.answering(machines, template.runtime_class) if stack.wasm]
        names = (container.image for container in (*template.init_containers, *template.containers))
        for key in dict.fromkeys(found for name in names if (found := find(images, name)) is not None):
            wanted = frozenset(images[key].wasi)
            if wanted and stacks and not any(wanted <= stack.wasi for stack in stacks):
                lacking = "; ".join(f"{s.name} has no {', '.join(sorted(wanted - s.wasi))}" for s in stacks)
                said = f"no node of {template.workload} has the WASI that image {key} imports: {lacking}"
                having = [n for n in catalogue.names("runtimes") if wanted <= _wasi(catalogue, n)]
                hint = f"runtimes with it are {', '.join(having)}" if having else "no runtime has all of it"
                yield look.source.problem(("images", key, "wasi"), said, hint)


def _wasi(catalogue: Catalogue, name: str) -> frozenset[str]:
    model = catalogue.model("runtimes", name)
    return frozenset(model.list("wasi")) if model.has("wasi") else frozenset()
