"""Operating systems of hosts: what hardware, engine, runtimes and orchestrator each is for, and how it is updated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from simulator.errors import Problem, UserError
from simulator.facts import Catalogue, Model
from simulator.faults import HostSettings
from simulator.runtime.stack import Stack
from simulator.simulation.layout import Layout
from simulator.simulation.runtimes import stacks
from simulator.spec.mechanism import Kubelet
from simulator.spec.orchestrator import Orchestrator
from simulator.spec.problems import Source
from simulator.spec.scenario import Scenario
from simulator.world.node import NodeRow

Said = tuple[str, str]  # what is wrong, and a hint


def host_settings(catalogue: Catalogue, system: str) -> HostSettings:
    """How this system updates itself. Raises UserError where its page does not say what it needs for that."""
    page = catalogue.model("systems", system)
    back = _flag(page, "update.rolls_back")
    return HostSettings(
        rolls_back=back,
        commits_after_ns=int(page.quantity("update.commits_after")) if back else 0,
        gives_up_after_ns=int(page.quantity("update.gives_up_after")) if back else 0,
        needs_contact=_flag(page, "update.needs_controller"),
        tries_again=_flag(page, "update.tries_again"),
        resumes=_flag(page, "update.resumes"),
        retry_ns=int(page.quantity("update.retry")),
        reboot_delay_ns=int(page.quantity("update.reboot_delay")) if page.has("update.reboot_delay") else 0,
        delta=float(page.quantity("update.delta")) if page.has("update.delta") else 1.0,
        whole=_flag(page, "survives_power_cut"),
    )


def at_once(catalogue: Catalogue, system: str) -> int | None:
    """How many machines of one update its operator lets go at once; None: all."""
    page = catalogue.model("systems", system)
    return int(page.quantity("update.at_once")) if page.has("update.at_once") else None


def _flag(page: Model, path: str) -> bool:
    return page.has(path) and page.flag(path)


def check_systems(
    scenario: Scenario,
    catalogue: Catalogue,
    pages: Mapping[str, Orchestrator],
    layout: Layout,
    source: Source,
    *,
    only: int | None = None,
) -> list[Problem]:
    """Every machine (or this one) whose system does not run on it, or does not run what it is to run."""
    written = {name: number for number, node in enumerate(scenario.world.nodes) for name in node.names()}
    orchestrators = {i: pages[name] for name, share in layout.clusters.items() for i in share.members}
    problems: dict[Problem, None] = {}
    seen: set[tuple[object, ...]] = set()
    for index, machine in enumerate(layout.nodes):
        number, of = written.get(machine.name), orchestrators.get(index)
        what = (number, machine.system, machine.model, machine.platform, machine.ram_bytes, machine.runtimes, id(of))
        if not machine.system or what in seen or only not in (None, index):
            continue
        seen.add(what)
        place = ("topology", "nodes", number, "system") if number is not None else ("topology",)
        for said in _refused(catalogue, machine, of):
            problems[source.problem(place, *said)] = None
    return list(problems)


def _refused(catalogue: Catalogue, machine: NodeRow, orchestrator: Orchestrator | None) -> Iterator[Said]:
    page = catalogue.model("systems", machine.system)
    title, here = page.header.title, f"node {machine.name} ({machine.model}) cannot have {page.header.title}"
    if page.text("role") != "host":
        yield f"{title} is no operating system of a host", "it manages a fleet of them"
        return
    if machine.platform not in page.list("platforms"):
        yield f"{here}: it is {machine.platform}", f"{title} runs on {', '.join(page.list('platforms'))}"
    for what, has in (("ram", machine.ram_bytes), ("disk", machine.disk_bytes)):
        least = int(page.quantity(f"minimum.{what}")) if page.has(f"minimum.{what}") else 0
        if has < least:
            yield f"{here}: its {what} is {has / 1e6:.0f} MB", f"{title} needs {least / 1e6:.0f} MB"
    hardware = catalogue.model("nodes", machine.model)
    if _flag(page, "virtualisation") and hardware.has("kvm") and not hardware.flag("kvm"):
        yield f"{here}: its hardware runs no virtual machines", f"{title} is a hypervisor"
    if orchestrator is not None:
        yield from _misused(catalogue, machine, page, orchestrator)


def _misused(catalogue: Catalogue, machine: NodeRow, page: Model, orchestrator: Orchestrator) -> Iterator[Said]:
    """What is to run on a member of a cluster, and does not run on its system."""
    title, runs = page.header.title, page.list("runs")
    own = page.text("orchestrator") if page.has("orchestrator") else ""
    if own and orchestrator.name != own:
        yield f"{title} on {machine.name} comes with {own}, not with {orchestrator.name}", f"orchestrator: {own}"
    elif "kubernetes" not in runs and orchestrator.find(Kubelet) is not None:
        said = f"{title} on {machine.name} runs no Kubernetes, so no {orchestrator.name}"
        yield said, f"it runs {', '.join(runs)}; open-horizon asks for no more"
    engine = page.text("engine") if page.has("engine") else ""
    try:
        found = stacks(catalogue, machine.runtimes)
    except UserError:  # told where runtimes are checked
        return
    for stack in found.values():
        if engine and stack.engine is not None and stack.engine.name != engine:
            yield f"{title} on {machine.name} has the engine {engine}, not {stack.engine.name}", "leave runtimes out"
        if (kind := _kind(stack)) not in runs:
            yield f"{title} on {machine.name} runs no {kind}, such as {stack.name}", f"it runs {', '.join(runs)}"


def _kind(stack: Stack) -> str:
    """What a stack starts, in the words of a system's page: a Wasm module is a process, or in a container."""
    roles = {page.text("role") for page in stack.pages if page.has("role")}
    return "unikernel" if "unikernel" in roles else "vm" if "vmm" in roles else "container"
