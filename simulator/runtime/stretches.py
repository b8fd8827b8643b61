"""A start as stretches, each measured on its clock: those that count in a stack, and those that are left where an
instance comes up from something prepared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from simulator.errors import Problem, UserError
from simulator.facts import Model
from simulator.facts.dist import DistSpec
from simulator.facts.stack import CLOCKS, STARTS

_GUEST: Final = frozenset(("vmm", "guest"))


@dataclass(frozen=True, slots=True)
class Stretch:
    """One measured stretch of a start, and the stages that it covers."""

    name: str
    page: Model
    time: DistSpec
    stages: frozenset[str]
    serial: bool = False  # whether the engine's lock, if it has one, is held for a part of it
    warm: bool = False  # of a start from something prepared


def measured(name: str, pages: list[Model]) -> tuple[Stretch, ...]:
    """The stretches that count of a start on these pages, in their order."""
    return tuple(_counting(list(_stretches(name, pages))))


def left(name: str, stretches: tuple[Stretch, ...], page: Model, *, displaced: bool) -> Iterator[Stretch]:
    """The stretches that are left of a start from what the page keeps ready.

    A snapshot and a pool take the place of what boots a machine. A stretch that contains more cannot be parted, unless
    it is the page's own and the page says what is left of it (`start.split.shim`).
    """
    how = page.text("starts")
    if missing := next((path for path in STARTS[how] if not page.has(path)), ""):
        raise wrong(name, f"{page.name} starts from a {how} and has no fact {missing}", "state it on its page")
    if how == "snapshot" and whole_pod(stretches):
        raise wrong(name, "snapshots of a machine that is a whole pod are not offered", "put the VMM under an engine")
    replaced = False
    for stretch in stretches:
        own = stretch.page is page and stretch.name == page.name
        if how in ("cache", "template"):
            replaced |= own and not displaced
            yield replace(stretch, name="warm", time=page.distribution("start.warm"), warm=True) if own else stretch
        elif not stretch.stages & _GUEST:
            yield stretch
        elif stretch.stages <= _GUEST or (how == "snapshot" and stretch.stages <= {*_GUEST, "application"}):
            if not replaced:
                yield from _instead(page, how)
            replaced = True
        elif how == "pool" and own and page.has("start.split.shim") and stretch.stages >= _GUEST:
            yield replace(stretch, time=page.distribution("start.split.shim"), stages=stretch.stages - _GUEST)
            yield from _instead(page, how)
            replaced = True
        else:
            raise wrong(name, f"{stretch.page.name} states no part of its start that the {how} of {page.name} replaces")
    if not replaced:
        raise wrong(name, f"it has no start that the {how} of {page.name} replaces")


def _instead(page: Model, how: str) -> Iterator[Stretch]:
    """What a machine takes that is not booted."""
    if how == "snapshot":
        if page.has("snapshot.vmm"):
            yield Stretch("restoring-vmm", page, page.distribution("snapshot.vmm"), frozenset(("vmm",)), warm=True)
        yield Stretch("restore", page, page.distribution("snapshot.restore"), frozenset(("guest",)), warm=True)
    elif page.has("resume"):  # it waits paused
        yield Stretch("resume", page, page.distribution("resume"), frozenset(("guest",)), warm=True)


def _stretches(name: str, pages: list[Model]) -> Iterator[Stretch]:
    """All that the pages measured, from the top."""
    above: Model | None = None
    for page, below in zip(pages, (*pages[1:], None), strict=True):
        part, stages = role(page), frozenset(CLOCKS[page.text("start.clock")])
        if part == "engine" and page.has("start.sandbox"):
            yield Stretch("sandbox", page, page.distribution("start.sandbox"), frozenset(("sandbox",)))
        if part == "vmm" and below is not None:  # its guest is the unikernel, not Linux
            pass
        elif part == "unikernel" and above is not None and role(above) == "vmm":
            yield from _unikernel(name, above, page)
        elif displaced_vmm(page, below):
            yield Stretch(page.name, page, page.distribution("start.split.shim"), stages - _GUEST)
        else:
            yield Stretch(page.name, page, page.distribution("start.container"), stages, serial=part == "engine")
        above = page


def _unikernel(name: str, vmm: Model, page: Model) -> Iterator[Stretch]:
    under = f"start.under.{vmm.name}"
    if page.has(f"{under}.vmm"):  # and the guest; the whole, which another clock read, is what they are checked against
        yield Stretch(vmm.name, page, page.distribution(f"{under}.vmm"), frozenset(("vmm",)))
        yield Stretch(page.name, page, page.distribution(f"{under}.guest"), frozenset(("guest",)))
    elif vmm.has("start.split.vmm"):
        yield Stretch(vmm.name, vmm, vmm.distribution("start.split.vmm"), frozenset(("vmm",)))
        yield Stretch(page.name, page, page.distribution("start.container"), frozenset(("guest",)))
    else:
        raise wrong(name, f"nobody has measured {page.name} on {vmm.name}")


def _counting(stretches: list[Stretch]) -> Iterator[Stretch]:
    """Those that cover something that none above covers, unless what they cover was measured further down as well."""
    covered: set[str] = set()
    counting = []
    for stretch in stretches:
        if stretch.stages - covered:
            counting.append(stretch)
        covered |= stretch.stages
    for i, stretch in enumerate(counting):
        if not any(stretch.stages <= lower.stages for lower in counting[i + 1 :]):
            yield stretch


def whole_pod(stretches: Iterable[Stretch]) -> bool:
    """Whether there is one machine for a pod, so that what it boots belongs to the sandbox, too."""
    return next((len(s.stages) > 1 for s in stretches if "sandbox" in s.stages), False)


def displaced_vmm(page: Model, below: Model | None) -> str:
    """The VMM that this page's figures contain, where another stands below it."""
    if below is None or not page.has("start.split.shim") or below.name == page.text("drives.default"):
        return ""
    return page.text("drives.default")


def role(page: Model) -> str:
    """Its place in a stack (`simulator.facts.stack.ROLES`); empty where the page does not say."""
    return page.text("role") if page.has("role") else ""


def wrong(name: str, said: str, hint: str = "") -> UserError:
    """What is wrong with the stack of this name."""
    return UserError(Problem(f"runtime {name}: {said}", hint=hint))
