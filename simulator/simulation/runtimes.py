"""The container runtimes of the machines: their stacks by the names that nodes give them, and what these cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from simulator.errors import Problem, UserError
from simulator.facts import Catalogue
from simulator.facts.stack import handlers, pages_of
from simulator.runtime.settings import RuntimeCosts
from simulator.runtime.stack import Stack, compose, costs
from simulator.spec.problems import Source
from simulator.spec.scenario import Scenario
from simulator.spec.topology import DEFAULT_RUNTIME as DEFAULT
from simulator.spec.topology import NodeSpec
from simulator.world.node import NodeRow

_SAID = {"kvm": ("KVM", "virtual machines"), "sgx": ("SGX", "enclaves")}


@dataclass(frozen=True, slots=True)
class Handler:
    """What a name that pods ask for means on the nodes that have it; no name, their default."""

    overhead: Mapping[str, str]  # of a pod: resources as Kubernetes writes them
    platforms: frozenset[str]  # that a Wasm module runs on there; empty: the image's own count


def stacks(catalogue: Catalogue, names: Sequence[str]) -> dict[str, Stack]:
    """A node's stacks by the names that it gives them, the first its default.

    A name that begins below an engine runs under the node's first engine. Where the node names none, a low-level
    runtime takes Kubernetes' default, and a VMM or a Wasm engine runs by itself, as on devices without containers.
    Raises UserError for what the catalogue does not have and what does not compose.
    """
    names = names or (DEFAULT,)
    heads = [catalogue.model("runtimes", pages_of(name)[0]) for name in names]
    roles = [head.text("role") if head.has("role") else "" for head in heads]
    engine = next((head.name for head, role in zip(heads, roles, strict=True) if role == "engine"), "")
    default = DEFAULT.partition("/")[0]
    return {
        name: compose(catalogue, name, engine or (default if role == "low-level" else ""))
        for name, role in zip(names, roles, strict=True)
    }


class RuntimeTable:
    """Stacks and costs of the combinations of runtimes that nodes have, each read once."""

    __slots__ = ("_catalogue", "_costs", "_stacks")

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._stacks: dict[tuple[str, ...], dict[str, Stack]] = {}
        self._costs: dict[tuple[str, ...], tuple[Mapping[str, RuntimeCosts], int]] = {}

    def stacks(self, names: tuple[str, ...]) -> Mapping[str, Stack]:
        """As `stacks`."""
        if names not in self._stacks:
            self._stacks[names] = stacks(self._catalogue, names)
        return self._stacks[names]

    def of(self, names: tuple[str, ...]) -> tuple[Mapping[str, RuntimeCosts], int]:
        """Costs by RuntimeClass handler, the first the default, and the RAM in bytes that the engines' daemons hold.

        A runtime answers to its whole name and to each of its ends (`simulator.facts.stack.handlers`), unless a whole
        name, or an end of one named before, is the same.
        """
        found = self._costs.get(names)
        if found is None:
            made = {name: costs(stack) for name, stack in self.stacks(names).items()}
            known = dict(made)
            for name, cost in made.items():
                for handler in handlers(name):
                    known.setdefault(handler, cost)
            daemons = {stack.pages[0].name: stack.daemon_bytes for stack in self.stacks(names).values()}
            found = self._costs[names] = known, sum(daemons.values())
        return found

    def disk_bytes(self, names: tuple[str, ...]) -> int:
        """What the programs of these runtimes take on disk, each once. That of a unikernel is its image."""
        pages = {page.name: page for stack in self.stacks(names).values() for page in stack.pages}
        return sum(int(page.quantity("binary")) for page in pages.values() if page.text("role") != "unikernel")

    def handlers(self, machines: Sequence[NodeRow]) -> dict[str, Handler]:
        """What each name that pods may ask for means on these machines: the first one's overhead, all platforms."""
        known: dict[str, Handler] = {}
        for handler, stack in self._answers(machines):
            platforms = stack.platforms if stack.wasm else frozenset()
            before = known.get(handler) or Handler(_overhead(stack) if handler else {}, frozenset())
            known[handler] = Handler(before.overhead, before.platforms | platforms)
        return known

    def answering(self, machines: Sequence[NodeRow], handler: str) -> list[Stack]:
        """The stacks that a pod may get on these machines, by the name that it asks for, or by none; each once."""
        return list({stack.name: stack for name, stack in self._answers(machines) if name == handler}.values())

    def _answers(self, machines: Sequence[NodeRow]) -> Iterator[tuple[str, Stack]]:
        """What pods may ask for on these machines, and what they may get; the first of each machine for no name."""
        for names in dict.fromkeys(machine.runtimes for machine in machines):
            for number, (name, stack) in enumerate(self.stacks(names).items()):
                for handler in (*handlers(name), *([] if number else [""])):
                    yield handler, stack


def _overhead(stack: Stack) -> dict[str, str]:
    cpu, memory = stack.overhead("cpu"), stack.overhead("memory")
    return ({"cpu": f"{cpu}m"} if cpu else {}) | ({"memory": str(memory)} if memory else {})


def check_stacks(scenario: Scenario, catalogue: Catalogue, nodes: Sequence[NodeRow], source: Source) -> list[Problem]:
    """Every runtime that does not compose, or that its machine cannot run: platform, KVM, SGX, RAM."""
    written = {name: (number, node) for number, node in enumerate(scenario.world.nodes) for name in node.names()}
    problems: list[Problem] = []
    seen: set[tuple[object, ...]] = set()
    for machine in nodes:
        if machine.role not in ("worker", "control-plane"):
            continue
        number, spec = written.get(machine.name, (None, None))
        what = (number, machine.runtimes, machine.model, machine.platform, machine.ram_bytes)
        if what in seen:
            continue
        seen.add(what)
        place = ("topology", "nodes", number, "runtimes") if number is not None else ("topology",)
        try:
            found = stacks(catalogue, machine.runtimes)
        except UserError as error:
            problems += [p if p.file else source.problem(place, p.message, p.hint) for p in error.problems]
            continue
        for stack in found.values():
            problems += [source.problem(place, *said) for said in _refused(stack, machine, catalogue, spec)]
    return problems


def _refused(stack: Stack, machine: NodeRow, catalogue: Catalogue, spec: NodeSpec | None) -> Iterator[tuple[str, str]]:
    """Why the machine cannot run the stack, each with a hint."""
    here = f"node {machine.name} ({machine.model}) cannot run {stack.name}"
    if machine.platform not in stack.platforms:
        yield f"{here}: it is {machine.platform}", f"{stack.name} runs on {', '.join(sorted(stack.platforms))}"
    model = catalogue.model("nodes", machine.model)
    for need in stack.needs:
        word, used = _SAID[need]
        if model.has(need) and not model.flag(need):
            yield f"{here}: it has no {word}", f"{used} need a machine that has it"
    if machine.ram_bytes < stack.least_ram_bytes:
        yield (
            f"{here}: it has {machine.ram_bytes / 1e6:.0f} MB of RAM",
            f"{stack.name} needs {stack.least_ram_bytes / 1e6:.0f} MB",
        )
