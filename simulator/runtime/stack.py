"""A runtime's name, from its top (`containerd/runc`, `containerd/kata/firecracker`), as a stack of pages, and what a
start on it takes, what it holds and what it refuses.

Sources measure different stretches of a start, so times are composed by their clocks (`simulator.facts.stack`), from
the top down. A page counts if its clock covers a stage that no page above it covers: `containerd/runc` is sandbox +
the engine's share + create to delete. What a page further down has measured as well counts there: `containerd/kata` is
Kata's pod start, which contains the engine's work. A VMM other than the one that Kata was measured with takes that
one's place, and a unikernel that of its VMM's Linux guest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import Final

from simulator.facts import Catalogue, Model
from simulator.facts.fact import near
from simulator.facts.stack import ROLES, pages_of
from simulator.physics.distributions import Constant, from_spec
from simulator.runtime.settings import MigrationRules, Pool, Prepared, RuntimeCosts, Step, Steps
from simulator.runtime.stretches import Stretch, displaced_vmm, left, measured, role, whole_pod, wrong
from simulator.units import parse

# What a guest has beside its RAM: how many, and the time of each. Of one that is restored the first is in its time.
_BOOTED: Final = (("start.nics", "start.split.nic"), ("start.mounts", "start.split.mount"))
_RESTORED: Final = (("snapshot.nics", "snapshot.per_nic"), ("snapshot.disks", "snapshot.per_disk"))


@dataclass(frozen=True, slots=True)
class Stack:
    """The pages of one stack from its top, and the stretches of a start that count, in their order."""

    name: str
    pages: tuple[Model, ...]
    stretches: tuple[Stretch, ...]
    displaced: Model | None = None  # the VMM that a page's memory contains, where another has taken its place
    warm: Model | None = None  # the page whose instances come up from something prepared
    left: tuple[Stretch, ...] = ()  # of a start from that

    @property
    def engine(self) -> Model | None:
        """The container engine, if it has one."""
        return self.pages[0] if role(self.pages[0]) == "engine" else None

    @property
    def wasm(self) -> bool:
        """Whether it runs Wasm modules."""
        return role(self.pages[-1]) == "wasm"

    @property
    def wasi(self) -> frozenset[str]:
        """What of WASI a module finds here: what every page that speaks of it has."""
        said = [frozenset(page.list("wasi")) for page in self.pages if page.has("wasi")]
        return frozenset.intersection(*said) if said else frozenset()

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
    def pauses(self) -> bool:
        """Whether it can pause an instance."""
        return any(page.has("resume") for page in self.pages)

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
        low = next((page for page in self.pages if role(page) == "low-level"), None)
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
    pages = [catalogue.model("runtimes", part) for part in pages_of(name)]
    if engine and role(pages[0]) != "engine":
        pages.insert(0, catalogue.model("runtimes", engine))
    while pages[-1].has("drives.default"):
        pages.append(catalogue.model("runtimes", pages[-1].text("drives.default")))
    for upper, lower in pairwise(pages):
        _check_drives(name, upper, lower)
    if role(pages[0]) == "selector":
        raise wrong(name, f"{pages[0].name} runs nothing by itself", "name a runtime, as in containerd/runc")
    stretches = measured(name, pages)
    displaced = next((default for pair in pairwise(pages) if (default := displaced_vmm(*pair))), None)
    vmm = catalogue.model("runtimes", displaced) if displaced else None
    warm = next((page for page in pages if page.has("starts") and page.text("starts") != "boot"), None)
    rest = tuple(left(name, stretches, warm, displaced=vmm is not None)) if warm is not None else ()
    return Stack("/".join(page.name for page in pages), tuple(pages), stretches, vmm, warm, rest)


def costs(stack: Stack) -> RuntimeCosts:
    """What pods on this stack cost. Reads its facts."""
    cold, counted, engine = _phases(stack.stretches), stack.counted(), stack.engine
    slowdown = 1.0
    for page in counted:
        slowdown *= float(page.quantity("slowdown"))
    stop = from_spec(engine.distribution("stop"), "duration") if engine and engine.has("stop") else Constant(0.0)
    return RuntimeCosts(
        sandbox=cold["sandbox"],
        create=cold["create"],
        start=cold["start"],
        stop=stop,
        freeze=_freeze(stack.pages),
        slowdown=slowdown,
        ram_bytes=round(_memory(stack.pages, {page.name for page in counted}, stack.displaced)),
        shared=_shared(stack.pages),
        daemon_start_ns=int(engine.quantity("start.daemon")) if engine and engine.has("start.daemon") else 0,
        wasm=stack.wasm,
        wasi=stack.wasi if stack.wasm else frozenset(),
        formats=stack.formats,
        warm=_warm(stack, stack.warm, cold) if stack.warm is not None else None,
        migration=_migration(stack),
    )


def _migration(stack: Stack) -> MigrationRules:
    """As every page allows that speaks of it, by the numbers of the one furthest down that allows anything."""
    said = [page for page in stack.pages if page.has("migration.ways")]
    ways = frozenset.intersection(*(frozenset(page.list("migration.ways")) for page in said)) if said else frozenset()
    if not ways:
        return MigrationRules(stack.name)
    page = said[-1]
    restore = from_spec(page.distribution("snapshot.restore"), "duration").mean if page.has("snapshot.restore") else 0.0
    live = "live" in ways
    return MigrationRules(
        stack=stack.name,
        ways=ways,
        portable=stack.wasm,
        guest_bytes=int(page.quantity("memory.per_instance")),
        downtime_ns=int(page.quantity("migration.downtime")) if live else 0,
        rounds=int(page.quantity("migration.rounds")) if live else 1,
        dirty=page.quantity("migration.dirty") if live else 0.0,
        bandwidth=_stated(page, "migration.bandwidth", inf),
        timeout_ns=int(_stated(page, "migration.timeout")),
        timeout_per_gib_ns=int(_stated(page, "migration.timeout_per_gib")),
        snapshot=(
            _stated(page, "snapshot.create"),
            _stated(page, "snapshot.create_per_gib") / 2**30,
            int(_stated(page, "snapshot.create_ram")),
        ),
        load_ns=round(restore),
    )


def _freeze(pages: Iterable[Model]) -> tuple[int, int]:
    """What pausing an instance takes, and resuming it, in ns; nothing where no page can."""
    page = next((page for page in pages if page.has("resume")), None)
    if page is None:
        return 0, 0
    return int(page.quantity("pause")) if page.has("pause") else 0, int(page.quantity("resume"))


def _phases(stretches: Iterable[Stretch]) -> dict[str, Steps]:
    """The steps by the part of a pod's start to which they belong: its sandbox, a container's create and start."""
    stretches = tuple(stretches)
    whole = whole_pod(stretches)
    found: dict[str, list[Step]] = {"sandbox": [], "create": [], "start": []}
    for stretch in stretches:
        if stretch.stages == {"sandbox"} or (whole and "module" not in stretch.stages):
            found["sandbox"].append(_step(stretch))
        else:
            found["create" if role(stretch.page) in ("engine", "low-level") else "start"].append(_step(stretch))
    return {phase: tuple(steps) for phase, steps in found.items()}


def _warm(stack: Stack, page: Model, cold: Mapping[str, Steps]) -> Prepared | Pool:
    """What the page keeps ready for later starts, and the one part of a start that it changes."""
    rest, how = _phases(stack.left), page.text("starts")
    stage = next(phase for phase in cold if rest[phase] != cold[phase])
    if how == "pool":
        alone = next((i for i, each in enumerate(stack.pages) if role(each) == "vmm"), -1)
        pages = stack.pages[alone:]
        stretches = measured(stack.name, list(pages))
        return Pool(
            stack.name,
            stage,
            rest[stage],
            size=int(page.quantity("pool.size")),
            make=tuple(map(_step, stretches)),
            ram_bytes=round(_memory(pages, {stretch.page.name for stretch in stretches})),
            shared=_shared(pages),
        )
    if how != "snapshot":
        return Prepared(how, stack.name, stage, rest[stage])
    return Prepared(
        how,
        stack.name,
        stage,
        rest[stage],
        per_vcpu_ns=_stated(page, "snapshot.per_vcpu"),
        create_ns=page.quantity("snapshot.create"),
        create_per_byte_ns=_stated(page, "snapshot.create_per_gib") / 2**30,
        create_bytes=int(_stated(page, "snapshot.create_ram")),
    )


def _stated(page: Model, path: str, otherwise: float = 0.0) -> float:
    return page.quantity(path) if page.has(path) else otherwise


def _step(stretch: Stretch) -> Step:
    page = stretch.page
    cpu = float(page.quantity("start.cpu")) if page.has("start.cpu") else 1.0
    lock = stretch.serial and page.has("start.limit") and page.text("start.limit") == "lock"
    # Starts that queue for a lock of hold h wait (k − 1) h / 2 on average: the measured slope is half a hold.
    hold = 2.0 * page.quantity("start.extra_per_concurrent") if lock and page.has("start.extra_per_concurrent") else 0.0
    fixed, per_byte, at = _guest(stretch)
    return Step(
        name=stretch.name,
        time=from_spec(stretch.time, "duration"),
        speed=float(page.quantity("start.speed")),
        cpu=cpu,
        # What needs a core competes for it, unless contention itself was measured.
        contention=float(page.quantity("start.contention")) if page.has("start.contention") else cpu,
        lock=page.name if hold else "",
        hold_ns=hold,
        crowding=float(page.quantity("start.crowding")) if page.has("start.crowding") else 0.0,
        by_size=_by_size(page) if role(page) == "wasm" and not stretch.warm else (),
        fixed_ns=fixed,
        per_byte_ns=per_byte,
        at_bytes=at,
    )


def _guest(stretch: Stretch) -> tuple[float, float, int]:
    """What a guest adds to a stretch beyond that with which it was measured: ns for its devices and mounts, ns for each
    byte of RAM over the size that stands third.
    """
    page = stretch.page
    if stretch.name == "restore" and stretch.warm:
        devices = sum((_stated(page, many, 1) - 1) * _stated(page, each) for many, each in _RESTORED)
        grows, at = "snapshot.per_gib", "snapshot.restore_ram"
    elif "guest" in stretch.stages and not stretch.warm:
        devices = sum(
            page.quantity(many) * page.quantity(each) for many, each in _BOOTED if page.has(many) and page.has(each)
        )
        grows, at = "start.per_gib", "start.at_ram"
    else:
        return 0.0, 0.0, 0
    return (devices, page.quantity(grows) / 2**30, int(page.quantity(at))) if page.has(grows) else (devices, 0.0, 0)


def _by_size(page: Model) -> tuple[tuple[int, float], ...]:
    """Sizes of Wasm modules, and the time of each over that of `start.container`."""
    paths = [path for path in page.tree.facts if path.startswith("start.by_size.")]
    usual = from_spec(page.distribution("start.container"), "duration").mean
    return tuple(sorted((int(parse(path.rpartition(".")[2], "size")), page.quantity(path) / usual) for path in paths))


def _memory(pages: tuple[Model, ...], counted: Collection[str], displaced: Model | None = None) -> float:
    """Bytes for each pod beyond the application's own."""
    found = 0.0
    for page, below in zip(pages, (*pages[1:], None), strict=True):
        if role(page) == "vmm" and below is not None:
            found += page.quantity("memory.vmm") if page.has("memory.vmm") else 0
        elif page.name in counted:
            found += page.quantity("memory.per_instance")
    return found - (displaced.quantity("memory.per_instance") if displaced else 0)


def _shared(pages: tuple[Model, ...]) -> tuple[tuple[str, int], ...]:
    return tuple((page.name, int(page.quantity("memory.shared"))) for page in pages if page.has("memory.shared"))


def _formats(page: Model) -> Iterable[str]:
    return page.list("formats") if page.has("formats") else ()


def _check_drives(name: str, upper: Model, lower: Model) -> None:
    only = upper.list("drives.only") if upper.has("drives.only") else None
    if only is not None and lower.name not in only:
        said = f"{upper.name} does not drive {lower.name}"
        raise wrong(name, said, near(lower.name, only) or _it_drives(only))
    order = [ROLES.index(role(page)) if role(page) else -1 for page in (upper, lower)]
    if order[0] >= order[1]:
        said = f"{lower.name} ({role(lower)}) does not run under {upper.name} ({role(upper)})"
        raise wrong(name, said, "a stack goes from engine to low-level runtime, VMM or Wasm engine")


def _it_drives(only: list[str]) -> str:
    return f"it drives {', '.join(only)}" if only else "it is the end of a stack"
