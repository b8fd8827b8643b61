"""A runtime's name, from its top (`containerd/runc`, `containerd/kata/firecracker`), as a stack of pages, and what a
start on it takes, what it holds and what it refuses.

Sources measure different stretches of a start, so times are composed by their clocks (`simulator.facts.stack`), from
the top down. A page counts if its clock covers a stage that no page above it covers: `containerd/runc` is sandbox +
the engine's share + create to delete. What a page further down has measured as well counts there: `containerd/kata` is
Kata's pod start, which contains the engine's work. A VMM other than the one that Kata was measured with takes that
one's place, and a unikernel that of its VMM's Linux guest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from simulator.errors import Problem, UserError
from simulator.facts import Catalogue, Model
from simulator.facts.dist import DistSpec
from simulator.facts.fact import near
from simulator.facts.stack import CLOCKS, ROLES
from simulator.physics.distributions import Constant, from_spec
from simulator.runtime.settings import RuntimeCosts, Step
from simulator.units import parse

_GUEST = frozenset(("vmm", "guest"))


@dataclass(frozen=True, slots=True)
class Stretch:
    """One measured stretch of a start, and the stages that it covers."""

    name: str
    page: Model
    time: DistSpec
    stages: frozenset[str]
    serial: bool = False  # whether the engine's lock, if it has one, is held for a part of it


@dataclass(frozen=True, slots=True)
class Stack:
    """The pages of one stack from its top, and the stretches of a start that count, in their order."""

    name: str
    pages: tuple[Model, ...]
    stretches: tuple[Stretch, ...]
    displaced: Model | None = None  # the VMM that a page's memory contains, where another has taken its place

    @property
    def engine(self) -> Model | None:
        """The container engine, if it has one."""
        return self.pages[0] if _role(self.pages[0]) == "engine" else None

    @property
    def wasm(self) -> bool:
        """Whether it runs Wasm modules."""
        return _role(self.pages[-1]) == "wasm"

    @property
    def platforms(self) -> frozenset[str]:
        """The node platforms that all of its pages know."""
        return frozenset.intersection(*(frozenset(page.list("platforms")) for page in self.pages))

    @property
    def isolation(self) -> str:
        """Of the innermost page that says it: process, user-kernel, vm, language, enclave."""
        return next((p.text("isolation") for p in reversed(self.pages) if p.has("isolation")), "")

    @property
    def needs(self) -> tuple[str, ...]:
        """What the machine must offer: kvm, sgx."""
        return tuple(f for f in ("kvm", "sgx") if any(p.has(f) and p.flag(f) for p in self.pages))

    @property
    def least_ram_bytes(self) -> int:
        """The RAM that a machine must have for it."""
        return max((int(p.quantity("minimum.ram")) for p in self.pages if p.has("minimum.ram")), default=0)

    @property
    def daemon_bytes(self) -> int:
        """What runs on the machine whether or not a pod does; a low-level runtime's page repeats its engine's."""
        return int(self.pages[0].quantity("memory.daemon"))

    @property
    def formats(self) -> frozenset[str]:
        """The image formats that it can unpack: its low-level runtime says. An engine that drives only what belongs to
        it unpacks for that; one that drives a VMM or a Wasm engine by itself unpacks for it, too. Empty: any.
        """
        engine = self.engine
        low = next((page for page in self.pages if _role(page) == "low-level"), None)
        if low is not None and not (engine and engine.has("drives.only")):
            return frozenset(_formats(low))
        return frozenset(_formats(engine or self.pages[0])) | frozenset(_formats(self.pages[-1]))

    def overhead(self, resource: str) -> int:
        """What a pod takes beyond its containers, as a RuntimeClass declares it: bytes of memory, millicores of cpu."""
        path = f"overhead.{resource}"
        return sum(int(page.quantity(path)) for page in self.pages if page.has(path))

    def counted(self) -> list[Model]:
        """The pages whose memory and slowdown count: those with a stretch that does."""
        return list({stretch.page.name: stretch.page for stretch in self.stretches}.values())


def compose(catalogue: Catalogue, name: str, engine: str = "") -> Stack:
    """The stack of this name; one that does not begin with an engine runs under `engine`, if that is given.

    Raises UserError for what the catalogue does not have, what does not drive the next, a pair that nobody measured.
    """
    pages = [catalogue.model("runtimes", part) for part in name.split("/")]
    if engine and _role(pages[0]) != "engine":
        pages.insert(0, catalogue.model("runtimes", engine))
    while pages[-1].has("drives.default"):
        pages.append(catalogue.model("runtimes", pages[-1].text("drives.default")))
    for upper, lower in pairwise(pages):
        _check_drives(name, upper, lower)
    if _role(pages[0]) == "selector":
        raise _wrong(name, f"{pages[0].name} runs nothing by itself", "name a runtime, as in containerd/runc")
    stretches = tuple(_counting(list(_stretches(name, pages))))
    displaced = next((default for pair in pairwise(pages) if (default := _displaced(*pair))), None)
    vmm = catalogue.model("runtimes", displaced) if displaced else None
    return Stack("/".join(page.name for page in pages), tuple(pages), stretches, vmm)


def costs(stack: Stack) -> RuntimeCosts:
    """What pods on this stack cost. Reads its facts."""
    pod = next((i for i, s in enumerate(stack.stretches) if "sandbox" in s.stages), None)
    whole_pod = pod is not None and len(stack.stretches[pod].stages) > 1  # one machine for the pod: what it boots, too
    sandbox: list[Step] = []
    create: list[Step] = []
    start: list[Step] = []
    for stretch in stack.stretches:
        if stretch.stages == {"sandbox"} or (whole_pod and "module" not in stretch.stages):
            sandbox.append(_step(stretch))
        elif _role(stretch.page) in ("engine", "low-level"):
            create.append(_step(stretch))
        else:
            start.append(_step(stretch))
    counted, engine = stack.counted(), stack.engine
    slowdown = 1.0
    for page in counted:
        slowdown *= float(page.quantity("slowdown"))
    stop = from_spec(engine.distribution("stop"), "duration") if engine and engine.has("stop") else Constant(0.0)
    return RuntimeCosts(
        sandbox=tuple(sandbox),
        create=tuple(create),
        start=tuple(start),
        stop=stop,
        slowdown=slowdown,
        ram_bytes=round(_memory(stack)),
        shared=tuple((p.name, int(p.quantity("memory.shared"))) for p in stack.pages if p.has("memory.shared")),
        daemon_start_ns=int(engine.quantity("start.daemon")) if engine and engine.has("start.daemon") else 0,
        wasm=stack.wasm,
        formats=stack.formats,
    )


def _stretches(name: str, pages: list[Model]) -> Iterator[Stretch]:
    """All that the pages measured, from the top."""
    above: Model | None = None
    for page, below in zip(pages, (*pages[1:], None), strict=True):
        role, stages = _role(page), frozenset(CLOCKS[page.text("start.clock")])
        if role == "engine" and page.has("start.sandbox"):
            yield Stretch("sandbox", page, page.distribution("start.sandbox"), frozenset(("sandbox",)))
        if role == "vmm" and below is not None:  # its guest is the unikernel, not Linux
            pass
        elif role == "unikernel" and above is not None and _role(above) == "vmm":
            yield from _unikernel(name, above, page)
        elif _displaced(page, below):
            yield Stretch(page.name, page, page.distribution("start.split.shim"), stages - _GUEST)
        else:
            yield Stretch(page.name, page, page.distribution("start.container"), stages, serial=role == "engine")
        above = page


def _unikernel(name: str, vmm: Model, page: Model) -> Iterator[Stretch]:
    whole = f"start.under.{vmm.name}.total"
    if page.has(whole):
        yield Stretch(page.name, page, page.distribution(whole), _GUEST)
    elif vmm.has("start.split.vmm"):
        yield Stretch(vmm.name, vmm, vmm.distribution("start.split.vmm"), frozenset(("vmm",)))
        yield Stretch(page.name, page, page.distribution("start.container"), frozenset(("guest",)))
    else:
        raise _wrong(name, f"nobody has measured {page.name} on {vmm.name}")


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


def _step(stretch: Stretch) -> Step:
    page = stretch.page
    cpu = float(page.quantity("start.cpu")) if page.has("start.cpu") else 1.0
    lock = stretch.serial and page.has("start.limit") and page.text("start.limit") == "lock"
    # Starts that queue for a lock of hold h wait (k − 1) h / 2 on average: the measured slope is half a hold.
    hold = 2.0 * page.quantity("start.extra_per_concurrent") if lock and page.has("start.extra_per_concurrent") else 0.0
    return Step(
        name=stretch.name,
        time=from_spec(stretch.time, "duration"),
        speed=float(page.quantity("start.speed")),
        cpu=cpu,
        # What needs a core competes for it, unless contention itself was measured.
        contention=float(page.quantity("start.contention")) if page.has("start.contention") else cpu,
        lock=page.name if hold else "",
        hold_ns=hold,
        by_size=_by_size(page) if _role(page) == "wasm" else (),
    )


def _by_size(page: Model) -> tuple[tuple[int, float], ...]:
    """Sizes of Wasm modules, and the time of each over that of `start.container`."""
    paths = [path for path in page.tree.facts if path.startswith("start.by_size.")]
    usual = from_spec(page.distribution("start.container"), "duration").mean
    return tuple(sorted((int(parse(path.rpartition(".")[2], "size")), page.quantity(path) / usual) for path in paths))


def _memory(stack: Stack) -> float:
    """Bytes for each pod beyond the application's own."""
    found = 0.0
    counted = {page.name for page in stack.counted()}
    for page, below in zip(stack.pages, (*stack.pages[1:], None), strict=True):
        if _role(page) == "vmm" and below is not None:
            found += page.quantity("memory.vmm") if page.has("memory.vmm") else 0
        elif page.name in counted:
            found += page.quantity("memory.per_instance")
    return found - (stack.displaced.quantity("memory.per_instance") if stack.displaced else 0)


