"""Images that are linked as one with what runs them: any change of a unikernel is a build that keeps no layer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from simulator.control.api.objects import ApiObject, DaemonSet, Deployment
from simulator.control.api.update import targets
from simulator.errors import Problem
from simulator.facts import Catalogue
from simulator.simulation.runtimes import RuntimeTable
from simulator.spec.faults import Update
from simulator.spec.image import find
from simulator.spec.look import Look
from simulator.world.node import NodeRow


def build_time(catalogue: Catalogue, objects: Iterable[ApiObject], machines: Sequence[NodeRow], workload: str) -> int:
    """How long the image of a changed workload takes to build before anybody can pull it (ns): the longest `rebuild` of
    a runtime that its pods may get on these machines. What is no unikernel takes none: how long a container's image
    takes is its author's affair, before the update."""
    found = targets(objects, workload)
    return max((_rebuild(catalogue, machines, each.template.runtime_class) for each in found), default=0)


def check_linked(
    look: Look, catalogue: Catalogue, objects: Iterable[ApiObject], machines: Sequence[NodeRow]
) -> Iterator[Problem]:
    """No image that a runtime rebuilds as a whole shares layers with another."""
    every, images = list(objects), look.scenario.images
    updates = [fault for fault in look.scenario.faults if isinstance(fault, Update)]
    for obj in every:
        if not isinstance(obj, Deployment | DaemonSet) or not _rebuild(catalogue, machines, obj.template.runtime_class):
            continue
        names = [container.image for container in obj.template.containers]
        names += [fault.image for fault in updates if obj in targets(every, fault.workload)]
        for key in dict.fromkeys(found for name in names if (found := find(images, name)) is not None):
            if images[key].base is not None:
                said = f"image {key} of {obj.name} is linked as one, so it has no base"
                yield look.source.problem(("images", key, "base"), said, "leave base out, or run it in a container")


def _rebuild(catalogue: Catalogue, machines: Sequence[NodeRow], handler: str) -> int:
    stacks = RuntimeTable(catalogue).answering(machines, handler)
    pages = [page for stack in stacks for page in stack.pages if page.has("rebuild")]
    return max((int(page.quantity("rebuild")) for page in pages), default=0)