def _displaced(page: Model, below: Model | None) -> str:
    """The VMM that this page's figures contain, where another stands below it."""
    if below is None or not page.has("start.split.shim") or below.name == page.text("drives.default"):
        return ""
    return page.text("drives.default")


def _role(page: Model) -> str:
    return page.text("role") if page.has("role") else ""


def _formats(page: Model) -> Iterable[str]:
    return page.list("formats") if page.has("formats") else ()


def _check_drives(name: str, upper: Model, lower: Model) -> None:
    only = upper.list("drives.only") if upper.has("drives.only") else None
    if only is not None and lower.name not in only:
        said = f"{upper.name} does not drive {lower.name}"
        raise _wrong(name, said, near(lower.name, only) or _it_drives(only))
    order = [ROLES.index(_role(page)) if _role(page) else -1 for page in (upper, lower)]
    if order[0] >= order[1]:
        said = f"{lower.name} ({_role(lower)}) does not run under {upper.name} ({_role(upper)})"
        raise _wrong(name, said, "a stack goes from engine to low-level runtime, VMM or Wasm engine")


def _it_drives(only: list[str]) -> str:
    return f"it drives {', '.join(only)}" if only else "it is the end of a stack"


def _wrong(name: str, said: str, hint: str = "") -> UserError:
    return UserError(Problem(f"runtime {name}: {said}", hint=hint))
